//! Parquet and arrow files, at paths and URLs.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatchIterator, RecordBatchReader};
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, Schema};
use bytes::Bytes;
use indicatif::ProgressBar;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::context::Access;
use super::files::open;
use crate::convert::{to_u64, to_usize};
use crate::dataset::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::source::Source;

type ArrowResult<T> = std::result::Result<T, ArrowError>;

/// What is read from parquet at a time.
const BATCH_ROWS: usize = 64 << 10;

/// The format of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    Parquet,
    Ipc,
}

impl Format {
    /// The format of what is to be read.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("npz") => Ok(Self::Npz),
            Some("npy") => Ok(Self::Npy),
            Some("parquet") => Ok(Self::Parquet),
            Some("arrow" | "feather" | "ipc") => Ok(Self::Ipc),
            other => Err(refused(other.unwrap_or("none"), "npz, parquet or arrow", path)),
        }
    }

    /// The format of what is to be written.
    pub(super) fn of_dest(path: &Path) -> Result<Self> {
        match Self::of(path)? {
            Self::Npy => Err(refused("npy", "npz, parquet or arrow", path)),
            format => Ok(format),
        }
    }
}

/// The error for an extension that cannot be.
pub(super) fn refused(extension: &str, expected: &'static str, path: &Path) -> Error {
    let (option, value) = ("extension", extension.to_owned());
    Error::new(ErrorKind::Option { option, value, expected }).in_path(path)
}

/// Opens a parquet or arrow file, of which batches are read one by one: of all columns, or of some in their order.
pub(super) fn read(
    found: &Found,
    columns: &[String],
    bar: &ProgressBar,
    access: &Access,
) -> Result<Box<dyn RecordBatchReader>> {
    let path = &found.path;
    let (interrupt, bar) = (access.interrupt.clone(), bar.clone());
    let file = File { source: open(found, access)?, position: 0, interrupt, bar };
    let is_ipc = Format::of(path)? == Format::Ipc;
    let opened = if is_ipc { open_ipc(file, columns) } else { open_parquet(file, columns) };
    opened.map_err(|error| Error::from(error).in_path(path))
}

fn open_ipc(file: File, columns: &[String]) -> ArrowResult<Box<dyn RecordBatchReader>> {
    if columns.is_empty() {
        return Ok(Box::new(FileReader::try_new_buffered(file, None)?));
    }
    let quiet = File { bar: ProgressBar::hidden(), ..file.clone() };
    let all = FileReader::try_new_buffered(quiet, None)?.schema();
    let order = indices(&all, columns)?;
    let schema = Arc::new(all.project(&order)?);
    // Its own schema has all columns, its batches have some, in this order.
    let reader = FileReader::try_new_buffered(file, Some(order))?;
    Ok(Box::new(RecordBatchIterator::new(reader, schema)))
}

fn open_parquet(file: File, columns: &[String]) -> ArrowResult<Box<dyn RecordBatchReader>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
    if columns.is_empty() {
        return Ok(Box::new(builder.build()?));
    }
    let wanted = ProjectionMask::roots(builder.parquet_schema(), indices(builder.schema(), columns)?);
    let reader = builder.with_projection(wanted).build()?;
    // They come in the order of the file.
    let order = indices(&reader.schema(), columns)?;
    let schema = Arc::new(reader.schema().project(&order)?);
    let batches = reader.map(move |batch| batch?.project(&order));
    Ok(Box::new(RecordBatchIterator::new(batches, schema)))
}

/// Where columns are in a file.
fn indices(schema: &Schema, columns: &[String]) -> ArrowResult<Vec<usize>> {
    columns.iter().map(|name| schema.index_of(name)).collect()
}

/// A source as a file with a position.
#[derive(Clone)]
struct File {
    source: Source,
    position: u64,
    interrupt: Interrupt,
    bar: ProgressBar,
}

impl Read for File {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = to_usize(self.source.len().saturating_sub(self.position));
        let len = room.len().min(left);
        let room = room.get_mut(..len).unwrap_or_default();
        let read = self.source.read_with_crc32(self.position, room, false, 1, &self.interrupt);
        read.map_err(io::Error::other)?;
        self.position = self.position.saturating_add(to_u64(len));
        self.bar.inc(to_u64(len));
        Ok(len)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.source.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl Length for File {
    fn len(&self) -> u64 {
        self.source.len()
    }
}

impl ChunkReader for File {
    type T = BufReader<Self>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(Self { position: start, ..self.clone() }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.saturating_add(to_u64(length));
        if end > self.source.len() {
            let text = format!("bytes {start} to {end} of a file of {}", self.source.len());
            return Err(ParquetError::EOF(text));
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}
