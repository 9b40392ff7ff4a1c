//! Which files are meant, and what is in them.

use std::io;
use std::path::{Path, PathBuf};

use crate::array::NpyArray;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::npz::{NpzArchive, OpenOptions};
use crate::parallel::default_threads;
use crate::source::Source;

/// Expands paths, globs and folders, in order.
pub(super) fn expand(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in patterns {
        let path = Path::new(pattern);
        if path.is_dir() {
            let inner = glob::Pattern::escape(pattern);
            let found = files.len();
            matches(&format!("{inner}/**/*.np[yz]"), &mut files)?;
            if files.len() == found {
                return Err(missing(pattern, "no npz or npy files in this folder"));
            }
        } else if path.exists() || !pattern.contains(['*', '?', '[']) {
            files.push(path.to_owned());
        } else {
            let found = files.len();
            matches(pattern, &mut files)?;
            if files.len() == found {
                return Err(missing(pattern, "no file matches"));
            }
        }
    }
    Ok(files)
}

fn matches(pattern: &str, files: &mut Vec<PathBuf>) -> Result<()> {
    let paths = glob::glob(pattern).map_err(|error| missing(pattern, error.msg))?;
    for path in paths {
        let path = path.map_err(|error| {
            let path = error.path().to_owned();
            Error::from(io::Error::from(error)).in_path(path)
        })?;
        if !path.is_dir() {
            files.push(path);
        }
    }
    Ok(())
}

#[cold]
fn missing(pattern: &str, what: &str) -> Error {
    Error::from(io::Error::new(io::ErrorKind::NotFound, what)).in_path(pattern)
}

/// A file: many arrays, or one.
pub(super) enum Opened {
    Npz(NpzArchive),
    Npy(Source, Header),
}

impl Opened {
    /// Opens a file by what it begins with, not by its name.
    pub(super) fn open(path: &Path, verify: bool) -> Result<Self> {
        let source = Source::open(path)?;
        let magic = source.peek(0..source.len().min(6)).map_err(|error| error.in_path(path))?;
        if *magic == crate::npy::MAGIC_PREFIX {
            let header = crate::array::read_header(&source, 0..source.len());
            return Ok(Self::Npy(source.clone(), header.map_err(|error| error.in_path(path))?));
        }
        drop(magic);
        let options = OpenOptions::default().with_verify(verify).with_max_uncompressed(u64::MAX);
        Ok(Self::Npz(NpzArchive::with_options(source, &options)?))
    }

    /// The arrays that are meant: all, or those of these names. That of an `.npy` has none.
    pub(super) fn names(&self, columns: &[String]) -> Result<Vec<String>> {
        match self {
            Self::Npy(..) => Ok(vec![String::new()]),
            Self::Npz(archive) if columns.is_empty() => {
                let is_array = |&index: &usize| archive.header_at(index).is_ok();
                Ok((0..archive.len())
                    .filter(is_array)
                    .filter_map(|index| archive.name(index).map(str::to_owned))
                    .collect())
            }
            Self::Npz(archive) => {
                let known = |name: &String| {
                    archive.index_of(name).map(|index| archive.name(index).unwrap_or_default().to_owned())
                };
                columns.iter().map(known).collect()
            }
        }
    }

    /// Reads an array.
    pub(super) fn array(&self, name: &str) -> Result<NpyArray> {
        match self {
            Self::Npy(source, _) => NpyArray::read(source, default_threads(), &Interrupt::default()),
            Self::Npz(archive) => archive.array(name),
        }
    }
}
