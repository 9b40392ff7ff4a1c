//! What headers promise about a shard: its rows, exactly, and what its columns take.

use arrow_schema::Schema;
use datafusion_common::stats::Precision;
use datafusion_common::{ColumnStatistics, ScalarValue, Statistics};

use crate::convert::to_usize;
use crate::dataset::ShardInfo;

/// The statistics of one shard: a column for each of the file's schema, then one for each partition value.
///
/// The reader keeps the promise: a member that has fewer rows than its header says is an error.
pub(super) fn of_shard(
    info: &ShardInfo,
    file_schema: &Schema,
    partition_values: &[ScalarValue],
) -> Statistics {
    let rows = to_usize(info.rows);
    let mut columns: Vec<ColumnStatistics> = Vec::with_capacity(file_schema.fields().len());
    for (usual, field) in file_schema.fields().iter().enumerate() {
        let column = match info.column(field.name(), usual) {
            Some(column) => ColumnStatistics {
                // NaT is null, and only the payload tells how many there are.
                null_count: if column.field.is_nullable() { Precision::Absent } else { Precision::Exact(0) },
                byte_size: Precision::Inexact(to_usize(column.payload_len)),
                ..ColumnStatistics::new_unknown()
            },
            None => ColumnStatistics {
                null_count: Precision::Exact(rows),
                byte_size: Precision::Exact(0),
                ..ColumnStatistics::new_unknown()
            },
        };
        columns.push(column);
    }
    columns.extend(partition_values.iter().map(|value| of_constant(value, rows)));
    Statistics {
        num_rows: Precision::Exact(rows),
        total_byte_size: Precision::Inexact(to_usize(info.payload_len())),
        column_statistics: columns,
    }
}

fn of_constant(value: &ScalarValue, rows: usize) -> ColumnStatistics {
    if value.is_null() {
        return ColumnStatistics { null_count: Precision::Exact(rows), ..ColumnStatistics::new_unknown() };
    }
    ColumnStatistics {
        null_count: Precision::Exact(0),
        min_value: Precision::Exact(value.clone()),
        max_value: Precision::Exact(value.clone()),
        distinct_count: Precision::Exact(1),
        ..ColumnStatistics::new_unknown()
    }
}
