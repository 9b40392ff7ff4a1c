//! DEFLATE in blocks that are compressed apart from each other and make one stream behind each other.

use flate2::{Compress, CompressError, Compression, FlushCompress, Status};

use super::libdeflate;
use crate::convert::to_usize;
use crate::error::{Error, ErrorKind, Result};

/// How far back a match can reach (RFC 1951, section 2).
pub const WINDOW_LEN: usize = 32 << 10;

/// Compresses one block of a member; `before` is what precedes it, of which the last 32 KiB count.
///
/// All blocks of a member, the last of them marked as such, are one DEFLATE stream for any reader: each but the last
/// ends at a byte (an empty stored block, RFC 1951 section 3.2.4), and matches reach back into the block before it.
/// The parts are compressed as if they were one slice. Level 0 stores, 1 is fast, 9 is small.
pub fn deflate_block(before: &[u8], parts: &[&[u8]], level: u32, is_last: bool) -> Result<Vec<u8>> {
    let len = parts.iter().fold(0_usize, |len, part| len.saturating_add(part.len()));
    let mut compress = Compress::new(Compression::new(level.min(9)), false);
    let mut out = Vec::new();
    reserve(&mut out, (len >> 2).saturating_add(256))?;
    let window = before.get(before.len().saturating_sub(WINDOW_LEN)..).unwrap_or_default();
    if !window.is_empty() {
        compress.set_dictionary(window).map_err(|error| failed(&error))?;
    }
    for part in parts {
        feed(&mut compress, part, &mut out, FlushCompress::None)?;
    }
    feed(&mut compress, &[], &mut out, if is_last { FlushCompress::Finish } else { FlushCompress::Sync })?;
    Ok(out)
}

/// Compresses all bytes at once into one DEFLATE stream, in half the time of [`deflate_block`] or less. Level 1 is fast,
/// 9 is small.
pub fn deflate_whole(bytes: &[u8], level: u32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let level = u8::try_from(level.min(9)).unwrap_or(9);
    if libdeflate::deflate(bytes, level, &mut out) {
        return Ok(out);
    }
    Err(Error::new(ErrorKind::Allocation { len: u64::try_from(bytes.len()).unwrap_or(u64::MAX) }))
}

/// Compresses until all input is consumed and all output that the flush asks for is there.
fn feed(compress: &mut Compress, input: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> Result<()> {
    let start = compress.total_in();
    loop {
        let consumed = to_usize(compress.total_in().saturating_sub(start));
        let rest = input.get(consumed..).unwrap_or_default();
        if rest.is_empty() && flush == FlushCompress::None {
            return Ok(());
        }
        if out.capacity().saturating_sub(out.len()) < 64 {
            let more = out.capacity().max(4096);
            reserve(out, more)?;
        }
        let status = compress.compress_vec(rest, out, flush).map_err(|error| failed(&error))?;
        let is_done = match flush {
            FlushCompress::None => false,
            FlushCompress::Finish => status == Status::StreamEnd,
            // There was room left, so that nothing waits.
            _ => out.len() < out.capacity(),
        };
        if is_done {
            return Ok(());
        }
    }
}

fn reserve(out: &mut Vec<u8>, len: usize) -> Result<()> {
    let failed = |_| Error::new(ErrorKind::Allocation { len: u64::try_from(len).unwrap_or(u64::MAX) });
    out.try_reserve(len).map_err(failed)
}

#[cold]
fn failed(error: &CompressError) -> Error {
    Error::from(std::io::Error::other(format!("deflate: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::inflate_into;
    use super::*;

    fn noise(len: u32) -> Vec<u8> {
        (0..len)
            .map(|i| (i.wrapping_mul(2_654_435_761) ^ (i.wrapping_mul(40_503) << 9)).to_le_bytes()[3])
            .collect()
    }

    #[test]
    fn blocks_make_one_stream() {
        let text: Vec<u8> = (0_u32..300_000).flat_map(|i| format!("{},", i % 1000).into_bytes()).collect();
        let noise = noise(200_000);
        for bytes in [&text[..], &noise, b"", b"x"] {
            for level in [0, 1, 6, 9] {
                for block_len in [1000, 70_000, usize::MAX] {
                    let mut stream = Vec::new();
                    let mut start = 0_usize;
                    loop {
                        let end = start.saturating_add(block_len).min(bytes.len());
                        let (first, second) = bytes[start..end].split_at((end - start) / 3);
                        let is_last = end == bytes.len();
                        let block = deflate_block(&bytes[..start], &[first, second], level, is_last);
                        stream.extend(block.unwrap());
                        start = end;
                        if is_last {
                            break;
                        }
                    }
                    let mut out = vec![0; bytes.len()];
                    inflate_into(&stream, &mut out).unwrap();
                    assert!(out == bytes, "level {level}, blocks of {block_len}");
                }
            }
        }
    }

    #[test]
    fn whole_slices_come_back() {
        let text: Vec<u8> = (0_u32..100_000).flat_map(|i| format!("{},", i % 1000).into_bytes()).collect();
        for bytes in [&text[..], &noise(100_000), b"", b"x"] {
            for level in [1, 6, 9, 6] {
                let stream = deflate_whole(bytes, level).unwrap();
                let mut out = vec![0; bytes.len()];
                inflate_into(&stream, &mut out).unwrap();
                assert!(out == bytes, "level {level}");
            }
        }
        // The level is that of this call, not of the last one on this thread.
        let len = |level| deflate_whole(&text, level).unwrap().len();
        assert!(len(9) < len(1) && len(9) < len(1));
    }

    #[test]
    fn room_is_made_for_what_comes_out() {
        let zeros = vec![0; 1 << 20];
        let out = deflate_block(&[], &[&zeros], 6, true).unwrap();
        assert!(out.capacity() < zeros.len() / 2, "{}", out.capacity());
    }

    #[test]
    fn matches_reach_into_the_block_before() {
        let noise = noise(30_000);
        let alone = deflate_block(&[], &[&noise], 6, true).unwrap();
        let after = deflate_block(&noise, &[&noise], 6, true).unwrap();
        assert!(after.len() * 20 < alone.len(), "{} and {}", after.len(), alone.len());
    }
}
