//! What `stat` has found of one array, and how it shows it.

use arrow_array::Array;
use serde_json::{Value, json};

use super::bins::Bins;
use super::numbers::{Summary, extremes};
use crate::npy;

const BINS: usize = 12;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is known of one array of all files.
pub(super) struct ArrayStats {
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) shape: Shape,
    /// None if they are no real numbers.
    pub(super) numbers: Option<(Summary, Bins)>,
    /// The extremes of integers, exactly; of no use unless all numbers were integers.
    extremes: Option<(i128, i128)>,
    is_exact: bool,
}

/// The shapes of an array in all files.
pub(super) enum Shape {
    /// Not known yet.
    Unknown,
    /// The sum of the first axes, and the others.
    Same(u64, Vec<u64>),
    /// No axes at all.
    Scalar,
    Various,
}

impl Shape {
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Same(rows, inner), Self::Same(more, other)) if inner == other => {
                Self::Same(rows.saturating_add(more), inner)
            }
            (Self::Scalar, Self::Scalar) => Self::Scalar,
            (Self::Unknown, other) => other,
            _ => Self::Various,
        }
    }

    fn to_vec(&self) -> Option<Vec<u64>> {
        match self {
            Self::Same(rows, inner) => Some(std::iter::once(*rows).chain(inner.iter().copied()).collect()),
            Self::Scalar => Some(Vec::new()),
            Self::Unknown | Self::Various => None,
        }
    }
}

impl ArrayStats {
    pub(super) fn new(name: &str) -> Self {
        let numbers = Some((Summary::new(), Bins::new()));
        Self {
            name: name.to_owned(),
            dtype: String::new(),
            shape: Shape::Unknown,
            numbers,
            extremes: None,
            is_exact: true,
        }
    }

    pub(super) fn extend(&mut self, array: &dyn Array) {
        match extremes(array) {
            Some((low, high)) => {
                let (min, max) = self.extremes.unwrap_or((low, high));
                self.extremes = Some((min.min(low), max.max(high)));
            }
            None => self.is_exact &= array.is_empty(),
        }
    }

    fn exact(&self) -> Option<(i128, i128)> {
        self.extremes.filter(|_| self.is_exact)
    }

    /// The extremes, exactly if they are integers.
    fn ends(&self) -> Option<[Value; 2]> {
        let (summary, _) = self.numbers.as_ref().filter(|(summary, _)| summary.count > 0)?;
        let exact = self.exact().and_then(|(min, max)| Some([integer(min)?, integer(max)?]));
        Some(exact.unwrap_or_else(|| [summary.min.into(), summary.max.into()]))
    }

    fn numbers(&self) -> Option<(&Summary, Vec<u64>)> {
        let (summary, bins) = self.numbers.as_ref().filter(|(summary, _)| summary.count > 0)?;
        let (min, max) = summary.finite;
        Some((summary, if min <= max { bins.coarse(min, max, BINS) } else { Vec::new() }))
    }

    pub(super) fn row(&self) -> Vec<String> {
        let shape = self
            .shape
            .to_vec()
            .map_or_else(|| "various".to_owned(), |shape| npy::Shape::new(shape).to_string());
        let mut row = vec![self.name.clone(), self.dtype.clone(), shape];
        if let Some((found, counts)) = self.numbers() {
            let ends = match self.exact() {
                Some((min, max)) => {
                    [(min, found.min), (max, found.max)].map(|(exact, rounded)| short(exact, rounded))
                }
                None => [number(found.min), number(found.max)],
            };
            row.extend(ends);
            row.push(number(found.mean()));
            row.extend([found.nans.to_string(), found.zeros.to_string(), sparkline(&counts)]);
        }
        row
    }

    pub(super) fn json(&self) -> Value {
        let numbers = self.numbers();
        let found = numbers.as_ref().map(|(found, _)| *found);
        let ends = self.ends();
        json!({
            "name": self.name, "dtype": self.dtype, "shape": self.shape.to_vec(),
            "count": found.map(|found| found.count),
            "min": ends.as_ref().map(|[min, _]| min), "max": ends.as_ref().map(|[_, max]| max),
            "mean": found.map(Summary::mean),
            "nan": found.map(|found| found.nans), "zeros": found.map(|found| found.zeros),
            "histogram": numbers.map(|(_, counts)| counts).unwrap_or_default(),
        })
    }
}

/// All numbers of NumPy's integers are numbers of JSON.
fn integer(number: i128) -> Option<Value> {
    i64::try_from(number).map(Value::from).or_else(|_| u64::try_from(number).map(Value::from)).ok()
}

/// An integer that is not too wide.
fn short(exact: i128, rounded: f64) -> String {
    let plain = exact.to_string();
    if plain.len() <= 10 { plain } else { number(rounded) }
}

/// Six digits are enough to see what a number is.
fn number(number: f64) -> String {
    let plain = number.to_string();
    if plain.len() <= 10 || !number.is_finite() {
        return plain;
    }
    if (1e-4..1e9).contains(&number.abs()) { format!("{number:.4}") } else { format!("{number:.4e}") }
}

/// Bars as high as the counts, in one line.
fn sparkline(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0);
    let bar = |&count: &u64| {
        if count == 0 {
            return ' ';
        }
        let height = count.saturating_mul(7).checked_div(most).unwrap_or(0);
        BARS.get(usize::try_from(height).unwrap_or(7)).copied().unwrap_or('█')
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bars() {
        for (value, text) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (1.0 / 3.0, "0.3333"),
            (1e20, "1.0000e20"),
            (1.23e-9, "1.2300e-9"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(sparkline(&[0, 1, 4, 7]), " ▂▅█");
        assert_eq!(sparkline(&[]), "");
    }
}
