//! The iterator over an archive, and the views that use it (`npzarrow._views`).

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::npz::NpzFile;

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
        self.file.get().archive.len().saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let archive = &self.file.get().archive;
        let index = self.next.load(Ordering::Relaxed);
        if index >= archive.len() {
            return Ok(None);
        }
        self.next.store(index.saturating_add(1), Ordering::Relaxed);
        match self.part {
            Part::Name => archive.with_name(index, |name| name.into_bound_py_any(py)),
            Part::Array => archive.open(|archive| archive.array_of_its_name(py, index)),
            Part::Both => archive.open(|archive| {
                let array = archive.array_of_its_name(py, index)?;
                (archive.name(index), array).into_bound_py_any(py)
            }),
        }
        .map(Some)
    }
}

/// Makes a view of an archive, of a class of `npzarrow._views`.
pub(crate) fn view<'py>(
    file: &Bound<'py, NpzFile>,
    class: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    static VIEWS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let py = file.py();
    let views = VIEWS.get_or_try_init(py, || PyModule::import(py, "npzarrow._views").map(Bound::unbind))?;
    views.bind(py).getattr(class)?.call1((file,))
}
