//! `npzarrow stat`: what numbers there are in all files together, read batch by batch.

use std::sync::Arc;

use arrow_array::{Array, RecordBatchReader as _};
use arrow_schema::Field;
use serde_json::{Value, json};

use super::args::Selection;
use super::bins::Bins;
use super::context::{Access, Context};
use super::files::{expand, source_of};
use super::format;
use super::numbers::{Summary, each_in, extremes};
use super::scan::{Batches, dataset, is_ragged, tell_skipped};
use super::table::Table;
use crate::NpzDataset;
use crate::arrow::DTYPE_KEY;
use crate::dataset::ShardInfo;
use crate::error::{ErrorKind, Result};

const BINS: usize = 12;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is known of one array of all files.
struct Found {
    name: String,
    dtype: String,
    shape: Shape,
    /// None if they are no real numbers.
    numbers: Option<(Summary, Bins)>,
    /// The extremes of integers, exactly; of no use unless all numbers were integers.
    extremes: Option<(i128, i128)>,
    is_exact: bool,
}

/// The shapes of an array in all files.
enum Shape {
    /// Not known yet.
    Unknown,
    /// The sum of the first axes, and the others.
    Same(u64, Vec<u64>),
    /// No axes at all.
    Scalar,
    Various,
}

pub(super) fn run(arguments: &Selection, context: &mut Context<'_>) -> Result<bool> {
    let files: Vec<String> = expand(&arguments.files.files, context)?.iter().map(source_of).collect();
    let mut found = Vec::new();
    let all_good = collect(&files, &arguments.columns, &mut found, context)?;
    if context.json {
        let arrays: Vec<Value> = found.iter().map(Found::json).collect();
        context.line(json!({ "files": files.len(), "arrays": arrays }))?;
        return Ok(all_good);
    }
    let headings = ["name", "dtype", "shape", "min", "max", "mean", "nan", "zeros", "histogram"];
    let mut table = Table::new(headings, &[3, 4, 5, 6, 7]);
    for array in &found {
        table.push(array.row());
    }
    table.print(context)?;
    Ok(all_good)
}

/// Reads all rows of some columns, or of all: of all files at once if they are alike, else one by one. False if a
/// file could not be read.
fn collect(files: &[String], columns: &[String], found: &mut Vec<Found>, access: &Access) -> Result<bool> {
    let mut options = access.dataset_options(columns);
    options.widen = true;
    let dataset = match dataset(files, options, access) {
        Ok(dataset) => dataset,
        Err(error) if files.len() > 1 && matches!(error.kind(), ErrorKind::ShardMismatch { .. }) => {
            let mut all_good = true;
            for file in files {
                all_good &= match collect(std::slice::from_ref(file), columns, found, access) {
                    // Not every file must have every array.
                    Err(error) if matches!(error.kind(), ErrorKind::EntryNotFound { .. }) => true,
                    result => result?,
                };
            }
            return Ok(all_good);
        }
        Err(error) => return Err(error),
    };
    let shards = dataset.shards()?;
    let is_repeated =
        |name: &str| shards.iter().filter_map(|shard| shard.column(name, 0)).any(|column| column.is_repeated);
    let schema = dataset.schema()?;
    let names = schema.fields().iter().map(|field| field.name().as_str());
    // Arrays whose rows do not belong together, or that have none, are read one by one.
    let (mut alone, together): (Vec<&str>, Vec<&str>) = if schema.fields().len() < 2 {
        (Vec::new(), names.collect())
    } else if is_ragged(&dataset)? {
        (names.collect(), Vec::new())
    } else {
        names.partition(|name| is_repeated(name))
    };
    for field in schema.fields() {
        if !found.iter().any(|known| known.name == *field.name()) {
            found.push(Found::new(field.name()));
        }
    }
    let is_first = |known: &Found| matches!(known.shape, Shape::Unknown);
    let can_repeat = together.len() > 1 && found.iter().all(is_first);
    scan(&dataset, &together, found, access)?;
    if can_repeat && shards.iter().any(|shard| dataset.has_failed(shard)) {
        // One bad array has cost all others of its file: each by itself.
        for known in found.iter_mut().filter(|known| together.contains(&known.name.as_str())) {
            *known = Found::new(&known.name);
        }
        alone.extend(&together);
    } else {
        for name in &together {
            note(name, &dataset, shards, found);
        }
    }
    let mut all_good = true;
    for name in &alone {
        all_good &= collect(files, &[(*name).to_owned()], found, access)?;
    }
    // Each of them has told of the same files.
    Ok(if alone.is_empty() { tell_skipped(&dataset)? } else { all_good })
}

/// Notes what the headers say of an array that was read.
fn note(name: &str, dataset: &NpzDataset, shards: &[Arc<ShardInfo>], found: &mut [Found]) {
    let Some(known) = found.iter_mut().find(|known| known.name == name) else { return };
    let good = shards.iter().filter(|shard| !dataset.has_failed(shard));
    for column in good.filter_map(|shard| shard.column(name, 0)) {
        let header = &column.header;
        let dtype = match column.record_field {
            None => format::dtype(header),
            Some(_) => column.field.data_type().to_string(),
        };
        let shape = match header.shape().to_vec().split_first() {
            None => Shape::Scalar,
            Some((rows, inner)) => Shape::Same(*rows, inner.to_vec()),
        };
        known.shape = std::mem::replace(&mut known.shape, Shape::Unknown).with(shape);
        if known.dtype.is_empty() {
            known.dtype = dtype;
        } else if !known.dtype.split(", ").any(|other| other == dtype) {
            known.dtype = format!("{}, {dtype}", known.dtype);
        }
    }
}

/// Reads rows and counts their numbers.
fn scan(dataset: &NpzDataset, names: &[&str], found: &mut [Found], access: &Access) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let batches = Batches::new(dataset, Some(names), None, access)?;
    let schema = batches.schema();
    for batch in batches {
        let batch = batch?;
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if let Some(known) = found.iter_mut().find(|known| known.name == *field.name()) {
                count(field, array, &mut known.numbers);
                if known.numbers.is_some() {
                    known.extend(array);
                }
            }
        }
    }
    Ok(())
}

fn count(field: &Field, array: &dyn Array, numbers: &mut Option<(Summary, Bins)>) {
    let Some((summary, bins)) = numbers else { return };
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    let mut add = |number: f64| {
        summary.add(number);
        if number.is_finite() {
            range = (range.0.min(number), range.1.max(number));
        }
    };
    // What has another dtype than its type says is complex, or a time.
    if field.metadata().contains_key(DTYPE_KEY) || !each_in(array, &mut add) {
        *numbers = None;
        return;
    }
    if range.0 <= range.1 {
        bins.reach(range.0, range.1);
        each_in(array, &mut |number: f64| {
            if number.is_finite() {
                bins.add(number);
            }
        });
    }
}

impl Shape {
    fn with(self, other: Self) -> Self {
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

impl Found {
    fn new(name: &str) -> Self {
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

    fn extend(&mut self, array: &dyn Array) {
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

    fn row(&self) -> Vec<String> {
        let shape = self
            .shape
            .to_vec()
            .map_or_else(|| "various".to_owned(), |shape| crate::npy::Shape::new(shape).to_string());
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

    fn json(&self) -> Value {
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
