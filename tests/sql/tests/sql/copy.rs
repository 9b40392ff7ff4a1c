//! `COPY … TO` and `INSERT INTO`.

use std::path::Path;

use npzarrow::arrow::ArrowOptions;
use npzarrow::dataset::DatasetOptions;
use npzarrow::npz::{MemberInfo, ReadOptions};
use npzarrow::{NpzArchive, NpzDataset};
use tempfile::TempDir;

use crate::shards::{error, rows, session, session_with, stored, text, value, write};

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path.to_str().unwrap().to_owned()) }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn one_file_with_aligned_payloads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/out.npz");
    let context = session(2);
    let values = "(VALUES (1, 1.5, true, 'a'), (2, 2.5, false, 'bc'), (3, 3.5, true, '')) AS v(i, f, b, s)";
    rows(&context, &format!("COPY (SELECT * FROM {values}) TO '{}' STORED AS NPZ", path.display()))
        .await
        .unwrap();
    let archive = NpzArchive::open(&path).unwrap();
    let batch = archive.record_batch(&ReadOptions::default()).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (3, 4));
    assert!(archive.info(&ArrowOptions::default()).iter().all(MemberInfo::is_aligned));
    let create = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}'", path.display());
    rows(&context, &create).await.unwrap();
    let expected = "\
+---+-----+-------+----+
| i | f   | b     | s  |
+---+-----+-------+----+
| 1 | 1.5 | true  | a  |
| 2 | 2.5 | false | bc |
| 3 | 3.5 | true  |    |
+---+-----+-------+----+";
    assert_eq!(text(&context, "SELECT * FROM t ORDER BY i").await, expected);
}

#[tokio::test]
async fn tensors_come_back_as_they_were() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "in/a.npz", &stored(0..100));
    let context = session(1);
    let root = folder.path().display();
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/in'")).await.unwrap();
    rows(&context, &format!("COPY t TO '{root}/out/a.npz' STORED AS NPZ OPTIONS (compression 'deflate')"))
        .await
        .unwrap();
    let [a, b] = ["in", "out"].map(|name| {
        NpzArchive::open(folder.path().join(name).join("a.npz"))
            .unwrap()
            .record_batch(&ReadOptions::default())
            .unwrap()
    });
    assert_eq!(a, b);
    assert!(std::fs::metadata(folder.path().join("out/a.npz")).unwrap().len() < 3000);
}

#[tokio::test]
async fn rows_keep_their_order_if_one_shard_after_the_other_is_written() {
    let folder = TempDir::new().unwrap();
    let context = session(4);
    rows(&context, "SET datafusion.execution.minimum_parallel_output_files = 1").await.unwrap();
    rows(&context, "SET datafusion.execution.soft_max_rows_per_output_file = 1000").await.unwrap();
    rows(&context, "SET datafusion.execution.batch_size = 500").await.unwrap();
    let copy = format!(
        "COPY (SELECT value AS id FROM generate_series(0, 4999) ORDER BY value) TO '{}/' STORED AS NPZ",
        folder.path().display()
    );
    rows(&context, &copy).await.unwrap();
    let found = files(folder.path());
    assert_eq!(found.len(), 5, "{found:?}");
    // The names end with their number, which has no leading zeros.
    let number = |path: &String| {
        let name = path.trim_end_matches(".npz");
        name.rsplit('_').next().unwrap().parse::<u32>().unwrap()
    };
    let mut found = found;
    found.sort_by_key(number);
    let dataset = NpzDataset::new(found, DatasetOptions::default());
    let mut next = 0_i64;
    for batch in dataset.scan(None, None).unwrap() {
        let batch = batch.unwrap();
        let ids = arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(batch.column(0))
            .clone();
        for id in ids.values() {
            assert_eq!(*id, next);
            next += 1;
        }
    }
    assert_eq!(next, 5000);
}

#[tokio::test]
async fn partitions_become_directories() {
    let folder = TempDir::new().unwrap();
    let context = session(3);
    let root = folder.path().display();
    let copy = format!(
        "COPY (SELECT value AS id, value % 3 AS k, CASE WHEN value < 5 THEN 'a' ELSE 'b' END AS name \
         FROM generate_series(0, 9)) TO '{root}/t/' STORED AS NPZ PARTITIONED BY (name, k)"
    );
    rows(&context, &copy).await.unwrap();
    assert!(files(folder.path()).iter().all(|path| path.contains("/name=") && path.contains("/k=")));
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/t/'")).await.unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t WHERE k = 1 AND name = 'b'").await, "7");
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "10");
}

#[tokio::test]
async fn inserting_adds_shards() {
    let folder = TempDir::new().unwrap();
    let context = session(2);
    let root = folder.path().display();
    let create = format!("CREATE EXTERNAL TABLE t (id BIGINT, x DOUBLE) STORED AS NPZ LOCATION '{root}/t/'");
    rows(&context, &create).await.unwrap();
    assert_eq!(value(&context, "SELECT count(*) FROM t").await, "0");
    rows(&context, "INSERT INTO t VALUES (1, 0.5), (2, 1.5)").await.unwrap();
    rows(&context, "INSERT INTO t SELECT id + 10, x FROM t").await.unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "26");
    assert!(
        files(folder.path())
            .iter()
            .all(|path| Path::new(path).extension().is_some_and(|suffix| suffix == "npz"))
    );
    let said = error(&context, "INSERT OVERWRITE t VALUES (1, 0.5)").await;
    assert!(said.contains("not replaced"), "{said}");
    write(folder.path(), "one.npz", &stored(0..2));
    rows(&context, &format!("CREATE EXTERNAL TABLE one STORED AS NPZ LOCATION '{root}/one.npz'"))
        .await
        .unwrap();
    let said = error(&context, "INSERT INTO one SELECT * FROM one").await;
    assert!(said.contains("into a directory of shards only"), "{said}");
}

#[tokio::test]
async fn an_object_store_is_written_to() {
    let (context, _) = session_with(2, &[]).await;
    rows(
        &context,
        "COPY (SELECT value AS id FROM generate_series(1, 100)) TO 'memory:///out/' STORED AS NPZ",
    )
    .await
    .unwrap();
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///out/'").await.unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "5050");
}

#[tokio::test]
async fn nulls_options_and_types_that_numpy_does_not_have() {
    let folder = TempDir::new().unwrap();
    let context = session(1);
    let root = folder.path().display();
    for (query, options, expected) in [
        ("SELECT CAST(NULL AS DOUBLE) AS x", "", r#"column "x": "#),
        ("SELECT interval '1 month 1 day' AS x", "", r#"column "x": "#),
        (
            "SELECT 1 AS x",
            "OPTIONS (level '11')",
            r#"NPZ option level is "11", expected a number from 1 to 9"#,
        ),
        ("SELECT 1 AS x", "OPTIONS (speed '11')", r#"NPZ has no option "speed""#),
    ] {
        let sql = format!("COPY ({query}) TO '{root}/x.npz' STORED AS NPZ {options}");
        let said = error(&context, &sql).await;
        assert!(said.contains(expected), "{sql}: {said}");
        assert!(files(folder.path()).is_empty(), "{sql}: nothing is left behind");
    }
    let sql = format!(
        "COPY (SELECT CAST(NULL AS DOUBLE) AS x) TO '{root}/x.npz' STORED AS NPZ OPTIONS (nulls 'nan')"
    );
    rows(&context, &sql).await.unwrap();
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/x.npz'")).await.unwrap();
    assert_eq!(value(&context, "SELECT isnan(x) FROM t").await, "true");
}

#[tokio::test]
async fn memory_of_columns_is_accounted() {
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};
    let folder = TempDir::new().unwrap();
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(200_000, 1.0).build_arc().unwrap();
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config_rt(config, runtime);
    npzarrow::datafusion::register(&context);
    let copy = format!(
        "COPY (SELECT value AS id FROM generate_series(1, 1000000)) TO '{}/x.npz' STORED AS NPZ",
        folder.path().display()
    );
    let said = error(&context, &copy).await;
    assert!(said.contains("NpzSink[") && said.contains("Resources exhausted"), "{said}");
    assert!(files(folder.path()).is_empty());
}
