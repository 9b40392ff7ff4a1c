"""What pyarrow, polars, DuckDB and arro3 read equals NumPy, for every dtype that Arrow can hold."""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from typing import TYPE_CHECKING, Any

import arro3.core as arro3
import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from support import RECORDS, Layout, aligned, corrupt, npy, npz, random_array, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

I64 = pa.int64()


def numbers(code: str) -> NDArray[Any]:
    """Six values with the extremes of their type."""
    dtype = np.dtype(code)
    if dtype.kind == "b":
        return np.array([True, False, True, True, False, False])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return np.array([0, 1, info.max, info.min, 7, 100], dtype)
    if dtype.kind == "f":
        return np.array([0.0, -1.5, np.inf, np.finfo(dtype).tiny, 0.1, -0.0], dtype)
    return np.array([0, 1 - 2j, 3.5j, complex("inf"), 0.1 + 0.2j, -1], dtype)


def steps(code: str) -> NDArray[Any]:
    """Six steps, one of them NaT."""
    native = np.array([0, 1, -3, 400, np.iinfo(np.int64).min, 20], "<i8")
    return native.astype(code[0] + "i8").view(code)


def rows(array: NDArray[Any]) -> list[Any]:
    """The array as the nested lists that Arrow should hold."""
    if array.dtype.kind == "c":
        parts = np.stack([array.real, array.imag], axis=-1)
        return parts.tolist()  # type: ignore[no-any-return]
    return array.tolist()  # type: ignore[no-any-return]


# dtype, and the type that pyarrow is to see
NUMBERS: dict[str, pa.DataType] = {
    "|b1": pa.bool_(),
    "|i1": pa.int8(),
    "|u1": pa.uint8(),
    **{
        order + code: getattr(pa, name)()
        for order in "<>"
        for code, name in {
            "i2": "int16",
            "i4": "int32",
            "i8": "int64",
            "u2": "uint16",
            "u4": "uint32",
            "u8": "uint64",
            "f2": "float16",
            "f4": "float32",
            "f8": "float64",
        }.items()
    },
    **{
        order + code: pa.list_(pa.field("item", part), 2)
        for order in "<>"
        for code, part in {"c8": pa.float32(), "c16": pa.float64()}.items()
    },
}

# dtype, the type that pyarrow is to see, and how many of its units one step is (None: a date)
TIMES: dict[str, tuple[pa.DataType, int | None]] = {
    **{f"<M8[{unit}]": (pa.timestamp(unit), 1) for unit in ("s", "ms", "us", "ns")},
    **{f">M8[{unit}]": (pa.timestamp(unit), 1) for unit in ("s", "ns")},
    "<M8[m]": (pa.timestamp("s"), 60),
    "<M8[h]": (pa.timestamp("s"), 3600),
    "<M8[10ms]": (pa.timestamp("ms"), 10),
    "<M8[25s]": (pa.timestamp("s"), 25),
    "<M8[6h]": (pa.timestamp("s"), 21_600),
    **{f"{order}M8[{unit}]": (pa.date32(), None) for order in "<>" for unit in ("D", "W", "M", "Y")},
    "<M8[3D]": (pa.date32(), None),
    "<M8[7M]": (pa.date32(), None),
    **{f"<m8[{unit}]": (pa.duration(unit), 1) for unit in ("s", "ms", "us", "ns")},
    ">m8[us]": (pa.duration("us"), 1),
    "<m8[m]": (pa.duration("s"), 60),
    "<m8[h]": (pa.duration("s"), 3600),
    "<m8[D]": (pa.duration("s"), 86_400),
    "<m8[W]": (pa.duration("s"), 604_800),
    "<m8[25ms]": (pa.duration("ms"), 25),
    "<m8[2W]": (pa.duration("s"), 1_209_600),
    "<m8[M]": (I64, 1),
    "<m8[Y]": (I64, 12),
}

STRINGS: dict[str, tuple[NDArray[Any], pa.DataType]] = {
    "U": (np.array(["", "a", "grün", "日本語", "🐟", "a b"], "<U5"), pa.string()),
    "U big-endian": (np.array(["", "a", "grün", "日本語", "🐟", "a b"], ">U5"), pa.string()),
    "U0": (np.ndarray(6, "<U0"), pa.string()),
    "S": (np.array([b"", b"a", b"\xff\x00\x01", b"abcde", b"a\x00", b" "], "S5"), pa.binary()),
    "S long": (np.array([b"", b"x" * 20, b"y" * 12, b"z" * 13, b"\x00", b"w" * 19], "S20"), pa.binary()),
    "S0": (np.ndarray(6, "S0"), pa.binary()),
}


