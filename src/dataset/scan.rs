//! A scan: the rows of a dataset as batches, in order.

use std::collections::VecDeque;
#[cfg(feature = "table-provider")]
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
#[cfg(feature = "table-provider")]
use arrow_schema::FieldRef;
use arrow_schema::{ArrowError, SchemaRef};

use super::assemble::{Part, Wanted};
use super::inner::Inner;
use super::job::{Context, JobReader, SizedJob};
use super::options::OnError;
use super::queue::Queue;
pub use super::queue::Waited;
#[cfg(feature = "table-provider")]
use super::{origin::Origin, shard::ShardInfo, table::NpzDataset};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::limits::PARALLEL_MIN;
use crate::panic::caught;

/// Reads rows as batches, in order. Nothing is read before the first batch is asked for; with several threads,
/// some batches are then read ahead.
///
/// Batches ahead and on their way take at most (threads + 1) × [`batch_bytes`](super::DatasetOptions::batch_bytes).
#[derive(Debug)]
pub struct ScanReader {
    context: Arc<Context>,
    work: Work,
    limit: Option<u64>,
    in_background: bool,
}

/// A shard, and the number of its first row over all shards.
#[cfg(feature = "table-provider")]
#[derive(Debug, Clone)]
pub(crate) struct NumberedShard {
    pub(crate) info: Arc<ShardInfo>,
    pub(crate) first_row: u64,
}

#[derive(Debug)]
enum Work {
    /// Jobs that were not begun.
    Waiting(VecDeque<SizedJob>),
    /// Jobs that this thread reads itself.
    Here(Option<Box<JobReader>>, VecDeque<SizedJob>),
    /// Jobs that threads of this process read.
    Threads(Queue),
    /// An error came, or the limit was reached.
    Done,
}

impl ScanReader {
    pub(super) fn new(inner: &Arc<Inner>, rows: Vec<Part>, wanted: Wanted, limit: Option<u64>) -> Self {
        let context = Arc::new(Context { inner: Arc::clone(inner), wanted, interrupt: Interrupt::new() });
        // If shards may be left out, those behind the limit may be needed.
        let reached = limit.filter(|_| inner.options.on_error == OnError::Raise);
        let jobs = context.jobs(within(rows, reached));
        Self { context, work: Work::Waiting(jobs.into()), limit, in_background: false }
    }

    /// Reads rows of one shard as the given fields; those that it does not have are null. `first_row` is the number of
    /// its first row over all shards.
    #[cfg(feature = "table-provider")]
    pub(crate) fn of_shard(
        dataset: &NpzDataset,
        shard: &NumberedShard,
        rows: Range<u64>,
        fields: impl IntoIterator<Item = FieldRef>,
    ) -> Self {
        let row_index = dataset.options().row_index.as_ref();
        let origin = |field: &FieldRef| match row_index {
            Some(name) if name == field.name() => Origin::RowIndex,
            _ => Origin::Member,
        };
        let columns = fields.into_iter().map(|field| (Arc::clone(&field), origin(&field))).collect();
        let part = Part { shard: Arc::clone(&shard.info), rows, first_row: shard.first_row };
        Self::new(dataset.inner(), vec![part], Wanted::new(columns), None)
    }

    /// Reads on other threads even if there is one job or one thread, unless there is little to read: so that
    /// [`wait`](Self::wait) comes back in time.
    #[must_use]
    pub fn in_background(self) -> Self {
        Self { in_background: true, ..self }
    }

    /// Reads the next batch; `None` behind the last, and behind an error.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        match self.wait(None)? {
            Waited::Batch(batch) => Ok(Some(batch)),
            Waited::End | Waited::Timeout => Ok(None),
        }
    }

    /// Waits some time for the next batch. What is read on this very thread is not given up at that time.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Waited> {
        // A consumer may be behind an interface of C, which no panic can pass.
        let waited = caught(|| self.next(timeout));
        if !matches!(waited, Ok(Waited::Batch(_) | Waited::Timeout)) {
            self.work = Work::Done;
        }
        let batch = match waited? {
            Waited::Batch(batch) => batch,
            other => return Ok(other),
        };
        let Some(limit) = &mut self.limit else { return Ok(Waited::Batch(batch)) };
        let rows = batch.num_rows().min(usize::try_from(*limit).unwrap_or(usize::MAX));
        *limit = limit.saturating_sub(u64::try_from(rows).unwrap_or(u64::MAX));
        if *limit == 0 {
            self.work = Work::Done;
        }
        Ok(Waited::Batch(batch.slice(0, rows)))
    }

    /// Returns the flag that makes the scan stop.
    pub fn interrupt(&self) -> &Interrupt {
        &self.context.interrupt
    }

    fn next(&mut self, timeout: Option<Duration>) -> Result<Waited> {
        if self.limit == Some(0) {
            return Ok(Waited::End);
        }
        if let Work::Waiting(jobs) = &mut self.work {
            let jobs = std::mem::take(jobs);
            let threads = self.context.inner.options.open.threads;
            let bytes = jobs.iter().fold(0_u64, |sum, job| sum.saturating_add(job.batch_bytes));
            let is_alone = threads < 2 || jobs.len() < 2;
            self.work = if bytes < PARALLEL_MIN || (is_alone && !self.in_background) {
                Work::Here(None, jobs)
            } else {
                match Queue::start(&self.context, jobs, threads) {
                    Ok(queue) => Work::Threads(queue),
                    Err(jobs) => Work::Here(None, jobs),
                }
            };
        }
        match &mut self.work {
            Work::Waiting(_) | Work::Done => Ok(Waited::End),
            Work::Threads(queue) => queue.next(timeout),
            Work::Here(reader, jobs) => loop {
                if let Some(reader) = reader
                    && let Some(batch) = reader.next_batch()?
                {
                    return Ok(Waited::Batch(batch));
                }
                let Some(job) = jobs.pop_front() else { return Ok(Waited::End) };
                let threads = self.context.inner.options.open.threads;
                *reader = Some(Box::new(JobReader::new(&self.context, job.job, threads)));
            },
        }
    }
}

/// The rows that a limit leaves.
fn within(rows: Vec<Part>, limit: Option<u64>) -> Vec<Part> {
    let Some(mut left) = limit else { return rows };
    let mut kept = Vec::new();
    for mut rows in rows {
        if left == 0 {
            break;
        }
        let count = rows.len().min(left);
        rows.rows.end = rows.rows.start.saturating_add(count);
        left = left.saturating_sub(count);
        kept.push(rows);
    }
    kept
}

impl Iterator for ScanReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map_err(ArrowError::from).transpose()
    }
}

impl RecordBatchReader for ScanReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.context.wanted.schema)
    }
}
