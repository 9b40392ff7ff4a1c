//! Which files are meant, and what is in them.

use std::io;
use std::path::Path;
#[cfg(not(feature = "object-store"))]
use std::path::PathBuf;

use super::context::Access;
use crate::array::NpyArray;
use crate::dataset::{self, Found, discover, is_npy};
use crate::error::{Error, Result};
use crate::npy::Header;
use crate::npz::NpzArchive;
use crate::parallel::default_threads;
use crate::source::Source;
#[cfg(feature = "object-store")]
use crate::source::remote::{is_url, local_path};

/// Expands paths, globs, folders and URLs, in order. A path that does not exist is an error when it is opened.
pub(super) fn expand(patterns: &[String], access: &Access) -> Result<Vec<Found>> {
    let options = access.dataset_options(&[]);
    let mut files = Vec::new();
    for pattern in patterns {
        access.interrupt.check()?;
        if is_foreign(pattern) {
            return Err(unsupported(pattern));
        }
        let is_plain =
            !pattern.contains("://") && !pattern.contains(['*', '?', '[']) && !Path::new(pattern).is_dir();
        if is_plain || is_table_at_url(pattern) {
            #[cfg(feature = "object-store")]
            let path = local_path(pattern).unwrap_or_else(|| pattern.into());
            #[cfg(not(feature = "object-store"))]
            let path: PathBuf = pattern.into();
            files.push(Found::from(path));
        } else {
            files.extend(discover(pattern, &options)?);
        }
    }
    Ok(files)
}

/// True for a parquet or arrow file at a URL: only npz and npy are looked for below URLs.
fn is_table_at_url(pattern: &str) -> bool {
    pattern.contains("://")
        && !pattern.contains(['*', '?', '['])
        && [".parquet", ".arrow", ".feather", ".ipc"].iter().any(|suffix| pattern.ends_with(suffix))
}

/// True for a URL of no known service, or for any if stores are left out.
fn is_foreign(pattern: &str) -> bool {
    let Some((scheme, _)) = pattern.split_once("://") else { return false };
    let is_scheme = scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    #[cfg(feature = "object-store")]
    let is_known = is_url(pattern) || local_path(pattern).is_some();
    #[cfg(not(feature = "object-store"))]
    let is_known = false;
    is_scheme && !scheme.is_empty() && !is_known && !Path::new(pattern).exists()
}

#[cold]
fn unsupported(url: &str) -> Error {
    let text = if cfg!(feature = "object-store") {
        "not a URL of s3, gs, az, abfs, abfss, http, https or file"
    } else {
        "URLs need the feature object-store: cargo install npzarrow --features cli,object-store"
    };
    Error::from(io::Error::new(io::ErrorKind::Unsupported, text)).in_path(url)
}

/// How a dataset is told of a file.
pub(super) fn source_of(found: &Found) -> String {
    found.url.clone().unwrap_or_else(|| found.path.to_string_lossy().into_owned())
}

/// The bytes of a file, as far as they are known before it is opened.
pub(super) fn size_of(found: &Found) -> u64 {
    found.size.or_else(|| std::fs::metadata(&found.path).ok().map(|file| file.len())).unwrap_or(0)
}

/// Opens a file or an object.
pub(super) fn open(found: &Found, access: &Access) -> Result<Source> {
    let opened = dataset::Opened::new(found, &access.dataset_options(&[]));
    opened.map(|opened| opened.source).map_err(|error| error.in_path(&found.path))
}

/// A file: many arrays, or one.
pub(super) enum Opened {
    Npz(NpzArchive),
    Npy(Source, Header),
}

impl Opened {
    /// Opens a file by what it begins with, not by its name.
    pub(super) fn open(found: &Found, access: &Access) -> Result<Self> {
        let source = open(found, access)?;
        let path = &found.path;
        if is_npy(&source, path).map_err(|error| error.in_path(path))? {
            let header = crate::array::read_header(&source, 0..source.len());
            return Ok(Self::Npy(source, header.map_err(|error| error.in_path(path))?));
        }
        let archive = NpzArchive::with_options(source, &Access::open_options())?;
        // Those that cannot be read are told of one by one.
        let all: Vec<usize> = (0..archive.len()).collect();
        let _fetched = archive.prepare_headers(&all, &access.interrupt);
        access.interrupt.check()?;
        Ok(Self::Npz(archive))
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
    pub(super) fn array(&self, name: &str, access: &Access) -> Result<NpyArray> {
        match self {
            Self::Npy(source, _) => NpyArray::read(source, default_threads(), &access.interrupt),
            Self::Npz(archive) => archive.array_at(archive.index_of(name)?, &access.interrupt),
        }
    }
}
