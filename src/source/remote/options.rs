//! What a caller may choose about objects that are fetched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;

use super::failure;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::limits::{FETCH_REQUEST_LEN, FETCH_WHOLE_BELOW, MAX_WITHOUT_RANGES};

/// How objects are fetched.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteOptions {
    /// Keys, regions, endpoints and so on, as `object_store` names them: `aws_access_key_id`, `endpoint`, …. What
    /// is not given is taken from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
    pub storage: BTreeMap<String, String>,
    /// How often a request is tried again, with growing pauses, after a busy server or a broken connection.
    /// Default: 4.
    pub retries: usize,
    /// The most time that one request may take with all its retries and pauses. Default: two minutes. A request
    /// asks for at most [`request_len`](Self::request_len) bytes, so that the whole is bounded, too.
    pub timeout: Duration,
    /// Objects of at most so many bytes are fetched whole. Default: 1 MiB.
    pub whole_below: u64,
    /// The most bytes that one request asks for; longer ranges take several at once. Default: 8 MiB.
    pub request_len: u64,
    /// The most requests under way at once, for one call. Default: 8.
    pub concurrency: usize,
    /// The longest object that is read from a server that ignores ranges. Default: 1 GiB.
    pub max_without_ranges: u64,
    /// Asks the work to stop; the interrupt of each call counts, too.
    pub interrupt: Interrupt,
    /// A store that was handed over: all objects are of this one, and their URLs are paths in it.
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            storage: BTreeMap::new(),
            retries: 4,
            timeout: Duration::from_mins(2),
            whole_below: FETCH_WHOLE_BELOW,
            request_len: FETCH_REQUEST_LEN,
            concurrency: 8,
            max_without_ranges: MAX_WITHOUT_RANGES,
            interrupt: Interrupt::default(),
            store: None,
        }
    }
}

impl fmt::Debug for RemoteOptions {
    /// Leaves the values of `storage` out: some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.storage.keys().collect();
        f.debug_struct("RemoteOptions")
            .field("storage", &keys)
            .field("retries", &self.retries)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl RemoteOptions {
    /// Sets keys, regions, endpoints and so on.
    #[must_use]
    pub fn with_storage<K: Into<String>, V: Into<String>>(
        self,
        storage: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let storage = storage.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { storage, ..self }
    }

    /// Takes options as Python libraries give them: `max_retries` and `retry_timeout_ms` set
    /// [`retries`](Self::retries) and [`timeout`](Self::timeout), all others are the store's.
    ///
    /// # Errors
    ///
    /// An I/O error of kind `InvalidInput` if one of these two is no number.
    pub fn try_from_storage<K: Into<String>, V: Into<String>>(
        storage: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self> {
        let mut options = Self::default().with_storage(storage);
        if let Some(retries) = options.take_number("max_retries")? {
            options.retries = retries.try_into().unwrap_or(usize::MAX);
        }
        if let Some(timeout) = options.take_number("retry_timeout_ms")? {
            options.timeout = Duration::from_millis(timeout);
        }
        Ok(options)
    }

    fn take_number(&mut self, key: &str) -> Result<Option<u64>> {
        let Some(text) = self.storage.remove(key) else { return Ok(None) };
        let number =
            text.parse().map_err(|_| failure::invalid(&format!("{key} must be a number, not {text:?}")));
        number.map(Some)
    }

    /// Sets how often a request is tried again.
    #[must_use]
    pub fn with_retries(self, retries: usize) -> Self {
        Self { retries, ..self }
    }

    /// Sets the most time that one request may take with all its retries and pauses.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the size up to which objects are fetched whole.
    #[must_use]
    pub fn with_whole_below(self, whole_below: u64) -> Self {
        Self { whole_below, ..self }
    }

    /// Sets the most bytes that one request asks for; 0 counts as 1.
    #[must_use]
    pub fn with_request_len(self, request_len: u64) -> Self {
        Self { request_len: request_len.max(1), ..self }
    }

    /// Sets the most requests under way at once; 0 counts as 1.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// Sets the longest object that is read from a server that ignores ranges.
    #[must_use]
    pub fn with_max_without_ranges(self, max_without_ranges: u64) -> Self {
        Self { max_without_ranges, ..self }
    }

    /// Sets the flag that asks the work to stop.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_out() {
        let given = [("max_retries", "7"), ("retry_timeout_ms", "1500"), ("region", "x")];
        let options = RemoteOptions::try_from_storage(given).unwrap();
        assert_eq!((options.retries, options.timeout), (7, Duration::from_millis(1500)));
        assert_eq!(options.storage.into_keys().collect::<Vec<_>>(), ["region"]);
        let error = RemoteOptions::try_from_storage([("max_retries", "many")]).unwrap_err();
        assert_eq!(error.to_string(), r#"max_retries must be a number, not "many""#);
    }

    #[test]
    fn secrets_are_not_shown() {
        let options = RemoteOptions::default().with_storage([("aws_secret_access_key", "hunter2")]);
        let shown = format!("{options:?}");
        assert!(shown.contains("aws_secret_access_key") && !shown.contains("hunter2"), "{shown}");
    }
}
