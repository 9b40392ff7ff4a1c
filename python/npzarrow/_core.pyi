"""The compiled part of npzarrow."""

from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, Literal, TypeVar, final, overload

import arro3.core
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from npzarrow._types import MemberInfo, RowLayout, Source, TensorLayout
from npzarrow._views import NpzItems, NpzValues

__version__: str

_Default = TypeVar("_Default")

@overload
def load_npy(source: Source, *, copy: bool = False, data: None = None) -> NDArray[Any]:
    """Load one array from NPY data, as `np.save` writes it.

    The array shares the memory of a bytes-like source, aligned or not, and keeps it alive. It is writable if the
    source is, and a `bytearray` cannot be resized as long as the array lives. A path or a binary file is read into
    memory of the array's own, which is writable; a binary file is left where the array ends. The dtype (its byte
    order included), the shape and the order of the axes are those of the data; bytes behind the array are ignored.

    Follows the format of `numpy.lib.format`, versions 1.0 to 3.0, and `spdl.io.load_npy` of SPDL 0.8.

    Args:
        source: A bytes-like object whose bytes lie one behind the other, a path, or a binary file.
        copy: True for an array that is independent of the source, and writable.
        data: The name that `source` has in SPDL, of which it takes the place.

    Returns:
        The array.

    Raises:
        FormatError: The data is no NPY data, or ends too soon.
        UnsupportedDtypeError: The dtype holds Python objects, which are never loaded.
        LimitError: The header is longer than 1 MiB.
        BufferError: The bytes of the buffer do not lie one behind the other.
        TypeError: The source is none of the above.
        OSError: The file cannot be read, or is a pipe or a device; `FileNotFoundError` if there is none.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.save(file, np.arange(6.0).reshape(2, 3))
        >>> array = nz.load_npy(file.getvalue())
        >>> array
        array([[0., 1., 2.],
               [3., 4., 5.]])
        >>> array.flags.writeable
        False
    """

@overload
def load_npy(source: None = None, *, copy: bool = False, data: Source) -> NDArray[Any]: ...
@overload
def load_npz(
    source: Source,
    *,
    max_uncompressed_bytes: int = 1_073_741_824,
    verify: bool = True,
    threads: int | None = None,
    mmap: bool = False,
    data: None = None,
) -> NpzFile:
    """Open an archive of arrays, as `np.savez` and `np.savez_compressed` write it.

    Reads the directory only; each array is read, checked or inflated when it is asked for. Arrays of stored members
    share the memory of a bytes-like source as those of `load_npy` do; those of deflated members, and of paths, own
    writable memory. A binary file is read to its end, and what `read` gave is shared.

    Follows APPNOTE 6.3.10 (ZIP) within strict bounds, and `spdl.io.load_npz` of SPDL 0.8, of which it takes the place.

    Args:
        source: A bytes-like object whose bytes lie one behind the other, a path, or a binary file.
        max_uncompressed_bytes: The most bytes that all deflated members together may say they have, checked
            when the archive is opened. Stored members do not count, since they cannot expand; 0 is legal.
        verify: False skips the checksums. Each is verified once, when its member is first read.
        threads: The most threads that one call may use; None is one per core. None outlives its call.
        mmap: True maps a path instead of reading it, so that arrays share its pages. If the file is truncated
            meanwhile, touching what is gone ends the process.
        data: The name that `source` has in SPDL, of which it takes the place.

    Returns:
        A mapping from names to arrays.

    Raises:
        FormatError: The data is no archive, or one that readers could disagree about.
        LimitError: The deflated members say that they have more than `max_uncompressed_bytes`.
        ValueError: `max_uncompressed_bytes` is negative, or `threads` is less than 1.
        BufferError: The bytes of the buffer do not lie one behind the other.
        TypeError: The source is none of the above.
        OSError: The file cannot be read, or is a pipe or a device; `FileNotFoundError` if there is none.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.savez(file, x=np.arange(3), y=np.ones(2))
        >>> archive = nz.load_npz(file.getvalue())
        >>> archive.files
        ['x', 'y']
        >>> archive["x"]
        array([0, 1, 2])
    """

