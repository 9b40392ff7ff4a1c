"""What is written: NumPy and every ZIP tool read it, it comes back bit for bit, and it can be mapped."""

from __future__ import annotations

import datetime as dt
import io
import mmap
import os
import shutil
import subprocess
import threading
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, cast

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import DTYPES, LAYOUTS, Layout, random_array, raw

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def saved(array: NDArray[Any]) -> bytes:
    """What `np.save` writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def written(data: Any, **options: Any) -> bytes:
    """What `write_npz` writes."""
    file = io.BytesIO()
    nz.write_npz(file, data, **options)
    return file.getvalue()


def loaded(data: bytes) -> dict[str, NDArray[Any]]:
    """What `np.load` reads, checksums and all."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    with np.load(io.BytesIO(data)) as archive:
        return dict(archive)


def assert_same(found: NDArray[Any], expected: NDArray[Any]) -> None:
    """Compares dtype, shape, order and every bit."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.flags.f_contiguous == expected.flags.f_contiguous
    assert raw(found) == raw(expected)


@pytest.mark.parametrize("name", DTYPES)
def test_npy_is_what_numpy_saves(name: str) -> None:
    for layout in LAYOUTS:
        array = random_array(DTYPES[name], layout)
        file = io.BytesIO()
        nz.write_npy(file, array)
        with warnings.catch_warnings():
            # NumPy tells of versions beyond 1.0.
            warnings.simplefilter("ignore", UserWarning)
            assert file.getvalue() == saved(array)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_every_dtype_comes_back_bit_for_bit(compression: str | None) -> None:
    for layout in LAYOUTS:
        arrays = {name: random_array(dtype, layout) for name, dtype in DTYPES.items()}
        data = written(arrays, compression=compression)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = loaded(data)
        assert list(found) == list(arrays)
        ours = nz.load_npz(data)
        for name, array in arrays.items():
            assert_same(found[name], array)
            assert_same(ours[name], array)
            assert (array.nbytes == 0) or (np.asarray(ours[name]).dtype == array.dtype)


def test_views_that_are_no_block() -> None:
    base = np.arange(60.0).reshape(3, 4, 5)
    views = {
        "step": base[:, ::2],
        "back": base[::-1],
        "transposed": base.T,
        "swapped": base.transpose(1, 0, 2),
        "broadcast": np.broadcast_to(base[0], (2, 4, 5)),
        "field": np.zeros(4, [("a", "i4"), ("b", "f8")])["b"],
        "read only": np.frombuffer(b"abcd", np.uint8),
        "list": [[1, 2], [3, 4]],
        "scalar": np.float32(1.5),
        "text": "größe",
    }
    found = loaded(written(views))
    for name, view in views.items():
        np.testing.assert_array_equal(found[name], cast("Any", view))
        assert found[name].dtype == np.asarray(view).dtype
    assert found["transposed"].flags.f_contiguous


def test_memmaps_and_archives_are_mappings(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(1000))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = written({"x": mapped})
    again = written(nz.load_npz(data), compression="deflate")
    np.testing.assert_array_equal(loaded(again)["x"], np.arange(1000))


def test_payloads_are_aligned_and_shared_by_a_map(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    arrays = {"n" * length: np.full((length, 3), length, "f8") for length in range(1, 70)}
    nz.write_npz(path, arrays)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        start = np.frombuffer(memory, np.uint8).ctypes.data
        for info in nz.load_npz(path).info():
            assert info["aligned"]
            assert info["offset"] is not None
            assert info["offset"] % 64 == 0
        assert start % 64 == 0
    batch = nz.read_npz(path, rows="archive", mmap=True)
    assert set(batch.transfers.values()) == {"shared"}
    with nz.load_npz(path, mmap=True) as archive:
        for name, array in arrays.items():
            assert archive[name].ctypes.data % 64 == 0
            assert not archive[name].flags.owndata
            np.testing.assert_array_equal(archive[name], array)


@pytest.mark.parametrize("align", [1, 8, 64, 4096, 32768])
def test_any_alignment(align: int) -> None:
    data = written({"a": np.arange(10), "b": np.zeros(3, "f4")}, align=align)
    for info in nz.load_npz(data).info():
        assert info["offset"] is not None
        assert info["offset"] % align == 0
    assert list(loaded(data)) == ["a", "b"]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_unzip_finds_nothing_wrong(tmp_path: Path, compression: Any) -> None:
    path = tmp_path / "x.npz"
    noise = np.random.default_rng(1).integers(0, 10, 3_000_000, np.uint8)
    nz.write_npz(path, {"x": noise, "größe": np.arange(3), "a/b": np.eye(3)}, compression=compression)
    result = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No errors detected" in result.stdout


def test_deflated_is_as_small_as_numpys() -> None:
    rng = np.random.default_rng(7)
    arrays = {
        "counts": rng.poisson(3, 1_500_000).astype("i4"),
        "walk": rng.normal(size=400_000).cumsum().astype("f4").round(2),
        "bytes": rng.integers(0, 16, 2_000_000, np.uint8),
        "words": rng.choice(["alpha", "beta", "gamma"], 100_000),
    }
    theirs = io.BytesIO()
    np.savez_compressed(theirs, **cast("Any", arrays))
    ours = written(arrays, compression="deflate")
    assert len(ours) < 1.03 * len(theirs.getvalue())
    for name, array in loaded(ours).items():
        np.testing.assert_array_equal(array, arrays[name])
    assert written(arrays, compression="deflate", threads=1) == written(arrays, compression="deflate", threads=5)
    assert len(written(arrays, compression="deflate", level=9)) <= len(
        written(arrays, compression="deflate", level=1),
    )


def test_noise_is_stored_after_all() -> None:
    data = written({"noise": np.frombuffer(np.random.default_rng(3).bytes(10_000), "u1")}, compression="deflate")
    info = nz.load_npz(data).info()[0]
    assert (info["method"], info["aligned"]) == ("stored", True)


# Arrow -----------------------------------------------------------------------------------------------------------


def table() -> pa.Table:
    """A column of each type that has a dtype."""
    tensor = pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), (2, 3)),
        pa.FixedSizeListArray.from_arrays(pa.array(np.arange(18, dtype="f4")), 6),
    )
    nested = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pa.array(range(12)), 2), 2)
    day = dt.date(2024, 6, 7)
    noon = dt.datetime(2024, 6, 7, 12)  # noqa: DTZ001 - NumPy knows no time zones
    return pa.table(
        {
            "int": pa.array([1, 2, 3], pa.int16()),
            "float": pa.array([1.5, 2.5, 3.5]),
            "half": pa.array(np.array([1, 2, 3], "f2")),
            "bool": [True, False, True],
            "text": ["a", "", "日本語"],
            "bytes": [b"ab", b"", b"\0c"],
            "fixed": pa.array([b"abc", b"d\0e", b"\0\0\0"], pa.binary(3)),
            "day": pa.array([day, None, day]),
            "noon": pa.array([noon, None, noon], pa.timestamp("us")),
            "zone": pa.array([noon, None, noon], pa.timestamp("ms", "Europe/Paris")),
            "gap": pa.array([dt.timedelta(seconds=5), None, dt.timedelta(0)], pa.duration("ns")),
            "tensor": tensor,
            "nested": nested,
            "list": pa.array([[1, 2], [3, 4], [5, 6]], pa.large_list(pa.int8())),
            "dictionary": pa.array(["x", "yy", "x"]).dictionary_encode(),
            "struct": pa.array([{"a": 1, "b": "x"}, {"a": 2, "b": "yy"}, {"a": 3, "b": ""}]),
        },
    )


def expected() -> dict[str, NDArray[Any]]:
    """What `table` becomes."""
    return {
        "int": np.array([1, 2, 3], "i2"),
        "float": np.array([1.5, 2.5, 3.5]),
        "half": np.array([1, 2, 3], "f2"),
        "bool": np.array([True, False, True]),
        "text": np.array(["a", "", "日本語"]),
        "bytes": np.array([b"ab", b"", b"\0c"]),
        "fixed": np.array([b"abc", b"d\0e", b"\0\0\0"], "V3"),
        "day": np.array(["2024-06-07", "NaT", "2024-06-07"], "M8[D]"),
        "noon": np.array(["2024-06-07T12", "NaT", "2024-06-07T12"], "M8[us]"),
        "zone": np.array(["2024-06-07T12", "NaT", "2024-06-07T12"], "M8[ms]"),
        "gap": np.array([5_000_000_000, "NaT", 0], "m8[ns]"),
        "tensor": np.arange(18, dtype="f4").reshape(3, 2, 3),
        "nested": np.arange(12).reshape(3, 2, 2),
        "list": np.arange(1, 7, dtype="i1").reshape(3, 2),
        "dictionary": np.array(["x", "yy", "x"]),
        "struct": np.array([(1, "x"), (2, "yy"), (3, "")], [("a", "i8"), ("b", "U2")]),
    }


def check(data: bytes) -> None:
    found = loaded(data)
    assert list(found) == list(expected())
    for name, array in expected().items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_tables_of_pyarrow(compression: str | None) -> None:
    whole = table()
    check(written(whole, compression=compression))
    check(written(whole.combine_chunks().to_batches()[0], compression=compression))
    check(written(pa.RecordBatchReader.from_batches(whole.schema, whole.to_batches()), compression=compression))
    pieces = pa.concat_tables([whole.slice(row, 1) for row in range(3)])
    assert pieces.column("int").num_chunks == 3
    check(written(pieces, compression=compression))


def test_frames_of_polars() -> None:
    frame = pl.DataFrame(
        {
            "int": [1, 2, 3],
            "float": [1.5, 2.5, 3.5],
            "bool": [True, False, True],
            "text": ["a", "", "日本語"],
            "bytes": [b"a", b"bc", b""],
            "day": [dt.date(2024, 6, 7), None, dt.date(1969, 1, 1)],
            "time": pl.Series([0, None, 5], dtype=pl.Datetime("ns")),
            "gap": pl.Series([0, None, 5], dtype=pl.Duration("ms")),
            "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "enum": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "x"])),
            "array": pl.Series(np.arange(12, dtype="f4").reshape(3, 2, 2)),
            "list": [[1, 2], [3, 4], [5, 6]],
            "struct": [{"a": 1, "b": 2.5}, {"a": 3, "b": 4.5}, {"a": 5, "b": 6.5}],
        },
    )
    found = loaded(written(frame))
    assert list(found) == frame.columns
    assert found["array"].shape == (3, 2, 2)
    assert found["list"].shape == (3, 2)
    assert found["struct"].dtype == np.dtype([("a", "i8"), ("b", "f8")])
    assert found["time"].dtype == np.dtype("M8[ns]")
    again = nz.read_npz(written(frame)).to_polars()
    plain = ["int", "float", "bool", "text", "bytes", "day", "time", "gap", "array", "struct"]
    assert again.select(plain).equals(frame.select(plain))
    assert again["category"].to_list() == ["x", "y", "x"]
    sliced = loaded(written(frame[1:2]))
    assert sliced["int"].tolist() == [2]
    assert sliced["bool"].tolist() == [False]


def test_relations_of_duckdb() -> None:
    relation = duckdb.sql("select range::integer as i, range * 0.5::double as f, 'n' || range as s from range(10000)")
    found = loaded(written(relation))
    np.testing.assert_array_equal(found["i"], np.arange(10_000, dtype="i4"))
    np.testing.assert_array_equal(found["f"], np.arange(10_000) * 0.5)
    assert found["s"].dtype == np.dtype("U5")
    assert found["s"][-1] == "n9999"


@pytest.mark.parametrize("name", [name for name, dtype in DTYPES.items() if dtype.kind != "V"])
def test_what_arrow_can_hold_comes_back_with_its_dtype(name: str) -> None:
    for layout in (Layout((5,)), Layout((3, 2)), Layout((2, 3, 2))):
        array = random_array(DTYPES[name], layout)
        if array.dtype.kind in "Mm":
            array = (np.abs(array.view("i8")) % 1000).astype("i8").view(array.dtype.newbyteorder("="))
        if array.dtype.kind in "SU":
            array = np.full(layout.shape, b"x" * 20 if array.dtype.kind == "S" else "y" * 20).astype(array.dtype)
        if array.dtype.kind == "b":
            array = (array.view("u1") & 1).view("?")
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("="))
        try:
            batch = nz.read_npz(written({"x": array}))
        except nz.UnsupportedDtypeError:
            pytest.skip("Arrow has no such type")
        found = loaded(written(batch))["x"]
        if array.dtype.itemsize == 0 and array.dtype.kind in "SU":
            assert found.shape == array.shape
            continue
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert raw(found) == raw(array)


RECORDS = {name: dtype for name, dtype in DTYPES.items() if dtype.names}


@pytest.mark.parametrize("name", RECORDS)
def test_records_keep_their_fields(name: str) -> None:
    array = np.zeros(4, RECORDS[name])
    found = loaded(written(nz.read_npz(written({"x": array}))))["x"]
    assert found.dtype.names == array.dtype.names
    assert found.shape == array.shape
    for field in array.dtype.names or ():
        np.testing.assert_array_equal(found[field], array[field])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=20),
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6), max_size=20),
)
def test_any_column(numbers: list[float | None], texts: list[str]) -> None:
    column = pa.array(numbers, pa.float32())
    found = loaded(written(pa.table({"x": column}), nulls="nan"))["x"]
    np.testing.assert_array_equal(found, np.array([np.nan if n is None else n for n in numbers], "f4"))
    masked = loaded(written(pa.table({"x": column}), nulls="mask"))
    assert ("x_mask" in masked) == (None in numbers)
    if None in numbers:
        assert masked["x_mask"].tolist() == [number is None for number in numbers]
    assert loaded(written(pa.table({"x": pa.array(texts, pa.string())})))["x"].tolist() == texts


@pytest.mark.parametrize(
    ("column", "options", "error", "text"),
    [
        (pa.array([1, None]), {}, nz.NpzarrowError, 'column "x": has 1 nulls, which dtype "<i8" cannot hold'),
        (pa.array(["a", None]), {"nulls": "nan"}, nz.NpzarrowError, 'has 1 nulls, which dtype "<U1" cannot hold'),
        (pa.array([[1], [2, 3]]), {}, nz.NpzarrowError, "list 1 has 2 elements, those before it 1: ragged"),
        (pa.array([[1], None]), {}, nz.NpzarrowError, "has 1 lists that are null"),
        (pa.array([dt.time(1)]), {}, nz.UnsupportedDtypeError, "Time64.* has no NumPy dtype; cast it to a duration"),
        (pa.array([None]), {}, nz.UnsupportedDtypeError, "Null has no NumPy dtype"),
        (pa.array(["a\0"]), {}, nz.NpzarrowError, "value 0 ends in NUL"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), {}, nz.UnsupportedDtypeError, "has no NumPy dtype"),
    ],
)
def test_columns_that_cannot_be(column: Any, options: Any, error: type[Exception], text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(error, match=text) as caught:
        nz.write_npz(path, pa.table({"fine": pa.nulls(len(column), pa.date32()), "x": column}), **options)
    assert 'column "x"' in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert list(tmp_path.iterdir()) == []


def test_arrow_arrays_as_npy(tmp_path: Path) -> None:
    for array, values in [
        (pa.array([1, 2, 3]), np.arange(1, 4)),
        (pa.chunked_array([[1, 2], [3]]), np.arange(1, 4)),
        (pl.Series([1, 2, 3]), np.arange(1, 4)),
        (pl.Series(["a", "bc"]), np.array(["a", "bc"])),
        (nz.read_npy(saved(np.eye(3))), np.eye(3)),
    ]:
        nz.write_npy(tmp_path / "x.npy", cast("Any", array))
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), values)
    nz.write_npy(tmp_path / "x.npy", pa.array([1.5, None]), nulls="nan")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), [1.5, np.nan])
    with pytest.raises(nz.NpzarrowError, match="has 1 nulls"):
        nz.write_npy(tmp_path / "x.npy", pa.array([1.5, None]))
    with pytest.raises(nz.NpzarrowError, match="a single array has no place for a mask"):
        nz.write_npy(tmp_path / "x.npy", pa.array([1.5, None]), nulls=cast("Any", "mask"))


# Destinations ----------------------------------------------------------------------------------------------------


class Raw:
    """The least that is a binary file; takes at most 1000 bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, /) -> int:
        self.data += data[:1000]
        return min(len(data), 1000)


