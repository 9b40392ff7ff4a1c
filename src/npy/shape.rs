//! The shape: a tuple of at most 64 dimensions whose product fits in memory.

use std::fmt::{self, Display};
use std::ops::Deref;

use super::literal::Cursor;
use crate::convert::to_u64;
use crate::error::{Error, ErrorKind, Result, ShapeDisplay};
use crate::limits::MAX_NDIM;

/// The lengths of an array's axes; a slice of them, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<u64>);

impl Shape {
    /// Takes the lengths as they are; nothing is checked.
    pub fn new(dims: Vec<u64>) -> Self {
        Self(dims)
    }

    /// Parses the tuple at the cursor: `()`, `(3,)`, `(3, 4)`.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        cursor.expect(b'(', "a tuple of integers")?;
        let mut dims = Vec::new();
        let mut closed = cursor.take(b')');
        while !closed {
            let offset = cursor.offset();
            if dims.len() == MAX_NDIM {
                let value = to_u64(MAX_NDIM).saturating_add(1);
                let kind = ErrorKind::LimitExceeded { what: "dimension", value, limit: to_u64(MAX_NDIM) };
                return Err(Error::at(offset, kind));
            }
            dims.push(cursor.integer()?);
            let single = dims.len() == 1;
            if single && cursor.peek() == Some(b')') {
                // Python reads (3) as the number 3.
                return Err(cursor.unexpected("',' after the only dimension"));
            }
            closed = cursor.close_or_comma(b')', "',' or ')' after a dimension")?;
        }
        Ok(Self(dims))
    }

    /// Returns how many elements there are.
    pub fn element_count(&self) -> u64 {
        self.iter().fold(1, |count, &dim| count.saturating_mul(dim))
    }

    /// Returns the length of the first axis; 1 for an array without axes.
    pub fn rows(&self) -> u64 {
        self.first().copied().unwrap_or(1)
    }

    /// Returns the lengths behind the first axis.
    pub fn inner(&self) -> &[u64] {
        self.get(1..).unwrap_or_default()
    }

    /// Returns the bytes that the elements take, if NumPy could make such an array: axes of length zero are
    /// left out of the product, as NumPy does, so that an empty array cannot hide an overflow.
    pub(super) fn byte_len(&self, item_size: u64) -> Result<u64> {
        let product = self
            .iter()
            .filter(|&&dim| dim != 0)
            .chain([&item_size].into_iter().filter(|&&size| size != 0))
            .try_fold(1_u64, |product, &factor| product.checked_mul(factor))
            .filter(|&product| i64::try_from(product).is_ok());
        match product {
            Some(_) if self.contains(&0) || item_size == 0 => Ok(0),
            Some(product) => Ok(product),
            None => Err(Error::new(ErrorKind::ShapeOverflow { shape: self.0.clone(), item_size })),
        }
    }
}

impl Deref for Shape {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.0
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&ShapeDisplay(self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::version::Version;
    use super::*;

    fn parse(text: &str) -> Result<Shape> {
        Shape::parse(&mut Cursor::new(text.as_bytes(), Version::V1)?)
    }

    #[test]
    fn tuples() {
        for (text, dims) in
            [("()", &[][..]), ("(3,)", &[3]), ("( 3 , 4 )", &[3, 4]), ("(3, 4,)", &[3, 4]), ("(0L,)", &[0])]
        {
            assert_eq!(&*parse(text).unwrap(), dims, "{text}");
        }
        for text in ["", "3", "(3)", "[3]", "(3", "(3,,)", "(,)", "(3 4)", "(3.0,)", "(-1,)", "((3,),)"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&format!("({})", "1,".repeat(64))).unwrap().len(), 64);
        let error = parse(&format!("({})", "1,".repeat(65))).unwrap_err();
        assert_eq!(error.to_string(), "byte 129: dimension 65 exceeds the limit of 64");
    }

    #[test]
    fn products() {
        let max = u64::MAX >> 1;
        for (dims, item_size, len) in [
            (vec![], 8, Some(8)),
            (vec![3, 4], 4, Some(48)),
            (vec![0, 5], 4, Some(0)),
            (vec![max], 1, Some(max)),
            (vec![max], 0, Some(0)),
            (vec![max], 2, None),
            (vec![1 << 32, 1 << 32], 1, None),
            (vec![0, 1 << 62], 8, None),
        ] {
            assert_eq!(Shape::new(dims.clone()).byte_len(item_size).ok(), len, "{dims:?}");
        }
    }
}
