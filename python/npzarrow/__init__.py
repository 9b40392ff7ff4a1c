"""NumPy's NPY and NPZ files as NumPy and Apache Arrow arrays that share the input's memory.

`load_npy` and `load_npz` give NumPy arrays, `read_npy` and `read_npz` give Arrow data for polars, pyarrow, DuckDB
and whatever else takes it. All of them read bytes-like objects, paths and binary files. `scan_npz` sees many files as
one table, and `collate_npz` stacks archives of one sample each.
"""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, ValuesView

from npzarrow._core import (
    NpyArray,
    NpzBatch,
    NpzBatches,
    NpzDataset,
    NpzFile,
    NpzItems,
    NpzScan,
    NpzTask,
    NpzValues,
    RecordBatch,
    Schema,
    __version__,
    collate_npz,
    load_npy,
    load_npz,
    read_npy,
    read_npz,
    scan_npz,
)
from npzarrow._errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NpzarrowError,
    UnsupportedDtypeError,
)
from npzarrow._types import BinaryReader, Buffer, MemberInfo, ShardInfo, Source

__all__ = [
    "BinaryReader",
    "Buffer",
    "ChecksumError",
    "FormatError",
    "LimitError",
    "MemberInfo",
    "NpyArray",
    "NpzBatch",
    "NpzBatches",
    "NpzDataset",
    "NpzFile",
    "NpzScan",
    "NpzTask",
    "NpzarrowError",
    "RecordBatch",
    "Schema",
    "ShardInfo",
    "Source",
    "UnsupportedDtypeError",
    "__version__",
    "collate_npz",
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
    "scan_npz",
]

Mapping.register(NpzFile)
ValuesView.register(NpzValues)
ItemsView.register(NpzItems)
