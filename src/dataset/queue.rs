//! Threads that read jobs at once, and hand their batches over in order with a bound on what is in memory.

use std::collections::VecDeque;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use arrow_array::RecordBatch;

use super::job::{Context, JobReader, SizedJob};
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_THREADS;
use crate::panic::caught;

/// What a batch takes besides its values.
const BATCH_OVERHEAD: u64 = 4 << 10;

/// Batches that are read ahead, in order. Threads end when the queue is dropped or all is read.
#[derive(Debug)]
pub(super) struct Queue {
    shared: Arc<Shared>,
    /// The process that has the threads.
    process: u32,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// A batch was added that may be the next one.
    ready: Condvar,
    /// Memory was given back, or the next job has become the first.
    room: Condvar,
    context: Arc<Context>,
    /// The bytes that may be read ahead or be on their way.
    budget: u64,
    /// The threads that each job may use itself.
    threads: usize,
}

#[derive(Debug)]
struct State {
    /// Jobs that nobody has taken yet.
    jobs: VecDeque<SizedJob>,
    /// The number of the first slot's job, and of the next job that is taken.
    first: u64,
    next: u64,
    /// A slot for each job that was taken and not handed over completely.
    slots: VecDeque<Slot>,
    in_flight: u64,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Slot {
    ready: VecDeque<(Result<RecordBatch>, u64)>,
    is_finished: bool,
}

/// What waiting for a batch brought.
#[derive(Debug)]
pub enum Waited {
    /// The next batch.
    Batch(RecordBatch),
    /// Nothing is left.
    End,
    /// The time is over.
    Timeout,
}

impl Queue {
    /// Starts as many threads as the system grants; gives the jobs back if that is none.
    pub(super) fn start(
        context: &Arc<Context>,
        jobs: VecDeque<SizedJob>,
        threads: usize,
    ) -> Result<Self, VecDeque<SizedJob>> {
        let threads = threads.min(MAX_THREADS);
        let workers = threads.min(jobs.len());
        let batch_bytes = context.inner.options.batch_bytes;
        let state = State { jobs, first: 0, next: 0, slots: VecDeque::new(), in_flight: 0, is_closed: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
            context: Arc::clone(context),
            budget: batch_bytes.saturating_mul(to_u64(threads).saturating_add(1)),
            threads: threads.checked_div(workers).unwrap_or(1).max(1),
        });
        let mut started = 0_usize;
        for _ in 0..workers {
            let shared = Arc::clone(&shared);
            if thread::Builder::new().spawn(move || shared.work()).is_err() {
                break;
            }
            started = started.saturating_add(1);
        }
        if started > 0 {
            return Ok(Self { shared, process: process::id() });
        }
        Err(std::mem::take(&mut shared.lock().jobs))
    }

    /// Waits for the next batch.
    pub(super) fn next(&self, timeout: Option<Duration>) -> Result<Waited> {
        if self.process != process::id() {
            // The threads stayed behind in the process that forked.
            return Err(Error::new(ErrorKind::ForkedScan));
        }
        let mut state = self.shared.lock();
        loop {
            if let Some(batch) = state.next() {
                self.shared.room.notify_all();
                return batch.map(Waited::Batch);
            }
            if state.slots.is_empty() && state.jobs.is_empty() {
                return Ok(Waited::End);
            }
            // A finished slot may have been taken away, and another job be the first now.
            self.shared.room.notify_all();
            let ready = &self.shared.ready;
            state = match timeout {
                None => ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let (state, waited) =
                        ready.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() {
                        return Ok(Waited::Timeout);
                    }
                    state
                }
            };
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Threads stop at their next block; nobody waits for them.
        self.shared.context.interrupt.request();
        // In a forked process the lock may be held by a thread that is not there.
        if self.process == process::id() {
            let mut state = self.shared.lock();
            state.is_closed = true;
            state.slots.clear();
            drop(state);
            self.shared.room.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes job after job.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            if state.is_closed {
                return;
            }
            let Some(SizedJob { job, batch_bytes }) = state.jobs.pop_front() else { return };
            let number = state.next;
            state.next = state.next.saturating_add(1);
            state.slots.push_back(Slot::default());
            drop(state);
            let ends = Ends { shared: self, number };
            let mut reader = JobReader::new(&self.context, job, self.threads);
            while self.reserve(number, batch_bytes) {
                let read = caught(|| reader.next_batch());
                let Some(batch) = read.transpose() else {
                    self.hand_over(number, batch_bytes, None);
                    break;
                };
                let is_last = batch.is_err();
                self.hand_over(number, batch_bytes, Some(batch));
                if is_last {
                    break;
                }
            }
            drop(ends);
        }
    }