def read_npy(array: NDArray[Any], **options: Any) -> nz.NpyArray:
    """Reads an array that went through NPY data."""
    return nz.read_npy(npy(array, (3, 0)), **options)


def through_arro3(array: nz.NpyArray) -> pa.Array:
    """What arro3 hands on."""
    return pa.array(array.to_arro3())


def fetch(relation: duckdb.DuckDBPyRelation | None) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    assert relation is not None
    return relation.fetchall()


class TestEveryDtype:
    """One axis: what each engine gives equals what NumPy gives."""

    @pytest.mark.parametrize("code", NUMBERS)
    def test_numbers(self, code: str) -> None:
        array = numbers(code)
        read = read_npy(array)
        arrow = pa.array(read)
        assert arrow.type == NUMBERS[code]
        assert arrow.null_count == 0
        assert arrow.to_pylist() == rows(array)
        assert through_arro3(read).equals(arrow)
        scalars: Any = read.to_arro3()
        assert [value.as_py() for value in scalars] == rows(array)
        for series in (pl.Series(read), read.to_polars()):
            assert series.to_list() == rows(array)

    @pytest.mark.parametrize("code", TIMES)
    def test_times(self, code: str) -> None:
        array, (data_type, factor) = steps(code), TIMES[code]
        read = read_npy(array)
        arrow = pa.array(read)
        assert arrow.type == data_type
        if factor is None:
            days = array.astype("<M8[D]").astype("<i8").tolist()
            expected = [None if np.isnat(step) else day for step, day in zip(array, days, strict=True)]
            physical = arrow.view(pa.int32())
        else:
            count = array.view(code[0] + "i8").tolist()
            expected = [None if np.isnat(step) else n * factor for step, n in zip(array, count, strict=True)]
            physical = arrow.view(I64)
        assert (arrow.null_count, expected[4]) == (1, None)
        assert physical.to_pylist() == expected
        assert through_arro3(read).equals(arrow)
        series = read.to_polars()
        if pa.types.is_timestamp(data_type) or pa.types.is_duration(data_type):
            # Polars has no seconds.
            scale = 1000 if data_type.unit == "s" else 1
            expected = [None if value is None else value * scale for value in expected]
        assert series.to_physical().to_list() == expected

    @pytest.mark.parametrize("name", STRINGS)
    @pytest.mark.parametrize("string_view", [False, True])
    def test_strings(self, name: str, string_view: bool) -> None:
        array, data_type = STRINGS[name]
        read = read_npy(array, string_view=string_view)
        arrow = pa.array(read)
        views = {pa.string(): pa.string_view(), pa.binary(): pa.binary_view()}
        assert arrow.type == (views[data_type] if string_view else data_type)
        assert arrow.to_pylist() == array.tolist()
        assert arrow.null_count == 0
        arrow.validate(full=True)
        assert read.to_polars().to_list() == array.tolist()
        assert pa.array(read.to_arro3()).to_pylist() == array.tolist()

    @pytest.mark.parametrize("width", [1, 5, 16])
    def test_void(self, width: int) -> None:
        array = random_array(np.dtype(f"V{width}"), Layout((6,)))
        read = read_npy(array)
        arrow = pa.array(read)
        assert arrow.type == pa.binary(width)
        assert arrow.to_pylist() == [item.tobytes() for item in array]
        assert read.to_polars().to_list() == arrow.to_pylist()
        assert through_arro3(read).equals(arrow)

    def test_void_of_no_bytes(self) -> None:
        read = nz.read_npy(npy(np.ndarray(3, "V0")))
        assert pa.array(read).to_pylist() == [b""] * 3
        assert pa.array(read).type == pa.binary()
        assert read.to_polars().to_list() == [b""] * 3

    @pytest.mark.parametrize("value", [0, 1, 2, 128, 255])
    def test_any_byte_but_zero_is_true(self, value: int) -> None:
        data = npy(np.array([value, 0, value], np.uint8)).replace(b"'|u1'", b"'|b1'")
        assert pa.array(nz.read_npy(data)).to_pylist() == [value != 0, False, value != 0]
        assert np.load(io.BytesIO(data)).view("u1").tolist() == [value, 0, value]

    @pytest.mark.parametrize("code", ["M8", "m8", "M8[ps]", "m8[as]", "g", "G"])
    def test_what_arrow_cannot_hold(self, code: str) -> None:
        data = npz({"x.npy": npy(np.zeros(2, code)), "y.npy": npy(np.arange(2))})
        with pytest.raises(nz.UnsupportedDtypeError, match=r'^x\.npy: dtype "[<|]\w+(\[\w+\])?" (has no|is finer)'):
            nz.read_npz(data)
        assert nz.read_npz(data, unsupported="skip").schema.names == ["y"]
        assert nz.read_npz(data, columns=["y"]).num_rows == 2
        assert nz.load_npz(data)["x"].dtype == np.dtype(code)

    def test_a_step_that_does_not_fit(self) -> None:
        data = npz({"t.npy": npy(np.array([0, 2**62], "<i8").view("<M8[h]"))})
        with pytest.raises(nz.NpzarrowError, match=r"^t\.npy: element 1: does not fit the Arrow type of the column$"):
            nz.read_npz(data)

    @pytest.mark.parametrize("code", [0x110000, 0xD800, 0xFFFFFFFF])
    def test_no_code_point(self, code: int) -> None:
        data = npy(np.array([0x61, code], "<u4")).replace(b"'<u4'", b"'<U1'")
        with pytest.raises(nz.NpzarrowError, match=r"^element 1: "):
            nz.read_npy(data)


