//! Whatever can be loaded becomes a valid Arrow array, or a clear error, under every choice of options.

use arrow_array::Array as _;
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, RowLayout, TensorLayout};
use npzarrow::npy::Header;
use npzarrow::{NpyArray, Payload};

/// Every combination of the choices.
pub(crate) fn all_options() -> Vec<ArrowOptions> {
    let mut all = Vec::new();
    for tensor in [TensorLayout::FixedShape, TensorLayout::Nested, TensorLayout::Flat] {
        for rows in [RowLayout::Axis0, RowLayout::Archive] {
            for views in [false, true] {
                let options = ArrowOptions::default().with_tensor(tensor).with_rows(rows);
                all.push(options.with_bool8(views).with_string_view(views));
            }
        }
    }
    all
}

/// Converts an array in every way; each result must be what Arrow calls fully valid.
pub(crate) fn to_arrow_is_total(array: NpyArray) {
    let (header, payload): (Header, Payload) = array.into_parts();
    for options in all_options() {
        let mut bytes = header.to_bytes();
        bytes.extend(payload.as_slice());
        let array = NpyArray::try_new(Buffer::from(bytes)).unwrap();
        match array.into_column("x", &options) {
            Ok(column) => {
                column.array.to_data().validate_full().unwrap();
                assert_eq!(column.array.data_type(), column.field.data_type());
                let field = npzarrow::arrow::schema_field("x", &header, &options).unwrap();
                assert_eq!(&field, column.field.as_ref(), "the header alone gives the same field");
                let nested = column.with_nested_tensors();
                nested.array.to_data().validate_full().unwrap();
                assert_eq!(nested.array.data_type(), nested.field.data_type());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
