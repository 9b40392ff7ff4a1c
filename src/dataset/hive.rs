//! Directories named `key=value` as columns, typed by all their values together.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, FieldRef};
use serde::{Deserialize, Serialize};

/// What Hive writes for a missing value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The keys and values of a path, in its order, with `%2F` and the like decoded.
pub(crate) fn parse(path: &Path) -> Vec<(String, Option<String>)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| {
            let part = part.as_os_str().to_str()?;
            let (key, value) = part.split_once('=').filter(|(key, _)| !key.is_empty())?;
            let value = decode(value);
            Some((decode(key), (value != NULL).then_some(value)))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        let (byte, len) = code.filter(|_| first == b'%').map_or((first, 0), |code| (code, 2));
        decoded.push(byte);
        rest = after.get(len..).unwrap_or_default();
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// The type of a key: the narrowest that holds all values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyType {
    Int64,
    Boolean,
    Date32,
    Utf8,
}

impl KeyType {
    pub(crate) fn of<'a>(values: &(impl Iterator<Item = Option<&'a str>> + Clone)) -> Self {
        let all = |parses: fn(&str) -> bool| values.clone().flatten().all(parses);
        if values.clone().flatten().next().is_none() {
            return Self::Utf8;
        }
        // `007` is a name, not the number seven.
        if all(|value| value.parse::<i64>().is_ok_and(|number| number.to_string() == value)) {
            Self::Int64
        } else if all(|value| matches!(value, "true" | "false")) {
            Self::Boolean
        } else if all(|value| days(value).is_some()) {
            Self::Date32
        } else {
            Self::Utf8
        }
    }

    pub(crate) fn field(self, key: &str) -> FieldRef {
        let data_type = match self {
            Self::Int64 => DataType::Int64,
            Self::Boolean => DataType::Boolean,
            Self::Date32 => DataType::Date32,
            Self::Utf8 => DataType::Utf8,
        };
        Arc::new(Field::new(key, data_type, true))
    }

    /// The values of some shards, each for as many rows as the shard has.
    pub(super) fn array(self, values: &[(Option<String>, usize)]) -> ArrayRef {
        fn rows<'a, T: Copy + 'a>(
            values: &'a [(Option<String>, usize)],
            parse: impl Fn(&'a str) -> Option<T> + 'a,
        ) -> impl Iterator<Item = Option<T>> + 'a {
            values
                .iter()
                .flat_map(move |(value, rows)| std::iter::repeat_n(value.as_deref().and_then(&parse), *rows))
        }
        match self {
            Self::Int64 => Arc::new(rows(values, |value| value.parse().ok()).collect::<Int64Array>()),
            Self::Boolean => Arc::new(rows(values, |value| Some(value == "true")).collect::<BooleanArray>()),
            Self::Date32 => Arc::new(rows(values, days).collect::<Date32Array>()),
            Self::Utf8 => Arc::new(rows(values, Some).collect::<StringArray>()),
        }
    }
}

/// The days from 1970 to a date written `2026-01-31`; `None` if it is none.
fn days(text: &str) -> Option<i32> {
    let [year, month, day] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok())?;
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i32::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // Years that begin in March have their leap day last (Hinnant, "chrono-compatible low-level date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let parsed = parse(Path::new(
            "data/split=train/day=2026-01-31/name=a%2Fb/x=__HIVE_DEFAULT_PARTITION__/=1/a=b.npz",
        ));
        let expected =
            [("split", Some("train")), ("day", Some("2026-01-31")), ("name", Some("a/b")), ("x", None)];
        let expected: Vec<_> = expected.map(|(k, v)| (k.to_owned(), v.map(str::to_owned))).into();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn types() {
        for (values, expected) in [
            (&[Some("1"), Some("-20"), None][..], KeyType::Int64),
            (&[Some("1"), Some("007")], KeyType::Utf8),
            (&[Some("true"), Some("false")], KeyType::Boolean),
            (&[Some("2026-01-31"), Some("2024-02-29")], KeyType::Date32),
            (&[Some("2026-01-31"), Some("2026-02-29")], KeyType::Utf8),
            (&[Some("1"), Some("a")], KeyType::Utf8),
            (&[None], KeyType::Utf8),
        ] {
            assert_eq!(KeyType::of(&values.iter().copied()), expected, "{values:?}");
        }
        for (text, expected) in
            [("1970-01-01", 0), ("2000-03-01", 11_017), ("1969-12-31", -1), ("2026-11-21", 20_778)]
        {
            assert_eq!(days(text), Some(expected), "{text}");
        }
    }
}
