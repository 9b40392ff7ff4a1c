//! Reading wide columns of those rows only that a filter on narrow ones leaves.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::FilterBuilder;
use datafusion_common::{Result, exec_datafusion_err};

use super::filter::Predicate;
use super::wide::{Wide, runs};
use crate::Interrupt;
use crate::NpzDataset;
use crate::convert::{to_u64, to_usize};
use crate::dataset::{NumberedShard, OnError, ScanReader};

/// Rows without a match are read nevertheless if they take fewer bytes than this: one read is cheaper than two.
const GAP_BYTES: u64 = 64 << 10;

/// Reads the rows of a shard that a filter leaves.
///
/// Narrow columns are read and looked at a block at a time. Of wide ones the runs of rows that match are read; if one of
/// them is deflated, they are begun at the first match and then read along, so that it is inflated once.
#[derive(Debug)]
pub(super) struct FilteredReader {
    dataset: NpzDataset,
    shard: NumberedShard,
    predicate: Arc<Predicate>,
    schema: SchemaRef,
    /// The rows of which the filter's columns are still to be asked for.
    rows: Range<u64>,
    /// How many are asked for together.
    span: u64,
    /// How many are looked at together, at least.
    step: u64,
    /// Reads the columns of the filter: the rows that are still to come.
    narrow: Option<(ScanReader, Range<u64>)>,
    block: Option<Block>,
    /// The fields that the filter does not need.
    rest: Vec<FieldRef>,
    /// How many rows without a match are read between two that match.
    gap: usize,
    /// Whether a member among the rest can be read from its beginning only.
    is_sequential: bool,
    wide: Option<Wide>,
    interrupt: Interrupt,
}

/// Rows that were looked at together.
#[derive(Debug)]
struct Block {
    /// The number of the first in the shard.
    first: u64,
    mask: BooleanArray,
    narrow: RecordBatch,
    /// What is still to be read.
    runs: VecDeque<Range<u64>>,
}

impl FilteredReader {
    pub(super) fn new(
        dataset: &NpzDataset,
        shard: NumberedShard,
        rows: Range<u64>,
        predicate: Arc<Predicate>,
        schema: SchemaRef,
    ) -> Self {
        let narrow = predicate.schema().fields();
        let rest: Vec<FieldRef> =
            schema.fields().iter().filter(|field| !has(predicate.schema(), field)).cloned().collect();
        let column = |field: &FieldRef| shard.info.column(field.name(), 0);
        let row_len = |field: &FieldRef| {
            let len = column(field).map_or(0, |column| column.payload_len);
            len.checked_div(shard.info.rows).unwrap_or(0)
        };
        let is_deflated = |field: &FieldRef| column(field).is_some_and(|column| column.is_deflated);
        let rest_row_len = rest.iter().map(row_len).fold(0, u64::saturating_add);
        let is_sequential = rest.iter().any(is_deflated);
        let gap = match GAP_BYTES.checked_div(rest_row_len) {
            Some(gap) if !is_sequential => to_usize(gap),
            _ => usize::MAX,
        };
        let all = narrow.iter().map(row_len).fold(rest_row_len, u64::saturating_add);
        let step = dataset.options().batch_bytes.checked_div(all).unwrap_or(u64::MAX).max(1);
        // What is read as a whole is verified, and what is deflated can be read in no other way.
        let span = if is_sequential || narrow.iter().any(is_deflated) { u64::MAX } else { step };
        Self {
            dataset: dataset.clone(),
            shard,
            predicate,
            schema,
            rows,
            span,
            step,
            narrow: None,
            block: None,
            rest,
            gap,
            is_sequential,
            wide: None,
            interrupt: Interrupt::new(),
        }
    }

