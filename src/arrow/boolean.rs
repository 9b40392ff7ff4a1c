//! Truth values: NumPy's bytes become Arrow's bits, eight at a time. Copies.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, Buffer};

use super::memory;
use crate::error::Result;

/// Packs bytes into bits; any byte but zero is true.
pub(super) fn packed(bytes: &[u8]) -> Result<ArrayRef> {
    let bits = pack(bytes)?;
    Ok(Arc::new(BooleanArray::new(BooleanBuffer::new(bits, 0, bytes.len()), None)))
}

fn pack(bytes: &[u8]) -> Result<Buffer> {
    memory::fill(bytes.len().div_ceil(8), |out| {
        let (blocks, rest) = bytes.as_chunks::<64>();
        let (words, tail) = out.split_at_mut(blocks.len() * 8);
        for (word, block) in words.as_chunks_mut::<8>().0.iter_mut().zip(blocks) {
            for (bits, bytes) in word.iter_mut().zip(block.as_chunks::<8>().0) {
                *bits = eight_bits(*bytes);
            }
        }
        for (bits, bytes) in tail.iter_mut().zip(rest.chunks(8)) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            *bits = eight_bits(eight);
        }
        Ok(())
    })
}

/// Packs eight bytes, the first into the lowest bit, without a branch.
fn eight_bits(bytes: [u8; 8]) -> u8 {
    const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // One bit per byte, at 7, 14, … 56: a product with it brings the lowest bit of byte i to bit 56 + i.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let word = u64::from_le_bytes(bytes);
    // The highest bit of each byte: set by the sum if one of the seven below is set, or set already.
    let nonzero = (((word & LOW_SEVEN) + LOW_SEVEN) | word) & !LOW_SEVEN;
    let [.., bits] = (nonzero >> 7).wrapping_mul(GATHER).to_le_bytes();
    bits
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    #[test]
    fn any_nonzero_byte_is_true() {
        for len in [0, 1, 7, 8, 9, 63, 64, 65, 200, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i: usize| [0, 1, 0, 2, 128, 255, 0, 127, 0][i % 9]).collect();
            let array = packed(&bytes).unwrap();
            array.to_data().validate_full().unwrap();
            let values: Vec<bool> = array.as_boolean().values().iter().collect();
            assert_eq!(values, bytes.iter().map(|&byte| byte != 0).collect::<Vec<_>>(), "{len}");
        }
    }

    #[test]
    fn every_byte_at_every_place() {
        for place in 0..8 {
            for byte in 0..=255 {
                let mut bytes = [0; 8];
                bytes[place] = byte;
                assert_eq!(eight_bits(bytes), u8::from(byte != 0) << place);
                let inverse = bytes.map(|byte| u8::from(byte == 0));
                assert_eq!(eight_bits(inverse), !eight_bits(bytes));
            }
        }
    }
}
