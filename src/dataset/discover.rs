//! Finding shards: files, globs and directories, in the order of their paths.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::options::DatasetOptions;
use crate::error::{Error, Result};
#[cfg(feature = "object-store")]
use crate::source::remote::{Listed, is_url, list, local_path, shown};

/// `*` and `?` match within one directory; `**` matches any number of them. As in shells, names that begin with a dot are
/// matched by a dot only.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A shard that was found.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "object-store"),
    expect(dead_code, reason = "files tell their size when they are opened")
)]
pub(crate) struct Found {
    /// The file or URL, as it is shown.
    pub(crate) path: PathBuf,
    /// The URL that is opened, if it says more than is shown.
    pub(crate) url: Option<String>,
    /// The size, if a listing has told.
    pub(crate) size: Option<u64>,
    /// The version, if a listing has told.
    pub(crate) version: Option<String>,
}

impl From<PathBuf> for Found {
    fn from(path: PathBuf) -> Self {
        Self { path, url: None, size: None, version: None }
    }
}

impl Found {
    /// What tells the shard from all others.
    #[cfg(feature = "table-provider")]
    pub(super) fn location(&self) -> &Path {
        self.url.as_deref().map_or(self.path.as_path(), Path::new)
    }

    /// True for an object that no listing has told of.
    #[cfg(feature = "table-provider")]
    pub(super) fn is_unknown_object(&self) -> bool {
        self.size.is_none() && (self.url.is_some() || self.path.to_str().is_some_and(is_url))
    }
}

/// Finds the shards of one source: the file itself, what a glob matches, or every `.npz` and `.npy` file
/// below a directory. Names that begin with `.` or `_` are left out below directories, as is usual.
///
/// # Errors
///
/// Nothing matches; a directory cannot be read.
pub(crate) fn discover(source: &str, options: &DatasetOptions) -> Result<Vec<Found>> {
    #[cfg(feature = "object-store")]
    if is_url(source) {
        let listed = list(source, &options.remote)?.into_iter();
        return Ok(listed
            .map(|Listed { url, size, etag, .. }| {
                let path = shown(&url);
                let url = Some(url).filter(|url| *url != path);
                Found { path: path.into(), url, size, version: etag }
            })
            .collect());
    }
    #[cfg(feature = "object-store")]
    let local = local_path(source).map(|path| path.to_string_lossy().into_owned());
    #[cfg(not(feature = "object-store"))]
    let local: Option<String> = None;
    let _ = options;
    Ok(local_files(local.as_deref().unwrap_or(source))?.into_iter().map(Found::from).collect())
}

fn local_files(source: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(source);
    let mut found = Vec::new();
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if path.is_dir() {
        walk(path, &mut |file| {
            if is_shard(file) && !is_hidden(file, path) {
                found.push(file.to_owned());
            }
        })?;
    } else if source.contains(['*', '?', '[']) {
        let pattern = Pattern::new(source).map_err(|error| {
            Error::from(io::Error::new(io::ErrorKind::InvalidInput, error.to_string())).in_path(path)
        })?;
        // Below `./` the paths are matched as the pattern is written.
        walk(&literal_prefix(path), &mut |file| {
            if pattern.matches_path_with(file, MATCHING) {
                found.push(file.to_owned());
            }
        })?;
    } else {
        return Err(not_found("No such file or directory", path));
    }
    if found.is_empty() {
        return Err(not_found("no .npz or .npy file matches", path));
    }
    found.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(found)
}

fn not_found(text: &str, path: &Path) -> Error {
    Error::from(io::Error::new(io::ErrorKind::NotFound, text)).in_path(path)
}

/// The directories of a pattern before the first that has a wildcard.
fn literal_prefix(pattern: &Path) -> PathBuf {
    let literal = |part: &Path| !part.to_string_lossy().contains(['*', '?', '[']);
    pattern.components().take_while(|part| literal(part.as_ref())).collect()
}

/// Visits every file below a directory.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<()> {
    // An empty prefix is the current directory, but must not appear in the paths.
    let read = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(read).map_err(|error| Error::from(error).in_path(folder))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::from(error).in_path(folder))?;
        let path = folder.join(entry.file_name());
        // The listing tells the type. Links are followed, so that what they lead to counts; one that leads nowhere is
        // no file.
        match entry.file_type() {
            Ok(file_type) if file_type.is_dir() => {
                walk(&path, visit)?;
                continue;
            }
            Ok(file_type) if file_type.is_file() => {
                visit(&path);
                continue;
            }
            _ => {}
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk(&path, visit)?,
            Ok(_) => visit(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::from(error).in_path(&path)),
        }
    }
    Ok(())
}

fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz" || extension == "npy")
}

/// True if the name of the file, or of a directory between it and `root`, says that it is no data.
fn is_hidden(path: &Path, root: &Path) -> bool {
    let below = path.strip_prefix(root).unwrap_or(path);
    below
        .components()
        .any(|part| part.as_os_str().as_encoded_bytes().first().is_some_and(|b| matches!(b, b'.' | b'_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_what_they_find() {
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path();
        for file in
            ["a.npz", "b.npy", "c.txt", "x=1/a.npz", "x=10/y/a.npz", "x=2/.tmp.npz", "_old/a.npz", "B.npz"]
        {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let find = |source: &str| {
            let found = local_files(&root.join(source).to_string_lossy())?;
            let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            Ok::<_, Error>(found.iter().map(name).collect::<Vec<_>>())
        };
        for (source, expected) in [
            ("a.npz", &["a.npz"][..]),
            ("c.txt", &["c.txt"]),
            ("", &["B.npz", "a.npz", "b.npy", "x=1/a.npz", "x=10/y/a.npz"]),
            ("x=1", &["x=1/a.npz"]),
            ("*.npz", &["B.npz", "a.npz"]),
            ("*/a.npz", &["_old/a.npz", "x=1/a.npz"]),
            ("**/a.npz", &["_old/a.npz", "a.npz", "x=1/a.npz", "x=10/y/a.npz"]),
            ("x=1*/**/*.npz", &["x=1/a.npz", "x=10/y/a.npz"]),
            ("?.npy", &["b.npy"]),
            ("[ab].np[yz]", &["a.npz", "b.npy"]),
        ] {
            assert_eq!(find(source).unwrap(), expected, "{source}");
        }
        for source in ["none.npz", "*.none", "x=2", "none/*.npz"] {
            let error = find(source).unwrap_err();
            assert!(error.is_io(), "{error}");
        }
    }
}
