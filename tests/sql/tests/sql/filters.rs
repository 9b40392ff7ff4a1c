//! Filters on narrow columns, before wide ones are read: the rows are the same as without.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use npzarrow::NpzDataset;
use npzarrow::datafusion::NpzTable;
use npzarrow::dataset::{DatasetOptions, OnError};
use proptest::prelude::*;

use crate::shards::{
    count, deflated, error, in_part_deflated, mixed, plan, rows, session, session_with, stored, text, value,
    write,
};

/// A filter, and what it says of an id.
type Filter = (&'static str, fn(i64) -> bool);

async fn tables() -> SessionContext {
    let shards = [
        ("t/a.npz", stored(0..50)),
        ("t/b.npz", deflated(50..90)),
        ("t/c.npz", mixed(90..133)),
        ("t/d.npz", stored(133..133)),
        ("t/e.npz", stored(133..200)),
    ];
    let (context, _) = session_with(2, &shards).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///t/'").await.unwrap();
    rows(&context, "CREATE TABLE m AS SELECT * FROM t").await.unwrap();
    context
}

#[tokio::test]
async fn the_same_rows_as_of_a_table_in_memory() {
    let context = tables().await;
    for filter in [
        "id = 17",
        "id < 0",
        "id >= 0",
        "label = 3",
        "label = 3 AND id > 60",
        "label = 3 OR id < 4",
        "id % 7 = 0",
        "id BETWEEN 45 AND 95",
        "id IN (0, 49, 50, 89, 90, 132, 133, 199)",
        "x IS NULL",
        "label IS NULL",
        "array_element(x, 2) > 100 AND label = 1",
        "random() < 2 AND id < 10",
    ] {
        for columns in ["id, x", "x", "*", "label", "count(*)"] {
            let order = if columns == "count(*)" { "" } else { "ORDER BY 1" };
            let of = |table: &str| format!("SELECT {columns} FROM {table} WHERE {filter} {order}");
            assert_eq!(text(&context, &of("t")).await, text(&context, &of("m")).await, "{columns} {filter}");
        }
        let limited = rows(&context, &format!("SELECT x FROM t WHERE {filter} LIMIT 5")).await.unwrap();
        let all = rows(&context, &format!("SELECT x FROM m WHERE {filter}")).await.unwrap();
        assert_eq!(count(&limited), count(&all).min(5), "{filter}");
    }
}

#[tokio::test]
async fn plans_say_where_a_filter_is_evaluated() {
    let context = tables().await;
    let wide = plan(&context, "SELECT x FROM t WHERE label = 3").await;
    assert!(wide.contains("predicate=label@1 = 3") && !wide.contains("FilterExec"), "{wide}");
    let narrow = plan(&context, "SELECT id FROM t WHERE label = 3").await;
    assert!(!narrow.contains("predicate=") && narrow.contains("FilterExec"), "{narrow}");
    let of_wide = plan(&context, "SELECT x FROM t WHERE x IS NOT NULL").await;
    assert!(!of_wide.contains("predicate="), "{of_wide}");
}

#[tokio::test]
async fn the_first_rows_by_order_and_joins_narrow_what_is_read() {
    let context = tables().await;
    let sql = |table: &str| format!("SELECT id, x FROM {table} ORDER BY id DESC LIMIT 3");
    assert_eq!(text(&context, &sql("t")).await, text(&context, &sql("m")).await);
    let sql = |table: &str| {
        format!(
            "SELECT a.id, a.x FROM {table} a JOIN (SELECT 7 AS k UNION ALL SELECT 151) b ON a.id = b.k ORDER BY a.id"
        )
    };
    assert_eq!(text(&context, &sql("t")).await, text(&context, &sql("m")).await);
}

#[tokio::test]
async fn a_deflated_member_is_begun_once_however_its_rows_are_scattered() {
    let shard = deflated(0..300_000);
    let size = u64::try_from(shard.len()).unwrap();
    let (context, store) = session_with(1, &[("t/a.npz", shard)]).await;
    rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///t/'").await.unwrap();
    store.take();
    let found = rows(&context, "SELECT x, id FROM t WHERE id % 30000 = 7").await.unwrap();
    assert_eq!(count(&found), 10);
    let (_, bytes) = store.take();
    assert!(bytes < size + size / 10, "{bytes} of {size}");
}

#[tokio::test]
async fn blocks_of_a_filter_and_batches_of_what_it_leaves_end_at_different_rows() {
    let ids = 0..800_000;
    let shards = [
        ("stored.npz", stored(ids.clone())),
        ("deflated.npz", deflated(ids.clone())),
        ("wide.npz", mixed(ids.clone())),
        ("narrow.npz", in_part_deflated(ids.clone(), &["x.npy"], &["label.npy", "id.npy"])),
        ("one.npz", in_part_deflated(ids.clone(), &["x.npy", "id.npy"], &["label.npy"])),
    ];
    let filters: [Filter; 5] = [
        ("id + label >= 0", |_| true),
        ("id + label >= 400000 AND id < 790000", |id| id + id % 10 >= 400_000 && id < 790_000),
        ("label = 0 AND id BETWEEN 699000 AND 700000", |id| {
            id % 10 == 0 && (699_000..=700_000).contains(&id)
        }),
        ("id + label = 799996", |id| id + id % 10 == 799_996),
        ("id + label < 0", |_| false),
    ];
    let (context, _) = session_with(1, &shards).await;
    for (name, _) in shards {
        let sql = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///{name}'");
        rows(&context, &sql).await.unwrap();
        for (filter, is_left) in filters {
            let left = ids.clone().filter(|&id| is_left(id));
            let (count, sum) = left.fold((0_i64, 0), |(count, sum), id| (count + 1, sum + id));
            assert_eq!(count == 0, filter == "id + label < 0");
            let sql = format!("SELECT id, label, x FROM t WHERE {filter}");
            assert!(plan(&context, &sql).await.contains("predicate="), "{filter}");
            let right = "array_element(x, 1) = id AND array_element(x, 4) = id + 3";
            let sql = format!(
                "SELECT concat_ws(' ', count(*), coalesce(sum(id), 0), count(*) FILTER (WHERE {right})) FROM ({sql})"
            );
            assert_eq!(value(&context, &sql).await, format!("{count} {sum} {count}"), "{name} {filter}");
        }
        rows(&context, "DROP TABLE t").await.unwrap();
    }
}

/// Flips a bit in the last bytes of a member.
fn damaged(mut shard: Vec<u8>, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&shard)).unwrap();
    let member = archive.by_name(name).unwrap();
    let end = member.data_start().unwrap() + member.compressed_size();
    drop(member);
    shard[usize::try_from(end).unwrap() - 9] ^= 1;
    shard
}

