"""Load, limits and accidents of processes: nothing grows, and whatever happens is an ordinary exception."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from soak import damaged, growth, handles, jobs, outcome, resident, soak
from support import npy, python, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

proc = pytest.mark.skipif(not os.path.isfile("/proc/self/statm"), reason="reads /proc")  # noqa: PTH113


class TestPanics:
    """A panic is a bug, which must not take the program along."""

    def test_the_exception_of_a_panic_is_an_ordinary_one(self) -> None:
        """`except Exception` sees it. In a process of its own, since other packages have such classes, too."""
        code = """
            import npzarrow
            def below(cls):
                return {cls, *(lower for sub in type.__subclasses__(cls) for lower in below(sub))}
            found = [cls for cls in below(BaseException) if cls.__name__ == "PanicException"]
            print([(cls.__module__, cls.__bases__) for cls in found])
            try:
                raise found[0]("on purpose")
            except Exception as error:
                print(error)
        """
        expected = "[('pyo3_runtime', (<class 'RuntimeError'>,))]\non purpose\n"
        assert python(code).stdout.decode() == expected


@proc
class TestMemoryLimit:
    """What the system does not give is an exception."""

    # The address space is limited to what is used already and some room for the interpreter's own needs.
    CODE = """
        import os, resource, sys, numpy as np, pyarrow as pa, npzarrow as nz
        data = sys.stdin.buffer.read()
        path = sys.argv[1]
        warm = nz.load_npz(data, threads=1)
        try:
            nz.load_npz(b"")
        except nz.NpzarrowError:
            pass
        def used():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits = (used() + (48 << 20), resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        for work in sys.argv[2:]:
            try:
                eval(work)
            except nz.LimitError as error:
                print("LimitError:", error)
            except OSError as error:
                print("OSError:", error.errno, error.filename == path)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(nz.load_npz(path, threads=1)["a"].nbytes)
    """

    def test_every_path(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        array = np.zeros(100 << 20, "u1")
        compressed = savez_compressed(a=array)
        path.write_bytes(compressed)
        stored = tmp_path / "stored.npz"
        stored.write_bytes(savez(a=array))
        bare = tmp_path / "x.npy"
        bare.write_bytes(npy(array))
        works = {
            "nz.load_npz(data, threads=1)['a']": "a.npy: cannot allocate 1048",
            "nz.load_npz(data, threads=1).load()": "a.npy: cannot allocate 1048",
            "nz.load_npz(path, threads=1)['a']": f"{path}: a.npy: cannot allocate 1048",
            "nz.read_npz(data, threads=1)": "a.npy: cannot allocate 1048",
            f"nz.load_npz({str(stored)!r}, threads=1)['a']": f"{stored}: a.npy: cannot allocate 1048",
            f"nz.load_npy({str(bare)!r})": f"{bare}: cannot allocate 1048",
            "nz.load_npy(data.__class__(0) or open(" + repr(str(bare)) + ", 'rb'))": "cannot allocate ",
            "list(nz.scan_npz(path, threads=1).to_pyarrow())": f"{path}: ",
            "nz.collate_npz([path], threads=1)": "cannot allocate 1048",
        }
        lines = python(self.CODE, compressed, str(path), *works).stdout.decode().splitlines()
        assert lines.pop() == str(array.nbytes), "and once there is memory again, all is well"
        assert len(lines) == len(works), lines
        for line, (work, text) in zip(lines, works.items(), strict=True):
            assert line.startswith("LimitError: "), (work, line)
            assert text in line, (work, line)


@proc
class TestLoad:
    """Many calls leave nothing behind."""

    def test_10_000_failing_loads(self, tmp_path: Path) -> None:
        """Of every file that cannot be read, in every way; neither memory, nor handles, nor threads."""
        failing = [job for job in jobs(tmp_path, 100) if ": " in outcome(job.call)]
        assert len(failing) > 500

        def rounds(count: int) -> None:
            for number in range(count):
                assert ": " in outcome(failing[number % len(failing)].call)

        rounds(2 * len(failing))
        gc.collect()
        before = resident(), handles()
        rounds(10_000)
        gc.collect()
        # One leaked kilobyte a call would be 10 MB.
        assert resident() - before[0] < 8 << 20
        assert handles() == before[1]

    def test_a_minute_of_soaking(self, tmp_path: Path) -> None:
        """`soak.py` for half an hour is the same for longer."""
        figures = soak(1, max(os.cpu_count() or 1, 2), tmp_path, lambda _: None)
        assert figures.differences == {}
        assert figures.calls > figures.errors > 0
        assert growth(figures) < 16 << 20
        _, _, first_handles, _ = figures.samples[0]
        _, _, last_handles, last_threads = figures.samples[-1]
        assert last_handles <= first_handles
        assert last_threads <= min(sample[3] for sample in figures.samples)

    def test_damage_is_an_exception_of_ours(self) -> None:
        """One thing changed anywhere: the same values, or an error that says so."""
        numbers = random.Random(2)  # noqa: S311 - the same each time
        arrays = {"a": np.arange(50), "b": np.array(["x", "yz"]), "c": np.ones((3, 4), ">f4", order="F")}
        works: list[Callable[[bytes], Any]] = [
            lambda data: nz.load_npz(data).load(),
            lambda data: nz.read_npz(data, rows="archive").num_rows,
        ]
        failed = 0
        for data in (savez(**arrays), savez_compressed(**arrays)):
            for _ in range(1500):
                broken = damaged(data, numbers)
                for work in works:
                    try:
                        found = work(broken)
                    except nz.NpzarrowError:
                        failed += 1
                        continue
                    if isinstance(found, dict):
                        # A name may have changed, but no value.
                        for array in found.values():
                            assert any(np.array_equal(array, expected) for expected in arrays.values())
        assert failed > 3000


@pytest.mark.parametrize("compressed", [False, True])
def test_memory_that_changes_while_it_is_parsed(compressed: bool) -> None:
    """Another thread writes all over a source: an error of ours or any values, and no crash."""
    arrays = {f"a{number}": np.arange(number * 7) for number in range(12)}
    good = savez(compressed, **arrays)
    source, stop = bytearray(good), threading.Event()
    # Where there is something to be believed: the ends, and the headers of members.
    places = [place for place in range(len(good)) if place > len(good) - 1500 or good[place : place + 2] == b"PK"]

    def write() -> None:
        numbers = random.Random(3)  # noqa: S311 - the same each time
        while not stop.is_set():
            place = min(numbers.choice(places) + numbers.randrange(40), len(good) - 1)
            source[place] = numbers.randrange(256)
            if numbers.random() < 0.5:
                source[:] = good

    writer = threading.Thread(target=write)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    writer.start()
    outcomes: Counter[str] = Counter()
    try:
        for number in range(3000):
            try:
                archive = nz.load_npz(source) if number % 2 else nz.load_npz(memoryview(source))
                for array in archive.load().values():
                    assert array.nbytes < len(good)
                    array.sum()
                nz.read_npz(source, rows="archive").to_pyarrow().validate(full=True)
                outcomes["fine"] += 1
            except nz.NpzarrowError:
                outcomes["error"] += 1
    finally:
        stop.set()
        writer.join()
        sys.setswitchinterval(interval)
    assert outcomes["fine"] + outcomes["error"] == 3000


SUBINTERPRETER = """
import sys
inner = "import io, npzarrow, numpy; f = io.BytesIO(); numpy.save(f, numpy.arange(3)); "
inner += "assert npzarrow.load_npy(f.getvalue()).sum() == 3"
try:
    if sys.version_info >= (3, 14):
        from concurrent import interpreters
        interpreters.create().exec(inner)
    elif sys.version_info >= (3, 13):
        import _interpreters as interpreters
        failed = interpreters.run_string(interpreters.create(), inner)
        if failed is not None:
            raise RuntimeError(failed.formatted)
    else:
        import _xxsubinterpreters as interpreters
        interpreters.run_string(interpreters.create(), inner)
except Exception as error:
    assert "ImportError" in str(error) and "interpreter" in str(error), error
    print("refused")
else:
    print("right")
exec(inner)
print("right")
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no interpreters with a lock of their own before")
def test_a_subinterpreter_is_refused_or_right() -> None:
    """And the main interpreter goes on."""
    assert python(SUBINTERPRETER).stdout in {b"refused\nright\n", b"right\nright\n"}


def test_interpreters_end_while_scans_run(tmp_path: Path) -> None:
    """Threads that read ahead neither delay the end nor crash it."""
    (tmp_path / "x.npz").write_bytes(savez(a=np.zeros((200_000, 10))))
    code = """
        import sys, npzarrow as nz, pyarrow as pa
        scan = nz.scan_npz(sys.argv[1], batch_size=100, threads=4)
        kept = iter(scan.to_pyarrow())
        batch = next(kept)
        sys.kept = [kept, batch, scan]
        print(batch.num_rows)
    """
    for _ in range(5):
        assert python(code, b"", str(tmp_path)).stdout == b"100\n"