    /// Waits until there is memory for another batch. The first job always gets on, or nothing would.
    fn reserve(&self, number: u64, bytes: u64) -> bool {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return false;
            }
            let is_next =
                number == state.first && state.slots.front().is_some_and(|slot| slot.ready.is_empty());
            if is_next || state.in_flight.saturating_add(bytes) <= self.budget {
                state.in_flight = state.in_flight.saturating_add(bytes);
                return true;
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds a batch to the slot of its job; what was reserved for it makes room for what it takes.
    fn hand_over(&self, number: u64, reserved: u64, batch: Option<Result<RecordBatch>>) {
        let bytes = match &batch {
            Some(Ok(batch)) => BATCH_OVERHEAD.saturating_add(sliced_bytes(batch)),
            _ => 0,
        };
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(reserved);
        if let Some(batch) = batch {
            state.in_flight = state.in_flight.saturating_add(bytes);
            if let Some(slot) = state.slot(number) {
                slot.ready.push_back((batch, bytes));
            }
        }
        drop(state);
        self.ready.notify_one();
    }
}

impl State {
    /// The next batch if it is there. Jobs of which all is handed over are forgotten.
    fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let slot = self.slots.front_mut()?;
            if let Some((batch, bytes)) = slot.ready.pop_front() {
                self.in_flight = self.in_flight.saturating_sub(bytes);
                return Some(batch);
            }
            if !slot.is_finished {
                return None;
            }
            self.slots.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let place = number.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(place).ok()?)
    }
}

/// Marks a job as finished, even if its thread panics.
struct Ends<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(slot) = state.slot(self.number) {
            slot.is_finished = true;
            if thread::panicking() {
                let message = "between two batches".to_owned();
                slot.ready.push_back((Err(Error::new(ErrorKind::Panicked { message })), 0));
            }
        }
        drop(state);
        self.shared.ready.notify_one();
    }
}

/// The bytes of the rows of a batch, without what their buffers have besides.
fn sliced_bytes(batch: &RecordBatch) -> u64 {
    let sizes = batch.columns().iter().map(|array| array.to_data().get_slice_memory_size().unwrap_or(0));
    to_u64(sizes.fold(0, usize::saturating_add))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::dataset::assemble::Wanted;
    use crate::dataset::{DatasetOptions, NpzDataset};
    use crate::interrupt::Interrupt;

    /// Who waits for the batch of a thread that panics gets an error, and then the end.
    #[test]
    fn a_thread_that_panics_is_not_waited_for() {
        let inner = Arc::clone(&NpzDataset::new(["x.npz"], DatasetOptions::default()).inner);
        let context =
            Arc::new(Context { inner, wanted: Wanted::new(Vec::new()), interrupt: Interrupt::new() });
        let queue = Queue::start(&context, VecDeque::new(), 1).err();
        assert!(queue.is_some_and(|jobs| jobs.is_empty()), "no job needs no thread");

        let slots = VecDeque::from([Slot::default()]);
        let state = State { jobs: VecDeque::new(), first: 0, next: 1, slots, in_flight: 0, is_closed: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ready: Condvar::new(),
            room: Condvar::new(),
            context,
            budget: 1,
            threads: 1,
        });
        let thread = catch_unwind(AssertUnwindSafe(|| {
            let _ends = Ends { shared: &shared, number: 0 };
            panic!("on purpose");
        }));
        assert!(thread.is_err());
        let queue = Queue { shared, process: process::id() };
        let error = queue.next(None).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Panicked { .. }), "{error}");
        assert!(matches!(queue.next(None).unwrap(), Waited::End));
    }
}
