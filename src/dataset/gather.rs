//! Many whole shards as one batch: each member goes straight to its place in the buffer of its column.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};

use super::assemble::{Part, column_of, convert};
use super::job::Context;
use super::opened::Opened;
use super::shard::ColumnInfo;
use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::{Origin, RowLayout, variable_array};
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
    for (place, column) in first.iter().enumerate() {
        let len = if is_variable(column, context) {
            cells(&members, place).fold(0_u64, |sum, cell| sum.saturating_add(cell.payload_len))
        } else {
            column.row_len(context.inner.options.arrow.rows).saturating_mul(rows)
        };
        buffers.push(AlignedBuf::zeroed(allocatable(len)?)?);
    }
    let failed = fill(&members, group, &mut buffers, context, threads);
    let whole = failed.first().map_or(group.len(), |(index, _)| *index);
    let group = group.get(..whole).unwrap_or_default();
    if group.is_empty() {
        return Ok(Gathered { batch: None, failed });
    }
    let rows = group.iter().fold(0_u64, |sum, rows| sum.saturating_add(rows.len()));
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(first.len());
    for (place, (column, buffer)) in first.iter().zip(buffers).enumerate() {
        let path = group.first().map_or_else(|| "".as_ref(), |rows| rows.shard.path.as_ref());
        let finished = if is_variable(column, context) {
            let cells: Vec<_> = cells(members.get(..whole).unwrap_or_default(), place).collect();
            finish_variable(column, &cells, buffer, context)
        } else {
            finish(column, buffer, rows, context)
        };
        arrays.push(finished.map_err(|error| column.locate(error, path))?);
    }
    let columns = layout.iter().map(|column| {
        let column = (*column)?;
        let place = first.iter().position(|member| member.member == column.member)?;
        arrays.get(place).and_then(|array| column_of(array, column))
    });
    let batch = context.wanted.batch(columns.collect(), group, &context.inner.options)?;
    Ok(Gathered { batch: Some(batch), failed })
}

/// True if the cells of a column may differ in shape.
fn is_variable(column: &ColumnInfo, context: &Context) -> bool {
    context.inner.options.arrow.is_variable() && !column.header.shape().is_empty()
}

/// The members at one place, of one shard after the other.
fn cells<'a>(members: &'a [Vec<&ColumnInfo>], place: usize) -> impl Iterator<Item = &'a ColumnInfo> {
    members.iter().filter_map(move |columns| columns.get(place).copied())
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

/// Makes the Arrow array of a buffer that is filled with cells of several shapes, of which the given ones count.
fn finish_variable(
    column: &ColumnInfo,
    cells: &[&ColumnInfo],
    buffer: AlignedBuf,
    context: &Context,
) -> Result<ArrayRef> {
    let shapes = || cells.iter().map(|cell| &cell.header.shape()[..]);
    let count = cells.iter().fold(0_u64, |sum, cell| sum.saturating_add(cell.header.shape().element_count()));
    let header = column.header.with_shape(vec![count])?;
    let payload = OwnedPayload::new(buffer, 0..allocatable(header.payload_len())?, Origin::Read);
    let options = context.inner.options.arrow.clone().with_rows(RowLayout::Axis0);
    let items = convert(NpyArray::from_parts(header, Payload::Owned(payload)), column, &options)?;
    variable_array(items, column.field.data_type(), shapes())
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
    let options = &context.inner.options.arrow;
    let (a, b) = (context.wanted.of(&a.shard), context.wanted.of(&b.shard));
    a.iter().zip(&b).all(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => {
            a.record_field == b.record_field
                && a.is_repeated == b.is_repeated
                && a.is_like(&b.header, options)
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
