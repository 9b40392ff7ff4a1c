//! The Python package `npzarrow`: a shell over the public API of the crate of that name.
//!
//! Each function extracts its arguments, does its work detached from the interpreter where there is more
//! than a little of it, and wraps the result. The formats are known to the crate alone.

#![expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "the docstrings of Python's functions are no Markdown"
)]

mod archive;
mod batch;
mod capsule;
mod closable;
mod collate;
#[cfg_attr(not(feature = "datafusion"), path = "datafusion_absent.rs")]
mod datafusion;
mod dataset;
mod dtype;
mod error;
mod factory;
mod info;
mod input;
mod interrupt;
mod ndarray;
mod npy;
mod npz;
mod options;
mod output;
mod owner;
mod program;
mod raw;
mod scan;
mod scan_npz;
mod schema;
mod stream;
mod task;
mod views;
mod write;

use pyo3::prelude::*;

/// The compiled part of npzarrow.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::batch::{NpzBatch, read_npz};
    #[pymodule_export]
    use super::collate::collate_npz;
    #[pymodule_export]
    use super::dataset::NpzDataset;
    #[pymodule_export]
    use super::factory::NpzTableFactory;
    #[pymodule_export]
    use super::npy::{NpyArray, load_npy, read_npy};
    #[pymodule_export]
    use super::npz::{NpzFile, load_npz};
    #[pymodule_export]
    use super::program::run;
    #[pymodule_export]
    use super::scan::{NpzBatches, NpzScan, RecordBatchExport};
    #[pymodule_export]
    use super::scan_npz::scan_npz;
    #[pymodule_export]
    use super::schema::Schema;
    #[pymodule_export]
    use super::task::NpzTask;
    #[pymodule_export]
    use super::views::NpzIterator;
    #[pymodule_export]
    use super::write::{align, write_npy, write_npz};

    use pyo3::exceptions::PyRuntimeError;
    use pyo3::panic::PanicException;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // A panic is a bug of ours, and no reason to pass by everybody's `except Exception`.
        let py = module.py();
        py.get_type::<PanicException>().setattr("__bases__", (py.get_type::<PyRuntimeError>(),))?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