SCALED = {"<f4", ">f8", "<i2", "|u1", "<f2", "<u8"}


class TestTensors:
    """Several axes: rows and cells."""

    @pytest.mark.parametrize("fortran", [False, True])
    @pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (1, 2, 3, 2), (4, 1, 1), (5, 1)])
    @pytest.mark.parametrize("code", sorted(SCALED))
    def test_three_spellings(self, code: str, shape: tuple[int, ...], fortran: bool) -> None:
        count = int(np.prod(shape))
        array = np.arange(count).reshape(shape, order="F" if fortran else "C").astype(code)
        cell = count // shape[0]

        tensor = pa.array(read_npy(array))
        assert isinstance(tensor, pa.FixedShapeTensorArray)
        assert tuple(tensor.type.shape) == shape[1:]
        assert np.array_equal(tensor.to_numpy_ndarray(), array)

        flat = pa.array(read_npy(array, tensor="flat"))
        assert flat.type.list_size == cell
        assert flat.to_pylist() == array.reshape(shape[0], cell).tolist()
        assert pl.Series(read_npy(array, tensor="flat")).to_list() == flat.to_pylist()

        nested = read_npy(array, tensor="nested")
        assert pa.array(nested).to_pylist() == array.tolist()
        for series in (pl.Series(nested), read_npy(array).to_polars()):
            assert isinstance(series.dtype, pl.Array)
            assert series.dtype.shape == shape[1:]
            assert np.array_equal(series.to_numpy(), array)
        assert through_arro3(nested).equals(pa.array(nested))

    @pytest.mark.parametrize("code", ["|b1", "<c8", ">c16", "<M8[D]", "<M8[us]", "<m8[s]", "<U3", "S4", "V3"])
    @pytest.mark.parametrize("tensor", ["fixed_shape", "nested"])
    def test_what_is_no_tensor_for_pyarrow_is_nested(self, code: str, tensor: str) -> None:
        flat = np.arange(12).astype("S4" if code in {"V3", "S4"} else code).astype(code)
        array = flat.reshape(2, 3, 2)
        read = read_npy(array, tensor=tensor)
        arrow = pa.array(read)
        assert pa.types.is_fixed_size_list(arrow.type)
        assert (arrow.type.list_size, arrow.type.value_type.list_size) == (3, 2)
        flat_arrow = pa.array(read_npy(flat)).to_pylist()
        expected = [[flat_arrow[6 * i + 2 * j :][:2] for j in range(3)] for i in range(2)]
        assert arrow.to_pylist() == expected
        assert read.to_polars().to_list() == expected

    @pytest.mark.parametrize("tensor", ["fixed_shape", "nested", "flat"])
    @pytest.mark.parametrize(
        ("shape", "expected"),
        [((0,), []), ((0, 3), []), ((0, 0), []), ((3, 0), [[], [], []]), ((2, 0, 4), [[], []]), ((2, 4, 0), [[], []])],
    )
    @pytest.mark.parametrize("code", ["<f4", "|b1", "<U2", "<M8[s]", "S0"])
    def test_axes_of_no_length(self, code: str, shape: tuple[int, ...], expected: list[Any], tensor: Any) -> None:
        archive = npz({"x.npy": npy(np.zeros(shape, code))})
        batch = nz.read_npz(archive, tensor=tensor)
        assert batch.num_rows == len(expected)
        assert batch.to_pyarrow().column(0).to_pylist() == expected
        assert pl.DataFrame(batch).height == len(expected)
        assert batch.to_polars()["x"].to_list() == expected
        assert pa.record_batch(batch.to_arro3()).column(0).to_pylist() == expected
        scanned = pa.Table.from_batches([batch.to_pyarrow()])
        assert fetch(duckdb.sql("select x from scanned")) == [(cell,) for cell in expected]
        del scanned

    def test_json_of_the_extension(self) -> None:
        field = arro3.Schema.from_arrow(nz.read_npz(savez(x=np.zeros((2, 3, 4), "f4"))).schema).field("x")
        assert field.metadata_str["ARROW:extension:name"] == "arrow.fixed_shape_tensor"
        assert json.loads(field.metadata_str["ARROW:extension:metadata"]) == {"shape": [3, 4]}

    def test_polars_alone_shows_an_extension(self) -> None:
        """Why `to_polars` exists."""
        batch = nz.read_npz(savez(x=np.zeros((2, 3, 4), "f4")))
        assert "arrow.fixed_shape_tensor" in str(pl.DataFrame(batch).schema["x"])
        assert batch.to_polars().schema["x"] == pl.Array(pl.Float32, (3, 4))


