//! One object, and getting ranges of it that all belong to the same version.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use std::{io, mem, process};

use futures::StreamExt as _;
use futures::stream::{self, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _,
};
use tokio::time::{sleep, timeout};

use super::failure;
use super::options::RemoteOptions;
use super::runtime::Process;
use super::scatter::{Part, Request, plan};
use super::store::{Location, StoreKey};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};

/// An object that is to be opened: where it is, and what is known of it.
#[derive(Debug, Clone)]
pub struct Object {
    link: Arc<Link>,
    path: Path,
    name: Arc<str>,
    size: Option<u64>,
    etag: Option<String>,
    /// False if its server has sent all where a part was asked for.
    has_ranges: bool,
}

/// How to get at the store.
enum Link {
    /// A store that each process makes for itself.
    Url(StoreKey),
    /// A store that was handed over, and the process that did.
    Given(Option<Arc<dyn ObjectStore>>, u32),
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "Url",
            Self::Given(..) => "Given",
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Self::Given(store, process) = self
            && *process != process::id()
        {
            // Its connections belong to threads of the process that forked.
            mem::forget(store.take());
        }
    }
}

impl Object {
    /// Names an object by its URL: `s3://`, `gs://`, `az://`, `abfs[s]://`, `http://` or `https://`. Does no I/O.
    ///
    /// # Errors
    ///
    /// An I/O error of kind `InvalidInput` if the URL means nothing.
    pub fn parse(url: &str, options: &RemoteOptions) -> Result<Self> {
        let location = Location::parse(url, options)?;
        let path = Path::parse(&location.path)
            .map_err(|error| failure::invalid(&error.to_string()).in_path(&location.name))?;
        let (link, name) = (Arc::new(Link::Url(location.key)), Arc::from(location.name));
        Ok(Self { link, path, name, size: None, etag: None, has_ranges: true })
    }

    /// Names an object that is to be written.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); HTTP, and a URL that names a bucket or a folder.
    pub(crate) fn parse_new(url: &str, options: &RemoteOptions) -> Result<Self> {
        let location = Location::parse(url, options)?;
        let refused = |text: &str| Err(failure::invalid(text).in_path(&location.name));
        if location.is_http() {
            return refused(
                "HTTP has no uploads that appear whole or not at all: write to s3, gs, az or abfs",
            );
        }
        if location.path.is_empty() || location.path.ends_with('/') {
            return refused("the name of the object is missing");
        }
        Self::parse(url, options)
    }

