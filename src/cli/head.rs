//! `npzarrow head`: the first rows of all files together, as a table.

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader as _};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_select::concat::concat_batches;
use serde_json::{Map, Value};

use super::args::Head;
use super::context::{Access, Context};
use super::files::{expand, source_of};
use super::scan::{Asked, Batches, dataset, is_ragged};
use super::table::Table;
use super::{format, json};
use crate::NpzDataset;
use crate::arrow::TensorLayout;
use crate::convert::to_u64;
use crate::dataset::{DatasetOptions, OnError};
use crate::error::Result;

/// What a cell of the table may take.
const CELL_WIDTH: usize = 40;

pub(super) fn run(arguments: &Head, context: &mut Context<'_>) -> Result<bool> {
    let found = expand(&arguments.selection.files.files, context)?;
    let files: Vec<String> = found.iter().map(source_of).collect();
    let rows = to_u64(arguments.rows);
    let asked = Asked::try_new(&arguments.selection.columns, &found)?;
    let mut options = context.dataset_options(&asked.arrays);
    // So that no more is read than is shown.
    options.on_error = OnError::Raise;
    options.hive = true;
    options.arrow = options.arrow.with_tensor(TensorLayout::Nested);
    let dataset = enough(&files, &options, rows, context)?;
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    if is_ragged(&dataset)? {
        // Rows of different arrays do not belong together, nor to a directory: each array by itself.
        let options = DatasetOptions { hive: false, ..options };
        let arrays = enough(&files, &options, rows, context)?;
        for field in arrays.schema()?.fields() {
            let options = DatasetOptions { columns: Some(vec![field.name().clone()]), ..options.clone() };
            let dataset = enough(&files, &options, rows, context)?;
            columns.extend(read(&dataset, None, rows, context)?);
        }
    } else {
        columns = read(&dataset, asked.names().as_deref(), rows, context)?;
    }
    print(&columns, context)?;
    Ok(true)
}

/// The first file, and more if there are not enough rows in it.
fn enough(files: &[String], options: &DatasetOptions, rows: u64, access: &Access) -> Result<NpzDataset> {
    let mut count = 1;
    loop {
        let dataset = dataset(files.get(..count).unwrap_or(files), options.clone(), access)?;
        if count >= files.len() || dataset.num_rows()? >= rows {
            return Ok(dataset);
        }
        count = count.saturating_mul(2);
    }
}

/// Reads the first rows, and no others.
fn read(
    dataset: &NpzDataset,
    names: Option<&[&str]>,
    rows: u64,
    access: &Access,
) -> Result<Vec<(String, ArrayRef)>> {
    let batches = Batches::new(dataset, names, Some(rows), access)?;
    let schema = batches.schema();
    let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>()?;
    let all = concat_batches(&schema, &batches)?;
    let names = all.schema_ref().fields().iter().map(|field| field.name().clone());
    Ok(names.zip(all.columns().iter().cloned()).collect())
}

fn print(columns: &[(String, ArrayRef)], context: &mut Context<'_>) -> Result<()> {
    if context.json {
        let rows = columns.iter().map(|(_, array)| array.len()).max().unwrap_or(0);
        for row in 0..rows {
            let cells = columns.iter().filter(|(_, array)| row < array.len());
            let cells = cells.map(|(name, array)| Ok((name.clone(), json::value(array, row)?)));
            context.line(Value::Object(cells.collect::<Result<Map<_, _>>>()?))?;
        }
        return Ok(());
    }
    let mut table = Table::new(columns.iter().map(|(name, _)| name.clone()), &[]);
    for cells in texts(columns)? {
        let cell = |cell: Option<String>| format::shortened(&cell.unwrap_or_default(), CELL_WIDTH);
        table.push(cells.into_iter().map(cell).collect());
    }
    table.print(context)
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
