//! The columns of one shard, read batch by batch in the way that suits each.

use std::ops::Range;

use arrow_array::{Array as _, ArrayRef};

use super::options::DatasetOptions;
use super::shard::{ColumnInfo, Shard};
use crate::array::Column;
use crate::arrow::{self, RowLayout};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::npz::stream::MemberStream;

/// Reads the rows of one member in order.
#[derive(Debug)]
pub(super) struct MemberReader {
    pub(super) member: usize,
    way: Way,
}

/// How a member is read.
#[derive(Debug)]
enum Way {
    /// All at once, verified, then cut into batches. The array begins at row `start` of the shard.
    Whole { columns: Vec<Column>, start: u64 },
    /// Row by row from a stored member: the bytes of a batch alone, unverified.
    Rows,
    /// From the first row on, with the memory of a batch; verified behind the last row.
    Stream { stream: MemberStream, position: u64 },
    /// One value for every row.
    Repeated { columns: Vec<Column> },
}

impl MemberReader {
    /// Decides how a member is read for the given rows of a shard that has `shard_rows`.
    pub(super) fn try_new(
        shard: &Shard,
        column: &ColumnInfo,
        rows: &Range<u64>,
        shard_rows: u64,
        batch_rows: u64,
        options: &DatasetOptions,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let member = column.member;
        let whole = || shard.columns(member, shard.whole(member, interrupt)?, options);
        let is_all = rows.start == 0 && rows.end == shard_rows;
        let one_batch = rows.end.saturating_sub(rows.start) <= batch_rows;
        let fits = column.payload_len <= options.batch_bytes;
        let way = if column.is_repeated {
            Way::Repeated { columns: whole()? }
        } else if options.arrow.rows == RowLayout::Archive
            || (is_all && one_batch)
            || (column.is_deflated && fits)
        {
            Way::Whole { columns: whole()?, start: 0 }
        } else if column.is_deflated || (is_all && !shard.is_in_memory()) {
            match shard.stream(member)?.filter(MemberStream::is_row_major) {
                Some(stream) => Way::Stream { stream, position: 0 },
                // Rows in Fortran order are scattered: a deflated member must be held whole.
                None if column.is_deflated => Way::Whole { columns: whole()?, start: 0 },
                None => Way::Rows,
            }
        } else {
            if is_all {
                shard.verify(member, interrupt)?;
            }
            Way::Rows
        };
        Ok(Self { member, way })
    }

    /// Reads the given rows of the shard, which must lie behind those of the call before.
    pub(super) fn read(
        &mut self,
        shard: &Shard,
        rows: &Range<u64>,
        options: &DatasetOptions,
        interrupt: &Interrupt,
    ) -> Result<Vec<ArrayRef>> {
        let count = rows.end.saturating_sub(rows.start);
        let len = usize::try_from(count).unwrap_or(usize::MAX);
        let arrays = |columns: Vec<Column>| columns.into_iter().map(|column| column.array).collect();
        match &mut self.way {
            Way::Whole { columns, start } => {
                let offset = usize::try_from(rows.start.saturating_sub(*start)).unwrap_or(usize::MAX);
                Ok(columns.iter().map(|column| slice(&column.array, offset, len)).collect())
            }
            Way::Repeated { columns } => {
                columns.iter().map(|column| arrow::repeat(&column.array, len)).collect()
            }
            Way::Rows => {
                let array = shard.rows(self.member, rows.clone(), interrupt)?;
                Ok(arrays(shard.columns(self.member, array, options)?))
            }
            Way::Stream { stream, position } => {
                let step = options.batch_bytes.checked_div(stream.row_len().max(1)).unwrap_or(1).max(1);
                while *position < rows.start {
                    let skipped = rows.start.saturating_sub(*position).min(step);
                    stream.next_rows(skipped, interrupt).map_err(|error| shard.locate(error, self.member))?;
                    *position = position.saturating_add(skipped);
                }
                let array =
                    stream.next_rows(count, interrupt).map_err(|error| shard.locate(error, self.member))?;
                *position = rows.end;
                Ok(arrays(shard.columns(self.member, array, options)?))
            }
        }
    }
}

fn slice(array: &ArrayRef, offset: usize, len: usize) -> ArrayRef {
    let offset = offset.min(array.len());
    array.slice(offset, len.min(array.len().saturating_sub(offset)))
}
