//! The columns of one shard, read batch by batch in the way that suits each.

use std::ops::Range;

use arrow_array::{Array as _, ArrayRef};

use super::assemble::{Part, convert};
use super::options::DatasetOptions;
use super::shard::ColumnInfo;
use crate::arrow::{self, RowLayout};
use crate::convert::to_usize;
use crate::error::{Error, ErrorKind, Result};
use crate::npz::place::Reading;
use crate::npz::stream::MemberStream;
use crate::rows::RowReader;
use crate::source::Source;

/// Reads the rows of one member in order.
#[derive(Debug)]
pub(super) struct MemberReader {
    column: ColumnInfo,
    way: Way,
}

/// How a member is read.
#[derive(Debug)]
enum Way {
    /// All at once, verified, then cut into batches.
    Whole(ArrayRef),
    /// Row by row from a stored member: the bytes of a batch alone.
    Rows,
    /// From the first row on, with the memory of a batch; verified behind the last row.
    Stream { stream: Box<MemberStream>, position: u64 },
    /// One value for every row.
    Repeated(ArrayRef),
}

impl MemberReader {
    /// Decides how a member is read for some rows of a shard. `fits` says that all that is wanted of the shard
    /// may be held in memory at once.
    pub(super) fn try_new(
        column: &ColumnInfo,
        part: &Part,
        fits: bool,
        reading: Reading<'_>,
        options: &DatasetOptions,
    ) -> Result<Self> {
        let header = &column.header;
        let is_shared = matches!(reading.source, Source::Memory(_)) && !column.is_deflated;
        let is_streamed = column.is_deflated || (part.is_whole() && !is_shared);
        let whole = || {
            if column.is_deflated {
                within_quota(column, options)?;
            }
            convert(column.place.read(header, reading)?, column, &options.arrow)
        };
        let way = if column.is_repeated {
            Way::Repeated(whole()?)
        } else if options.arrow.rows == RowLayout::Archive
            || (part.is_whole() && (fits || is_shared))
            || (column.is_deflated && (fits || !header.is_row_major()))
        {
            // Rows in Fortran order are scattered: a deflated member must then be held whole.
            Way::Whole(whole()?)
        } else if is_streamed && header.is_row_major() {
            let stream = MemberStream::try_new(reading.source, &column.place, header, reading.verify)?;
            Way::Stream { stream: Box::new(stream), position: 0 }
        } else {
            Way::Rows
        };
        Ok(Self { column: column.clone(), way })
    }

    pub(super) fn column(&self) -> &ColumnInfo {
        &self.column
    }

    /// Reads the given rows of the shard, which must lie behind those of the call before.
    pub(super) fn read(
        &mut self,
        rows: &Range<u64>,
        reading: Reading<'_>,
        options: &DatasetOptions,
    ) -> Result<ArrayRef> {
        let count = rows.end.saturating_sub(rows.start);
        match &mut self.way {
            Way::Whole(array) => {
                let offset = to_usize(rows.start).min(array.len());
                Ok(array.slice(offset, to_usize(count).min(array.len().saturating_sub(offset))))
            }
            Way::Repeated(array) => arrow::repeat(array, to_usize(count)),
            Way::Rows => {
                let header = &self.column.header;
                let (source, threads, interrupt) = (reading.source, reading.threads, reading.interrupt);
                let payload = self.column.place.payload(header);
                let array = RowReader { source, header, payload, threads, interrupt }.read(rows.clone())?;
                convert(array, &self.column, &options.arrow)
            }
            Way::Stream { stream, position } => {
                let row_len = self.column.header.row_len().max(1);
                let step = options.batch_bytes.checked_div(row_len).unwrap_or(1).max(1);
                while *position < rows.start {
                    let skipped = rows.start.saturating_sub(*position).min(step);
                    stream.next_rows(skipped, reading.interrupt)?;
                    *position = position.saturating_add(skipped);
                }
                *position = rows.end;
                convert(stream.next_rows(count, reading.interrupt)?, &self.column, &options.arrow)
            }
        }
    }
}

/// An error if a deflated member that must be held whole is larger than that is allowed to be.
fn within_quota(column: &ColumnInfo, options: &DatasetOptions) -> Result<()> {
    let (value, limit) = (column.place.declared_len(), options.open.max_uncompressed);
    if value <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded { what: "declared size of a deflated member", value, limit }))
}
