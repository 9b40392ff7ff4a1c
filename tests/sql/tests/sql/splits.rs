//! Engines split files by bytes, whatever is in them: every row must come once.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::shards::{deflated, mixed, rows, session, session_with, stored, value, write};

/// The ids that a plan gives, sorted.
async fn ids(context: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Vec<i64> {
    let batches = collect(plan, context.task_ctx()).await.unwrap();
    let mut ids: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

fn config_of(plan: &Arc<dyn ExecutionPlan>) -> FileScanConfig {
    let mut node = plan;
    loop {
        if let Some(exec) = node.downcast_ref::<DataSourceExec>() {
            let source = exec.data_source().as_ref() as &dyn std::any::Any;
            return source.downcast_ref::<FileScanConfig>().unwrap().clone();
        }
        node = node.children().first().copied().expect("a scan");
    }
}

#[tokio::test]
async fn a_large_stored_file_is_split_among_partitions() {
    for (bytes, is_remote) in [
        (stored(0..1000), false),
        (stored(0..1000), true),
        (deflated(0..1000), false),
        (mixed(0..1000), true),
    ] {
        let folder = TempDir::new().unwrap();
        for partitions in [1, 2, 3, 7] {
            let (context, _) = session_with(partitions, &[("a.npz", bytes.clone())]).await;
            let location = if is_remote {
                "memory:///a.npz".to_owned()
            } else {
                write(folder.path(), "a.npz", &bytes);
                folder.path().join("a.npz").display().to_string()
            };
            rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{location}'"))
                .await
                .unwrap();
            // What fits into one batch is not split.
            rows(&context, "SET datafusion.execution.batch_size = 100").await.unwrap();
            let sql = "SELECT id, x FROM t";
            let plan = context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let groups = config_of(&plan).file_groups;
            assert_eq!(groups.len(), partitions, "{groups:?}");
            assert_eq!(ids(&context, plan).await, (0..1000).collect::<Vec<_>>());
            assert_eq!(value(&context, "SELECT sum(label) FROM t").await, "4500");
            assert_eq!(
                value(&context, "SELECT count(*) FROM t WHERE id % 2 = 0 AND x IS NOT NULL").await,
                "500"
            );
        }
    }
}

/// What three shards of both kinds give if their files are cut at some bytes, each piece in a group of its own.
async fn cut_at(cuts: Vec<Vec<u64>>, is_reversed: bool) -> Vec<i64> {
    let shards = [("s.npz", stored(0..100)), ("d.npz", deflated(100..150)), ("m.npz", mixed(150..201))];
    let (context, _) = session_with(1, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///'").await.unwrap();
    let plan = context.sql("SELECT id, x FROM t").await.unwrap().create_physical_plan().await.unwrap();
    let config = config_of(&plan);
    let files = config.file_groups.iter().flat_map(|group| group.files().to_vec());
    let mut groups = Vec::new();
    for (file, cuts) in files.zip(cuts) {
        let size = file.object_meta.size;
        let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut % (size + 1)).chain([0, size]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        for pair in cuts.windows(2) {
            let (start, end) = (i64::try_from(pair[0]).unwrap(), i64::try_from(pair[1]).unwrap());
            groups.push(FileGroup::new(vec![file.clone().with_range(start, end)]));
        }
    }
    if is_reversed {
        groups.reverse();
    }
    let config = FileScanConfigBuilder::from(config).with_file_groups(groups).build();
    ids(&context, DataSourceExec::from_data_source(config)).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_cut_gives_each_row_once(
        cuts in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..6), 3),
        is_reversed: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let found = runtime.block_on(cut_at(cuts, is_reversed));
        prop_assert_eq!(found, (0..201).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn many_shards_are_not_split() {
    let folder = TempDir::new().unwrap();
    for index in 0..9 {
        write(folder.path(), &format!("{index}.npz"), &stored(index * 10..index * 10 + 10));
    }
    let context = session(4);
    rows(&context, &format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{}'", folder.path().display()))
        .await
        .unwrap();
    let plan = context.sql("SELECT id FROM t").await.unwrap().create_physical_plan().await.unwrap();
    let config = config_of(&plan);
    assert!(config.file_groups.iter().all(|group| group.files().iter().all(|file| file.range.is_none())));
    assert_eq!(ids(&context, plan).await, (0..90).collect::<Vec<_>>());
}
