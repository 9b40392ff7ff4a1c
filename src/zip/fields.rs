//! Little-endian fields of records, and the one extra field that matters: zip64 (APPNOTE 4.5.3).

use crate::error::{Error, ErrorKind, Result, ZipProblem};

/// The value of a 16-bit field that stands in the zip64 extra field.
pub(super) const SENTINEL_16: u16 = u16::MAX;
/// The value of a 32-bit field that stands in the zip64 extra field.
pub(super) const SENTINEL_32: u32 = u32::MAX;

pub(super) const ZIP64_EXTRA_ID: u16 = 0x0001;

/// Takes the next field of a record.
pub(super) trait Fields {
    fn u16(&mut self) -> u16;
    fn u32(&mut self) -> u32;
    fn u64(&mut self) -> u64;
}

impl Fields for &[u8] {
    fn u16(&mut self) -> u16 {
        take(self).map_or(0, u16::from_le_bytes)
    }

    fn u32(&mut self) -> u32 {
        take(self).map_or(0, u32::from_le_bytes)
    }

    fn u64(&mut self) -> u64 {
        take(self).map_or(0, u64::from_le_bytes)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*field)
}

/// Fields whose true value stands in the zip64 extra field if the plain one is a sentinel.
pub(super) struct Zip64<'a> {
    extra: &'a [u8],
    field: Option<&'a [u8]>,
}

impl<'a> Zip64<'a> {
    pub(super) fn new(extra: &'a [u8]) -> Self {
        Self { extra, field: None }
    }

    /// Resolves one field. Fields must be asked for in the order of APPNOTE: uncompressed size, compressed
    /// size, offset of the local header, disk.
    pub(super) fn resolve_32(&mut self, plain: u32, name: &'static str) -> Result<u64> {
        if plain == SENTINEL_32 { self.take::<8>(name).map(u64::from_le_bytes) } else { Ok(u64::from(plain)) }
    }

    /// As [`resolve_32`](Self::resolve_32), for the number of the disk.
    pub(super) fn resolve_disk(&mut self, plain: u16, name: &'static str) -> Result<u64> {
        if plain == SENTINEL_16 {
            self.take::<4>(name).map(|disk| u64::from(u32::from_le_bytes(disk)))
        } else {
            Ok(u64::from(plain))
        }
    }

    fn take<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N]> {
        let mut field = match self.field {
            Some(field) => field,
            None => match find_extra(self.extra, ZIP64_EXTRA_ID) {
                // Readers would disagree about which one counts: CPython takes the first, others the last.
                Some((_, rest)) if find_extra(rest, ZIP64_EXTRA_ID).is_some() => {
                    return Err(problem(ZipProblem::TwoZip64 { field: name }));
                }
                found => found.unwrap_or_default().0,
            },
        };
        let value = take(&mut field).ok_or_else(|| problem(ZipProblem::MissingZip64 { field: name }))?;
        self.field = Some(field);
        Ok(value)
    }
}

/// Finds an extra field; returns it and what comes behind. A list that ends in the middle of a field ends
/// there.
fn find_extra(mut extra: &[u8], wanted: u16) -> Option<(&[u8], &[u8])> {
    while extra.len() >= 4 {
        let (id, len) = (extra.u16(), extra.u16());
        let (data, rest) = extra.split_at_checked(usize::from(len))?;
        if id == wanted {
            return Some((data, rest));
        }
        extra = rest;
    }
    None
}

#[cold]
pub(super) fn problem(problem: ZipProblem) -> Error {
    Error::new(ErrorKind::Zip(problem))
}

#[cold]
pub(super) fn problem_at(offset: u64, problem: ZipProblem) -> Error {
    Error::at(offset, ErrorKind::Zip(problem))
}

/// An error if two records that say the same thing do not agree.
pub(super) fn agree(offset: u64, field: &'static str, expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        Ok(())
    } else {
        Err(problem_at(offset, ZipProblem::Disagreement { field, expected, actual }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip64_fields_stand_in_order_and_only_where_needed() {
        // An unknown field of two bytes, then zip64 with three values.
        let mut extra = vec![0x99, 0x99, 2, 0, 1, 2, 1, 0, 20, 0];
        extra.extend(7_u64.to_le_bytes());
        extra.extend(8_u64.to_le_bytes());
        extra.extend(3_u32.to_le_bytes());
        let mut zip64 = Zip64::new(&extra);
        assert_eq!(zip64.resolve_32(5, "a").unwrap(), 5);
        assert_eq!(zip64.resolve_32(SENTINEL_32, "b").unwrap(), 7);
        assert_eq!(zip64.resolve_32(SENTINEL_32, "c").unwrap(), 8);
        assert_eq!(zip64.resolve_disk(SENTINEL_16, "d").unwrap(), 3);
        assert_eq!(
            zip64.resolve_32(SENTINEL_32, "size").unwrap_err().to_string(),
            "size is to be found in the zip64 extra field, which does not have it"
        );
        let (_, zip64) = extra.split_at(6);
        let twice = [&extra[..], zip64].concat();
        assert_eq!(
            Zip64::new(&twice).resolve_32(SENTINEL_32, "size").unwrap_err().to_string(),
            "size is to be found in the zip64 extra field, of which there are two"
        );
        assert_eq!(Zip64::new(&twice).resolve_32(5, "size").unwrap(), 5, "neither is asked for");
        for extra in [&[][..], &[1, 0], &[1, 0, 8, 0, 1, 2, 3], &[2, 0, 200, 0, 1, 0, 8, 0]] {
            assert!(Zip64::new(extra).resolve_32(SENTINEL_32, "size").is_err());
        }
    }
}
