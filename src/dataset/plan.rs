//! Cutting a dataset into tasks that can be read anywhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::options::DatasetOptions;
use super::shard::ShardInfo;

/// Rows of one shard: what one call of [`NpzDataset::read`](super::NpzDataset::read) reads. It can be
/// serialised, and read by a dataset that was made elsewhere from the same sources and options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// The shard.
    pub path: PathBuf,
    /// The size of the shard's file when the task was planned; another one at reading is an error.
    pub size: u64,
    /// The first row within the shard.
    pub start: u64,
    /// The row behind the last within the shard.
    pub end: u64,
    /// The number of the first row over all shards.
    pub first_row: u64,
    /// The bytes of the payloads of these rows.
    pub bytes: u64,
}

/// Cuts shards into tasks: one a shard, or several if it is larger than `max_bytes` and its rows can be had
/// anywhere.
pub(super) fn plan(shards: &[ShardInfo], options: &DatasetOptions, max_bytes: Option<u64>) -> Vec<Task> {
    let mut tasks = Vec::with_capacity(shards.len());
    let mut first_row = 0_u64;
    for shard in shards {
        let bytes = shard.columns.iter().fold(0_u64, |sum, column| sum.saturating_add(column.payload_len));
        let is_split = options.arrow.rows == crate::arrow::RowLayout::Axis0
            && !shard.columns.iter().any(|column| column.is_deflated);
        let parts = max_bytes
            .filter(|_| is_split)
            .map_or(1, |max| bytes.div_ceil(max.max(1)))
            .clamp(1, shard.rows.max(1));
        let step = shard.rows.div_ceil(parts).max(1);
        let mut start = 0_u64;
        loop {
            let end = start.saturating_add(step).min(shard.rows);
            let share = (u128::from(bytes) * u128::from(end.saturating_sub(start)))
                .checked_div(u128::from(shard.rows));
            tasks.push(Task {
                path: shard.path.to_path_buf(),
                size: shard.size,
                start,
                end,
                first_row: first_row.saturating_add(start),
                bytes: share.map_or(bytes, |share| u64::try_from(share).unwrap_or(u64::MAX)),
            });
            start = end;
            if start >= shard.rows {
                break;
            }
        }
        first_row = first_row.saturating_add(shard.rows);
    }
    tasks
}
