//! `npzarrow convert`: between npz, parquet and arrow files, in one file or in many, batch by batch.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use arrow_array::{Array as _, RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use indicatif::ProgressBar;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use serde_json::json;

use super::args::{Convert, NullPolicy};
use super::context::{Access, Context};
use super::files::{expand, size_of, source_of};
use super::format::visible;
use super::scan::{Asked, Batches, dataset};
use super::tables::{self, Format, refused};
use super::{complain, format, progress};
use crate::arrow::export::Nulls;
use crate::dataset::{DatasetOptions, Found, Lengths, OnError};
use crate::error::{Error, ErrorKind, Result};
use crate::npz::{Compression, NpzWriter, Unsupported, WriteOptions};

pub(super) fn run(arguments: &Convert, context: &mut Context<'_>) -> Result<bool> {
    let to = Format::of_dest(&arguments.output)?;
    let files = expand(&arguments.source, context)?;
    let mut stream = Stream::open(&files, &arguments.columns, context)?;
    let mut limit = arguments.rows_per_file.map(NonZeroUsize::get);
    if let Some(bytes) = arguments.bytes_per_file.map(NonZeroUsize::get) {
        let size = stream.next.as_ref().map_or(Ok(0), slice_size)?;
        let rows = stream.next.as_ref().map_or(0, RecordBatch::num_rows);
        limit = Some(bytes.saturating_mul(rows).checked_div(size).unwrap_or(bytes).max(1));
    }
    let options = write_options(arguments, context);
    let mut index = 0_usize;
    while index == 0 || stream.next.is_some() {
        let path = match limit {
            Some(_) => numbered(&arguments.output, index),
            None => arguments.output.clone(),
        };
        let mut part = Part { stream: &mut stream, rest: limit.unwrap_or(usize::MAX).max(1), rows: 0 };
        write(&path, to, &mut part, &options).map_err(|error| error.in_path(&path))?;
        let rows = part.rows;
        index += 1;
        if context.json {
            context.line(json!({ "path": format::path(&path), "rows": rows }))?;
        } else {
            context.line(visible(&format!("{}: {rows} rows", path.display())))?;
        }
    }
    let next = numbered(&arguments.output, index);
    if limit.is_some() && next.exists() {
        complain(format!("{} was there before, and is no part of what was written now", next.display()));
        return Ok(false);
    }
    Ok(true)
}

fn write_options(arguments: &Convert, access: &Access) -> WriteOptions {
    let nulls = match arguments.nulls {
        NullPolicy::Raise => Nulls::Raise,
        NullPolicy::Nan => Nulls::Nan,
        NullPolicy::Mask => Nulls::Mask,
    };
    let compression = if arguments.deflate { Compression::DEFLATED } else { Compression::Stored };
    access.write_options().with_nulls(nulls).with_compression(compression)
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
    files: std::vec::IntoIter<Found>,
    current: Option<(PathBuf, Box<dyn RecordBatchReader>)>,
    schema: SchemaRef,
    next: Option<RecordBatch>,
    columns: Vec<String>,
    access: Access,
    bar: ProgressBar,
}

impl Stream {
    fn open(files: &[Found], columns: &[String], access: &Access) -> Result<Self> {
        let Some(first) = files.first() else {
            let (option, value) = ("source", "empty".to_owned());
            return Err(Error::new(ErrorKind::Option { option, value, expected: "files" }));
        };
        let kind = |found: &Found| {
            Format::of(&found.path).map(|format| format == Format::Npz || format == Format::Npy)
        };
        let is_dataset = kind(first)?;
        let mut bar = ProgressBar::hidden();
        for found in files {
            if kind(found)? != is_dataset {
                let extension = found.path.extension().unwrap_or_default().to_string_lossy();
                return Err(refused(&extension, "that of the other files", &found.path));
            }
        }
        let asked = Asked::try_new(columns, files)?;
        let (first, rest) = if is_dataset {
            // All of them are one table.
            let sources: Vec<String> = files.iter().map(source_of).collect();
            let options = DatasetOptions {
                lengths: Lengths::Equal,
                on_error: OnError::Raise,
                unsupported: Unsupported::Raise,
                hive: true,
                ..access.dataset_options(&asked.arrays)
            };
            let dataset = dataset(&sources, options, access)?;
            let batches = Batches::new(&dataset, asked.names().as_deref(), None, access)?;
            let batches: Box<dyn RecordBatchReader> = Box::new(batches);
            ((PathBuf::new(), batches), Vec::new())
        } else {
            bar = progress::bytes(files.iter().map(size_of).sum());
            (
                (first.path.clone(), tables::read(first, columns, &bar, access)?),
                files.get(1..).unwrap_or_default().to_vec(),
            )
        };
        let schema = first.1.schema();
        let (files, columns, access) = (rest.into_iter(), columns.to_vec(), access.clone());
        let mut stream = Self { files, current: Some(first), schema, next: None, columns, access, bar };
        stream.advance()?;
        Ok(stream)
    }

    /// Reads the next batch that has rows.
    fn advance(&mut self) -> Result<()> {
        self.next = None;
        self.access.interrupt.check()?;
        while let Some((path, reader)) = &mut self.current {
            if let Some(batch) = reader.next() {
                let batch = batch.map_err(|error| located(error.into(), path))?;
                if batch.num_rows() > 0 {
                    self.next = Some(batch);
                    return Ok(());
                }
                continue;
            }
            self.current = match self.files.next() {
                None => None,
                Some(found) => {
                    let reader = tables::read(&found, &self.columns, &self.bar, &self.access)?;
                    check_schema(&self.schema, &reader.schema())
                        .map_err(|error| located(error, &found.path))?;
                    Some((found.path, reader))
                }
            };
        }
        self.bar.finish_and_clear();
        Ok(())
    }
}

/// Adds the path; errors of datasets have it already.
fn located(error: Error, path: &Path) -> Error {
    if path.as_os_str().is_empty() { error } else { error.in_path(path) }
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

fn write(path: &Path, format: Format, part: &mut Part<'_>, options: &WriteOptions) -> Result<()> {
    let schema = SchemaRef::clone(&part.stream.schema);
    match format {
        Format::Npz | Format::Npy => {
            let mut writer = NpzWriter::create(path, options)?;
            writer.add_batches(RecordBatchIterator::new(part, schema))?;
            writer.commit()
        }
        Format::Parquet => {
            let failed = |error: ParquetError| Error::from(ArrowError::from(error));
            let mut writer = ArrowWriter::try_new(options.create(path)?, schema, None).map_err(failed)?;
            for batch in part {
                writer.write(&batch?).map_err(failed)?;
            }
            writer.into_inner().map_err(failed)?.commit(false)
        }
        Format::Ipc => {
            let mut writer = FileWriter::try_new(options.create(path)?, &schema)?;
            for batch in part {
                writer.write(&batch?)?;
            }
            writer.into_inner()?.commit(false)
        }
    }
}
