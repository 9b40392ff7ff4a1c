//! Rewriting an archive so that its stored members can be mapped. Nothing is compressed or inflated.

use std::io::Write;
use std::path::Path;

use super::archive::NpzArchive;
use super::options::OpenOptions;
use super::write::WriteOptions;
use crate::array::read_header;
use crate::convert::{to_u64, to_usize};
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::sink::Counted;
use crate::source::Source;
#[cfg(feature = "object-store")]
use crate::source::remote::{is_url, local_path};
use crate::zip::{Alignment, DirectoryBuilder, MAX_ALIGNMENT, Method, NewEntry};

/// What is copied at a time.
const PIECE_LEN: u64 = 1 << 20;

/// Writes the members of an archive to an output, in the order of its directory: the payloads of stored ones begin at
/// multiples of [`WriteOptions::align`], deflated ones are copied as they are. What is no array is kept, too. The
/// checksums of stored members are verified. Dates, comments and extra fields are left behind.
///
/// # Errors
///
/// As reading any of the members; what the output gives.
pub fn align<W: Write>(archive: &NpzArchive, output: W, options: &WriteOptions) -> Result<W> {
    options.check()?;
    let mut output = Counted::new(output, options.interrupt.clone());
    let mut directory = DirectoryBuilder::default();
    for index in 0..archive.len() {
        copy(archive, index, &mut directory, &mut output, options)
            .map_err(|error| archive.locate_error(error, Some(index)))?;
    }
    let offset = output.position();
    output.put(&directory.finish(offset))?;
    output.finish()
}

/// Rewrites the archive at a path aligned, at another path or the same. With the feature `object-store` both may be URLs.
///
/// ```no_run
/// use npzarrow::npz::{WriteOptions, align_file};
///
/// align_file("train-0003.npz", "train-0003.npz", &WriteOptions::default())?;
/// # Ok::<(), npzarrow::Error>(())
/// ```
///
/// # Errors
///
/// As [`align`]. The destination then has what it had before.
pub fn align_file(source: impl AsRef<Path>, dest: impl AsRef<Path>, options: &WriteOptions) -> Result<()> {
    // What deflated members declare does not matter: they are not inflated.
    let open = OpenOptions::default().with_max_uncompressed(u64::MAX);
    let archive = NpzArchive::with_options(open_source(source.as_ref(), options)?, &open)?;
    let output = options.create(dest)?;
    let dest = output.path().to_owned();
    align(&archive, output, options).map_err(|error| error.in_path(dest))?.commit(options.sync)
}

#[cfg(feature = "object-store")]
fn open_source(source: &Path, options: &WriteOptions) -> Result<Source> {
    match source.to_str().filter(|source| is_url(source) || local_path(source).is_some()) {
        Some(url) => Source::open_url(url, &options.remote),
        None => Source::open(source),
    }
}

#[cfg(not(feature = "object-store"))]
fn open_source(source: &Path, _options: &WriteOptions) -> Result<Source> {
    Source::open(source)
}

fn copy<W: Write>(
    archive: &NpzArchive,
    index: usize,
    directory: &mut DirectoryBuilder,
    output: &mut Counted<W>,
    options: &WriteOptions,
) -> Result<()> {
    let (entry, data) = archive.locate(index)?;
    let is_stored = entry.method() == Method::STORED;
    let alignment = is_stored.then(|| {
        let header = read_header(&archive.source, data.clone());
        let lead = header.map_or(0, |header| to_u64(header.payload_offset()));
        Alignment { multiple: u16::try_from(options.align).unwrap_or(MAX_ALIGNMENT), lead }
    });
    let new = NewEntry {
        name: archive.directory.name(index).unwrap_or_default(),
        method: entry.method(),
        crc32: entry.crc32(),
        compressed_size: entry.compressed_size(),
        uncompressed_size: entry.declared_size(),
    };
    output.put(&directory.add(&new, output.position(), alignment)?)?;
    let actual = copy_range(&archive.source, data, output, &options.interrupt)?;
    let expected = entry.crc32();
    if is_stored && actual != expected {
        return Err(Error::new(ErrorKind::ChecksumMismatch { expected, actual }));
    }
    Ok(())
}

/// Copies bytes and returns their CRC-32.
fn copy_range<W: Write>(
    source: &Source,
    range: std::ops::Range<u64>,
    output: &mut Counted<W>,
    interrupt: &Interrupt,
) -> Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = Vec::new();
    let piece_len = source.block_len().max(PIECE_LEN);
    let mut start = range.start;
    while start < range.end {
        let end = start.saturating_add(piece_len).min(range.end);
        if matches!(source, Source::Memory(_)) {
            let piece = source.peek(start..end)?;
            hasher.update(&piece);
            output.put(&piece)?;
        } else {
            buffer.resize(to_usize(end.saturating_sub(start)), 0);
            source.read_with_crc32(start, &mut buffer, false, 1, interrupt)?;
            hasher.update(&buffer);
            output.put(&buffer)?;
        }
        start = end;
    }
    Ok(hasher.finalize())
}
