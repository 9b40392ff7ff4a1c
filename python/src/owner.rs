//! Memory that Python objects own, as buffers that keep those objects alive.
#![expect(unsafe_code, reason = "a Python buffer is a pointer and a length")]

use std::ptr::NonNull;
use std::slice;

use arrow_buffer::Buffer;
use bytes::Bytes;
use npzarrow::source::Memory;
use numpy::PyUntypedArray;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView};

/// An exported Python buffer. While it lives, the exporter's memory stays where it is: a `bytearray` cannot
/// be resized. The base of the NumPy arrays that share that memory.
#[pyclass(frozen, module = "npzarrow._core", name = "_BufferOwner")]
pub(crate) struct BufferOwner {
    buffer: PyUntypedBuffer,
}

impl BufferOwner {
    /// Exports the memory of an object.
    ///
    /// # Errors
    ///
    /// `TypeError` if it has none, `BufferError` if it is not C-contiguous.
    pub(crate) fn export<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let buffer = PyUntypedBuffer::get(object)?;
        if !buffer.is_c_contiguous() {
            let text = "the buffer is not C-contiguous: its bytes do not lie one behind the other";
            return Err(PyBufferError::new_err(text));
        }
        Bound::new(object.py(), Self { buffer })
    }

    /// True if the exporter lets nobody write through this export.
    pub(crate) fn is_readonly(&self) -> bool {
        self.buffer.readonly()
    }

    /// The exported memory.
    ///
    /// If the exporter is writable, other code may write to it at any time, so that two reads of one byte
    /// may differ. Callers copy what they parse (`SECURITY.md`, "memory that others write to").
    pub(crate) fn as_slice(&self) -> &[u8] {
        match NonNull::new(self.buffer.buf_ptr().cast::<u8>()) {
            // SAFETY: the export is contiguous (checked in `export`), so that it has `len_bytes` bytes from
            // `buf_ptr` on; it stays valid until it is released, which happens when `self` is dropped.
            Some(start) => unsafe { slice::from_raw_parts(start.as_ptr(), self.buffer.len_bytes()) },
            None => &[],
        }
    }
}

/// Keeps an export alive from Rust, on any thread.
struct SharedExport {
    /// Dropped on a thread without the interpreter, it is queued, and released when one comes by.
    owner: Py<BufferOwner>,
}

impl AsRef<[u8]> for SharedExport {
    fn as_ref(&self) -> &[u8] {
        self.owner.get().as_slice()
    }
}

/// The bytes of a Python object and the object itself, for archives.
pub(crate) enum Owner {
    /// `bytes` need no export: they neither move nor change.
    Bytes(Py<PyBytes>),
    /// Any other exporter.
    Export(Py<BufferOwner>),
    /// Memory of our own, a map for instance.
    Memory(Py<MemoryOwner>),
}

impl Owner {
    /// Takes any bytes-like object; `None` if it is none.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<(Self, Memory)> {
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            let memory = Memory::new(Buffer::from(Bytes::from_owner(PyBackedBytes::from(bytes.clone()))));
            return Ok((Self::Bytes(bytes.clone().unbind()), memory));
        }
        let owner = BufferOwner::export(object)?;
        let shared = SharedExport { owner: owner.clone().unbind() };
        let buffer = Buffer::from(Bytes::from_owner(shared));
        let memory = if owner.get().is_readonly() && is_immutable(object, owner.get().as_slice()) {
            Memory::new(buffer)
        } else {
            Memory::mutable(buffer)
        };
        Ok((Self::Export(owner.unbind()), memory))
    }

    /// The object that NumPy arrays keep alive, its memory, and whether they may write to it.
    pub(crate) fn base<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, &[u8], bool) {
        match self {
            Self::Bytes(bytes) => (bytes.bind(py).clone().into_any(), bytes.as_bytes(py), false),
            Self::Export(owner) => {
                let export = owner.get();
                (owner.bind(py).clone().into_any(), export.as_slice(), !export.is_readonly())
            }
            Self::Memory(owner) => {
                (owner.bind(py).clone().into_any(), owner.get().memory.bytes().as_slice(), false)
            }
        }
    }
}

/// Memory of the crate as a Python object: the base of NumPy arrays that share a map.
#[pyclass(frozen, module = "npzarrow._core", name = "_MemoryOwner")]
pub(crate) struct MemoryOwner {
    pub(crate) memory: Memory,
}

/// True if an object exports its memory.
pub(crate) fn has_buffer(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the interpreter is attached and the object alive.
    unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) == 1 }
}

/// True if nobody can write to the memory that an object exports: it lies within that of `bytes`, of a read-only
/// map or of an Arrow buffer, and all that lies between is read-only. A read-only view of a `bytearray` is not.
///
/// Objects may say of themselves what they like; where their memory lies is looked up.
fn is_immutable(object: &Bound<'_, PyAny>, exported: &[u8]) -> bool {
    /// Views of views of views are followed this far.
    const MAX_DEPTH: usize = 32;
    let mut object = object.clone();
    for _ in 0..MAX_DEPTH {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return contains(bytes.as_bytes(), exported);
        }
        let next = if let Ok(view) = object.cast::<PyMemoryView>() {
            view.getattr("obj")
        } else if object.cast::<PyUntypedArray>().is_ok() {
            if !is_false(object.getattr("flags").and_then(|flags| flags.getattr("writeable"))) {
                return false;
            }
            object.getattr("base")
        } else {
            match &*object
                .get_type()
                .fully_qualified_name()
                .map_or_else(|_| String::new(), |name| name.to_string())
            {
                "mmap.mmap" | "npzarrow._core._MemoryOwner" => return vouches(&object, exported),
                "pyarrow.lib.Buffer" if is_false(object.getattr("is_mutable")) => {
                    match object.getattr("parent") {
                        // Over memory of other Python objects there is no parent: the buffer is taken at its word.
                        Ok(parent) if parent.is_none() => return vouches(&object, exported),
                        parent => parent,
                    }
                }
                _ => return false,
            }
        };
        match next {
            Ok(next) => object = next,
            Err(_) => return false,
        }
    }
    false
}

fn is_false(answer: PyResult<Bound<'_, PyAny>>) -> bool {
    answer.and_then(|answer| answer.extract::<bool>()).is_ok_and(|answer| !answer)
}

/// True if an object exports memory for reading only, and some other memory lies within.
fn vouches(object: &Bound<'_, PyAny>, memory: &[u8]) -> bool {
    if let Ok(owner) = object.cast::<MemoryOwner>() {
        return contains(owner.get().memory.bytes(), memory);
    }
    BufferOwner::export(object)
        .is_ok_and(|owner| owner.get().is_readonly() && contains(owner.get().as_slice(), memory))
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
