"""Any array that NumPy can save loads as it was."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import npy, savez

import npzarrow as nz

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The same 100 examples in each run, so that a change fails for what it does; `NPZARROW_EXAMPLES=5000` draws as many
# others. What an example costs depends on the machine.
EXAMPLES = os.environ.get("NPZARROW_EXAMPLES")
settings.register_profile(
    "here",
    max_examples=int(EXAMPLES or 100),
    derandomize=EXAMPLES is None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("here")

SCALARS = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.byte_string_dtypes(max_len=20),
    hnp.unicode_string_dtypes(endianness="?", max_len=6),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
)
DTYPES = st.one_of(SCALARS, hnp.nested_dtypes(SCALARS, max_itemsize=200))
SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
# Surrogates are no text, and NumPy cuts NULs at the end of strings.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=12).filter(
    lambda name: name not in {"file", "args", "kwds", "self", "compressed", "allow_pickle"}
)


@st.composite
def arrays(draw: st.DrawFn, dtypes: st.SearchStrategy[np.dtype[Any]] = DTYPES) -> NDArray[Any]:
    """Arrays of any dtype, shape and order."""
    dtype, shape = draw(dtypes), draw(SHAPES)
    count = int(np.prod(shape, dtype=np.int64))
    array = draw(hnp.arrays(dtype, count)).reshape(shape, order="F" if draw(st.booleans()) else "C")
    return np.asfortranarray(array) if draw(st.booleans()) and array.ndim > 1 else array


def same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Equal in all that NumPy tells, NaNs and NaTs included."""
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@given(st.dictionaries(NAMES, arrays(), max_size=4), st.booleans())
def test_load_npz(members: dict[str, NDArray[Any]], compressed: bool) -> None:
    data = savez(compressed, **members)
    archive = nz.load_npz(data)
    with np.load(io.BytesIO(data)) as theirs:
        assert archive.files == theirs.files
        for name in archive.files:
            assert same(archive[name], theirs[name])
    assert all(same(array, archive[name]) for name, array in archive.load().items())


@given(arrays(), st.integers(0, 63), st.sampled_from([(1, 0), (2, 0), (3, 0)]))
def test_load_npy(array: NDArray[Any], offset: int, version: tuple[int, int]) -> None:
    array = np.ascontiguousarray(array) if not (array.flags.c_contiguous or array.flags.f_contiguous) else array
    try:
        data = npy(array, version, offset=offset)
    except UnicodeEncodeError:
        data = npy(array, (3, 0), offset=offset)
    assert same(nz.load_npy(data), np.load(io.BytesIO(data)))


PLAIN = st.one_of(
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)


@given(arrays(PLAIN), st.booleans(), st.sampled_from(["axis0", "archive"]))
def test_tensors_of_read_npz(array: NDArray[Any], compressed: bool, rows: Any) -> None:
    column = nz.read_npz(savez(compressed, x=array), rows=rows).to_pyarrow().column("x")
    native = array.astype(array.dtype.newbyteorder("="))
    if rows == "archive" or not array.ndim:
        native = native[np.newaxis]
    if isinstance(column, pa.FixedShapeTensorArray):
        if not len(column):
            # PyArrow refuses to make a NumPy array of no rows.
            assert tuple(column.type.shape) == native.shape[1:]
            return
        found = column.to_numpy_ndarray()
    elif 0 in native.shape[1:]:
        assert column.to_pylist() == [[]] * len(native)
        return
    else:
        found = column.to_numpy(zero_copy_only=False)
    assert found.dtype == native.dtype
    assert found.shape == native.shape
    assert found.tobytes() == native.tobytes()


TEXT = st.one_of(
    hnp.unicode_string_dtypes(endianness="?", max_len=6),
    hnp.byte_string_dtypes(max_len=20),
    hnp.boolean_dtypes(),
)


@given(arrays(TEXT), st.booleans())
def test_lists_of_read_npy(array: NDArray[Any], string_view: bool) -> None:
    array = np.ascontiguousarray(array)
    data = npy(array)
    if array.dtype.kind == "U" and any("\ud800" <= letter <= "\udfff" for text in array.flat for letter in text):
        with pytest.raises(nz.NpzarrowError, match="none of Unicode's"):
            nz.read_npy(data, string_view=string_view)
        return
    found = pa.array(nz.read_npy(data, string_view=string_view))
    found.validate(full=True)
    expected = array.tolist() if array.ndim else [array.item()]
    assert found.to_pylist() == _emptied(expected, array)


def _emptied(nested: Any, array: NDArray[Any]) -> Any:
    """Cells without elements are one empty list, however many axes they have."""
    return [[] for _ in nested] if 0 in array.shape[1:] else nested
