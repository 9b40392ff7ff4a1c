//! One shard: what its headers say, and its arrays.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_schema::{DataType, FieldRef};

use super::options::DatasetOptions;
use crate::array::{Column, NpyArray, read_header};
use crate::arrow::{self, RowLayout};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::{Dtype, Header};
use crate::npz::stream::MemberStream;
use crate::npz::{NpzArchive, Unsupported};
use crate::rows::RowReader;
use crate::source::Source;
use crate::zip::Method;

/// The name of the column that a bare `.npy` file is, unless its records have fields.
const NPY_COLUMN: &str = "data";

/// What the headers of a shard say.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShardInfo {
    /// The path, as it was found.
    pub path: Arc<Path>,
    /// The bytes of the file.
    pub size: u64,
    /// The rows.
    pub rows: u64,
    /// The columns, in the order of the shard.
    pub columns: Vec<ColumnInfo>,
}

/// What the header of a member says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ColumnInfo {
    /// The column of the shard.
    pub field: FieldRef,
    /// The bytes of its payload.
    pub payload_len: u64,
    /// Whether it must be inflated.
    pub is_deflated: bool,
    /// Whether one value stands for every row.
    pub is_repeated: bool,
    /// The member that has it; fields of records share one.
    pub(super) member: usize,
}

/// An open shard.
#[derive(Debug)]
pub(super) enum Shard {
    Npz(Arc<NpzArchive>),
    Npy(Source, Box<Header>),
}

impl Shard {
    pub(super) fn open(path: &Path, options: &DatasetOptions) -> Result<Self> {
        let source = open_source(path, options)?;
        // A directory may have both; the first bytes tell, whatever the name says.
        let magic = source.peek(0..source.len().min(6))?.starts_with(&crate::npy::MAGIC_PREFIX);
        if magic {
            let header = read_header(&source, 0..source.len()).map_err(|error| error.in_path(path))?;
            header.payload_range(source.len()).map_err(|error| error.in_path(path))?;
            return Ok(Self::Npy(source, Box::new(header)));
        }
        let archive = NpzArchive::with_options(source, &options.open).map_err(|error| error.in_path(path))?;
        Ok(Self::Npz(Arc::new(archive)))
    }

    /// Reads the headers of the members that are columns.
    pub(super) fn info(&self, path: &Arc<Path>, options: &DatasetOptions) -> Result<ShardInfo> {
        let mut columns = Vec::new();
        let mut lengths = Vec::new();
        for member in self.members(options)? {
            let found = self.header(member).and_then(|header| {
                let name = self.name(member);
                let field = arrow::schema_field(&name, &header, &options.arrow);
                Ok((name, field.map_err(|error| self.locate(error, member))?, header))
            });
            let (name, field, header) = match found {
                Err(error) if is_dtype(&error) && options.unsupported == Unsupported::Skip => continue,
                found => found?,
            };
            let one_row = options.arrow.rows == RowLayout::Archive;
            lengths.push((name, if one_row { Some(1) } else { header.shape().first().copied() }));
            let info = |field: FieldRef| ColumnInfo {
                field,
                payload_len: header.payload_len(),
                is_deflated: self.is_deflated(member),
                is_repeated: !one_row && header.shape().is_empty(),
                member,
            };
            match field.data_type() {
                DataType::Struct(fields) if matches!(self, Self::Npy(..)) => {
                    columns.extend(fields.iter().map(|field| info(Arc::clone(field))));
                }
                _ => columns.push(info(Arc::new(field))),
            }
        }
        let rows = agree_on_rows(&lengths).map_err(|error| error.in_path(path))?;
        let size = match self {
            Self::Npz(archive) => archive.source().len(),
            Self::Npy(source, _) => source.len(),
        };
        Ok(ShardInfo { path: Arc::clone(path), size, rows, columns })
    }

    /// The members that are columns.
    fn members(&self, options: &DatasetOptions) -> Result<Vec<usize>> {
        match (self, &options.columns) {
            (Self::Npy(..), _) => Ok(vec![0]),
            (Self::Npz(archive), None) => {
                Ok((0..archive.len()).filter(|&index| archive.is_array(index)).collect())
            }
            // A column that a shard does not have is null there.
            (Self::Npz(archive), Some(names)) => {
                let found = names.iter().map(|name| archive.index_of(name));
                let missing = |error: &Error| matches!(error.kind(), ErrorKind::EntryNotFound { .. });
                found.filter(|index| !index.as_ref().is_err_and(missing)).collect()
            }
        }
    }

