//! What `LOCATION` means: an object store, and a path or a pattern within it.

use std::path::{Component, Path, PathBuf};

use datafusion_common::{DataFusionError, Result, plan_datafusion_err, plan_err};
use datafusion_datasource::ListingTableUrl;
use datafusion_execution::object_store::ObjectStoreUrl;
use url::Url;

use crate::source::remote::{is_shard, local_path};

/// A location of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// The URL of the store: scheme and host.
    pub(super) store: ObjectStoreUrl,
    /// The key of an object, a prefix, or a pattern; without `/` at its beginning.
    pub(super) path: String,
    /// Whether the path is a pattern.
    pub(super) is_pattern: bool,
    /// The location as it was given.
    pub(super) text: String,
}

impl Location {
    /// Sorts a location out: `/data/train/`, `data/*.npz`, `file:///data/**/*.npz`, `s3://bucket/train`. Patterns may
    /// stand in URLs, too; there `?` and `#` stand for themselves.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = |error: &dyn std::fmt::Display| plan_datafusion_err!("LOCATION '{text}': {error}");
        let local = match local_path(text) {
            Some(path) => Some(path),
            None if !text.contains("://") => {
                Some(std::path::absolute(text).map_err(|error| invalid(&error))?)
            }
            None => None,
        };
        let (store, path) = if let Some(path) = local {
            let path = without_dots(&path).to_str().ok_or_else(|| invalid(&"not UTF-8"))?.to_owned();
            (ObjectStoreUrl::local_filesystem(), path)
        } else {
            let (scheme, rest) = text.split_once("://").unwrap_or_default();
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| invalid(&error))?;
            (ObjectStoreUrl::parse(base.as_str())?, path.to_owned())
        };
        let path = path.trim_start_matches('/').to_owned();
        let is_pattern = path.contains(['*', '?', '[']);
        Ok(Self { store, path, is_pattern, text: text.to_owned() })
    }

    /// The location as the URL of a directory that is written to.
    pub(super) fn directory_url(&self) -> Result<ListingTableUrl> {
        let mut url = Url::parse(self.store.as_str()).map_err(|error| plan_datafusion_err!("{error}"))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(self.path.split('/').filter(|part| !part.is_empty())).push("");
        }
        ListingTableUrl::try_new(url, None)
    }

    /// True if the location is the name of one shard.
    pub(super) fn is_shard(&self) -> bool {
        !self.is_pattern && is_shard(&self.path)
    }
}

/// The path without `.` and `..`, which keys of stores do not have. As in URLs, `a/..` is nothing, whatever `a` links to.
fn without_dots(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                found.pop();
            }
            part => found.push(part),
        }
    }
    found
}

/// Sorts several locations out, which must all be in one store.
pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Location>> {
    let locations = texts.iter().map(|text| Location::parse(text)).collect::<Result<Vec<_>>>()?;
    let Some(first) = locations.first() else { return plan_err!("a table of NPZ shards needs a location") };
    if let Some(other) = locations.iter().find(|other| other.store != first.store) {
        return Err(DataFusionError::Plan(format!(
            "all locations of a table must be in one object store, but '{}' is in {} and '{}' in {}",
            first.text,
            first.store.as_str(),
            other.text,
            other.store.as_str()
        )));
    }
    if let Some((index, twice)) = locations
        .iter()
        .enumerate()
        .find(|(index, this)| locations.iter().take(*index).any(|other| other == *this))
    {
        return plan_err!(
            "location {} is the same as another one: '{}'",
            index.saturating_add(1),
            twice.text
        );
    }
    Ok(locations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let here = std::env::current_dir().unwrap().to_str().unwrap().trim_start_matches('/').to_owned();
        for (text, store, path, is_pattern) in [
            ("/data/train/", "file:///", "data/train".to_owned(), false),
            ("/data/a b.npz", "file:///", "data/a b.npz".to_owned(), false),
            ("file:///data/*/x?.npz", "file:///", "data/*/x?.npz".to_owned(), true),
            ("train/x.npz", "file:///", format!("{here}/train/x.npz"), false),
            ("/data/./a/../b/../*.npz", "file:///", "data/*.npz".to_owned(), true),
            ("s3://bucket/train/[ab]*.npz", "s3://bucket/", "train/[ab]*.npz".to_owned(), true),
            ("s3://bucket", "s3://bucket/", String::new(), false),
            ("memory:///x/", "memory:///", "x/".to_owned(), false),
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(
                (location.store.as_str(), location.path.as_str(), location.is_pattern),
                (store, path.as_str(), is_pattern),
                "{text}"
            );
        }
    }

    #[test]
    fn several_stores_are_refused() {
        let error = parse_all(&["s3://a/x".to_owned(), "s3://b/x".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("'s3://a/x' is in s3://a/ and 's3://b/x' in s3://b/"), "{error}");
        let error = parse_all(&["s3://a/x".to_owned(), "s3://a/x".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("location 2 is the same as another one: 's3://a/x'"), "{error}");
        assert!(parse_all(&[]).is_err());
    }
}
