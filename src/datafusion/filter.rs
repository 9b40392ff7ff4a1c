//! Filters on narrow columns, evaluated before wide columns are read.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::{FilterBuilder, SlicesIterator, prep_null_mask_filter};
use datafusion_common::{HashSet, Result, exec_datafusion_err};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::utils::{collect_columns, reassign_expr_columns};

use crate::NpzDataset;
use crate::convert::{to_u64, to_usize};
use crate::dataset::{NumberedShard, ScanReader};

/// Columns of at most so many bytes a row are narrow.
const NARROW: usize = 16;
/// What reading later must spare, as a multiple of what is read first.
const WORTH: usize = 4;
/// A guess at what text, bytes and lists take, of which the schema does not tell.
const VARIABLE: usize = 64;
/// Rows without a match are read nevertheless if they take fewer bytes than this: one read is cheaper than two.
const GAP_BYTES: u64 = 64 << 10;

/// The bytes of one value, as far as its type tells.
fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeList(item, len) => {
            width(item.data_type()).saturating_mul(usize::try_from(*len).unwrap_or(0))
        }
        DataType::FixedSizeBinary(len) => usize::try_from(*len).unwrap_or(0),
        DataType::Struct(fields) => {
            fields.iter().fold(0, |sum: usize, field| sum.saturating_add(width(field.data_type())))
        }
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(VARIABLE),
    }
}

/// True if a filter on these columns is cheap, and what is selected besides is not.
pub(super) fn is_worth(file_schema: &Schema, selected: &[usize], columns: &HashSet<Column>) -> bool {
    let width_of = |index: usize| file_schema.fields().get(index).map(|field| width(field.data_type()));
    let mut narrow = 0_usize;
    for column in columns {
        match width_of(column.index()) {
            Some(width) if width <= NARROW => narrow = narrow.saturating_add(width),
            _ => return false,
        }
    }
    let rest = selected.iter().filter(|&&index| columns.iter().all(|column| column.index() != index));
    let rest = rest.filter_map(|&index| width_of(index)).fold(0_usize, usize::saturating_add);
    !columns.is_empty() && rest >= narrow.saturating_mul(WORTH)
}

/// A filter, and the columns that it looks at.
#[derive(Debug)]
pub(super) struct Predicate {
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl Predicate {
    pub(super) fn try_new(filter: &Arc<dyn PhysicalExpr>, file_schema: &SchemaRef) -> Result<Self> {
        let mut indices: Vec<usize> = collect_columns(filter).iter().map(Column::index).collect();
        indices.sort_unstable();
        indices.dedup();
        let schema = Arc::new(file_schema.project(&indices)?);
        Ok(Self { expr: reassign_expr_columns(Arc::clone(filter), &schema)?, schema })
    }

    /// The columns that it looks at.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Which rows are left; a null is none.
    fn rows(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let array = self.expr.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = array.as_boolean_opt().ok_or_else(|| exec_datafusion_err!("a filter is no Boolean"))?;
        Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
    }
}

/// Reads the rows of a shard that a filter leaves.
#[derive(Debug)]
pub(super) struct FilteredReader {
    pub(super) dataset: NpzDataset,
    pub(super) shard: NumberedShard,
    pub(super) predicate: Arc<Predicate>,
    pub(super) schema: SchemaRef,
    /// The rows that are still to be looked at.
    rows: Range<u64>,
    /// How many are looked at together.
    step: u64,
    /// The fields that the filter does not need.
    rest: Vec<FieldRef>,
    rest_row_len: u64,
    ready: VecDeque<RecordBatch>,
}

impl FilteredReader {
    pub(super) fn new(
        dataset: &NpzDataset,
        shard: NumberedShard,
        rows: Range<u64>,
        predicate: Arc<Predicate>,
        schema: SchemaRef,
    ) -> Self {
        let rest: Vec<FieldRef> =
            schema.fields().iter().filter(|field| !has(&predicate.schema, field)).cloned().collect();
        let row_len = |fields: &mut dyn Iterator<Item = &FieldRef>| {
            fields.fold(0_u64, |sum, field| {
                let len = shard.info.column(field.name(), 0).map_or(0, |column| column.payload_len);
                sum.saturating_add(len.checked_div(shard.info.rows.max(1)).unwrap_or(0))
            })
        };
        let rest_row_len = row_len(&mut rest.iter());
        let all = rest_row_len.saturating_add(row_len(&mut predicate.schema.fields().iter())).max(1);
        let is_deflated =
            |field: &FieldRef| shard.info.column(field.name(), 0).is_some_and(|column| column.is_deflated);
        let step = if rest.iter().chain(predicate.schema.fields()).any(is_deflated) {
            // A deflated member is read from its beginning every time.
            rows.end.saturating_sub(rows.start)
        } else {
            dataset.options().batch_bytes.checked_div(all).unwrap_or(1)
        };
        let (dataset, step) = (dataset.clone(), step.max(1));
        Self { dataset, shard, predicate, schema, rows, step, rest, rest_row_len, ready: VecDeque::new() }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.rows.is_empty() {
                return Ok(None);
            }
            let block = self.rows.start..self.rows.start.saturating_add(self.step).min(self.rows.end);
            self.rows.start = block.end;
            self.read_block(&block)?;
        }
    }

