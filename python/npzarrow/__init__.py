"""NumPy's NPY and NPZ files as NumPy and Apache Arrow arrays that share the input's memory.

`load_npy` and `load_npz` give NumPy arrays, `read_npy` and `read_npz` give Arrow data for polars, pyarrow, DuckDB
and whatever else takes it. All of them read bytes-like objects, paths and binary files. `write_npy` and `write_npz`
write arrays and Arrow data, so that they can be mapped; `align` rewrites archives for that. `scan_npz` sees many files as
one table, which DataFusion takes, too, and `collate_npz` stacks archives of one sample each.
"""

from __future__ import annotations

from collections.abc import Mapping

from npzarrow._core import (
    NpyArray,
    NpzBatch,
    NpzBatches,
    NpzDataset,
    NpzFile,
    NpzScan,
    NpzTableFactory,
    NpzTask,
    RecordBatch,
    Schema,
    __version__,
    align,
    collate_npz,
    load_npy,
    load_npz,
    read_npy,
    read_npz,
    scan_npz,
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
from npzarrow._types import (
    ArrowArray,
    ArrowStream,
    BinaryReader,
    BinaryWriter,
    Buffer,
    Destination,
    MemberInfo,
    ShardInfo,
    Source,
)

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
    "NpzBatches",
    "NpzDataset",
    "NpzFile",
    "NpzScan",
    "NpzTableFactory",
    "NpzTask",
    "NpzarrowError",
    "RecordBatch",
    "Schema",
    "ShardInfo",
    "Source",
    "UnsupportedDtypeError",
    "__version__",
    "align",
    "collate_npz",
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
    "scan_npz",
    "write_npy",
    "write_npz",
]

Mapping.register(NpzFile)
