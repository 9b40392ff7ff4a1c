"""Writing archives: npzarrow beside `np.savez` and `np.savez_compressed`. Prints a table in Markdown.

    python benchmarks/write.py            # the table
    python benchmarks/write.py --mb 64    # of smaller arrays

Each figure is the best of three rounds in one process. Files go to a temporary folder; what is measured is the time
until the call returns, so that the pages may still be in memory, as with NumPy.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROUNDS = 3


def arrays_of(megabytes: int) -> dict[str, dict[str, NDArray[Any]]]:
    """Arrays that compress like those of training sets: counts, rounded walks, images, and noise."""
    rng = np.random.default_rng(7)
    size = megabytes << 20
    ramp = np.add.outer(np.arange(256), np.arange(256)) // 4
    images = (ramp + rng.integers(0, 8, (max(size >> 16, 1), 256, 256))).astype("u1")
    return {
        "one of counts": {"x": rng.poisson(3, size // 4).astype("i4")},
        "one of images": {"x": images},
        "eight of measurements": {
            f"m{i}": rng.normal(size=size // 32).cumsum().astype("f4").round(2) for i in range(8)
        },
        "1000 small": {f"s{i}": rng.poisson(3, size // 8000).astype("i8") for i in range(1000)},
        "one of noise": {"x": rng.integers(0, 256, size, np.uint8)},
    }


def best(call: Callable[[Path], object], path: Path) -> tuple[float, int]:
    """Give the seconds that a call takes at best, and the size of what it writes."""
    seconds = []
    for _ in range(ROUNDS):
        path.unlink(missing_ok=True)
        start = time.perf_counter()
        call(path)
        seconds.append(time.perf_counter() - start)
    return min(seconds), path.stat().st_size


def row(cells: list[str]) -> None:
    """Print one row."""
    print("| " + " | ".join(cells) + " |")


def compare(title: str, data: int, theirs: tuple[float, int], ours: tuple[float, int]) -> None:
    """Print what two ways of writing the same cost."""
    speed = [f"{data / seconds / 1e6:.0f}" for seconds, _ in (theirs, ours)]
    ratio = f"{theirs[0] / ours[0]:.1f}x"
    row([title, *speed, ratio, f"{100 * ours[1] / theirs[1] - 100:+.1f} %"])


def program(arguments: list[str]) -> None:
    """Run the program."""
    command = [str(Path(sysconfig.get_path("scripts")) / "npzarrow"), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def look(folder: Path) -> None:
    """Measure looking at files, and print a table."""
    row(["milliseconds", "", "npzarrow", "faster"])
    row(["---", "--:", "--:", "--:"])
    shards = folder / "shards"
    shards.mkdir()
    for index in range(1000):
        np.savez(shards / f"{index}.npz", x=np.arange(50_000), y=np.zeros((100, 32, 32), "u1"))

    def testzip(path: Path) -> None:
        for shard in path.iterdir():
            with zipfile.ZipFile(shard) as archive:
                archive.testzip()

    large = folder / "large.npz"
    nz.write_npz(large, {f"x{index}": np.zeros(12_500_000) for index in range(10)})
    for title, path, theirs, ours in [
        ("`verify` of 1000 shards beside `zipfile.testzip`, with the start of Python", shards, testzip, "verify"),
        ("`ls` of an archive of 1 GB beside `unzip -l`, with the start of Python", large, unzip, "ls"),
    ]:
        seconds = [
            min(timed(call, path) for _ in range(ROUNDS))
            for call in (theirs, lambda path, what=ours: program([what, str(path)]))
        ]
        row([title, *[f"{1000 * each:.0f}" for each in seconds], f"{seconds[0] / seconds[1]:.1f}x"])


def unzip(path: Path) -> None:
    """List with Info-ZIP."""
    subprocess.run(["unzip", "-l", str(path)], check=True, capture_output=True)  # noqa: S607 - as users would


def timed(call: Callable[[Path], object], path: Path) -> float:
    """Give the seconds that a call takes."""
    start = time.perf_counter()
    call(path)
    return time.perf_counter() - start


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=128, help="megabytes of each archive")
    parser.add_argument("--dir", type=Path, default=None, help="where to write; default: a temporary folder")
    arguments = parser.parse_args()
    row([f"MB/s on {os.cpu_count()} cores", "NumPy", "npzarrow", "faster", "size"])
    row(["---", "--:", "--:", "--:", "--:"])
    with tempfile.TemporaryDirectory(dir=arguments.dir) as folder:
        path = Path(folder) / "x.npz"
        for title, arrays in arrays_of(arguments.mb).items():
            data = sum(array.nbytes for array in arrays.values())
            saved = best(lambda path, arrays=arrays: np.savez(path, **arrays), path)
            written = best(lambda path, arrays=arrays: nz.write_npz(path, arrays), path)
            compare(f"{title}, stored", data, saved, written)
            saved = best(lambda path, arrays=arrays: np.savez_compressed(path, **arrays), path)
            written = best(lambda path, arrays=arrays: nz.write_npz(path, arrays, compression="deflate"), path)
            compare(f"{title}, deflated", data, saved, written)
        frame = pl.DataFrame(
            {
                "i": np.arange(2_000_000),
                "f": np.arange(2e6),
                "s": pl.Series([f"row {i % 1000}" for i in range(2_000_000)]),
            },
        )
        data = frame.estimated_size()
        saved = best(
            lambda path: np.savez(path, **{name: frame[name].to_numpy().astype(kind) for name, kind in KINDS}), path
        )
        compare("a frame of polars, stored", int(data), saved, best(lambda path: nz.write_npz(path, frame), path))
        path.unlink()
        sys.stdout.write("\n")
        look(Path(folder))


KINDS = (("i", "i8"), ("f", "f8"), ("s", "U"))


if __name__ == "__main__":
    main()
