//! Every unit, its multiples, and what overflows.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;

use super::*;

fn convert(type_str: &str, steps: &[i64]) -> Result<ArrayRef> {
    let dtype = Dtype::from_type_str(type_str).unwrap();
    let conversion = match dtype {
        Dtype::Datetime(unit, _) => Conversion::try_new(&dtype, unit, true)?,
        Dtype::Timedelta(unit, _) => Conversion::try_new(&dtype, unit, false)?,
        _ => panic!("{type_str}"),
    };
    let bytes: Vec<u8> = steps.iter().flat_map(|step| step.to_ne_bytes()).collect();
    let array = conversion.array(&memory::copied(&bytes)?)?;
    array.to_data().validate_full().unwrap();
    assert_eq!(array.data_type(), &conversion.data_type);
    Ok(array)
}

fn longs(array: &ArrayRef) -> Vec<i64> {
    let data = array.to_data();
    data.buffers()[0].typed_data::<i64>().to_vec()
}

#[test]
fn scaled_to_seconds_and_units() {
    for (type_str, data_type, factor) in [
        ("<M8[s]", DataType::Timestamp(ArrowUnit::Second, None), 1),
        ("<M8[25us]", DataType::Timestamp(ArrowUnit::Microsecond, None), 25),
        ("<M8[m]", DataType::Timestamp(ArrowUnit::Second, None), 60),
        ("<M8[6h]", DataType::Timestamp(ArrowUnit::Second, None), 21_600),
        ("<m8[10ms]", DataType::Duration(ArrowUnit::Millisecond), 10),
        ("<m8[ns]", DataType::Duration(ArrowUnit::Nanosecond), 1),
        ("<m8[h]", DataType::Duration(ArrowUnit::Second), 3600),
        ("<m8[D]", DataType::Duration(ArrowUnit::Second), 86_400),
        ("<m8[2W]", DataType::Duration(ArrowUnit::Second), 2 * 7 * 86_400),
        ("<m8[M]", DataType::Int64, 1),
        ("<m8[Y]", DataType::Int64, 12),
    ] {
        let array = convert(type_str, &[0, 1, -3, 100]).unwrap();
        assert_eq!(array.data_type(), &data_type, "{type_str}");
        assert_eq!(longs(&array), [0, factor, -3 * factor, 100 * factor]);
        let with_nat = convert(type_str, &[7, NAT, 9]).unwrap();
        assert_eq!((with_nat.null_count(), with_nat.is_null(1)), (1, true), "{type_str}");
        let limit = i64::MAX / factor;
        convert(type_str, &[limit, -limit]).unwrap();
        if factor > 1 {
            let error = convert(type_str, &[1, NAT, limit + 1]).unwrap_err();
            assert_eq!(error.to_string(), "element 2: does not fit the Arrow type of the column");
        }
    }
}

#[test]
fn dates_in_days() {
    let days = |type_str: &str, steps: &[i64]| {
        convert(type_str, steps).unwrap().as_primitive::<Date32Type>().values().to_vec()
    };
    assert_eq!(days("<M8[D]", &[0, -1, 2_147_483_647, -2_147_483_648]), [0, -1, i32::MAX, i32::MIN]);
    assert_eq!(days("<M8[W]", &[0, 1, -2]), [0, 7, -14]);
    assert_eq!(days("<M8[3D]", &[0, 1, -2]), [0, 3, -6]);
    // 1970-02, 1972-03, 1969-12, 2000-03, 0000-01
    assert_eq!(days("<M8[M]", &[0, 1, 26, -1, 362, -23_640]), [0, 31, 790, -31, 11_017, -719_528]);
    assert_eq!(days("<M8[Y]", &[0, 1, -1, 54, 10_000]), [0, 365, -365, 19_723, 3_652_425]);
    assert_eq!(days("<M8[10Y]", &[1]), [3652]);
    for (type_str, step) in [
        ("<M8[D]", 2_147_483_648),
        ("<M8[D]", -2_147_483_649),
        ("<M8[W]", i64::MAX),
        ("<M8[W]", 306_783_379),
        ("<M8[Y]", i64::MAX),
        ("<M8[Y]", 5_900_000),
        ("<M8[M]", NAT + 1),
    ] {
        assert!(convert(type_str, &[0, step]).is_err(), "{type_str} {step}");
        assert!(convert(type_str, &[NAT]).unwrap().is_null(0));
    }
}

#[test]
fn no_counterpart() {
    for (type_str, text) in [
        ("<M8", r#"dtype "<M8" has no unit, so its values mean nothing"#),
        ("<m8[ps]", r#"dtype "<m8[ps]" is finer than Arrow's nanoseconds"#),
        ("<M8[7as]", r#"dtype "<M8[7as]" is finer than Arrow's nanoseconds"#),
    ] {
        assert_eq!(convert(type_str, &[]).unwrap_err().to_string(), text);
    }
}

#[test]
fn the_same_numbers_share_memory() {
    let bytes = memory::copied(&[0; 64]).unwrap();
    let dtype = Dtype::from_type_str("=M8[ns]").unwrap();
    let Dtype::Datetime(unit, _) = dtype else { panic!() };
    let array = Conversion::try_new(&dtype, unit, true).unwrap().array(&bytes).unwrap();
    assert_eq!(array.to_data().buffers()[0].as_ptr(), bytes.as_ptr());
    assert!(array.nulls().is_none());
}
