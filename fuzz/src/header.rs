//! `Header::parse` is total, and what it accepts it can write and read again.

use npzarrow::npy::{Header, Preamble};

use crate::memory::within;

/// Bytes of memory that one byte of a header may cost: `('','i1'),` is a field of some 100 bytes.
const PER_BYTE: u64 = 64;

/// Runs the target. The input is what stands at the beginning of an NPY file.
pub fn run(data: &[u8]) {
    let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let limit = len.saturating_mul(PER_BYTE).saturating_add(4096);
    let preamble = Preamble::parse(data);
    let header = match within(limit, "parsing", || Header::parse(data)) {
        Ok(header) => header,
        Err(error) => {
            // An error says something, on one line.
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
            assert!(error.is_malformed() || error.is_unsupported() || error.is_limit(), "{error:?}");
            return;
        }
    };
    let preamble = preamble.expect("a header has a preamble");
    assert_eq!((header.version(), header.payload_offset()), (preamble.version, preamble.header_end));
    assert!(header.payload_offset() <= data.len());
    // What comes behind the header does not matter to it, nor what is cut off.
    let exact = data.get(..header.payload_offset()).expect("the header lies within");
    assert_eq!(Header::parse(exact).ok().as_ref(), Some(&header));

    match header.payload(data) {
        Ok(payload) => {
            assert_eq!(u64::try_from(payload.len()), Ok(header.payload_len()));
            assert!(!header.dtype().has_objects());
            let start = payload.as_ptr().addr().wrapping_sub(data.as_ptr().addr());
            assert!(payload.is_empty() || start == header.payload_offset());
        }
        Err(error) => {
            let missing = len.saturating_sub(header.payload_offset() as u64) < header.payload_len();
            assert!(missing || header.dtype().has_objects(), "{error}");
        }
    }
    check_size(&header);

    let written = header.to_bytes();
    let again = match Header::parse(&written) {
        Ok(again) => again,
        // Escapes may take four bytes for one, and what is longest has no room left.
        Err(error) if error.is_limit() && data.len() > 1 << 17 => return,
        Err(error) => panic!("{error} in {:?}", String::from_utf8_lossy(&written)),
    };
    assert_eq!(
        (again.dtype(), again.order(), again.shape(), again.payload_len()),
        (header.dtype(), header.order(), header.shape(), header.payload_len())
    );
    assert_eq!(again.payload_offset() % 64, 0);
    assert_eq!(again.to_bytes(), written, "writing is a fixed point");
}

/// The payload has the bytes that the shape and the dtype ask for, by arithmetic that cannot overflow.
fn check_size(header: &Header) {
    let product = header.shape().iter().try_fold(u128::from(header.dtype().item_size()), |product, &dim| {
        product.checked_mul(u128::from(dim))
    });
    // Only a zero keeps the product of 64 axes small, and the zero may stand behind an overflow.
    let product = if header.shape().contains(&0) { Some(0) } else { product };
    assert_eq!(product, Some(u128::from(header.payload_len())), "{header:?}");
    assert!(i64::try_from(header.payload_len()).is_ok());
}