@overload
def load_npz(
    source: None = None,
    *,
    max_uncompressed_bytes: int = 1_073_741_824,
    verify: bool = True,
    threads: int | None = None,
    mmap: bool = False,
    data: Source,
) -> NpzFile: ...
def read_npy(
    source: Source,
    *,
    copy: bool | None = None,
    mmap: bool = False,
    rows: RowLayout = "axis0",
    tensor: TensorLayout = "fixed_shape",
    bool8: bool = False,
    string_view: bool = False,
    name: str = "",
) -> NpyArray:
    """Read one array as an Arrow array, for `pa.array`, `pl.Series` and whatever else takes Arrow arrays.

    Arrow shares the memory of the source if the elements lie at multiples of their size, in the byte order of
    this machine and in C order, and if nobody can write to the source: `bytes`, read-only maps, pyarrow buffers
    that say so, and arrays and views that are read-only down to one of these. Otherwise there is one copy, aligned
    to 64 bytes; `NpyArray.transfer` tells why. A binary file is read once, and left where the array ends.

    Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor` and `arrow.bool8`.

    Args:
        source: A bytes-like object, a path, or a binary file.
        copy: None shares where possible; False shares or raises, saying why it cannot; True copies always.
        mmap: True maps a path instead of reading it, so that its pages are shared. If the file is truncated
            meanwhile, touching what is gone ends the process.
        rows: "axis0" makes each entry of the first axis a row, "archive" the whole array one row.
        tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
            floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all.
        bool8: True makes booleans `arrow.bool8`, which shares their bytes, instead of packed bits.
        string_view: True makes text and bytes views, which share strings of more than 12 bytes.
        name: The name of the field.

    Returns:
        The array, for any number of consumers.

    Raises:
        FormatError: The data is no NPY data, or ends too soon.
        UnsupportedDtypeError: Arrow has no such type, or the dtype holds Python objects.
        LimitError: The header is longer than 1 MiB, or Arrow's offsets cannot reach as far.
        NpzarrowError: `copy=False` is impossible, or a value has no place in its Arrow type.
        BufferError: The bytes of the buffer do not lie one behind the other.
        TypeError: The source is none of the above.
        OSError: The file cannot be read, or is a pipe or a device.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.save(file, np.array(["a", "b"]))
        >>> array = nz.read_npy(file.getvalue())
        >>> array.to_polars().to_list()
        ['a', 'b']
        >>> array.transfer
        'copied: four bytes per code point become UTF-8'
    """

def read_npz(
    source: Source,
    *,
    columns: Iterable[str] | None = None,
    rows: RowLayout = "axis0",
    tensor: TensorLayout = "fixed_shape",
    copy: bool | None = None,
    verify: bool = True,
    mmap: bool = False,
    bool8: bool = False,
    string_view: bool = False,
    unsupported: Literal["raise", "skip"] = "raise",
    max_uncompressed_bytes: int = 1_073_741_824,
    threads: int | None = None,
) -> NpzBatch:
    """Read an archive as one batch of Arrow columns, for polars, pyarrow, DuckDB and arro3.

    Each array is a column, its first axis counts the rows; arrays without axes are repeated for every row. Only the
    selected members are touched. Columns share the memory of the source as the arrays of `read_npy` do; the others
    are copied once, and `NpzBatch.transfers` tells why. Members of a path are read straight into their columns.

    Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor` and `arrow.bool8`.

    Args:
        source: A bytes-like object, a path, or a binary file, which is read to its end.
        columns: The members to read, in this order, with or without `.npy`; None is every array.
        rows: "axis0" makes each entry of the first axes a row, "archive" the whole archive one row, whose cells are
            the arrays.
        tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
            floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all.
        copy: None shares where possible; False shares or raises, saying why it cannot; True copies always.
        verify: False skips the checksums.
        mmap: True maps a path instead of reading it, so that its pages are shared. If the file is truncated
            meanwhile, touching what is gone ends the process.
        bool8: True makes booleans `arrow.bool8`, which shares their bytes, instead of packed bits.
        string_view: True makes text and bytes views, which share strings of more than 12 bytes.
        unsupported: "raise", or "skip" to leave out members whose dtype Arrow cannot hold.
        max_uncompressed_bytes: The most bytes that all deflated members together may say they have, checked
            when the archive is opened. Stored members do not count, since they cannot expand; 0 is legal.
        threads: The most threads that the call may use; None is one per core.

    Returns:
        The batch, for any number of consumers.

    Raises:
        FormatError: The data is no archive, or a member is broken.
        UnsupportedDtypeError: Arrow has no type for a member, or it holds Python objects.
        ChecksumError: The bytes of a member are not those that were written.
        LimitError: A size exceeds its limit.
        NpzarrowError: The arrays differ in length, `copy=False` is impossible, or a value has no place in its type.
        KeyError: There is no array of a name in `columns`.
        ValueError: An option has a word or a number that it does not take.
        BufferError: The bytes of the buffer do not lie one behind the other.
        TypeError: The source is none of the above.
        OSError: The file cannot be read, or is a pipe or a device.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.savez(file, id=np.arange(2), image=np.zeros((2, 4, 3), "f4"), day=np.array("2024-06-07", "M8[D]"))
        >>> batch = nz.read_npz(file.getvalue(), columns=["id", "day", "image"])
        >>> batch.to_polars()
        shape: (2, 3)
        ┌─────┬────────────┬─────────────────────────────────┐
        │ id  ┆ day        ┆ image                           │
        │ --- ┆ ---        ┆ ---                             │
        │ i64 ┆ date       ┆ array[f32, (4, 3)]              │
        ╞═════╪════════════╪═════════════════════════════════╡
        │ 0   ┆ 2024-06-07 ┆ [[0.0, 0.0, 0.0], [0.0, 0.0, 0… │
        │ 1   ┆ 2024-06-07 ┆ [[0.0, 0.0, 0.0], [0.0, 0.0, 0… │
        └─────┴────────────┴─────────────────────────────────┘
        >>> batch.transfers["day"]
        'copied: one value is repeated for every row'
    """

