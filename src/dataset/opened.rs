//! Opening shards, and telling whether they are still what they were.

#[cfg(feature = "object-store")]
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::discover::Found;
use super::options::DatasetOptions;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::source::Source;
#[cfg(feature = "object-store")]
use crate::source::{Object, remote::is_url};

/// An open shard of which nothing was read yet.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(super) modified: Option<u64>,
}

impl Opened {
    pub(crate) fn new(found: &Found, options: &DatasetOptions) -> Result<Self> {
        let path = found.path.as_path();
        #[cfg(feature = "object-store")]
        if let Some(object) = object(found, options)? {
            let source = if object.size().is_some() {
                Source::known_object(object, &options.remote)?
            } else {
                Source::open_object(object, &options.remote)?
            };
            return Ok(Self { source, modified: None });
        }
        let source = Source::open(path)?;
        let modified = match &source {
            Source::File(file) => file.modified().and_then(nanoseconds),
            _ => None,
        };
        #[cfg(feature = "mmap")]
        let source = if options.mmap { Source::map(path)? } else { source };
        #[cfg(not(feature = "mmap"))]
        let _ = options.mmap;
        Ok(Self { source, modified })
    }

    /// Opens a shard without waiting; what is read of it must be driven.
    #[cfg(feature = "table-provider")]
    pub(super) async fn new_async(found: &Found, options: &DatasetOptions) -> Result<Self> {
        match object(found, options)? {
            Some(object) => {
                let source = Source::open_object_async(object, &options.remote).await?;
                Ok(Self { source, modified: None })
            }
            None => Self::new(found, options),
        }
    }

    /// Opens a shard whose headers are known. That it is still the same is seen by its size and the time of
    /// its last change.
    pub(super) fn again(info: &ShardInfo, options: &DatasetOptions) -> Result<Source> {
        let version = info.version.as_deref().map(str::to_owned);
        let url = info.url.as_deref().map(str::to_owned);
        let size = info.has_ranges.then_some(info.size);
        let found = Found { path: info.path.to_path_buf(), url, size, version };
        let opened = Self::new(&found, options)?;
        unchanged("size", info.size, opened.source.len())
            .and_then(|()| match info.modified.zip(opened.modified) {
                Some((expected, actual)) => unchanged("time of modification", expected, actual),
                None => Ok(()),
            })
            .map_err(|error| error.in_path(&info.path))?;
        Ok(opened.source)
    }
}

/// The object that a shard is; none if it is a file.
#[cfg(feature = "object-store")]
pub(super) fn object(found: &Found, options: &DatasetOptions) -> Result<Option<Object>> {
    let path = found.path.to_str();
    let object = match (&options.remote.store, found.url.as_deref().or(path)) {
        (Some(store), Some(key)) => Object::in_store(Arc::clone(store), key)?.with_name(path.unwrap_or(key)),
        (None, Some(url)) if is_url(url) => Object::parse(url, &options.remote)?,
        _ => return Ok(None),
    };
    Ok(Some(match found.size {
        Some(size) => object.with_known(size, found.version.clone()),
        None => object,
    }))
}

/// An error if a number of a shard is not what it was.
pub(crate) fn unchanged(field: &'static str, expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ShardChanged { field, expected, actual }))
}

pub(super) fn nanoseconds(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}