    /// Returns the flag that ends the reading.
    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.next_of_block()? {
                return Ok(Some(batch));
            }
            self.interrupt.check()?;
            self.block = self.look()?;
            if self.block.is_none() {
                let begun = self.wide.take().filter(|_| self.dataset.options().open.verify);
                return begun.map_or(Ok(()), |wide| wide.read_to_end(&self.interrupt)).map(|()| None);
            }
        }
    }

    /// Evaluates the filter on the next rows.
    fn look(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some((reader, left)) = &mut self.narrow {
                if let Some(narrow) = next_rows(reader, self.step)? {
                    let first = left.start;
                    left.start = first.saturating_add(to_u64(narrow.num_rows()));
                    let mask = self.predicate.rows(&narrow)?;
                    let runs = runs(&mask, self.gap, first);
                    return Ok(Some(Block { first, mask, narrow, runs }));
                }
                let left = left.clone();
                self.narrow = None;
                self.check_end(&left)?;
            }
            if self.rows.is_empty() {
                return Ok(None);
            }
            let rows = self.rows.start..self.rows.start.saturating_add(self.span).min(self.rows.end);
            self.rows.start = rows.end;
            let fields = self.predicate.schema().fields().iter().cloned();
            let reader = ScanReader::of_shard(&self.dataset, &self.shard, rows.clone(), fields);
            self.narrow = Some((reader, rows));
        }
    }

    /// Reads on in the block, until there are rows that are left.
    fn next_of_block(&mut self) -> Result<Option<RecordBatch>> {
        let Some(mut block) = self.block.take() else { return Ok(None) };
        while let Some(run) = block.runs.front_mut() {
            self.interrupt.check()?;
            let (rows, wide) = if self.rest.is_empty() {
                (std::mem::replace(run, run.end..run.end), None)
            } else {
                let wide = self.wide.get_or_insert_with(|| {
                    let end = if self.is_sequential { self.shard.info.rows } else { run.end };
                    let fields = self.rest.iter().cloned();
                    let reader = ScanReader::of_shard(&self.dataset, &self.shard, run.start..end, fields);
                    Wide::new(reader, run.start)
                });
                match wide.next_of(run)? {
                    Some((rows, batch)) => (rows, Some(batch)),
                    None => return self.check_end(run).map(|()| None),
                }
            };
            run.start = rows.end;
            if run.is_empty() {
                block.runs.pop_front();
                let done = self.wide.take_if(|_| !self.is_sequential);
                done.map_or(Ok(()), |wide| wide.read_to_end(&self.interrupt))?;
            }
            if let Some(batch) = block.filtered(rows, wide.as_ref(), &self.schema)? {
                self.block = Some(block);
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Ends the shard if a reader has left rows out, which it may if shards that cannot be read are left out.
    fn check_end(&mut self, left: &Range<u64>) -> Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        if self.dataset.options().on_error == OnError::Raise {
            let path = self.shard.info.path.display();
            return Err(exec_datafusion_err!(
                "{path} has ended at row {}, expected {}",
                left.start,
                left.end
            ));
        }
        self.end();
        Ok(())
    }

    /// Reads no more.
    fn end(&mut self) {
        self.rows.start = self.rows.end;
        (self.narrow, self.block, self.wide) = (None, None, None);
    }
}

impl Block {
    /// The rows that are left of some whose other columns were read.
    fn filtered(
        &self,
        rows: Range<u64>,
        wide: Option<&RecordBatch>,
        schema: &SchemaRef,
    ) -> Result<Option<RecordBatch>> {
        let start = to_usize(rows.start.saturating_sub(self.first));
        let len = to_usize(rows.end.saturating_sub(rows.start));
        if start.saturating_add(len) > self.mask.len() {
            return Err(exec_datafusion_err!("{} rows were read, {} looked at", len, self.mask.len()));
        }
        let (mask, narrow) = (self.mask.slice(start, len), self.narrow.slice(start, len));
        let count = mask.true_count();
        if count == 0 {
            return Ok(None);
        }
        let filter = FilterBuilder::new(&mask).optimize().build();
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let array = narrow
                .column_by_name(field.name())
                .or_else(|| wide?.column_by_name(field.name()))
                .ok_or_else(|| exec_datafusion_err!("column {} was not read", field.name()))?;
            arrays.push(if count == len { Arc::clone(array) } else { filter.filter(array)? });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?))
    }
}

impl Iterator for FilteredReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.end();
        }
        next.transpose()
    }
}

/// The next rows, so many at least unless they end.
fn next_rows(reader: &mut ScanReader, least: u64) -> Result<Option<RecordBatch>> {
    let Some(first) = reader.next_batch()? else { return Ok(None) };
    let (schema, mut rows) = (first.schema(), to_u64(first.num_rows()));
    let mut batches = vec![first];
    while rows < least
        && let Some(next) = reader.next_batch()?
    {
        rows = rows.saturating_add(to_u64(next.num_rows()));
        batches.push(next);
    }
    Ok(Some(match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => batch,
        Err(batches) => concat_batches(&schema, &batches)?,
    }))
}

fn has(schema: &Schema, field: &FieldRef) -> bool {
    schema.fields().iter().any(|other| other.name() == field.name())
}
