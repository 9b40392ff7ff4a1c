//! Views of an archive, and the iterator over them.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use crate::npz::NpzFile;

/// The arrays of an archive.
#[pyclass(frozen, module = "npzarrow._core")]
pub(crate) struct NpzValues {
    file: Py<NpzFile>,
}

/// The names of an archive with their arrays.
#[pyclass(frozen, module = "npzarrow._core")]
pub(crate) struct NpzItems {
    file: Py<NpzFile>,
}

/// What an iterator gives for each entry.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Name,
    Array,
    Both,
}

/// An iterator over the entries of an archive.
#[pyclass(frozen, module = "npzarrow._core")]
pub(crate) struct NpzIterator {
    file: Py<NpzFile>,
    part: Part,
    next: AtomicUsize,
}

impl NpzIterator {
    pub(crate) fn new(file: Py<NpzFile>, part: Part) -> Self {
        Self { file, part, next: AtomicUsize::new(0) }
    }
}

#[pymethods]
impl NpzIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __length_hint__(&self) -> usize {
        self.file.get().len().saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let file = self.file.get();
        let index = self.next.load(Ordering::Relaxed);
        if index >= file.len() {
            return Ok(None);
        }
        self.next.store(index.saturating_add(1), Ordering::Relaxed);
        match self.part {
            Part::Name => file.name(index).into_bound_py_any(py),
            Part::Array => file.array(py, index),
            Part::Both => (file.name(index), file.array(py, index)?).into_bound_py_any(py),
        }
        .map(Some)
    }
}

impl NpzValues {
    pub(crate) fn new(file: Py<NpzFile>) -> Self {
        Self { file }
    }
}

#[pymethods]
impl NpzValues {
    fn __len__(&self) -> usize {
        self.file.get().len()
    }

    fn __iter__(&self, py: Python<'_>) -> NpzIterator {
        NpzIterator::new(self.file.clone_ref(py), Part::Array)
    }

    fn __repr__(&self) -> String {
        format!("NpzValues of an archive with {} entries", self.file.get().len())
    }
}

impl NpzItems {
    pub(crate) fn new(file: Py<NpzFile>) -> Self {
        Self { file }
    }
}

#[pymethods]
impl NpzItems {
    fn __len__(&self) -> usize {
        self.file.get().len()
    }

    fn __iter__(&self, py: Python<'_>) -> NpzIterator {
        NpzIterator::new(self.file.clone_ref(py), Part::Both)
    }

    fn __repr__(&self) -> String {
        format!("NpzItems of an archive with {} entries", self.file.get().len())
    }
}
