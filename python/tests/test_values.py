"""Every dtype in every layout and version, from every kind of source, equals what `np.load` gives."""

from __future__ import annotations

import functools
import io
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from support import DTYPES, KINDS, LAYOUTS, VERSIONS, Kind, Layout, npy, npz, random_array, raw

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


class Case(NamedTuple):
    """One array as NPY data, and as the member of a stored and of a deflated archive."""

    layout: Layout
    version: tuple[int, int]
    expected: NDArray[Any]
    memory: bytes
    npy: bytes
    stored: bytes
    deflated: bytes


@functools.cache
def cases(name: str) -> tuple[Case, ...]:
    """Encodes one dtype in every layout and version that can hold it."""
    return tuple(_cases(DTYPES[name]))


def _cases(dtype: np.dtype[Any]) -> Iterator[Case]:
    for layout in LAYOUTS:
        array = random_array(dtype, layout)
        for version in VERSIONS:
            try:
                data = npy(array, version, fortran=layout.fortran)
            except UnicodeEncodeError:
                assert version != (3, 0)
                continue
            expected = np.load(io.BytesIO(data))
            members = {"x.npy": data, "second.npy": data}
            stored, deflated = npz(members), npz(members, deflate=True)
            yield Case(layout, version, expected, raw(array), data, stored, deflated)


def leaves(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The fields of records, down to those that are no records."""
    if array.dtype.names is None:
        yield array
        return
    for name in array.dtype.names:
        yield from leaves(array[name])


def assert_same(actual: NDArray[Any], case: Case, *, writable: bool) -> None:
    """Compares what `np.load` gives with what we give."""
    expected, context = case.expected, (case.layout, case.version)
    assert type(actual) is np.ndarray, context
    assert actual.dtype == expected.dtype, context
    assert repr(actual.dtype) == repr(expected.dtype), context
    assert actual.dtype.isnative == expected.dtype.isnative, context
    assert actual.shape == expected.shape, context
    if expected.nbytes:  # Strides that lead nowhere depend on how NumPy made the array.
        assert actual.strides == expected.strides, context
        assert actual.flags.c_contiguous == expected.flags.c_contiguous, context
        assert actual.flags.f_contiguous == expected.flags.f_contiguous, context
    assert actual.flags.writeable is writable, context
    assert raw(actual) == case.memory, context
    pairs = zip(leaves(actual), leaves(expected), strict=True)
    assert all(one.tobytes() == other.tobytes() for one, other in pairs), context


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", DTYPES)
def test_equals_numpy(name: str, kind: Kind, tmp_path: Path) -> None:
    for case in cases(name):
        with ExitStack() as stack:
            if not kind.mmap:
                array = nz.load_npy(kind.make(case.npy, tmp_path, stack))  # type: ignore[call-overload]
                # From a file we own the memory, since there is nothing to share it with.
                assert_same(array, case, writable=kind.writable or kind.is_file)
            for data, writable in ((case.stored, kind.writable), (case.deflated, True)):
                source = kind.make(data, tmp_path, stack)
                with nz.load_npz(source, mmap=kind.mmap) as archive:  # type: ignore[call-overload]
                    assert archive.files == ["x", "second"]
                    assert_same(archive["x"], case, writable=writable)
                    loaded = archive.load()
                assert list(loaded) == ["x", "second"]
                assert_same(loaded["second"], case, writable=writable)


def test_every_dtype_is_loaded_in_several_layouts() -> None:
    """The table above is not empty by mistake."""
    numbers = {name: len(cases(name)) for name in DTYPES}
    assert numbers.pop("record_unicode") == len(LAYOUTS)
    assert set(numbers.values()) == {len(LAYOUTS) * len(VERSIONS)}


@pytest.mark.parametrize("offset", range(1, 8))
@pytest.mark.parametrize("name", ["<i2", "<f4", "<f8", "<c16", ">i8", "<U3", "record"])
def test_payloads_at_odd_addresses(name: str, offset: int) -> None:
    dtype = DTYPES.get(name) or np.dtype(name)
    array = random_array(dtype, Layout((2, 3)))
    data = npy(array, offset=offset)
    loaded = nz.load_npy(data)
    assert raw(loaded) == raw(array)
    assert loaded.flags.aligned == (loaded.ctypes.data % dtype.alignment == 0)
    assert loaded.copy().tobytes() == np.load(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize("ndim", [9, 32, 33, 64])
@pytest.mark.parametrize("fortran", [False, True])
def test_many_axes(ndim: int, fortran: bool) -> None:
    shape = (2, 1) * (ndim // 2) if ndim < 32 else (1,) * (ndim - 2) + (2, 3)
    shape = shape + (1,) * (ndim - len(shape))
    layout = Layout(shape, fortran)
    array = random_array(np.dtype("<i4"), layout)
    data = npy(array, fortran=fortran)
    loaded, expected = nz.load_npy(data), np.load(io.BytesIO(data))
    assert (loaded.shape, loaded.strides) == (expected.shape, expected.strides)
    assert np.array_equal(loaded, expected)


@pytest.mark.parametrize(("kwargs", "writable"), [({}, False), ({"copy": False}, False), ({"copy": True}, True)])
def test_copy_of_load_npy(kwargs: dict[str, Any], writable: bool) -> None:
    array = random_array(np.dtype(">f4"), Layout((3, 4), fortran=True))
    data = npy(array)
    loaded = nz.load_npy(data, **kwargs)
    assert loaded.flags.writeable is writable
    assert (loaded.dtype, loaded.strides, raw(loaded)) == (array.dtype, array.strides, raw(array))
    assert loaded.flags.owndata is writable


@pytest.mark.parametrize("name", ["object", "object_in_a_field", "object_in_a_sub_array"])
@pytest.mark.parametrize("shape", [(), (0,), (3,)])
def test_objects_are_never_loaded(name: str, shape: tuple[int, ...]) -> None:
    dtypes: dict[str, Any] = {
        "object": object,
        "object_in_a_field": [("i", "<i4"), ("o", object)],
        "object_in_a_sub_array": [("o", object, (2,))],
    }
    file = io.BytesIO()
    np.save(file, np.zeros(shape, dtypes[name]), allow_pickle=True)
    with pytest.raises(nz.UnsupportedDtypeError, match="holds pickled Python objects, which are never loaded"):
        nz.load_npy(file.getvalue())
    members = {"bad.npy": file.getvalue(), "good.npy": npy(np.arange(3))}
    for deflate in (False, True):
        archive = nz.load_npz(npz(members, deflate=deflate))
        with pytest.raises(nz.UnsupportedDtypeError, match=r"^bad\.npy: "):
            archive["bad"]
        assert archive["good"].tolist() == [0, 1, 2]
