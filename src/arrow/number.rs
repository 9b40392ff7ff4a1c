//! Integers, floats and complex numbers of the machine's byte order. Shares their memory.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, FixedSizeListArray, PrimitiveArray};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, FieldRef};

use super::{boolean, memory};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Scalar;

/// Returns the Arrow type; `None` if there is none.
pub(super) fn data_type(scalar: Scalar, bool8: bool) -> Option<DataType> {
    Some(match scalar {
        Scalar::Bool if bool8 => DataType::Int8,
        Scalar::Bool => DataType::Boolean,
        Scalar::Int8 => DataType::Int8,
        Scalar::Int16 => DataType::Int16,
        Scalar::Int32 => DataType::Int32,
        Scalar::Int64 => DataType::Int64,
        Scalar::UInt8 => DataType::UInt8,
        Scalar::UInt16 => DataType::UInt16,
        Scalar::UInt32 => DataType::UInt32,
        Scalar::UInt64 => DataType::UInt64,
        Scalar::Float16 => DataType::Float16,
        Scalar::Float32 => DataType::Float32,
        Scalar::Float64 => DataType::Float64,
        Scalar::Complex64 => DataType::FixedSizeList(part(DataType::Float32), 2),
        Scalar::Complex128 => DataType::FixedSizeList(part(DataType::Float64), 2),
        Scalar::Float96 | Scalar::Float128 | Scalar::Complex192 | Scalar::Complex256 => return None,
    })
}

fn part(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

/// True for what `arrow.fixed_shape_tensor` may hold, so that pyarrow makes NumPy arrays of it.
pub(super) fn is_plain(scalar: Scalar) -> bool {
    matches!(scalar.kind(), 'i' | 'u' | 'f')
}

/// Makes the array that [`data_type`] names.
pub(super) fn array(scalar: Scalar, data_type: &DataType, bytes: &Buffer) -> Result<ArrayRef> {
    match scalar {
        Scalar::Bool if *data_type == DataType::Boolean => boolean::packed(bytes),
        Scalar::Bool | Scalar::Int8 => primitive::<Int8Type>(bytes),
        Scalar::Int16 => primitive::<Int16Type>(bytes),
        Scalar::Int32 => primitive::<Int32Type>(bytes),
        Scalar::Int64 => primitive::<Int64Type>(bytes),
        Scalar::UInt8 => primitive::<UInt8Type>(bytes),
        Scalar::UInt16 => primitive::<UInt16Type>(bytes),
        Scalar::UInt32 => primitive::<UInt32Type>(bytes),
        Scalar::UInt64 => primitive::<UInt64Type>(bytes),
        Scalar::Float16 => primitive::<Float16Type>(bytes),
        Scalar::Float32 => primitive::<Float32Type>(bytes),
        Scalar::Float64 => primitive::<Float64Type>(bytes),
        Scalar::Complex64 => complex(primitive::<Float32Type>(bytes)?),
        Scalar::Complex128 => complex(primitive::<Float64Type>(bytes)?),
        Scalar::Float96 | Scalar::Float128 | Scalar::Complex192 | Scalar::Complex256 => {
            let descr = format!("{}{}", scalar.kind(), scalar.item_size());
            Err(Error::new(ErrorKind::UnsupportedDtype { descr, reason: NO_TYPE }))
        }
    }
}

/// Why a long double is refused.
pub(super) const NO_TYPE: &str = "has no Arrow type";

fn primitive<T: ArrowPrimitiveType>(bytes: &Buffer) -> Result<ArrayRef> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(memory::numbers(bytes)?, None)?))
}

/// Pairs real and imaginary parts.
fn complex(parts: ArrayRef) -> Result<ArrayRef> {
    let field = part(parts.data_type().clone());
    Ok(Arc::new(FixedSizeListArray::try_new(field, 2, parts, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_addresses() {
        let bytes = memory::copied(&[1; 64]).unwrap();
        for scalar in [
            Scalar::Bool,
            Scalar::Int8,
            Scalar::Int16,
            Scalar::Int32,
            Scalar::Int64,
            Scalar::UInt8,
            Scalar::UInt16,
            Scalar::UInt32,
            Scalar::UInt64,
            Scalar::Float16,
            Scalar::Float32,
            Scalar::Float64,
            Scalar::Complex64,
            Scalar::Complex128,
        ] {
            let data_type = data_type(scalar, true).unwrap();
            let array = array(scalar, &data_type, &bytes).unwrap();
            let data = array.to_data();
            data.validate_full().unwrap();
            assert_eq!(array.data_type(), &data_type);
            assert_eq!(array.len() * usize::try_from(scalar.item_size()).unwrap(), 64);
            let values = data.child_data().first().unwrap_or(&data);
            assert_eq!(values.buffers()[0].as_ptr(), bytes.as_ptr(), "{scalar:?}");
        }
        for scalar in [Scalar::Float96, Scalar::Float128, Scalar::Complex192, Scalar::Complex256] {
            assert_eq!(data_type(scalar, false), None);
            assert!(array(scalar, &DataType::Null, &bytes).is_err());
        }
    }
}
