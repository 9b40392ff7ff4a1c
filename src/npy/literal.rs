//! The Python literals that NPY headers are made of, read from left to right, once.
//!
//! There is no tree: the header, a field or a shape asks for the token that it needs, and an error names the
//! byte. So the time is linear and nothing is allocated but strings that contain escapes.

use std::borrow::Cow;

use super::version::Version;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result};

/// A position in a header.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    header: &'a [u8],
    position: usize,
    version: Version,
}

impl<'a> Cursor<'a> {
    /// Begins at the first byte. In a header of version 3.0 all bytes must be UTF-8.
    pub(super) fn new(header: &'a [u8], version: Version) -> Result<Self> {
        if version == Version::V3
            && let Err(error) = str::from_utf8(header)
        {
            return Err(Error::at(
                to_u64(error.valid_up_to()),
                ErrorKind::HeaderSyntax { expected: "UTF-8 text", found: Some(char::REPLACEMENT_CHARACTER) },
            ));
        }
        Ok(Self { header, position: 0, version })
    }

    /// The byte that comes next, white space aside.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.header.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0c') => self.advance(1),
                next => return next.copied(),
            }
        }
    }

    /// Where the next token begins.
    pub(super) fn offset(&mut self) -> u64 {
        self.peek();
        to_u64(self.position)
    }

    /// Takes a byte of punctuation if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    /// Takes a byte of punctuation that must come next.
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// After an element: takes the comma before the next one, or the closing byte. True if it closed.
    pub(super) fn close_or_comma(&mut self, close: u8, expected: &'static str) -> Result<bool> {
        if self.take(close) {
            return Ok(true);
        }
        self.expect(b',', expected)?;
        Ok(self.take(close))
    }

    /// Takes `True` or `False`; `None` if neither comes next.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        self.peek();
        let rest = self.header.get(self.position..).unwrap_or_default();
        [(&b"True"[..], true), (b"False", false)].into_iter().find_map(|(word, value)| {
            let after = rest.strip_prefix(word)?;
            if after.first().is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_' || !b.is_ascii()) {
                return None;
            }
            self.advance(word.len());
            Some(value)
        })
    }

    /// Takes a decimal integer that is not negative; Python 2's `10L` is one in versions 1.0 and 2.0.
    pub(super) fn integer(&mut self) -> Result<u64> {
        const EXPECTED: &str = "a non-negative integer below 2**63";
        let start = self.offset();
        let Some(first @ b'0'..=b'9') = self.peek() else {
            return Err(self.unexpected(EXPECTED));
        };
        let mut value = 0_u64;
        let mut digits = 0_usize;
        while let Some(&digit @ b'0'..=b'9') = self.header.get(self.position) {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit.wrapping_sub(b'0'))))
                .filter(|&value| i64::try_from(value).is_ok())
                .ok_or_else(|| syntax(start, EXPECTED, Some(char::from(first))))?;
            digits = digits.saturating_add(1);
            self.advance(1);
        }
        if first == b'0' && digits > 1 {
            return Err(syntax(start, "an integer without leading zeros", Some('0')));
        }
        if self.version < Version::V3 && self.header.get(self.position) == Some(&b'L') {
            self.advance(1);
        }
        Ok(value)
    }

    /// Takes a quoted string; borrows it unless it has escapes or is Latin-1 beyond ASCII.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.unexpected("a string"));
        };
        self.advance(1);
        let rest = self.header.get(self.position..).unwrap_or_default();
        let plain = rest.iter().position(|&b| b == quote || b == b'\\' || b == b'\n').unwrap_or(rest.len());
        let (text, after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        let text = self.decode(text);
        self.advance(plain);
        match after.first() {
            Some(b'\\') => self.escaped(text.into_owned(), quote).map(Cow::Owned),
            Some(&byte) if byte == quote => {
                self.advance(1);
                Ok(text)
            }
            _ => Err(self.unexpected_here("the closing quote")),
        }
    }

    /// Goes on with a string from its first escape.
    fn escaped(&mut self, mut text: String, quote: u8) -> Result<String> {
        loop {
            let rest = self.header.get(self.position..).unwrap_or_default();
            match rest.first() {
                Some(&byte) if byte == quote => {
                    self.advance(1);
                    return Ok(text);
                }
                Some(b'\\') => {
                    let (character, len) = unescape(rest).ok_or_else(|| {
                        syntax(to_u64(self.position), "an escape of a Python string", Some('\\'))
                    })?;
                    text.push(character);
                    self.advance(len);
                }
                Some(b'\n') | None => return Err(self.unexpected_here("the closing quote")),
                Some(_) => {
                    let plain = rest.iter().position(|&b| b == quote || b == b'\\' || b == b'\n');
                    let plain = plain.unwrap_or(rest.len());
                    text.push_str(&self.decode(rest.get(..plain).unwrap_or_default()));
                    self.advance(plain);
                }
            }
        }
    }

    /// Latin-1 up to version 2.0, then UTF-8, which [`Cursor::new`] has checked.
    fn decode(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        if bytes.is_ascii() || self.version == Version::V3 {
            String::from_utf8_lossy(bytes)
        } else {
            Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())
        }
    }

    /// An error at the next token.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &'static str) -> Error {
        self.peek();
        self.unexpected_here(expected)
    }

    /// An error at the next byte, which may be white space.
    #[cold]
    fn unexpected_here(&self, expected: &'static str) -> Error {
        let rest = self.header.get(self.position..).unwrap_or_default();
        let found = match rest.first() {
            Some(&byte) if byte.is_ascii() || self.version < Version::V3 => Some(char::from(byte)),
            Some(_) => String::from_utf8_lossy(rest.get(..4).unwrap_or(rest)).chars().next(),
            None => None,
        };
        syntax(to_u64(self.position), expected, found)
    }

    fn advance(&mut self, by: usize) {
        self.position = self.position.saturating_add(by);
    }
}

