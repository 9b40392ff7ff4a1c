//! The elements of an array as numbers, one after the other as they lie.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::DataType;
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

/// As [`each`], of an Arrow array and what is nested in it, without what is null.
pub(super) fn each_in(array: &dyn Array, visit: &mut impl FnMut(f64)) -> bool {
    leaves(array, &mut |leaf: &dyn Array| each_of_leaf(leaf, visit))
}

/// The smallest and the largest of integers, which a float may not be able to tell; `None` if there are none.
pub(super) fn extremes(array: &dyn Array) -> Option<(i128, i128)> {
    let mut found: Option<(i128, i128)> = None;
    let is_integers = leaves(array, &mut |leaf: &dyn Array| {
        macro_rules! extend {
            ($type:ty) => {{
                each_of(leaf.as_primitive::<$type>(), |number| {
                    let number = i128::from(number);
                    let (min, max) = found.unwrap_or((number, number));
                    found = Some((min.min(number), max.max(number)));
                });
                true
            }};
        }
        match leaf.data_type() {
            DataType::Int8 => extend!(Int8Type),
            DataType::Int16 => extend!(Int16Type),
            DataType::Int32 => extend!(Int32Type),
            DataType::Int64 => extend!(Int64Type),
            DataType::UInt8 => extend!(UInt8Type),
            DataType::UInt16 => extend!(UInt16Type),
            DataType::UInt32 => extend!(UInt32Type),
            DataType::UInt64 => extend!(UInt64Type),
            _ => false,
        }
    });
    found.filter(|_| is_integers)
}

/// Calls a function for the arrays at the bottom of lists, until it says false.
fn leaves(array: &dyn Array, visit: &mut dyn FnMut(&dyn Array) -> bool) -> bool {
    match array.data_type() {
        DataType::FixedSizeList(..) => {
            let lists = array.as_fixed_size_list();
            if lists.null_count() == 0 {
                return leaves(lists.values(), visit);
            }
            // A missing list has values all the same.
            let mut valid = (0..lists.len()).filter(|&row| lists.is_valid(row));
            valid.all(|row| leaves(&lists.value(row), visit)) && leaves(&lists.values().slice(0, 0), visit)
        }
        DataType::List(_) => leaves(array.as_list::<i32>().values(), visit),
        _ => visit(array),
    }
}

fn each_of_leaf(array: &dyn Array, visit: &mut impl FnMut(f64)) -> bool {
    macro_rules! numbers {
        ($type:ty, $convert:expr) => {{
            each_of(array.as_primitive::<$type>(), |number| visit($convert(number)));
            true
        }};
    }
    match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().iter().flatten().for_each(|bit| visit(f64::from(u8::from(bit))));
            true
        }
        DataType::Int8 => numbers!(Int8Type, f64::from),
        DataType::Int16 => numbers!(Int16Type, f64::from),
        DataType::Int32 => numbers!(Int32Type, f64::from),
        DataType::Int64 => numbers!(Int64Type, rounded_signed),
        DataType::UInt8 => numbers!(UInt8Type, f64::from),
        DataType::UInt16 => numbers!(UInt16Type, f64::from),
        DataType::UInt32 => numbers!(UInt32Type, f64::from),
        DataType::UInt64 => numbers!(UInt64Type, rounded),
        DataType::Float16 => numbers!(Float16Type, f64::from),
        DataType::Float32 => numbers!(Float32Type, f64::from),
        DataType::Float64 => numbers!(Float64Type, |number: f64| number),
        _ => false,
    }
}

fn each_of<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, mut visit: impl FnMut(T::Native)) {
    if array.null_count() == 0 {
        array.values().iter().for_each(|&number| visit(number));
    } else {
        array.iter().flatten().for_each(visit);
    }
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
    pub(super) nans: u64,
    pub(super) zeros: u64,
    /// The extremes without infinities.
    pub(super) finite: (f64, f64),
    sum: f64,
}

impl Summary {
    pub(super) fn new() -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        let (min, max) = nothing;
        Self { count: 0, min, max, nans: 0, zeros: 0, finite: nothing, sum: 0.0 }
    }

    pub(super) fn add(&mut self, number: f64) {
        self.count += 1;
        if number.is_nan() {
            self.nans += 1;
            return;
        }
        self.zeros += u64::from(number == 0.0);
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.sum += number;
        if number.is_finite() {
            self.finite = (self.finite.0.min(number), self.finite.1.max(number));
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / rounded(self.count - self.nans)
    }
}

/// Summarises an array; `None` if its elements are no real numbers.
pub(super) fn summary(array: &NpyArray) -> Option<Summary> {
    let mut summary = Summary::new();
    each(array, |number| summary.add(number)).then_some(summary)
}
