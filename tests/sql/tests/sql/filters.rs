//! Filters on narrow columns, before wide ones are read: the rows are the same as without.

use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use crate::shards::{
    count, deflated, in_part_deflated, mixed, plan, rows, session_with, stored, text, value,
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
        ("id + label = 799995", |id| id + id % 10 == 799_995),
        ("id + label < 0", |_| false),
    ];
    let (context, _) = session_with(1, &shards).await;
    for (name, _) in shards {
        let sql = format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'memory:///{name}'");
        rows(&context, &sql).await.unwrap();
        for (filter, is_left) in filters {
            let left = ids.clone().filter(|&id| is_left(id));
            let (count, sum) = left.fold((0_i64, 0), |(count, sum), id| (count + 1, sum + id));
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