/// Decodes one escape at the start of `text`; returns the character and the bytes it takes.
fn unescape(text: &[u8]) -> Option<(char, usize)> {
    let digits: usize = match text.get(1)? {
        b'\\' => return Some(('\\', 2)),
        b'\'' => return Some(('\'', 2)),
        b'"' => return Some(('"', 2)),
        b'n' => return Some(('\n', 2)),
        b'r' => return Some(('\r', 2)),
        b't' => return Some(('\t', 2)),
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        _ => return None,
    };
    let end = digits.checked_add(2)?;
    let code = text
        .get(2..end)?
        .iter()
        .try_fold(0_u32, |code, &digit| code.checked_mul(16)?.checked_add(char::from(digit).to_digit(16)?))?;
    Some((char::from_u32(code)?, end))
}

#[cold]
pub(super) fn syntax(offset: u64, expected: &'static str, found: Option<char>) -> Error {
    Error::at(offset, ErrorKind::HeaderSyntax { expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(text: &str) -> Cursor<'_> {
        Cursor::new(text.as_bytes(), Version::V1).unwrap()
    }

    #[test]
    fn integers() {
        for (text, value) in [("0", 0), (" 17,", 17), ("10L)", 10), ("9223372036854775807", i64::MAX as u64)]
        {
            assert_eq!(cursor(text).integer().unwrap(), value, "{text}");
        }
        for text in ["", "-1", "--1", "+1", "01", "00", "9223372036854775808", "x", "'1'", "1e999e"] {
            let mut cursor = cursor(text);
            let result = cursor.integer();
            assert!(result.is_err() || cursor.peek().is_some(), "{text}: {result:?}");
        }
        assert_eq!(Cursor::new(b"7L", Version::V3).unwrap().integer().unwrap(), 7, "the L is left over");
    }

    #[test]
    fn strings() {
        for (text, value) in [
            ("'abc'", "abc"),
            (" \"it's\" ", "it's"),
            (r"'it\'s'", "it's"),
            (r#"'say \"so\"'"#, "say \"so\""),
            (r"'a\\b\n\t\r\x41\u00e9\U0001f600'", "a\\b\n\t\rAé😀"),
            ("''", ""),
        ] {
            assert_eq!(cursor(text).string().unwrap(), value, "{text}");
        }
        for text in [
            "",
            "abc",
            "'abc",
            "'a\nb'",
            r"'\q'",
            r"'\x4'",
            r"'\ud800'",
            r"'abc\",
            "u'a'",
            "'\\x41\nb'",
            "'\\x41b",
        ] {
            assert!(cursor(text).string().is_err(), "{text}");
        }
        let latin1 = Cursor::new(b"'\xe9'", Version::V2).unwrap().string().unwrap();
        assert_eq!(latin1, "é");
        let utf8 = Cursor::new("'é'".as_bytes(), Version::V3).unwrap().string().unwrap();
        assert_eq!(utf8, "é");
        assert!(Cursor::new(b"'\xe9'", Version::V3).is_err());
    }

    #[test]
    fn what_is_found_is_a_character_of_the_encoding() {
        for (text, version, found) in [
            (&b"x"[..], Version::V1, "'x'"),
            (b"\xc3\xa9", Version::V1, "'Ã'"),
            (b"\xc3\xa9", Version::V2, "'Ã'"),
            (b"x\xc3\xa9", Version::V3, "'x'"),
            (b"\xc3\xa9", Version::V3, "'é'"),
            (b"", Version::V3, "the end"),
        ] {
            let error = Cursor::new(text, version).unwrap().unexpected("a digit").to_string();
            assert!(error.contains(&format!("a digit expected, found {found}")), "{error}");
        }
    }

    #[test]
    fn booleans() {
        assert_eq!(cursor(" True,").boolean(), Some(true));
        assert_eq!(cursor("False}").boolean(), Some(false));
        for text in ["", "true", "Truely", "True_", "False2", "Trueé", "1", "'True'", "None"] {
            assert_eq!(cursor(text).boolean(), None, "{text}");
        }
    }
}
