//! Opening an object: its size, its version, and the bytes that are needed first.

use std::sync::{Arc, Mutex};

use arrow_buffer::Buffer;
#[cfg(feature = "table-provider")]
use futures::stream::{self, StreamExt as _};
use object_store::GetRange;

use super::object::{Object, Refused};
use super::options::RemoteOptions;
use super::segments::Segments;
use super::store::local_path;
use super::{Known, Remote, failure, runtime};
use crate::error::{ErrorKind, Result};
use crate::source::Source;
use crate::zip::tail_len;

/// What of a long NPY file is fetched at first: its header, with room to spare.
const HEAD_LEN: u64 = 4 << 10;

impl Source {
    /// Opens the object of a URL, or the file of a `file://` URL. Waits for the first bytes: all of a small
    /// object, else its end, where archives have their directory (the beginning if it is called `.npy`).
    ///
    /// # Errors
    ///
    /// I/O errors that name the URL and what happened: `NotFound`, `PermissionDenied`, `TimedOut`, ….
    pub fn open_url(url: &str, options: &RemoteOptions) -> Result<Self> {
        match local_path(url) {
            Some(path) => Self::open(path),
            None => Self::open_object(Object::parse(url, options)?, options),
        }
    }

    /// Opens an object and waits for its first bytes.
    pub fn open_object(object: Object, options: &RemoteOptions) -> Result<Self> {
        let opened = runtime::block_on(Remote::open(object, options, true), [&options.interrupt; 2])?;
        Ok(Self::Remote(Arc::new(opened)))
    }

    /// Opens an object whose size is known, from a listing or since it was open before, without I/O: the first read
    /// finds out whether it is still the same.
    ///
    /// # Errors
    ///
    /// An I/O error of kind `InvalidInput` if the size is not known.
    pub fn known_object(object: Object, options: &RemoteOptions) -> Result<Self> {
        let Some(len) = object.size() else {
            return Err(failure::invalid("the size of the object is not known").in_path(object.name()));
        };
        let remote = Remote { object, len, options: options.clone(), waits: true, known: Mutex::default() };
        Ok(Self::Remote(Arc::new(remote)))
    }

    /// As [`open_url`](Self::open_url), but without waiting. Bytes of the source must be
    /// [prepared](crate::NpzArchive::prepare_async) before they are read.
    pub async fn open_url_async(url: &str, options: &RemoteOptions) -> Result<Self> {
        match local_path(url) {
            Some(path) => Self::open(path),
            None => Self::open_object_async(Object::parse(url, options)?, options).await,
        }
    }

    /// As [`open_object`](Self::open_object), but without waiting. Bytes of the source must be
    /// [prepared](crate::NpzArchive::prepare_async) before they are read.
    pub async fn open_object_async(object: Object, options: &RemoteOptions) -> Result<Self> {
        let opened = runtime::within(Remote::open(object, options, false)).await?;
        Ok(Self::Remote(Arc::new(opened)))
    }
}

/// What a server says of an object without sending it.
#[cfg(feature = "table-provider")]
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
}

/// Asks for the size and the version of objects as they are now, of several at once; `None` where no answer comes.
#[cfg(feature = "table-provider")]
pub(crate) fn versions(objects: Vec<Object>, options: &RemoteOptions) -> Result<Vec<Option<Version>>> {
    let ask = |mut object: Object| async move {
        object.head(options).await.ok()?;
        Some(Version { size: object.size()?, etag: object.etag().map(str::to_owned) })
    };
    let asked =
        async { Ok(stream::iter(objects).map(ask).buffered(options.concurrency.max(1)).collect().await) };
    runtime::block_on(asked, [&options.interrupt; 2])
}

/// Calls something that parses until no bytes are missing any more.
pub(crate) async fn drive<T>(source: &Source, parse: impl Fn() -> Result<T> + Send + Sync) -> Result<T> {
    loop {
        match (parse(), source) {
            (Err(error), Source::Remote(remote)) => match error.kind() {
                ErrorKind::RangeMissing { start, end } => remote.get_kept(*start..*end).await?,
                _ => return Err(error),
            },
            (result, _) => return result,
        }
    }
}

impl Remote {
    /// Gets the first bytes, in one request if the size is known or the object is short.
    async fn open(mut object: Object, options: &RemoteOptions, waits: bool) -> Result<Self> {
        let name = Arc::<str>::from(object.name());
        let opened = async {
            let mut kept = Segments::default();
            if object.size().is_none() {
                let first = if object.is_npy() {
                    GetRange::Bounded(0..options.whole_below.clamp(HEAD_LEN, 1 << 16))
                } else {
                    GetRange::Suffix(tail_len(u64::MAX))
                };
                match object.first(first, options).await {
                    Ok((start, bytes)) => kept.insert(start, &Buffer::from_vec(bytes)),
                    Err(Refused::Failed(error)) => return Err(error),
                    Err(Refused::Ranges) => {
                        kept.insert(0, &Buffer::from_vec(object.without_ranges(options).await?));
                    }
                    Err(Refused::Suffix | Refused::Outside) => object.head(options).await?,
                }
            }
            let len = object.size().unwrap_or_default();
            let first = if len <= options.whole_below {
                0..len
            } else if object.is_npy() {
                0..HEAD_LEN.min(len)
            } else {
                len.saturating_sub(tail_len(len))..len
            };
            let known = Mutex::new(Known { kept, ..Known::default() });
            let remote = Self { object, len, options: options.clone(), waits, known };
            remote.fetch_kept(first).await?;
            Ok(remote)
        };
        opened.await.map_err(|error| error.in_path(&*name))
    }
}
