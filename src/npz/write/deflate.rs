//! Deflated members: blocks of all members are compressed in parallel, and written in order.

use std::io::Write;

use super::NpzWriter;
use super::member::{Member, put};
use crate::checksum::combine_crc32;
use crate::convert::to_u64;
use crate::error::Result;
use crate::parallel;
use crate::spool::Spool;
use crate::zip::{Method, NewEntry, WINDOW_LEN, deflate_block, deflate_whole};

/// Blocks are compressed apart from each other. Each has to begin its statistics anew, which costs some ten bytes;
/// fewer and larger ones would leave threads without work.
const BLOCK_LEN: usize = 1 << 20;
/// As much is compressed before it is written, for each thread.
const BLOCKS_PER_THREAD: usize = 4;
/// A member that is longer after compression waits for its header in a file.
const MEMORY_LIMIT: usize = 64 << 20;
/// Members that do not become smaller by a 64th are stored, so that they can be mapped.
const WORTH_SHIFT: u32 = 6;
/// Blocks of fewer bytes are not worth a trial.
const SAMPLED_MIN: usize = 16 << 10;
/// How much of a block is tried.
const SAMPLE_MIN: usize = 4 << 10;
const SAMPLE_MAX: usize = 64 << 10;
/// Compressing a byte takes as long as reading this many from a cached file.
const DEFLATE_COST: u64 = 32;

/// The level of members of one block: the first of libdeflate that is hardly anywhere 3 % worse than zlib's 6.
const WHOLE_LEVEL: u32 = 7;

/// One block of one member.
struct Block {
    member: usize,
    start: u64,
    len: usize,
    is_last: bool,
}

