//! Reading wide columns of those rows only that a filter on narrow ones leaves.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use arrow_select::filter::{FilterBuilder, SlicesIterator};
use datafusion_common::{Result, exec_datafusion_err};

use super::filter::Predicate;
use crate::NpzDataset;
use crate::convert::{to_u64, to_usize};
use crate::dataset::{NumberedShard, ScanReader};

/// Rows without a match are read nevertheless if they take fewer bytes than this: one read is cheaper than two.
const GAP_BYTES: u64 = 64 << 10;

/// Reads the rows of a shard that a filter leaves.
///
/// Narrow columns are read and looked at a block at a time. Of stored wide columns, the runs of rows that match are read;
/// a deflated one is begun at the first match and then read along, so that it is inflated once and never held whole.
#[derive(Debug)]
pub(super) struct FilteredReader {
    dataset: NpzDataset,
    shard: NumberedShard,
    predicate: Arc<Predicate>,
    schema: SchemaRef,
    /// The rows of which the filter's columns are still to be asked for.
    rows: Range<u64>,
    /// How many are asked for together.
    step: u64,
    /// Reads the columns of the filter.
    narrow: Option<ScanReader>,
    /// The number of the next row that is looked at.
    next: u64,
    block: Option<Block>,
    /// The fields that the filter does not need.
    rest: Vec<FieldRef>,
    /// How many rows without a match are read between two that match.
    gap: usize,
    /// Whether a member among the rest can be read from its beginning only.
    is_sequential: bool,
    wide: Option<Wide>,
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

/// Reads columns that the filter does not need.
#[derive(Debug)]
struct Wide {
    reader: ScanReader,
    /// What was read and is still wanted.
    batch: Option<RecordBatch>,
    /// The number of the next row in the shard.
    next: u64,
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
        let step = if narrow.iter().any(is_deflated) {
            u64::MAX
        } else {
            let all = narrow.iter().map(row_len).fold(rest_row_len, u64::saturating_add);
            dataset.options().batch_bytes.checked_div(all).unwrap_or(1)
        };
        Self {
            dataset: dataset.clone(),
            shard,
            predicate,
            schema,
            next: rows.start,
            rows,
            step: step.max(1),
            narrow: None,
            block: None,
            rest,
            gap,
            is_sequential,
            wide: None,
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.next_of_block()? {
                return Ok(Some(batch));
            }
            self.block = self.look()?;
            if self.block.is_none() {
                return self.read_to_end().map(|()| None);
            }
        }
    }

    /// Evaluates the filter on the next rows.
    fn look(&mut self) -> Result<Option<Block>> {
        let schema = self.predicate.schema();
        loop {
            if let Some(reader) = &mut self.narrow {
                if let Some(narrow) = reader.next_batch()? {
                    let first = self.next;
                    let mask = self.predicate.rows(&narrow)?;
                    let runs = runs(&mask, self.gap, first);
                    self.next = first.saturating_add(to_u64(narrow.num_rows()));
                    return Ok(Some(Block { first, mask, narrow, runs }));
                }
                self.narrow = None;
            }
            if self.rows.is_empty() {
                return Ok(None);
            }
            let rows = self.rows.start..self.rows.start.saturating_add(self.step).min(self.rows.end);
            (self.next, self.rows.start) = (rows.start, rows.end);
            let fields = schema.fields().iter().cloned();
            self.narrow = Some(ScanReader::of_shard(&self.dataset, &self.shard, rows, fields));
        }
    }

    /// Reads on in the block, until there are rows that are left.
    fn next_of_block(&mut self) -> Result<Option<RecordBatch>> {
        let Some(block) = &mut self.block else { return Ok(None) };
        while let Some(run) = block.runs.front_mut() {
            if self.rest.is_empty() {
                let run = run.clone();
                block.runs.pop_front();
                return block.filtered(run, None, &self.schema);
            }
            let wide = self.wide.get_or_insert_with(|| {
                let end = if self.is_sequential { self.rows.end } else { run.end };
                let fields = self.rest.iter().cloned();
                let reader = ScanReader::of_shard(&self.dataset, &self.shard, run.start..end, fields);
                Wide { reader, batch: None, next: run.start }
            });
            if let Some((rows, batch)) = wide.next_of(run)? {
                run.start = rows.end;
                if let Some(batch) = block.filtered(rows, Some(&batch), &self.schema)? {
                    return Ok(Some(batch));
                }
            } else {
                block.runs.pop_front();
                self.wide.take_if(|_| !self.is_sequential);
            }
        }
        Ok(None)
    }

    /// Reads what was begun down to the checksum of what was inflated, if it is to be compared.
    fn read_to_end(&mut self) -> Result<()> {
        let Some(mut wide) = self.wide.take().filter(|_| self.dataset.options().open.verify) else {
            return Ok(());
        };
        while wide.reader.next_batch()?.is_some() {}
        Ok(())
    }
}

impl Wide {
    /// Reads the next of some rows, and passes over those before them.
    fn next_of(&mut self, wanted: &Range<u64>) -> Result<Option<(Range<u64>, RecordBatch)>> {
        while !wanted.is_empty() && self.next < wanted.end {
            let batch = match self.batch.take() {
                Some(batch) => batch,
                None => match self.reader.next_batch()? {
                    Some(batch) => batch,
                    None => return Ok(None),
                },
            };
            let end = self.next.saturating_add(to_u64(batch.num_rows()));
            let rows = self.next.max(wanted.start)..end.min(wanted.end);
            let at = |row: u64| to_usize(row.saturating_sub(self.next));
            let found =
                (!rows.is_empty()).then(|| batch.slice(at(rows.start), at(rows.end) - at(rows.start)));
            if rows.end < end {
                self.batch = Some(batch.slice(at(rows.end), at(end) - at(rows.end)));
            }
            self.next = rows.end;
            if let Some(found) = found {
                return Ok(Some((rows, found)));
            }
        }
        Ok(None)
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
            self.rows.start = self.rows.end;
            (self.narrow, self.block, self.wide) = (None, None, None);
        }
        next.transpose()
    }
}

fn has(schema: &Schema, field: &FieldRef) -> bool {
    schema.fields().iter().any(|other| other.name() == field.name())
}

/// The rows to read, of which the first has this number: those that are left, and short gaps between them.
fn runs(mask: &BooleanArray, gap: usize, first: u64) -> VecDeque<Range<u64>> {
    let mut runs: VecDeque<Range<usize>> = VecDeque::new();
    for (start, end) in SlicesIterator::new(mask) {
        match runs.back_mut() {
            Some(last) if start.saturating_sub(last.end) <= gap => last.end = end,
            _ => runs.push_back(start..end),
        }
    }
    let number = |row: usize| first.saturating_add(to_u64(row));
    runs.into_iter().map(|run| number(run.start)..number(run.end)).collect()
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
            let found: Vec<_> = runs(&mask(rows), gap, 1000).iter().map(|run| (run.start, run.end)).collect();
            let expected: Vec<_> = expected.iter().map(|(start, end)| (start + 1000, end + 1000)).collect();
            assert_eq!(found, expected, "{rows:?}");
        }
    }
}
