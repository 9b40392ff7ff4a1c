//! `collate_npz`: one-sample archives as stacked arrays.

use npzarrow::Interrupt;
use npzarrow::npz::{Sample, collate};
use npzarrow::source::Source;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::ToPy;
use crate::input::{Input, StorageOptions};
use crate::interrupt;
use crate::ndarray;
use crate::options::{open_options, whole_number, whole_number_or_none};

/// Files may be slow, however small they are.
const FILE_COST: u64 = 64 << 10;

/// Stack the arrays of one-sample archives on a new first axis: a batch for training.
///
/// What `np.stack([np.load(source)[name] for source in sources])` gives for each name, without an array per sample in
/// between: members are read or inflated straight into the batch, on several threads. Samples in Fortran order become C
/// order.
///
/// Args:
///     sources: Bytes-like objects, paths, URLs or binary files; each is an archive, and all have arrays of the same
///         dtypes and shapes.
///     columns: The arrays to stack, with or without `.npy`; None is every array, and then the archives must not differ
///         in which they have.
///     verify: False skips the checksums.
///     max_uncompressed_bytes: The most bytes that the deflated members of one archive together may say they have.
///     threads: The most threads that the call may use; None is one per core. None outlives its call.
///     storage_options: For URLs, as in `load_npz`.
///
/// Returns:
///     The stacked arrays by name, in the order of `columns` or of the first archive. They own writable memory.
///
/// Raises:
///     FormatError: A source is no archive, or a member is broken.
///     UnsupportedDtypeError: A member holds Python objects, which are never loaded.
///     ChecksumError: The bytes of a member are not those that were written.
///     LimitError: A size exceeds its limit.
///     NpzarrowError: The samples differ in dtype, shape or arrays.
///     KeyError: An archive has no array of a name.
///     ValueError: There are no sources, or an option has a number that it does not take.
///     BufferError: The bytes of a buffer do not lie one behind the other.
///     TypeError: A source is none of the above.
///     OSError: A file or an object cannot be read.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> samples = []
///     >>> for label in range(4):
///     ...     file = io.BytesIO()
///     ...     np.savez(file, image=np.full((2, 3), label, "u1"), label=label)
///     ...     samples.append(file.getvalue())
///     >>> batch = nz.collate_npz(samples)
///     >>> batch["label"], batch["image"].shape
///     (array([0, 1, 2, 3]), (4, 2, 3))
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "arguments are extracted by value")]
#[pyo3(signature = (sources, *, columns=None, verify=true, max_uncompressed_bytes=1_073_741_824, threads=None, storage_options=None))]
pub(crate) fn collate_npz<'py>(
    sources: &Bound<'py, PyAny>,
    columns: Option<Vec<String>>,
    verify: bool,
    #[pyo3(from_py_with = whole_number)] max_uncompressed_bytes: i128,
    #[pyo3(from_py_with = whole_number_or_none)] threads: Option<i128>,
    storage_options: StorageOptions,
) -> PyResult<Bound<'py, PyDict>> {
    let py = sources.py();
    let options = open_options(max_uncompressed_bytes, verify, threads)?;
    if sources.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("sources is an iterable of sources, not one str"));
    }
    let (mut samples, mut owners, mut cost) = (Vec::new(), Vec::new(), 0_u64);
    for source in sources.try_iter()? {
        let sample = match Input::of(&source?, storage_options.clone())? {
            Input::Path(path) => {
                cost = cost.saturating_add(FILE_COST);
                Sample::Path(path)
            }
            Input::Url(url, remote) => {
                cost = interrupt::NETWORK;
                Sample::Url(url, remote)
            }
            input @ (Input::Buffer(_) | Input::File(_)) => {
                let (owner, source) = input.open(py, false)?;
                owners.push(owner);
                cost = cost.saturating_add(source.len());
                let Source::Memory(memory) = source else {
                    return Err(PyTypeError::new_err("a buffer is no memory"));
                };
                Sample::Memory(memory)
            }
        };
        samples.push(sample);
    }
    if samples.is_empty() {
        return Err(PyValueError::new_err("there are no sources to collate"));
    }
    let work = |interrupt: &Interrupt| collate(&samples, columns.as_deref(), &options, interrupt);
    let arrays = interrupt::run(py, cost, work)?.or_raise(py)?;
    let stacked = PyDict::new(py);
    for (name, array) in arrays {
        let (header, payload) = array.into_parts();
        stacked.set_item(name, ndarray::of_payload(py, &header, payload, None)?)?;
    }
    Ok(stacked)
}
