//! How elements lie in NumPy's memory and in Arrow's: why they must be converted, or how to be aligned.

use arrow_schema::DataType;

use super::binary;
use super::temporal::Conversion;
use super::transfer::CopyReason;
use crate::npy::{Dtype, Scalar};

/// Returns why elements of this dtype cannot lie in Arrow memory as they are, apart from order and address.
pub(super) fn reason(dtype: &Dtype, data_type: &DataType) -> Option<CopyReason> {
    let text = match dtype {
        Dtype::Record(_) => return Some(CopyReason::Record),
        Dtype::Subarray(subarray) => return reason(subarray.dtype(), data_type),
        Dtype::Scalar(Scalar::Bool, _) if *data_type == DataType::Boolean => return Some(CopyReason::Packed),
        Dtype::Datetime(unit, _) | Dtype::Timedelta(unit, _) => {
            let is_date = matches!(dtype, Dtype::Datetime(..));
            match Conversion::try_new(dtype, *unit, is_date) {
                Ok(conversion) if !conversion.is_shared() => conversion.reason(),
                _ => return None,
            }
        }
        Dtype::Text(..) => "four bytes per code point become UTF-8",
        Dtype::Bytes(len) if *data_type == DataType::BinaryView => {
            if *len > binary::MAX_INLINE {
                return None;
            }
            "strings of at most 12 bytes lie in their views"
        }
        Dtype::Bytes(_) => "the NULs that pad strings are cut; string_view=True shares long strings",
        Dtype::Scalar(..) | Dtype::Void(_) | Dtype::Object => return None,
    };
    Some(CopyReason::Converted(text))
}

/// Returns the alignment that Arrow's type for such elements has, if they are shared.
pub(super) fn alignment(dtype: &Dtype) -> usize {
    match dtype {
        Dtype::Scalar(scalar, _) => match scalar.item_size() {
            2 => align_of::<u16>(),
            4 => align_of::<u32>(),
            8 if *scalar == Scalar::Complex64 => align_of::<f32>(),
            8 | 16 => align_of::<u64>(),
            _ => 1,
        },
        Dtype::Datetime(..) | Dtype::Timedelta(..) => align_of::<i64>(),
        _ => 1,
    }
}

/// Returns how many elements and lists of `count` such elements are bounded by no byte of the payload.
pub(super) fn without_bytes(dtype: &Dtype, count: u64) -> u64 {
    match dtype {
        Dtype::Record(record) if record.fields().is_empty() && record.item_size() == 0 => count,
        Dtype::Record(record) => record
            .fields()
            .iter()
            .fold(0, |sum: u64, field| sum.saturating_add(without_bytes(&field.dtype, count))),
        Dtype::Subarray(subarray) if subarray.shape().contains(&0) => count,
        Dtype::Subarray(subarray) => {
            without_bytes(subarray.dtype(), count.saturating_mul(subarray.shape().element_count()))
        }
        dtype if dtype.item_size() == 0 => count,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignments() {
        for (type_str, expected) in [
            ("|b1", 1),
            ("|u1", 1),
            ("<f2", 2),
            ("<i4", 4),
            ("<c8", 4),
            ("<f8", align_of::<f64>()),
            ("<c16", align_of::<f64>()),
            ("<M8[D]", align_of::<i64>()),
            ("|S8", 1),
            ("|V16", 1),
        ] {
            assert_eq!(alignment(&Dtype::from_type_str(type_str).unwrap()), expected, "{type_str}");
        }
    }
}
