//! Everything that a session needs, in one call.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use datafusion_datasource::file_format::FileFormatFactory;

use super::factory::NpzTableFactory;
use super::format::NpzFormatFactory;

/// Makes a session know NPZ: `CREATE EXTERNAL TABLE … STORED AS NPZ`, `COPY … STORED AS NPZ`, `INSERT INTO`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use datafusion::prelude::SessionContext;
///
/// let folder = tempfile::tempdir()?;
/// let folder = folder.path().display();
/// let context = SessionContext::new();
/// npzarrow::datafusion::register(&context);
/// let copy = format!("COPY (SELECT 1.5 AS x, 7 AS label) TO '{folder}/a.npz' STORED AS NPZ");
/// context.sql(&copy).await?.collect().await?;
/// context.sql(&format!("CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{folder}/'")).await?;
/// assert_eq!(context.sql("SELECT x FROM t WHERE label = 7").await?.count().await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn register(context: &SessionContext) {
    let state = context.state_ref();
    let mut state = state.write();
    let format: Arc<dyn FileFormatFactory> = Arc::new(NpzFormatFactory {});
    // Only a format of the same name could be in the way, and this one takes its place.
    let _registered = state.register_file_format(format, true);
    state.table_factories_mut().insert("NPZ".to_owned(), Arc::new(NpzTableFactory::default()));
}
