//! The bytes of an object that are known already.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_buffer::Buffer;

use crate::convert::{to_u64, to_usize};

/// Ranges that are known, none overlapping another, by where they begin.
#[derive(Debug, Default)]
pub(super) struct Segments(BTreeMap<u64, Buffer>);

impl Segments {
    /// Adds bytes, but for those that are known already.
    pub(super) fn insert(&mut self, start: u64, bytes: &Buffer) {
        let end = start.saturating_add(to_u64(bytes.len()));
        for gap in self.gaps(&(start..end)) {
            let offset = to_usize(gap.start.saturating_sub(start));
            let len = to_usize(gap.end.saturating_sub(gap.start));
            self.0.insert(gap.start, bytes.slice_with_length(offset, len));
        }
    }

    /// The parts of a range that are not known.
    pub(super) fn gaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut position = range.start;
        for (known, _) in self.within(range) {
            if known.start > position {
                gaps.push(position..known.start);
            }
            position = position.max(known.end);
        }
        if position < range.end {
            gaps.push(position..range.end);
        }
        gaps
    }

    /// Copies what is known of the bytes from `start` on.
    pub(super) fn copy_to(&self, start: u64, to: &mut [u8]) {
        let range = start..start.saturating_add(to_u64(to.len()));
        for (known, bytes) in self.within(&range) {
            let offset = to_usize(known.start.saturating_sub(start));
            if let Some(to) = to.get_mut(offset..offset.saturating_add(bytes.len())) {
                to.copy_from_slice(bytes);
            }
        }
    }

    /// The known parts of a range, in order.
    fn within(&self, range: &Range<u64>) -> impl Iterator<Item = (Range<u64>, &[u8])> {
        // At most one that begins before the range reaches into it.
        let first = self.0.range(..range.start).next_back().map_or(range.start, |(start, _)| *start);
        let (from, to) = (range.start, range.end);
        self.0.range(first..to.max(first)).filter_map(move |(start, bytes)| {
            let end = start.saturating_add(to_u64(bytes.len())).min(to);
            let known = (*start).max(from)..end;
            let offset = to_usize(known.start.saturating_sub(*start));
            let len = to_usize(known.end.checked_sub(known.start)?);
            let bytes = bytes.get(offset..offset.checked_add(len)?)?;
            (len > 0).then_some((known, bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_and_what_is_not() {
        let mut segments = Segments::default();
        let all: Vec<u8> = (0..100).collect();
        let bytes = Buffer::from(all.clone());
        for (start, end) in [(10, 20), (30, 40), (15, 35), (90, 100), (90, 95), (0, 0)] {
            segments.insert(start as u64, &bytes.slice_with_length(start, end - start));
        }
        // Known now: 10..40 and 90..100.
        let known = |position: &usize| (10..40).contains(position) || (90..100).contains(position);
        for start in 0..100 {
            for end in start..=100 {
                let range = start as u64..end as u64;
                let gaps = segments.gaps(&range);
                let missing: Vec<u64> = gaps.into_iter().flatten().collect();
                let expected: Vec<u64> = (start..end).filter(|p| !known(p)).map(|p| p as u64).collect();
                assert_eq!(missing, expected, "{range:?}");
                let mut copy = vec![255; end - start];
                segments.copy_to(range.start, &mut copy);
                let expected: Vec<u8> = (start..end).map(|p| if known(&p) { all[p] } else { 255 }).collect();
                assert_eq!(copy, expected, "{range:?}");
            }
        }
    }
}
