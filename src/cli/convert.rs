//! `npzarrow convert`: between npz, parquet and arrow files, in one file or in many.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use serde_json::json;

use super::args::{Convert, NullPolicy};
use super::files::expand;
use super::format;
use crate::arrow::export::Nulls;
use crate::error::{Error, ErrorKind, Result};
use crate::npz::{Compression, NpzArchive, NpzWriter, OpenOptions, ReadOptions, WriteOptions};
use crate::sink::PendingFile;
use crate::source::Source;

/// What is read from parquet at a time.
const BATCH_ROWS: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npz,
    Parquet,
    Ipc,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("npz") => Ok(Self::Npz),
            Some("parquet") => Ok(Self::Parquet),
            Some("arrow" | "feather" | "ipc") => Ok(Self::Ipc),
            other => {
                let value = other.unwrap_or("none").to_owned();
                let error =
                    ErrorKind::Option { option: "extension", value, expected: "npz, parquet or arrow" };
                Err(Error::new(error).in_path(path))
            }
        }
    }
}

pub(super) fn run(arguments: &Convert, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.source)?;
    let to = Format::of(&arguments.output)?;
    let mut stream = Stream::open(files)?;
    let mut limit = arguments.rows_per_file;
    if let Some(bytes) = arguments.bytes_per_file {
        let size = stream.next.as_ref().map_or(Ok(0), slice_size)?;
        let rows = stream.next.as_ref().map_or(0, RecordBatch::num_rows);
        limit = Some(bytes.saturating_mul(rows).checked_div(size).unwrap_or(bytes).max(1));
    }
    let mut index = 0_usize;
    while index == 0 || stream.next.is_some() {
        let path = match limit {
            Some(_) => numbered(&arguments.output, index),
            None => arguments.output.clone(),
        };
        let mut part = Part { stream: &mut stream, rest: limit.unwrap_or(usize::MAX).max(1), rows: 0 };
        write(&path, to, &mut part, arguments).map_err(|error| error.in_path(&path))?;
        let rows = part.rows;
        index += 1;
        if json {
            writeln!(output, "{}", json!({ "path": format::path(&path), "rows": rows }))?;
        } else {
            writeln!(output, "{}: {rows} rows", path.display())?;
        }
    }
    Ok(true)
}

fn slice_size(batch: &RecordBatch) -> Result<usize> {
    let sizes = batch.columns().iter().map(|column| Ok(column.to_data().get_slice_memory_size()?));
    sizes.sum()
}

/// `name.ext` becomes `name-00000.ext`.
fn numbered(path: &Path, index: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{index:05}.{extension}"))
}

/// The batches of all files, and the next of them.
struct Stream {
    files: std::vec::IntoIter<PathBuf>,
    current: Option<(PathBuf, Box<dyn RecordBatchReader>)>,
    schema: SchemaRef,
    next: Option<RecordBatch>,
}

impl Stream {
    fn open(files: Vec<PathBuf>) -> Result<Self> {
        let mut files = files.into_iter();
        let Some(first) = files.next() else {
            let (option, value) = ("source", "empty".to_owned());
            return Err(Error::new(ErrorKind::Option { option, value, expected: "files" }));
        };
        let reader = open(&first)?;
        let schema = reader.schema();
        let mut stream = Self { files, current: Some((first, reader)), schema, next: None };
        stream.advance()?;
        Ok(stream)
    }

    /// Reads the next batch that has rows.
    fn advance(&mut self) -> Result<()> {
        self.next = None;
        while let Some((path, reader)) = &mut self.current {
            if let Some(batch) = reader.next() {
                let batch = batch.map_err(|error| Error::from(error).in_path(&*path))?;
                if batch.num_rows() > 0 {
                    self.next = Some(batch);
                    return Ok(());
                }
                continue;
            }
            self.current = match self.files.next() {
                None => None,
                Some(path) => {
                    let reader = open(&path)?;
                    check_schema(&self.schema, &reader.schema()).map_err(|error| error.in_path(&path))?;
                    Some((path, reader))
                }
            };
        }
        Ok(())
    }
}