class TestRecords:
    """Structured dtypes."""

    @pytest.mark.parametrize("name", set(RECORDS) - {"record_of_all_kinds"})
    def test_fields_are_columns(self, name: str) -> None:
        dtype = RECORDS[name]
        array = np.zeros(4, dtype)
        _count_up(array)
        read = read_npy(array)
        arrow = pa.array(read)
        assert [field.name for field in arrow.type] == list(dtype.names or ())
        assert arrow.to_pylist() == _dicts(array)
        assert read.to_polars().to_list() == _dicts(array)
        assert through_arro3(read).equals(arrow)
        batch = pa.record_batch(read)
        assert batch.schema.names == list(dtype.names or ())
        assert pl.DataFrame(read).columns == list(dtype.names or ())

    def test_all_kinds(self) -> None:
        array = np.zeros(2, RECORDS["record_of_all_kinds"])
        array[1] = (True, 1 - 2j, "2024-06-07T01:02:03.004", "NaT", "日本", b"a\x00", b"abc")
        epoch = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - NumPy's times have no zone
        moment = dt.datetime(2024, 6, 7, 1, 2, 3, 4000)  # noqa: DTZ001
        assert pa.array(read_npy(array)).to_pylist() == [
            {"b": False, "c": [0, 0], "t": epoch, "d": dt.timedelta(0), "u": "", "s": b"", "v": b"\0\0\0"},
            {"b": True, "c": [1, -2], "t": moment, "d": None, "u": "日本", "s": b"a", "v": b"abc"},
        ]

    def test_titles_are_metadata(self) -> None:
        schema = pa.array(read_npy(np.zeros(2, RECORDS["record_with_titles"]))).type
        assert schema.field("a").metadata == {b"npzarrow:title": b"the first"}

    def test_records_with_axes(self) -> None:
        array = np.zeros((2, 3), RECORDS["record"])
        _count_up(array.reshape(-1))
        assert pa.array(read_npy(array)).to_pylist() == [_dicts(row) for row in array]

    def test_a_member_of_records_is_a_struct(self) -> None:
        array = np.zeros(2, RECORDS["record_nested"])
        _count_up(array)
        batch = nz.read_npz(savez(r=array, i=np.arange(2))).to_pyarrow()
        assert batch.to_pydict() == {"r": _dicts(array), "i": [0, 1]}


def _count_up(array: NDArray[Any]) -> None:
    """Gives each number of each record another value."""
    for name in array.dtype.names or ():
        field = array[name]
        if field.dtype.names:
            _count_up(field.reshape(-1) if field.ndim > 1 else field)
        elif field.dtype.kind in "iuf":
            field[...] = np.arange(field.size).reshape(field.shape) % 100 + 1


def _dicts(array: NDArray[Any]) -> list[dict[str, Any]]:
    """Records as pyarrow shows them."""
    names = array.dtype.names or ()
    columns = [_dicts(array[name]) if array[name].dtype.names else array[name].tolist() for name in names]
    if array.ndim > 1:
        return [_dicts(row) for row in array]  # type: ignore[misc]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


