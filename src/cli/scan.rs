//! Files as one table, read batch by batch.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use indicatif::ProgressBar;

use super::context::Access;
use super::{complain, progress};
use crate::NpzDataset;
use crate::convert::to_u64;
use crate::dataset::{DatasetOptions, Found, ScanReader, ShardInfo, Waited, parse_hive};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;

/// How often the flag that ends the work is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Rows that are read as they are asked for, with a bar that shows how far that is.
pub(super) struct Batches {
    reader: ScanReader,
    interrupt: Interrupt,
    bar: ProgressBar,
    /// What all rows take, and how many there are.
    bytes: u64,
    rows: u64,
}

/// Columns that were asked for by name; all if there are none.
#[derive(Debug)]
pub(super) struct Asked {
    /// Those that are arrays.
    pub(super) arrays: Vec<String>,
    /// All of them as the table names them, in their order.
    names: Vec<String>,
}

impl Asked {
    /// Tells arrays from the keys of directories named `key=value`. A name that comes twice is an error.
    pub(super) fn try_new(columns: &[String], files: &[Found]) -> Result<Self> {
        let keys: HashSet<String> =
            files.iter().flat_map(|found| parse_hive(&found.path)).map(|(key, _)| key).collect();
        let names: Vec<String> =
            columns.iter().map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned()).collect();
        let mut seen = HashSet::new();
        if let Some(value) = names.iter().find(|name| !seen.insert(*name)).cloned() {
            let (option, expected) = ("columns", "each name once");
            return Err(Error::new(ErrorKind::Option { option, value, expected }));
        }
        let arrays = columns.iter().filter(|name| !keys.contains(*name)).cloned().collect();
        Ok(Self { arrays, names })
    }

    /// The names, unless all columns are asked for.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        (!self.names.is_empty()).then(|| self.names.iter().map(String::as_str).collect())
    }
}

/// Makes a dataset of files and reads their headers.
pub(super) fn dataset(sources: &[String], options: DatasetOptions, access: &Access) -> Result<NpzDataset> {
    let dataset = NpzDataset::new(sources, options);
    dataset.look(&access.interrupt)?;
    access.interrupt.check()?;
    Ok(dataset)
}

/// True if the rows of different columns do not belong together.
pub(super) fn is_ragged(dataset: &NpzDataset) -> Result<bool> {
    Ok(dataset.shards()?.iter().any(|shard| shard.is_ragged()))
}

/// Tells of the files that were left out; false if there are any.
pub(super) fn tell_skipped(dataset: &NpzDataset) -> Result<bool> {
    let skipped = dataset.skipped()?;
    for error in &skipped {
        complain(error);
    }
    Ok(skipped.is_empty())
}

impl Batches {
    /// Begins to read some columns, or all.
    pub(super) fn new(
        dataset: &NpzDataset,
        columns: Option<&[&str]>,
        limit: Option<u64>,
        access: &Access,
    ) -> Result<Self> {
        let reader = dataset.scan(columns, limit)?.in_background();
        let shards = dataset.shards()?;
        let wanted = |shard: &Arc<ShardInfo>| match columns {
            None => shard.payload_len(),
            Some(names) => shard
                .columns
                .iter()
                .filter(|column| names.contains(&column.field.name().as_str()))
                .fold(0, |sum: u64, column| sum.saturating_add(column.payload_len)),
        };
        let bytes = shards.iter().fold(0, |sum: u64, shard| sum.saturating_add(wanted(shard)));
        let bar = if limit.is_some() { ProgressBar::hidden() } else { progress::bytes(bytes) };
        let interrupt = access.interrupt.clone();
        Ok(Self { reader, interrupt, bar, bytes, rows: dataset.num_rows()? })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            self.interrupt.check().inspect_err(|_| self.reader.interrupt().request())?;
            match self.reader.wait(Some(POLL_INTERVAL))? {
                Waited::Batch(batch) => {
                    let share = u128::from(self.bytes) * u128::from(to_u64(batch.num_rows()));
                    let share = share.checked_div(u128::from(self.rows)).unwrap_or(0);
                    self.bar.inc(u64::try_from(share).unwrap_or(0));
                    return Ok(Some(batch));
                }
                Waited::End => return Ok(None),
                Waited::Timeout => {}
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(ArrowError::from).transpose()
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
