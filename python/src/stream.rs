//! One array from a binary file, which is left where the array ends, as `np.load` leaves it.

use npzarrow::npy::{Header, Preamble};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::ToPy;
use crate::input::not_binary;

/// What is asked for at first; each request may be as large as all that came before, so that a header that
/// lies about its payload cannot make the file allocate it.
const FIRST_REQUEST: usize = 1 << 20;

/// Reads one array; returns its NPY data.
pub(crate) fn read_array<'py>(file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = file.py();
    let mut data = Vec::new();
    // A header needs ten bytes in version 1.0, twelve later; none is shorter than twelve.
    read_until(file, &mut data, Preamble::MAX_LEN)?;
    let preamble = Preamble::parse(&data).or_raise(py)?;
    read_until(file, &mut data, preamble.header_end)?;
    let header = Header::parse(&data).or_raise(py)?;
    // Of pickled objects nothing is read; the payload of others is, as far as the file has it.
    if let Ok(payload) = header.payload_range(u64::MAX) {
        read_until(file, &mut data, payload.end)?;
    }
    Ok(PyBytes::new(py, &data))
}

/// Reads until there are `len` bytes or the file ends.
fn read_until(file: &Bound<'_, PyAny>, data: &mut Vec<u8>, len: usize) -> PyResult<()> {
    let py = file.py();
    while data.len() < len {
        let request = (len - data.len()).min(FIRST_REQUEST.max(data.len()));
        let chunk = file.call_method1(intern!(py, "read"), (request,))?;
        let chunk = chunk.cast::<PyBytes>().map_err(|_| not_binary(&chunk))?.as_bytes();
        if chunk.is_empty() {
            break;
        }
        data.extend_from_slice(chunk);
    }
    Ok(())
}