class Broken:
    """A file whose disk is full."""

    def write(self, data: bytes, /) -> int:
        raise OSError(28, "No space left on device", len(data))


def test_destinations(tmp_path: Path) -> None:
    arrays = {"x": np.arange(100_000)}
    data = written(arrays)
    for dest in (tmp_path / "a.npz", str(tmp_path / "b.npz"), os.fsencode(tmp_path / "c.npz")):
        path = os.fspath(dest)
        nz.write_npz(Fspath(path) if isinstance(path, bytes) else path, arrays)
        with open(path, "rb") as file:  # noqa: PTH123 - may be bytes
            assert file.read() == data
    raw_file = Raw()
    nz.write_npz(raw_file, arrays)
    assert raw_file.data == data
    with (tmp_path / "d.npz").open("wb") as file:
        file.write(b"before")
        nz.write_npz(file, arrays)
        file.write(b"after")
    assert (tmp_path / "d.npz").read_bytes() == b"before" + data + b"after"
    with pytest.raises(OSError, match="No space left on device"):
        nz.write_npz(Broken(), arrays)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb") as dest_file:
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.append(source.read()))
        thread.start()
        nz.write_npz(dest_file, arrays)
        dest_file.close()
        thread.join()
    assert found == [data]


class Fspath:
    """A path of bytes."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __fspath__(self) -> bytes:
        return self._path


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda _: nz.write_npz(cast("Any", 5), {}), TypeError, "dest must be a path, a URL, or a binary file, not"),
        (
            lambda path: nz.write_npz(path, cast("Any", 5)),
            TypeError,
            "data must be a mapping of names to arrays or Arr",
        ),
        (lambda path: nz.write_npz(path, cast("Any", {1: 2})), TypeError, "names of arrays must be str, not int"),
        (lambda _: nz.write_npz("ftp://host/x.npz", {}), ValueError, "ftp URLs cannot be opened here"),
        (lambda _: nz.write_npz("https://host/x.npz", {}), ValueError, "HTTP has no uploads that appear whole"),
        (lambda _: nz.write_npz("s3://bucket", {}), ValueError, "s3://bucket: the name of the object is missing"),
        (lambda path: nz.write_npz(path, {"": [1]}), ValueError, 'name ".npy" is empty'),
        (lambda path: nz.write_npz(path, {"a\0b": [1]}), ValueError, "has a NUL"),
        (lambda path: nz.write_npz(path, {"a" * 70_000: [1]}), ValueError, "is longer than the 65535 bytes"),
        (lambda path: nz.write_npz(path, {"a": [1], "a.npy": [1]}), ValueError, "readers do not tell apart"),
        (lambda path: nz.write_npz(path, {}, align=48), ValueError, "align is 48, expected a power of two"),
        (lambda path: nz.write_npz(path, {}, align=0), ValueError, "align is 0, expected a power of two"),
        (lambda path: nz.write_npz(path, {}, compression="deflate", level=10), ValueError, "level is 10, expected"),
        (lambda path: nz.write_npz(path, {}, level=5), ValueError, 'level needs compression="deflate"'),
        (lambda path: nz.write_npz(path, {}, compression=cast("Any", "zip")), ValueError, "compression must be one of"),
        (lambda path: nz.write_npz(path, {}, nulls=cast("Any", "zero")), ValueError, "nulls must be one of"),
        (lambda path: nz.write_npz(path, {}, threads=0), ValueError, "threads must be at least 1"),
        (
            lambda path: nz.write_npz(path, {"o": np.array([{}, None])}),
            nz.UnsupportedDtypeError,
            "o: dtype object holds Python objects, which are never written",
        ),
        (
            lambda path: nz.write_npy(path, np.zeros(2, [("a", "O")])),
            nz.UnsupportedDtypeError,
            "holds Python objects, which are never written",
        ),
        (
            lambda path: nz.write_npz(path, {"s": np.array(["a"], np.dtypes.StringDType())}),
            nz.UnsupportedDtypeError,
            "s: dtype StringDType.* holds Python objects",
        ),
        (
            lambda path: nz.write_npz(path, {"m": np.ma.array([1, 2], mask=[False, True])}),
            TypeError,
            "m: masked arrays lose their mask",
        ),
        (lambda path: nz.write_npy(path / "no" / "x.npy", [1]), FileNotFoundError, "No such file or directory"),
        (lambda path: nz.write_npy(path.parent, [1]), IsADirectoryError, "Is a directory"),
    ],
)
def test_refusals_leave_nothing(call: Any, error: type[Exception], text: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=text):
        call(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    nz.write_npz(path, {"x": np.arange(3)})
    before = path.read_bytes()

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"x": [1, 2]})
        text = "the stream broke"
        raise ValueError(text)

    reader = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.int64()}), batches())
    with pytest.raises(nz.NpzarrowError, match="the stream broke"):
        nz.write_npz(path, reader)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        nz.write_npz(tmp_path / "x.npz", {})


def test_streams_are_read_batch_by_batch(tmp_path: Path) -> None:
    """No batch is kept: each is gone when the next but one comes."""
    alive: list[int] = []
    schema = pa.schema({"x": pa.float64()})
    before = pa.total_allocated_bytes()

    def batches() -> Iterator[pa.RecordBatch]:
        for index in range(40):
            alive.append(pa.total_allocated_bytes() - before)
            yield pa.record_batch({"x": pa.array(np.full(250_000, index, "f8")).take(pa.array(range(250_000)))})

    nz.write_npz(tmp_path / "x.npz", pa.RecordBatchReader.from_batches(schema, batches()))
    assert len(alive) == 40
    assert max(alive) < 3 * 250_000 * 8 * 2
    with nz.load_npz(tmp_path / "x.npz") as archive:
        np.testing.assert_array_equal(archive["x"], np.repeat(np.arange(40.0), 250_000))


def test_other_threads_run_meanwhile() -> None:
    """The interpreter is free while bytes are compressed."""
    array = np.random.default_rng(5).integers(0, 50, 20_000_000, np.uint8)
    count, done = 0, threading.Event()

    def work() -> None:
        nonlocal count
        while not done.is_set():
            count += 1
            done.wait(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    written({"x": array}, compression="deflate", threads=1)
    done.set()
    thread.join()
    assert count > 10


# Aligning --------------------------------------------------------------------------------------------------------


def test_align(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    arrays = {name: random_array(dtype, Layout((5,))) for name, dtype in DTYPES.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        np.savez(path, **cast("Any", arrays))
        original = path.read_bytes()
        nz.align(path, path)
        found = loaded(path.read_bytes())
    for name, array in arrays.items():
        assert_same(found[name], array)
    assert all(info["aligned"] for info in nz.load_npz(path).info())
    with zipfile.ZipFile(io.BytesIO(original)) as before, zipfile.ZipFile(path) as after:
        assert before.namelist() == after.namelist()
        assert all(before.read(name) == after.read(name) for name in before.namelist())
    dest = io.BytesIO()
    nz.align(original, dest)
    assert dest.getvalue() == path.read_bytes()
    nz.align(io.BytesIO(original), dest := io.BytesIO(), align=1)
    assert len(dest.getvalue()) < len(path.read_bytes())


def test_align_keeps_deflated_members_as_they_are() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, x=np.arange(1000))
    dest = io.BytesIO()
    nz.align(file.getvalue(), dest)
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(dest) as after:
        assert before.infolist()[0].compress_size == after.infolist()[0].compress_size
        assert after.testzip() is None


def test_align_finds_what_is_corrupt(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, x=np.arange(3))
    corrupt = bytearray(file.getvalue())
    corrupt[corrupt.index(b"\x01\x00\x00\x00\x00\x00\x00\x00\x02")] = 7
    with pytest.raises(nz.ChecksumError, match=r"x\.npy: checksum is"):
        nz.align(corrupt, tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []
