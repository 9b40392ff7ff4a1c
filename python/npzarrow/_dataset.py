"""Datasets that come out of a pickle."""

from __future__ import annotations

from typing import Any

from npzarrow._core import NpzDataset, scan_npz


def restore(sources: list[str], arguments: dict[str, Any], columns: str | None) -> NpzDataset:
    """Make the dataset again; its columns come with it, so that tasks are read without a look at other shards."""
    dataset = scan_npz(sources, **arguments)
    if columns is not None:
        dataset._set_columns(columns)  # noqa: SLF001 - of the same package
    return dataset
