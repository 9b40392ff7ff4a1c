"""The polars plugin: queries read only what they need.

The engine trusts a plugin, so the number of rows, the predicate and the columns are applied here exactly, in this
order: `head(100).filter(p)` comes with both a number and a predicate, `filter(p).head(100)` with the predicate alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npzarrow._core import NpzDataset, NpzScan

WINDOW_ROWS = 1 << 22
"""Predicates are evaluated on so many rows at a time, before the other columns are read."""


def scan(dataset: NpzDataset) -> pl.LazyFrame:
    """Make a lazy frame of a dataset."""
    source = _Source(dataset)
    return register_io_source(source, schema=source.schema, validate_schema=False, is_pure=True)


class _Source:
    """What polars calls, once for each time that a query is collected. It can be pickled as its dataset can."""

    def __init__(self, dataset: NpzDataset) -> None:
        self.dataset = dataset

    def schema(self) -> pl.Schema:
        """Read the headers, when polars asks for them."""
        return frame(self.dataset._scan(limit=0, nested=True)).schema  # noqa: SLF001 - of the same package

    def __call__(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG002 - only a hint
    ) -> Iterator[pl.DataFrame]:
        schema = self.schema()
        wanted = list(schema) if with_columns is None else with_columns
        if predicate is None:
            frames = self._read(wanted, limit=n_rows)
        else:
            tested = [name for name in schema if name in set(predicate.meta.root_names())]
            others = [name for name in wanted if name not in tested]
            # Shards that are left out have no rows to be put together by.
            if n_rows is None and tested and others and not self.dataset._skips_errors:  # noqa: SLF001
                frames = self._filter_first(predicate, tested, others)
            else:
                frames = (part.filter(predicate) for part in self._read([*tested, *others], limit=n_rows))
        empty = True
        for part in frames:
            if part.height > 0:
                empty = False
                yield part.select(wanted)
        if empty:
            yield schema.to_frame().select(wanted)

    def _read(
        self,
        columns: list[str],
        *,
        limit: int | None = None,
        shards: Sequence[int] | None = None,
    ) -> Iterator[pl.DataFrame]:
        scan = self.dataset._scan(columns=columns, limit=limit, shards=shards, nested=True)  # noqa: SLF001
        return map(pl.DataFrame, scan)

    def _filter_first(
        self,
        predicate: pl.Expr,
        tested: list[str],
        others: list[str],
    ) -> Iterator[pl.DataFrame]:
        """Read what the predicate tests; then the other columns, of the shards that have rows which pass."""
        rows = [shard["num_rows"] for shard in self.dataset.shards]
        for window in _windows(rows):
            counts = [rows[shard] for shard in window]
            frames = list(self._read(tested, shards=window))
            if not frames:
                continue
            table = pl.concat(frames)
            passes = table.select(predicate.alias("pass")).get_column("pass").fill_null(value=False)
            if passes.len() == 1 != table.height:
                # A predicate may be a literal.
                passes = passes.new_from_index(0, table.height)
            ends = pl.Series(counts, dtype=pl.Int64).cum_sum()
            hits = ends.search_sorted(passes.arg_true(), side="right").unique(maintain_order=True)
            shards = [window[hit] for hit in hits]
            if not shards:
                continue
            starts = [ends[hit] - counts[hit] for hit in hits]
            known = pl.concat([table.slice(start, counts[hit]) for start, hit in zip(starts, hits, strict=True)])
            mask = pl.concat([passes.slice(start, counts[hit]) for start, hit in zip(starts, hits, strict=True)])
            start = 0
            for other in self._read(others, shards=shards):
                part = known.slice(start, other.height).hstack(other)
                yield part.filter(mask.slice(start, other.height))
                start += other.height


def _windows(rows: list[int]) -> Iterator[list[int]]:
    """Put shards together until they have many rows."""
    window: list[int] = []
    count = 0
    for shard, number in enumerate(rows):
        window.append(shard)
        count += number
        if count >= WINDOW_ROWS:
            yield window
            window, count = [], 0
    if window:
        yield window


def frame(scan: NpzScan) -> pl.DataFrame:
    """Make a data frame of all batches; of none, an empty one."""
    frames = [pl.DataFrame(batch) for batch in scan]
    return pl.concat(frames, rechunk=False) if frames else pl.DataFrame(scan)
