//! `npzarrow schema`: the Arrow schema of all files together, and where they disagree.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::Field;
use serde_json::{Value, json};

use super::args::Files;
use super::context::{Context, Paint};
use super::files::expand;
use super::table::Table;
use super::{complain, format};
use crate::NpzDataset;
use crate::arrow::tensor_shape_of;
use crate::convert::to_u64;
use crate::dataset::{Merged, ShardInfo, survey};
use crate::error::Result;

/// What a file has in place of a column.
struct Other {
    path: PathBuf,
    /// Its type; none if the file has no such array.
    field: Option<Field>,
}

pub(super) fn run(arguments: &Files, context: &mut Context<'_>) -> Result<bool> {
    let files = expand(&arguments.files, context)?;
    let options = context.dataset_options(&[]);
    let dataset = NpzDataset::new([""; 0], options.clone());
    let (shards, failed) = dataset.headers(&files, &context.interrupt)?;
    for error in &failed {
        complain(error);
    }
    let columns = survey(&shards, &options)?;
    let others: Vec<Vec<Other>> = columns.iter().map(|column| others(column, &shards)).collect();
    let agree = others.iter().all(Vec::is_empty);
    if context.json {
        let columns: Vec<Value> = columns
            .iter()
            .zip(&others)
            .map(|(column, others)| column_json(column, others, shards.len()))
            .collect();
        let rows = shards.iter().fold(0, |sum: u64, shard| sum.saturating_add(shard.rows));
        context.line(json!({ "files": shards.len(), "rows": rows, "agree": agree, "columns": columns }))?;
        return Ok(agree && failed.is_empty());
    }
    let mut table = Table::new(["name", "type", "files"], &[2]);
    for column in &columns {
        let is_everywhere = column.count == shards.len();
        let count =
            if is_everywhere { String::new() } else { format!("{} of {}", column.count, shards.len()) };
        table.push(vec![column.field.name().clone(), type_of(&column.field), count]);
    }
    table.print(context)?;
    for (column, others) in columns.iter().zip(&others) {
        let (name, first) =
            (column.field.name(), format!("{} in {}", type_of(&column.field), column.path.display()));
        for Other { path, field } in others {
            let found = field.as_ref().map_or_else(|| "missing".to_owned(), type_of);
            let line = format!("{}: {name} is {found}, but {first}", path.display());
            context.line(Paint::Bad.on(&format::visible(&line), context.colours))?;
        }
    }
    Ok(agree && failed.is_empty())
}

/// The files that have another type, and those that do not have the column at all.
fn others(column: &Merged<'_>, shards: &[Arc<ShardInfo>]) -> Vec<Other> {
    let differs = column
        .others
        .iter()
        .map(|(path, field)| Other { path: path.to_path_buf(), field: Some(field.as_ref().clone()) });
    let lacks = |shard: &&Arc<ShardInfo>| shard.column(column.field.name(), 0).is_none();
    let is_everywhere = column.count == shards.len();
    let missing = shards.iter().filter(|_| !is_everywhere).filter(lacks);
    differs.chain(missing.map(|shard| Other { path: shard.path.to_path_buf(), field: None })).collect()
}

fn type_of(field: &Field) -> String {
    match tensor_shape_of(field) {
        Some(shape) => format!("{}, tensor {shape:?}", field.data_type()),
        None => field.data_type().to_string(),
    }
}

fn column_json(column: &Merged<'_>, others: &[Other], files: usize) -> Value {
    let path = |path: &Path| format::path(path);
    let differs: Vec<Value> = others
        .iter()
        .filter_map(|other| {
            Some(json!({ "path": path(&other.path), "type": type_of(other.field.as_ref()?) }))
        })
        .collect();
    let missing: Vec<String> =
        others.iter().filter(|other| other.field.is_none()).map(|other| path(&other.path)).collect();
    json!({
        "name": column.field.name(),
        "type": type_of(&column.field),
        "nullable": column.field.is_nullable() || column.count < files,
        "first": path(column.path),
        "files": to_u64(column.count),
        "missing_from": missing,
        "others": differs,
    })
}