@final
class NpzFile(Mapping[str, NDArray[Any]]):
    """The arrays of an archive by name, with or without `.npy`: a `Mapping[str, np.ndarray]`.

    Made by `load_npz`. An array is read on each access; a stored member in memory is shared each time. Any number of
    threads may use one archive, and a child after a fork, too. A context manager, which closes it.

    Raises:
        KeyError: There is no array of the name, on access.
        FormatError: The member is no array, several members have its name, or its data is broken.
        UnsupportedDtypeError: The array holds Python objects, which are never loaded.
        ChecksumError: The member's bytes are not those that were written.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.savez_compressed(file, x=np.arange(3), y=np.ones(2))
        >>> with nz.load_npz(file.getvalue()) as archive:
        ...     print(len(archive), "x" in archive, "x.npy" in archive, archive["x"].sum())
        2 True True 3
    """

    @property
    def files(self) -> list[str]:
        """The names of all entries in the order of the archive, arrays or not, without `.npy`."""

    @property
    def closed(self) -> bool:
        """True once the archive was closed."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: str, /) -> NDArray[Any]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> NpzIterator: ...
    def __enter__(self) -> NpzFile: ...
    def __exit__(self, *_exception: object) -> None: ...
    def close(self) -> None:
        """Release the source and refuse further reads; arrays that were read stay as they are."""

    @overload
    def get(self, key: str, default: None = None) -> NDArray[Any] | None:
        """Get the array of this name, or a default if there is none."""

    @overload
    def get(self, key: str, default: _Default) -> NDArray[Any] | _Default: ...
    def keys(self) -> KeysView[str]:
        """View the names."""

    def values(self) -> NpzValues:
        """View the arrays; each is read when it is reached."""

    def items(self) -> NpzItems:
        """View the names with their arrays; each is read when it is reached."""

    def _arrays(self) -> Iterator[NDArray[Any]]:
        """Iterate over the arrays."""

    def _pairs(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Iterate over the names with their arrays."""

    def load(self, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Read several arrays at once, in parallel where that pays.

        Shares and copies as single access does.

        Args:
            names: The names, with or without `.npy`, which become the keys; None is every entry that is an array.

        Returns:
            The arrays by name, in the order of `names` or of the archive.

        Raises:
            KeyError: There is no array of one of the names.
            NpzarrowError: Something is wrong with a member, or several members have one name.
            ValueError: The archive is closed.

        Example:
            >>> import io
            >>> import numpy as np
            >>> import npzarrow as nz
            >>> file = io.BytesIO()
            >>> np.savez(file, x=np.arange(3), y=np.ones(2), z=np.zeros(1))
            >>> nz.load_npz(file.getvalue()).load(["z", "x"])
            {'z': array([0.]), 'x': array([0, 1, 2])}
        """

    def info(self) -> list[MemberInfo]:
        """Describe every entry, from the directory and the headers alone.

        Returns:
            For each entry, in the order of the archive, a `MemberInfo`: dtype and shape, sizes in bytes, where its payload
            begins, and what reading it into Arrow with the default options copies, or why it cannot be read.

        Raises:
            ValueError: The archive is closed.

        Example:
            >>> import io
            >>> import numpy as np
            >>> import npzarrow as nz
            >>> file = io.BytesIO()
            >>> np.savez_compressed(file, x=np.zeros((2, 3), "f4"))
            >>> [info] = nz.load_npz(file.getvalue()).info()
            >>> info["name"], info["dtype"], info["shape"], info["transfer"]
            ('x', dtype('float32'), (2, 3), 'copied: the member is deflated')
        """

@final
class NpzIterator(Iterator[str]):
    """An iterator over the entries of an archive."""

    def __iter__(self) -> NpzIterator: ...
    def __next__(self) -> str: ...
    def __length_hint__(self) -> int: ...

@final
class NpyArray:
    """One NPY array as an Arrow array: `pa.array(x)`, `pl.Series(x)`, and all else that takes Arrow arrays.

    Made by `read_npy`. Consumers share its memory; it can be read any number of times.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import pyarrow as pa
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.save(file, np.arange(3, dtype="i4"))
        >>> array = nz.read_npy(file.getvalue())
        >>> len(array)
        3
        >>> pa.array(array).to_pylist()
        [0, 1, 2]
    """

    @property
    def field(self) -> Schema:
        """The Arrow type as a field, with its extension metadata."""

    @property
    def transfer(self) -> str:
        """How the memory came about: "shared", or "copied: " and why."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def to_polars(self) -> pl.Series:
        """Make a `polars.Series`, in which tensors keep their shape as nested arrays.

        Shares memory; polars copies text and what it has no type for.

        Raises:
            ImportError: Polars is not installed.
        """

    def to_pyarrow(self) -> pa.Array:
        """Make a `pyarrow.Array`. Shares memory.

        Raises:
            ImportError: PyArrow is not installed.
        """

    def to_arro3(self) -> arro3.core.Array:
        """Make an `arro3.core.Array`. Shares memory.

        Raises:
            ImportError: arro3-core is not installed.
        """

@final
class NpzBatch:
    """One archive as one batch of columns: `pa.record_batch(x)`, `pl.DataFrame(x)`, `duckdb.sql("from x")`.

    Made by `read_npz`. Consumers share its memory; it can be read any number of times. Where a consumer asks for a
    schema, it gets the columns in question, half floats as floats and `arrow.bool8` as booleans; for the rest the
    types stay.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import pyarrow as pa
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.savez(file, x=np.arange(3), y=np.zeros((3, 2), "f4"))
        >>> batch = nz.read_npz(file.getvalue())
        >>> batch
        <npzarrow.NpzBatch: 3 rows>
        x: Int64
        y: FixedSizeList(2 x Float32), arrow.fixed_shape_tensor {"shape":[2]}
        >>> pa.record_batch(batch).column("y").to_numpy_ndarray().shape
        (3, 2)
    """

    @property
    def schema(self) -> Schema:
        """The names and types of the columns."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    @property
    def num_columns(self) -> int:
        """The number of columns."""

    @property
    def transfers(self) -> dict[str, str]:
        """For each column how its memory came about: "shared", or "copied: " and why."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def to_polars(self) -> pl.DataFrame:
        """Make a `polars.DataFrame`, in which tensors keep their shape as nested arrays.

        `pl.DataFrame(batch)` shows tensors as extension types over flat arrays instead. Shares memory; polars copies
        text and what it has no type for.

        Raises:
            ImportError: Polars is not installed.
        """

    def to_pyarrow(self) -> pa.RecordBatch:
        """Make a `pyarrow.RecordBatch`. Shares memory.

        Raises:
            ImportError: PyArrow is not installed.
        """

    def to_arro3(self) -> arro3.core.RecordBatch:
        """Make an `arro3.core.RecordBatch`. Shares memory.

        Raises:
            ImportError: arro3-core is not installed.
        """

@final
class Schema:
    """Names and types of columns, for whatever takes Arrow schemas, such as `pa.schema`.

    The attribute `schema` of `NpzBatch` and `field` of `NpyArray`; the latter is a field alone, for `pa.field`.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import pyarrow as pa
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> np.savez(file, x=np.arange(3), t=np.zeros(3, "M8[ms]"))
        >>> schema = nz.read_npz(file.getvalue()).schema
        >>> schema.names
        ['x', 't']
        >>> pa.schema(schema).field("t").type
        TimestampType(timestamp[ms])
    """

    @property
    def names(self) -> list[str]:
        """The names of the columns."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
