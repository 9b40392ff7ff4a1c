//! `write_npy`, `write_npz` and `align`: files out of arrays.

use npzarrow::npz::{self, NpzWriter, WriteOptions};
use npzarrow::source::RemoteOptions;
use npzarrow::{Error, write};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyMapping;
use pyo3_arrow::input::{AnyArray, AnyRecordBatch};

use crate::archive::Archive;
use crate::error::ToPy;
use crate::input::StorageOptions;
use crate::interrupt;
use crate::options::{nulls, open_options, whole_number_or_none, write_options};
use crate::output::Output;
use crate::raw::RawArray;

/// Write one array as `.npy`: a NumPy array bit for bit as `np.save` does, or an Arrow array.
///
/// A NumPy array keeps its dtype and its order; anything that `np.asarray` takes is one. Arrow arrays (of pyarrow,
/// polars, arro3, and whatever else has `__arrow_c_array__` or `__arrow_c_stream__`) become what `write_npz` says. A
/// path has the whole file or what it had before. The array must not be written to meanwhile.
///
/// Follows the format of `numpy.lib.format`, in the lowest of the versions 1.0 to 3.0 that can hold the dtype.
///
/// Args:
///     dest: A path, a URL of an object store, or a binary file, which is written to from where it is.
///     array: The array.
///     nulls: What becomes of nulls of Arrow that are no NaT: "raise", or "nan" for floats.
///     storage_options: For URLs, as in `load_npz`.
///
/// Raises:
///     UnsupportedDtypeError: The dtype holds Python objects, or NumPy has no dtype for the type.
///     NpzarrowError: The values are of no shape, or null where they cannot be.
///     ValueError: An option has a word that it does not take.
///     TypeError: The destination is neither a path nor a file.
///     OSError: The file cannot be written.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> nz.write_npy(file, np.arange(3))
///     >>> file.seek(0)
///     0
///     >>> np.load(file)
///     array([0, 1, 2])
#[pyfunction]
#[pyo3(signature = (dest, array, *, nulls="raise", storage_options=None))]
pub(crate) fn write_npy(
    dest: &Bound<'_, PyAny>,
    array: &Bound<'_, PyAny>,
    nulls: &str,
    storage_options: StorageOptions,
) -> PyResult<()> {
    let py = dest.py();
    let options = WriteOptions::default().with_nulls(self::nulls(nulls)?);
    let options = options.with_remote(remote(py, storage_options)?);
    let output = Output::of(dest, &options)?;
    if is_arrow(array)? {
        return match array.extract()? {
            AnyArray::Array(array) => {
                let (array, field) = array.into_inner();
                run(py, u64::MAX, output, options, |output, options| {
                    write::npy_column_to(output, &field, [Ok(array)], options)
                })
            }
            AnyArray::Stream(stream) => {
                let reader = stream.into_reader()?;
                let field = reader.field();
                run(py, u64::MAX, output, options, |output, options| {
                    write::npy_column_to(output, &field, reader, options)
                })
            }
        };
    }
    let array = RawArray::of(array)?;
    let (header, payload) = (array.header(), array.payload());
    run(py, array.len(), output, options, |output, options| write::npy_to(output, header, payload, options))
}