    fn name(&self, member: usize) -> String {
        match self {
            Self::Npz(archive) => archive.name(member).unwrap_or_default().to_owned(),
            Self::Npy(..) => NPY_COLUMN.to_owned(),
        }
    }

    fn header(&self, member: usize) -> Result<Header> {
        match self {
            Self::Npz(archive) => archive.header_at(member),
            Self::Npy(_, header) => Ok(header.as_ref().clone()),
        }
    }

    fn is_deflated(&self, member: usize) -> bool {
        match self {
            Self::Npz(archive) => {
                archive.entry(member).is_some_and(|entry| entry.method() == Method::DEFLATED)
            }
            Self::Npy(..) => false,
        }
    }

    /// True if arrays share the shard's memory, a map for instance.
    pub(super) fn is_in_memory(&self) -> bool {
        match self {
            Self::Npz(archive) => matches!(archive.source(), Source::Memory(_)),
            Self::Npy(source, _) => matches!(source, Source::Memory(_)),
        }
    }

    /// Verifies a stored member in memory, once.
    pub(super) fn verify(&self, member: usize, interrupt: &Interrupt) -> Result<()> {
        match self {
            Self::Npz(archive) if self.is_in_memory() => archive.array_at(member, interrupt).map(drop),
            _ => Ok(()),
        }
    }

    pub(super) fn locate(&self, error: Error, member: usize) -> Error {
        match self {
            Self::Npz(archive) => archive.locate_error(error, Some(member)),
            Self::Npy(source, _) => source.name_in(error),
        }
    }

    /// Reads a whole member, verified.
    pub(super) fn whole(&self, member: usize, interrupt: &Interrupt) -> Result<NpyArray> {
        match self {
            Self::Npz(archive) => archive.array_at(member, interrupt),
            Self::Npy(source, header) => {
                self.rows(member, 0..header.shape().rows(), interrupt).map_err(|e| source.name_in(e))
            }
        }
    }

    /// Reads rows of a stored member, unverified.
    pub(super) fn rows(&self, member: usize, rows: Range<u64>, interrupt: &Interrupt) -> Result<NpyArray> {
        match self {
            Self::Npz(archive) => archive.rows_at(member, rows, interrupt),
            Self::Npy(source, header) => {
                let start = to_u64(header.payload_offset());
                let payload = start..start.saturating_add(header.payload_len());
                let reader = RowReader { source, header, payload, threads: 1, interrupt };
                reader.read(rows).map_err(|error| source.name_in(error))
            }
        }
    }

    /// Reads a member from its first row on; `None` if that brings nothing, since its rows can be had anywhere.
    pub(super) fn stream(&self, member: usize) -> Result<Option<MemberStream>> {
        match self {
            Self::Npz(archive) => {
                let stream = MemberStream::try_new(Arc::clone(archive), member);
                stream.map(Some).map_err(|error| self.locate(error, member))
            }
            Self::Npy(..) => Ok(None),
        }
    }

    /// Makes columns of an array: one, or those of its fields if it is a bare file of records.
    pub(super) fn columns(
        &self,
        member: usize,
        array: NpyArray,
        options: &DatasetOptions,
    ) -> Result<Vec<Column>> {
        let name = self.name(member);
        let is_record = matches!(array.header().dtype(), Dtype::Record(_));
        let column = array.into_column(&name, &options.arrow).map_err(|error| self.locate(error, member))?;
        match column.array.as_struct_opt().filter(|_| is_record && matches!(self, Self::Npy(..))) {
            Some(records) => {
                let fields = records.fields().iter().zip(records.columns());
                Ok(fields
                    .map(|(field, array)| column.with_array(Arc::clone(array), Arc::clone(field)))
                    .collect())
            }
            None => Ok(vec![column]),
        }
    }
}

fn open_source(path: &Path, options: &DatasetOptions) -> Result<Source> {
    #[cfg(feature = "mmap")]
    if options.mmap {
        return Source::map(path);
    }
    let _ = options.mmap;
    Source::open(path)
}

fn is_dtype(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ObjectDtype { .. } | ErrorKind::UnsupportedDtype { .. })
}

/// The one length of all members; those without an axis fit any.
fn agree_on_rows(lengths: &[(String, Option<u64>)]) -> Result<u64> {
    let mut known = lengths.iter().filter_map(|(_, rows)| *rows);
    let Some(rows) = known.next() else { return Ok(u64::from(!lengths.is_empty())) };
    if known.all(|other| other == rows) {
        return Ok(rows);
    }
    let members = lengths.iter().filter_map(|(name, rows)| rows.map(|rows| (name.clone(), rows))).collect();
    Err(Error::new(ErrorKind::RowCountMismatch { members }))
}
