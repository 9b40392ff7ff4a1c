//! `NpzFile.info`: the entries of an archive as dictionaries.

use npzarrow::npz::MemberInfo;
use npzarrow::zip::Method;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::dtype;

/// One entry as a dictionary (`MemberInfo` in the stubs).
pub(crate) fn describe<'py>(py: Python<'py>, member: &MemberInfo) -> PyResult<Bound<'py, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("name", &member.name)?;
    let header = member.header.as_ref().ok();
    // A dtype that NumPy refuses is no reason not to describe the others.
    let dtype = header.and_then(|header| dtype::object(py, header.dtype()).ok());
    info.set_item("dtype", dtype)?;
    let shape = header.map(|header| PyTuple::new(py, header.shape().iter())).transpose()?;
    info.set_item("shape", shape)?;
    info.set_item("order", header.map(|header| header.order().to_string()))?;
    let method = match member.method {
        Method::STORED => "stored".to_owned(),
        Method::DEFLATED => "deflated".to_owned(),
        Method(number) => format!("method {number}"),
    };
    info.set_item("method", method)?;
    info.set_item("compressed_size", member.compressed_size)?;
    info.set_item("size", member.declared_size)?;
    info.set_item("offset", member.payload_offset)?;
    info.set_item("aligned", member.is_aligned())?;
    let transfer = member.transfer.as_ref().and_then(|transfer| transfer.as_ref().ok());
    info.set_item("transfer", transfer.map(ToString::to_string))?;
    let unreadable = member.header.as_ref().err();
    let error = unreadable.or_else(|| member.transfer.as_ref().and_then(|transfer| transfer.as_ref().err()));
    info.set_item("error", error.map(ToString::to_string))?;
    Ok(info)
}
