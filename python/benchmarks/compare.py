"""Times npzarrow beside NumPy, SPDL and what is done by hand, in one process on the same bytes, and prints a table.

    python python/benchmarks/compare.py                     # everything, in some two minutes
    python python/benchmarks/compare.py --only tiny --markdown --json figures.json

Each figure is the best of ROUNDS rounds. Within a round the candidates take turns, so that a machine that slows
down slows all of them. What each candidate gives is compared with NumPy's values before it is timed. "First" is
the first call of all, which finds cold caches, unimported modules and memory that was never touched.

"Plain" is what can be done by hand: a view, zlib alone, a copy of all bytes, one read.
SPDL, polars and pyarrow are left out where they are not installed. The last rows are memory: what a fresh process
takes at its peak beyond its imports, in payloads.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import npzarrow as nz

Candidate = Callable[[], object]


def optional(name: str) -> Any:
    """Import a module, or give None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


spdl = optional("spdl.io")
pl = optional("polars")
pa = optional("pyarrow")


@dataclass(frozen=True)
class Row:
    """One line of the table: ways to do the same thing."""

    title: str
    candidates: dict[str, Candidate]
    arrays: dict[str, np.ndarray]
    values: Callable[[object], dict[str, np.ndarray]]
    """Turns what a candidate gives into arrays; "plain" is exempt."""


@dataclass
class Figures:
    """Microseconds, or payloads, per candidate."""

    title: str
    unit: str
    best: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------ inputs


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npz(arrays: dict[str, np.ndarray], *, deflated: bool) -> bytes:
    out = io.BytesIO()
    (np.savez_compressed if deflated else np.savez)(out, **arrays)
    return out.getvalue()


def features(seed: int, rows: int) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(size=(rows, 128)), 2).astype(np.float32)


def workloads() -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        "100 tiny members": {f"a{i}": np.arange(10) + i for i in range(100)},
        "image and label, 1.2 MB": {
            "img": rng.integers(256, size=(3, 640, 480), dtype=np.uint8),
            "lbl": rng.integers(256, size=(640, 480), dtype=np.uint8),
        },
        "features, 2 MB": {"x": features(1, 4096), "y": rng.integers(0, 10, 4096)},
        "8 members of 1 MB": {f"f{i}": features(i, 2048) for i in range(8)},
    }


# -------------------------------------------------------------------------------------------------- rows


def rows_npy() -> Iterator[Row]:
    for title, array in {
        "load_npy, 800 B": np.arange(100).reshape(10, 10),
        "load_npy, 64 MB": np.arange(1 << 23, dtype=np.float64).reshape(1 << 13, -1),
    }.items():
        data, offset = npy(array), 128
        candidates: dict[str, Candidate] = {"npzarrow": lambda data=data: nz.load_npy(data)}
        if spdl:
            candidates["spdl"] = lambda data=data: spdl.load_npy(data)
        candidates["numpy"] = lambda data=data: np.load(io.BytesIO(data))
        candidates["plain"] = lambda data=data, array=array: np.frombuffer(data, array.dtype, offset=offset).reshape(
            array.shape
        )
        yield Row(title, candidates, {"x": array}, lambda loaded: {"x": loaded})


def rows_npz() -> Iterator[Row]:
    for title, arrays in workloads().items():
        for deflated in (False, True):
            data = npz(arrays, deflated=deflated)
            candidates: dict[str, Candidate] = {
                "npzarrow": lambda data=data: dict(nz.load_npz(data)),
                "npzarrow .load()": lambda data=data: nz.load_npz(data).load(),
            }
            if spdl:
                candidates["spdl"] = lambda data=data: dict(spdl.load_npz(data))
            candidates["numpy"] = lambda data=data: dict(np.load(io.BytesIO(data)))
            candidates["plain"] = plain(data, deflated=deflated)
            kind = "deflated" if deflated else "stored"
            yield Row(f"load_npz {kind}, {title}", candidates, arrays, dict)


