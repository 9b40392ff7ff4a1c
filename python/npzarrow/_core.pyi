"""The compiled part of npzarrow."""

from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from typing import Any, Literal, TypeVar, final, overload

import arro3.core
import polars as pl
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from npzarrow._types import (
    ArrowArray,
    ArrowStream,
    Destination,
    MemberInfo,
    Path,
    RowLayout,
    ShardInfo,
    Source,
    TensorLayout,
)
from npzarrow._views import NpzItems, NpzValues

__version__: str

_Default = TypeVar("_Default")

@overload
def load_npy(
    source: Source, *, copy: bool = False, storage_options: dict[str, str] | None = None, data: None = None
) -> NDArray[Any]:
    """Load one array from NPY data, as `np.save` writes it.

    The array shares the memory of a bytes-like source, aligned or not, and keeps it alive. It is writable if the
    source is, and a `bytearray` cannot be resized as long as the array lives. A path or a binary file is read into
    memory of the array's own, which is writable; a binary file is left where the array ends. The dtype (its byte
    order included), the shape and the order of the axes are those of the data; bytes behind the array are ignored.

    Follows the format of `numpy.lib.format`, versions 1.0 to 3.0, and `spdl.io.load_npy` of SPDL 0.8.

    Args:
        source: A bytes-like object whose bytes lie one behind the other, a path, a URL, or a binary file.
        copy: True for an array that is independent of the source, and writable.
        storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
            those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
            one request may cost.
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
def load_npy(
    source: None = None, *, copy: bool = False, storage_options: dict[str, str] | None = None, data: Source
) -> NDArray[Any]: ...
@overload
def load_npz(
    source: Source,
    *,
    max_uncompressed_bytes: int = 1_073_741_824,
    verify: bool = True,
    threads: int | None = None,
    mmap: bool = False,
    storage_options: dict[str, str] | None = None,
    data: None = None,
) -> NpzFile:
    """Open an archive of arrays, as `np.savez` and `np.savez_compressed` write it.

    Reads the directory only; each array is read, checked or inflated when it is asked for. Arrays of stored members
    share the memory of a bytes-like source as those of `load_npy` do; those of deflated members, and of paths, own
    writable memory. A binary file is read to its end, and what `read` gave is shared.

    Follows APPNOTE 6.3.10 (ZIP) within strict bounds, and `spdl.io.load_npz` of SPDL 0.8, of which it takes the place.

    Args:
        source: A bytes-like object whose bytes lie one behind the other, a path, a URL, or a binary file.
        max_uncompressed_bytes: The most bytes that all deflated members together may say they have, checked
            when the archive is opened. Stored members do not count, since they cannot expand; 0 is legal.
        verify: False skips the checksums. Each is verified once, when its member is first read.
        threads: The most threads that one call may use; None is one per core. None outlives its call.
        mmap: True maps a path instead of reading it, so that arrays share its pages. If the file is truncated
            meanwhile, touching what is gone ends the process.
        storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
            those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
            one request may cost.
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
    storage_options: dict[str, str] | None = None,
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
    storage_options: dict[str, str] | None = None,
) -> NpyArray:
    """Read one array as an Arrow array, for `pa.array`, `pl.Series` and whatever else takes Arrow arrays.

    Arrow shares the memory of the source if the elements lie at multiples of their size, in the byte order of
    this machine and in C order, and if nobody can write to the source: `bytes`, read-only maps, pyarrow buffers
    that say so, and arrays and views that are read-only down to one of these. Otherwise there is one copy, aligned
    to 64 bytes; `NpyArray.transfer` tells why. A binary file is read once, and left where the array ends.

    Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor`,
    `arrow.variable_shape_tensor` and `arrow.bool8`.

    Args:
        source: A bytes-like object, a path, a URL, or a binary file.
        copy: None shares where possible; False shares or raises, saying why it cannot; True copies always.
        mmap: True maps a path instead of reading it, so that its pages are shared. If the file is truncated
            meanwhile, touching what is gone ends the process.
        rows: "axis0" makes each entry of the first axis a row, "archive" the whole array one row.
        tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
            floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all;
            "variable" is `arrow.variable_shape_tensor`, a struct of the elements and the shape, for rows="archive".
        bool8: True makes booleans `arrow.bool8`, which shares their bytes, instead of packed bits.
        string_view: True makes text and bytes views, which share strings of more than 12 bytes.
        name: The name of the field.
        storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
            those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
            one request may cost.

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
    storage_options: dict[str, str] | None = None,
) -> NpzBatch:
    """Read an archive as one batch of Arrow columns, for polars, pyarrow, DuckDB and arro3.

    Each array is a column, its first axis counts the rows; arrays without axes are repeated for every row. Only the
    selected members are touched. Columns share the memory of the source as the arrays of `read_npy` do; the others
    are copied once, and `NpzBatch.transfers` tells why. Members of a path are read straight into their columns.

    Follows the Arrow columnar format 1.5 with its canonical extensions `arrow.fixed_shape_tensor`,
    `arrow.variable_shape_tensor` and `arrow.bool8`.

    Args:
        source: A bytes-like object, a path, a URL, or a binary file, which is read to its end.
        columns: The members to read, in this order, with or without `.npy`; None is every array.
        rows: "axis0" makes each entry of the first axes a row, "archive" the whole archive one row, whose cells are
            the arrays.
        tensor: What the axes behind the rows become: "fixed_shape" is `arrow.fixed_shape_tensor` for integers and
            floats and nested lists for all else, "nested" is one fixed-size list per axis, "flat" one of them all;
            "variable" is `arrow.variable_shape_tensor`, a struct of the elements and the shape, for rows="archive".
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
        storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
            those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
            one request may cost.

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

