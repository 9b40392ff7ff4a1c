//! `npzarrow schema`: the Arrow schema of all files together, and where they disagree.

use std::io::Write;
use std::path::PathBuf;

use arrow_schema::Field;
use serde_json::{Value, json};

use super::args::Files;
use super::files::{Opened, expand};
use super::table::Table;
use super::{each, format};
use crate::arrow::{ArrowOptions, schema_field, tensor_shape_of};
use crate::error::Result;
use crate::npz::ReadOptions;

/// A column, and what became of it in the files.
struct Column {
    field: Field,
    files: usize,
    /// The first file that has another type, and that.
    others: Vec<(PathBuf, Field)>,
}

pub(super) fn run(arguments: &Files, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.files)?;
    let mut columns: Vec<Column> = Vec::new();
    let mut read = 0;
    let all_good = each(&files, |path| {
        let fields: Vec<Field> = match Opened::open(path, true)? {
            Opened::Npy(_, header) => {
                let field = schema_field("", &header, &ArrowOptions::default());
                vec![field.map_err(|error| error.in_path(path))?]
            }
            Opened::Npz(archive) => {
                let schema = archive.schema(&ReadOptions::default())?;
                schema.fields().iter().map(|field| field.as_ref().clone()).collect()
            }
        };
        read += 1;
        for field in fields {
            match columns.iter_mut().find(|column| column.field.name() == field.name()) {
                None => columns.push(Column { field, files: 1, others: Vec::new() }),
                Some(column) => {
                    column.files += 1;
                    if !is_same(&column.field, &field) {
                        column.others.push((path.clone(), field));
                    }
                }
            }
        }
        Ok(())
    })?;
    let agree = columns.iter().all(|column| column.others.is_empty() && column.files == read);
    if json {
        let columns: Vec<Value> = columns.iter().map(|column| column_json(column, read)).collect();
        writeln!(output, "{}", json!({ "files": read, "agree": agree, "columns": columns }))?;
    } else {
        let mut table = Table::new(["name", "type", "files"], &[2]);
        for column in &columns {
            let files =
                if column.files == read { String::new() } else { format!("{} of {read}", column.files) };
            table.push(vec![column.field.name().clone(), type_of(&column.field), files]);
        }
        table.print(output)?;
        for column in &columns {
            for (path, field) in &column.others {
                writeln!(output, "{}: {} is {}", path.display(), field.name(), type_of(field))?;
            }
        }
    }
    Ok(all_good && agree)
}

/// Nullability is that of the dtype, so that types decide.
fn is_same(one: &Field, other: &Field) -> bool {
    one.data_type() == other.data_type() && one.metadata() == other.metadata()
}

fn type_of(field: &Field) -> String {
    match tensor_shape_of(field) {
        Some(shape) => format!("{}, tensor {shape:?}", field.data_type()),
        None => field.data_type().to_string(),
    }
}

fn column_json(column: &Column, files: usize) -> Value {
    let others: Vec<Value> = column
        .others
        .iter()
        .map(|(path, field)| json!({ "path": format::path(path), "type": type_of(field) }))
        .collect();
    json!({
        "name": column.field.name(),
        "type": type_of(&column.field),
        "nullable": column.field.is_nullable(),
        "missing_from": files - column.files,
        "others": others,
    })
}
