//! `npzarrow stat`: what numbers there are.

use std::io::Write;

use serde_json::{Value, json};

use super::args::Selection;
use super::files::{Opened, expand};
use super::numbers::{Summary, histogram, summary};
use super::table::Table;
use super::{each, format};
use crate::error::Result;

const BINS: usize = 12;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn run(arguments: &Selection, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.files.files)?;
    let several = files.len() > 1;
    each(files.iter().enumerate(), |(index, path)| {
        let opened = Opened::open(path, true)?;
        let mut table = Table::new(
            ["name", "dtype", "shape", "min", "max", "mean", "nan", "zeros", "histogram"],
            &[3, 4, 5, 6, 7],
        );
        let mut arrays: Vec<Value> = Vec::new();
        for name in opened.names(&arguments.columns)? {
            let array = opened.array(&name)?;
            let (dtype, shape) = (format::dtype(array.header()), array.header().shape().to_string());
            let found = summary(&array).filter(|found| found.count > 0);
            let counts = match &found {
                Some(Summary { finite: (min, max), .. }) if min <= max => histogram(&array, *min, *max, BINS),
                _ => Vec::new(),
            };
            if json {
                arrays.push(json!({
                    "name": name, "dtype": dtype, "shape": array.header().shape().to_vec(),
                    "count": found.map(|found| found.count),
                    "min": found.map(|found| found.min), "max": found.map(|found| found.max),
                    "mean": found.map(|found| found.mean),
                    "nan": found.map(|found| found.nans), "zeros": found.map(|found| found.zeros),
                    "histogram": counts,
                }));
                continue;
            }
            let mut row = vec![name, dtype, shape];
            row.extend(found.map_or_else(Vec::new, |found| {
                vec![
                    number(found.min),
                    number(found.max),
                    number(found.mean),
                    found.nans.to_string(),
                    found.zeros.to_string(),
                    sparkline(&counts),
                ]
            }));
            table.push(row);
        }
        if json {
            writeln!(output, "{}", json!({ "path": format::path(path), "arrays": arrays }))?;
            return Ok(());
        }
        if several {
            writeln!(output, "{}{}:", if index == 0 { "" } else { "\n" }, path.display())?;
        }
        table.print(output)
    })
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