def scan_npz(
    source: Path | Sequence[Path],
    *,
    columns: Sequence[str] | None = None,
    rows: RowLayout = "axis0",
    tensor: TensorLayout = "fixed_shape",
    batch_size: int | None = None,
    batch_bytes: int = 33_554_432,
    hive: bool = True,
    include_file_paths: str | None = None,
    row_index: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    widen: bool = False,
    progress: Callable[[int, int], object] | None = None,
    verify: bool = True,
    mmap: bool = False,
    bool8: bool = False,
    string_view: bool = False,
    unsupported: Literal["raise", "skip"] = "raise",
    max_uncompressed_bytes: int = 1_073_741_824,
    threads: int | None = None,
    storage_options: dict[str, str] | None = None,
) -> NpzDataset:
    """See many shards as one table: files, globs, and directories with all below them.

    Nothing is read before something is asked for. Members become columns as `read_npz` makes them; a column that is
    missing in some shards is null there. Only the members of columns that are asked for are read, several shards at
    once, and their rows come in order: shards by the bytes of their paths, in a list as it stands. What is read ahead
    takes at most `threads` + 2 times `batch_bytes`, whatever the size of shards: larger members are read, or inflated, as
    streams, and their checksums are verified at their end. Members in Fortran order that are deflated are held whole.

    Args:
        source: A path or a URL, a glob (`*`, `?`, `[ab]`; `**` for any directories), a directory, or a list of them. Below
            directories, `.npz` and `.npy` files count whose names, and those of the directories between, begin neither
            with `.` nor with `_`. A bare `.npy` file is one column, `data`, or one for each field of its records.
        columns: The members to read, in this order, with or without `.npy`; None is every array.
        rows: "axis0" makes each entry of the first axes a row, "archive" makes each archive one row, whose cells are the
            arrays.
        tensor: As for `read_npz`; `to_polars` makes nested lists of "fixed_shape". With "variable", archives may differ in
            the shapes of their arrays.
        batch_size: The most rows of a batch; None is as many as `batch_bytes` allow.
        batch_bytes: The bytes that batches aim at: small shards are put together, large ones split.
        hive: False takes directories named `key=value` for what they are, and makes no columns of them.
        include_file_paths: The name of a column with the path of each row's shard.
        row_index: The name of a column that counts the rows over all shards.
        on_error: "raise", or "skip" to leave out shards that cannot be read; `NpzDataset.skipped` has them.
        widen: True lets shards differ in the width of integers, or of floats; the column has the widest.
        progress: Called with the rows that have been read and those there are, after every batch of `to_polars`,
            `to_pyarrow` and iteration, on the thread that asked for it.
        verify: False skips the checksums. Those of rows out of the middle of a member are never compared.
        mmap: As for `read_npz`.
        bool8: As for `read_npz`.
        string_view: As for `read_npz`.
        unsupported: As for `read_npz`.
        max_uncompressed_bytes: The most bytes that one deflated member may say it has if it must be held whole.
        threads: The most threads that read; None is one per core. They end with the stream that they read for.
        storage_options: For URLs: keys, regions, endpoints and so on, as the crate `object_store` names them, beside
            those of the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`); `max_retries` and `retry_timeout_ms` bound what
            one request may cost.

    Returns:
        The table.

    Raises:
        ValueError: An option has a word or a number that it does not take.
        TypeError: A source is no path.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> import pyarrow as pa
        >>> folder = tempfile.mkdtemp()
        >>> for i in range(3):
        ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, image=np.zeros((2, 4, 4, 3), "u1"))
        >>> dataset = nz.scan_npz(f"{folder}/*.npz", columns=["id"], row_index="row")
        >>> dataset.num_rows
        6
        >>> pa.table(dataset).to_pydict()
        {'id': [0, 1, 2, 3, 4, 5], 'row': [0, 1, 2, 3, 4, 5]}
    """

