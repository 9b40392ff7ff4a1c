//! Every reason to copy, and that what is called shared is.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;

use super::super::options::CopyMode;
use super::*;
use crate::npy::{Dtype, Shape};

fn plan(descr: &str, order: Order, shape: &[u64], origin: Origin, address: usize) -> Result<Plan> {
    plan_with(&ArrowOptions::default(), descr, order, shape, origin, address)
}

fn plan_with(
    options: &ArrowOptions,
    descr: &str,
    order: Order,
    shape: &[u64],
    origin: Origin,
    address: usize,
) -> Result<Plan> {
    let fortran = if order == Order::Fortran { "True" } else { "False" };
    let shape = Shape::new(shape.to_vec());
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}");
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    Plan::try_new("x", &Header::parse(&bytes)?, options, origin, address)
}

const FOREIGN: char = if cfg!(target_endian = "big") { '<' } else { '>' };

const EVERY_REASON: [(&str, &[u64], Origin, usize, &str); 19] = [
    ("'=f8'", &[4, 2], Origin::Immutable, 64, "shared"),
    ("F '=f8'", &[4, 1], Origin::Immutable, 64, "shared"),
    ("'=c8'", &[4], Origin::Immutable, 4, "shared"),
    ("'|V13'", &[4], Origin::Immutable, 1, "shared"),
    ("'|u1'", &[4], Origin::Immutable, 3, "shared"),
    ("[('x', '=f4')]", &[0], Origin::Mutable, 1, "shared"),
    ("'=f8'", &[4], Origin::Immutable, 12, "the payload begins 4 bytes behind a multiple of 8 (copy first)"),
    (
        "'=M8[s]'",
        &[4],
        Origin::Immutable,
        1,
        "the payload begins 1 bytes behind a multiple of 8 (copy first)",
    ),
    ("'=f8'", &[4], Origin::Mutable, 64, "the input can be written to (copy first)"),
    (
        "'|b1'",
        &[4],
        Origin::Mutable,
        9,
        "Arrow packs truth values into bits; bool8=True shares them (copy first)",
    ),
    ("'=f8'", &[4], Origin::Inflated, 64, "the member is deflated"),
    ("'=f8'", &[4], Origin::Read, 64, "the file was read; mmap=True shares its pages"),
    ("F '=f8'", &[4, 2], Origin::Immutable, 1, "the axes are in Fortran order"),
    ("'~f8'", &[4, 2], Origin::Immutable, 1, "the bytes of each number are in foreign order"),
    (
        "'|S13'",
        &[4],
        Origin::Read,
        1,
        "the NULs that pad strings are cut; string_view=True shares long strings",
    ),
    ("'=U3'", &[4], Origin::Inflated, 1, "four bytes per code point become UTF-8"),
    ("'=M8[D]'", &[4], Origin::Read, 1, "Arrow counts dates in days of 32 bits"),
    ("'=m8[h]'", &[4], Origin::Immutable, 1, "the steps are scaled to a unit that Arrow has"),
    ("[('x', '=f4')]", &[4], Origin::Immutable, 1, "the fields of records become columns"),
];

#[test]
fn every_reason() {
    for (descr, shape, origin, address, expected) in EVERY_REASON {
        let foreign = descr.replace('~', &FOREIGN.to_string());
        let (order, descr) = match foreign.strip_prefix("F ") {
            Some(descr) => (Order::Fortran, descr),
            None => (Order::C, &*foreign),
        };
        let planned = |copy| {
            let options = ArrowOptions::default().with_copy(copy);
            plan_with(&options, descr, order, shape, origin, address)
        };
        let auto = planned(CopyMode::Auto).unwrap();
        let text = format!("{}{}", auto.transfer(), if auto.needs_copy() { " (copy first)" } else { "" });
        assert_eq!(text.strip_prefix("copied: ").unwrap_or(&text), expected, "{descr}");
        assert_eq!(planned(CopyMode::Never).is_ok(), expected == "shared", "{descr}");
        let always = planned(CopyMode::Always).unwrap();
        assert!(*always.transfer() != Transfer::Shared || shape.contains(&0), "{descr}");
    }
    let views = ArrowOptions::default().with_string_view(true).with_bool8(true);
    for (descr, expected) in [
        ("'|S13'", "shared"),
        ("'|S12'", "copied: strings of at most 12 bytes lie in their views"),
        ("'|b1'", "shared"),
    ] {
        let plan = plan_with(&views, descr, Order::C, &[4], Origin::Immutable, 1).unwrap();
        assert_eq!(plan.transfer().to_string(), expected);
    }
}

