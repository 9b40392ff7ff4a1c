//! One archive becomes columns of equal length, or one row.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use super::archive::NpzArchive;
use super::options::{ReadOptions, Unsupported};
use crate::array::Column;
use crate::arrow::{self, CopyMode, CopyReason, RowLayout, Transfer};
use crate::error::{Error, ErrorKind, Result};

impl NpzArchive {
    /// Reads the archive as one batch: its arrays are columns, their first axes are the rows.
    ///
    /// Only the selected members are touched. Members share `bytes` where Arrow allows it; see
    /// [`columns`](Self::columns) for which did.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowCountMismatch`] if the first axes differ, [`ErrorKind::ObjectDtype`] and
    /// [`ErrorKind::UnsupportedDtype`] unless those are skipped, and whatever is wrong with a member.
    pub fn record_batch(&self, options: &ReadOptions) -> Result<RecordBatch> {
        let (columns, rows) = self.columns(options)?;
        let fields: Vec<_> = columns.iter().map(|column| Arc::clone(&column.field)).collect();
        let arrays = columns.into_iter().map(|column| column.array).collect();
        let batch_options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &batch_options);
        batch.map_err(|error| self.locate_error(Error::from(error), None))
    }

    /// Reads the columns of the batch, each with how its memory came about, and the number of rows.
    ///
    /// # Errors
    ///
    /// As [`record_batch`](Self::record_batch).
    pub fn columns(&self, options: &ReadOptions) -> Result<(Vec<Column>, usize)> {
        let indices = self.select(options)?;
        let read = self.for_each(&indices, |index, threads| {
            options.interrupt.check()?;
            let column = self.read_column(index, threads, options);
            column.map_err(|error| self.locate_error(error, Some(index)))
        });
        let mut columns = Vec::with_capacity(read.len());
        let mut lengths = Vec::with_capacity(read.len());
        for (column, &index) in read.into_iter().zip(&indices) {
            match column {
                Err(error) if skippable(&error, options) => {}
                column => {
                    let column = column?;
                    let one_row = options.arrow.rows == RowLayout::Archive;
                    lengths.push((index, if one_row { Some(1) } else { column.first_axis }));
                    columns.push(column);
                }
            }
        }
        let rows = self.agree_on_rows(&lengths)?;
        for (column, (index, length)) in columns.iter_mut().zip(&lengths) {
            if length.is_none() && rows != 1 {
                repeat(column, rows, options).map_err(|error| self.locate_error(error, Some(*index)))?;
            }
        }
        Ok((columns, rows))
    }

    /// Returns the schema of the batch, from the headers of the selected members alone.
    ///
    /// # Errors
    ///
    /// As [`record_batch`](Self::record_batch), except for what only the payloads tell.
    pub fn schema(&self, options: &ReadOptions) -> Result<Schema> {
        let mut fields: Vec<Field> = Vec::new();
        for index in self.select(options)? {
            let name = self.name(index).unwrap_or_default();
            let field = self.header_at(index).and_then(|header| {
                let field = arrow::schema_field(name, &header, &options.arrow);
                field.map_err(|error| self.locate_error(error, Some(index)))
            });
            match field {
                Err(error) if skippable(&error, options) => {}
                field => fields.push(field?),
            }
        }
        Ok(Schema::new(fields))
    }

    /// The members that are columns: those that are named, else every array.
    fn select(&self, options: &ReadOptions) -> Result<Vec<usize>> {
        let indices: Vec<usize> = match &options.columns {
            Some(names) => names.iter().map(|name| self.index_of(name)).collect::<Result<_>>()?,
            None => (0..self.len()).filter(|&index| self.is_array(index)).collect(),
        };
        let mut seen = HashSet::with_capacity(indices.len());
        for name in indices.iter().filter_map(|&index| self.name(index)) {
            if !seen.insert(name) {
                let count = indices.iter().filter(|&&index| self.name(index) == Some(name)).count();
                let kind = ErrorKind::DuplicateEntry { name: name.to_owned(), count };
                return Err(self.locate_error(Error::new(kind), None));
            }
        }
        Ok(indices)
    }

    /// The one length that all members have.
    fn agree_on_rows(&self, lengths: &[(usize, Option<u64>)]) -> Result<usize> {
        let mut known = lengths.iter().filter_map(|(_, rows)| *rows);
        let Some(rows) = known.next() else {
            // Values without an axis make one row; nothing makes none.
            return Ok(usize::from(!lengths.is_empty()));
        };
        if known.all(|other| other == rows) {
            return usize::try_from(rows).map_err(|_| Error::new(ErrorKind::Allocation { len: rows }));
        }
        let members = lengths.iter().filter_map(|&(index, rows)| {
            rows.map(|rows| (self.name(index).unwrap_or_default().to_owned(), rows))
        });
        let kind = ErrorKind::RowCountMismatch { members: members.collect() };
        Err(self.locate_error(Error::new(kind), None))
    }
}

/// Repeats a value without axes for every row.
fn repeat(column: &mut Column, rows: usize, options: &ReadOptions) -> Result<()> {
    let reason = "one value is repeated for every row";
    if options.arrow.copy == CopyMode::Never {
        return Err(Error::new(ErrorKind::CopyRequired { reason: reason.to_owned() }));
    }
    column.array = arrow::repeat(&column.array, rows)?;
    column.transfer = Transfer::Copied(CopyReason::Converted(reason));
    Ok(())
}

fn skippable(error: &Error, options: &ReadOptions) -> bool {
    let dtype = matches!(error.kind(), ErrorKind::ObjectDtype { .. } | ErrorKind::UnsupportedDtype { .. });
    dtype && options.unsupported == Unsupported::Skip
}
