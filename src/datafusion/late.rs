//! Reading wide columns of those rows only that a filter on narrow ones leaves.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::{FilterBuilder, SlicesIterator};
use datafusion_common::{Result, exec_datafusion_err};

use super::filter::Predicate;
use crate::NpzDataset;
use crate::convert::{to_u64, to_usize};
use crate::dataset::{NumberedShard, ScanReader};

/// Rows without a match are read nevertheless if they take fewer bytes than this: one read is cheaper than two.
const GAP_BYTES: u64 = 64 << 10;

/// Reads the rows of a shard that a filter leaves.
#[derive(Debug)]
pub(super) struct FilteredReader {
    dataset: NpzDataset,
    shard: NumberedShard,
    predicate: Arc<Predicate>,
    schema: SchemaRef,
    /// The rows that are still to be looked at.
    rows: Range<u64>,
    /// How many are looked at together.
    step: u64,
    /// The fields that the filter does not need.
    rest: Vec<FieldRef>,
    /// How many rows without a match are read between two that match.
    gap: usize,
    /// Whether all is read behind the first match, down to the checksum of what was inflated.
    to_end: bool,
    block: Option<Block>,
}

/// Rows that were looked at together.
#[derive(Debug)]
struct Block {
    /// The number of the first in the shard.
    first: u64,
    mask: BooleanArray,
    narrow: RecordBatch,
    /// What is still to be read.
    runs: VecDeque<Range<usize>>,
    /// What is being read.
    wide: Option<(ScanReader, Range<usize>)>,
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
        // A deflated member is read from its beginning every time, so that each is begun once.
        let rest_is_deflated = rest.iter().any(is_deflated);
        let gap = match GAP_BYTES.checked_div(rest_row_len) {
            Some(gap) if !rest_is_deflated => to_usize(gap),
            _ => usize::MAX,
        };
        let to_end = rest_is_deflated && dataset.options().open.verify;
        let step = if rest.iter().chain(narrow).any(is_deflated) {
            rows.end.saturating_sub(rows.start)
        } else {
            let all = narrow.iter().map(row_len).fold(rest_row_len, u64::saturating_add);
            dataset.options().batch_bytes.checked_div(all).unwrap_or(1)
        };
        let (dataset, step) = (dataset.clone(), step.max(1));
        Self { dataset, shard, predicate, schema, rows, step, rest, gap, to_end, block: None }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.block.is_some() {
                if let Some(batch) = self.next_of_block()? {
                    return Ok(Some(batch));
                }
                self.block = None;
            }
            if self.rows.is_empty() {
                return Ok(None);
            }
            let rows = self.rows.start..self.rows.start.saturating_add(self.step).min(self.rows.end);
            self.rows.start = rows.end;
            self.block = Some(self.look(rows)?);
        }
    }

    /// Evaluates the filter on a block of rows.
    fn look(&self, rows: Range<u64>) -> Result<Block> {
        let first = rows.start;
        let schema = self.predicate.schema();
        let reader = ScanReader::of_shard(&self.dataset, &self.shard, rows, schema.fields().iter().cloned());
        let batches: Vec<RecordBatch> = reader.collect::<std::result::Result<_, _>>()?;
        let narrow = match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => batch,
            Err(batches) => concat_batches(schema, &batches)?,
        };
        let mask = self.predicate.rows(&narrow)?;
        let mut runs = runs(&mask, self.gap);
        if let Some(last) = runs.back_mut().filter(|_| self.to_end) {
            last.end = mask.len();
        }
        Ok(Block { first, mask, narrow, runs, wide: None })
    }

    /// Reads on in the block, until there are rows that are left.
    fn next_of_block(&mut self) -> Result<Option<RecordBatch>> {
        let Some(block) = &mut self.block else { return Ok(None) };
        loop {
            if let Some((reader, run)) = &mut block.wide {
                if let Some(wide) = reader.next_batch()? {
                    let rows = run.start..run.start.saturating_add(wide.num_rows());
                    run.start = rows.end;
                    if let Some(batch) = block.filtered(rows, Some(&wide), &self.schema)? {
                        return Ok(Some(batch));
                    }
                    continue;
                }
                block.wide = None;
            }
            let Some(run) = block.runs.pop_front() else { return Ok(None) };
            if self.rest.is_empty() {
                return block.filtered(run, None, &self.schema);
            }
            let row = |row: usize| block.first.saturating_add(to_u64(row));
            let rows = row(run.start)..row(run.end);
            let reader = ScanReader::of_shard(&self.dataset, &self.shard, rows, self.rest.iter().cloned());
            block.wide = Some((reader, run));
        }
    }
}

impl Block {
    /// The rows that are left of some whose other columns were read.
    fn filtered(
        &self,
        rows: Range<usize>,
        wide: Option<&RecordBatch>,
        schema: &SchemaRef,
    ) -> Result<Option<RecordBatch>> {
        let len = rows.end.saturating_sub(rows.start);
        if rows.end > self.mask.len() {
            return Err(exec_datafusion_err!("{} rows were read, {} looked at", rows.end, self.mask.len()));
        }
        let (mask, narrow) = (self.mask.slice(rows.start, len), self.narrow.slice(rows.start, len));
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
            self.rows.start = self.rows.end;
            self.block = None;
        }
        next.transpose()
    }
}

fn has(schema: &Schema, field: &FieldRef) -> bool {
    schema.fields().iter().any(|other| other.name() == field.name())
}

/// The rows to read: those that are left, and short gaps between them.
fn runs(mask: &BooleanArray, gap: usize) -> VecDeque<Range<usize>> {
    let mut runs: VecDeque<Range<usize>> = VecDeque::new();
    for (start, end) in SlicesIterator::new(mask) {
        match runs.back_mut() {
            Some(last) if start.saturating_sub(last.end) <= gap => last.end = end,
            _ => runs.push_back(start..end),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_close_together_are_read_together() {
        let mask = |rows: &[usize]| (0..100).map(|row| Some(rows.contains(&row))).collect::<BooleanArray>();
        for (rows, gap, expected) in [
            (&[][..], 9, &[][..]),
            (&[3, 4, 90], 85, &[(3, 91)]),
            (&[3, 4, 90], 84, &[(3, 5), (90, 91)]),
            (&[3, 5, 90], 1, &[(3, 6), (90, 91)]),
            (&[3, 5, 90], 0, &[(3, 4), (5, 6), (90, 91)]),
            (&[0, 99], usize::MAX, &[(0, 100)]),
        ] {
            let found: Vec<_> = runs(&mask(rows), gap).iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(found, expected, "{rows:?}");
        }
    }
}
