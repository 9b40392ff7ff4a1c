"""The main job on files that NumPy writes here and now: NumPy arrays, a pyarrow batch, a polars frame."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 4096


def best_of(call: Callable[[], object], rounds: int = 20) -> float:
    """Return the microseconds of the fastest round."""
    figures = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        figures.append(time.perf_counter() - started)
    return min(figures) * 1e6


def write_shards(folder: Path) -> tuple[Path, Path]:
    """Write the same arrays stored and deflated, as people do."""
    rng = np.random.default_rng(0)
    arrays = {
        "id": np.arange(ROWS),
        "label": rng.integers(0, 10, ROWS).astype(np.uint8),
        "seen": np.datetime64("2026-01-01", "s") + rng.integers(0, 10**7, ROWS),
        "features": np.round(rng.normal(size=(ROWS, 8, 16)), 2).astype(np.float32),
    }
    stored, deflated = folder / "stored.npz", folder / "deflated.npz"
    np.savez(stored, **arrays)
    np.savez_compressed(deflated, **arrays)
    return stored, deflated


def show(stored: Path, deflated: Path) -> None:
    """Load in every way and say what was shared."""
    data = stored.read_bytes()
    print("== NumPy arrays from bytes in memory ==")
    arrays = nz.load_npz(data)
    for name, array in arrays.items():
        whole = np.frombuffer(data, np.uint8)
        print(f"{name:9} {array.dtype!s:15} {array.shape!s:15} shares the bytes: {np.shares_memory(array, whole)}")

    print("\n== pyarrow ==")
    batch = nz.read_npz(data)
    table = pa.table(batch)
    print(table.schema.to_string(show_field_metadata=False))
    print(f"{table.num_rows} rows; tensor: {table['features'].chunk(0).to_numpy_ndarray().shape}")
    for name, transfer in batch.transfers.items():
        print(f"  {name:9} {transfer}")

    print("\n== polars ==")
    frame = nz.read_npz(deflated).to_polars()
    print(frame.head(3))
    print(frame.group_by("label").agg(pl.len()).sort("label").head(3))


def polars_by_numpy(path: Path) -> pl.DataFrame:
    """Make the frame without npzarrow; polars takes milliseconds at the coarsest."""
    arrays = dict(np.load(path))
    return pl.DataFrame({name: x.astype("M8[ms]") if x.dtype.kind == "M" else x for name, x in arrays.items()})


def compare(stored: Path, deflated: Path) -> None:
    """Time the same work beside NumPy."""
    print("\n== time, best of 20 ==")
    for path in (stored, deflated):
        data = path.read_bytes()
        for title, ours, theirs in [
            ("bytes to NumPy", lambda: nz.load_npz(data).load(), lambda: dict(np.load(io.BytesIO(data)))),
            ("file to polars", lambda: nz.read_npz(path).to_polars(), lambda: polars_by_numpy(path)),
        ]:
            us, them = best_of(ours), best_of(theirs)
            print(f"{path.stem:9} {title:15} npzarrow {us:7.0f} us   np.load {them:7.0f} us   {them / us:5.1f} x")


def main() -> None:
    """Run the demonstration in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        stored, deflated = write_shards(Path(folder))
        show(stored, deflated)
        compare(stored, deflated)


if __name__ == "__main__":
    main()
