//! Finding objects: what a pattern matches, and what lies below a prefix.

use futures::TryStreamExt as _;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::time::timeout;

use super::failure;
use super::options::RemoteOptions;
use super::runtime::{self, Process};
use super::store::Location;
use crate::error::{Error, Result};

/// `*` and `?` match within one directory; `**` matches any number of them. As in shells, names that begin with a dot are
/// matched by a dot only.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// An object that was found. [`Object::parse`](super::Object::parse) and
/// [`with_known`](super::Object::with_known) make it one that opens with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its URL.
    pub url: String,
    /// Its size; not known if it was named and therefore not looked for.
    pub size: Option<u64>,
    /// Its version, if the store tells.
    pub etag: Option<String>,
}

/// Finds the objects of a URL: what a pattern (`*`, `?`, `[…]`, `**`) matches, or every `.npz` and `.npy` object below
/// a prefix, in the order of the bytes of their keys. An URL that ends in `.npz` or `.npy` is its own answer,
/// without asking. Below prefixes names that begin with `.` or `_` are left out, as in directories.
///
/// # Errors
///
/// Nothing matches; the store cannot be listed, as is true of HTTP.
pub fn list(url: &str, options: &RemoteOptions) -> Result<Vec<Listed>> {
    let found = find(url, options);
    runtime::block_on(found, [&options.interrupt; 2])
}

/// As [`list`], without waiting.
pub async fn list_async(url: &str, options: &RemoteOptions) -> Result<Vec<Listed>> {
    runtime::within(find(url, options)).await
}

async fn find(url: &str, options: &RemoteOptions) -> Result<Vec<Listed>> {
    let location = Location::parse(url, options)?;
    let named = |error: Error| error.in_path(&location.name);
    let is_pattern = !location.is_http() && location.path.contains(['*', '?', '[']);
    if !is_pattern && (location.is_http() || is_shard(&location.path)) {
        if location.is_http() && (location.path.contains('*') || location.name.ends_with('/')) {
            return Err(named(failure::invalid("HTTP has no listing: name each object")));
        }
        return Ok(vec![Listed { url: url.to_owned(), size: None, etag: None }]);
    }
    let store = Process::current()?.store(&location.key).map_err(named)?;
    let matching = matching(store.as_ref(), &location.path, is_pattern);
    let found = timeout(options.timeout.saturating_mul(LIST_FACTOR), matching)
        .await
        .map_err(|_| named(failure::invalid("the listing takes too long")))?
        .map_err(named)?;
    if found.is_empty() {
        let text = if is_pattern { "no object matches" } else { "no .npz or .npy object lies below" };
        let error = std::io::Error::new(std::io::ErrorKind::NotFound, text);
        return Err(named(Error::from(error)));
    }
    let url = |key: &str| format!("{}{key}", location.prefix);
    let found = found.into_iter();
    Ok(found
        .map(|meta| Listed { url: url(meta.location.as_ref()), size: Some(meta.size), etag: meta.e_tag })
        .collect())
}

/// Lists what a pattern matches, or the shards below a prefix, in the order of the bytes of their keys.
pub(crate) async fn matching(
    store: &dyn ObjectStore,
    path: &str,
    is_pattern: bool,
) -> Result<Vec<ObjectMeta>> {
    let pattern = if is_pattern {
        Some(Pattern::new(path).map_err(|error| failure::invalid(&error.to_string()))?)
    } else {
        None
    };
    let literal = if is_pattern { literal_prefix(path) } else { path.trim_end_matches('/') };
    let prefix = Path::parse(literal).map_err(|error| failure::invalid(&error.to_string()))?;
    let listed = store.list(Some(&prefix).filter(|prefix| !prefix.as_ref().is_empty()));
    let matches = listed.try_filter(|meta| {
        let key = meta.location.as_ref();
        std::future::ready(match &pattern {
            Some(pattern) => pattern.matches_with(key, MATCHING),
            None => is_shard(key) && !is_hidden(key, literal),
        })
    });
    let mut found: Vec<ObjectMeta> =
        matches.try_collect().await.map_err(|error| failure::of_store(&error))?;
    found.sort_by(|a, b| a.location.as_ref().cmp(b.location.as_ref()));
    Ok(found)
}

/// A listing takes a request for each thousand objects.
const LIST_FACTOR: u32 = 10;

/// The directories of a pattern before the first that has a wildcard.
fn literal_prefix(pattern: &str) -> &str {
    let literal = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    literal.rsplit_once('/').map_or("", |(folders, _)| folders)
}

/// True if a key has the name of a shard.
pub(crate) fn is_shard(key: &str) -> bool {
    [".npz", ".npy"].iter().any(|suffix| key.ends_with(suffix))
}

/// True if the name of the object, or of a directory between it and `root`, says that it is no data.
fn is_hidden(key: &str, root: &str) -> bool {
    key.strip_prefix(root).unwrap_or(key).split('/').any(|part| part.starts_with(['.', '_']))
}