    fn read_block(&mut self, block: &Range<u64>) -> Result<()> {
        let narrow = self.read(block.clone(), self.predicate.schema.fields().iter().cloned())?;
        let mask = self.predicate.rows(&narrow)?;
        for run in runs(&mask, self.rest_row_len) {
            let len = run.end.saturating_sub(run.start);
            let (mask, narrow) = (mask.slice(run.start, len), narrow.slice(run.start, len));
            let first = block.start.saturating_add(to_u64(run.start));
            let wide = self.read(first..first.saturating_add(to_u64(len)), self.rest.iter().cloned())?;
            let is_all = mask.true_count() == mask.len();
            let filter = FilterBuilder::new(&mask).optimize().build();
            let mut arrays = Vec::with_capacity(self.schema.fields().len());
            for field in self.schema.fields() {
                let batch = if has(&self.predicate.schema, field) { &narrow } else { &wide };
                let array = batch
                    .column_by_name(field.name())
                    .ok_or_else(|| exec_datafusion_err!("column {} was not read", field.name()))?;
                arrays.push(if is_all { Arc::clone(array) } else { filter.filter(array)? });
            }
            let options = RecordBatchOptions::new().with_row_count(Some(mask.true_count()));
            self.ready.push_back(RecordBatch::try_new_with_options(
                Arc::clone(&self.schema),
                arrays,
                &options,
            )?);
        }
        Ok(())
    }

    /// Reads rows of some columns as one batch.
    fn read(&self, rows: Range<u64>, fields: impl Iterator<Item = FieldRef>) -> Result<RecordBatch> {
        let fields: Vec<FieldRef> = fields.collect();
        let schema = Arc::new(Schema::new(fields.clone()));
        if fields.is_empty() {
            let options =
                RecordBatchOptions::new().with_row_count(Some(to_usize(rows.end.saturating_sub(rows.start))));
            return Ok(RecordBatch::try_new_with_options(schema, Vec::new(), &options)?);
        }
        let mut reader = ScanReader::of_shard(&self.dataset, &self.shard, rows, fields);
        let mut batches = Vec::new();
        while let Some(batch) = reader.next_batch()? {
            batches.push(batch);
        }
        Ok(match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => batch,
            Err(batches) => concat_batches(&schema, &batches)?,
        })
    }
}

impl Iterator for FilteredReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.rows.start = self.rows.end;
            self.ready.clear();
        }
        next.transpose()
    }
}

fn has(schema: &Schema, field: &FieldRef) -> bool {
    schema.fields().iter().any(|other| other.name() == field.name())
}

/// The rows to read: those that are left, and short gaps between them.
fn runs(mask: &BooleanArray, row_len: u64) -> Vec<Range<usize>> {
    let gap = GAP_BYTES.checked_div(row_len).map_or(usize::MAX, to_usize);
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (start, end) in SlicesIterator::new(mask) {
        match runs.last_mut() {
            Some(last) if start.saturating_sub(last.end) <= gap => last.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    #[test]
    fn rows_close_together_are_read_together() {
        let mask = |rows: &[usize]| (0..100).map(|row| Some(rows.contains(&row))).collect::<BooleanArray>();
        for (rows, row_len, expected) in [
            (&[][..], 1, &[][..]),
            (&[3, 4, 90], 1, &[(3, 91)]),
            (&[3, 4, 90], GAP_BYTES, &[(3, 5), (90, 91)]),
            (&[3, 5, 90], GAP_BYTES, &[(3, 6), (90, 91)]),
            (&[0, 99], 0, &[(0, 100)]),
        ] {
            let found: Vec<_> = runs(&mask(rows), row_len).iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(found, expected, "{rows:?}");
        }
    }

    #[test]
    fn what_is_worth_it() {
        let tensor = DataType::new_fixed_size_list(DataType::Float32, 128, true);
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("x", tensor, false),
            Field::new("name", DataType::Utf8, false),
        ]);
        let column = |name: &str| HashSet::from_iter([Column::new_with_schema(name, &schema).unwrap()]);
        for (filter, selected, expected) in [
            ("id", &[0, 1][..], true),
            ("id", &[0], false),
            ("id", &[2], true),
            ("x", &[0, 1], false),
            ("name", &[1], false),
        ] {
            assert_eq!(is_worth(&schema, selected, &column(filter)), expected, "{filter} {selected:?}");
        }
        assert!(!is_worth(&schema, &[1], &HashSet::new()));
    }
}
