"""SPDL's reader and ours, side by side: whoever imports ours instead notices the speed alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import npy, npz, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

spdl = pytest.importorskip("spdl.io")

ARRAYS: dict[str, Any] = {
    "0-d": np.array(1.5),
    "1-d": np.arange(10),
    "empty": np.zeros((0, 3), "f4"),
    "3-d": np.arange(24, dtype="i2").reshape(2, 3, 4),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(5, dtype=">f8"),
    "bool": np.array([True, False]),
    "complex": np.array([1j, 2]),
    "half": np.array([1, 2], "f2"),
    "long double": np.array([1, 2], "g"),
    "text": np.array(["a", "bc", "日本"]),
    "bytes": np.array([b"a", b"bcd"]),
    "datetime": np.array(["2024-06-07", "NaT"], "M8[D]"),
    "timedelta": np.array([1, 2], "m8[25s]"),
}

SOURCES: list[Any] = [
    pytest.param(bytes, id="bytes"),
    pytest.param(bytearray, id="bytearray"),
    pytest.param(memoryview, id="memoryview"),
    pytest.param(lambda data: memoryview(bytearray(data)), id="memoryview of bytearray"),
    pytest.param(lambda data: memoryview(bytearray(data)).toreadonly(), id="read-only memoryview"),
]

LOADERS = [pytest.param(nz, id="npzarrow"), pytest.param(spdl, id="spdl")]
"""What SPDL is said to do, SPDL does."""


def assert_same(ours: Any, theirs: Any) -> None:
    """Everything that a user can see of an array."""
    assert (ours.dtype, ours.dtype.byteorder) == (theirs.dtype, theirs.dtype.byteorder)
    assert ours.shape == theirs.shape
    if ours.size:  # Strides that lead nowhere depend on how NumPy made the array.
        assert ours.strides == theirs.strides
    assert ours.tobytes() == theirs.tobytes()
    for flag in ("writeable", "c_contiguous", "f_contiguous", "owndata"):
        assert getattr(ours.flags, flag) == getattr(theirs.flags, flag), flag


class TestLoadNpy:
    """`load_npy`."""

    @pytest.mark.parametrize("make", SOURCES)
    @pytest.mark.parametrize("name", ARRAYS)
    def test_values_and_flags(self, name: str, make: Callable[[bytes], Any]) -> None:
        data = npy(np.asarray(ARRAYS[name], order="K"))
        choices: list[dict[str, Any]] = [{}, {"copy": False}, {"copy": True}]
        for options in choices:
            ours, theirs = nz.load_npy(make(data), **options), spdl.load_npy(make(data), **options)
            assert_same(ours, theirs)
            assert ours.flags.writeable == theirs.flags.writeable

    @pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
    def test_versions_and_trailing_bytes(self, version: tuple[int, int]) -> None:
        data = npy(np.arange(3), version) + b"behind the array"
        assert_same(nz.load_npy(data), spdl.load_npy(data))

    @pytest.mark.parametrize("load", LOADERS)
    def test_resizing_is_locked(self, load: Any) -> None:
        source = bytearray(npy(np.arange(3)))
        array = load.load_npy(source)
        with pytest.raises(BufferError):
            source.append(0)
        del array
        source.append(0)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\x93NUMPY", id="cut"),
            pytest.param(b"\x93NUMPX" + npy(np.arange(3))[6:], id="magic"),
            pytest.param(npy(np.arange(3))[:40], id="cut header"),
            pytest.param(npy(np.arange(3))[:-1], id="cut payload"),
            pytest.param(b"PK\x03\x04" + bytes(200), id="zip"),
        ],
    )
    def test_runtime_error(self, load: Any, data: bytes) -> None:
        with pytest.raises(RuntimeError):
            load.load_npy(data)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("source", [None, 5, [b"x"], object()])
    def test_type_error(self, load: Any, source: Any) -> None:
        with pytest.raises(TypeError):
            load.load_npy(source)

    @pytest.mark.parametrize("load", LOADERS)
    def test_objects_are_refused(self, load: Any) -> None:
        data = npy(np.zeros(1, "i8")).replace(b"'<i8'", b"'|O' ")
        with pytest.raises(RuntimeError):
            load.load_npy(data)


class TestNpzFile:
    """`load_npz`."""

    @pytest.mark.parametrize("make", SOURCES)
    @pytest.mark.parametrize("compressed", [False, True])
    def test_values_and_flags(self, make: Callable[[bytes], Any], compressed: bool) -> None:
        data = savez(compressed, **ARRAYS)
        ours, theirs = nz.load_npz(make(data)), spdl.load_npz(make(data))
        assert ours.files == theirs.files == list(ARRAYS)
        for name in ours.files:
            one, other = ours[name], theirs[name]
            assert_same(one, other)
            assert_same(ours[name + ".npy"], theirs[name + ".npy"])

    def test_as_a_mapping(self) -> None:
        data = _positional()
        ours, theirs = nz.load_npz(data), spdl.load_npz(data)
        assert ours.files == theirs.files == ["x", "arr_0", "arr_1"]
        assert list(ours) == list(theirs) == list(ours.keys()) == list(theirs.keys())
        assert len(ours) == len(theirs) == 3
        assert repr(ours) == repr(theirs) == "NpzFile object with 3 entries."
        for key in ("x", "x.npy", "arr_0", "arr_0.npy", "y", "x.npy.npy", "", "X"):
            assert (key in ours) == (key in theirs), key
            assert (ours.get(key) is None) == (theirs.get(key) is None), key
            assert ours.get(key, 5) is not None
        assert [array.tolist() for array in ours.values()] == [array.tolist() for array in theirs.values()]
        assert [(key, array.tolist()) for key, array in ours.items()] == [
            (key, array.tolist()) for key, array in theirs.items()
        ]
        assert {key: array.tolist() for key, array in dict(ours).items()} == {
            key: array.tolist() for key, array in dict(theirs).items()
        }
        assert len(ours.values()) == len(theirs.values()) == len(ours.items()) == len(theirs.items()) == 3
        assert "x" in ours.keys()  # noqa: SIM118 - this is about keys()

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("key", ["y", "x.npy.npy", ""])
    def test_missing_key(self, load: Any, key: str) -> None:
        archive = load.load_npz(savez(x=np.arange(3)))
        with pytest.raises(KeyError) as raised:
            archive[key]
        assert raised.value.args == (f"{key} is not a file in the archive",)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"", "The data is not a valid zip file."),
            (savez()[:-1], "The data is not a valid zip file."),
            (b"no archive at all, but long enough to be one", "Failed to locate the end of the central directory."),
            (savez(x=np.arange(3))[:-1], "Failed to locate the end of the central directory."),
            (savez(x=np.arange(3))[:100], "Failed to locate the end of the central directory."),
        ],
    )
    def test_texts(self, load: Any, data: bytes, text: str) -> None:
        with pytest.raises(RuntimeError) as raised:
            load.load_npz(data)
        assert str(raised.value) == text

    @pytest.mark.parametrize("load", LOADERS)
    def test_members_that_are_no_arrays(self, load: Any) -> None:
        archive = load.load_npz(npz({"notes.txt": b"hello", "x.npy": npy(np.arange(3))}))
        assert archive.files == ["notes.txt", "x"]
        assert "notes.txt" in archive
        assert archive["x"].tolist() == [0, 1, 2]
        with pytest.raises(RuntimeError):
            archive["notes.txt"]

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("compressed", [False, True])
    def test_wrong_checksum(self, load: Any, compressed: bool) -> None:
        data = bytearray(savez(compressed, a=np.arange(3), b=np.arange(3)))
        for place in (14, data.index(b"PK\x01\x02") + 16):
            data[place] ^= 0xFF
        archive = load.load_npz(data)
        with pytest.raises(RuntimeError):
            archive["a"]
        assert archive["b"].tolist() == [0, 1, 2]


def _positional() -> bytes:
    import io  # noqa: PLC0415 - only here

    file = io.BytesIO()
    np.savez(file, np.arange(3), np.arange(4), x=np.arange(2))
    return file.getvalue()


class TestMaxUncompressedBytes:
    """The bound on what deflated members declare."""

    DATA = savez_compressed(a=np.zeros(1000), b=np.zeros(1000))
    DECLARED = 2 * (128 + 8000)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("limit", [DECLARED, DECLARED + 1, 1 << 30, 1 << 62, sys.maxsize, 1 << 64, 1 << 200])
    def test_enough(self, load: Any, limit: int) -> None:
        archive = load.load_npz(self.DATA, max_uncompressed_bytes=limit)
        for _ in range(5):
            # Repeated access is not counted again.
            assert archive["a"].shape == archive["b"].shape == (1000,)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("limit", [DECLARED - 1, 8128, 1, 0])
    def test_not_enough(self, load: Any, limit: int) -> None:
        with pytest.raises(ValueError, match=str(limit)):
            load.load_npz(self.DATA, max_uncompressed_bytes=limit)

    def test_the_error_names_both_numbers(self) -> None:
        with pytest.raises(nz.LimitError, match=rf"{self.DECLARED} exceeds the limit of {self.DECLARED - 1}$"):
            nz.load_npz(self.DATA, max_uncompressed_bytes=self.DECLARED - 1)

    @pytest.mark.parametrize("load", LOADERS)
    def test_stored_members_do_not_count(self, load: Any) -> None:
        archive = load.load_npz(savez(a=np.zeros(1000)), max_uncompressed_bytes=0)
        assert archive["a"].shape == (1000,)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("limit", [-1, -(1 << 80), -(1 << 200)])
    def test_negative(self, load: Any, limit: int) -> None:
        with pytest.raises(ValueError, match="max_uncompressed_bytes must be non-negative"):
            load.load_npz(savez(a=np.zeros(1)), max_uncompressed_bytes=limit)

    @pytest.mark.parametrize("load", LOADERS)
    @pytest.mark.parametrize("limit", ["1", b"1", [1], None])
    def test_no_number(self, load: Any, limit: Any) -> None:
        with pytest.raises(TypeError):
            load.load_npz(self.DATA, max_uncompressed_bytes=limit)
