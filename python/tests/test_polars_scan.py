"""Queries of polars over shards: exact whatever is pushed down, and little is read."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import npzarrow as nz
from npzarrow import _polars

if TYPE_CHECKING:
    from pathlib import Path

SHARDS, ROWS = 8, 40
ENGINES: tuple[Literal["in-memory", "streaming"], ...] = ("in-memory", "streaming")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for shard in range(SHARDS):
        rng = np.random.default_rng(shard)
        path = tmp_path / f"part={shard % 2}"
        path.mkdir(exist_ok=True)
        np.savez(
            path / f"{shard}.npz",
            x=rng.normal(size=(ROWS, 2, 3)).astype("f4"),
            id=np.arange(ROWS) + shard * ROWS,
            label=rng.integers(0, 5, ROWS),
        )
    return tmp_path


@pytest.fixture
def eager(folder: Path) -> pl.DataFrame:
    """What the table holds, read by NumPy."""
    frames = []
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
            part = np.full(ROWS, int(path.parent.name[-1]))
            frames.append(pl.DataFrame({**arrays, "part": part}))
    return pl.concat(frames)


QUERIES = {
    "all": lambda frame: frame,
    "projection only": lambda frame: frame.select("label", "id"),
    "one column": lambda frame: frame.select("id"),
    "tensor only": lambda frame: frame.select("x"),
    "predicate only": lambda frame: frame.filter(pl.col("id") > 100),
    "predicate on a column that is not projected": lambda frame: frame.filter(pl.col("label") == 2).select("x"),
    "predicate on a tensor": lambda frame: frame.filter(pl.col("x").arr.get(0).arr.get(1) > 0).select("id"),
    "predicate on two": lambda frame: frame.filter(pl.col("label") == 2, pl.col("id") % 3 == 0).select("x", "id"),
    "predicate on a partition": lambda frame: frame.filter(pl.col("part") == 1).select("x", "part"),
    "predicate on columns and a literal": lambda frame: frame.filter((pl.col("label") == 2) | pl.lit(value=False)),
    "predicate that is a literal": lambda frame: frame.filter(pl.lit(value=True)),
    "predicate with nulls": lambda frame: frame.filter(pl.when(pl.col("id") > 9).then(pl.col("label") > 2)),
    "one row": lambda frame: frame.filter(pl.col("id") == 77),
    "last row of a shard": lambda frame: frame.filter(pl.col("id").is_in([39, 40, 119, 319])),
    "head": lambda frame: frame.head(45),
    "head of columns": lambda frame: frame.select("x").head(3),
    "head and filter": lambda frame: frame.head(100).filter(pl.col("label") == 2),
    "filter and head": lambda frame: frame.filter(pl.col("label") == 2).head(9),
    "tail": lambda frame: frame.tail(7),
    "slice": lambda frame: frame.slice(35, 50),
    "length": lambda frame: frame.select(pl.len()),
    "length of what passes": lambda frame: frame.filter(pl.col("label") == 2).select(pl.len()),
    "empty result": lambda frame: frame.filter(pl.col("id") < 0),
    "empty head": lambda frame: frame.head(0),
    "top": lambda frame: frame.sort("id", descending=True).head(5),
    "groups": lambda frame: frame.group_by("part", "label").agg(pl.col("id").sum()).sort("part", "label"),
    "with columns": lambda frame: frame.with_columns(pl.col("id") + 1).filter(pl.col("id") > 300),
    "join": lambda frame: frame.join(frame.select("id", other="label"), on="id").sort("id").filter(pl.col("other") > 2),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("query", sorted(QUERIES))
@pytest.mark.parametrize("options", [{}, {"batch_size": 7, "threads": 3}, {"batch_bytes": 500, "threads": 1}])
def test_queries(
    folder: Path,
    eager: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    *,
    query: str,
    engine: Literal["in-memory", "streaming"],
    options: dict[str, Any],
) -> None:
    monkeypatch.setattr(_polars, "WINDOW_ROWS", 100)
    lazy = nz.scan_npz(folder, **options).to_polars()
    expected = QUERIES[query](eager.lazy()).collect()
    for _ in range(2):
        assert_frame_equal(QUERIES[query](lazy).collect(engine=engine), expected)


def test_schema_is_lazy_and_nested(folder: Path) -> None:
    none = nz.scan_npz(folder / "none").to_polars()
    with pytest.raises(Exception, match="none"):
        none.collect_schema()
    schema = nz.scan_npz(folder).to_polars().collect_schema()
    assert schema["x"] == pl.Array(pl.Float32, (2, 3))
    assert nz.scan_npz(folder, tensor="flat").to_polars().collect_schema()["x"] == pl.Array(pl.Float32, 6)
    assert nz.scan_npz(folder).to_polars().select("x").collect()["x"].to_numpy().shape == (SHARDS * ROWS, 2, 3)


class Spy:
    """A dataset that writes down what is read."""

    def __init__(self, dataset: nz.NpzDataset) -> None:
        self.dataset = dataset
        self.reads: list[tuple[list[str], list[int] | None, int | None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dataset, name)

    def _scan(self, *, columns: list[str] | None = None, limit: int | None = None, **other: Any) -> Any:
        if limit != 0:
            self.reads.append((columns or [], other.get("shards"), limit))
        return self.dataset._scan(columns=columns, limit=limit, **other)  # noqa: SLF001


def test_only_what_is_needed_is_read(folder: Path) -> None:
    spy = Spy(nz.scan_npz(folder))
    lazy = _polars.scan(spy)  # type: ignore[arg-type]
    lazy.select("id").head(3).collect()
    assert spy.reads == [(["id"], None, 3)]
    spy.reads.clear()
    # Paths are in order of the partition: shard 1 is the fifth.
    assert lazy.filter(pl.col("id") == ROWS + 1).select("x").collect().height == 1
    assert spy.reads == [(["id"], list(range(SHARDS)), None), (["x"], [4], None)]
    spy.reads.clear()
    assert lazy.filter(pl.col("part") == 1).select("x").collect().height == SHARDS * ROWS // 2
    assert spy.reads == [(["part"], list(range(SHARDS)), None), (["x"], [4, 5, 6, 7], None)]
    spy.reads.clear()
    assert lazy.filter(pl.col("id") < 0).collect().height == 0
    assert spy.reads == [(["id"], list(range(SHARDS)), None)], "no tensor is read where nothing passes"


def test_damage_is_met_only_by_those_who_read_it(folder: Path) -> None:
    path = folder / "part=0" / "2.npz"
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    lazy = nz.scan_npz(folder).to_polars()
    assert lazy.select("id").collect().height == SHARDS * ROWS
    assert lazy.filter(pl.col("id") >= 3 * ROWS).select("x").collect().height == 5 * ROWS
    with pytest.raises(Exception, match=r"2\.npz: x\.npy: checksum"):
        lazy.select("x").collect()
    skipping = nz.scan_npz(folder, on_error="skip")
    assert skipping.to_polars().filter(pl.col("label") >= 0).select("x", "id").collect().height == (SHARDS - 1) * ROWS
    assert len(skipping.skipped) == 1


def test_duckdb_pushes_into_the_lazy_frame(folder: Path, eager: pl.DataFrame) -> None:
    spy = Spy(nz.scan_npz(folder))
    lazy = _polars.scan(spy)  # type: ignore[arg-type]
    connection = duckdb.connect()
    connection.register("shards", lazy)
    found = connection.execute("select sum(label) from shards where id >= 40 and id < 80").fetchall()
    assert found == [(eager.filter(pl.col("id").is_between(40, 79))["label"].sum(),)]
    assert "x" not in {column for columns, _, _ in spy.reads for column in columns}


def test_pickle(folder: Path) -> None:
    source = pickle.loads(pickle.dumps(_polars._Source(nz.scan_npz(folder))))  # noqa: S301, SLF001 - our own
    assert sum(frame.height for frame in source(["id"], pl.col("id") > 3, None, None)) == SHARDS * ROWS - 4
    assert sum(frame.height for frame in source(["id"], pl.col("id") > 3, 5, None)) == 1, "first the rows"


def test_head_to_polars(folder: Path) -> None:
    frame = nz.scan_npz(folder).head(3).to_polars()
    assert frame.schema["x"] == pl.Array(pl.Float32, (2, 3))
    assert frame["id"].to_list() == [0, 1, 2]
    assert pl.DataFrame(nz.scan_npz(folder)).height == SHARDS * ROWS