/// Compresses the members and writes them in order.
pub(super) fn each<W: Write>(
    writer: &mut NpzWriter<W>,
    members: &[Member<'_>],
    level: Option<u32>,
) -> Result<()> {
    let blocks: Vec<Block> =
        members.iter().enumerate().flat_map(|(index, member)| cut(index, member)).collect();
    let threads = writer.options.threads;
    let spool = || Spool::new(MEMORY_LIMIT, &writer.folder);
    let (mut compressed, mut crc32) = (spool(), 0);
    for window in windows(&blocks, threads.saturating_mul(BLOCKS_PER_THREAD).saturating_mul(BLOCK_LEN)) {
        let costs: Vec<u64> =
            window.iter().map(|block| to_u64(block.len).saturating_mul(DEFLATE_COST)).collect();
        let results = parallel::map(&costs, threads, |index| {
            writer.options.interrupt.check()?;
            let Some(block) = window.get(index) else { return Ok((Vec::new(), 0, 0)) };
            members
                .get(block.member)
                .map_or_else(|| Ok((Vec::new(), 0, 0)), |member| compress(member, block, level))
        });
        for (block, result) in window.iter().zip(results) {
            let (bytes, block_crc32, len) = result?;
            compressed.push(&bytes)?;
            crc32 = combine_crc32(crc32, block_crc32, len);
            if let Some(member) = members.get(block.member).filter(|_| block.is_last) {
                let spool = Spool::new(MEMORY_LIMIT, &writer.folder);
                let finished = std::mem::replace(&mut compressed, spool);
                write(writer, member, finished, std::mem::take(&mut crc32))?;
            }
        }
    }
    Ok(())
}

/// The blocks of a member. The NPY header belongs to the first.
fn cut(member_index: usize, member: &Member<'_>) -> impl Iterator<Item = Block> + use<> {
    let len = member.payload.len();
    let count = len.div_ceil(to_u64(BLOCK_LEN)).max(1);
    (0..count).map(move |index| {
        let start = index.saturating_mul(to_u64(BLOCK_LEN));
        let rest = usize::try_from(len.saturating_sub(start)).unwrap_or(BLOCK_LEN);
        Block { member: member_index, start, len: rest.min(BLOCK_LEN), is_last: index + 1 == count }
    })
}

/// Cuts the blocks into runs of about as many bytes.
fn windows(blocks: &[Block], len: usize) -> impl Iterator<Item = &[Block]> {
    let mut sum = 0_usize;
    blocks.chunk_by(move |block, _| {
        sum = sum.saturating_add(block.len);
        let fits = sum < len;
        if !fits {
            sum = 0;
        }
        fits
    })
}

/// Compresses a block; returns its CRC-32 and its length before, too.
fn compress(member: &Member<'_>, block: &Block, level: Option<u32>) -> Result<(Vec<u8>, u32, u64)> {
    let is_first = block.start == 0;
    let before = if is_first { 0 } else { WINDOW_LEN };
    let bytes =
        member.payload.get(block.start.saturating_sub(to_u64(before)), block.len.saturating_add(before))?;
    let (before, bytes) = bytes.split_at_checked(before).unwrap_or_default();
    let header = if is_first { &member.header[..] } else { &[] };
    let deflated = if is_first && block.is_last {
        deflate_whole(&[header, bytes].concat(), level.unwrap_or(WHOLE_LEVEL))?
    } else {
        let level = level.map_or_else(|| level_for(bytes), Ok)?;
        deflate_block(before, &[header, bytes], level, block.is_last)?
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(bytes);
    Ok((deflated, hasher.finalize(), to_u64(header.len()).saturating_add(to_u64(bytes.len()))))
}

/// Chooses the level at which a block becomes as small as with zlib's 6, by trying a sample.
///
/// The levels up to 8 of zlib-rs do not look for matches of three bytes, which are most of those in numbers whose bits
/// are mostly noise; level 9 does, and is fast where matches are rare. Where they are many, 6 is better than
/// zlib's. What will be stored after all is not searched for long.
fn level_for(bytes: &[u8]) -> Result<u32> {
    if bytes.len() < SAMPLED_MIN {
        return Ok(6);
    }
    let sample = sample_of(bytes);
    let compressed = deflate_block(&[], &[sample], 6, true)?;
    Ok(match percent(&compressed, sample) {
        // What repeats at length is found by looking longer only.
        0..40 => {
            if percent(&deflate_block(&[], &[sample], 7, true)?, &compressed) < 85 {
                7
            } else {
                6
            }
        }
        40..99 => 9,
        _ => 1,
    })
}

/// Some bytes of the middle.
fn sample_of(bytes: &[u8]) -> &[u8] {
    let len = (bytes.len() / 16).clamp(SAMPLE_MIN, SAMPLE_MAX).min(bytes.len());
    let start = (bytes.len() - len) / 2;
    bytes.get(start..start.saturating_add(len)).unwrap_or_default()
}

fn percent(compressed: &[u8], bytes: &[u8]) -> usize {
    compressed.len().saturating_mul(100) / bytes.len().max(1)
}

/// Writes a compressed member, or the original if that is hardly longer.
fn write<W: Write>(
    writer: &mut NpzWriter<W>,
    member: &Member<'_>,
    compressed: Spool,
    crc32: u32,
) -> Result<()> {
    let saved = member.len().saturating_sub(compressed.len());
    if saved < member.len() >> WORTH_SHIFT {
        return writer.write_stored(member);
    }
    let entry = NewEntry {
        name: &member.name,
        method: Method::DEFLATED,
        crc32,
        compressed_size: compressed.len(),
        uncompressed_size: member.len(),
    };
    let header = writer.directory.add(&entry, writer.output.position(), None)?;
    writer.output.put(&header)?;
    put(&compressed.finish(), &mut writer.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_every_block_once() {
        let blocks = |lens: &[usize]| -> Vec<Block> {
            lens.iter().map(|&len| Block { member: 0, start: 0, len, is_last: true }).collect()
        };
        for (lens, expected) in [
            (&[][..], &[][..]),
            (&[5], &[1]),
            (&[5, 5, 5], &[2, 1]),
            (&[0, 0, 0], &[3]),
            (&[1, 100, 1, 1], &[2, 2]),
            (&[10, 10, 10], &[1, 1, 1]),
        ] {
            let blocks = blocks(lens);
            assert_eq!(windows(&blocks, 10).map(<[Block]>::len).collect::<Vec<_>>(), expected, "{lens:?}");
        }
    }
}
