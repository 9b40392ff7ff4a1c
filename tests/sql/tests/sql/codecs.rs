//! Plans that are sent elsewhere and give the same rows there.

use std::sync::Arc;

use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;
use datafusion_proto::bytes::{
    logical_plan_from_bytes_with_extension_codec, logical_plan_to_bytes_with_extension_codec,
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::{
    ComposedPhysicalExtensionCodec, DefaultPhysicalExtensionCodec, PhysicalExtensionCodec,
};
use npzarrow::datafusion::{NpzLogicalCodec, NpzPhysicalCodec, NpzTable};
use npzarrow::{NpzDataset, dataset::DatasetOptions};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use tempfile::TempDir;

use crate::shards::{count, deflated, mixed, rows, session, session_with, stored, value, write};

fn pretty(batches: &[arrow_array::RecordBatch]) -> Vec<String> {
    let table = arrow_cast::pretty::pretty_format_batches(batches).unwrap().to_string();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn codecs() -> Vec<Arc<dyn PhysicalExtensionCodec>> {
    let composed = ComposedPhysicalExtensionCodec::new(vec![
        Arc::new(DefaultPhysicalExtensionCodec {}),
        Arc::new(NpzPhysicalCodec {}),
    ]);
    vec![Arc::new(NpzPhysicalCodec {}), Arc::new(composed)]
}

async fn plan(context: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    context.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

#[tokio::test]
async fn physical_plans() {
    let shards =
        [("k=1/a.npz", stored(0..100)), ("k=1/b.npz", deflated(100..150)), ("k=2/c.npz", mixed(150..300))];
    for partitions in [1, 3, 5] {
        let (context, store) = session_with(partitions, &shards).await;
        rows(&context, "SET datafusion.execution.batch_size = 10").await.unwrap();
        rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
        // Where the plan arrives, nothing is known but the store.
        let there = session(partitions);
        there.register_object_store(&"memory://".try_into().unwrap(), Arc::clone(&store) as _);
        for sql in [
            "SELECT * FROM t",
            "SELECT x, k FROM t WHERE k = 2",
            "SELECT k FROM t",
            "SELECT x FROM t WHERE label = 3",
            "SELECT id + 1 AS next, x FROM t WHERE id < 120 AND k = 1",
            "SELECT sum(id), k FROM t GROUP BY k",
            "SELECT input_file_name(), id FROM t WHERE id % 50 = 0",
            "SELECT id FROM t ORDER BY id DESC LIMIT 7",
        ] {
            let expected = pretty(&rows(&context, sql).await.unwrap());
            for codec in codecs() {
                // A plan that has run keeps what its dynamic filters have learnt, and is therefore made anew.
                let plan = plan(&context, sql).await;
                let bytes =
                    physical_plan_to_bytes_with_extension_codec(Arc::clone(&plan), codec.as_ref()).unwrap();
                let decoded =
                    physical_plan_from_bytes_with_extension_codec(&bytes, &there.task_ctx(), codec.as_ref())
                        .unwrap();
                let shown =
                    |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
                assert_eq!(shown(&decoded), shown(&plan), "{sql}");
                assert_eq!(pretty(&collect(decoded, there.task_ctx()).await.unwrap()), expected, "{sql}");
            }
        }
    }
}

#[tokio::test]
async fn limits_ranges_and_versions_arrive() {
    let (context, store) = session_with(4, &[("a.npz", stored(0..1000))]).await;
    rows(&context, "SET datafusion.execution.batch_size = 10").await.unwrap();
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let codec = NpzPhysicalCodec {};
    let send = |plan: Arc<dyn ExecutionPlan>| {
        let bytes = physical_plan_to_bytes_with_extension_codec(plan, &codec).unwrap();
        physical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &codec).unwrap()
    };
    // More than 32 bits, which the engine's own message cuts off.
    let large = send(plan(&context, "SELECT id FROM t LIMIT 4294967297").await);
    let batches = collect(large, context.task_ctx()).await.unwrap();
    assert_eq!(count(&batches), 1000);
    let split = send(plan(&context, "SELECT id, x FROM t").await);
    assert_eq!(split.properties().output_partitioning().partition_count(), 4);
    let text = displayable(split.as_ref()).indent(false).to_string();
    assert!(text.contains("a.npz:0.."), "{text}");
    store.put(&Path::from("a.npz"), stored(1000..2000).into()).await.unwrap();
    let said = collect(split, context.task_ctx()).await.unwrap_err().to_string();
    assert!(said.contains(": object has changed: its etag was "), "{said}");
}

#[tokio::test]
async fn sinks() {
    let folder = TempDir::new().unwrap();
    let context = session(1);
    let copy = format!(
        "COPY (SELECT value AS id FROM generate_series(1, 100)) TO '{}/x.npz' STORED AS NPZ OPTIONS (compression 'deflate')",
        folder.path().display()
    );
    let plan = plan(&context, &copy).await;
    let codec = NpzPhysicalCodec {};
    let table = session(1);
    // The source of numbers is no part of this: shards are copied instead.
    write(folder.path(), "in.npz", &stored(0..100));
    let create =
        format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}/in.npz'", folder.path().display());
    rows(&table, &create).await.unwrap();
    let copy = format!(
        "COPY t TO '{}/x.npz' STORED AS NPZ OPTIONS (compression 'deflate')",
        folder.path().display()
    );
    let copied = table.sql(&copy).await.unwrap().create_physical_plan().await.unwrap();
    let bytes = physical_plan_to_bytes_with_extension_codec(copied, &codec).unwrap();
    let there = session(1);
    let decoded = physical_plan_from_bytes_with_extension_codec(&bytes, &there.task_ctx(), &codec).unwrap();
    collect(decoded, there.task_ctx()).await.unwrap();
    let written = std::fs::read(folder.path().join("x.npz")).unwrap();
    assert!(written.len() < 3000, "{}", written.len());
    assert!(
        physical_plan_to_bytes_with_extension_codec(plan, &NpzPhysicalCodec {}).is_err()
            || !written.is_empty()
    );
}

#[tokio::test]
async fn logical_plans() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "k=1/a.npz", &stored(0..10));
    write(folder.path(), "k=2/b.npz", &deflated(10..30));
    let root = folder.path().display();
    let context = session(2);
    let create =
        format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{root}/' OPTIONS (tensor 'nested')");
    rows(&context, &create).await.unwrap();
    let create = format!(
        "CREATE EXTERNAL TABLE d (id DOUBLE, k INT) STORED AS NPZ PARTITIONED BY (k) WITH ORDER (id ASC) LOCATION '{root}/'"
    );
    rows(&context, &create).await.unwrap();
    let codec = NpzLogicalCodec::default();
    let there = session(2);
    for sql in ["SELECT x, id, k FROM t WHERE k = 2 AND label > 5", "SELECT k, id FROM d ORDER BY id"] {
        let plan = context.sql(sql).await.unwrap().into_optimized_plan().unwrap();
        let bytes = logical_plan_to_bytes_with_extension_codec(&plan, &codec).unwrap();
        let decoded =
            logical_plan_from_bytes_with_extension_codec(&bytes, &there.task_ctx(), &codec).unwrap();
        let found = there.execute_logical_plan(decoded).await.unwrap().collect().await.unwrap();
        let expected = rows(&context, sql).await.unwrap();
        assert_eq!(pretty(&found), pretty(&expected), "{sql}");
    }
    let plan = context.sql(&format!("COPY d TO '{root}/out/x.npz' STORED AS NPZ")).await.unwrap();
    let bytes = logical_plan_to_bytes_with_extension_codec(plan.logical_plan(), &codec).unwrap();
    let decoded = logical_plan_from_bytes_with_extension_codec(&bytes, &there.task_ctx(), &codec).unwrap();
    there.execute_logical_plan(decoded).await.unwrap().collect().await.unwrap();
    assert!(folder.path().join("out/x.npz").exists());
}

