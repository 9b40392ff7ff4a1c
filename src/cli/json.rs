//! Cells of a table as JSON.

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use serde_json::{Map, Value};

use crate::error::Result;

/// A cell: numbers, text, lists and records as what they are, NaN and infinities as null, all else as text.
pub(super) fn value(array: &dyn Array, row: usize) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    macro_rules! number {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row).into()
        };
    }
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => short(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => short(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => number!(Float64Type),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row))?,
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let cells = columns.map(|(field, column)| Ok((field.name().clone(), value(column, row)?)));
            Value::Object(cells.collect::<Result<Map<_, _>>>()?)
        }
        _ => ArrayFormatter::try_new(array, &FormatOptions::new())?.value(row).to_string().into(),
    })
}

fn list(items: &dyn Array) -> Result<Value> {
    (0..items.len()).map(|row| value(items, row)).collect::<Result<Vec<_>>>().map(Value::Array)
}

/// With as many digits as tell it from its neighbours of the same width.
fn short(number: f32) -> Value {
    number.to_string().parse::<f64>().ok().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int8Type;
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array,
        ListArray, StringArray, StructArray, UInt64Array,
    };

    use super::*;

    #[test]
    fn cells() {
        let x: ArrayRef = Arc::new(Float32Array::from(vec![0.1, f32::NAN]));
        let name: ArrayRef = Arc::new(StringArray::from(vec![Some("null"), None]));
        let record = StructArray::try_from(vec![("x", x), ("name", name)]).unwrap();
        let tensor = FixedSizeListArray::from_iter_primitive::<Int8Type, _, _>(
            [Some([Some(1), Some(-2)]), Some([Some(3), None])],
            2,
        );
        let ragged = ListArray::from_iter_primitive::<Int8Type, _, _>([Some(vec![Some(7)]), None]);
        let columns: [(ArrayRef, [&str; 2]); 8] = [
            (Arc::new(record), [r#"{"x":0.1,"name":"null"}"#, r#"{"x":null,"name":null}"#]),
            (Arc::new(tensor), ["[1,-2]", "[3,null]"]),
            (Arc::new(ragged), ["[7]", "null"]),
            (Arc::new(BooleanArray::from(vec![true, false])), ["true", "false"]),
            (Arc::new(Int64Array::from(vec![i64::MIN, 1])), ["-9223372036854775808", "1"]),
            (Arc::new(UInt64Array::from(vec![u64::MAX, 0])), ["18446744073709551615", "0"]),
            (Arc::new(Float64Array::from(vec![0.5, f64::INFINITY])), ["0.5", "null"]),
            (Arc::new(BinaryArray::from(vec![&b"a\xff"[..], b""])), [r#""61ff""#, r#""""#]),
        ];
        for (column, expected) in columns {
            let found = [0, 1].map(|row| value(&column, row).unwrap().to_string());
            assert_eq!(found, expected);
        }
    }
}
