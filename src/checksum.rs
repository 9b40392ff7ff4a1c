//! CRC-32, alone or in one pass with a copy.

use crc32fast::Hasher;

use crate::convert::to_u64;
use crate::limits::BLOCK_LEN;
use crate::parallel;

/// One thread checks this much in the time that it takes to start another one a few times over.
const MIN_PER_THREAD: usize = 4 << 20;

/// Returns the CRC-32 of bytes, on up to `threads` threads if there are many. Copies nothing.
pub fn crc32(bytes: &[u8], threads: usize) -> u32 {
    let share = share(bytes.len(), threads);
    if share >= bytes.len() {
        return crc32fast::hash(bytes);
    }
    in_parallel(bytes.chunks(share).map(|chunk| move || (crc32fast::hash(chunk), chunk.len())))
}

/// Copies bytes into a slice of the same length and returns their CRC-32, block by block, so that each byte
/// is fetched from memory once. Bytes beyond the shorter of the two are left alone.
pub fn copy_with_crc32(from: &[u8], to: &mut [u8], threads: usize) -> u32 {
    let share = share(from.len(), threads);
    if share >= from.len() {
        return copy_blocks(from, to);
    }
    in_parallel(
        from.chunks(share)
            .zip(to.chunks_mut(share))
            .map(|(from, to)| move || (copy_blocks(from, to), from.len())),
    )
}

/// Returns the CRC-32 of two pieces one behind the other, the second of which has `len` bytes.
pub fn combine_crc32(first: u32, second: u32, len: u64) -> u32 {
    let mut hasher = Hasher::new_with_initial(first);
    hasher.combine(&Hasher::new_with_initial_len(second, len));
    hasher.finalize()
}

fn copy_blocks(from: &[u8], to: &mut [u8]) -> u32 {
    let mut hasher = Hasher::new();
    for (from, to) in from.chunks(BLOCK_LEN).zip(to.chunks_mut(BLOCK_LEN)) {
        if let Some(to) = to.get_mut(..from.len()) {
            to.copy_from_slice(from);
            hasher.update(to);
        }
    }
    hasher.finalize()
}

/// How many bytes each thread gets.
fn share(len: usize, threads: usize) -> usize {
    let threads = threads.min(len.checked_div(MIN_PER_THREAD).unwrap_or(1)).max(1);
    len.div_ceil(threads).max(1)
}

/// Runs the jobs and combines their checksums in order.
fn in_parallel<F: FnOnce() -> (u32, usize) + Send>(jobs: impl Iterator<Item = F>) -> u32 {
    let checksums = parallel::at_once(jobs).into_iter();
    checksums.fold(0, |checksum, (next, len)| combine_crc32(checksum, next, to_u64(len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_blocks_do_not_show() {
        let bytes: Vec<u8> = (0_u32..9 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for len in [0, 1, 1000, BLOCK_LEN, BLOCK_LEN + 1, bytes.len() - 1, bytes.len()] {
            let (bytes, mut copy) = (&bytes[..len], vec![0; len]);
            let expected = crc32fast::hash(bytes);
            for threads in [0, 1, 2, 7] {
                assert_eq!(crc32(bytes, threads), expected);
                assert_eq!(copy_with_crc32(bytes, &mut copy, threads), expected);
                assert!(copy == bytes);
            }
        }
    }
}
