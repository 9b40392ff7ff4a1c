//! Fortran order to C order: copies the elements tile by tile, so that each cache line is fetched once.

use super::memory::to_usize;
use crate::error::Result;

/// True if the two orders of such an array are the same: at most one axis is longer than 1, or nothing is
/// there.
pub(super) fn is_free(shape: &[u64]) -> bool {
    shape.contains(&0) || shape.iter().filter(|&&dim| dim > 1).count() < 2
}

/// Copies elements of `item_size` bytes from Fortran order to C order. Both slices have the length that the
/// shape asks for.
pub(crate) fn to_c_order(bytes: &[u8], out: &mut [u8], shape: &[u64], item_size: u64) -> Result<()> {
    let dims: Vec<usize> =
        shape.iter().filter(|&&dim| dim != 1).map(|&dim| to_usize(dim)).collect::<Result<_>>()?;
    let item_size = to_usize(item_size)?;
    let (Some((&rows, inner)), true) = (dims.split_first(), item_size > 0 && !dims.contains(&0)) else {
        out.copy_from_slice(bytes);
        return Ok(());
    };
    match item_size {
        1 => copy_items::<1, 64>(rows, inner, bytes, out),
        2 => copy_items::<2, 32>(rows, inner, bytes, out),
        4 => copy_items::<4, 32>(rows, inner, bytes, out),
        8 => copy_items::<8, 32>(rows, inner, bytes, out),
        16 => copy_items::<16, 16>(rows, inner, bytes, out),
        _ => for_each_tile(rows, inner, 32, |tile| tile.copy_any(item_size, bytes, out)),
    }
    Ok(())
}

/// Columns of a tile.
const WIDTH: usize = 32;

/// A rectangle of rows and columns, where a column is one element of each row: an index of the inner axes. In
/// Fortran order the elements of a column are neighbours, in C order those of a row.
struct Tile {
    /// Where each column begins in Fortran order.
    columns: [usize; WIDTH],
    width: usize,
    /// Where the first row begins in C order, and how far it is to the next.
    row: usize,
    row_step: usize,
    height: usize,
}

/// Visits tiles of at most `height` rows, from left to right, so that the rows fill up one after the other.
/// No number here exceeds that of the elements, all of which are in memory.
fn for_each_tile(rows: usize, inner: &[usize], height: usize, mut visit: impl FnMut(&Tile)) {
    let row_step: usize = inner.iter().product();
    for top in (0..rows).step_by(height) {
        let mut columns = Columns::new(rows, inner);
        for left in (0..row_step).step_by(WIDTH) {
            let mut tile = Tile {
                columns: [0; WIDTH],
                width: WIDTH.min(row_step - left),
                row: top * row_step + left,
                row_step,
                height: height.min(rows - top),
            };
            for start in tile.columns.iter_mut().take(tile.width) {
                *start = top + columns.advance();
            }
            visit(&tile);
        }
    }
}

/// The places of the columns in Fortran order, in the C order of their indices.
struct Columns {
    /// Index, length and step of each inner axis, the last first.
    axes: Vec<[usize; 3]>,
    place: usize,
}

impl Columns {
    fn new(rows: usize, inner: &[usize]) -> Self {
        let mut step = rows;
        let mut axes = Vec::with_capacity(inner.len());
        for &dim in inner {
            axes.push([0, dim, step]);
            step *= dim;
        }
        axes.reverse();
        Self { axes, place: 0 }
    }

    /// Returns the place and moves on; behind the last column comes the first.
    fn advance(&mut self) -> usize {
        let place = self.place;
        for [index, dim, step] in &mut self.axes {
            *index += 1;
            self.place += *step;
            if index < dim {
                break;
            }
            self.place -= *dim * *step;
            *index = 0;
        }
        place
    }
}

