//! Byte order: every number reversed, at memory speed. Copies, or works in place.

use crate::npy::{Dtype, Scalar};

/// Returns the bytes of one number of such elements, if they must be swapped before this machine can use
/// them. Records are swapped field by field.
pub(super) fn width(dtype: &Dtype) -> Option<usize> {
    match dtype {
        Dtype::Scalar(scalar, order) if order.is_foreign() => {
            let parts = if matches!(scalar, Scalar::Complex64 | Scalar::Complex128) { 2 } else { 1 };
            usize::try_from(scalar.item_size() / parts).ok()
        }
        Dtype::Datetime(_, order) | Dtype::Timedelta(_, order) if order.is_foreign() => Some(8),
        Dtype::Text(_, order) if order.is_foreign() => Some(4),
        Dtype::Subarray(subarray) => width(subarray.dtype()),
        _ => None,
    }
}

/// Copies numbers of `width` bytes with their bytes reversed.
pub(super) fn copy(bytes: &[u8], out: &mut [u8], width: usize) {
    match width {
        2 => copy_chunks::<2>(bytes, out),
        4 => copy_chunks::<4>(bytes, out),
        8 => copy_chunks::<8>(bytes, out),
        _ => {
            out.copy_from_slice(bytes);
            in_place(out, width);
        }
    }
}

fn copy_chunks<const WIDTH: usize>(bytes: &[u8], out: &mut [u8]) {
    for (out, number) in out.as_chunks_mut::<WIDTH>().0.iter_mut().zip(bytes.as_chunks::<WIDTH>().0) {
        let mut swapped = *number;
        swapped.reverse();
        *out = swapped;
    }
}

/// Reverses the bytes of numbers of `width` bytes.
pub(super) fn in_place(bytes: &mut [u8], width: usize) {
    match width {
        0 | 1 => {}
        2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|number| number.reverse()),
        4 => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|number| number.reverse()),
        8 => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|number| number.reverse()),
        _ => bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        let foreign = if cfg!(target_endian = "big") { '<' } else { '>' };
        for (kind, expected) in [
            ("f4", Some(4)),
            ("i2", Some(2)),
            ("u1", None),
            ("c8", Some(4)),
            ("c16", Some(8)),
            ("M8[D]", Some(8)),
            ("U7", Some(4)),
            ("S7", None),
        ] {
            assert_eq!(
                width(&Dtype::from_type_str(&format!("{foreign}{kind}")).unwrap()),
                expected,
                "{kind}"
            );
            assert_eq!(width(&Dtype::from_type_str(&format!("={kind}")).unwrap()), None, "{kind}");
        }
    }

    #[test]
    fn both_ways() {
        let bytes: Vec<u8> = (0..96).collect();
        for width in [1, 2, 3, 4, 8, 16] {
            let mut out = vec![0; 96];
            copy(&bytes, &mut out, width);
            let expected: Vec<u8> =
                bytes.chunks(width).flat_map(|number| number.iter().rev()).copied().collect();
            assert_eq!(out, expected);
            in_place(&mut out, width);
            assert_eq!(out, bytes);
        }
    }
}