def collate_npz(
    sources: Iterable[Source],
    *,
    columns: Sequence[str] | None = None,
    verify: bool = True,
    max_uncompressed_bytes: int = 1_073_741_824,
    threads: int | None = None,
    storage_options: dict[str, str] | None = None,
) -> dict[str, NDArray[Any]]:
    """Stack the arrays of one-sample archives on a new first axis: a batch for training.

    What `np.stack([np.load(source)[name] for source in sources])` gives for each name, without an array per sample in
    between: members are read or inflated straight into the batch, on several threads. Samples in Fortran order become C
    order.

    Args:
        sources: Bytes-like objects, paths, URLs or binary files; each is an archive, and all have arrays of the same
            dtypes and shapes.
        columns: The arrays to stack, with or without `.npy`; None is every array, and then the archives must not differ
            in which they have.
        verify: False skips the checksums.
        max_uncompressed_bytes: The most bytes that the deflated members of one archive together may say they have.
        threads: The most threads that the call may use; None is one per core. None outlives its call.
        storage_options: For URLs, as in `load_npz`.

    Returns:
        The stacked arrays by name, in the order of `columns` or of the first archive. They own writable memory.

    Raises:
        FormatError: A source is no archive, or a member is broken.
        UnsupportedDtypeError: A member holds Python objects, which are never loaded.
        ChecksumError: The bytes of a member are not those that were written.
        LimitError: A size exceeds its limit.
        NpzarrowError: The samples differ in dtype, shape or arrays.
        KeyError: An archive has no array of a name.
        ValueError: There are no sources, or an option has a number that it does not take.
        BufferError: The bytes of a buffer do not lie one behind the other.
        TypeError: A source is none of the above.
        OSError: A file or an object cannot be read.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> samples = []
        >>> for label in range(4):
        ...     file = io.BytesIO()
        ...     np.savez(file, image=np.full((2, 3), label, "u1"), label=label)
        ...     samples.append(file.getvalue())
        >>> batch = nz.collate_npz(samples)
        >>> batch["label"], batch["image"].shape
        (array([0, 1, 2, 3]), (4, 2, 3))
    """

def _run(arguments: list[str]) -> int: ...
def write_npy(
    dest: Destination,
    array: ArrayLike | ArrowArray | ArrowStream,
    *,
    nulls: Literal["raise", "nan"] = "raise",
    storage_options: dict[str, str] | None = None,
) -> None:
    """Write one array as `.npy`: a NumPy array bit for bit as `np.save` does, or an Arrow array.

    A NumPy array keeps its dtype and its order; anything that `np.asarray` takes is one. Arrow arrays (of pyarrow,
    polars, arro3, and whatever else has `__arrow_c_array__` or `__arrow_c_stream__`) become what `write_npz` says. A
    path has the whole file or what it had before. The array must not be written to meanwhile.

    Follows the format of `numpy.lib.format`, in the lowest of the versions 1.0 to 3.0 that can hold the dtype.

    Args:
        dest: A path, a URL of an object store, or a binary file, which is written to from where it is.
        array: The array.
        nulls: What becomes of nulls of Arrow that are no NaT: "raise", or "nan" for floats.
        storage_options: For URLs, as in `load_npz`.

    Raises:
        UnsupportedDtypeError: The dtype holds Python objects, or NumPy has no dtype for the type.
        NpzarrowError: The values are of no shape, or null where they cannot be.
        ValueError: An option has a word that it does not take.
        TypeError: The destination is neither a path nor a file.
        OSError: The file cannot be written.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> nz.write_npy(file, np.arange(3))
        >>> file.seek(0)
        0
        >>> np.load(file)
        array([0, 1, 2])
    """