/// Write arrays or a table as `.npz`, in which every payload begins at a multiple of 64 bytes, so that it can be mapped.
///
/// `np.load` and any ZIP tool read it; `read_npz(path, mmap=True)` and `load_npz(path, mmap=True)` share its pages.
///
/// A mapping of NumPy arrays is written bit for bit. Tables, batches and streams of Arrow (of pyarrow, polars, DuckDB,
/// arro3, and whatever else has `__arrow_c_array__` or `__arrow_c_stream__`) become one array per column: tensors,
/// fixed-size lists and lists of one length give axes; timestamps, dates and durations `datetime64` and `timedelta64`,
/// null as NaT; text and bytes `U` and `S` of the longest value; structs structured dtypes. All else, ragged lists and
/// decimals for instance, is an error that names the column. Of a stream one batch is held in memory: columns grow in
/// temporary files beside the destination.
///
/// A path or URL has the whole file or what it had before; nothing is appended to its name. Arrays must not be written
/// to meanwhile. Equal arrays make equal files.
///
/// Follows APPNOTE 6.3 of ZIP (zip64 where needed, the extra field 0xa11e for the alignment) and `numpy.lib.format`.
///
/// Args:
///     dest: A path, a URL of an object store, or a binary file, which is written to from where it is and needs no
///         seeking.
///     data: A mapping of names to arrays, or Arrow data.
///     compression: None stores, "deflate" compresses on all threads; what hardly becomes smaller is stored.
///     level: From 1 (fast) to 9 (small); None chooses what makes files as small as those of `np.savez_compressed`.
///     align: Payloads of stored members begin at multiples of this many bytes, a power of two up to 32768.
///     nulls: What becomes of nulls of Arrow that are no NaT: "raise"; "nan" for floats; "mask" writes zeros, and an
///         array beside it, named as the column with `_mask` behind, that is true where a value is missing.
///     threads: The most threads that the call may use; None is one per core.
///     storage_options: For URLs, as in `load_npz`.
///
/// Raises:
///     UnsupportedDtypeError: A dtype holds Python objects, or NumPy has no dtype for a type.
///     NpzarrowError: A name is empty, given twice or too long, or values are of no shape, or null where they cannot be.
///     ValueError: An option has a word or a number that it does not take.
///     TypeError: The data or the destination is none of the above.
///     OSError: The file cannot be written.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file = io.BytesIO()
///     >>> nz.write_npz(file, {"id": np.arange(2), "image": np.zeros((2, 4, 3), "f4")})
///     >>> with nz.load_npz(file.getvalue()) as arrays:
///     ...     [(info["name"], info["offset"], info["aligned"]) for info in arrays.info()]
///     [('id', 192, True), ('image', 384, True)]
#[pyfunction]
#[pyo3(signature = (
    dest, data, *, compression=None, level=None, align=64, nulls="raise", threads=None, storage_options=None
))]
#[expect(clippy::too_many_arguments, reason = "keywords of Python")]
pub(crate) fn write_npz(
    dest: &Bound<'_, PyAny>,
    data: &Bound<'_, PyAny>,
    compression: Option<&str>,
    level: Option<u32>,
    align: u32,
    nulls: &str,
    #[pyo3(from_py_with = whole_number_or_none)] threads: Option<i128>,
    storage_options: StorageOptions,
) -> PyResult<()> {
    let py = dest.py();
    let options = write_options(compression, level, align, threads)?.with_nulls(self::nulls(nulls)?);
    let options = options.with_remote(remote(py, storage_options)?);
    let output = Output::of(dest, &options)?;
    if let Ok(mapping) = data.cast::<PyMapping>() {
        let arrays = RawArray::of_mapping(mapping)?;
        let bytes = arrays.iter().fold(0, |sum: u64, (_, array)| sum.saturating_add(array.len()));
        let members: Vec<_> =
            arrays.iter().map(|(name, array)| (&**name, array.header(), array.payload())).collect();
        return run(py, bytes, output, options, |output, options| {
            archive(output, options, |writer| writer.add_all(members))
        });
    }
    if !is_arrow(data)? {
        let found = data.get_type().name()?;
        let text = format!("data must be a mapping of names to arrays or Arrow data, not {found}");
        return Err(PyTypeError::new_err(text));
    }
    match data.extract()? {
        AnyRecordBatch::RecordBatch(batch) => {
            let batch = batch.into_inner();
            run(py, u64::MAX, output, options, |output, options| {
                archive(output, options, |writer| writer.add_batch(&batch))
            })
        }
        AnyRecordBatch::Stream(stream) => {
            let reader = stream.into_reader()?;
            run(py, u64::MAX, output, options, |output, options| {
                archive(output, options, |writer| writer.add_batches(reader))
            })
        }
    }
}

