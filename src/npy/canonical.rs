//! The headers that NumPy itself writes, recognised byte by byte.
//!
//! Nearly every file has one, and small arrays are loaded by the million: this takes a tenth of the time of
//! the general parser. What it does not recognise it leaves to that parser; where both accept, they agree
//! (a property test and a fuzz target hold them to it).

use super::dtype::Dtype;
use super::header::Order;
use super::shape::Shape;
use crate::limits::MAX_NDIM;

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, padded with spaces and a newline.
pub(super) fn parse(header: &[u8]) -> Option<(Dtype, Order, Shape)> {
    let rest = header.strip_prefix(b"{'descr': '")?;
    let quote = rest.iter().take(24).position(|&byte| byte == b'\'')?;
    let (type_str, rest) = rest.split_at_checked(quote)?;
    if type_str.contains(&b'\\') {
        return None;
    }
    let dtype = Dtype::from_type_str(str::from_utf8(type_str).ok()?)?;
    let rest = rest.strip_prefix(b"', 'fortran_order': ")?;
    let (order, rest) = match rest.strip_prefix(b"False") {
        Some(rest) => (Order::C, rest),
        None => (Order::Fortran, rest.strip_prefix(b"True")?),
    };
    let (shape, rest) = parse_shape(rest.strip_prefix(b", 'shape': (")?)?;
    let padding = rest.strip_prefix(b", }")?.strip_suffix(b"\n")?;
    padding.iter().all(|&byte| byte == b' ').then_some((dtype, order, shape))
}

/// Parses `)`, `3,)` or `3, 4)`, exactly as `repr` writes them.
fn parse_shape(mut rest: &[u8]) -> Option<(Shape, &[u8])> {
    let mut dims = Vec::new();
    if let Some(rest) = rest.strip_prefix(b")") {
        return Some((Shape::new(dims), rest));
    }
    dims.reserve_exact(4);
    loop {
        let (dim, after) = parse_dim(rest)?;
        dims.push(dim);
        if dims.len() > MAX_NDIM {
            return None;
        }
        rest = match after.split_first()? {
            (b')', rest) if dims.len() > 1 => return Some((Shape::new(dims), rest)),
            (b',', rest) => match rest.split_first()? {
                (b' ', rest) => rest,
                (b')', rest) if dims.len() == 1 => return Some((Shape::new(dims), rest)),
                _ => return None,
            },
            _ => return None,
        };
    }
}

/// Parses a decimal number of at most 18 digits, which cannot overflow.
fn parse_dim(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take(19).position(|byte| !byte.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(digits)?;
    match number {
        [] | [b'0', _, ..] => None,
        _ => {
            let value = number.iter().fold(0_u64, |value, &digit| {
                value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
            });
            Some((value, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::version::{Preamble, Version};
    use super::super::{Header, Scalar};
    use super::*;

    fn general(text: &[u8]) -> Option<(Dtype, Order, Shape)> {
        let preamble = Preamble { version: Version::V1, header_start: 0, header_end: text.len() };
        let header = Header::parse_text(preamble, text).ok()?;
        Some((header.dtype, header.order, header.shape))
    }

    #[test]
    fn what_numpy_writes_is_recognised() {
        for shape in ["()", "(3,)", "(3, 4)", "(0, 5)", "(1, 2, 3, 4, 5, 6)", "(123456789012345678,)"] {
            for (order, fortran) in [(Order::C, "False"), (Order::Fortran, "True")] {
                let text =
                    format!("{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': {shape}, }}     \n");
                let parsed = parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
                assert!(matches!(parsed.0, Dtype::Scalar(Scalar::Float32, _)));
                assert_eq!((parsed.1, parsed.2.to_string().as_str()), (order, shape));
            }
        }
    }

    #[test]
    fn what_means_something_else_is_left_to_the_general_parser() {
        let many = format!("({})", "1, ".repeat(65));
        for shape in
            ["(3)", "(03,)", "(3, 04)", "(00,)", "(,)", "(, 3)", "(-3,)", "(3,4)", "(3L,)", "3", "", &many]
        {
            let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}     \n");
            assert_eq!(parse(text.as_bytes()), None, "{shape}");
        }
    }

    proptest! {
        /// One or two bytes of a canonical header replaced: whatever is still recognised means the same.
        #[test]
        fn agrees_with_the_general_parser(
            shape in prop::collection::vec(0_u64..1000, 0..5), type_str in "[<>|=][fiucbMmSUVO][0-9]{0,2}",
            fortran in any::<bool>(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let shape = Shape::new(shape);
            let fortran = if fortran { "True" } else { "False" };
            let mut text = format!("{{'descr': '{type_str}', 'fortran_order': {fortran}, 'shape': {shape}, }}   \n").into_bytes();
            for (index, byte) in edits {
                let position = index.index(text.len());
                text[position] = byte;
            }
            if let Some(parsed) = parse(&text) {
                prop_assert_eq!(Some(parsed), general(&text));
            }
        }
    }
}
