//! The local file header, which must agree with the directory (APPNOTE 4.3.7).

use std::ops::Range;

use super::directory::{Directory, LOCAL_LEN};
use super::entry::Entry;
use super::fields::{Fields, SENTINEL_32, Zip64, agree, problem, problem_at};
use super::names;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ZipProblem};

pub(super) const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
/// The sizes and the checksum follow the data in a descriptor; here they may be zero.
const DESCRIPTOR_FLAG: u16 = 1 << 3;

impl Directory {
    /// Returns where a member's data lies in the file, given the bytes of its local header: those of
    /// [`local_header_range`](Self::local_header_range), or more. Copies nothing.
    ///
    /// The extra fields may be longer than what was fetched; only where the sizes must be looked up in them
    /// does that give [`ErrorKind::Truncated`], which says how many bytes from the start of the header are
    /// needed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Zip`] if the header disagrees with the directory about the name, the method or the
    /// sizes; [`ErrorKind::Encrypted`] and [`ErrorKind::UnsupportedCompression`].
    pub fn data_range(&self, index: usize, header: &[u8]) -> Result<Range<u64>> {
        let (Some(entry), Some(name)) = (self.entry(index), self.name(index)) else {
            return Err(Error::new(ErrorKind::EntryNotFound { name: index.to_string() }));
        };
        let data_start = check(entry, name, header).map_err(|error| error.in_entry(name))?;
        let start = entry.header_offset.saturating_add(data_start);
        match start.checked_add(entry.compressed_size) {
            Some(end) if end <= entry.limit => Ok(start..end),
            _ => {
                let (len, limit) = (entry.compressed_size, entry.limit);
                Err(problem(ZipProblem::OutOfBounds { part: "data", start, len, limit }).in_entry(name))
            }
        }
    }
}

/// Compares the header with the entry; returns the header's length.
fn check(entry: &Entry, name: &str, header: &[u8]) -> Result<u64> {
    let offset = entry.header_offset;
    let truncated = |expected| {
        let kind = ErrorKind::Truncated { part: "local file header", expected, actual: to_u64(header.len()) };
        Error::at(offset, kind)
    };
    let Some((mut fields, variable)) =
        usize::try_from(LOCAL_LEN).ok().and_then(|len| header.split_at_checked(len))
    else {
        return Err(truncated(LOCAL_LEN));
    };
    let signature = fields.u32();
    if signature != LOCAL_SIGNATURE {
        let (record, expected) = ("local file header", LOCAL_SIGNATURE);
        return Err(problem_at(offset, ZipProblem::Signature { record, expected, actual: signature }));
    }
    let _version = fields.u16();
    let (flags, method) = (fields.u16(), fields.u16());
    entry.check_readable(flags)?;
    let field = "compression method in the local header";
    agree(offset, field, u64::from(entry.method.0), u64::from(method))?;
    let _modified_and_crc32 = fields.u64();
    let (compressed, uncompressed) = (fields.u32(), fields.u32());
    let (name_len, extra_len) = (fields.u16(), fields.u16());
    let name_end = LOCAL_LEN.saturating_add(u64::from(name_len));
    let end = name_end.saturating_add(u64::from(extra_len));
    let (raw_name, extra) =
        variable.split_at_checked(usize::from(name_len)).ok_or_else(|| truncated(name_end))?;
    if raw_name != name.as_bytes() {
        let mut found = String::new();
        if !names::decode_into(&mut found, raw_name, flags) || found != name {
            let found = raw_name.escape_ascii().to_string();
            return Err(problem_at(offset, ZipProblem::LocalName { expected: name.to_owned(), found }));
        }
    }
    if flags & DESCRIPTOR_FLAG != 0 {
        return Ok(end);
    }
    let extra = if [compressed, uncompressed].contains(&SENTINEL_32) {
        extra.get(..usize::from(extra_len)).ok_or_else(|| truncated(end))?
    } else {
        &[]
    };
    let mut zip64 = Zip64::new(extra);
    let uncompressed =
        zip64.resolve_32(uncompressed, "uncompressed size").map_err(|error| error.at_offset(offset))?;
    let compressed =
        zip64.resolve_32(compressed, "compressed size").map_err(|error| error.at_offset(offset))?;
    agree(offset, "uncompressed size in the local header", entry.uncompressed_size, uncompressed)?;
    agree(offset, "compressed size in the local header", entry.compressed_size, compressed)?;
    Ok(end)
}
