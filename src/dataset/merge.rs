//! One schema for all shards, by a rule of our own: a column that is missing somewhere is nullable, one that
//! differs is an error that names both shards, unless widening was asked for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};

use super::options::DatasetOptions;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind, Result};

/// A column of all shards together.
pub(crate) struct Merged<'a> {
    pub(crate) field: FieldRef,
    /// The first shard that has the column.
    pub(crate) path: &'a Path,
    /// How many shards have it.
    pub(crate) count: usize,
    /// Where it is something else, and what.
    pub(crate) others: Vec<(&'a Path, FieldRef)>,
}

/// Merges the columns of all shards, in the order in which they are met or asked for.
///
/// # Errors
///
/// [`ErrorKind::ShardMismatch`]; [`ErrorKind::EntryNotFound`] if a column that was asked for is nowhere.
pub(crate) fn merge(shards: &[Arc<ShardInfo>], options: &DatasetOptions) -> Result<Vec<FieldRef>> {
    let finish = |column: Merged<'_>| {
        let nullable = column.field.is_nullable() || column.count < shards.len();
        Arc::new(column.field.as_ref().clone().with_nullable(nullable))
    };
    Ok(gather(shards, options, Err)?.into_iter().map(finish).collect())
}

/// As [`merge`], but tells of all columns that differ instead of failing at the first.
#[cfg(feature = "cli")]
pub(crate) fn survey<'a>(shards: &'a [Arc<ShardInfo>], options: &DatasetOptions) -> Result<Vec<Merged<'a>>> {
    gather(shards, options, |_| Ok(()))
}

fn gather<'a>(
    shards: &'a [Arc<ShardInfo>],
    options: &DatasetOptions,
    differs: impl Fn(Error) -> Result<()>,
) -> Result<Vec<Merged<'a>>> {
    let mut merged: Vec<Merged<'a>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for shard in shards {
        for column in &shard.columns {
            let (field, path) = (&column.field, &shard.path);
            let place = *places.entry(field.name()).or_insert(merged.len());
            let Some(known) = merged.get_mut(place) else {
                merged.push(Merged { field: Arc::clone(field), path, count: 1, others: Vec::new() });
                continue;
            };
            known.count = known.count.saturating_add(1);
            match unify(known, field, options) {
                Ok(unified) => known.field = unified,
                Err(error) => {
                    differs(error.in_entry(field.name()).in_path(path))?;
                    known.others.push((path, Arc::clone(field)));
                }
            }
        }
    }
    if let Some(names) = &options.columns {
        let place = |name: &String| {
            let stripped = name.strip_suffix(".npy").unwrap_or(name);
            let place = places.get(name.as_str()).or_else(|| places.get(stripped));
            place.copied().ok_or_else(|| Error::new(ErrorKind::EntryNotFound { name: name.clone() }))
        };
        let order = names.iter().map(place).collect::<Result<Vec<_>>>()?;
        let mut by_place: Vec<Option<Merged<'a>>> = merged.into_iter().map(Some).collect();
        merged =
            order.into_iter().filter_map(|place| by_place.get_mut(place).and_then(Option::take)).collect();
    }
    Ok(merged)
}

fn unify(known: &Merged<'_>, field: &FieldRef, options: &DatasetOptions) -> Result<FieldRef> {
    let nullable = known.field.is_nullable() || field.is_nullable();
    let same_type = known.field.data_type() == field.data_type();
    // All are cast to what was declared: how they differ does not matter.
    if options.conversion.is_cast() || (same_type && known.field.metadata() == field.metadata()) {
        return Ok(Arc::new(field.as_ref().clone().with_nullable(nullable)));
    }
    let unified = (options.widen && known.field.metadata() == field.metadata())
        .then(|| widened(known.field.data_type(), field.data_type()))
        .flatten();
    unified
        .map(|data_type| Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(nullable)))
        .ok_or_else(|| {
            Error::new(ErrorKind::ShardMismatch {
                expected: describe(&known.field),
                expected_in: known.path.display().to_string(),
                actual: describe(field),
            })
        })
}

/// The type and what its metadata adds: `FixedSizeList(6 x Float32) {"shape":[2,3]}`.
fn describe(field: &Field) -> String {
    let mut text = field.data_type().to_string();
    for key in ["ARROW:extension:metadata", crate::arrow::DTYPE_KEY] {
        if let Some(metadata) = field.metadata().get(key).filter(|metadata| !metadata.is_empty()) {
            text.push(' ');
            text.push_str(metadata);
        }
    }
    text
}

/// The narrowest type that holds every value of both: integers among themselves, floats among themselves,
/// and lists of either.
pub(super) fn widened(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        FixedSizeList, Float16, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    let order = |types: &[DataType]| {
        let place = |wanted: &DataType| types.iter().position(|known| known == wanted);
        types.get(place(a)?.max(place(b)?)).cloned()
    };
    match (a, b) {
        (FixedSizeList(first, len), FixedSizeList(second, other))
            if len == other && first.metadata() == second.metadata() =>
        {
            let item = widened(first.data_type(), second.data_type())?;
            Some(FixedSizeList(Arc::new(first.as_ref().clone().with_data_type(item)), *len))
        }
        _ if a == b => Some(a.clone()),
        _ => order(&[Float16, Float32, Float64])
            .or_else(|| order(&[Int8, Int16, Int32, Int64]))
            .or_else(|| order(&[UInt8, UInt16, UInt32, UInt64]))
            // An unsigned integer needs a signed one of twice its width.
            .or_else(|| order(&[UInt8, Int16, Int32, Int64]))
            .or_else(|| order(&[UInt16, Int32, Int64]))
            .or_else(|| order(&[UInt32, Int64]))
            .or(match (a, b) {
                (Int8, UInt8) | (UInt8, Int8) => Some(Int16),
                (Int8 | Int16, UInt16) | (UInt16, Int8 | Int16) => Some(Int32),
                (Int8 | Int16 | Int32, UInt32) | (UInt32, Int8 | Int16 | Int32) => Some(Int64),
                _ => None,
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening() {
        use DataType::{Boolean, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt32, UInt64, Utf8};
        for (a, b, wider) in [
            (Int8, Int64, Some(Int64)),
            (UInt8, UInt32, Some(UInt32)),
            (UInt8, Int8, Some(Int16)),
            (UInt8, Int16, Some(Int16)),
            (UInt32, Int32, Some(Int64)),
            (UInt64, Int8, None),
            (Float32, Float64, Some(Float64)),
            (Int32, Float64, None),
            (Utf8, Int8, None),
            (Boolean, Boolean, Some(Boolean)),
        ] {
            assert_eq!(widened(&a, &b), wider, "{a} {b}");
            assert_eq!(widened(&b, &a), wider, "{b} {a}");
        }
    }
}
