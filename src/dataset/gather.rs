//! Many whole shards as one batch: each member goes straight to its place in the buffer of its column.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};

use super::assemble::{Part, column_of, convert};
use super::job::Context;
use super::shard::{ColumnInfo, Opened};
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::{Origin, RowLayout};
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Header;
use crate::npz::place::{Reading, Scratch, allocatable};
use crate::parallel;

/// What came of a group of shards.
pub(super) struct Gathered {
    /// The rows of the shards before the first that failed.
    pub(super) batch: Option<RecordBatch>,
    /// The shards that failed, by their place in the group.
    pub(super) failed: Vec<(usize, Error)>,
}

/// The parts of the buffers that one shard fills, a slice for each member.
type Slices<'a> = Vec<&'a mut [u8]>;

/// Reads shards that all have the same columns into one batch.
///
/// # Errors
///
/// What concerns no single shard, such as too little memory.
pub(super) fn gather(group: &[Part], context: &Context, threads: usize) -> Result<Gathered> {
    let wanted: Vec<_> = group.iter().map(|rows| context.wanted.of(&rows.shard)).collect();
    let members: Vec<Vec<&ColumnInfo>> = wanted.iter().map(|columns| distinct(columns)).collect();
    let Some((first, layout)) = members.first().zip(wanted.first()) else {
        return Ok(Gathered { batch: None, failed: Vec::new() });
    };
    let rows = group.iter().fold(0_u64, |sum, rows| sum.saturating_add(rows.len()));
    let mut buffers = Vec::with_capacity(first.len());
    for column in first {
        let row_len = column.row_len(context.inner.options.arrow.rows);
        buffers.push(AlignedBuf::zeroed(allocatable(row_len.saturating_mul(rows))?)?);
    }
    let failed = fill(&members, group, &mut buffers, context, threads);
    let whole = failed.first().map_or(group.len(), |(index, _)| *index);
    let group = group.get(..whole).unwrap_or_default();
    if group.is_empty() {
        return Ok(Gathered { batch: None, failed });
    }
    let rows = group.iter().fold(0_u64, |sum, rows| sum.saturating_add(rows.len()));
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(first.len());
    for (column, buffer) in first.iter().zip(buffers) {
        let path = group.first().map_or_else(|| "".as_ref(), |rows| rows.shard.path.as_ref());
        arrays.push(finish(column, buffer, rows, context).map_err(|error| column.locate(error, path))?);
    }
    let columns = layout.iter().map(|column| {
        let column = (*column)?;
        let place = first.iter().position(|member| member.member == column.member)?;
        arrays.get(place).and_then(|array| column_of(array, column))
    });
    let batch = context.wanted.batch(columns.collect(), group, &context.inner.options)?;
    Ok(Gathered { batch: Some(batch), failed })
}

/// The members that are read: fields of records share one.
fn distinct<'a>(columns: &[Option<&'a ColumnInfo>]) -> Vec<&'a ColumnInfo> {
    let mut members: Vec<&ColumnInfo> = Vec::with_capacity(columns.len());
    for column in columns.iter().flatten() {
        if !members.iter().any(|member| member.member == column.member) {
            members.push(column);
        }
    }
    members
}

