//! The way back: a header as NumPy would write it.

use super::header::{Header, Order};
use super::version::{MAGIC_PREFIX, Version};
use super::{Dtype, Shape};
use crate::error::Result;
use crate::limits::MAX_HEADER_LEN;

/// Payloads begin at multiples of this many bytes, as in NumPy since 1.14.
const ALIGNMENT: usize = 64;

/// NumPy leaves room for the first axis to grow in place to this many digits.
const GROWTH_DIGITS: usize = 21;

impl Header {
    /// Makes the header that NumPy would write for such an array, in the lowest version that can hold it.
    ///
    /// # Errors
    ///
    /// As [`Header::parse`] of what [`to_bytes`](Self::to_bytes) gives: a shape that overflows, a header
    /// that is too long.
    pub fn try_new(dtype: &Dtype, order: Order, shape: &Shape) -> Result<Self> {
        Self::parse(&encode(dtype, order, shape))
    }

    /// Returns the header with everything before it, padded to a multiple of 64 bytes: byte for byte what
    /// `np.save` writes before the payload.
    ///
    /// ```
    /// use npzarrow::npy::{Dtype, Header, Order, Shape};
    ///
    /// let dtype = Dtype::from_type_str("<f4").ok_or("no dtype")?;
    /// let header = Header::try_new(&dtype, Order::C, &Shape::new(vec![3]))?;
    /// let bytes = header.to_bytes();
    /// assert!(bytes.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False"));
    /// assert_eq!(bytes.len(), 128);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.dtype(), self.order(), self.shape())
    }
}

fn encode(dtype: &Dtype, order: Order, shape: &Shape) -> Vec<u8> {
    let fortran = if order == Order::Fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let growing = if order == Order::Fortran { shape.last() } else { shape.first() };
    if let Some(growing) = growing {
        let digits =
            growing.checked_ilog10().map_or(1, |log| usize::try_from(log).unwrap_or(0).saturating_add(1));
        text.extend(std::iter::repeat_n(' ', GROWTH_DIGITS.saturating_sub(digits)));
    }
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let (text, version) = match latin1 {
        Some(latin1) if padded_len(10, latin1.len()).is_some_and(|len| u16::try_from(len).is_ok()) => {
            (latin1, Version::V1)
        }
        Some(latin1) => (latin1, Version::V2),
        None => (text.into_bytes(), Version::V3),
    };
    let preamble_len: usize = if version == Version::V1 { 10 } else { 12 };
    // A header that is too long is written as it is; parsing it gives the error.
    let header_len = padded_len(preamble_len, text.len()).unwrap_or(text.len());
    let mut bytes = Vec::with_capacity(preamble_len.saturating_add(header_len));
    bytes.extend(MAGIC_PREFIX);
    bytes.extend(version.bytes());
    match (version, u16::try_from(header_len), u32::try_from(header_len)) {
        (Version::V1, Ok(len), _) => bytes.extend(len.to_le_bytes()),
        (_, _, len) => bytes.extend(len.unwrap_or(u32::MAX).to_le_bytes()),
    }
    bytes.extend(&text);
    bytes.resize(preamble_len.saturating_add(header_len).saturating_sub(1), b' ');
    bytes.push(b'\n');
    bytes
}

/// The length of the header with its newline and the spaces that align the payload: at least one, so that NumPy pads
/// what is aligned already with 64 of them.
fn padded_len(preamble_len: usize, text_len: usize) -> Option<usize> {
    let end = preamble_len.checked_add(text_len)?.checked_add(2)?.checked_next_multiple_of(ALIGNMENT)?;
    end.checked_sub(preamble_len).filter(|&len| u64::try_from(len).is_ok_and(|len| len <= MAX_HEADER_LEN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lowest_version() {
        for (name, version) in
            [("x", Version::V1), ("é", Version::V1), ("x'\\\n", Version::V1), ("π", Version::V3)]
        {
            let descr =
                format!("{{'descr': [({}, '<f4')], 'fortran_order': False, 'shape': ()}}", python(name));
            let mut bytes = b"\x93NUMPY\x03\x00".to_vec();
            bytes.extend(u32::try_from(descr.len()).unwrap().to_le_bytes());
            bytes.extend(descr.as_bytes());
            let header = Header::parse(&bytes).unwrap();
            let again = Header::parse(&header.to_bytes()).unwrap();
            assert_eq!((again.dtype(), again.version()), (header.dtype(), version), "{name}");
        }
        let wide: Vec<_> = (0..5000).map(|i| format!("('field{i}', '<f4'), ")).collect();
        let wide = wide.concat();
        let text = format!("{{'descr': [{wide}], 'fortran_order': False, 'shape': (1,)}}");
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        let header = Header::parse(&Header::parse(&bytes).unwrap().to_bytes()).unwrap();
        assert_eq!((header.version(), header.payload_len()), (Version::V2, 20_000));
    }

    #[test]
    fn room_is_left_for_the_axis_that_grows() {
        // As NumPy 2.4 writes it: the first axis of C order, the last of Fortran order; 1 leaves more room than 10^17.
        for (order, len) in [(Order::C, 192), (Order::Fortran, 128)] {
            let field = ("x".repeat(13), None, Dtype::from_type_str("<f4").unwrap());
            let record = super::super::Record::packed(vec![field]).unwrap();
            let dtype = Dtype::Record(std::sync::Arc::new(record));
            let header =
                Header::try_new(&dtype, order, &Shape::new(vec![1, 100_000_000_000_000_000])).unwrap();
            assert_eq!(header.to_bytes().len(), len, "{order:?}");
        }
    }

    #[test]
    fn what_is_aligned_already_is_padded_with_a_whole_line() {
        for (len, expected) in [(52, 128), (53, 128), (54, 192), (55, 192), (117, 192), (118, 256)] {
            // As NumPy 2.4 writes it. With 54, and with 118, the newline is where the alignment ends.
            let name = "x".repeat(len);
            let field = (name, None, Dtype::from_type_str("<f4").unwrap());
            let record = super::super::Record::packed(vec![field]).unwrap();
            let dtype = Dtype::Record(std::sync::Arc::new(record));
            let header = Header::try_new(&dtype, Order::C, &Shape::default()).unwrap();
            assert_eq!(header.to_bytes().len(), expected, "{len}");
        }
    }

    fn python(name: &str) -> String {
        format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
    }

    proptest! {
        #[test]
        fn comes_back(
            type_str in "<f[248]|>i[248]|\\|u1|<c16|<M8\\[ns\\]|>m8\\[7D\\]|\\|S[0-9]|<U[1-9][0-9]|\\|V3",
            dims in prop::collection::vec(0_u64..100_000, 0..4), fortran in any::<bool>(),
        ) {
            let dtype = Dtype::from_type_str(&type_str).unwrap();
            let order = if fortran { Order::Fortran } else { Order::C };
            let header = Header::try_new(&dtype, order, &Shape::new(dims.clone())).unwrap();
            prop_assert_eq!((header.dtype(), header.order(), &header.shape()[..]), (&dtype, order, &dims[..]));
            prop_assert_eq!(header.payload_offset() % 64, 0);
            prop_assert_eq!(&Header::parse(&header.to_bytes()).unwrap(), &header);
        }
    }
}
