//! Headers, their faults, and what is asked of them.

use super::*;

fn parse(text: &str) -> Result<Header> {
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    Header::parse(&bytes)
}

#[test]
fn orders_have_the_letters_of_numpy() {
    assert_eq!([Order::C, Order::Fortran].map(|order| order.to_string()), ["C", "F"]);
}

fn header(descr: &str, fortran: &str, shape: &str) -> Header {
    parse(&format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}")).unwrap()
}

#[test]
fn other_shapes() {
    let whole = header("'<f4'", "True", "(3, 4)");
    let parts = |header: &Header| (header.shape().to_vec(), header.order(), header.payload_len());
    assert_eq!(parts(&whole.with_rows(5).unwrap()), (vec![5, 4], Order::Fortran, 80));
    assert_eq!(parts(&whole.with_shape(vec![2, 5]).unwrap()), (vec![2, 5], Order::C, 40));
    assert_eq!((whole.row_len(), header("'<f4'", "False", "()").row_len()), (16, 4));
    assert!(whole.with_rows(1 << 62).is_err());
    assert_eq!(parts(&header("'<f4'", "False", "()").with_rows(9).unwrap()), (vec![], Order::C, 4));
}

#[test]
fn rows_that_lie_one_behind_the_other() {
    for (fortran, shape, expected) in [
        ("False", "(3, 4)", true),
        ("True", "(3, 4)", false),
        ("True", "(2, 2)", false),
        ("True", "()", true),
        ("True", "(3,)", true),
        ("True", "(1, 4)", true),
        ("True", "(3, 1)", true),
        ("True", "(1, 1)", true),
        ("True", "(0, 4)", true),
        ("True", "(2, 1, 2)", false),
        ("True", "(2, 3, 4)", false),
    ] {
        assert_eq!(header("'<f4'", fortran, shape).is_row_major(), expected, "{shape}");
    }
}

#[test]
fn rows_that_are_alike() {
    let whole = header("'<f4'", "False", "(3, 4)");
    for (descr, shape, expected) in [
        ("'<f4'", "(3, 4)", true),
        ("'<f4'", "(0, 4)", true),
        ("'>f4'", "(3, 4)", false),
        ("'<f4'", "(3, 5)", false),
        ("'<f4'", "(3,)", false),
        ("'<f4'", "()", false),
    ] {
        assert_eq!(whole.is_like(&header(descr, "True", shape)), expected, "{descr} {shape}");
    }
    let [none, one] = ["()", "(3,)"].map(|shape| header("'<f4'", "False", shape));
    assert!(none.is_like(&none) && one.is_like(&header("'<f4'", "False", "(7,)")));
    assert!(!none.is_like(&one) && !one.is_like(&none), "neither has an inner axis");
}

#[test]
fn spellings() {
    let expected = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }    \n").unwrap();
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}",
        "{\"shape\":(3,4),\"fortran_order\":False,\"descr\":\"<f4\"}",
        " \n{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 3L , 4L , ) , } \t\r\n",
        "{'descr': 'f4', 'fortran_order': False, 'shape': (3, 4), }",
        r"{'d\x65scr': '=f4', 'fortran_order': False, 'shape': (3, 4), }",
    ] {
        let header = parse(text).unwrap();
        assert_eq!((header.dtype(), header.shape()), (expected.dtype(), expected.shape()), "{text}");
        assert_eq!((header.order(), header.payload_len()), (Order::C, 48), "{text}");
    }
}

