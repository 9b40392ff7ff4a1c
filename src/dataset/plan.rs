//! Cutting a dataset into tasks that can be read anywhere.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::options::DatasetOptions;
use super::shard::ShardInfo;
use crate::arrow::RowLayout;

/// What one call of [`NpzDataset::read`](super::NpzDataset::read) reads. It can be serialised, and read by a
/// dataset that was made elsewhere from the same sources and options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// The shards, in order.
    pub shards: Vec<TaskShard>,
    /// The number of the first row over all shards.
    pub first_row: u64,
    /// The rows.
    pub num_rows: u64,
    /// The bytes of the payloads of these rows.
    pub bytes: u64,
}

/// Rows of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskShard {
    /// The file or URL.
    pub path: PathBuf,
    /// The size of the file when the task was planned; another one at reading is an error.
    pub size: u64,
    /// When the file was last written to, in nanoseconds since 1970; another time at reading is an error.
    pub modified: Option<u64>,
    /// The version of an object (its etag) when the task was planned; another one at reading is an error.
    pub version: Option<String>,
    /// The first row within the shard.
    pub start: u64,
    /// The row behind the last within the shard.
    pub end: u64,
}

/// Cuts shards into tasks: one a shard. With a target, larger shards are split if their rows can be had
/// anywhere, and smaller ones are put together. Archives that are one row each are put together always.
pub(super) fn plan(shards: &[Arc<ShardInfo>], options: &DatasetOptions, target: Option<u64>) -> Vec<Task> {
    let one_row = options.arrow.rows == RowLayout::Archive;
    let target = if one_row { target.or(Some(options.batch_bytes)) } else { target };
    let mut tasks: Vec<Task> = Vec::with_capacity(shards.len());
    let mut first_row = 0_u64;
    for shard in shards {
        let bytes = shard.payload_len();
        let is_split = !one_row && !shard.columns.iter().any(|column| column.is_deflated);
        let parts = target.filter(|_| is_split).map_or(1, |target| bytes.div_ceil(target.max(1)));
        let step = shard.rows.div_ceil(parts.clamp(1, shard.rows.max(1))).max(1);
        let mut start = 0_u64;
        while start < shard.rows.max(1) {
            let end = start.saturating_add(step).min(shard.rows);
            let rows = end.saturating_sub(start);
            let share = (u128::from(bytes) * u128::from(rows)).checked_div(u128::from(shard.rows));
            let bytes = share.map_or(bytes, |share| u64::try_from(share).unwrap_or(u64::MAX));
            let part = TaskShard {
                path: shard.path.to_path_buf(),
                size: shard.size,
                modified: shard.modified,
                version: shard.version.as_deref().map(str::to_owned),
                start,
                end,
            };
            match (tasks.last_mut(), target) {
                (Some(last), Some(target)) if last.bytes.saturating_add(bytes) <= target => {
                    last.shards.push(part);
                    last.num_rows = last.num_rows.saturating_add(rows);
                    last.bytes = last.bytes.saturating_add(bytes);
                }
                _ => tasks.push(Task { shards: vec![part], first_row, num_rows: rows, bytes }),
            }
            first_row = first_row.saturating_add(rows);
            start = start.saturating_add(step);
        }
    }
    tasks
}

impl ShardInfo {
    /// Returns the bytes of the payloads of all columns.
    pub fn payload_len(&self) -> u64 {
        let members = self.columns.iter().filter(|column| column.record_field.is_none_or(|field| field == 0));
        members.fold(0, |sum, column| sum.saturating_add(column.payload_len))
    }
}
