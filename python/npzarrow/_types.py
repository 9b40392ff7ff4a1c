"""The types of arguments and results."""

from __future__ import annotations

import os
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np  # noqa: TC002 - `typing.get_type_hints` needs it
from numpy.typing import NDArray

RowLayout: TypeAlias = Literal["axis0", "archive"]
TensorLayout: TypeAlias = Literal["fixed_shape", "nested", "flat", "variable"]


class Buffer(Protocol):
    """An object with memory: `bytes`, `bytearray`, `memoryview`, `mmap`, NumPy and Arrow buffers, and others."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class BinaryReader(Protocol):
    """An object that is read: a file in binary mode, `io.BytesIO`, and others."""

    def read(self, size: int = ..., /) -> Buffer:
        """Give at most `size` bytes; none at the end. All that are left if `size` is not given."""


class BinaryWriter(Protocol):
    """An object that is written to: a file in binary mode, `io.BytesIO`, and others."""

    def write(self, data: bytes, /) -> int | None:
        """Take bytes, and say how many of them; None is all."""


class ArrowArray(Protocol):
    """An Arrow array or record batch: of pyarrow, arro3, nanoarrow, or this package."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """Arrow arrays or record batches one after the other: tables and frames of pyarrow, polars, DuckDB and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Path: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes]
Source: TypeAlias = Buffer | NDArray[Any] | Path | BinaryReader
"""What arrays and archives are read from: memory, a path, a URL, or a binary file."""


class ShardInfo(TypedDict):
    """One shard of a dataset, as its headers describe it.

    Attributes:
        path: The file, as it was found.
        num_rows: The number of rows.
        size: The bytes of the file.
        num_bytes: The bytes of the payloads of all columns.
        columns: The names of the columns.
    """

    path: str
    num_rows: int
    size: int
    num_bytes: int
    columns: list[str]


Destination: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | BinaryWriter
"""What arrays and archives are written to: a path, a URL of an object store, or a binary file."""


class MemberInfo(TypedDict):
    """One entry of an archive, as its directory and its header describe it.

    Attributes:
        name: The name of the entry, without `.npy`.
        dtype: The dtype; None if the entry is no array that can be read.
        shape: The lengths of the axes, in elements; None if the entry is no array that can be read.
        order: "C" if the last axis changes fastest, "F" if the first one does.
        method: "stored", "deflated", or the number of a method that cannot be read.
        compressed_size: The bytes that the entry takes in the archive.
        size: The bytes that it has uncompressed, the NPY header included.
        offset: The byte of the archive at which the elements begin; None unless they are stored.
        aligned: True if that is a multiple of 64 bytes, so that a map can be shared whatever the dtype.
        transfer: "shared" or "copied: " and why, if it is read into Arrow; None if Arrow cannot hold it.
        error: Why the entry cannot be read, or not into Arrow; None if nothing is wrong with its header.
    """

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int, ...] | None
    order: Literal["C", "F"] | None
    method: str
    compressed_size: int
    size: int
    offset: int | None
    aligned: bool
    transfer: str | None
    error: str | None
