//! The columns of a batch that do not come from members, and the batch.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array as _, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt64Array, new_null_array,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};

use super::hive;
use super::options::DatasetOptions;
use super::origin::Origin;
use super::shard::{ColumnInfo, ShardInfo};
use crate::array::NpyArray;
use crate::arrow::ArrowOptions;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};

/// The columns that a scan was asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) columns: Vec<(FieldRef, Origin)>,
    pub(super) schema: SchemaRef,
}

/// Part of one shard that are part of a batch.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) shard: Arc<ShardInfo>,
    /// The rows within the shard.
    pub(super) rows: Range<u64>,
    /// The number of the shard's first row over all shards.
    pub(super) first_row: u64,
}

impl Part {
    pub(super) fn len(&self) -> u64 {
        self.rows.end.saturating_sub(self.rows.start)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.rows.start == 0 && self.rows.end == self.shard.rows
    }
}

impl Wanted {
    pub(super) fn new(columns: Vec<(FieldRef, Origin)>) -> Self {
        let fields: Vec<FieldRef> = columns.iter().map(|(field, _)| Arc::clone(field)).collect();
        Self { columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// The column of a shard for each column that is wanted.
    pub(super) fn of<'a>(&self, shard: &'a ShardInfo) -> Vec<Option<&'a ColumnInfo>> {
        let columns = self.columns.iter().enumerate().map(|(usual, (field, origin))| {
            (*origin == Origin::Member).then(|| shard.column(field.name(), usual)).flatten()
        });
        columns.collect()
    }

    /// The bytes that a row of a shard takes, with what is added.
    pub(super) fn row_len(&self, shard: &ShardInfo, options: &DatasetOptions) -> u64 {
        let mut seen: Vec<usize> = Vec::new();
        let mut len = 0_u64;
        for column in self.of(shard).into_iter().flatten() {
            if !seen.contains(&column.member) {
                seen.push(column.member);
                len = len.saturating_add(column.row_len(options.arrow.rows));
            }
        }
        for (_, origin) in &self.columns {
            len = len.saturating_add(match origin {
                Origin::Member => 0,
                Origin::Path => to_u64(shard.path.as_os_str().len()),
                Origin::Hive(_) | Origin::RowIndex => 8,
            });
        }
        len
    }

    /// Makes a batch of the arrays of members, one for each column that has one, and of what is known of the
    /// shards that the rows are from.
    pub(super) fn batch(
        &self,
        members: Vec<Option<ArrayRef>>,
        rows: &[Part],
        options: &DatasetOptions,
    ) -> Result<RecordBatch> {
        let count = to_usize(rows.iter().fold(0, |sum, rows| sum.saturating_add(rows.len())));
        let mut arrays = Vec::with_capacity(self.columns.len());
        for ((field, origin), array) in self.columns.iter().zip(members) {
            arrays.push(match (origin, array) {
                (Origin::Member, Some(array)) => {
                    let cast = options.widen || options.conversion.is_cast();
                    // Rows of several shards are of one type already, so that any of them is the one to blame.
                    conform(array, field, cast).map_err(|error| match rows {
                        [rows, ..] => error.in_path(&rows.shard.path),
                        [] => error,
                    })?
                }
                (Origin::Member, None) => new_null_array(field.data_type(), count),
                (Origin::Hive(key_type), _) => {
                    let values = rows.iter().map(|rows| {
                        let pairs = hive::parse(&rows.shard.path);
                        let found = pairs.into_iter().find(|(key, _)| key == field.name());
                        (found.and_then(|(_, value)| value), to_usize(rows.len()))
                    });
                    key_type.array(&values.collect::<Vec<_>>())
                }
                (Origin::Path, _) => {
                    let paths = rows.iter().flat_map(|rows| {
                        let path = rows.shard.path.to_string_lossy();
                        std::iter::repeat_n(Some(path), to_usize(rows.len()))
                    });
                    Arc::new(paths.collect::<StringArray>())
                }
                (Origin::RowIndex, _) => {
                    let numbers = rows.iter().flat_map(|rows| {
                        let number = |row: u64| rows.first_row.saturating_add(row);
                        number(rows.rows.start)..number(rows.rows.end)
                    });
                    Arc::new(UInt64Array::from_iter_values(numbers))
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

/// Makes a column of an array, or takes a field of its records.
pub(super) fn column_of(array: &ArrayRef, column: &ColumnInfo) -> Option<ArrayRef> {
    match column.record_field {
        None => Some(Arc::clone(array)),
        Some(index) => array.as_struct_opt()?.columns().get(index).map(Arc::clone),
    }
}

/// Makes the Arrow array of a member.
pub(super) fn convert(array: NpyArray, column: &ColumnInfo, options: &ArrowOptions) -> Result<ArrayRef> {
    array.into_column(column.field.name(), options).map(|column| column.array)
}

/// Makes an array what the schema says, or says why it is not.
fn conform(array: ArrayRef, field: &FieldRef, cast: bool) -> Result<ArrayRef> {
    if array.data_type() == field.data_type() {
        return Ok(array);
    }
    if cast {
        // A value that does not fit is an error, not a null.
        let options = CastOptions { safe: false, ..CastOptions::default() };
        return cast_with_options(&array, field.data_type(), &options)
            .map_err(|error| Error::from(error).in_entry(field.name()));
    }
    let expected: Box<DataType> = Box::new(field.data_type().clone());
    let actual = Box::new(array.data_type().clone());
    Err(Error::new(ErrorKind::SchemaMismatch { field: field.name().clone(), expected, actual }))
}