def write_npz(
    dest: Destination,
    data: Mapping[str, ArrayLike] | ArrowArray | ArrowStream,
    *,
    compression: Literal["deflate"] | None = None,
    level: int | None = None,
    align: int = 64,
    nulls: Literal["raise", "nan", "mask"] = "raise",
    threads: int | None = None,
    storage_options: dict[str, str] | None = None,
) -> None:
    """Write arrays or a table as `.npz`, in which every payload begins at a multiple of 64 bytes, so that it can be mapped.

    `np.load` and any ZIP tool read it; `read_npz(path, mmap=True)` and `load_npz(path, mmap=True)` share its pages.

    A mapping of NumPy arrays is written bit for bit. Tables, batches and streams of Arrow (of pyarrow, polars, DuckDB,
    arro3, and whatever else has `__arrow_c_array__` or `__arrow_c_stream__`) become one array per column: tensors,
    fixed-size lists and lists of one length give axes; timestamps, dates and durations `datetime64` and `timedelta64`,
    null as NaT; text and bytes `U` and `S` of the longest value; structs structured dtypes. All else, ragged lists and
    decimals for instance, is an error that names the column. Of a stream one batch is held in memory: columns grow in
    temporary files beside the destination.

    A path or URL has the whole file or what it had before; nothing is appended to its name. Arrays must not be written
    to meanwhile. Equal arrays make equal files.

    Follows APPNOTE 6.3 of ZIP (zip64 where needed, the extra field 0xa11e for the alignment) and `numpy.lib.format`.

    Args:
        dest: A path, a URL of an object store, or a binary file, which is written to from where it is and needs no
            seeking.
        data: A mapping of names to arrays, or Arrow data.
        compression: None stores, "deflate" compresses on all threads; what hardly becomes smaller is stored.
        level: From 1 (fast) to 9 (small); None chooses what makes files as small as those of `np.savez_compressed`.
        align: Payloads of stored members begin at multiples of this many bytes, a power of two up to 32768.
        nulls: What becomes of nulls of Arrow that are no NaT: "raise"; "nan" for floats; "mask" writes zeros, and an
            array beside it, named as the column with `_mask` behind, that is true where a value is missing.
        threads: The most threads that the call may use; None is one per core.
        storage_options: For URLs, as in `load_npz`.

    Raises:
        UnsupportedDtypeError: A dtype holds Python objects, or NumPy has no dtype for a type.
        NpzarrowError: A name is empty, given twice or too long, or values are of no shape, or null where they cannot be.
        ValueError: An option has a word or a number that it does not take.
        TypeError: The data or the destination is none of the above.
        OSError: The file cannot be written.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file = io.BytesIO()
        >>> nz.write_npz(file, {"id": np.arange(2), "image": np.zeros((2, 4, 3), "f4")})
        >>> with nz.load_npz(file.getvalue()) as arrays:
        ...     [(info["name"], info["offset"], info["aligned"]) for info in arrays.info()]
        [('id', 192, True), ('image', 384, True)]
    """