#[tokio::test]
async fn a_filter_spares_no_checksum_of_what_is_read_whole() {
    let ids = 0..200_000;
    let all = ["id.npy", "label.npy", "x.npy"];
    for (shard, name) in [
        (deflated(ids.clone()), all[1]),
        (deflated(ids.clone()), all[2]),
        (mixed(ids.clone()), all[1]),
        (mixed(ids.clone()), all[2]),
        (in_part_deflated(ids.clone(), &["x.npy", "id.npy"], &["label.npy"]), all[1]),
    ] {
        let (context, _) = session_with(1, &[("t/a.npz", damaged(shard, name))]).await;
        rows(&context, "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///t/'").await.unwrap();
        // The only match is far before the damage.
        let found = error(&context, "SELECT x FROM t WHERE label = 3 AND id < 10").await;
        assert!(found.contains(name), "{name}: {found}");
    }
}

#[tokio::test]
async fn tables_of_datasets_have_batches_and_errors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.npz", &mixed(0..50_000));
    write(folder.path(), "b.npz", &damaged(mixed(50_000..100_000), "x.npy"));
    write(folder.path(), "c.npz", &in_part_deflated(100_000..150_000, &["x.npy"], &["label.npy", "id.npy"]));
    let mut options = DatasetOptions::default();
    (options.on_error, options.batch_rows) = (OnError::Skip, Some(700));
    let dataset = NpzDataset::new([folder.path().to_str().unwrap()], options);
    let context = session(1);
    context.register_table("t", Arc::new(NpzTable::of_dataset(dataset.clone()).await.unwrap())).unwrap();
    let sql = |from: i64| {
        format!(
            "SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE x[1] = id AND x[16] = id + 15)) FROM \
             (SELECT id, x FROM t WHERE label = 3 AND id >= {from} AND id < {from} + 50000)"
        )
    };
    assert_eq!(value(&context, &sql(0)).await, "5000 5000");
    assert_eq!(value(&context, &sql(100_000)).await, "5000 5000");
    assert_eq!(dataset.skipped().unwrap(), Vec::<String>::new());
    let found = value(&context, &sql(50_000)).await;
    let (count, right) = found.split_once(' ').unwrap();
    assert_eq!(count, right);
    assert!(count.parse::<u64>().unwrap() < 5000, "{count}");
    assert!(dataset.skipped().unwrap().concat().contains("b.npz"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn any_set_of_rows(ids in prop::collection::btree_set(0_i64..210, 0..30), limit in prop::option::of(0_usize..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let context = tables().await;
            let list = ids.iter().map(i64::to_string).chain(["-1".to_owned()]).collect::<Vec<_>>().join(", ");
            let limit = limit.map_or(String::new(), |limit| format!("LIMIT {limit}"));
            let batches = rows(&context, &format!("SELECT x, id FROM t WHERE id IN ({list}) {limit}")).await.unwrap();
            count(&batches)
        });
        let expected = ids.iter().filter(|&&id| id < 200).count().min(limit.unwrap_or(usize::MAX));
        prop_assert_eq!(found, expected);
    }
}
