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
pub(super) fn to_c_order(bytes: &[u8], out: &mut [u8], shape: &[u64], item_size: u64) -> Result<()> {
    let dims: Vec<usize> =
        shape.iter().filter(|&&dim| dim != 1).map(|&dim| to_usize(dim)).collect::<Result<_>>()?;
    let item_size = to_usize(item_size)?;
    let (&[first, ref middle @ .., last], true) = (&dims[..], item_size > 0) else {
        out.copy_from_slice(bytes);
        return Ok(());
    };
    let axes = Axes { first, middle, last };
    match item_size {
        1 => Items::<1>::copy(&axes, bytes, out),
        2 => Items::<2>::copy(&axes, bytes, out),
        4 => Items::<4>::copy(&axes, bytes, out),
        8 => Items::<8>::copy(&axes, bytes, out),
        16 => Items::<16>::copy(&axes, bytes, out),
        _ => axes.for_each_tile(|tile| tile.copy_any(item_size, bytes, out)),
    }
    Ok(())
}

/// Elements along each side of a tile: 64 bytes or more of each row and column for all but one-byte types.
const SIDE: usize = 32;

/// The axes: the first is contiguous in Fortran order, the last in C order.
struct Axes<'a> {
    first: usize,
    middle: &'a [usize],
    last: usize,
}

/// A rectangle of the first and the last axis, in elements.
struct Tile {
    /// Where it begins in each order.
    from: usize,
    to: usize,
    /// Its length along the first axis; the elements are neighbours in Fortran order.
    height: usize,
    /// Its length along the last axis; the elements are neighbours in C order.
    width: usize,
    /// From one element of the last axis to the next in Fortran order.
    from_step: usize,
    /// From one element of the first axis to the next in C order.
    to_step: usize,
}

impl Axes<'_> {
    /// Visits every tile. The first axis is the outer loop, so that few rows of the output are open at a time.
    /// No product here exceeds the number of elements, all of which are in memory.
    fn for_each_tile(&self, mut visit: impl FnMut(&Tile)) {
        let middle_len: usize = self.middle.iter().product();
        let (from_step, to_step) = (self.first * middle_len, self.last * middle_len);
        let mut index = vec![0; self.middle.len()];
        for top in (0..self.first).step_by(SIDE) {
            for middle_index in 0..middle_len {
                let from_middle = fortran_offset(self.middle, &index) * self.first;
                for left in (0..self.last).step_by(SIDE) {
                    visit(&Tile {
                        from: top + from_middle + left * from_step,
                        to: top * to_step + middle_index * self.last + left,
                        height: SIDE.min(self.first - top),
                        width: SIDE.min(self.last - left),
                        from_step,
                        to_step,
                    });
                }
                advance(self.middle, &mut index);
            }
        }
    }
}

/// Moves on to the next index in C order; from the last to the first.
fn advance(dims: &[usize], index: &mut [usize]) {
    for (position, dim) in index.iter_mut().zip(dims).rev() {
        *position += 1;
        if *position < *dim {
            return;
        }
        *position = 0;
    }
}

fn fortran_offset(dims: &[usize], index: &[usize]) -> usize {
    let strides = dims.iter().scan(1, |stride, dim| Some(std::mem::replace(stride, *stride * dim)));
    strides.zip(index).map(|(stride, position)| stride * position).sum()
}

/// Elements of a size that the compiler knows.
struct Items<const SIZE: usize>;

impl<const SIZE: usize> Items<SIZE> {
    fn copy(axes: &Axes<'_>, bytes: &[u8], out: &mut [u8]) {
        let (items, _) = bytes.as_chunks::<SIZE>();
        let (out, _) = out.as_chunks_mut::<SIZE>();
        // Columns of the tile; copying them here first keeps strides of a power of two from evicting each other.
        let mut columns = [[[0; SIZE]; SIDE]; SIDE];
        axes.for_each_tile(|tile| {
            for (index, column) in columns.iter_mut().enumerate().take(tile.width) {
                let start = tile.from + index * tile.from_step;
                if let Some(source) = items.get(start..start + tile.height)
                    && let Some(column) = column.get_mut(..tile.height)
                {
                    column.copy_from_slice(source);
                }
            }
            for row in 0..tile.height.min(SIDE) {
                let start = tile.to + row * tile.to_step;
                let Some(target) = out.get_mut(start..start + tile.width) else { continue };
                if let Ok(target) = <&mut [[u8; SIZE]; SIDE]>::try_from(&mut *target) {
                    for (item, column) in target.iter_mut().zip(&columns) {
                        *item = column.get(row).copied().unwrap_or([0; SIZE]);
                    }
                } else {
                    for (item, column) in target.iter_mut().zip(&columns) {
                        *item = column.get(row).copied().unwrap_or([0; SIZE]);
                    }
                }
            }
        });
    }
}

impl Tile {
    /// Copies elements of any size one by one.
    fn copy_any(&self, item_size: usize, bytes: &[u8], out: &mut [u8]) {
        for row in 0..self.height {
            for column in 0..self.width {
                let from = (self.from + row + column * self.from_step) * item_size;
                let to = (self.to + row * self.to_step + column) * item_size;
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
        let mut index = vec![0; shape.len()];
        let mut out = Vec::new();
        for _ in 0..shape.iter().product::<usize>() {
            let from = fortran_offset(shape, &index) * item_size;
            out.extend(&bytes[from..from + item_size]);
            advance(shape, &mut index);
        }
        out
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