def align(source: Source, dest: Destination, *, align: int = 64, storage_options: dict[str, str] | None = None) -> None:
    """Rewrite an archive so that its payloads begin at multiples of 64 bytes, and can be mapped.

    Members are copied as they are: nothing is inflated or compressed, and what is no array is kept. The checksums of
    stored members are verified. A path has the whole file or what it had before, and may be that of the source.

    Args:
        source: The archive: a bytes-like object, a path, a URL, or a binary file, which is read to its end.
        dest: A path, a URL of an object store, or a binary file, which is written to from where it is.
        align: The multiple, a power of two up to 32768.
        storage_options: For URLs, as in `load_npz`.

    Raises:
        FormatError: The source is no archive, or a member is broken.
        ChecksumError: The bytes of a stored member are not those that were written.
        NpzarrowError: Two members have the same name.
        TypeError: The source or the destination is none of the above.
        OSError: A file cannot be read or written.

    Example:
        >>> import io
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> file, aligned = io.BytesIO(), io.BytesIO()
        >>> np.savez(file, x=np.arange(3))
        >>> nz.align(file.getvalue(), aligned)
        >>> [nz.load_npz(f.getvalue()).info()[0]["aligned"] for f in (file, aligned)]
        [False, True]
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
class NpzDataset:
    """Many shards as one table: for polars, pyarrow, DuckDB, and whatever else takes an Arrow stream.

    Made by `scan_npz`. Nothing is read until something is asked for; the schema, the number of rows and the plan then
    come from headers alone, which are read once. Each stream reads the shards anew. It can be pickled, and is then made
    of the same sources elsewhere; `progress` is left behind.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> folder = tempfile.mkdtemp()
        >>> for i in range(3):
        ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, x=np.full((2, 3), i, "f4"))
        >>> dataset = nz.scan_npz(folder)
        >>> dataset
        <npzarrow.NpzDataset: 3 shards, 6 rows>
        id: Int64
        x: FixedSizeList(3 x Float32), arrow.fixed_shape_tensor {"shape":[3]}
        >>> import polars as pl
        >>> dataset.to_polars().filter(pl.col("id") > 3).select(pl.col("x").arr.sum()).collect()["x"].to_list()
        [6.0, 6.0]
        >>> import datafusion
        >>> session = datafusion.SessionContext()
        >>> session.register_table("shards", dataset)
        >>> session.sql("SELECT id, x[2] AS x FROM shards WHERE id > 3 ORDER BY id").to_pydict()
        {'id': [4, 5], 'x': [2.0, 2.0]}
    """

    @property
    def schema(self) -> Schema:
        """The names and types of the columns."""

    @property
    def num_rows(self) -> int:
        """The number of rows, from headers alone."""

    @property
    def shards(self) -> list[ShardInfo]:
        """What the headers of each shard say, as a list of `ShardInfo`."""

    @property
    def skipped(self) -> list[str]:
        """Why shards were left out under `on_error="skip"`: in the schema, and by the scans so far."""

    @property
    def _skips_errors(self) -> bool: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __datafusion_table_provider__(self, session: object | None = None) -> object:
        """Make a table provider, when `datafusion.SessionContext.register_table` asks for it.

        The shards are found anew for every query, the columns are those of this dataset. The session must live as long as its queries do.

        Raises:
            ImportError: The package `datafusion` is not installed, or is of another major version.
        """

    def __reduce__(self) -> tuple[object, ...]: ...
    def head(self, n: int = 5, *, columns: Sequence[str] | None = None) -> NpzScan:
        """Select the first rows, for any consumer of Arrow streams.

        Only the shards that have them are read, and of stored members only these rows.

        Args:
            n: How many rows.
            columns: The columns; None is all.
        """

    def plan(self, target_bytes: int | None = None) -> list[NpzTask]:
        """Cut the table into tasks that can be pickled and read anywhere: one for each shard.

        Args:
            target_bytes: The size that tasks aim at, in bytes of payload: larger shards are split by rows if none of
                their members is deflated, smaller shards are put together.

        Returns:
            The tasks, in the order of the rows.
        """

    def read(self, task: NpzTask, *, columns: Sequence[str] | None = None) -> NpzScan:
        """Read one task, of this dataset or of one that was pickled with it, for any consumer of Arrow streams.

        Args:
            task: One of those that `plan` made.
            columns: The columns; None is all.
        """

    def to_polars(self) -> pl.LazyFrame:
        """Make a `polars.LazyFrame`, in which tensors keep their shape as nested arrays.

        Queries read only the columns that they need, and stop where they have enough rows. The other columns are read
        only from shards in which a row passes the filter.

        Raises:
            ImportError: Polars is not installed.
        """

    def to_pyarrow(self) -> pa.RecordBatchReader:
        """Make a `pyarrow.RecordBatchReader`.

        Raises:
            ImportError: PyArrow is not installed.
        """

    def _scan(
        self,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        shards: Sequence[int] | None = None,
        nested: bool = False,
    ) -> NpzScan: ...
    def _set_columns(self, columns: str) -> None: ...

@final
class NpzScan:
    """Rows of a dataset, for any consumer of Arrow streams, any number of times.

    Made by `NpzDataset.head` and `NpzDataset.read`. Each stream reads anew.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> import pyarrow as pa
        >>> folder = tempfile.mkdtemp()
        >>> np.savez(f"{folder}/a.npz", id=np.arange(1000))
        >>> rows = nz.scan_npz(folder).head(3)
        >>> rows.schema.names
        ['id']
        >>> pa.table(rows)["id"].to_pylist()
        [0, 1, 2]
    """

    @property
    def schema(self) -> Schema:
        """The names and types of the columns."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __iter__(self) -> NpzBatches: ...
    def to_polars(self) -> pl.DataFrame:
        """Make a `polars.DataFrame`, in which tensors keep their shape as nested arrays.

        Raises:
            ImportError: Polars is not installed.
        """

    def to_pyarrow(self) -> pa.RecordBatchReader:
        """Make a `pyarrow.RecordBatchReader`.

        Raises:
            ImportError: PyArrow is not installed.
        """

