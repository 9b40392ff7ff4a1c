//! NPZ as a file format: what DataFusion asks when it meets files, and when it writes them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion_common::{GetExt, Result, Statistics, not_impl_err, plan_err};
use datafusion_datasource::TableSchema;
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_compression_type::FileCompressionType;
use datafusion_datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion_datasource::file_scan_config::{FileScanConfig, FileScanConfigBuilder};
use datafusion_datasource::file_sink_config::FileSinkConfig;
use datafusion_datasource::sink::DataSinkExec;
use datafusion_datasource::source::DataSourceExec;
use datafusion_execution::object_store::ObjectStoreUrl;
use datafusion_expr::dml::InsertOp;
use datafusion_physical_expr::LexRequirement;
use datafusion_physical_plan::ExecutionPlan;
use datafusion_session::Session;
use object_store::{ObjectMeta, ObjectStore};

use super::options::NpzOptions;
use super::sink::NpzSink;
use super::source::NpzSource;
use super::statistics;
use super::store::Shards;
use crate::dataset::merge;

/// Makes [`NpzFormat`]s: what a session is given so that `COPY … STORED AS NPZ` works.
#[derive(Debug, Clone, Default)]
pub struct NpzFormatFactory {}

impl GetExt for NpzFormatFactory {
    fn get_ext(&self) -> String {
        "npz".to_owned()
    }
}

impl FileFormatFactory for NpzFormatFactory {
    fn create(&self, _: &dyn Session, options: &HashMap<String, String>) -> Result<Arc<dyn FileFormat>> {
        Ok(Arc::new(NpzFormat::new(NpzOptions::of_map(options)?)))
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(NpzFormat::default())
    }
}

/// NPZ as DataFusion's `FileFormat`. [`NpzTable`](super::NpzTable) is built on it; it also serves a `ListingTable`.
#[derive(Debug, Clone, Default)]
pub struct NpzFormat {
    options: Arc<NpzOptions>,
}

impl NpzFormat {
    /// Makes a format of options.
    pub fn new(options: NpzOptions) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Returns the options.
    pub fn options(&self) -> &Arc<NpzOptions> {
        &self.options
    }
}

/// A store of which only the type is known: DataFusion does not tell formats its URL.
fn shards(store: &Arc<dyn ObjectStore>, options: &NpzOptions) -> Shards {
    let is_local = store.to_string() == object_store::local::LocalFileSystem::new().to_string();
    let url =
        if is_local { Ok(ObjectStoreUrl::local_filesystem()) } else { ObjectStoreUrl::parse("store://") };
    let url = url.unwrap_or_else(|_| ObjectStoreUrl::local_filesystem());
    Shards::new(url, store, options)
}

#[async_trait]
impl FileFormat for NpzFormat {
    fn get_ext(&self) -> String {
        "npz".to_owned()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        if compression.is_compressed() {
            return plan_err!("NPZ has its own compression: the option compression, none or deflate");
        }
        Ok(self.get_ext())
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        None
    }

    async fn infer_schema(
        &self,
        session: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let mut objects = objects.to_vec();
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        let concurrency = session.config_options().execution.meta_fetch_concurrency.get();
        // No cache: its keys need the URL of the store.
        let infos = shards(store, &self.options).infos(&objects, None, concurrency).await?;
        Ok(Arc::new(Schema::new(merge(&infos, &self.options.dataset)?)))
    }

    async fn infer_stats(
        &self,
        _: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let info = shards(store, &self.options).info(object, None).await?;
        Ok(statistics::of_shard(&info, &table_schema, &[]))
    }

    async fn create_physical_plan(
        &self,
        session: &dyn Session,
        conf: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let cache = session.runtime_env().cache_manager.get_file_metadata_cache();
        let source = match conf.file_source().downcast_ref::<NpzSource>() {
            Some(source) => Arc::new(source.clone().with_metadata_cache(cache)) as Arc<dyn FileSource>,
            None => Arc::clone(conf.file_source()),
        };
        Ok(DataSourceExec::from_data_source(FileScanConfigBuilder::from(conf).with_source(source).build()))
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        _: &dyn Session,
        conf: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if conf.insert_op != InsertOp::Append {
            return not_impl_err!("NPZ shards can be added to a table, not replaced");
        }
        let sink = NpzSink::new(conf, Arc::clone(&self.options));
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(NpzSource::new(table_schema, Arc::clone(&self.options)))
    }
}
