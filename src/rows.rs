//! Some rows of an array, without the others.

use std::ops::Range;

use crate::aligned::AlignedBuf;
use crate::array::{NpyArray, OwnedPayload, Payload};
use crate::arrow::Origin;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::npy::Header;
use crate::source::{Source, range_len, slice};

/// Where an array's payload lies, and how to read it.
#[derive(Debug)]
pub(crate) struct RowReader<'a> {
    pub(crate) source: &'a Source,
    pub(crate) header: &'a Header,
    /// The range of the payload in the source.
    pub(crate) payload: Range<u64>,
    pub(crate) threads: usize,
    pub(crate) interrupt: &'a Interrupt,
}

impl RowReader<'_> {
    /// Reads rows: shares them if they lie in memory one behind the other, else reads or gathers just their
    /// bytes. Nothing is verified, since a checksum covers whole members.
    pub(crate) fn read(&self, rows: Range<u64>) -> Result<NpyArray> {
        let all = self.header.shape().rows();
        if rows.start > rows.end || rows.end > all {
            let (what, value, limit) = ("row", rows.end.max(rows.start), all);
            return Err(Error::new(ErrorKind::LimitExceeded { what, value, limit }));
        }
        let header = self.header.with_rows(rows.end.saturating_sub(rows.start))?;
        if self.header.is_row_major() {
            let row_len = self.header.row_len();
            let start = self.payload.start.saturating_add(rows.start.saturating_mul(row_len));
            let range = start..start.saturating_add(header.payload_len());
            let payload = self.contiguous(&range)?;
            return Ok(NpyArray::from_parts(header, payload));
        }
        let payload = self.gather(&header, &rows)?;
        Ok(NpyArray::from_parts(header, payload))
    }

    fn contiguous(&self, range: &Range<u64>) -> Result<Payload> {
        match self.source {
            Source::Memory(memory) => Ok(Payload::Shared(memory.slice_checked(range)?)),
            source => {
                let mut buffer = AlignedBuf::zeroed(range_len(range, source.len())?)?;
                let out = buffer.as_mut_slice();
                source.read_with_crc32(range.start, out, false, self.threads, self.interrupt)?;
                let len = buffer.as_slice().len();
                Ok(Payload::Owned(OwnedPayload::new(buffer, 0..len, Origin::Read)))
            }
        }
    }

    /// In Fortran order each position behind the first axis has a run of all rows: takes the part of each
    /// run that is wanted.
    fn gather(&self, header: &Header, rows: &Range<u64>) -> Result<Payload> {
        let item_size = self.header.dtype().item_size();
        let len = usize::try_from(header.payload_len())
            .map_err(|_| Error::new(ErrorKind::Allocation { len: header.payload_len() }))?;
        let mut buffer = AlignedBuf::zeroed(len)?;
        let run = rows.end.saturating_sub(rows.start).saturating_mul(item_size);
        let stride = self.header.shape().rows().saturating_mul(item_size);
        let mut start = self.payload.start.saturating_add(rows.start.saturating_mul(item_size));
        let step = usize::try_from(run).unwrap_or(usize::MAX).max(1);
        for out in buffer.as_mut_slice().chunks_mut(step) {
            self.interrupt.check()?;
            match self.source {
                Source::Memory(memory) => {
                    let range = start..start.saturating_add(to_u64(out.len()));
                    out.copy_from_slice(slice(memory.bytes(), &range)?);
                }
                source => {
                    source.read_with_crc32(start, out, false, 1, self.interrupt)?;
                }
            }
            start = start.saturating_add(stride);
        }
        Ok(Payload::Owned(OwnedPayload::new(buffer, 0..len, Origin::Read)))
    }
}