@final
class NpzBatches(Iterator[RecordBatch]):
    """An iterator over the batches of a scan, each of which is a `RecordBatch` for any consumer of Arrow arrays."""

    def __iter__(self) -> NpzBatches: ...
    def __next__(self) -> RecordBatch: ...

@final
class RecordBatch:
    """One batch."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

@final
class NpzTableFactory:
    """Makes tables of `CREATE EXTERNAL TABLE … STORED AS NPZ` in DataFusion, once it is registered under that name.

    `LOCATION` takes what `scan_npz` takes; directories named `key=value` become columns, of which `PARTITIONED BY` chooses
    some. `OPTIONS` are `rows`, `tensor`, `columns`, `string_view`, `bool8`, `unsupported`, `widen`, `verify` and
    `max_uncompressed_bytes`, with the values that `scan_npz` takes. Columns that are declared are cast to their types, and
    null where shards do not have them. The shards are listed for every query. The table is read-only.
    The session must live as long as its queries do.

    Args:
        storage_options: For URLs, as for `scan_npz`; the object stores of the session are not asked.

    Example:
        >>> import tempfile
        >>> import datafusion
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> folder = tempfile.mkdtemp()
        >>> for i in range(3):
        ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2, x=np.full((2, 3), i, "f4"))
        >>> session = datafusion.SessionContext()
        >>> session.register_table_factory("NPZ", nz.NpzTableFactory())
        >>> table = session.sql(f"CREATE EXTERNAL TABLE shards STORED AS NPZ LOCATION '{folder}/*.npz'")
        >>> session.sql("SELECT sum(id) AS total FROM shards WHERE array_sum(x) > 1").to_pydict()
        {'total': [14]}
    """

    def __new__(cls, storage_options: dict[str, str] | None = None) -> NpzTableFactory: ...
    def __datafusion_table_provider_factory__(self, session: object | None = None) -> object:
        """Make a factory of table providers, when `datafusion.SessionContext.register_table_factory` asks for it.

        Raises:
            ImportError: The package `datafusion` is not installed, or is of another major version.
        """

@final
class NpzTask:
    """A part of a dataset: rows of one shard or of several, to be read anywhere with `NpzDataset.read`.

    Made by `NpzDataset.plan`. It can be pickled, and knows the size and the age of its shards, so that reading another
    file than the one that was planned is an error.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import npzarrow as nz
        >>> import pyarrow as pa
        >>> folder = tempfile.mkdtemp()
        >>> for i in range(3):
        ...     np.savez(f"{folder}/{i}.npz", id=np.arange(2) + i * 2)
        >>> dataset = nz.scan_npz(folder)
        >>> tasks = dataset.plan()
        >>> [(task.first_row, task.num_rows, task.num_bytes) for task in tasks]
        [(0, 2, 16), (2, 2, 16), (4, 2, 16)]
        >>> pa.table(dataset.read(tasks[1]))["id"].to_pylist()
        [2, 3]
    """

    @property
    def paths(self) -> list[str]:
        """The shards, in order."""

    @property
    def first_row(self) -> int:
        """The number of the first row over all shards."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    @property
    def num_bytes(self) -> int:
        """The bytes of the payloads of all columns."""

    def __reduce__(self) -> tuple[object, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