def plain(data: bytes, *, deflated: bool) -> Candidate:
    """Zlib alone, one member after the other; or a copy of all bytes."""
    if not deflated:
        return lambda: bytearray(data)
    members = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            lengths = data[info.header_offset + 26 : info.header_offset + 30]
            start = info.header_offset + 30 + sum(np.frombuffer(lengths, "<u2").tolist())
            members.append((data[start : start + info.compress_size], info.file_size))
    return lambda: [zlib.decompress(member, -15, size) for member, size in members]


def rows_arrow() -> Iterator[Row]:
    arrays = workloads()["features, 2 MB"]
    for deflated in (False, True):
        data, kind = npz(arrays, deflated=deflated), "deflated" if deflated else "stored"
        if pl:
            yield Row(
                f"npz {kind} to polars, features, 2 MB",
                {
                    "npzarrow": lambda data=data: pl.DataFrame(nz.read_npz(data, tensor="nested")),
                    "numpy": lambda data=data: pl.DataFrame(dict(np.load(io.BytesIO(data)))),
                },
                arrays,
                lambda frame: {column.name: column.to_numpy() for column in frame},
            )
        if pa:
            yield Row(
                f"npz {kind} to pyarrow, features, 2 MB",
                {
                    "npzarrow": lambda data=data: pa.record_batch(nz.read_npz(data)),
                    "numpy": lambda data=data: pyarrow_by_numpy(data),
                },
                arrays,
                pyarrow_values,
            )


def pyarrow_by_numpy(data: bytes) -> Any:
    columns = {
        name: pa.FixedShapeTensorArray.from_numpy_ndarray(array) if array.ndim > 1 else pa.array(array)
        for name, array in np.load(io.BytesIO(data)).items()
    }
    return pa.record_batch(columns)


