//! What can go wrong on the way to an object, in one line without URLs that may hold a signature.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, ErrorKind};

/// The longest text of a server that is passed on.
const MAX_TEXT: usize = 300;

/// An error about what the caller asked for.
pub(crate) fn invalid(text: &str) -> Error {
    Error::from(io::Error::new(io::ErrorKind::InvalidInput, text.to_owned()))
}

/// An error about what the server sent.
pub(super) fn protocol(text: String) -> Error {
    Error::from(io::Error::new(io::ErrorKind::InvalidData, text))
}

/// An error of a store as such.
pub(crate) fn of_store(error: &StoreError) -> Error {
    let kind = match error {
        StoreError::NotFound { .. } => io::ErrorKind::NotFound,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => io::ErrorKind::Unsupported,
        _ => kind_of(error),
    };
    Error::from(io::Error::new(kind, text_of(error)))
}

/// An error of a request for a range.
pub(super) fn of_request(error: &StoreError, range: &Range<u64>, etag: Option<&str>) -> Error {
    if let (StoreError::Precondition { .. }, Some(etag)) = (error, etag) {
        let (field, expected) = ("etag", etag.to_owned());
        return Error::new(ErrorKind::ObjectChanged { field, expected, actual: "another one".to_owned() });
    }
    in_range(of_store(error), range)
}

/// Says which bytes were asked for.
pub(super) fn in_range(error: Error, range: &Range<u64>) -> Error {
    match error.kind() {
        ErrorKind::Io(cause) if cause.kind() != io::ErrorKind::NotFound => {
            let text = format!("bytes {} to {}: {cause}", range.start, range.end);
            Error::from(io::Error::new(cause.kind(), text))
        }
        _ => error,
    }
}

fn kind_of(error: &StoreError) -> io::ErrorKind {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return match http.kind() {
                HttpErrorKind::Connect => io::ErrorKind::NotConnected,
                HttpErrorKind::Timeout => io::ErrorKind::TimedOut,
                HttpErrorKind::Request | HttpErrorKind::Interrupted | HttpErrorKind::Decode => {
                    io::ErrorKind::ConnectionAborted
                }
                _ => io::ErrorKind::Other,
            };
        }
        cause = error.source();
    }
    io::ErrorKind::Other
}

/// The texts of the causes, each said once; how long it took and the URL are left out.
fn text_of(error: &StoreError) -> String {
    let mut text = match error {
        StoreError::NotFound { .. } => "not found".to_owned(),
        StoreError::PermissionDenied { .. } => "access denied".to_owned(),
        StoreError::Unauthenticated { .. } => "authentication failed".to_owned(),
        _ => String::new(),
    };
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // The words of a retry: its URL, its time, and the words of its cause, which comes next.
        let is_retry = said.starts_with("Error performing ");
        let wraps = error.source().is_some_and(|source| said.contains(&source.to_string()));
        if is_retry || (wraps && error.source().is_some_and(|source| !source.to_string().is_empty())) {
            if let Some(tries) = tries(&said).filter(|_| is_retry) {
                text.push_str(if text.is_empty() { "" } else { ", " });
                text.push_str(&tries);
            }
        } else {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(without_page(&said));
        }
        cause = error.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    shortened(&text)
}

/// What stands before a page for browsers, which says the same at length.
fn without_page(said: &str) -> &str {
    let lower = said.to_ascii_lowercase();
    let page = lower.find("<!doctype").or_else(|| lower.find("<html"));
    let before = page.and_then(|page| said.get(..page)).unwrap_or(said);
    before.trim_end_matches([' ', ':', '\n'])
}

/// How often a request was tried, from the words of its last failure.
fn tries(said: &str) -> Option<String> {
    let (_, rest) = said.split_once(", after ")?;
    let retries: usize = rest.split_once(" retries")?.0.parse().ok()?;
    Some(format!("tried {} times", retries.saturating_add(1)))
}

/// One line that is not too long: servers send whole pages.
fn shortened(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_TEXT) {
        line.truncate(end);
        line.push('…');
    }
    line.trim_end_matches([':', ' ']).to_owned()
}
