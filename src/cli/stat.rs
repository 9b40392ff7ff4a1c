//! `npzarrow stat`: what numbers there are in all files together, read batch by batch.

use std::sync::Arc;

use arrow_array::{Array, RecordBatchReader as _};
use arrow_schema::Field;
use serde_json::{Value, json};

use super::args::Selection;
use super::array_stats::{ArrayStats, Shape};
use super::bins::Bins;
use super::context::{Access, Context};
use super::files::{expand, source_of};
use super::format;
use super::numbers::{Summary, each_in};
use super::scan::{Batches, dataset, is_ragged, tell_skipped};
use super::table::Table;
use crate::NpzDataset;
use crate::arrow::DTYPE_KEY;
use crate::dataset::ShardInfo;
use crate::error::{ErrorKind, Result};

pub(super) fn run(arguments: &Selection, context: &mut Context<'_>) -> Result<bool> {
    let files: Vec<String> = expand(&arguments.files.files, context)?.iter().map(source_of).collect();
    let mut found = Vec::new();
    let all_good = collect(&files, &arguments.columns, &mut found, context)?;
    if context.json {
        let arrays: Vec<Value> = found.iter().map(ArrayStats::json).collect();
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
fn collect(
    files: &[String],
    columns: &[String],
    found: &mut Vec<ArrayStats>,
    access: &Access,
) -> Result<bool> {
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
            found.push(ArrayStats::new(field.name()));
        }
    }
    let is_first = |known: &ArrayStats| matches!(known.shape, Shape::Unknown);
    let can_repeat = together.len() > 1 && found.iter().all(is_first);
    scan(&dataset, &together, found, access)?;
    if can_repeat && shards.iter().any(|shard| dataset.has_failed(shard)) {
        // One bad array has cost all others of its file: each by itself.
        for known in found.iter_mut().filter(|known| together.contains(&known.name.as_str())) {
            *known = ArrayStats::new(&known.name);
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
fn note(name: &str, dataset: &NpzDataset, shards: &[Arc<ShardInfo>], found: &mut [ArrayStats]) {
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
fn scan(dataset: &NpzDataset, names: &[&str], found: &mut [ArrayStats], access: &Access) -> Result<()> {
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