    /// Names an object of a store, which errors call by its path. Does no I/O.
    pub fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let name = Arc::from(path.as_ref());
        let link = Arc::new(Link::Given(Some(store), process::id()));
        Self { link, path, name, size: None, etag: None, has_ranges: true }
    }

    /// Names an object of a store by its key.
    pub(crate) fn in_store(store: Arc<dyn ObjectStore>, key: &str) -> Result<Self> {
        let path = Path::parse(key).map_err(|error| failure::invalid(&error.to_string()).in_path(key))?;
        Ok(Self::new(store, path))
    }

    /// Sets what a listing has told: saves a request. If it is not true any more, opening says so.
    #[must_use]
    pub fn with_known(self, size: u64, etag: Option<String>) -> Self {
        Self { size: Some(size), etag, ..self }
    }

    /// Sets the name that errors use.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        Self { name: Arc::from(name), ..self }
    }

    /// Returns the name that errors use: the URL, without what may be secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the size, if it is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    pub(super) fn is_npy(&self) -> bool {
        self.path.extension() == Some("npy")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn store(&self) -> Result<Arc<dyn ObjectStore>> {
        match &*self.link {
            Link::Url(key) => Process::current()?.store(key),
            Link::Given(Some(store), process) if *process == process::id() => Ok(Arc::clone(store)),
            Link::Given(..) => {
                Err(failure::invalid("a store cannot be used in a forked process: name a URL"))
            }
        }
    }

    /// Asks for the size.
    pub(super) async fn head(&mut self, options: &RemoteOptions) -> Result<()> {
        let store = self.store()?;
        let asked = timeout(options.timeout, store.head(&self.path)).await;
        let meta = asked.map_err(|_| too_slow(options))?.map_err(|error| failure::of_store(&error))?;
        self.believe(&meta)
    }

    /// Gets one range of unknown extent: the beginning or the end. Learns the size.
    pub(super) async fn first(
        &mut self,
        range: GetRange,
        options: &RemoteOptions,
    ) -> Result<(u64, Vec<u8>), Refused> {
        let get = async {
            let store = self.store()?;
            let result = store.get_opts(&self.path, self.options(Some(range))).await?;
            self.believe(&result.meta)?;
            let (range, mut bytes) = (result.range.clone(), Vec::new());
            let mut position = range.start;
            let mut chunks = result.into_stream();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|error| failure::of_request(&error, &range, None))?;
                position = advance(position, chunk.len(), &range)?;
                bytes.extend_from_slice(&chunk);
            }
            complete(position, &range)?;
            Ok((range.start, bytes))
        };
        timeout(options.timeout, get).await.map_err(|_| Refused::Failed(too_slow(options)))?
    }

    /// False if the object comes whole or not at all.
    pub(super) fn has_ranges(&self) -> bool {
        self.has_ranges
    }

    /// Gets the object whole, from a server that ignores ranges.
    pub(super) async fn without_ranges(&mut self, options: &RemoteOptions) -> Result<Vec<u8>> {
        let get = async {
            let store = self.store()?;
            let result = store.get_opts(&self.path, self.options(None)).await;
            let result = result.map_err(|error| failure::of_store(&error))?;
            self.believe(&result.meta)?;
            self.has_ranges = false;
            let (value, limit) = (result.meta.size, options.max_without_ranges);
            if value > limit {
                let what = "size of an object on a server that ignores ranges:";
                return Err(Error::new(ErrorKind::LimitExceeded { what, value, limit }));
            }
            let (range, mut bytes, mut position) = (0..value, Vec::new(), 0);
            let mut chunks = result.into_stream();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|error| failure::of_request(&error, &range, None))?;
                position = advance(position, chunk.len(), &range)?;
                bytes.extend_from_slice(&chunk);
            }
            complete(position, &range)?;
            Ok(bytes)
        };
        timeout(options.timeout, get).await.map_err(|_| too_slow(options))?
    }

    /// Gets parts: close ones by one request, long ones by several, some at a time.
    pub(super) async fn fetch(&self, parts: Vec<Part<'_>>, options: &RemoteOptions) -> Result<()> {
        let store = &self.store()?;
        stream::iter(plan(parts, options.request_len).into_iter().map(Ok))
            .try_for_each_concurrent(options.concurrency, |mut request| async move {
                let range = request.range();
                let got = timeout(options.timeout, self.get(store, &mut request, options)).await;
                got.map_err(|_| failure::in_range(too_slow(options), &range))?
            })
            .await
    }

    /// Gets one range. Broken connections are continued by the store if there is an etag; otherwise the range is
    /// asked for anew.
    async fn get(
        &self,
        store: &Arc<dyn ObjectStore>,
        request: &mut Request<'_>,
        options: &RemoteOptions,
    ) -> Result<()> {
        let range = request.range();
        let mut pause = Duration::from_millis(100);
        for tries_left in (0..=options.retries).rev() {
            let get = self.options(Some(GetRange::Bounded(range.clone())));
            let result = store.get_opts(&self.path, get).await;
            let result = result.map_err(|error| failure::of_request(&error, &range, self.etag()))?;
            self.same(&result.meta)?;
            if result.range != range {
                let (start, end) = (result.range.start, result.range.end);
                let text = format!("the server sent bytes {start} to {end}");
                return Err(failure::in_range(failure::protocol(text), &range));
            }
            match receive(result, request).await {
                Err(_) if self.etag.is_none() && tries_left > 0 => {}
                result => return result,
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        Ok(())
    }

    fn options(&self, range: Option<GetRange>) -> GetOptions {
        // If-Match compares strongly: a weak etag never matches.
        let if_match = self.etag.clone().filter(|etag| !etag.starts_with("W/"));
        GetOptions { if_match, range, ..GetOptions::default() }
    }

    /// Takes over what the first answer says, unless a listing has said otherwise.
    fn believe(&mut self, meta: &ObjectMeta) -> Result<()> {
        self.same(meta)?;
        self.size = Some(meta.size);
        self.etag = meta.e_tag.clone().or_else(|| self.etag.take());
        Ok(())
    }

    /// An error if an answer is about another version of the object.
    fn same(&self, meta: &ObjectMeta) -> Result<()> {
        let changed = |field, expected: String, actual: String| {
            Err(Error::new(ErrorKind::ObjectChanged { field, expected, actual }))
        };
        match (&self.etag, &meta.e_tag, self.size) {
            (Some(expected), Some(actual), _) if expected != actual => {
                changed("etag", expected.clone(), actual.clone())
            }
            (_, _, Some(expected)) if expected != meta.size => {
                changed("size", expected.to_string(), meta.size.to_string())
            }
            _ => Ok(()),
        }
    }
}

/// Why there are no first bytes.
pub(super) enum Refused {
    /// The store has no ranges that count from the end.
    Suffix,
    /// The server has no ranges.
    Ranges,
    /// The range lies outside: the object may be empty.
    Outside,
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let failed = failure::of_store(&error);
        match &error {
            StoreError::NotSupported { source } if source.to_string().contains("suffix") => Self::Suffix,
            StoreError::NotSupported { .. } => Self::Ranges,
            _ if failed.to_string().contains("416") => Self::Outside,
            _ => Self::Failed(failed),
        }
    }
}

/// Hands the body of an answer on, chunk by chunk.
async fn receive(result: GetResult, request: &mut Request<'_>) -> Result<()> {
    let range = request.range();
    let mut position = range.start;
    let mut chunks = result.into_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| failure::of_request(&error, &range, None))?;
        let end = advance(position, chunk.len(), &range)?;
        request.write(position, &chunk);
        position = end;
    }
    complete(position, &range)
}

fn advance(position: u64, len: usize, range: &Range<u64>) -> Result<u64> {
    match position.checked_add(to_u64(len)) {
        Some(end) if end <= range.end => Ok(end),
        _ => Err(failure::in_range(failure::protocol("the server sent more".to_owned()), range)),
    }
}

fn complete(position: u64, range: &Range<u64>) -> Result<()> {
    if position == range.end {
        return Ok(());
    }
    let text = format!("the answer ends at byte {position}");
    let error = Error::from(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    Err(failure::in_range(error, range))
}

pub(super) fn too_slow(options: &RemoteOptions) -> Error {
    let text = format!("no complete answer within {:?}", options.timeout);
    Error::from(io::Error::new(io::ErrorKind::TimedOut, text))
}
