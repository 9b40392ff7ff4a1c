//! Sending an object: by one request if it is small, in parts if it is not; it appears whole or not at all.

use std::collections::VecDeque;
use std::future::Future;
use std::{io, mem, process};

use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::object::{Object, too_slow};
use super::options::RemoteOptions;
use super::{failure, runtime};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// An object that is being sent. Dropping it before it is complete takes back what was sent.
#[derive(Debug)]
pub(crate) struct Upload {
    object: Object,
    options: RemoteOptions,
    /// The process that began; a fork of it must leave the parts alone.
    process: u32,
    /// The request that begins an upload in parts: it is never given up half way, since only its answer tells what
    /// would have to be taken back.
    beginning: Option<JoinHandle<Result<Box<dyn MultipartUpload>>>>,
    parts: Option<Box<dyn MultipartUpload>>,
    under_way: VecDeque<JoinHandle<Result<()>>>,
}

impl Upload {
    pub(crate) fn new(object: Object, options: &RemoteOptions) -> Self {
        Self {
            object,
            options: options.clone(),
            process: process::id(),
            beginning: None,
            parts: None,
            under_way: VecDeque::new(),
        }
    }

    /// The URL, without what may be secret.
    pub(crate) fn name(&self) -> &str {
        self.object.name()
    }

    /// Sends all bytes of an object by one request.
    pub(crate) fn put(&self, bytes: Vec<u8>, interrupt: &Interrupt) -> Result<()> {
        let (object, options) = (&self.object, &self.options);
        let put = put(object.clone(), options.clone(), bytes);
        runtime::block_on(put, [interrupt, &options.interrupt])
    }

    /// Sends the next part, at the same time as some of those before.
    pub(crate) fn put_part(&mut self, bytes: Vec<u8>, interrupt: &Interrupt) -> Result<()> {
        let own = self.options.interrupt.clone();
        self.wait(|upload| upload.send(bytes), [interrupt, &own])
    }

    /// Waits for all parts, and makes the object of them.
    pub(crate) fn complete(&mut self, interrupt: &Interrupt) -> Result<()> {
        let own = self.options.interrupt.clone();
        self.wait(Self::finish, [interrupt, &own])
    }

    fn wait<'a, F: Future<Output = Result<()>> + Send>(
        &'a mut self,
        work: impl FnOnce(&'a mut Self) -> F,
        interrupts: [&Interrupt; 2],
    ) -> Result<()> {
        if self.process != process::id() {
            return Err(failure::invalid(
                "an object that is being written cannot be used in a forked process",
            ));
        }
        runtime::block_on(work(self), interrupts)
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<()> {
        if self.parts.is_none() {
            let (object, options) = (self.object.clone(), self.options.clone());
            let beginning = self.beginning.get_or_insert_with(|| tokio::spawn(begin(object, options)));
            let parts = beginning.await;
            self.beginning = None;
            self.parts = Some(parts.map_err(ended)??);
        }
        while self.under_way.len() >= self.options.concurrency {
            self.next().await?;
        }
        if let Some(parts) = &mut self.parts {
            let (part, options) = (parts.put_part(PutPayload::from(bytes)), self.options.clone());
            self.under_way.push_back(tokio::spawn(async move {
                let sent = timeout(options.timeout, part).await.map_err(|_| too_slow(&options))?;
                sent.map_err(|error| failure::of_store(&error))
            }));
        }
        Ok(())
    }

    /// Waits for the oldest part that is under way.
    async fn next(&mut self) -> Result<()> {
        let Some(oldest) = self.under_way.front_mut() else { return Ok(()) };
        let sent = oldest.await;
        self.under_way.pop_front();
        sent.map_err(ended)?
    }

    async fn finish(&mut self) -> Result<()> {
        while !self.under_way.is_empty() {
            self.next().await?;
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let completed = timeout(self.options.timeout, parts.complete()).await;
        completed.map_err(|_| too_slow(&self.options))?.map_err(|error| failure::of_store(&error))?;
        self.parts = None;
        Ok(())
    }

    /// Takes back what was sent.
    async fn abort(&mut self) -> Result<()> {
        for part in &self.under_way {
            part.abort();
        }
        for part in mem::take(&mut self.under_way) {
            // What is under way must have ended, or it might arrive later.
            let _ended = part.await;
        }
        if let Some(beginning) = self.beginning.take() {
            self.parts = beginning.await.map_err(ended)?.ok();
        }
        let Some(mut parts) = self.parts.take() else { return Ok(()) };
        let aborted = timeout(self.options.timeout, parts.abort()).await;
        aborted.map_err(|_| too_slow(&self.options))?.map_err(|error| failure::of_store(&error))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.process != process::id() {
            // They belong to threads of the process that forked.
            mem::forget((self.parts.take(), self.beginning.take(), mem::take(&mut self.under_way)));
        } else if self.parts.is_some() || self.beginning.is_some() {
            // The error that led here is the one to tell.
            let _aborted = runtime::block_on(self.abort(), [&Interrupt::default(); 2]);
        }
    }
}

async fn put(object: Object, options: RemoteOptions, bytes: Vec<u8>) -> Result<()> {
    let store = object.store()?;
    let put = timeout(options.timeout, store.put(object.path(), PutPayload::from(bytes))).await;
    put.map_err(|_| too_slow(&options))?.map(drop).map_err(|error| failure::of_store(&error))
}

async fn begin(object: Object, options: RemoteOptions) -> Result<Box<dyn MultipartUpload>> {
    let store = object.store()?;
    let begun = timeout(options.timeout, store.put_multipart(object.path())).await;
    begun.map_err(|_| too_slow(&options))?.map_err(|error| failure::of_store(&error))
}

/// The error for work that was ended from outside.
fn ended(error: tokio::task::JoinError) -> Error {
    Error::from(io::Error::other(error))
}