class TestRows:
    """Members of one archive, side by side."""

    MEMBERS: dict[str, NDArray[Any]] = {
        "id": np.arange(3),
        "image": np.arange(12, dtype="f4").reshape(3, 2, 2),
        "label": np.array(["a", "b", "c"]),
        "scale": np.float64(0.5),  # type: ignore[dict-item]
        "name": np.array("all"),
    }

    @pytest.mark.parametrize("compressed", [False, True])
    def test_first_axis(self, compressed: bool) -> None:
        batch = nz.read_npz(savez(compressed, **self.MEMBERS))
        assert (batch.num_rows, batch.num_columns, len(batch)) == (3, 5, 3)
        frame = batch.to_polars()
        assert frame.to_dict(as_series=False) == {
            "id": [0, 1, 2],
            "image": self.MEMBERS["image"].tolist(),
            "label": ["a", "b", "c"],
            "scale": [0.5] * 3,
            "name": ["all"] * 3,
        }
        assert batch.to_pyarrow().to_pydict() == frame.to_dict(as_series=False) | {
            "image": self.MEMBERS["image"].reshape(3, 4).tolist(),
        }

    def test_archive_as_a_row(self) -> None:
        members = self.MEMBERS | {"other": np.arange(5, dtype="u2")}
        batch = nz.read_npz(savez(**members), rows="archive")
        assert batch.num_rows == 1
        table = batch.to_pyarrow()
        assert table.schema.field("image").type.shape == [3, 2, 2]
        assert table.column("image").to_numpy_ndarray().shape == (1, 3, 2, 2)
        assert table.schema.field("scale").type == pa.float64()
        assert table.column("name").to_pylist() == ["all"]
        frame = batch.to_polars()
        assert frame.schema["image"] == pl.Array(pl.Float32, (3, 2, 2))
        assert frame.row(0)[-1] == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({}, 0),
            ({"a": np.float32(1), "b": np.array("x")}, 1),
            ({"a": np.float32(1), "b": np.zeros(0)}, 0),
            ({"a": np.float32(1), "b": np.zeros(4)}, 4),
            ({"a": np.zeros((4, 0)), "b": np.zeros((4, 2))}, 4),
        ],
    )
    def test_number_of_rows(self, members: dict[str, Any], expected: int) -> None:
        batch = nz.read_npz(savez(**members))
        assert (batch.num_rows, batch.num_columns) == (expected, len(members))
        assert batch.to_pyarrow().num_rows == expected
        assert batch.to_polars().height == (expected if members else 0)

    def test_different_lengths(self, tmp_path: Any) -> None:
        members = {"x": np.zeros(3), "y": np.zeros((4, 2)), "z": np.zeros(3), "s": np.array(1)}
        path = tmp_path / "a.npz"
        path.write_bytes(savez(**members))
        with pytest.raises(nz.NpzarrowError) as raised:
            nz.read_npz(path)
        assert str(raised.value) == (
            f"{path}: members differ in rows: x has 3, y has 4, z has 3; name members of equal length with columns=, "
            'or read each archive as one row with rows="archive"'
        )
        assert nz.read_npz(path, columns=["x", "s", "z"]).num_rows == 3
        assert nz.read_npz(path, rows="archive").num_rows == 1

    def test_no_columns_but_rows_stay(self) -> None:
        batch = nz.read_npz(savez(x=np.zeros(3)), columns=[])
        assert (batch.num_rows, batch.num_columns) == (0, 0)
        assert pa.record_batch(batch).num_columns == 0


class TestColumns:
    """`columns=` selects, orders, and leaves the others alone."""

    @pytest.mark.parametrize(
        ("columns", "names"),
        [
            (None, ["a", "b", "c"]),
            (["c", "a"], ["c", "a"]),
            (["b.npy"], ["b"]),
            (("a", "b"), ["a", "b"]),
        ],
    )
    def test_order(self, columns: Any, names: list[str]) -> None:
        batch = nz.read_npz(savez(a=np.arange(2), b=np.arange(2), c=np.arange(2)), columns=columns)
        assert batch.schema.names == names
        assert list(batch.transfers) == names

    @pytest.mark.parametrize("compressed", [False, True])
    def test_the_others_are_not_touched(self, compressed: bool, tmp_path: Any) -> None:
        good = savez(compressed, a=np.arange(2), b=np.arange(2), c=np.arange(9))
        bad = corrupt(good, "b.npy")
        path = tmp_path / "bad.npz"
        path.write_bytes(bad)
        sources: list[tuple[Any, Any]] = [(bad, {}), (bytearray(bad), {}), (path, {}), (path, {"mmap": True})]
        for source, options in sources:
            assert nz.read_npz(source, columns=["a"], **options).to_pyarrow().to_pydict() == {"a": [0, 1]}
            with pytest.raises(nz.NpzarrowError, match=r"b\.npy: "):
                nz.read_npz(source, columns=["a", "b"], **options)

    @pytest.mark.parametrize("name", ["d", "a.npy.npy", "", "A"])
    def test_missing(self, name: str) -> None:
        with pytest.raises(KeyError) as raised:
            nz.read_npz(savez(a=np.arange(2)), columns=[name])
        assert raised.value.args == (f"{name} is not a file in the archive",)

    def test_twice(self) -> None:
        for columns in (["a", "a"], ["a", "a.npy"]):
            with pytest.raises(nz.NpzarrowError, match=r'^column "a" is asked for twice$'):
                nz.read_npz(savez(a=np.arange(2)), columns=columns)

    def test_a_string_is_no_list_of_names(self) -> None:
        with pytest.raises(TypeError, match="columns"):
            nz.read_npz(savez(a=np.arange(2)), columns="a")


