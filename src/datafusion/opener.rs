//! Reading one shard, or part of it, as a stream of batches.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, SchemaRef};
use datafusion_common::{DataFusionError, Result};
use datafusion_common_runtime::SpawnedTask;
use datafusion_datasource::PartitionedFile;
use datafusion_datasource::file_stream::{FileOpenFuture, FileOpener};
use datafusion_execution::cache::cache_manager::FileMetadataCache;
use datafusion_physical_plan::metrics::Count;
use futures::FutureExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::filter::Predicate;
use super::late::FilteredReader;
use super::ranges::rows_of;
use super::store::Shards;
use crate::Interrupt;
use crate::convert::{to_u64, to_usize};
use crate::dataset::{NumberedShard, ScanReader, ShardInfo};
use crate::source::remote::{blocking, is_url};

/// The rows of a batch without columns: constants may be added to it.
const ROWS_WITHOUT_COLUMNS: u64 = 1 << 16;

/// What the plan knows of a shard, so that its headers are not read again. It does not travel to other processes.
#[derive(Debug)]
pub(super) struct Known(pub(super) NumberedShard);

/// Opens shards for DataFusion: whole, or the rows that a range of bytes stands for.
///
/// Files are read where the stream is polled, as DataFusion reads its own formats. Objects are read by threads that may
/// wait, one batch ahead.
#[derive(Debug, Clone)]
pub struct NpzOpener {
    pub(super) shards: Shards,
    pub(super) is_owned: bool,
    /// The columns of the shard that are wanted.
    pub(super) schema: SchemaRef,
    pub(super) predicate: Option<Arc<Predicate>>,
    pub(super) limit: Option<usize>,
    pub(super) cache: Option<Arc<FileMetadataCache>>,
    pub(super) bytes: Count,
}

impl FileOpener for NpzOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let this = self.clone();
        Ok(async move {
            let shard = this.shard(&file).await?;
            let rows = this.rows(&file, &shard.info);
            let limit = this.limit.map_or(u64::MAX, to_u64);
            if this.schema.fields().is_empty() && this.predicate.is_none() {
                return Ok(without_columns(&this.schema, within(rows, limit)));
            }
            let reads_files = this.reads_files(&shard.info);
            let (bytes, dataset) = (this.bytes.clone(), this.shards.dataset());
            let (reader, interrupt): (BoxReader, Interrupt) = if let Some(predicate) = &this.predicate {
                let (predicate, schema) = (Arc::clone(predicate), Arc::clone(&this.schema));
                let reader = FilteredReader::new(dataset, shard, rows, predicate, schema);
                let interrupt = reader.interrupt().clone();
                (Box::new(Limited { reader, left: limit }), interrupt)
            } else {
                let fields = this.schema.fields().iter().cloned();
                let reader = ScanReader::of_shard(dataset, &shard, within(rows, limit), fields);
                let interrupt = reader.interrupt().clone();
                (Box::new(reader.map(|batch| batch.map_err(DataFusionError::from))), interrupt)
            };
            let stream = if reads_files { stream::iter(reader).boxed() } else { ahead(reader, interrupt) };
            Ok(stream
                .inspect(move |batch| {
                    bytes.add(batch.as_ref().map_or(0, RecordBatch::get_array_memory_size));
                })
                .boxed())
        }
        .boxed())
    }
}

type BoxReader = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl NpzOpener {
    /// True if reading a shard waits for no other machine.
    fn reads_files(&self, info: &ShardInfo) -> bool {
        if !self.is_owned {
            return self.shards.is_local();
        }
        info.url.is_none() && !info.path.to_str().is_some_and(is_url)
    }

    async fn shard(&self, file: &PartitionedFile) -> Result<NumberedShard> {
        if let Some(Known(shard)) = file.extension::<Known>() {
            return Ok(shard.clone());
        }
        // Only tables of datasets count rows over all shards, and these know theirs.
        let info = self.info(file).await?;
        Ok(NumberedShard { info, first_row: 0 })
    }

    async fn info(&self, file: &PartitionedFile) -> Result<Arc<ShardInfo>> {
        self.shards.info(&file.object_meta, self.cache.as_ref()).await
    }

    /// The rows of this part of the file.
    fn rows(&self, file: &PartitionedFile, info: &ShardInfo) -> Range<u64> {
        let filtered = self.predicate.iter().flat_map(|predicate| predicate.schema().fields());
        let is_deflated =
            |field: &FieldRef| info.column(field.name(), 0).is_some_and(|column| column.is_deflated);
        // The same for every part of a file, since it depends on the file and on the plan only.
        let can_split = !self.schema.fields().iter().chain(filtered).any(is_deflated);
        rows_of(file.range.as_ref(), file.object_meta.size, info.rows, can_split)
    }
}

fn within(rows: Range<u64>, limit: u64) -> Range<u64> {
    rows.start..rows.end.min(rows.start.saturating_add(limit))
}

fn without_columns(schema: &SchemaRef, rows: Range<u64>) -> BoxStream<'static, Result<RecordBatch>> {
    let schema = Arc::clone(schema);
    let mut left = rows.end.saturating_sub(rows.start);
    let batches = std::iter::from_fn(move || {
        let count = left.min(ROWS_WITHOUT_COLUMNS);
        left = left.saturating_sub(count);
        let options = RecordBatchOptions::new().with_row_count(Some(to_usize(count)));
        let batch = || RecordBatch::try_new_with_options(Arc::clone(&schema), Vec::new(), &options);
        (count > 0).then(|| batch().map_err(DataFusionError::from))
    });
    stream::iter(batches).boxed()
}

/// Ends after so many rows.
struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R: Iterator<Item = Result<RecordBatch>>> Iterator for Limited<R> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error)),
        };
        let rows = batch.num_rows().min(to_usize(self.left));
        self.left = self.left.saturating_sub(to_u64(rows));
        Some(Ok(batch.slice(0, rows)))
    }
}

/// Reads on threads that may wait, one batch ahead of the one that is asked for.
fn ahead(reader: BoxReader, interrupt: Interrupt) -> BoxStream<'static, Result<RecordBatch>> {
    let next =
        |mut reader: BoxReader| SpawnedTask::spawn_blocking(move || blocking(|| (reader.next(), reader)));
    let guard = StopOnDrop(interrupt);
    let begun = (next(reader), guard);
    stream::unfold(Some(begun), move |state| async move {
        let (task, guard) = state?;
        match task.await {
            Ok((Some(Ok(batch)), reader)) => Some((Ok(batch), Some((next(reader), guard)))),
            Ok((Some(Err(error)), _)) => Some((Err(error), None)),
            Ok((None, _)) => None,
            Err(error) => Some((Err(DataFusionError::ExecutionJoin(Box::new(error))), None)),
        }
    })
    .boxed()
}

/// Gives up what is under way when nobody wants it any more.
struct StopOnDrop(Interrupt);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.request();
    }
}
