"""Times scans and collating beside what people do today, on the same files, and prints a table.

    python python/benchmarks/scan.py                        # some minutes, 3 GB of disk
    python python/benchmarks/scan.py --shards 100 --only collate

Files are in the page cache. Each figure is the best of ROUNDS rounds in which the candidates take turns. Everything
that is read is summed up, column by column, and the sums are compared. The last rows are memory: what a fresh
process takes at its peak while it sums up a member that is much larger.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import npzarrow as nz

Candidate = Callable[[], Any]

ROWS = 2000
"""Rows of a shard of one megabyte."""


def optional(name: str) -> Any:
    """Import a module, or give None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


spdl = optional("spdl.io")


# ------------------------------------------------------------------------------------------------ files


def columns(shard: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(shard)
    return {
        "id": np.arange(ROWS, dtype=np.int64) + shard * ROWS,
        "label": rng.integers(0, 10, ROWS, dtype=np.int32),
        "score": np.round(rng.random(ROWS), 3),
        "x": np.round(rng.normal(size=(ROWS, 120)), 2).astype(np.float32),
    }


def write_shards(folder: Path, count: int) -> None:
    for kind in ("stored", "deflated"):
        (folder / kind).mkdir()
    ipc, parquet = None, None
    for shard in range(count):
        arrays = columns(shard)
        np.savez(folder / "stored" / f"{shard:05}.npz", **arrays)
        np.savez_compressed(folder / "deflated" / f"{shard:05}.npz", **arrays)
        tensors = {"x": pa.FixedShapeTensorArray.from_numpy_ndarray(arrays["x"]).storage}
        batch = pa.record_batch({name: tensors.get(name, array) for name, array in arrays.items()})
        if ipc is None:
            ipc = pa.ipc.new_file(str(folder / "all.arrow"), batch.schema)
            parquet = pq.ParquetWriter(folder / "all.parquet", batch.schema, compression="zstd")
        ipc.write_batch(batch)
        parquet.write_batch(batch)
    ipc.close()
    parquet.close()


def write_samples(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for kind, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        (folder / kind).mkdir(parents=True)
        for sample in range(256):
            image = (rng.integers(0, 64, (3, 32, 32), dtype=np.uint8)).repeat(8, 1).repeat(8, 2)
            image += rng.integers(0, 4, image.shape, dtype=np.uint8)
            save(folder / kind / f"{sample:03}.npz", image=image, label=sample)


def write_small(folder: Path, count: int) -> None:
    folder.mkdir()
    for shard in range(count):
        np.savez(folder / f"{shard:05}.npz", id=np.arange(100), x=np.zeros((100, 16), np.float32))


# ------------------------------------------------------------------------------------------------ candidates


def loop(folder: Path) -> float:
    """Load every archive and put the arrays together."""
    parts: dict[str, list[np.ndarray]] = {}
    for path in sorted(folder.iterdir()):
        with np.load(path) as archive:
            for name in archive.files:
                parts.setdefault(name, []).append(archive[name])
    return sum(float(np.concatenate(arrays).sum(dtype=np.float64)) for arrays in parts.values())


def sum_batches(batches: Iterable[pa.RecordBatch]) -> float:
    total = 0.0
    for batch in batches:
        for column in batch.columns:
            storage = getattr(column, "storage", column)
            values = storage.flatten() if pa.types.is_fixed_size_list(storage.type) else storage
            total += float(values.to_numpy().sum(dtype=np.float64))
    return total


def sum_polars(frame: pl.DataFrame) -> float:
    total = 0.0
    for column in frame.get_columns():
        for chunk in column.get_chunks():
            values = chunk.explode() if chunk.dtype == pl.Array else chunk
            total += float(values.to_numpy().sum(dtype=np.float64))
    return total


def ipc_file(folder: Path) -> float:
    with pa.OSFile(str(folder / "all.arrow")) as file:
        reader = pa.ipc.open_file(file)
        return sum_batches(reader.get_batch(index) for index in range(reader.num_record_batches))


def read_ipc(folder: Path) -> float:
    with (folder / "all.arrow").open("rb") as file:
        return sum_polars(pl.read_ipc(file))


def stacked(load: Callable[[Path], Any], folder: Path) -> dict[str, np.ndarray]:
    archives = [load(path) for path in sorted(folder.iterdir())]
    return {name: np.stack([archive[name] for archive in archives]) for name in ("image", "label")}


def load_spdl(path: Path) -> Any:
    return spdl.load_npz(path.read_bytes())


CHILD = """
import sys
import npzarrow as nz

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

nz.scan_npz(sys.argv[1]).head(1).to_pyarrow().read_all()
before, rows = peak(), 0
for batch in nz.scan_npz(sys.argv[2]).to_pyarrow():
    rows += batch.num_rows
print(peak() - before, rows)
"""


def write_sparse(path: Path, count: int) -> None:
    """Write an archive with one stored member of zeros, most of which is a hole in the file."""
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(
            member,
            {"descr": "<f4", "fortran_order": False, "shape": (count, 256)},
        )
        block = bytes(1 << 24)
        for _ in range((count << 10) >> 24):
            member.write(block)


# ------------------------------------------------------------------------------------------------ table


def measure(title: str, unit: float, rounds: int, candidates: dict[str, Candidate]) -> None:
    """Time the candidates in turns and print their best; the first is the one that others are compared with."""
    best: dict[str, float] = {}
    results = {}
    for _ in range(rounds):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            result = candidate()
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - start)
            if isinstance(result, (int, float)):
                results[name] = result
            del result
    for name, result in results.items():
        expected = next(iter(results.values()))
        if abs(result - expected) > 1e-6 * abs(expected):
            sys.exit(f"{title}: {name} gives {result}, not {expected}")
    ours = next(iter(best.values()))
    print(title)
    for name, seconds in best.items():
        print(f"    {name:<28}{seconds * unit:>10.1f}   {seconds / ours:>6.2f}×")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=1000, help="shards of one megabyte")
    parser.add_argument("--small", type=int, default=10_000, help="small shards of which only headers are read")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose titles contain this")
    parser.add_argument("--folder", type=Path, help="where files are kept between calls")
    parser.add_argument("--sparse", type=int, default=4, help="gigabytes of the member for the peak of memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        run(folder, options)


def run(folder: Path, options: argparse.Namespace) -> None:  # noqa: C901 - one part for each row of the table
    def wanted(title: str) -> bool:
        return options.only in title

    shards = folder / f"shards-{options.shards}"
    if any(wanted(f"scan {kind}") for kind in ("stored", "deflated")) and not shards.exists():
        shards.mkdir(parents=True)
        write_shards(shards, options.shards)
    for kind in ("stored", "deflated"):
        path = shards / kind
        title = f"scan {kind}, {options.shards} shards of 1 MB to pyarrow, every column summed [ms]"
        if wanted(title):
            candidates: dict[str, Candidate] = {
                "npzarrow": lambda: sum_batches(nz.scan_npz(path).to_pyarrow()),
                "np.load + concatenate": lambda: loop(path),
                "Arrow IPC, no map": lambda: ipc_file(shards),
                "Parquet (zstd)": lambda: sum_batches(pq.ParquetFile(shards / "all.parquet").iter_batches()),
            }
            measure(title, 1e3, options.rounds, candidates)
        title = f"scan {kind}, {options.shards} shards of 1 MB to polars, every column summed [ms]"
        if wanted(title):
            candidates = {
                "npzarrow": lambda: sum_polars(nz.scan_npz(path).to_polars().collect()),
                "np.load + concatenate": lambda: loop(path),
                "Arrow IPC, no map": lambda: read_ipc(shards),
                "Parquet (zstd)": lambda: sum_polars(pl.read_parquet(shards / "all.parquet")),
            }
            measure(title, 1e3, options.rounds, candidates)
    title = f"num_rows of {options.small} shards [ms]"
    if wanted(title):
        small = folder / f"small-{options.small}"
        if not small.exists():
            write_small(small, options.small)
        candidates = {
            "npzarrow": lambda: nz.scan_npz(small).num_rows,
            "np.load, one member": lambda: sum(np.load(path)["id"].shape[0] for path in small.iterdir()),
        }
        measure(title, 1e3, 1, candidates)
    samples = folder / "samples"
    for kind in ("stored", "deflated"):
        title = f"collate {kind}, 256 samples of uint8 3×256×256 and a label [ms]"
        if wanted(title):
            if not samples.exists():
                write_samples(samples)
            path = samples / kind
            candidates = {"npzarrow": lambda: nz.collate_npz(sorted(path.iterdir()))}
            if spdl:
                candidates["SPDL + np.stack"] = lambda: stacked(load_spdl, path)
            candidates["np.load + np.stack"] = lambda: stacked(np.load, path)
            measure(title, 1e3, options.rounds, candidates)
    title = f"peak memory of a scan of {options.sparse} GB [MB]"
    if wanted(title) and Path("/proc/self/status").exists():
        tiny, large = folder / "tiny.npz", folder / f"large-{options.sparse}.npz"
        np.savez(tiny, x=np.zeros((4, 256), np.float32))
        if not large.exists():
            write_sparse(large, options.sparse << 20)
        command = [sys.executable, "-c", CHILD, str(tiny), str(large)]
        taken, rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        print(title)
        print(f"    npzarrow, {int(rows)} rows {int(taken) / 1e6:>24.0f}\n")


if __name__ == "__main__":
    main()