/// Copies elements of a size that the compiler knows.
fn copy_items<const SIZE: usize, const HEIGHT: usize>(
    rows: usize,
    inner: &[usize],
    bytes: &[u8],
    out: &mut [u8],
) {
    let (items, _) = bytes.as_chunks::<SIZE>();
    let (out, _) = out.as_chunks_mut::<SIZE>();
    // Steps of a power of two would make the columns evict each other from the cache; here they are dense.
    let mut dense = [[[0; SIZE]; HEIGHT]; WIDTH];
    for_each_tile(rows, inner, HEIGHT, |tile| {
        for (column, &start) in dense.iter_mut().zip(&tile.columns).take(tile.width) {
            if let Some(source) = items.get(start..).and_then(<[_]>::first_chunk) {
                *column = *source;
            } else {
                // The last elements of all: fewer than a column has.
                column
                    .iter_mut()
                    .zip(items.get(start..).unwrap_or_default())
                    .for_each(|(to, from)| *to = *from);
            }
        }
        for row in 0..tile.height.min(HEIGHT) {
            let start = tile.row + row * tile.row_step;
            let target = out.get_mut(start..start + tile.width).unwrap_or_default();
            if let Ok(target) = <&mut [[u8; SIZE]; WIDTH]>::try_from(&mut *target) {
                for (item, column) in target.iter_mut().zip(&dense) {
                    *item = column.get(row).copied().unwrap_or([0; SIZE]);
                }
            } else {
                for (item, column) in target.iter_mut().zip(&dense) {
                    *item = column.get(row).copied().unwrap_or([0; SIZE]);
                }
            }
        }
    });
}

impl Tile {
    /// Copies elements of any size one by one.
    fn copy_any(&self, item_size: usize, bytes: &[u8], out: &mut [u8]) {
        for row in 0..self.height {
            for (index, column) in self.columns.iter().enumerate().take(self.width) {
                let from = (column + row) * item_size;
                let to = (self.row + row * self.row_step + index) * item_size;
                if let Some(target) = out.get_mut(to..to + item_size)
                    && let Some(source) = bytes.get(from..from + item_size)
                {
                    target.copy_from_slice(source);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: element by element, by its index.
    fn model(bytes: &[u8], shape: &[usize], item_size: usize) -> Vec<u8> {
        let count: usize = shape.iter().product();
        let place = |mut c_order: usize| {
            let (mut place, mut stride) = (0, count);
            for dim in shape.iter().rev() {
                stride /= dim;
                place += c_order % dim * stride;
                c_order /= dim;
            }
            place * item_size
        };
        (0..count).flat_map(|index| &bytes[place(index)..place(index) + item_size]).copied().collect()
    }

    fn check(shape: &[usize], item_size: usize) {
        let len = shape.iter().product::<usize>() * item_size;
        let bytes: Vec<u8> =
            (0..len).map(|i| (i % 251).to_le_bytes()[0] ^ (i / 251).to_le_bytes()[0]).collect();
        let dims: Vec<u64> = shape.iter().map(|&dim| u64::try_from(dim).unwrap()).collect();
        let mut out = vec![0; len];
        to_c_order(&bytes, &mut out, &dims, u64::try_from(item_size).unwrap()).unwrap();
        assert_eq!(out, model(&bytes, shape, item_size), "{shape:?} {item_size}");
    }

    #[test]
    fn every_size() {
        for item_size in [1, 2, 3, 4, 5, 8, 12, 16, 24, 64] {
            for shape in
                [&[2, 3][..], &[33, 65], &[2, 3, 4], &[64, 3, 33], &[5, 1, 3, 1, 2, 4], &[7], &[], &[0, 3]]
            {
                check(shape, item_size);
            }
        }
    }

    #[test]
    fn what_is_free() {
        for (shape, free) in
            [(&[][..], true), (&[5], true), (&[1, 5, 1], true), (&[0, 5, 5], true), (&[2, 2], false)]
        {
            assert_eq!(is_free(shape), free, "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            shape in prop::collection::vec(0_usize..40, 0..4),
            item_size in prop::sample::select(vec![1_usize, 2, 3, 4, 8, 10, 16]),
        ) {
            check(&shape, item_size);
        }
    }
}
