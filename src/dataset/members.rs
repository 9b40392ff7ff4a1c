//! The arrays of a shard: their names, headers and places.

use std::path::Path;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::options::DatasetOptions;
use crate::array::read_header;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::{Header, MAGIC_PREFIX};
use crate::npz::place::Place;
use crate::npz::{NpzArchive, OpenOptions, Unsupported};
use crate::source::{Memory, Source};

/// The name of the column that a bare `.npy` file is, unless its records have fields.
const NPY_COLUMN: &str = "data";

/// Shards up to this size are read whole for their headers: the end of an archive, which must be read
/// anyway, takes as much.
const READ_WHOLE: u64 = 64 << 10;

/// An array of a shard.
pub(super) struct Member {
    pub(super) name: String,
    /// The name of its entry; a bare file has none.
    pub(super) entry: Option<Arc<str>>,
    pub(super) header: Header,
    pub(super) place: Place,
}

/// Reads the headers of all arrays that may be columns.
pub(super) fn members(source: Source, path: &Path, options: &DatasetOptions) -> Result<Vec<Member>> {
    let size = source.len();
    let source = match source {
        Source::File(_) if size <= READ_WHOLE => {
            let bytes = source.peek(0..size)?.into_owned();
            Source::Memory(Memory::new(Buffer::from_vec(bytes)).with_path(path))
        }
        source => source,
    };
    // A directory may have both kinds; the first bytes tell, whatever the name says.
    if is_npy(&source, path)? {
        let header = read_header(&source, 0..size)?;
        header.payload_range(size)?;
        let place = Place::bare(&header, size);
        return Ok(vec![Member { name: NPY_COLUMN.to_owned(), entry: None, header, place }]);
    }
    // The quota counts for each member that is held in memory, when it is read.
    let open = OpenOptions { max_uncompressed: u64::MAX, ..options.open.clone() };
    let archive = NpzArchive::with_options(source, &open)?;
    let indices = match &options.columns {
        None => (0..archive.len()).filter(|&index| archive.is_array(index)).collect::<Vec<_>>(),
        Some(names) => {
            let found = names.iter().map(|name| archive.index_of(name));
            // A column that a shard does not have is null there.
            let missing = |error: &Error| matches!(error.kind(), ErrorKind::EntryNotFound { .. });
            found.filter(|index| !index.as_ref().is_err_and(missing)).collect::<Result<_>>()?
        }
    };
    archive.prepare_headers(&indices, &Interrupt::default())?;
    let mut members = Vec::with_capacity(indices.len());
    for index in indices {
        match archive.survey(index) {
            Ok((header, place)) => {
                let name = archive.name(index).unwrap_or_default().to_owned();
                let entry = archive.entry_name(index).map(Arc::from);
                members.push(Member { name, entry, header, place });
            }
            Err(error) if is_skipped(&error, options) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(members)
}

/// True if the first bytes are those of an NPY file.
pub(crate) fn is_npy(source: &Source, path: &Path) -> Result<bool> {
    if !matches!(source, Source::Memory(_)) && path.extension().is_some_and(|extension| extension == "npz") {
        // One read less for what is an archive nearly always; a bare file has no directory at its end.
        let end = source.peek(source.len().saturating_sub(22)..source.len())?;
        if end.starts_with(b"PK\x05\x06") {
            return Ok(false);
        }
    }
    Ok(source.peek(0..source.len().min(6))?.starts_with(&MAGIC_PREFIX))
}

/// True if an array of a dtype that Arrow cannot hold is to be left out.
pub(super) fn is_skipped(error: &Error, options: &DatasetOptions) -> bool {
    let is_dtype = matches!(error.kind(), ErrorKind::ObjectDtype { .. } | ErrorKind::UnsupportedDtype { .. });
    is_dtype && options.unsupported == Unsupported::Skip
}