#[tokio::test]
async fn what_cannot_be_sent_says_so() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.npz", &stored(0..10));
    let context = session(2);
    let dataset = NpzDataset::new([folder.path().to_str().unwrap()], DatasetOptions::default());
    let table = NpzTable::of_dataset(dataset).await.unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    assert_eq!(value(&context, "SELECT sum(id) FROM t").await, "45");
    let plan = plan(&context, "SELECT id FROM t").await;
    let said =
        physical_plan_to_bytes_with_extension_codec(plan, &NpzPhysicalCodec {}).unwrap_err().to_string();
    assert!(said.contains("a table of a dataset cannot be sent"), "{said}");
    let logical = context.sql("SELECT id FROM t").await.unwrap();
    let codec = NpzLogicalCodec::default();
    let said =
        logical_plan_to_bytes_with_extension_codec(logical.logical_plan(), &codec).unwrap_err().to_string();
    assert!(said.contains("a table of a dataset cannot be sent"), "{said}");
    // Bytes of another codec, and ours cut off.
    let codec = NpzPhysicalCodec {};
    for bytes in [&b""[..], b"npzarrw\x01\xff\xff", b"npzarrw\x02", b"other"] {
        let converter = datafusion_proto::physical_plan::DefaultPhysicalProtoConverter {};
        assert!(codec.try_decode(bytes, &[], &context.task_ctx(), &converter).is_err(), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_table_of_a_dataset_has_its_columns() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "k=a/1.npz", &stored(0..3));
    write(folder.path(), "k=b/2.npz", &deflated(3..5));
    let mut options = DatasetOptions::default();
    options.row_index = Some("row".to_owned());
    options.include_file_paths = Some("path".to_owned());
    let dataset = NpzDataset::new([folder.path().to_str().unwrap()], options);
    for partitions in [1, 4] {
        let context = session(partitions);
        let table = NpzTable::of_dataset(dataset.clone()).await.unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        let expected = "\
+----+-----+---+-------+
| id | row | k | name  |
+----+-----+---+-------+
| 0  | 0   | a | 1.npz |
| 1  | 1   | a | 1.npz |
| 2  | 2   | a | 1.npz |
| 3  | 3   | b | 2.npz |
| 4  | 4   | b | 2.npz |
+----+-----+---+-------+";
        let sql = "SELECT id, row, k, right(path, 5) AS name FROM t ORDER BY id";
        assert_eq!(crate::shards::text(&context, sql).await, expected);
        assert_eq!(value(&context, "SELECT count(*) FROM t WHERE path LIKE '%1.npz'").await, "3");
        assert_eq!(value(&context, "SELECT x[4] FROM t WHERE row = 4").await, "7.0");
        let plan = crate::shards::plan(&context, "SELECT x FROM t WHERE label = 4").await;
        assert!(plan.contains("predicate=label@1 = 4"), "{plan}");
    }
}
