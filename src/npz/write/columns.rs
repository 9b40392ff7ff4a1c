//! Columns of Arrow as members.

use std::path::Path;

use arrow_array::{RecordBatch, RecordBatchReader};

use super::member::Member;
use super::options::WriteOptions;
use crate::arrow::export::{Exporter, Storage};
use crate::error::Result;

/// The members of one batch; they share its memory where they can.
pub(super) fn of_batch(
    batch: &RecordBatch,
    options: &WriteOptions,
    folder: &Path,
) -> Result<Vec<Member<'static>>> {
    let mut exporter = Exporter::try_new(batch.schema_ref(), options.nulls, Storage::OneBatch, folder)?;
    exporter.push(batch)?;
    members(exporter)
}

/// The members of all batches, of which one at a time is held.
pub(super) fn of_stream(
    reader: impl RecordBatchReader,
    options: &WriteOptions,
    folder: &Path,
) -> Result<Vec<Member<'static>>> {
    let mut exporter = Exporter::try_new(&reader.schema(), options.nulls, Storage::Stream, folder)?;
    for batch in reader {
        options.interrupt.check()?;
        exporter.push(&batch?)?;
    }
    members(exporter)
}

/// The members of columns that were collected.
pub(super) fn members(exporter: Exporter) -> Result<Vec<Member<'static>>> {
    let arrays = exporter.finish()?;
    Ok(arrays.into_iter().map(|array| Member::new(&array.name, &array.header, array.payload)).collect())
}
