//! One member before it is written: its NPY header, and where its payload is.

use std::io::Write;

use crate::checksum::combine_crc32;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Header;
use crate::sink::Counted;
use crate::spool::Content;

/// What is taken from a temporary file at a time.
const PIECE_LEN: usize = 1 << 20;

/// A member, to be stored or deflated.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// The name, with its `.npy`.
    pub(super) name: String,
    /// The NPY header as it is written.
    pub(super) header: Vec<u8>,
    pub(super) payload: Content<'a>,
}

impl<'a> Member<'a> {
    /// An array as it is.
    pub(super) fn of_array(name: &str, header: &Header, payload: &'a [u8]) -> Result<Self> {
        check_payload(header, payload).map_err(|error| error.in_entry(name))?;
        Ok(Self::new(name, header, Content::Borrowed(payload)))
    }

    /// An array whose payload fits its header.
    pub(super) fn new(name: &str, header: &Header, payload: Content<'a>) -> Self {
        Self { name: format!("{name}.npy"), header: header.to_bytes(), payload }
    }

    /// The bytes before the payload.
    pub(super) fn lead(&self) -> u64 {
        to_u64(self.header.len())
    }

    /// All bytes.
    pub(super) fn len(&self) -> u64 {
        self.lead().saturating_add(self.payload.len())
    }

    pub(super) fn crc32(&self, threads: usize) -> u32 {
        let header = crc32fast::hash(&self.header);
        combine_crc32(header, self.payload.crc32(threads), self.payload.len())
    }

    /// Writes all bytes.
    pub(super) fn write_to<W: Write>(&self, output: &mut Counted<W>) -> Result<()> {
        output.put(&self.header)?;
        put(&self.payload, output)
    }
}

/// Refuses a payload that is not what the header says.
pub(crate) fn check_payload(header: &Header, payload: &[u8]) -> Result<()> {
    if header.dtype().has_objects() {
        return Err(Error::new(ErrorKind::ObjectDtype { descr: header.dtype().quoted() }));
    }
    let (expected, actual) = (header.payload_len(), to_u64(payload.len()));
    if expected == actual {
        return Ok(());
    }
    let (shape, descr) = (header.shape().to_vec(), header.dtype().quoted());
    Err(Error::new(ErrorKind::PayloadSize { shape, descr, expected, actual }))
}

/// Writes a payload: at once from memory, in pieces from a file.
pub(crate) fn put<W: Write>(content: &Content<'_>, output: &mut Counted<W>) -> Result<()> {
    let piece_len = if matches!(content, Content::File { .. }) { PIECE_LEN } else { usize::MAX };
    let mut start = 0;
    while start < content.len() {
        let piece = content.get(start, piece_len)?;
        output.put(&piece)?;
        start = start.saturating_add(to_u64(piece.len()));
    }
    Ok(())
}
