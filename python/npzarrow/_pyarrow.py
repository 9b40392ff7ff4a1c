"""Record batch readers that can be interrupted, and raise what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from npzarrow._core import NpzScan


def reader(scan: NpzScan) -> pa.RecordBatchReader:
    """Make a reader that asks for one batch after the other."""
    return pa.RecordBatchReader.from_batches(pa.schema(scan.schema), map(pa.record_batch, scan))
