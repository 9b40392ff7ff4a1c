//! NumPy arrays as what their files say of them, and their bytes as they lie.

use npzarrow::npy::Header;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMapping, PyString};

use crate::error::{ToPy, in_member, no_objects};
use crate::owner::BufferOwner;

/// An array that is to be written. It keeps the array's memory where it is.
pub(crate) struct RawArray {
    header: Header,
    /// None if the array has no bytes.
    owner: Option<Py<BufferOwner>>,
}

impl RawArray {
    /// Takes anything that `np.asarray` takes. Copies arrays that are contiguous in no order, as `np.save` does.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let numpy = PyModule::import(py, intern!(py, "numpy"))?;
        if object.is_instance(&numpy.getattr(intern!(py, "ma"))?.getattr(intern!(py, "MaskedArray"))?)? {
            let text = "masked arrays lose their mask; write array.filled(...), and np.ma.getmaskarray(array) beside it";
            return Err(PyTypeError::new_err(text));
        }
        let mut array = numpy.call_method1(intern!(py, "asarray"), (object,))?;
        let dtype = array.getattr(intern!(py, "dtype"))?;
        if dtype.getattr(intern!(py, "hasobject"))?.extract()? {
            return Err(no_objects(py, &dtype));
        }
        let flag = |array: &Bound<'_, PyAny>, name: &str| -> PyResult<bool> {
            array.getattr(intern!(py, "flags"))?.getattr(name)?.extract()
        };
        let mut is_fortran = false;
        if !flag(&array, "c_contiguous")? {
            is_fortran = flag(&array, "f_contiguous")?;
            if !is_fortran {
                array = numpy.call_method1(intern!(py, "ascontiguousarray"), (array,))?;
            }
        }
        let header = header(&array)?;
        if header.payload_len() == 0 {
            return Ok(Self { header, owner: None });
        }
        let order = if is_fortran { intern!(py, "F") } else { intern!(py, "C") };
        let kwargs = pyo3::types::PyDict::new(py);
        kwargs.set_item(intern!(py, "order"), order)?;
        // The memory in one axis, whose bytes every dtype lets see.
        let in_one_axis = array.call_method(intern!(py, "reshape"), (-1,), Some(&kwargs))?;
        let bytes = in_one_axis.call_method1(intern!(py, "view"), (numpy.getattr(intern!(py, "uint8"))?,))?;
        Ok(Self { header, owner: Some(BufferOwner::export(&bytes)?.unbind()) })
    }

    /// Takes all arrays of a mapping, with their names.
    pub(crate) fn of_mapping(mapping: &Bound<'_, PyMapping>) -> PyResult<Vec<(String, Self)>> {
        let py = mapping.py();
        let mut arrays = Vec::new();
        for item in mapping.items()?.iter() {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let Ok(text) = name.cast::<PyString>() else {
                let found = name.get_type().name()?;
                return Err(PyTypeError::new_err(format!("names of arrays must be str, not {found}")));
            };
            let name = text.to_str()?.to_owned();
            let array = Self::of(&value).map_err(|error| in_member(py, error, &name))?;
            arrays.push((name, array));
        }
        Ok(arrays)
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes as they lie in memory.
    pub(crate) fn payload(&self) -> &[u8] {
        self.owner.as_ref().map_or(&[], |owner| owner.get().as_slice())
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.header.payload_len()
    }
}

/// What NumPy would write of an array.
fn header(array: &Bound<'_, PyAny>) -> PyResult<Header> {
    static DESCRIBE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = array.py();
    let describe = DESCRIBE.import(py, "numpy.lib.format", "header_data_from_array_1_0")?;
    let text = describe.call1((array,))?.repr()?;
    let text = text.to_str()?.as_bytes();
    let Ok(len) = u32::try_from(text.len()) else {
        return Err(PyValueError::new_err("the dtype has more than 4 GiB of names"));
    };
    let mut bytes = b"\x93NUMPY\x03\x00".to_vec();
    bytes.extend(len.to_le_bytes());
    bytes.extend(text);
    // Its offset is that of NumPy's dictionary; the file has what `to_bytes` says.
    let parsed = Header::parse(&bytes).or_raise(py)?;
    Header::try_new(parsed.dtype(), parsed.order(), parsed.shape()).or_raise(py)
}