class TestRepr:
    """What is shown has one line for each column, whatever the names are."""

    @pytest.mark.parametrize(
        ("name", "shown"),
        [("größe", "größe"), ("a\nb", "a\\nb"), ("\x1b[2J", "\\u{1b}[2J"), ("a\u2028b", "a\\u{2028}b")],
    )
    def test_names(self, name: str, shown: str) -> None:
        batch = nz.read_npz(npz({f"{name}.npy": npy(np.arange(3))}))
        assert repr(batch) == f"<npzarrow.NpzBatch: 3 rows>\n{shown}: Int64"
        assert repr(batch.schema) == f"{shown}: Int64"
        assert batch.schema.names == [name]
        record = nz.read_npy(npy(np.zeros(2, [(name, "<i4")]), (3, 0)))
        assert len(repr(record).splitlines()) == 1


class TestOptions:
    """Options of `read_npz` and `read_npy`."""

    def test_bool8(self) -> None:
        array = np.array([[True, False], [False, True], [True, True]])
        read = read_npy(array, bool8=True, tensor="nested")
        arrow = pa.array(read)
        assert arrow.type.value_type == pa.bool8()
        flat = pa.array(read_npy(array[:, 0].copy(), bool8=True))
        assert flat.type == pa.bool8()
        assert flat.to_numpy(zero_copy_only=True).tolist() == [True, False, True]
        scanned = pa.table({"b": flat})
        assert fetch(duckdb.sql("select b from scanned")) == [(True,), (False,), (True,)]
        del scanned

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"rows": "axis1"}, 'rows must be one of "axis0", "archive", not "axis1"'),
            ({"tensor": "x"}, 'tensor must be one of "fixed_shape", "nested", "flat", not "x"'),
            ({"unsupported": "x"}, 'unsupported must be one of "raise", "skip", not "x"'),
            ({"threads": 0}, "threads must be at least 1"),
            ({"max_uncompressed_bytes": -1}, "max_uncompressed_bytes must be non-negative"),
        ],
    )
    def test_words(self, options: dict[str, Any], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{text}$"):
            nz.read_npz(savez(a=np.arange(2)), **options)

    def test_skip_leaves_objects_out(self) -> None:
        data = savez(o=np.array([{}, None]), g=np.zeros(2, "g"), i=np.arange(2))
        batch = nz.read_npz(data, unsupported="skip")
        assert batch.schema.names == ["i"]
        with pytest.raises(nz.UnsupportedDtypeError, match=r"^o\.npy: dtype \"\|O\" holds pickled Python objects"):
            nz.read_npz(data)
        with pytest.raises(nz.ChecksumError, match=r"^o\.npy: "):
            nz.read_npz(corrupt(savez(o=np.arange(2), i=np.arange(2)), "o.npy"), unsupported="skip")

    @pytest.mark.parametrize("threads", [None, 1, 2, 7])
    def test_threads(self, threads: int | None) -> None:
        members = {f"a{index}": np.full((1000, 70), index) for index in range(9)}
        batch = nz.read_npz(savez_compressed(**members), threads=threads).to_pyarrow()
        for name, array in members.items():
            assert np.array_equal(batch.column(name).to_numpy_ndarray(), array)

    def test_name_of_read_npy(self) -> None:
        read = nz.read_npy(npy(np.arange(3)), name="x")
        assert read.field.names == ["x"]
        assert pa.field(read.field).name == "x"


class TestRequestedSchema:
    """What a consumer asks for is given if it is cheap, else ours is."""

    BATCH = savez(h=np.array([1, 2.5], "f2"), b=np.array([True, False]), i=np.arange(2, dtype="i4"))

    def request(self, wanted: pa.Schema, **options: Any) -> pa.RecordBatch:
        """The batch as a consumer gets it who asks for a schema."""
        batch = nz.read_npz(self.BATCH, **options)
        schema, array = batch.__arrow_c_array__(wanted.__arrow_c_schema__())
        return pa.RecordBatch._import_from_c_capsule(schema, array)  # noqa: SLF001 - the only way to see it

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            pytest.param({"i": "int32"}, {"i": "int32"}, id="subset"),
            pytest.param({"i": "int32", "h": "float16"}, {"i": "int32", "h": "float16"}, id="order"),
            pytest.param({"h": "float32"}, {"h": "float32"}, id="half to float"),
            pytest.param({"b": "bool"}, {"b": "bool"}, id="bool8 to bool"),
            pytest.param({"i": "int64"}, {"i": "int32"}, id="others stay ours"),
            pytest.param({"h": "float64"}, {"h": "float16"}, id="not to double"),
            pytest.param({"nobody": "int32"}, {"h": "float16", "b": "bool8", "i": "int32"}, id="unknown column"),
        ],
    )
    def test_negotiation(self, wanted: dict[str, str], expected: dict[str, str]) -> None:
        names = {"bool": pa.bool_(), "bool8": pa.bool8()}
        schema = pa.schema({name: names.get(word) or pa.type_for_alias(word) for name, word in wanted.items()})
        got = self.request(schema, bool8=True)
        types = {name: names.get(word) or pa.type_for_alias(word) for name, word in expected.items()}
        assert dict(zip(got.schema.names, got.schema.types, strict=True)) == types
        assert got.num_rows == 2
        for name, values in {"h": [1.0, 2.5], "b": [True, False], "i": [0, 1]}.items():
            if name in types:
                assert got.column(name).to_pylist() == values

    def test_no_schema_at_all(self) -> None:
        schema, array = nz.read_npz(self.BATCH).__arrow_c_array__(None)
        assert pa.RecordBatch._import_from_c_capsule(schema, array).num_columns == 3  # noqa: SLF001

    def test_through_pyarrow(self) -> None:
        """`pa.record_batch(x, schema=…)` asks, and takes what it gets if it is what it wants."""
        got = pa.record_batch(nz.read_npz(self.BATCH), schema=pa.schema({"h": pa.float32(), "i": pa.int32()}))
        assert got.to_pydict() == {"h": [1.0, 2.5], "i": [0, 1]}

    def test_records_of_one_array(self) -> None:
        read = nz.read_npy(npy(np.zeros(2, [("h", "f2"), ("i", "<i4")])))
        wanted = pa.schema({"h": pa.float32()})
        schema, array = read.__arrow_c_array__(wanted.__arrow_c_schema__())
        assert pa.RecordBatch._import_from_c_capsule(schema, array).schema.equals(  # noqa: SLF001
            pa.schema([pa.field("h", pa.float32(), nullable=False)]),
        )


