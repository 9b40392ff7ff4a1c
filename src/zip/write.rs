//! The way back: local headers, the directory and the end records of an archive that is written from front
//! to back, without ever going back.
//!
//! ```text
//! local header | name | zip64 | alignment, then zeros | NPY header | payload
//!                                                       ^ any      ^ a multiple of 64
//! ```
//!
//! Everything is written the same way every time: the date is that of the DOS epoch, so that equal arrays make
//! equal archives.

use std::collections::HashSet;

use super::directory::{ENTRY_SIGNATURE, LOCAL_LEN};
use super::end::{END_SIGNATURE, LOCATOR_SIGNATURE, ZIP64_LEN, ZIP64_SIGNATURE, ZIP64_UNCOUNTED};
use super::entry::Method;
use super::fields::{SENTINEL_16, SENTINEL_32, ZIP64_EXTRA_ID};
use super::local::LOCAL_SIGNATURE;
use super::names::UTF8_FLAG;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};

/// "Data Stream Alignment" of APPNOTE 4.6.1: the alignment in two bytes, then zeros as needed. The `zip` crate
/// and Apache Commons Compress write it, too.
const ALIGNMENT_EXTRA_ID: u16 = 0xa11e;
/// The identifier, the length and the alignment itself.
const ALIGNMENT_LEN: u64 = 6;
/// An extra field has at most 65,535 bytes, of which the zip64 field and the rounding up take some.
pub const MAX_ALIGNMENT: u16 = 1 << 15;

/// 2.0: DEFLATE. 4.5: zip64 (APPNOTE 4.4.3).
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// The upper byte of "version made by": the attributes are those of Unix.
const MADE_ON_UNIX: u16 = 3 << 8;
/// A regular file that its owner may write and everybody may read; without this `unzip` makes files that nobody
/// may read.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// The first of January 1980, midnight.
const MODIFIED: u32 = 0x0021 << 16;

/// What is known of a member before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// The name, with its `.npy`.
    pub name: &'a str,
    /// Stored or deflated.
    pub method: Method,
    /// The CRC-32 of the uncompressed bytes.
    pub crc32: u32,
    /// The bytes that follow the local header.
    pub compressed_size: u64,
    /// The bytes that they become.
    pub uncompressed_size: u64,
}

/// Where the payload of a member has to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alignment {
    /// A power of two up to [`MAX_ALIGNMENT`].
    pub multiple: u16,
    /// How many bytes of the member lie before the payload: its NPY header.
    pub lead: u64,
}

/// Collects the directory while members are written.
#[derive(Debug, Default)]
pub struct DirectoryBuilder {
    directory: Vec<u8>,
    names: HashSet<String>,
    /// Those of the names that have no member yet.
    claimed: HashSet<String>,
    count: u64,
}

impl DirectoryBuilder {
    /// Adds a member whose local header will stand at `offset`, and returns that header. The member's bytes are to
    /// be written behind it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Name`] for a name that is empty, has a NUL, is too long, or is there already.
    pub fn add(
        &mut self,
        entry: &NewEntry<'_>,
        offset: u64,
        alignment: Option<Alignment>,
    ) -> Result<Vec<u8>> {
        if !self.claimed.remove(entry.name) {
            self.claim(entry.name)?;
            self.claimed.remove(entry.name);
        }
        let name_len = short(to_u64(entry.name.len()));
        let flags = if entry.name.is_ascii() { 0 } else { UTF8_FLAG };
        let long_sizes = is_long(entry.compressed_size) || is_long(entry.uncompressed_size);
        let sizes = [entry.uncompressed_size, entry.compressed_size];
        let long_sizes = if long_sizes { &sizes[..] } else { &[] };

        let mut extra = zip64_extra(long_sizes);
        if let Some(alignment) = alignment {
            let end = offset
                .saturating_add(LOCAL_LEN)
                .saturating_add(u64::from(name_len))
                .saturating_add(to_u64(extra.len()));
            extra.extend(alignment.extra(end));
        }
        let version = if long_sizes.is_empty() { VERSION } else { VERSION_ZIP64 };
        let mut header = LOCAL_SIGNATURE.to_le_bytes().to_vec();
        put_common(&mut header, entry, version, flags, !long_sizes.is_empty());
        header.extend(name_len.to_le_bytes());
        header.extend(short(to_u64(extra.len())).to_le_bytes());
        header.extend(entry.name.as_bytes());
        header.extend(extra);

        let long_offset = [offset];
        let long_offset = if is_long(offset) { &long_offset[..] } else { &[] };
        let extra = zip64_extra(&[long_sizes, long_offset].concat());
        let version = if extra.is_empty() { VERSION } else { VERSION_ZIP64 };
        let directory = &mut self.directory;
        directory.extend(ENTRY_SIGNATURE.to_le_bytes());
        directory.extend((MADE_ON_UNIX | version).to_le_bytes());
        put_common(directory, entry, version, flags, !long_sizes.is_empty());
        directory.extend(name_len.to_le_bytes());
        directory.extend(short(to_u64(extra.len())).to_le_bytes());
        // No comment, the first disk, no internal attributes.
        directory.extend([0; 6]);
        directory.extend(ATTRIBUTES.to_le_bytes());
        directory.extend(long(offset).to_le_bytes());
        directory.extend(entry.name.as_bytes());
        directory.extend(extra);

        self.count = self.count.saturating_add(1);
        Ok(header)
    }

