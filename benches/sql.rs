//! SQL over shards beside Arrow IPC and Parquet, all within one program.
//!
//! ```text
//! python python/benchmarks/sql.py --folder target/sql-shards     # writes the files; times the wheels
//! cargo bench -p npzarrow-sql-tests --bench sql --profile engine --features parquet -- target/sql-shards
//! ```
//!
//! Each figure is the best of [`ROUNDS`] rounds in which the candidates take turns; the answers are compared.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::prelude::SessionContext;

const ROUNDS: usize = 3;
const QUERIES: &str = include_str!("queries.sql");
const TABLES: &[(&str, &str, &str)] = &[
    ("NPZ stored", "stored", "NPZ"),
    ("NPZ deflated", "deflated", "NPZ"),
    ("Arrow IPC", "ipc", "ARROW"),
    #[cfg(feature = "parquet")]
    ("Parquet", "parquet", "PARQUET"),
];

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    // Benchmarks are run in the folder of their package.
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let folder = workspace.join(folder.ok_or("which folder has the files of python/benchmarks/sql.py?")?);
    let context = SessionContext::new();
    npzarrow::datafusion::register(&context);
    for (_, name, kind) in TABLES {
        let location = folder.join(name);
        let sql = format!("CREATE EXTERNAL TABLE {name} STORED AS {kind} LOCATION '{}/'", location.display());
        context.sql(&sql).await?;
    }
    let titles: Vec<&str> = TABLES.iter().map(|(title, ..)| *title).collect();
    println!("| query | {} |", titles.join(" | "));
    println!("|---|{}", "--:|".repeat(titles.len()));
    let mut lines = QUERIES.lines();
    while let (Some(title), Some(sql)) = (lines.next(), lines.next()) {
        let mut best = vec![Duration::MAX; TABLES.len()];
        for _ in 0..ROUNDS {
            let mut first: Option<Vec<f64>> = None;
            for ((_, name, _), best) in TABLES.iter().zip(&mut best) {
                let begun = Instant::now();
                let batches = context.sql(&sql.replace("{t}", name)).await?.collect().await?;
                *best = begun.elapsed().min(*best);
                let answer = answer(&batches)?;
                let expected = first.get_or_insert_with(|| answer.clone());
                // Sums of floats depend on the order in which partitions come.
                let is_close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-4 * b.abs();
                if answer.len() != expected.len() || !answer.iter().zip(&*expected).all(is_close) {
                    return Err(format!("{sql}: {name} says {answer:?}, the first {expected:?}").into());
                }
            }
        }
        let cells: Vec<String> = best.iter().map(|best| best.as_millis().to_string()).collect();
        println!("| {} | {} |", title.trim_start_matches("-- "), cells.join(" | "));
    }
    Ok(())
}

/// The values of one row, or the number of rows.
fn answer(batches: &[RecordBatch]) -> Result<Vec<f64>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0).filter(|_| rows == 1) else {
        return Ok(vec![rows.to_string().parse()?]);
    };
    let columns = batch.columns().iter().map(|column| cast(column, &DataType::Float64));
    columns.map(|column| Ok(column?.as_primitive::<Float64Type>().value(0))).collect()
}
