//! A histogram of numbers that come little by little, whose range is not known before.

use super::numbers::{bin, rounded};
use crate::convert::to_u64;

/// A multiple of what is shown, so that shown bins are whole ones if the range never grew.
const FINE: usize = 12 * 128;

/// Counts in fine bins, which are doubled in width until all numbers fit.
#[derive(Debug, Clone)]
pub(super) struct Bins {
    /// The range; none before the first number.
    range: Option<(f64, f64)>,
    counts: Vec<u64>,
}

impl Bins {
    pub(super) fn new() -> Self {
        Self { range: None, counts: vec![0; FINE] }
    }

    /// Makes room for numbers within a finite range.
    pub(super) fn reach(&mut self, min: f64, max: f64) {
        let Some((mut low, mut high)) = self.range else {
            self.range = Some((min, max));
            return;
        };
        while min < low || max > high {
            let width = high - low;
            if width <= 0.0 {
                // All numbers before were one.
                let (value, count) = (low, self.counts.iter().sum());
                (low, high) = (low.min(min), high.max(max));
                self.counts.fill(0);
                if let Some(slot) = self.counts.get_mut(bin(value, low, high, FINE)) {
                    *slot = count;
                }
            } else {
                let mut halved: Vec<u64> = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
                if max > high {
                    high += width;
                } else {
                    low -= width;
                    halved.splice(0..0, vec![0; FINE / 2]);
                }
                halved.resize(FINE, 0);
                self.counts = halved;
            }
        }
        self.range = Some((low, high));
    }

    /// Counts a number within reach.
    pub(super) fn add(&mut self, number: f64) {
        if let Some((low, high)) = self.range
            && let Some(count) = self.counts.get_mut(bin(number, low, high, FINE))
        {
            *count += 1;
        }
    }

    /// How often numbers fell into each of `bins` equal parts of the range between two numbers.
    pub(super) fn coarse(&self, min: f64, max: f64, bins: usize) -> Vec<u64> {
        let mut coarse = vec![0; bins];
        let Some((low, high)) = self.range else { return coarse };
        let width = (high - low) / rounded(to_u64(FINE));
        for (index, count) in self.counts.iter().enumerate() {
            let centre = low + (rounded(to_u64(index)) + 0.5) * width;
            if let Some(sum) = coarse.get_mut(bin(centre, min, max, bins)) {
                *sum += count;
            }
        }
        coarse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pieces: &[&[f64]], bins: usize) -> Vec<u64> {
        let mut counted = Bins::new();
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for piece in pieces {
            let low = piece.iter().copied().fold(f64::INFINITY, f64::min);
            let high = piece.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            counted.reach(low, high);
            piece.iter().for_each(|&number| counted.add(number));
            (min, max) = (min.min(low), max.max(high));
        }
        counted.coarse(min, max, bins)
    }

    #[test]
    fn every_number_once() {
        for (pieces, expected) in [
            (&[&[0.0, 1.0, 2.0, 3.0][..]][..], &[1, 1, 1, 1][..]),
            (&[&[5.0], &[5.0]], &[2, 0, 0, 0]),
            (&[&[5.0, 5.0], &[6.0]], &[2, 0, 0, 1]),
            (&[&[0.0, 1.0], &[1000.0]], &[2, 0, 0, 1]),
            (&[&[0.0, 1.0], &[-1000.0]], &[1, 0, 0, 2]),
            (&[&[1.0], &[-1e300, 1e300]], &[1, 0, 1, 1]),
            (&[&[-f64::MAX, f64::MAX], &[0.0]], &[3, 0, 0, 0]),
        ] {
            assert_eq!(count(pieces, 4), expected, "{pieces:?}");
        }
    }

    #[test]
    fn pieces_hardly_matter() {
        let numbers: Vec<f64> = (0..10_000).map(|index| f64::from(index * 7919 % 10_000)).collect();
        let (first, rest) = numbers.split_at(100);
        let (one, many) = (count(&[&numbers], 12), count(&[first, rest], 12));
        for (one, many) in one.iter().zip(&many) {
            assert!(one.abs_diff(*many) < 20, "{one} {many}");
        }
    }
}