class TestDuckDB:
    """DuckDB sees the batch by way of polars and pyarrow, and directly."""

    MEMBERS: dict[str, NDArray[Any]] = {
        "i": np.arange(4, dtype="<i8"),
        "u": np.arange(4, dtype="u1"),
        "f": np.array([0.5, -1, 2, 1e300]),
        "b": np.array([True, False, True, True]),
        "s": np.array(["a", "", "日本", "ü"]),
        "y": np.array([b"a", b"", b"\xff", b"bc"]),
        "t": np.array(["2024-06-07T01:02:03.004005", "NaT", "1969-12-31", "2000-01-01"], "M8[us]"),
        "d": np.array(["2024-06-07", "NaT", "1969-12-31", "2000-01-01"], "M8[D]"),
        "m": np.array([1, -2, 3, 0], "m8[ms]"),
        "x": np.arange(12, dtype="f4").reshape(4, 3),
        "n": np.arange(24, dtype="i2").reshape(4, 3, 2),
        "c": np.array([1j, 2, 3 - 1j, 0], "c8"),
        "r": np.array([(1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5)], [("a", "<i4"), ("b", "<f8")]),
    }

    def expected(self, name: str) -> list[Any]:
        """What Python should see of a column."""
        array = self.MEMBERS[name]
        if name == "r":
            return _dicts(array)
        if array.dtype.kind in "Mm":
            return array.tolist()  # type: ignore[no-any-return]
        return [tuple(row) if name in "xc" else row for row in rows(array)]

    @pytest.mark.parametrize("name", MEMBERS)
    @pytest.mark.parametrize(
        "convert",
        [
            pytest.param(lambda batch: batch.to_polars(), id="polars"),
            pytest.param(lambda batch: batch.to_polars().lazy(), id="lazy"),
            pytest.param(lambda batch: pa.Table.from_batches([batch.to_pyarrow()]), id="pyarrow"),
            pytest.param(lambda batch: batch, id="directly"),
        ],
    )
    def test_columns(self, name: str, convert: Callable[[nz.NpzBatch], Any]) -> None:
        batch = nz.read_npz(savez(**self.MEMBERS), tensor="nested")
        scanned = convert(batch)
        fetched = [row[0] for row in fetch(duckdb.sql(f"select {name} from scanned"))]  # noqa: S608
        del scanned
        assert _plain(fetched) == _plain(self.expected(name))

    def test_a_query_over_the_batch_itself(self) -> None:
        batch = nz.read_npz(savez(**self.MEMBERS))
        query = "select sum(i) as total, max(list_sum(x::float[])) as top from batch where b"
        assert fetch(duckdb.sql(query)) == [(5, 30.0)]
        del batch

    def test_half_floats_by_request(self) -> None:
        """DuckDB has no half floats; a schema with floats makes them readable."""
        halves = nz.read_npz(savez(h=np.array([1, 2.5], "f2")))
        floats = pa.record_batch(halves, schema=pa.schema({"h": pa.float32()}))
        scanned = pa.Table.from_batches([floats])
        assert fetch(duckdb.sql("select sum(h) from scanned")) == [(3.5,)]
        del scanned


