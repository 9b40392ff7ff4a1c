"""NumPy's NPY and NPZ files as NumPy and Apache Arrow arrays that share the input's memory."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, ValuesView

from npzarrow._core import (
    NpyArray,
    NpzBatch,
    NpzFile,
    NpzItems,
    NpzValues,
    Schema,
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

__all__ = [
    "ChecksumError",
    "FormatError",
    "LimitError",
    "NpyArray",
    "NpzBatch",
    "NpzFile",
    "NpzarrowError",
    "Schema",
    "UnsupportedDtypeError",
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
]

Mapping.register(NpzFile)
ValuesView.register(NpzValues)
ItemsView.register(NpzItems)