fn check_schema(expected: &SchemaRef, found: &SchemaRef) -> Result<()> {
    let mut pairs = expected.fields().iter().zip(found.fields());
    let differing =
        pairs.find(|(one, other)| one.name() != other.name() || one.data_type() != other.data_type());
    if let Some((one, other)) = differing {
        let (field, expected) = (other.name().clone(), Box::new(one.data_type().clone()));
        let actual = Box::new(other.data_type().clone());
        return Err(Error::new(ErrorKind::SchemaMismatch { field, expected, actual }));
    }
    if expected.fields().len() != found.fields().len() {
        let text =
            format!("{} columns, but the first file has {}", found.fields().len(), expected.fields().len());
        return Err(ArrowError::SchemaError(text).into());
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn RecordBatchReader>> {
    let file = || File::open(path).map_err(|error| Error::from(error).in_path(path));
    let in_path = |error: ArrowError| Error::from(error).in_path(path);
    Ok(match Format::of(path)? {
        Format::Npz => {
            let options = OpenOptions::default().with_max_uncompressed(u64::MAX);
            let archive = NpzArchive::with_options(Source::open(path)?, &options)?;
            let batch = archive.record_batch(&ReadOptions::default())?;
            let schema = batch.schema();
            Box::new(RecordBatchIterator::new([Ok(batch)], schema))
        }
        Format::Parquet => {
            let builder =
                ParquetRecordBatchReaderBuilder::try_new(file()?).map_err(|error| in_path(error.into()))?;
            Box::new(builder.with_batch_size(BATCH_ROWS).build().map_err(|error| in_path(error.into()))?)
        }
        Format::Ipc => Box::new(FileReader::try_new_buffered(file()?, None).map_err(in_path)?),
    })
}

/// The batches of one file to write: so many rows of the stream.
struct Part<'a> {
    stream: &'a mut Stream,
    rest: usize,
    rows: usize,
}

impl Iterator for Part<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest == 0 {
            return None;
        }
        let batch = self.stream.next.take()?;
        let now = batch.num_rows().min(self.rest);
        self.rest -= now;
        self.rows += now;
        if now < batch.num_rows() {
            self.stream.next = Some(batch.slice(now, batch.num_rows() - now));
            return Some(Ok(batch.slice(0, now)));
        }
        Some(self.stream.advance().map(|()| batch).map_err(ArrowError::from))
    }
}

fn write(path: &Path, format: Format, part: &mut Part<'_>, arguments: &Convert) -> Result<()> {
    let schema = SchemaRef::clone(&part.stream.schema);
    match format {
        Format::Npz => {
            let nulls = match arguments.nulls {
                NullPolicy::Raise => Nulls::Raise,
                NullPolicy::Nan => Nulls::Nan,
                NullPolicy::Mask => Nulls::Mask,
            };
            let compression = if arguments.deflate { Compression::DEFLATED } else { Compression::Stored };
            let options = WriteOptions::default().with_nulls(nulls).with_compression(compression);
            let mut writer = NpzWriter::create(path, &options)?;
            writer.add_batches(RecordBatchIterator::new(part, schema))?;
            writer.commit()
        }
        Format::Parquet => {
            let failed = |error: ParquetError| Error::from(ArrowError::from(error));
            let mut writer =
                ArrowWriter::try_new(PendingFile::create(path)?, schema, None).map_err(failed)?;
            for batch in part {
                writer.write(&batch?).map_err(failed)?;
            }
            writer.into_inner().map_err(failed)?.commit(false)
        }
        Format::Ipc => {
            let mut writer = FileWriter::try_new(PendingFile::create(path)?, &schema)?;
            for batch in part {
                writer.write(&batch?)?;
            }
            writer.into_inner()?.commit(false)
        }
    }
}
