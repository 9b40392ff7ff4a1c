//! NumPy arrays over memory that something else owns.
#![expect(unsafe_code, reason = "NumPy's C API")]

use std::ffi::{c_int, c_void};
use std::ptr;

use npzarrow::npy::{Header, Order};
use npzarrow::{OwnedPayload, Payload};
use numpy::npyffi::{
    NPY_ARRAY_F_CONTIGUOUS, NPY_ARRAY_WRITEABLE, NPY_ORDER, NpyTypes, PY_ARRAY_API, get_type_object, npy_intp,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::dtype;
use crate::owner::{BufferOwner, Owner};

/// Most arrays have few axes; their lengths need no allocation.
const INLINE_NDIM: usize = 8;

/// The memory of a payload that the crate allocated: the base of the array over it.
#[pyclass(frozen, module = "npzarrow._core", name = "_PayloadOwner")]
struct PayloadOwner {
    _payload: OwnedPayload,
}

/// An array over a payload within `bytes`, which it keeps alive. Not writable.
pub(crate) fn over_bytes<'py>(
    header: &Header,
    bytes: &Bound<'py, PyBytes>,
) -> PyResult<Result<Bound<'py, PyAny>, npzarrow::Error>> {
    let payload = match header.payload(bytes.as_bytes()) {
        Ok(payload) => payload,
        Err(error) => return Ok(Err(error)),
    };
    let data = payload.as_ptr().cast_mut();
    // SAFETY: the payload lies within the bytes object, which the array keeps alive, and which neither moves
    // nor changes; the array is not writable.
    unsafe { over(bytes.py(), header, data, false, bytes.clone().into_any()) }.map(Ok)
}

/// An array over a payload within an exported buffer, which it keeps exported. Writable if the buffer is.
pub(crate) fn over_export<'py>(
    header: &Header,
    owner: &Bound<'py, BufferOwner>,
) -> PyResult<Result<Bound<'py, PyAny>, npzarrow::Error>> {
    let export = owner.get();
    let payload = match header.payload(export.as_slice()) {
        Ok(payload) => payload,
        Err(error) => return Ok(Err(error)),
    };
    let data = payload.as_ptr().cast_mut();
    // SAFETY: the payload lies within the exported buffer, which stays where it is as long as the array keeps
    // its owner alive; it is written to only if the exporter allows that.
    unsafe { over(owner.py(), header, data, !export.is_readonly(), owner.clone().into_any()) }.map(Ok)
}

/// An array over a payload of an archive. A shared payload must lie within `owner`; one of our own moves
/// into the array, which may then write to it.
pub(crate) fn of_payload<'py>(
    py: Python<'py>,
    header: &Header,
    payload: Payload,
    owner: Option<&Owner>,
) -> PyResult<Bound<'py, PyAny>> {
    match (payload, owner) {
        (Payload::Owned(mut payload), _) => {
            let data = payload.as_mut_slice().as_mut_ptr();
            let base = Bound::new(py, PayloadOwner { _payload: payload })?;
            // SAFETY: the payload moves into the base, which the array keeps alive; moving it leaves its
            // memory where it is, and nothing else refers to that, so that the array may write to it.
            unsafe { over(py, header, data.cast_const().cast_mut(), true, base.into_any()) }
        }
        (Payload::Shared(memory), Some(owner)) => {
            let (base, bytes, writable) = owner.base(py);
            let (payload, whole) = (memory.bytes().as_ptr_range(), bytes.as_ptr_range());
            if payload.start < whole.start || payload.end > whole.end {
                return Err(PyRuntimeError::new_err("a shared payload lies outside of its owner"));
            }
            let data = memory.bytes().as_ptr().cast_mut();
            // SAFETY: the payload lies within the owner's memory (checked above), which stays where it is as
            // long as the array keeps the owner alive; it is written to only if the owner allows that.
            unsafe { over(py, header, data, writable, base) }
        }
        _ => Err(PyRuntimeError::new_err("a shared payload without an owner")),
    }
}

/// A copy with memory of its own, in the same order.
pub(crate) fn copy<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    // SAFETY: every caller passes an array that `over` made; the function returns a new reference or null
    // with an exception.
    unsafe {
        let copy = PY_ARRAY_API.PyArray_NewCopy(py, array.as_ptr().cast(), NPY_ORDER::NPY_KEEPORDER);
        Bound::from_owned_ptr_or_err(py, copy)
    }
}

/// Makes an array over memory.
///
/// # Safety
///
/// From `data` on, `header.payload_len()` bytes must be valid for reads as long as `base` lives, and for
/// writes if `writable`.
unsafe fn over<'py>(
    py: Python<'py>,
    header: &Header,
    data: *mut u8,
    writable: bool,
    base: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let shape = header.shape();
    let too_large = || PyValueError::new_err(format!("shape {shape} is too large for NumPy"));
    let ndim = c_int::try_from(shape.len()).map_err(|_| too_large())?;
    let mut inline: [npy_intp; INLINE_NDIM] = [0; INLINE_NDIM];
    let mut heap = Vec::new();
    let dims = if let Some(dims) = inline.get_mut(..shape.len()) {
        dims
    } else {
        heap.resize(shape.len(), 0);
        heap.as_mut_slice()
    };
    for (dim, &length) in dims.iter_mut().zip(shape.iter()) {
        *dim = npy_intp::try_from(length).map_err(|_| too_large())?;
    }
    let mut flags = if writable { NPY_ARRAY_WRITEABLE } else { 0 };
    if header.order() == Order::Fortran {
        flags |= NPY_ARRAY_F_CONTIGUOUS;
    }
    let descr = dtype::descr(py, header.dtype())?;
    // SAFETY: the interpreter is attached, the type object is NumPy's own.
    let array_type = unsafe { get_type_object(py, NpyTypes::PyArray_Type) };
    // SAFETY: `descr` is a new reference, which the function steals; `dims` has `ndim` lengths; no strides
    // are given, so that the elements are contiguous in the order of `flags`, and take the bytes that the
    // header says; the caller promises that these are there.
    let array = unsafe {
        PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            array_type,
            descr,
            ndim,
            dims.as_mut_ptr(),
            ptr::null_mut(),
            data.cast::<c_void>(),
            flags,
            ptr::null_mut(),
        )
    };
    // SAFETY: the function returned a new reference, or null with an exception.
    let array = unsafe { Bound::from_owned_ptr_or_err(py, array) }?;
    // SAFETY: `array` is an array without a base; the function steals the reference to `base`.
    let status = unsafe { PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base.into_ptr()) };
    if status < 0 { Err(PyErr::fetch(py)) } else { Ok(array) }
}