def pyarrow_values(batch: Any) -> dict[str, np.ndarray]:
    return {
        name: column.to_numpy_ndarray() if isinstance(column, pa.FixedShapeTensorArray) else column.to_numpy()
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def rows_file(folder: Path) -> Iterator[Row]:
    path = folder / "big.npz"
    big = np.random.default_rng(1).normal(size=(1 << 17, 128)).astype(np.float32)
    np.savez(path, x=big)
    size = path.stat().st_size
    handle = os.open(path, os.O_RDONLY)
    candidates: dict[str, Candidate] = {
        "npzarrow": lambda: nz.load_npz(path)["x"],
        "npzarrow read_npz": lambda: nz.read_npz(path),
    }
    if spdl:
        candidates["spdl"] = lambda: spdl.load_npz(path.read_bytes())["x"]
    candidates["numpy"] = lambda: np.load(path)["x"]
    # NumPy advises huge pages from 4 MiB on; page faults alone would cost more than the copy.
    candidates["plain"] = lambda: os.preadv(handle, [np.empty(size, np.uint8)], 0)

    def values(loaded: object) -> dict[str, np.ndarray]:
        return {"x": loaded} if isinstance(loaded, np.ndarray) else pyarrow_values(pa.record_batch(loaded))

    yield Row("64 MB stored member of a cached file", candidates, {"x": big}, values)
    os.close(handle)


# ------------------------------------------------------------------------------------------------ timing


def measure(row: Row, rounds: int) -> Figures:
    figures = Figures(row.title, "us")
    calls: dict[str, int] = {}
    for name, candidate in row.candidates.items():
        started = time.perf_counter()
        result = candidate()
        figures.first[name] = (time.perf_counter() - started) * 1e6
        if name != "plain" and (pa or not isinstance(result, nz.NpzBatch)):
            check(row, name, row.values(result))
        del result
        started = time.perf_counter()
        candidate()
        calls[name] = max(1, int(0.02 / max(time.perf_counter() - started, 1e-7)))
    for _ in range(rounds):
        for name, count in calls.items():
            candidate = row.candidates[name]
            started = time.perf_counter()
            for _ in range(count):
                candidate()
            elapsed = (time.perf_counter() - started) / count * 1e6
            figures.best[name] = min(figures.best.get(name, elapsed), elapsed)
    return figures


def check(row: Row, name: str, found: dict[str, np.ndarray]) -> None:
    if found.keys() != row.arrays.keys():
        sys.exit(f"{row.title}: {name} gives {sorted(found)}")
    for key, expected in row.arrays.items():
        if not np.array_equal(found[key], expected):
            sys.exit(f"{row.title}: {name} gives other values for {key}")


# ------------------------------------------------------------------------------------------------ memory

READERS = {
    "npzarrow": "import npzarrow; read = lambda path: npzarrow.load_npz(path)['x']",
    "npzarrow read_npz": "import npzarrow; read = lambda path: npzarrow.read_npz(path)",
    "spdl": "import spdl.io; read = lambda path: spdl.io.load_npz(open(path, 'rb').read())['x']",
    "numpy": "import numpy; read = lambda path: numpy.load(path)['x']",
}

# The high-water mark of the process's own memory. `ru_maxrss` would begin with that of the parent.
CHILD = """
{reader}
import numpy, re, sys
def mark():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
small, big = sys.argv[1:]
read(small)
before = mark()
array = read(big)
print(mark() - before)
"""


def memory(folder: Path) -> Iterator[Figures]:
    """Measure what reading one stored member takes at its peak, in payloads."""
    if not Path("/proc/self/status").exists():
        return
    small, big = folder / "small.npz", folder / "memory.npz"
    array = np.random.default_rng(2).normal(size=(1 << 18, 64))
    np.savez(small, x=array[:10])
    np.savez(big, x=array)
    figures = Figures("peak memory, 128 MB stored member of a file", "payloads")
    for name, reader in READERS.items():
        if name == "spdl" and not spdl:
            continue
        command = [sys.executable, "-c", CHILD.format(reader=reader), str(small), str(big)]
        taken = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures.best[name] = int(taken) / array.nbytes
    figures.best["plain"] = 1.0
    yield figures


# ------------------------------------------------------------------------------------------------- table


def cells(figures: Figures) -> list[tuple[str, str, str, str]]:
    """Candidate, figure, how many times npzarrow's, first call."""
    ours = figures.best["npzarrow"]
    lines = []
    for name, best in figures.best.items():
        ratio = "" if name.startswith("npzarrow") else f"{best / ours:.2f}"
        first = f"{figures.first[name]:.0f}" if name in figures.first else ""
        lines.append((name, f"{best:.2f}" if best < 100 else f"{best:.0f}", ratio, first))
    return lines


def times(ratio: float) -> str:
    """Write a ratio in about three digits."""
    return f"{ratio:,.0f}×" if ratio >= 20 else f"{ratio:.1f}×" if ratio >= 2 else f"{ratio:.2f}×"


def as_text(figures: Figures) -> str:
    lines = [f"{figures.title} [{figures.unit}]"]
    for name, best, ratio, first in cells(figures):
        times = f"{ratio:>8}x" if ratio else ""
        lines.append(f"    {name:<18} {best:>10}{times:<10}" + (f"  first {first:>8}" if first else ""))
    return "\n".join(lines)


def as_markdown(table: list[Figures]) -> str:
    """Write the table of the README, without the first calls."""
    names = ["npzarrow", "npzarrow .load()", "npzarrow read_npz", "spdl", "numpy", "plain"]
    lines = ["| work | unit | " + " | ".join(names) + " |", "|---|---|" + "--:|" * len(names)]
    for figures in table:
        found = {name: (best, ratio) for name, best, ratio, _ in cells(figures)}
        columns = []
        for name in names:
            if name not in found:
                columns.append("–")
                continue
            best, ratio = found[name]
            columns.append(best + (f" ({times(float(ratio))})" if ratio else ""))
        lines.append(f"| {figures.title} | {figures.unit} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which the best counts")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the rows whose title contains it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    table: list[Figures] = []

    def add(figures: Figures) -> None:
        table.append(figures)
        if not options.markdown:
            print(as_text(figures), flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for family in (rows_npy(), rows_npz(), rows_arrow(), rows_file(folder)):
            for row in family:
                if options.only in row.title:
                    add(measure(row, options.rounds))
        if options.only in "peak memory, 128 MB stored member of a file":
            for figures in memory(folder):
                add(figures)
    if options.markdown:
        print(as_markdown(table))
    if options.json:
        options.json.write_text(json.dumps([vars(figures) for figures in table], indent=1) + "\n")


if __name__ == "__main__":
    main()
