//! Type strings, read and written.

use super::*;

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
    ] {
        assert_eq!(Dtype::from_type_str(text), None, "{text}");
    }
}
