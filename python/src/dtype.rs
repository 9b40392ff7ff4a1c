//! NumPy's own dtype objects.
#![expect(unsafe_code, reason = "NumPy's C API")]

use npzarrow::npy::{Dtype, Record, Scalar};
use numpy::npyffi::{NPY_TYPES, PY_ARRAY_API, PyArray_Descr};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::error;

/// Returns a new reference to the `np.dtype` of a dtype, for a function that steals one.
pub(crate) fn descr(py: Python<'_>, dtype: &Dtype) -> PyResult<*mut PyArray_Descr> {
    if let Dtype::Scalar(scalar, order) = dtype
        && !order.is_foreign()
        && let Some(type_number) = type_number(*scalar)
    {
        #[expect(clippy::as_conversions, reason = "a C enum")]
        // SAFETY: the interpreter is attached; a built-in type number always has a descriptor, of which the
        // function returns a new reference.
        return Ok(unsafe { PY_ARRAY_API.PyArray_DescrFromType(py, type_number as _) });
    }
    Ok(object(py, dtype)?.into_ptr().cast())
}

/// Returns the `np.dtype` of a dtype.
pub(crate) fn object<'py>(py: Python<'py>, dtype: &Dtype) -> PyResult<Bound<'py, PyAny>> {
    static DTYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = DTYPE.import(py, "numpy", "dtype")?;
    make.call1((spelling(py, dtype)?,)).map_err(|refusal| error::unknown_dtype(py, dtype, &refusal))
}

/// The built-in types that can be had without asking `np.dtype`.
const fn type_number(scalar: Scalar) -> Option<NPY_TYPES> {
    Some(match scalar {
        Scalar::Bool => NPY_TYPES::NPY_BOOL,
        Scalar::Int8 => NPY_TYPES::NPY_BYTE,
        Scalar::Int16 => NPY_TYPES::NPY_SHORT,
        Scalar::Int32 => NPY_TYPES::NPY_INT,
        Scalar::Int64 if cfg!(all(unix, target_pointer_width = "64")) => NPY_TYPES::NPY_LONG,
        Scalar::UInt8 => NPY_TYPES::NPY_UBYTE,
        Scalar::UInt16 => NPY_TYPES::NPY_USHORT,
        Scalar::UInt32 => NPY_TYPES::NPY_UINT,
        Scalar::UInt64 if cfg!(all(unix, target_pointer_width = "64")) => NPY_TYPES::NPY_ULONG,
        Scalar::Float16 => NPY_TYPES::NPY_HALF,
        Scalar::Float32 => NPY_TYPES::NPY_FLOAT,
        Scalar::Float64 => NPY_TYPES::NPY_DOUBLE,
        Scalar::Complex64 => NPY_TYPES::NPY_CFLOAT,
        Scalar::Complex128 => NPY_TYPES::NPY_CDOUBLE,
        // Their C types differ between platforms: NumPy knows.
        _ => return None,
    })
}

/// What `np.dtype` takes: a type string, a dictionary for fields, a pair for a sub-array.
fn spelling<'py>(py: Python<'py>, dtype: &Dtype) -> PyResult<Bound<'py, PyAny>> {
    match dtype {
        Dtype::Record(record) => record_spelling(py, record).map(Bound::into_any),
        Dtype::Subarray(subarray) => {
            let shape = PyTuple::new(py, subarray.shape().iter())?;
            Ok((object(py, subarray.dtype())?, shape).into_pyobject(py)?.into_any())
        }
        simple => Ok(simple.to_string().trim_matches('\'').into_pyobject(py)?.into_any()),
    }
}

/// The dictionary form, which is exact about offsets, titles and padding.
fn record_spelling<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let fields = record.fields();
    let formats = fields.iter().map(|field| object(py, &field.dtype)).collect::<PyResult<Vec<_>>>()?;
    let spelling = PyDict::new(py);
    spelling.set_item("names", PyList::new(py, fields.iter().map(|field| &field.name))?)?;
    spelling.set_item("formats", formats)?;
    spelling.set_item("offsets", PyList::new(py, fields.iter().map(|field| field.offset))?)?;
    spelling.set_item("itemsize", record.item_size())?;
    if fields.iter().any(|field| field.title.is_some()) {
        spelling.set_item("titles", PyList::new(py, fields.iter().map(|field| field.title.as_ref()))?)?;
    }
    Ok(spelling)
}
