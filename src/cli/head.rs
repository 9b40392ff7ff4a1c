//! `npzarrow head`: the first rows as a table.

use std::io::Write;

use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value, json};

use super::args::Head;
use super::files::{Opened, expand};
use super::table::Table;
use super::{each, format};
use crate::arrow::{ArrowOptions, TensorLayout};
use crate::error::Result;

/// What a cell of the table may take.
const CELL_WIDTH: usize = 40;

pub(super) fn run(arguments: &Head, json: bool, output: &mut dyn Write) -> Result<bool> {
    let files = expand(&arguments.selection.files.files)?;
    let several = files.len() > 1;
    each(files.iter().enumerate(), |(index, path)| {
        let opened = Opened::open(path, true)?;
        let options = ArrowOptions::default().with_tensor(TensorLayout::Nested);
        let mut columns: Vec<(String, ArrayRef)> = Vec::new();
        for name in opened.names(&arguments.selection.columns)? {
            let located = |error: crate::Error| error.in_entry(&name).in_path(path);
            let column = opened.array(&name)?.into_column(&name, &options).map_err(located)?;
            let rows = column.array.len().min(arguments.rows);
            columns.push((name, column.array.slice(0, rows)));
        }
        if json {
            writeln!(output, "{}", json!({ "path": format::path(path), "rows": rows_json(&columns)? }))?;
            return Ok(());
        }
        if several {
            writeln!(output, "{}{}:", if index == 0 { "" } else { "\n" }, path.display())?;
        }
        let mut table = Table::new(columns.iter().map(|(name, _)| name.clone()), &[]);
        for cells in texts(&columns)? {
            table.push(
                cells
                    .into_iter()
                    .map(|cell| format::shortened(&cell.unwrap_or_default(), CELL_WIDTH))
                    .collect(),
            );
        }
        table.print(output)
    })
}

/// The cells row by row; `None` beyond the end of a column.
fn texts(columns: &[(String, ArrayRef)]) -> Result<Vec<Vec<Option<String>>>> {
    let options = FormatOptions::new().with_null("null");
    let formatters: Vec<ArrayFormatter<'_>> = columns
        .iter()
        .map(|(_, array)| Ok(ArrayFormatter::try_new(array.as_ref(), &options)?))
        .collect::<Result<_>>()?;
    let rows = columns.iter().map(|(_, array)| array.len()).max().unwrap_or(0);
    let cell = |row: usize, column: usize| {
        let (_, array) = columns.get(column)?;
        (row < array.len())
            .then(|| formatters.get(column).map(|formatter| formatter.value(row).to_string()))?
    };
    Ok((0..rows).map(|row| (0..columns.len()).map(|column| cell(row, column)).collect()).collect())
}

fn rows_json(columns: &[(String, ArrayRef)]) -> Result<Vec<Value>> {
    let rows = texts(columns)?.into_iter().map(|cells| {
        let cells = columns
            .iter()
            .zip(cells)
            .filter_map(|((name, _), cell)| Some((name.clone(), Value::String(cell?))));
        Value::Object(cells.collect::<Map<_, _>>())
    });
    Ok(rows.collect())
}
