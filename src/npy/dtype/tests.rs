//! Type strings, read and written.

use super::*;
use crate::npy::Shape;

#[test]
fn type_strings_come_back() {
    for text in [
        "|b1", "|i1", "<i2", ">i4", "<i8", "|u1", "<u2", "<u4", ">u8", "<f2", "<f4", ">f8", "<f12", "<f16",
        "<c8", ">c16", "<c24", "<c32", "<M8", "<M8[ns]", ">M8[25s]", "<m8[D]", "|S0", "|S10", "<U0", ">U7",
        "|V3", "|O",
    ] {
        let dtype = Dtype::from_type_str(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(dtype.to_string(), format!("'{text}'"));
    }
    assert_eq!(Dtype::from_type_str("=f4"), Dtype::from_type_str("f4"));
    assert_eq!(Dtype::from_type_str("<i1"), Dtype::from_type_str("|i1"));
}

#[test]
fn sub_arrays_are_written_as_tuples() {
    let float = Dtype::from_type_str("<f4").unwrap();
    let subarray = Subarray::try_new(float, Shape::new(vec![2, 3])).unwrap();
    assert_eq!(subarray.to_string(), "('<f4', (2, 3))");
    assert_eq!(subarray.item_size(), 24);
}

#[test]
fn what_is_no_type_string() {
    for text in [
        "",
        "<",
        "f",
        "<f",
        "<f5",
        "<f04",
        "<f 4",
        "<f4 ",
        "<b2",
        "<x4",
        "<S-1",
        "<U4611686018427387904",
        "|S99999999999999999999",
        "<M4",
        "<M8[",
        "<M8[]",
        "<M8[xs]",
        "<M8ns",
        "float32",
        "f4,i2",
        "<<f4",
        "é4",
        "|O1",
        "|O16",
    ] {
        assert_eq!(Dtype::from_type_str(text), None, "{text}");
    }
}

#[test]
fn orders_that_must_be_swapped() {
    for (order, foreign) in [
        (ByteOrder::NATIVE, false),
        (ByteOrder::NotApplicable, false),
        (ByteOrder::Little, cfg!(target_endian = "big")),
        (ByteOrder::Big, cfg!(target_endian = "little")),
    ] {
        assert_eq!(order.is_foreign(), foreign, "{order:?}");
    }
}

/// As `repr` of Python writes them.
#[test]
fn names_as_python_writes_them() {
    struct Written(&'static str);
    impl Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_python_string(f, self.0)
        }
    }
    for (name, written) in [
        ("plain", "'plain'"),
        ("it's", "\"it's\""),
        ("say \"so\"", "'say \"so\"'"),
        ("it's \"so\"", r#"'it\'s "so"'"#),
        ("a\\b", r"'a\\b'"),
        ("\n\r\t", r"'\n\r\t'"),
        ("\0\x1f\x7f", r"'\x00\x1f\x7f'"),
        ("\u{80}\u{a0}\u{ad}é", r"'\x80\xa0\xadé'"),
    ] {
        assert_eq!(Written(name).to_string(), written);
    }
}