    /// Returns the directory, which will stand at `offset`, and all that follows it.
    pub fn finish(self, offset: u64) -> Vec<u8> {
        let mut bytes = self.directory;
        let size = to_u64(bytes.len());
        if self.count >= u64::from(SENTINEL_16) || is_long(size) || is_long(offset) {
            let record = offset.saturating_add(size);
            bytes.extend(ZIP64_SIGNATURE.to_le_bytes());
            bytes.extend(to_u64(ZIP64_LEN).saturating_sub(ZIP64_UNCOUNTED).to_le_bytes());
            bytes.extend((MADE_ON_UNIX | VERSION_ZIP64).to_le_bytes());
            bytes.extend(VERSION_ZIP64.to_le_bytes());
            bytes.extend([0; 8]);
            for number in [self.count, self.count, size, offset] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(LOCATOR_SIGNATURE.to_le_bytes());
            bytes.extend(0_u32.to_le_bytes());
            bytes.extend(record.to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
        }
        bytes.extend(END_SIGNATURE.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(short(self.count).to_le_bytes());
        bytes.extend(short(self.count).to_le_bytes());
        bytes.extend(long(size).to_le_bytes());
        bytes.extend(long(offset).to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }

    /// Keeps a name for a member that will be added. Refuses names that readers would refuse, cut, or take for one
    /// another.
    pub fn claim(&mut self, name: &str) -> Result<()> {
        let refused = |problem| Error::new(ErrorKind::Name { name: shortened(name), problem });
        let array = name.strip_suffix(".npy").unwrap_or(name);
        if array.is_empty() {
            return Err(refused("is empty"));
        }
        if name.contains('\0') {
            return Err(refused("has a NUL, where other readers end it"));
        }
        if self.names.contains(name) {
            return Err(refused("is given twice"));
        }
        // Readers take names with and without their suffix.
        if self.names.contains(array) || self.names.contains(&format!("{name}.npy")) {
            return Err(refused(
                "differs from another one by a suffix .npy only, which readers do not tell apart",
            ));
        }
        if u16::try_from(name.len()).is_err() {
            return Err(refused("is longer than the 65535 bytes that ZIP has for it"));
        }
        self.names.insert(name.to_owned());
        self.claimed.insert(name.to_owned());
        Ok(())
    }
}

impl Alignment {
    /// The extra field that moves the payload to a multiple, if the extra fields would end at `end` without it.
    fn extra(self, end: u64) -> Vec<u8> {
        let multiple = u64::from(self.multiple.max(1));
        let beyond = end.saturating_add(self.lead).checked_rem(multiple).unwrap_or(0);
        if beyond == 0 {
            return Vec::new();
        }
        let mut len = multiple.saturating_sub(beyond);
        while len < ALIGNMENT_LEN {
            len = len.saturating_add(multiple);
        }
        let mut extra = ALIGNMENT_EXTRA_ID.to_le_bytes().to_vec();
        extra.extend(short(len.saturating_sub(4)).to_le_bytes());
        extra.extend(self.multiple.to_le_bytes());
        extra.resize(usize::try_from(len).unwrap_or(0), 0);
        extra
    }
}

/// The fields that both headers have, from the version to the sizes.
fn put_common(bytes: &mut Vec<u8>, entry: &NewEntry<'_>, version: u16, flags: u16, long_sizes: bool) {
    bytes.extend(version.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend(entry.method.0.to_le_bytes());
    bytes.extend(MODIFIED.to_le_bytes());
    bytes.extend(entry.crc32.to_le_bytes());
    for size in [entry.compressed_size, entry.uncompressed_size] {
        bytes.extend(if long_sizes { SENTINEL_32 } else { long(size) }.to_le_bytes());
    }
}

fn zip64_extra(numbers: &[u64]) -> Vec<u8> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let mut extra = ZIP64_EXTRA_ID.to_le_bytes().to_vec();
    extra.extend(short(to_u64(numbers.len()).saturating_mul(8)).to_le_bytes());
    extra.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    extra
}

/// True if a number stands in the zip64 field.
fn is_long(number: u64) -> bool {
    number >= u64::from(SENTINEL_32)
}

fn long(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(SENTINEL_32)
}

fn short(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(SENTINEL_16)
}

/// The beginning of a long name is enough to recognise it.
fn shortened(name: &str) -> String {
    const SHOWN: usize = 60;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Directory, EndRecord};
    use super::*;

    fn entry(name: &str, size: u64) -> NewEntry<'_> {
        let (compressed_size, uncompressed_size) = (size, size);
        NewEntry { name, method: Method::STORED, crc32: 7, compressed_size, uncompressed_size }
    }

    /// Writes headers for members of these sizes without their bytes, and reads them back.
    fn write(members: &[(&str, u64)], alignment: Option<Alignment>) {
        let mut builder = DirectoryBuilder::default();
        let mut offset = 0;
        let mut headers = Vec::new();
        for &(name, size) in members {
            let header = builder.add(&entry(name, size), offset, alignment).unwrap();
            let data = offset + to_u64(header.len());
            assert!(
                is_whole(&header[usize::try_from(LOCAL_LEN).unwrap() + name.len()..]),
                "{name} {alignment:?}"
            );
            if let Some(alignment) = alignment {
                let multiple = u64::from(alignment.multiple);
                assert_eq!((data + alignment.lead) % multiple, 0, "{alignment:?}");
                let others = LOCAL_LEN + to_u64(name.len()) + if is_long(size) { 20 } else { 0 };
                assert!(to_u64(header.len()) - others < multiple + ALIGNMENT_LEN, "{name} {alignment:?}");
            }
            headers.push((header, data));
            offset = data + size;
        }
        let tail = builder.finish(offset);
        let end = EndRecord::locate(&tail, offset).unwrap();
        assert_eq!(end.entry_count(), to_u64(members.len()));
        let start = usize::try_from(end.directory_range().start - offset).unwrap();
        let range = end.directory_range();
        let len = usize::try_from(range.end - range.start).unwrap();
        let directory = Directory::parse(&tail[start..start + len], &end, u64::MAX).unwrap();
        assert!(directory.names().eq(members.iter().map(|(name, _)| *name)));
        for (index, ((header, data), (_, size))) in headers.iter().zip(members).enumerate() {
            assert_eq!(directory.data_range(index, header).unwrap(), *data..data + size);
            assert_eq!(directory.entry(index).unwrap().crc32(), 7);
        }
    }

    /// True if these bytes are extra fields: each an id, a length, and so many bytes (APPNOTE 4.5.1).
    fn is_whole(mut extra: &[u8]) -> bool {
        while let [_, _, low, high, rest @ ..] = extra {
            let Some(rest) = rest.get(usize::from(u16::from_le_bytes([*low, *high]))..) else { return false };
            extra = rest;
        }
        extra.is_empty()
    }

    #[test]
    fn what_other_programs_show_of_a_member() {
        let mut builder = DirectoryBuilder::default();
        builder.add(&entry("a.npy", 1), 0, None).unwrap();
        builder.add(&entry("b.npy", 1 << 32), 36, None).unwrap();
        let tail = builder.finish(1 << 33);
        let at = |offset: usize, len: usize| &tail[offset..offset + len];
        // Unix and the version that is needed, 1980-01-01, a file that all may read.
        assert_eq!(
            (at(4, 2), at(12, 4), at(38, 4)),
            (&[20, 3][..], &[0, 0, 33, 0][..], &[0, 0, 0xa4, 0x81][..])
        );
        let zip64 = tail.windows(4).position(|window| window == ZIP64_SIGNATURE.to_le_bytes()).unwrap();
        assert_eq!(at(zip64 + 12, 4), [45, 3, 45, 0]);
    }

    #[test]
    fn one_long_size_is_enough() {
        for (compressed_size, uncompressed_size) in [(5, 1 << 32), (1 << 32, 5)] {
            let mut builder = DirectoryBuilder::default();
            let entry = NewEntry { compressed_size, uncompressed_size, ..entry("a.npy", 0) };
            let header = builder.add(&entry, 0, None).unwrap();
            let (compressed, uncompressed) = (compressed_size.to_le_bytes(), uncompressed_size.to_le_bytes());
            let extra = [&[1, 0, 16, 0][..], &uncompressed, &compressed].concat();
            assert!(header.ends_with(&extra), "{header:?}");
            assert_eq!(header[18..26], [255; 8]);
        }
    }

    #[test]
    fn sizes_and_offsets_around_the_sentinels() {
        let four = 1_u64 << 32;
        for sizes in [[0, 1], [four - 2, 5], [four - 1, 5], [four, 5], [5, four - 100], [3 * four, 7 * four]]
        {
            for alignment in [None, Some(Alignment { multiple: 64, lead: 128 })] {
                write(&[("a.npy", sizes[0]), ("größe.npy", sizes[1]), ("last", 3)], alignment);
            }
        }
        write(&[], None);
    }

    #[test]
    fn counts_around_the_sentinel() {
        let names: Vec<String> = (0..65_540).map(|index| format!("{index}")).collect();
        for count in [65_534, 65_535, 65_536, 65_540] {
            let members: Vec<_> = names.iter().take(count).map(|name| (&**name, 1)).collect();
            write(&members, None);
        }
    }

    #[test]
    fn any_alignment_and_lead() {
        let name = "n".repeat(100);
        for multiple in [1, 2, 4, 8, 64, 4096, MAX_ALIGNMENT] {
            for lead in [0, 1, 80, 128, 129] {
                for len in [1, 2, 3, 4, 5, 6, 37, 100] {
                    write(&[(&name[..len], 1), ("x", 1 << 40), ("y", 3)], Some(Alignment { multiple, lead }));
                }
            }
        }
    }

    #[test]
    fn names() {
        let mut builder = DirectoryBuilder::default();
        builder.add(&entry("a.npy", 1), 0, None).unwrap();
        builder.add(&entry(&"x".repeat(65_535), 1), 0, None).unwrap();
        for (name, text) in [
            ("", r#"name "" is empty"#),
            (".npy", r#"name ".npy" is empty"#),
            ("b\0c", r#"name "b\0c" has a NUL, where other readers end it"#),
            ("a.npy", r#"name "a.npy" is given twice"#),
            (
                "a.npy.npy",
                r#"name "a.npy.npy" differs from another one by a suffix .npy only, which readers do not tell apart"#,
            ),
            (
                "a",
                r#"name "a" differs from another one by a suffix .npy only, which readers do not tell apart"#,
            ),
        ] {
            assert_eq!(builder.add(&entry(name, 1), 0, None).unwrap_err().to_string(), text);
        }
        let long = builder.add(&entry(&"é".repeat(32_768), 1), 0, None).unwrap_err().to_string();
        assert_eq!(
            long,
            format!(r#"name "{}…" is longer than the 65535 bytes that ZIP has for it"#, "é".repeat(60))
        );
    }
}
