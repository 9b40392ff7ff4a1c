//! NumPy arrays over memory that something else owns.
#![expect(unsafe_code, reason = "NumPy's C API")]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::{ptr, slice};

use npzarrow::limits::MAX_NDIM;
use npzarrow::npy::{Header, Order};
use npzarrow::{AlignedBuf, OwnedPayload, Payload};
use numpy::npyffi::{
    NPY_ARRAY_F_CONTIGUOUS, NPY_ARRAY_WRITEABLE, NpyTypes, PY_ARRAY_API, get_type_object, npy_intp,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::dtype;
use crate::interrupt::DETACH_MIN;
use crate::owner::{BufferOwner, Owner};

/// Most arrays have few axes; their lengths need no allocation.
const INLINE_NDIM: usize = 8;

/// Memory that the crate allocated: the base of the array over it.
#[pyclass(frozen, module = "npzarrow._core", name = "_PayloadOwner")]
struct PayloadOwner {
    _memory: OwnMemory,
}

#[expect(dead_code, reason = "what is held is held to be dropped")]
enum OwnMemory {
    Payload(OwnedPayload),
    Read(AlignedBuf),
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
            let base = Bound::new(py, PayloadOwner { _memory: OwnMemory::Payload(payload) })?;
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

/// An array over the part of memory of our own that its payload was read into. Writable.
pub(crate) fn over_read<'py>(
    py: Python<'py>,
    header: &Header,
    mut memory: AlignedBuf,
    payload: Range<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let payload = memory.as_mut_slice().get_mut(payload).unwrap_or_default();
    if !u64::try_from(payload.len()).is_ok_and(|len| len == header.payload_len()) {
        return Err(PyRuntimeError::new_err("a payload lies outside of its memory"));
    }
    let data = payload.as_mut_ptr();
    let base = Bound::new(py, PayloadOwner { _memory: OwnMemory::Read(memory) })?;
    // SAFETY: the payload has the length of the header (checked above), and lies in memory that moves into the
    // base, which the array keeps alive; moving it leaves its bytes where they are, and nothing else refers to
    // them, so that the array may write to them.
    unsafe { over(py, header, data, true, base.into_any()) }
}

/// An array with a copy of a payload in memory of NumPy's own. Writable.
pub(crate) fn copied<'py>(py: Python<'py>, header: &Header, payload: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if header.dtype().item_size() == 0 {
        // NumPy never allocates elements without bytes: `S0` would become `S1`.
        let base = PyBytes::new(py, b"");
        let data = base.as_bytes().as_ptr().cast_mut();
        // SAFETY: no byte can be read or written.
        return unsafe { over(py, header, data, true, base.into_any()) };
    }
    // SAFETY: without memory to lie over, the array gets memory of its own.
    let array = unsafe { allocate_or_cover(py, header, ptr::null_mut(), 0) }?;
    let mut first: [npy_intp; MAX_NDIM] = [0; MAX_NDIM];
    // SAFETY: the array was just made, and has no more axes than there are indices.
    let data = unsafe { PY_ARRAY_API.PyArray_GetPtr(py, array.as_ptr().cast(), first.as_mut_ptr()) };
    // SAFETY: NumPy allocated the bytes that shape and dtype take, which are those of the payload (the header
    // gave its range), nothing else knows of them yet, and copying needs them writable, not initialised.
    let own = unsafe { slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), payload.len()) };
    if header.payload_len() < DETACH_MIN {
        own.write_copy_of_slice(payload);
    } else {
        py.detach(|| own.write_copy_of_slice(payload));
    }
    Ok(array)
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
    let flags = if writable { NPY_ARRAY_WRITEABLE } else { 0 };
    // SAFETY: the caller promises that the bytes are there.
    let array = unsafe { allocate_or_cover(py, header, data, flags) }?;
    // SAFETY: `array` is an array without a base; the function steals the reference to `base`.
    let status = unsafe { PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base.into_ptr()) };
    if status < 0 { Err(PyErr::fetch(py)) } else { Ok(array) }
}

/// Makes an array over `data`, or, if that is null and `flags` are 0, over memory that NumPy allocates.
///
/// # Safety
///
/// Unless `data` is null, `header.payload_len()` bytes from there on must be valid for reads as long as the
/// array lives, and for writes if `flags` say that it is writable.
unsafe fn allocate_or_cover<'py>(
    py: Python<'py>,
    header: &Header,
    data: *mut u8,
    mut flags: c_int,
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
    if header.order() == Order::Fortran {
        flags |= NPY_ARRAY_F_CONTIGUOUS;
    }
    let descr = dtype::descr(py, header.dtype())?;
    // SAFETY: the interpreter is attached, the type object is NumPy's own.
    let array_type = unsafe { get_type_object(py, NpyTypes::PyArray_Type) };
    // SAFETY: `descr` is a new reference, which the function steals; `dims` has `ndim` lengths; no strides
    // are given, so that the elements are contiguous in the order of `flags`, and take the bytes that the
    // header says; the caller promises that these are there, or asks NumPy for them with null.
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
    unsafe { Bound::from_owned_ptr_or_err(py, array) }
}
