//! Elements of fixed size: the values' own bytes, shared unless nulls must be filled or bits unpacked.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer};
use half::f16;

use super::super::memory;
use super::Nulls;
use crate::convert::to_usize;
use crate::error::Result;
use crate::npy::{Dtype, Scalar};

/// The bytes of the values of an array whose elements have `width` bytes each. Shares.
pub(super) fn values_of(array: &ArrayRef, width: usize) -> Buffer {
    let data = array.to_data();
    match data.buffers().first() {
        Some(buffer) => {
            let start = data.offset().saturating_mul(width);
            let len = array.len().saturating_mul(width);
            buffer.slice_with_length(start.min(buffer.len()), len.min(buffer.len().saturating_sub(start)))
        }
        None => Buffer::from(&[]),
    }
}

/// Unpacks bits into bytes.
pub(super) fn unpacked(array: &ArrayRef) -> Result<Buffer> {
    let bits = array.as_boolean().values();
    memory::fill(bits.len(), |out| {
        out.iter_mut().zip(bits.iter()).for_each(|(out, bit)| *out = u8::from(bit));
        Ok(())
    })
}

/// Makes truth values of any bytes; shares those that are 0 or 1.
pub(super) fn truth(bytes: Buffer) -> Result<Buffer> {
    if bytes.iter().fold(0, |all, &byte| all | byte) <= 1 {
        return Ok(bytes);
    }
    memory::fill(bytes.len(), |out| {
        out.iter_mut().zip(bytes.iter()).for_each(|(out, byte)| *out = u8::from(*byte != 0));
        Ok(())
    })
}

/// What nulls of a dtype are filled with; `None` if they are not allowed.
pub(super) fn fill_value(dtype: &Dtype, nulls: Nulls) -> Option<Vec<u8>> {
    match (nulls, dtype) {
        (Nulls::Mask, _) => Some(vec![0; to_usize(dtype.item_size())]),
        (Nulls::Nan, Dtype::Scalar(scalar, _)) => match scalar {
            Scalar::Float16 => Some(f16::NAN.to_ne_bytes().to_vec()),
            Scalar::Float32 => Some(f32::NAN.to_ne_bytes().to_vec()),
            Scalar::Float64 => Some(f64::NAN.to_ne_bytes().to_vec()),
            Scalar::Complex64 => Some(f32::NAN.to_ne_bytes().repeat(2)),
            Scalar::Complex128 => Some(f64::NAN.to_ne_bytes().repeat(2)),
            _ => None,
        },
        (Nulls::Nan | Nulls::Raise, _) => None,
    }
}

/// Puts a value where there is a null. Copies.
pub(super) fn filled(values: &Buffer, nulls: &NullBuffer, value: &[u8]) -> Result<Buffer> {
    memory::fill(values.len(), |out| {
        out.copy_from_slice(values);
        for (out, is_valid) in out.chunks_exact_mut(value.len().max(1)).zip(nulls.iter()) {
            if !is_valid {
                out.copy_from_slice(value);
            }
        }
        Ok(())
    })
}
