//! `COPY … TO` and `INSERT INTO`: rows become shards, each of which appears whole or not at all.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion_common::{DataFusionError, Result, exec_datafusion_err};
use datafusion_common_runtime::{JoinSet, SpawnedTask};
use datafusion_datasource::display::FileGroupDisplay;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_datasource::file_sink_config::{FileSink, FileSinkConfig};
use datafusion_datasource::sink::DataSink;
use datafusion_datasource::write::demux::DemuxedStreamReceiver;
use datafusion_datasource::write::get_writer_schema;
use datafusion_execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion_execution::{SendableRecordBatchStream, TaskContext};
use datafusion_physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use super::options::NpzOptions;
use crate::arrow::export::{Exporter, MEMORY_LIMIT, Storage};
use crate::error::Error;
use crate::npz::{NpzWriter, WriteOptions};
use crate::sink::{Pending, PendingFile, PendingObject};
use crate::source::remote::blocking;
use crate::source::{Object, RemoteOptions};

/// Writes batches as shards with aligned payloads.
///
/// How many shards there are is DataFusion's to say: with `execution.minimum_parallel_output_files = 1` rows keep their
/// order, and `execution.soft_max_rows_per_output_file` is the number of rows of a shard. Each column waits for its
/// last row: up to 1 MiB in memory, which is accounted to the session's pool, then in a temporary file.
pub struct NpzSink {
    config: FileSinkConfig,
    options: Arc<NpzOptions>,
}

impl NpzSink {
    /// Makes a sink.
    pub fn new(config: FileSinkConfig, options: Arc<NpzOptions>) -> Self {
        Self { config, options }
    }

    #[cfg(feature = "datafusion-proto")]
    pub(super) fn sink_config(&self) -> &FileSinkConfig {
        &self.config
    }

    /// Returns how shards are written.
    pub fn options(&self) -> &Arc<NpzOptions> {
        &self.options
    }
}

impl fmt::Debug for NpzSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpzSink").field("options", &self.options.text()).finish_non_exhaustive()
    }
}

impl DisplayAs for NpzSink {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "NpzSink(file_groups=")?;
                FileGroupDisplay(&FileGroup::clone(&self.config.file_group)).fmt_as(format, f)?;
                write!(f, ")")
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "format: npz")?;
                write!(f, "file={}", self.config.original_url)
            }
        }
    }
}

#[async_trait]
impl DataSink for NpzSink {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}

#[async_trait]
impl FileSink for NpzSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux: SpawnedTask<Result<()>>,
        mut files: DemuxedStreamReceiver,
        store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let schema = get_writer_schema(&self.config);
        let mut tasks: JoinSet<Result<u64>> = JoinSet::new();
        while let Some((path, mut batches)) = files.recv().await {
            let consumer = MemoryConsumer::new(format!("NpzSink[{path}]"));
            let reservation = consumer.register(context.memory_pool());
            let destination = Destination::new(&self.config, &store, path);
            let mut shard = Some(Shard::new(&schema, destination, &self.options.write, reservation)?);
            tasks.spawn(async move {
                while let Some(batch) = batches.recv().await {
                    shard = Some(in_background(shard.take(), move |shard| shard.push(&batch)).await?);
                }
                let shard = in_background(shard.take(), |_| Ok(())).await?;
                let rows = shard.rows;
                in_thread(move || shard.write()).await?;
                Ok(rows)
            });
        }
        let mut rows = 0_u64;
        while let Some(written) = tasks.join_next().await {
            rows = rows.saturating_add(written.map_err(joining)??);
        }
        demux.join_unwind().await.map_err(joining)??;
        Ok(rows)
    }
}

fn joining(error: tokio::task::JoinError) -> DataFusionError {
    DataFusionError::ExecutionJoin(Box::new(error))
}

/// Does something that takes time or waits on a thread that is there for it.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    SpawnedTask::spawn_blocking(move || blocking(work)).await.map_err(joining)?
}

async fn in_background(
    shard: Option<Shard>,
    work: impl FnOnce(&mut Shard) -> Result<()> + Send + 'static,
) -> Result<Shard> {
    let mut shard = shard.ok_or_else(|| exec_datafusion_err!("the shard is gone"))?;
    in_thread(move || {
        work(&mut shard)?;
        Ok(shard)
    })
    .await
}

/// Where a shard is to appear.
#[derive(Debug, Clone)]
enum Destination {
    File(PathBuf),
    Object { store: Arc<dyn ObjectStore>, key: Path, name: String },
}

impl Destination {
    fn new(config: &FileSinkConfig, store: &Arc<dyn ObjectStore>, key: Path) -> Self {
        let local = LocalFileSystem::new();
        if config.object_store_url.as_str() == "file:///"
            && store.to_string() == local.to_string()
            && let Ok(path) = local.path_to_filesystem(&key)
        {
            return Self::File(path);
        }
        let name = format!("{}{key}", config.object_store_url.as_str());
        Self::Object { store: Arc::clone(store), key, name }
    }

    fn create(self) -> Result<Pending> {
        match self {
            Self::File(path) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| Error::from(error).in_path(folder))?;
                }
                Ok(Pending::File(PendingFile::create(path)?))
            }
            Self::Object { store, key, name } => {
                let object = Object::new(store, key).with_name(&name);
                Ok(Pending::Object(Box::new(PendingObject::new(object, &RemoteOptions::default()))))
            }
        }
    }
}

/// A shard whose columns are being collected.
#[derive(Debug)]
struct Shard {
    exporter: Exporter,
    destination: Destination,
    options: WriteOptions,
    reservation: MemoryReservation,
    /// The most that columns have in memory.
    most: usize,
    bytes: usize,
    rows: u64,
}

impl Shard {
    fn new(
        schema: &SchemaRef,
        destination: Destination,
        options: &WriteOptions,
        reservation: MemoryReservation,
    ) -> Result<Self> {
        let folder = std::env::temp_dir();
        let exporter = Exporter::try_new(schema, options.nulls, Storage::Stream, &folder)?;
        let most = schema.flattened_fields().len().saturating_mul(MEMORY_LIMIT);
        let mut options = options.clone();
        // Several shards are written at once.
        options.threads = 1;
        Ok(Self { exporter, destination, options, reservation, most, bytes: 0, rows: 0 })
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let len = batch.get_array_memory_size();
        self.bytes = self.bytes.saturating_add(len);
        self.reservation.try_resize(self.bytes.min(self.most).saturating_add(len))?;
        self.exporter.push(batch)?;
        self.rows = self.rows.saturating_add(crate::convert::to_u64(batch.num_rows()));
        self.reservation.try_resize(self.bytes.min(self.most))
    }

    fn write(self) -> Result<()> {
        let mut writer = NpzWriter::begin(self.destination.create()?, &self.options)?;
        writer.add_exported(self.exporter)?;
        Ok(writer.commit()?)
    }
}