def _plain(value: Any) -> Any:
    """Tuples as lists, however deep."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


class TestObjects:
    """The objects themselves."""

    def test_batch(self) -> None:
        batch = nz.read_npz(savez(a=np.arange(3), x=np.zeros((3, 2, 2), "f4")))
        assert repr(batch).splitlines() == [
            "<npzarrow.NpzBatch: 3 rows>",
            "a: Int64",
            'x: FixedSizeList(4 x Float32), arrow.fixed_shape_tensor {"shape":[2,2]}',
        ]
        assert batch.schema.names == ["a", "x"]
        assert len(batch.schema) == 2
        assert pa.schema(batch.schema) == pa.record_batch(batch).schema == pa.schema(batch)
        assert arro3.Schema.from_arrow(batch.schema).names == ["a", "x"]

    def test_array(self) -> None:
        read = nz.read_npy(aligned(npy(np.arange(3))))
        assert repr(read) == "<npzarrow.NpyArray: 3 rows of Int64, shared>"
        assert (len(read), read.transfer) == (3, "shared")
        assert pa.field(read).type == I64

    def test_no_stream(self) -> None:
        """Consumers prefer arrays to streams, or the other way round; one of them is enough."""
        batch = nz.read_npz(savez(a=np.arange(3)))
        assert not hasattr(batch, "__arrow_c_stream__")
        assert pa.table(batch).num_rows == pl.DataFrame(batch).height == pl.from_arrow(batch).shape[0] == 3

    def test_read_twice(self) -> None:
        batch = nz.read_npz(savez(a=np.arange(3)))
        first = pa.record_batch(batch)
        second = pa.record_batch(batch)
        del batch
        assert first.equals(second)

    @pytest.mark.parametrize(
        ("method", "module", "package"),
        [
            ("to_polars", "polars", "polars"),
            ("to_pyarrow", "pyarrow", "pyarrow"),
            ("to_arro3", "arro3.core", "arro3-core"),
        ],
    )
    def test_missing_engine(self, method: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, module, None)
        data = savez(a=np.arange(3))
        for read in (nz.read_npz(data), nz.read_npy(npy(np.arange(3)))):
            with pytest.raises(ImportError, match=f"^{module} is needed for this: pip install {package}$"):
                getattr(read, method)()


class TestNesting:
    """Types as deep as we make them pass through every engine; deeper ones are refused by us or by pyarrow."""

    @staticmethod
    def make(levels: int, axes: int) -> bytes:
        descr = "'<i4'"
        for _ in range(levels):
            descr = f"[('x', {descr}, ({'1,' * axes}))]"
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (2,), }}\n".encode()
        return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + b"\1" * 8

    def test_deep(self) -> None:
        read = nz.read_npy(self.make(31, 3))
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.extend([pl.Series(read).len(), len(read.to_arro3())]))
        thread.start()
        thread.join()
        assert results == [2, 2]
        with pytest.raises(pa.ArrowInvalid, match="Recursion level"):
            pa.array(read)
        assert pa.array(nz.read_npy(self.make(1, 60))).to_pylist()[1]["x"] is not None

    def test_too_deep(self) -> None:
        with pytest.raises(nz.LimitError, match="nesting of the Arrow type: 129 exceeds the limit of 128"):
            nz.read_npy(self.make(32, 3))
