"""NumPy's NPY and NPZ files as NumPy and Apache Arrow arrays that share the input's memory.

`load_npy` and `load_npz` give NumPy arrays, `read_npy` and `read_npz` give Arrow data for polars, pyarrow, DuckDB
and whatever else takes it. All of them read bytes-like objects, paths and binary files. `write_npy` and `write_npz`
write arrays and Arrow data, so that they can be mapped; `align` rewrites archives for that.
"""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, ValuesView

from npzarrow._core import (
    NpyArray,
    NpzBatch,
    NpzFile,
    NpzItems,
    NpzValues,
    Schema,
    __version__,
    align,
    load_npy,
    load_npz,
    read_npy,
    read_npz,
    write_npy,
    write_npz,
)
from npzarrow._errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NpzarrowError,
    UnsupportedDtypeError,
)
from npzarrow._types import ArrowArray, ArrowStream, BinaryReader, BinaryWriter, Buffer, Destination, MemberInfo, Source

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "BinaryReader",
    "BinaryWriter",
    "Buffer",
    "ChecksumError",
    "Destination",
    "FormatError",
    "LimitError",
    "MemberInfo",
    "NpyArray",
    "NpzBatch",
    "NpzFile",
    "NpzarrowError",
    "Schema",
    "Source",
    "UnsupportedDtypeError",
    "__version__",
    "align",
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
    "write_npy",
    "write_npz",
]

Mapping.register(NpzFile)
ValuesView.register(NpzValues)
ItemsView.register(NpzItems)