/// Reads every member of every shard into its place. Returns the shards that failed, in order.
fn fill(
    members: &[Vec<&ColumnInfo>],
    group: &[Part],
    buffers: &mut [AlignedBuf],
    context: &Context,
    threads: usize,
) -> Vec<(usize, Error)> {
    let layout = context.inner.options.arrow.rows;
    let mut rests: Slices<'_> = buffers.iter_mut().map(AlignedBuf::as_mut_slice).collect();
    let mut jobs: Vec<(usize, usize, Mutex<Slices<'_>>)> = Vec::new();
    let mut costs = Vec::new();
    // With fewer shards than threads, members are worth a job each.
    let by_shard = group.len() >= threads;
    for (shard, (rows, columns)) in group.iter().zip(members).enumerate() {
        let mut slices: Slices<'_> = Vec::with_capacity(columns.len());
        let mut cost = 0_u64;
        for (member, (column, rest)) in columns.iter().zip(&mut rests).enumerate() {
            let len = to_usize(column.row_len(layout).saturating_mul(rows.len()));
            let (slice, behind) = std::mem::take(rest).split_at_mut_checked(len).unwrap_or_default();
            *rest = behind;
            let weight = if column.is_deflated { 4 } else { 1 };
            cost = cost.saturating_add(to_u64(len).saturating_mul(weight));
            slices.push(slice);
            if !by_shard {
                jobs.push((shard, member, Mutex::new(std::mem::take(&mut slices))));
                costs.push(std::mem::take(&mut cost));
            }
        }
        if by_shard {
            jobs.push((shard, 0, Mutex::new(slices)));
            costs.push(cost);
        }
    }
    let job_threads = threads.checked_div(jobs.len()).unwrap_or(1).max(1);
    let results = parallel::map_with(&costs, threads, Scratch::default, |scratch, index| {
        let (shard, member, slices) = jobs.get(index)?;
        let slices = std::mem::take(&mut *slices.lock().unwrap_or_else(PoisonError::into_inner));
        let columns = members.get(*shard)?.get(*member..)?;
        fill_shard(group.get(*shard)?, columns, slices, context, job_threads, scratch).err()
    });
    drop(rests);
    let mut failed: Vec<(usize, Error)> = Vec::new();
    for ((shard, ..), error) in jobs.iter().zip(results) {
        if let Some(error) = error.filter(|_| failed.last().is_none_or(|(last, _)| last != shard)) {
            failed.push((*shard, error));
        }
    }
    failed
}

/// Reads members of one shard into their places.
fn fill_shard(
    rows: &Part,
    columns: &[&ColumnInfo],
    slices: Slices<'_>,
    context: &Context,
    threads: usize,
    scratch: &mut Scratch,
) -> Result<()> {
    context.interrupt.check()?;
    let options = &context.inner.options;
    let source = Opened::again(&rows.shard, options)?;
    let (verify, interrupt) = (options.open.verify, &context.interrupt);
    let reading = Reading { source: &source, verify, threads, interrupt };
    let ahead: Vec<_> = columns.iter().take(slices.len()).map(|column| column.place.data()).collect();
    source.fetch_ahead(&ahead, interrupt).map_err(|error| error.in_path(&rows.shard.path))?;
    for (column, slice) in columns.iter().zip(slices) {
        let header = &column.header;
        let read = if column.is_repeated {
            let value = to_usize(column.payload_len).min(slice.len());
            let (value, rest) = slice.split_at_mut(value);
            let read = column.place.read_rows_into(header, reading, value, scratch);
            rest.chunks_exact_mut(value.len().max(1)).for_each(|row| row.copy_from_slice(value));
            read
        } else {
            column.place.read_rows_into(header, reading, slice, scratch)
        };
        read.map_err(|error| column.locate(error, &rows.shard.path))?;
    }
    Ok(())
}

/// Makes the Arrow array of a filled buffer, of which the first rows count.
fn finish(column: &ColumnInfo, buffer: AlignedBuf, rows: u64, context: &Context) -> Result<ArrayRef> {
    let options = &context.inner.options.arrow;
    let header = stacked(&column.header, rows, options.rows)?;
    let len = allocatable(header.payload_len())?;
    let payload = Payload::Owned(OwnedPayload::new(buffer, 0..len, Origin::Read));
    convert(NpyArray::from_parts(header, payload), column, &options.clone().with_rows(RowLayout::Axis0))
}

/// The header of many rows one behind the other, or of many arrays if each of them is a row.
fn stacked(header: &Header, rows: u64, layout: RowLayout) -> Result<Header> {
    let cell = if layout == RowLayout::Archive { header.shape() } else { header.shape().inner() };
    header.with_shape(std::iter::once(rows).chain(cell.iter().copied()).collect())
}

/// True if the rows of two shards can lie in the same buffers.
pub(super) fn is_alike(a: &Part, b: &Part, context: &Context) -> bool {
    if Arc::ptr_eq(&a.shard, &b.shard) {
        return true;
    }
    let layout = context.inner.options.arrow.rows;
    let (a, b) = (context.wanted.of(&a.shard), context.wanted.of(&b.shard));
    a.iter().zip(&b).all(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => {
            a.record_field == b.record_field && a.is_repeated == b.is_repeated && a.is_like(&b.header, layout)
        }
        (None, None) => true,
        _ => false,
    })
}

/// An error for a shard that does not fit the group's error policy.
pub(super) fn first_error(failed: Vec<(usize, Error)>) -> Error {
    let first = failed.into_iter().next().map(|(_, error)| error);
    first.unwrap_or_else(|| Error::new(ErrorKind::Interrupted))
}
