//! The elements of an array as numbers, one after the other as they lie.

use half::f16;

use crate::array::NpyArray;
use crate::npy::{ByteOrder, Dtype, Scalar};

/// Calls a function for each element; false if the elements are no real numbers.
pub(super) fn each(array: &NpyArray, mut visit: impl FnMut(f64)) -> bool {
    let Dtype::Scalar(scalar, order) = array.header().dtype() else { return false };
    let bytes = array.payload().as_slice();
    let big = *order == ByteOrder::Big;
    macro_rules! numbers {
        ($type:ty, $convert:expr) => {{
            let convert = $convert;
            for chunk in bytes.as_chunks::<{ size_of::<$type>() }>().0 {
                visit(convert(if big {
                    <$type>::from_be_bytes(*chunk)
                } else {
                    <$type>::from_le_bytes(*chunk)
                }));
            }
        }};
    }
    match scalar {
        Scalar::Bool => bytes.iter().for_each(|&byte| visit(f64::from(u8::from(byte != 0)))),
        Scalar::Int8 => numbers!(i8, f64::from),
        Scalar::Int16 => numbers!(i16, f64::from),
        Scalar::Int32 => numbers!(i32, f64::from),
        Scalar::Int64 => numbers!(i64, rounded_signed),
        Scalar::UInt8 => numbers!(u8, f64::from),
        Scalar::UInt16 => numbers!(u16, f64::from),
        Scalar::UInt32 => numbers!(u32, f64::from),
        Scalar::UInt64 => numbers!(u64, rounded),
        Scalar::Float16 => numbers!(f16, f64::from),
        Scalar::Float32 => numbers!(f32, f64::from),
        Scalar::Float64 => numbers!(f64, |number: f64| number),
        _ => return false,
    }
    true
}

#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub(super) fn rounded(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
fn rounded_signed(number: i64) -> f64 {
    number as f64
}

/// Which of `bins` equal parts between two numbers a number lies in.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
pub(super) fn bin(number: f64, min: f64, max: f64, bins: usize) -> usize {
    let place = (number - min) / (max - min) * rounded(crate::convert::to_u64(bins));
    if place.is_finite() { (place.max(0.0) as usize).min(bins.saturating_sub(1)) } else { 0 }
}

/// How often numbers fall into each bin.
pub(super) fn histogram(array: &NpyArray, min: f64, max: f64, bins: usize) -> Vec<u64> {
    let mut counts = vec![0; bins];
    each(array, |number| {
        if number.is_finite()
            && let Some(count) = counts.get_mut(bin(number, min, max, bins))
        {
            *count += 1;
        }
    });
    counts
}

/// What can be said of numbers in one pass; infinities count for the extremes alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    pub(super) nans: u64,
    pub(super) zeros: u64,
    /// The extremes without infinities.
    pub(super) finite: (f64, f64),
}

/// Summarises an array; `None` if its elements are no real numbers.
pub(super) fn summary(array: &NpyArray) -> Option<Summary> {
    let (mut count, mut nans, mut zeros) = (0_u64, 0_u64, 0_u64);
    let (mut min, mut max, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    let mut finite = (f64::INFINITY, f64::NEG_INFINITY);
    let is_real = each(array, |number| {
        count += 1;
        if number.is_nan() {
            nans += 1;
            return;
        }
        zeros += u64::from(number == 0.0);
        min = min.min(number);
        max = max.max(number);
        sum += number;
        if number.is_finite() {
            finite = (finite.0.min(number), finite.1.max(number));
        }
    });
    let mean = sum / rounded(count - nans);
    is_real.then_some(Summary { count, min, max, mean, nans, zeros, finite })
}
