//! The units of `datetime64` and `timedelta64`: `[ns]`, `[25s]`, or none.

use std::fmt::{self, Display};

use super::dtype::decimal;

/// A unit of time, NumPy's whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TimeUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Picosecond,
    Femtosecond,
    Attosecond,
}

const NAMES: [(&str, TimeUnit); 13] = [
    ("Y", TimeUnit::Year),
    ("M", TimeUnit::Month),
    ("W", TimeUnit::Week),
    ("D", TimeUnit::Day),
    ("h", TimeUnit::Hour),
    ("m", TimeUnit::Minute),
    ("s", TimeUnit::Second),
    ("ms", TimeUnit::Millisecond),
    ("us", TimeUnit::Microsecond),
    ("ns", TimeUnit::Nanosecond),
    ("ps", TimeUnit::Picosecond),
    ("fs", TimeUnit::Femtosecond),
    ("as", TimeUnit::Attosecond),
];

/// A unit with its multiple: `[25s]` counts steps of 25 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit {
    /// How many units one step is; at least 1.
    pub multiple: u32,
    /// The unit.
    pub unit: TimeUnit,
}

impl Unit {
    /// Parses what stands between the brackets, such as `ns` or `25s`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let name = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = text.strip_suffix(name)?;
        let multiple = if digits.is_empty() { 1 } else { u32::try_from(decimal(digits)?).ok()? };
        // NumPy keeps the multiple in a C int, and zero is no step.
        if multiple == 0 || i32::try_from(multiple).is_err() {
            return None;
        }
        let (_, unit) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(Self { multiple, unit: *unit })
    }
}

impl Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multiple != 1 {
            write!(f, "{}", self.multiple)?;
        }
        let name = NAMES.iter().find(|(_, unit)| *unit == self.unit).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_comes_back() {
        for (name, unit) in NAMES {
            for multiple in [1, 25] {
                let unit = Unit { multiple, unit };
                let text = if multiple == 1 { name.to_owned() } else { format!("25{name}") };
                assert_eq!(unit.to_string(), text);
                assert_eq!(Unit::parse(&text), Some(unit));
            }
        }
        for text in ["", "5", "x", "0s", "-1s", "4294967296s", "2147483648s", "s5", "ns ", "generic"] {
            assert_eq!(Unit::parse(text), None, "{text}");
        }
    }
}