#[test]
fn faults() {
    let rest = "'fortran_order': False, 'shape': (3,), }";
    for (text, message) in [
        ("", "byte 12: header: a dictionary expected, found the end"),
        ("[]", "byte 12: header: a dictionary expected, found '['"),
        ("{}", r#"header: key "descr" is missing"#),
        ("{'descr': '<f4', 'shape': (3,)}", r#"header: key "fortran_order" is missing"#),
        ("{'descr': '<f4', 'descr': '<f4'}", r#"byte 29: header: key "descr" is given twice"#),
        ("{'extra': 1}", r#"byte 13: header: key "extra" is not one of descr, fortran_order and shape"#),
        ("{'descr': 4}", r#"byte 13: header: key "descr" has a value of the wrong type"#),
        ("{'fortran_order': 0}", r#"byte 13: header: key "fortran_order" has a value of the wrong type"#),
        ("{'shape': 3}", r#"byte 13: header: key "shape" has a value of the wrong type"#),
        ("{'shape': (3)}", "byte 24: header: ',' after the only dimension expected, found ')'"),
        ("{'shape': (-3,)}", "byte 23: header: a non-negative integer below 2**63 expected, found '-'"),
        ("{'descr': '<f4'", "byte 27: header: ',' or '}' after a value expected, found the end"),
        ("{'descr': '<f4' 'shape'", "byte 28: header: ',' or '}' after a value expected, found '\\''"),
        ("{'descr': '<q7', ", r#"byte 22: dtype "<q7" is not a type string of the array interface"#),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
    }
    for tail in ["x", "\0", "{}", "# comment"] {
        let text = format!("{{'descr': '<f4', {rest}{tail}");
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("nothing behind the dictionary expected"), "{error}");
    }
}

#[test]
fn records() {
    let descr =
        "[('x', '<f4'), ('', '|V4'), (('A title', 'y'), '>i8', (2,)), ('z', [('u', '|u1')]), ('', '|V7')]";
    let header = parse(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,)}}")).unwrap();
    let Dtype::Record(record) = header.dtype() else { panic!("{:?}", header.dtype()) };
    let fields: Vec<_> = record.fields().iter().map(|field| (&*field.name, field.offset)).collect();
    assert_eq!(fields, [("x", 0), ("y", 8), ("z", 24)]);
    assert_eq!((record.item_size(), header.payload_len()), (32, 64));
    assert_eq!(record.fields()[1].title.as_deref(), Some("A title"));
    assert_eq!(header.dtype().to_string(), descr);
    for descr in [
        "[('x',)]",
        "[('x', '<f4', )",
        "['x', '<f4']",
        "[('x' '<f4')]",
        "[('x', '<f4'), ('x', '<f4')]",
        "[('x', '<f4', (-1,))]",
        "[('x', '|V9223372036854775807'), ('y', '|V9')]",
        "[(1, '<f4')]",
        "[('x', ('<f4', (2,)))]",
        "[('x', '<f4', (9223372036854775807, 3))]",
    ] {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (2,)}}");
        assert!(parse(&text).is_err(), "{descr}");
    }
    let deep = format!("{}'<f4'{}", "[('x', ".repeat(40), ")]".repeat(40));
    let error = parse(&format!("{{'descr': {deep}, 'fortran_order': False, 'shape': ()}}")).unwrap_err();
    assert_eq!(error.to_string(), "byte 253: nesting of fields 33 exceeds the limit of 32");
}

#[test]
fn payloads() {
    let header = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 5), }").unwrap();
    let offset = header.payload_offset();
    assert_eq!(header.payload(&vec![7; offset + 101]).unwrap(), [7; 100], "trailing bytes are ignored");
    assert_eq!(
        header.payload(&vec![7; offset + 96]).unwrap_err().to_string(),
        r#"payload has 96 bytes, but shape (5, 5) of "<f4" needs 100"#
    );
    let objects = parse("{'descr': '|O', 'fortran_order': False, 'shape': (0,), }").unwrap();
    assert_eq!(
        objects.payload(&[]).unwrap_err().to_string(),
        r#"dtype "|O" holds pickled Python objects, which are never loaded"#
    );
    let overflow = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 3), }");
    assert_eq!(
        overflow.unwrap_err().to_string(),
        "shape (4611686018427387904, 3) with 4 bytes per element overflows"
    );
}
