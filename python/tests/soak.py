"""Loads good and bad archives on all cores for some minutes, and says whether memory and handles stay as they are.

    python tests/soak.py --minutes 30

The files are those of `tests/data`, and damaged copies of good ones that are the same each time. Every call must
give what it gave the first time, value or error; a crash ends the process, a hang the run that waits for it.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from support import savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[2] / "tests/data"


@dataclass
class Job:
    """One file, one way to read it, and what came of it the first time."""

    call: Callable[[], Any]
    expected: str = ""


@dataclass
class Figures:
    """What is printed, and compared at the end."""

    seconds: float = 0
    calls: int = 0
    errors: int = 0
    samples: list[tuple[float, int, int, int]] = field(default_factory=list)
    differences: Counter[str] = field(default_factory=Counter)


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - nothing that pathlib is for
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles() -> int:
    """Open files of this process."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number


def threads() -> int:
    """Threads of this process."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only their number


def outcome(call: Callable[[], Any]) -> str:
    """What a call gives, in short: a checksum of what it returns, or the error."""
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - whatever it is must be the same each time
        return f"{type(error).__name__}: {error}"
    return str(crc32(result.tobytes())) if isinstance(result, np.ndarray) else str(result)


def damaged(data: bytes, numbers: random.Random) -> bytes:
    """A copy with one thing changed."""
    place = numbers.randrange(len(data))
    match numbers.randrange(3):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes([data[place] ^ 1 << numbers.randrange(8)]) + data[place + 1 :]
        case _:
            return data[:place] + data[place + numbers.randrange(1, 20) :]


def files(folder: Path, damages: int) -> list[Path]:
    """The corpus, and damaged copies of good archives."""
    numbers = random.Random(1)  # noqa: S311 - the same each time
    arrays = {
        "a": np.arange(300_000),
        "b": np.zeros((300, 50), "f4"),
        "t": np.array(["x", "yz"] * 150),
        "s": np.array(1),
    }
    rows = {"x": np.arange(100_000.0), "y": np.arange(100_000, dtype="u1"), "z": np.ones((100_000, 3), "i2")}
    good = [make(**members) for make in (savez, savez_compressed) for members in (arrays, rows)]
    made = good + [damaged(numbers.choice(good), numbers) for _ in range(damages)]
    for number, data in enumerate(made):
        (folder / f"{number:04}.npz").write_bytes(data)
    corpus = [path for kind in ("npy", "npz") for path in sorted((DATA / "hostile" / kind).iterdir())]
    return sorted(folder.iterdir()) + corpus + sorted((DATA / "golden").rglob("*.np[yz]"))


def load(source: Any) -> list[str]:
    """Every array, and its bytes."""
    return [f"{name} {array.nbytes}" for name, array in nz.load_npz(source).load().items()]


def read(path: Path, **options: Any) -> str:
    """One batch."""
    batch = pa.record_batch(nz.read_npz(path, unsupported="skip", **options))
    return f"{batch.num_rows} rows of {batch.nbytes} bytes"


def scan(path: Path) -> int:
    """All batches."""
    return int(pa.table(nz.scan_npz(path, batch_size=1000)).num_rows)


def read_npy(path: Path) -> int:
    """One column."""
    return int(pa.array(nz.read_npy(path)).nbytes)


def jobs(folder: Path, damages: int = 300) -> list[Job]:
    """Every file in several ways."""
    found: list[Job] = []
    for path in files(folder, damages):
        data = path.read_bytes()
        calls: list[Callable[[], Any]] = [
            partial(load, data),
            partial(load, path),
            partial(read, path),
            partial(read, path, mmap=True, rows="archive"),
            partial(scan, path),
        ]
        if path.suffix == ".npy":
            calls = [partial(nz.load_npy, bytearray(data)), partial(read_npy, path)]
        found += [Job(call) for call in calls]
    return found


def soak(minutes: float, workers: int, folder: Path, report: Callable[[str], None]) -> Figures:
    """Runs all jobs again and again on some threads; samples memory, handles and threads meanwhile."""
    figures, all_jobs = Figures(), jobs(folder)
    begin = time.monotonic()
    for job in all_jobs:
        job.expected = outcome(job.call)
    report(f"{len(all_jobs)} jobs, of which {sum(': ' in job.expected for job in all_jobs)} are errors")
    lock, end = threading.Lock(), time.monotonic() + 60 * minutes

    def work(seed: int) -> None:
        numbers = random.Random(seed)  # noqa: S311 - the same each time
        while time.monotonic() < end:
            batch = [numbers.choice(all_jobs) for _ in range(50)]
            outcomes = [outcome(job.call) for job in batch]
            with lock:
                figures.calls += len(batch)
                figures.errors += sum(": " in found for found in outcomes)
                differences = (
                    f"{job.expected} became {found}"
                    for job, found in zip(batch, outcomes, strict=True)
                    if found != job.expected
                )
                figures.differences.update(differences)

    running = [threading.Thread(target=work, args=(seed,)) for seed in range(workers)]
    for thread in running:
        thread.start()
    pause = max(60 * minutes / 30, 0.5)
    while any(thread.is_alive() for thread in running):
        time.sleep(min(pause, max(end - time.monotonic(), 0.1)))
        gc.collect()
        sample = (time.monotonic() - begin, resident(), handles(), threads())
        figures.samples.append(sample)
        report(
            f"{sample[0]:7.0f} s {figures.calls:9} calls {sample[1] >> 20:5} MiB {sample[2]:4} handles {sample[3]:3} threads"
        )
    for thread in running:
        thread.join()
    gc.collect()
    figures.samples.append((time.monotonic() - begin, resident(), handles(), threads()))
    figures.seconds = time.monotonic() - begin
    return figures


def growth(figures: Figures) -> int:
    """Bytes that the second half has more than the second quarter, each taken at its least: what does not come back."""
    middle = len(figures.samples) // 2
    # The first quarter is for warming up.
    first, second = figures.samples[middle // 2 : middle], figures.samples[middle:]
    return min(sample[1] for sample in second) - min(sample[1] for sample in first)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(arguments.minutes, arguments.threads, Path(folder), lambda line: print(line, flush=True))
    rate = figures.calls / figures.seconds
    print(
        f"{figures.calls} calls, {figures.errors} errors, {rate:.0f} a second; memory grew by {growth(figures) >> 10} KiB"
    )
    for difference, count in figures.differences.items():
        print(f"{count} x {difference}")
    sys.exit(bool(figures.differences))


if __name__ == "__main__":
    main()