#[test]
fn shares_what_it_says() {
    let payload = memory::copied(&[0; 192]).unwrap();
    for descr in ["'=f8'", "'=c16'", "'=f2'", "'=M8[ns]'", "'=m8[s]'", "'|V3'", "'|i1'"] {
        let size = Dtype::from_type_str(descr.trim_matches('\'')).unwrap().item_size();
        for shape in [&[192 / size][..], &[1, 192 / size], &[192 / size / 4, 2, 2]] {
            for order in [Order::C, Order::Fortran] {
                let address = payload.as_ptr().addr();
                let plan = plan(descr, order, shape, Origin::Immutable, address).unwrap();
                let array = plan.array(payload.clone()).unwrap();
                let mut data = array.to_data();
                data.validate_full().unwrap();
                while let Some(child) = data.child_data().first().cloned() {
                    data = child;
                }
                let is_shared = *plan.transfer() == Transfer::Shared;
                assert_eq!(data.buffers()[0].as_ptr() == payload.as_ptr(), is_shared, "{descr} {shape:?}");
                assert_eq!(is_shared, order == Order::C || shape.len() < 3);
            }
        }
    }
}

#[test]
fn total() {
    let payload = memory::copied(&[7; 65]).unwrap();
    let plan_f8 = plan("'=f8'", Order::C, &[8], Origin::Immutable, 64).unwrap();
    let array = plan_f8.array(payload.slice_with_length(1, 64)).unwrap();
    array.to_data().validate_full().unwrap();
    assert_eq!(
        plan_f8.array(payload).unwrap_err().to_string(),
        format!(
            r#"payload has 65 bytes, but shape (8,) of "{}f8" needs 64"#,
            if FOREIGN == '>' { '<' } else { '>' }
        )
    );
    for (descr, shape) in [
        ("'|O'", &[1][..]),
        ("[('x', '|O')]", &[1]),
        ("'=f16'", &[1]),
        ("'=c32'", &[1]),
        ("'=M8'", &[1]),
        ("'|S0'", &[1 << 40]),
        ("'|V0'", &[1 << 20, 1 << 20]),
        ("'=f4'", &[1 << 40, 0]),
        ("[]", &[1 << 40]),
        ("[('x', '|V0', (1000000000,)), ('y', '|u1')]", &[1]),
        ("[('x', '=f4', (0,)), ('y', '|V0')]", &[1 << 24]),
        ("'|V3000000000'", &[0]),
        ("'=f4'", &[0, 1 << 16, 1 << 16]),
    ] {
        assert!(plan(descr, Order::C, shape, Origin::Immutable, 64).is_err(), "{descr}");
    }
}

#[test]
fn archive_rows() {
    let options = ArrowOptions::default().with_rows(RowLayout::Archive);
    let payload = memory::copied(&[0; 24]).unwrap();
    for (shape, data_type) in [
        (&[][..], DataType::Int64),
        (&[3], DataType::new_fixed_size_list(DataType::Int64, 3, true)),
        (&[1, 3], DataType::new_fixed_size_list(DataType::Int64, 3, true)),
        (&[0], DataType::new_list(DataType::Int64, true)),
    ] {
        let plan = plan_with(&options, "'=i8'", Order::C, shape, Origin::Immutable, 64).unwrap();
        let len = usize::try_from(shape.iter().product::<u64>() * 8).unwrap();
        let array = plan.array(payload.slice_with_length(0, len)).unwrap();
        array.to_data().validate_full().unwrap();
        assert_eq!((array.data_type(), array.len(), plan.rows()), (&data_type, 1, 1));
    }
}

#[test]
fn dates_in_records_and_tensors_keep_their_dtype() {
    let descr = "[(('When', 'x'), '<M8[M]', (2,)), ('y', '>c8')]";
    let plan = plan(descr, Order::C, &[1], Origin::Immutable, 1).unwrap();
    let DataType::Struct(fields) = plan.field().data_type() else { panic!() };
    assert_eq!(fields[0].metadata()[schema::DTYPE_KEY], "<M8[M]");
    assert_eq!(fields[0].metadata()[schema::TITLE_KEY], "When");
    assert_eq!(fields[1].metadata()[schema::DTYPE_KEY], "<c8");
    let array = plan.array(Buffer::from(vec![0_u8; 24])).unwrap();
    array.to_data().validate_full().unwrap();
    assert_eq!(array.as_struct().num_columns(), 2);
}
