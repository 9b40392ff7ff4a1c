//! Ten thousand shards as one SQL table: a filter on directories, an aggregate, and an export to Parquet.
//!
//! ```text
//! cargo run --release -p npzarrow-sql-tests --example ten_thousand_shards [SHARDS]
//! ```

#![expect(clippy::print_stdout, reason = "this program is to be watched")]
#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{NpzWriter, WriteOptions};
use parquet::arrow::ArrowWriter;

const ROWS: u64 = 64;
const DAYS: u64 = 10;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result {
    let shards = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    write_shards(folder.path(), shards)?;
    println!("{shards} shards of {ROWS} rows written in {:.2?}", begun.elapsed());

    let context = SessionContext::new();
    npzarrow::datafusion::register(&context);
    let location = folder.path().join("train");
    let create = format!("CREATE EXTERNAL TABLE train STORED AS NPZ LOCATION '{}'", location.display());
    show(&context, &create).await?;
    show(&context, "SELECT count(*) AS rows FROM train").await?;
    show(
        &context,
        "SELECT day, count(*) AS rows, avg(label) AS label, avg(x[1]) AS x1 FROM train \
         WHERE day BETWEEN DATE '2026-01-03' AND DATE '2026-01-05' GROUP BY day ORDER BY day",
    )
    .await?;
    show(&context, "SELECT id, x FROM train WHERE label = 7 ORDER BY id LIMIT 2").await?;
    // An engine that is built with Parquet says COPY … TO 'labels.parquet' STORED AS PARQUET.
    let begun = Instant::now();
    let mut rows =
        context.sql("SELECT id, label, day FROM train WHERE label < 3").await?.execute_stream().await?;
    let mut writer =
        ArrowWriter::try_new(File::create(folder.path().join("labels.parquet"))?, rows.schema(), None)?;
    while let Some(batch) = rows.next().await {
        writer.write(&batch?)?;
    }
    let metadata = writer.close()?;
    println!("\n{} rows of Parquet in {:.2?}", metadata.file_metadata().num_rows(), begun.elapsed());
    Ok(())
}

/// Runs a statement, prints it, its table and its time.
async fn show(context: &SessionContext, sql: &str) -> Result {
    let begun = Instant::now();
    let batches = context.sql(sql).await?.collect().await?;
    println!("\n{sql}");
    if batches.iter().any(|batch| batch.num_columns() > 0) {
        println!("{}", arrow_cast::pretty::pretty_format_batches(&batches)?);
    }
    println!("{:.2?}", begun.elapsed());
    Ok(())
}

/// Writes shards of an `id`, a `label` and a vector `x`, ten days in turn.
fn write_shards(folder: &Path, shards: u64) -> Result {
    let header = |dtype: &str, shape: Vec<u64>| -> Result<Header> {
        let dtype = Dtype::from_type_str(dtype).ok_or("no dtype")?;
        Ok(Header::try_new(&dtype, Order::C, &Shape::new(shape))?)
    };
    let [id, label, x] =
        [header("<i8", vec![ROWS])?, header("<i4", vec![ROWS])?, header("<f4", vec![ROWS, 16])?];
    for shard in 0..shards {
        let day = folder.join(format!("train/day=2026-01-{:02}", shard % DAYS + 1));
        std::fs::create_dir_all(&day)?;
        let ids = shard * ROWS..(shard + 1) * ROWS;
        let ids_bytes: Vec<u8> = ids.clone().flat_map(u64::to_le_bytes).collect();
        let labels: Vec<u8> = ids.clone().flat_map(|id| u32::to_le_bytes((id % 10) as u32)).collect();
        let vectors: Vec<u8> =
            ids.flat_map(|id| (0..16).flat_map(move |k| ((id + k) as f32).to_le_bytes())).collect();
        let mut writer = NpzWriter::create(day.join(format!("{shard:05}.npz")), &WriteOptions::default())?;
        writer.add_all([("id", &id, &*ids_bytes), ("label", &label, &*labels), ("x", &x, &*vectors)])?;
        writer.commit()?;
    }
    Ok(())
}
