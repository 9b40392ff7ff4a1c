//! One dtype, one converter: the elements of an array, in C order and native bytes, become Arrow values.

use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_schema::DataType;

use super::memory::to_usize;
use super::options::TensorLayout;
use super::temporal::Conversion;
use super::tensor::Lists;
use super::{binary, number, record, schema, text};
use crate::error::{Error, ErrorKind, Result};
use crate::npy::Dtype;

/// Makes the array of `count` elements, whose type the schema has decided; `bytes` has their length.
pub(super) fn array(dtype: &Dtype, data_type: &DataType, bytes: &Buffer, count: usize) -> Result<ArrayRef> {
    match dtype {
        Dtype::Scalar(scalar, _) => number::array(*scalar, data_type, bytes),
        Dtype::Datetime(unit, _) => Conversion::try_new(dtype, *unit, true)?.array(bytes),
        Dtype::Timedelta(unit, _) => Conversion::try_new(dtype, *unit, false)?.array(bytes),
        Dtype::Text(chars, _) => text::array(bytes, to_usize(*chars)?, count, data_type),
        Dtype::Bytes(size) => binary::trimmed(bytes, to_usize(*size)?, count, data_type),
        Dtype::Void(0) => binary::empties(count),
        Dtype::Void(size) => binary::fixed(bytes, schema::void_size(*size)?),
        Dtype::Record(record) => match data_type {
            DataType::Struct(fields) => record::array(record, fields, bytes, count),
            _ => Err(unexpected(dtype)),
        },
        Dtype::Subarray(subarray) => {
            let lists = Lists::try_new(subarray.shape(), TensorLayout::Nested)?;
            let inner_count = to_usize(subarray.shape().element_count())?.saturating_mul(count);
            let items = array(subarray.dtype(), lists.item_type(data_type), bytes, inner_count)?;
            lists.wrap(items, data_type, count)
        }
        Dtype::Object => Err(Error::new(ErrorKind::ObjectDtype { descr: dtype.quoted() })),
    }
}

/// Records are structs; nothing else reaches this.
#[cold]
fn unexpected(dtype: &Dtype) -> Error {
    Error::new(ErrorKind::UnsupportedDtype { descr: dtype.quoted(), reason: number::NO_TYPE })
}
