//! Elements at regular distances, as the fields of records lie: found by arithmetic, gathered once.

/// Elements within the bytes of records: where the first one begins, and how many there are how far apart, from
/// the outermost axis to the innermost.
#[derive(Debug, Clone)]
pub(super) struct Strided<'a> {
    bytes: &'a [u8],
    start: usize,
    axes: Vec<(usize, usize)>,
}

impl<'a> Strided<'a> {
    /// `count` elements of `size` bytes, one behind the other.
    pub(super) fn contiguous(bytes: &'a [u8], count: usize, size: usize) -> Self {
        Self { bytes, start: 0, axes: vec![(count, size)] }
    }

    /// The number of elements.
    pub(super) fn count(&self) -> usize {
        self.axes.iter().fold(1, |product, &(count, _)| product.saturating_mul(count))
    }

    /// What lies `offset` bytes within each element.
    pub(super) fn at(&self, offset: usize) -> Self {
        Self { start: self.start.saturating_add(offset), ..self.clone() }
    }

    /// The `count` parts of `size` bytes that each element has.
    pub(super) fn split(&self, count: usize, size: usize) -> Self {
        let mut split = self.clone();
        match split.axes.last_mut() {
            // The elements have no bytes between them: their parts are one longer row.
            Some(last) if last.1 == count.saturating_mul(size) => {
                *last = (last.0.saturating_mul(count), size);
            }
            Some(last) if last.0 == 1 => *last = (count, size),
            _ if count == 1 => {}
            _ => split.axes.push((count, size)),
        }
        split
    }

    /// Copies the first `size` bytes of each element to `out`, one behind the other.
    pub(super) fn gather(&self, out: &mut [u8], size: usize) {
        let Some((&(run, stride), outer)) = self.axes.split_last() else { return };
        let run_len = run.saturating_mul(size);
        if run_len == 0 {
            return;
        }
        let mut indices = vec![0; outer.len()];
        let mut start = self.start;
        for out in out.chunks_exact_mut(run_len) {
            gather_run(self.bytes.get(start..).unwrap_or_default(), out, stride, size);
            // Counts on, the last axis fastest.
            for (index, &(count, stride)) in indices.iter_mut().zip(outer).rev() {
                *index += 1;
                start = start.saturating_add(stride);
                if *index < count {
                    break;
                }
                *index = 0;
                start = start.saturating_sub(stride.saturating_mul(count));
            }
        }
    }
}

/// Copies the first `size` bytes of elements that are `stride` bytes apart.
fn gather_run(bytes: &[u8], out: &mut [u8], stride: usize, size: usize) {
    match size {
        _ if stride == 0 => {}
        1 => gather_sized::<1>(bytes, out, stride),
        2 => gather_sized::<2>(bytes, out, stride),
        4 => gather_sized::<4>(bytes, out, stride),
        8 => gather_sized::<8>(bytes, out, stride),
        16 => gather_sized::<16>(bytes, out, stride),
        _ => {
            for (out, element) in out.chunks_exact_mut(size).zip(bytes.chunks(stride)) {
                if let Some(value) = element.get(..size) {
                    out.copy_from_slice(value);
                }
            }
        }
    }
}

fn gather_sized<const SIZE: usize>(bytes: &[u8], out: &mut [u8], stride: usize) {
    for (out, element) in out.as_chunks_mut::<SIZE>().0.iter_mut().zip(bytes.chunks(stride)) {
        if let Some(value) = element.first_chunk() {
            *out = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_every_size() {
        let bytes: Vec<u8> = (0..=255).cycle().take(40 * 50).collect();
        let records = Strided::contiguous(&bytes, 50, 40);
        for size in [0, 1, 2, 3, 4, 8, 16, 17] {
            for offset in [0, 1, 40 - size] {
                let mut out = vec![0; 50 * size];
                records.at(offset).gather(&mut out, size);
                let expected: Vec<u8> =
                    bytes.chunks(40).flat_map(|record| &record[offset..offset + size]).copied().collect();
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn gathers_parts_of_parts() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * 40).collect();
        // Three records of 40 bytes; at 4, two elements of 15; at 3 of each, three of 4; at 1 of each, 2 bytes.
        let records = Strided::contiguous(&bytes, 3, 40);
        let parts = records.at(4).split(2, 15).at(3).split(3, 4).at(1);
        assert_eq!(parts.count(), 18);
        let mut out = vec![0; 36];
        parts.gather(&mut out, 2);
        let mut expected: Vec<u8> = Vec::new();
        for record in 0..3 {
            for element in 0..2 {
                for part in 0..3 {
                    let start = record * 40 + 4 + element * 15 + 3 + part * 4 + 1;
                    expected.extend(&bytes[start..start + 2]);
                }
            }
        }
        assert_eq!(out, expected);
    }

    #[test]
    fn axes_that_need_not_be_told_apart_are_one() {
        let bytes = [0; 48];
        let records = Strided::contiguous(&bytes, 4, 12);
        assert_eq!(records.split(3, 4).axes, [(12, 4)]);
        assert_eq!(records.at(4).split(1, 4).axes, [(4, 12)]);
        assert_eq!(records.split(2, 4).axes, [(4, 12), (2, 4)]);
        assert_eq!(Strided::contiguous(&bytes, 1, 48).split(2, 4).axes, [(2, 4)]);
        assert_eq!(records.split(0, 4).count(), 0);
    }
}