/// Rewrite an archive so that its payloads begin at multiples of 64 bytes, and can be mapped.
///
/// Members are copied as they are: nothing is inflated or compressed, and what is no array is kept. The checksums of
/// stored members are verified. A path has the whole file or what it had before, and may be that of the source.
///
/// Args:
///     source: The archive: a bytes-like object, a path, a URL, or a binary file, which is read to its end.
///     dest: A path, a URL of an object store, or a binary file, which is written to from where it is.
///     align: The multiple, a power of two up to 32768.
///     storage_options: For URLs, as in `load_npz`.
///
/// Raises:
///     FormatError: The source is no archive, or a member is broken.
///     ChecksumError: The bytes of a stored member are not those that were written.
///     NpzarrowError: Two members have the same name.
///     TypeError: The source or the destination is none of the above.
///     OSError: A file cannot be read or written.
///
/// Example:
///     >>> import io
///     >>> import numpy as np
///     >>> import npzarrow as nz
///     >>> file, aligned = io.BytesIO(), io.BytesIO()
///     >>> np.savez(file, x=np.arange(3))
///     >>> nz.align(file.getvalue(), aligned)
///     >>> [nz.load_npz(f.getvalue()).info()[0]["aligned"] for f in (file, aligned)]
///     [False, True]
#[pyfunction]
#[pyo3(signature = (source, dest, *, align=64, storage_options=None))]
pub(crate) fn align(
    source: &Bound<'_, PyAny>,
    dest: &Bound<'_, PyAny>,
    align: u32,
    storage_options: StorageOptions,
) -> PyResult<()> {
    let py = source.py();
    let options = write_options(None, None, align, None)?;
    let options = options.with_remote(remote(py, storage_options.clone())?);
    // What deflated members declare does not matter: they are not inflated.
    let open = open_options(i128::MAX, true, None)?;
    let archive = Archive::open(source, storage_options, false, &open)?;
    let output = Output::of(dest, &options)?;
    run(py, u64::MAX, output, options, |output, options| npz::align(&archive.npz, output, options))
}

/// Writes an archive to an output and gives that back.
fn archive(
    output: Output,
    options: &WriteOptions,
    add: impl FnOnce(&mut NpzWriter<Output>) -> Result<(), Error>,
) -> Result<Output, Error> {
    let folder = output.folder();
    let mut writer = NpzWriter::try_new(output, options)?.with_temporary_folder(folder);
    add(&mut writer)?;
    writer.finish()
}

/// Writes about `bytes` bytes detached from the interpreter; Ctrl-C stops it.
fn run(
    py: Python<'_>,
    bytes: u64,
    output: Output,
    options: WriteOptions,
    work: impl FnOnce(Output, &WriteOptions) -> Result<Output, Error> + Send,
) -> PyResult<()> {
    let path = output.path();
    let bytes = if output.is_remote() { interrupt::NETWORK } else { bytes };
    interrupt::run(py, bytes, |interrupt| {
        let output = output.with_interrupt(interrupt);
        let written = work(output, &options.with_interrupt(interrupt.clone())).and_then(Output::commit);
        match path {
            Some(path) => written.map_err(|error| error.in_path(path)),
            None => written,
        }
    })?
    .or_raise(py)
}

/// How stores are reached.
fn remote(py: Python<'_>, storage_options: StorageOptions) -> PyResult<RemoteOptions> {
    RemoteOptions::try_from_storage(storage_options.unwrap_or_default()).or_raise(py)
}

/// True for objects of the PyCapsule interface that are no NumPy arrays.
fn is_arrow(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    Ok(object.hasattr(intern!(py, "__arrow_c_array__"))?
        || object.hasattr(intern!(py, "__arrow_c_stream__"))?)
}
