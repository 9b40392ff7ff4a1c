//! Numbers and names for people.

use std::borrow::Cow;
use std::path::Path;

use crate::npy::Header;
use crate::zip::Method;

/// Bytes in the largest decimal unit that leaves a number.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
            format!("{whole}.{tenth} {name}")
        }
        None => format!("{bytes} B"),
    }
}

/// How much smaller compression has made it.
pub(super) fn ratio(declared: u64, compressed: u64) -> String {
    let percent = declared.saturating_mul(100).checked_div(compressed).unwrap_or(100);
    format!("{}.{:02}", percent / 100, percent % 100)
}

/// `<f4`, or the fields of a record.
pub(super) fn dtype(header: &Header) -> String {
    header.dtype().quoted().trim_matches('"').to_owned()
}

/// The name of a method.
pub(super) fn method(method: Method) -> String {
    match method {
        Method::STORED => "stored".to_owned(),
        Method::DEFLATED => "deflated".to_owned(),
        Method(number) => number.to_string(),
    }
}

/// A path for JSON.
pub(super) fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Text of files and names without what a terminal would obey: control characters as Rust writes them.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { visible.extend(c.escape_default()) } else { visible.push(c) }
    }
    Cow::Owned(visible)
}

/// A cell that is not too wide for a table.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(width) {
        Some(_) => format!("{}…", text.chars().take(width.saturating_sub(1)).collect::<String>()),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_999_999, "1.9 MB"), (u64::MAX, "18446744.0 TB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((ratio(100, 50), ratio(1, 3), ratio(5, 0)), ("2.00".into(), "0.33".into(), "1.00".into()));
        assert_eq!(
            (shortened("a\nbcd", 4), shortened("abcde", 4), shortened("a\x1b[31m", 9)),
            ("a\\n…".into(), "abc…".into(), "a\\u{1b}[…".into())
        );
    }
}
