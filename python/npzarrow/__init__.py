"""NumPy's NPY and NPZ files as NumPy and Apache Arrow arrays that share the input's memory.

`load_npy` and `load_npz` give NumPy arrays, `read_npy` and `read_npz` give Arrow data for polars, pyarrow, DuckDB
and whatever else takes it. All of them read bytes-like objects, paths and binary files.
"""

from __future__ import annotations

from collections.abc import Mapping

from npzarrow._core import (
    NpyArray,
    NpzBatch,
    NpzFile,
    Schema,
    __version__,
    load_npy,
    load_npz,
    read_npy,
    read_npz,
)
from npzarrow._errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NpzarrowError,
    UnsupportedDtypeError,
)
from npzarrow._types import BinaryReader, Buffer, MemberInfo, Source

__all__ = [
    "BinaryReader",
    "Buffer",
    "ChecksumError",
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
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
]

Mapping.register(NpzFile)
