"""Memory outlives its owners, on any thread and in any process; nothing leaks, and Ctrl-C works."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from support import HANG, aligned, header, npy, python, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = np.arange(1 << 20, dtype="<i8")

unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def allocate() -> None:
    """Uses memory that was freed too early, if any was."""
    gc.collect()
    kept = [bytearray(b"\xff" * (LARGE.nbytes + 4096)) for _ in range(4)]
    del kept


class TestOwners:
    """What shares memory keeps it alive."""

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, pa.py_buffer])
    def test_load_npy(self, make: Callable[[bytes], Any]) -> None:
        array = nz.load_npy(make(npy(LARGE)))
        allocate()
        assert np.array_equal(array, LARGE)

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, pa.py_buffer])
    @pytest.mark.parametrize("compressed", [False, True])
    def test_load_npz(self, make: Callable[[bytes], Any], compressed: bool) -> None:
        archive = nz.load_npz(make(savez(compressed, a=LARGE)))
        array = archive["a"]
        del archive
        allocate()
        assert np.array_equal(array, LARGE)

    def test_mapped(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        path.write_bytes(savez(a=LARGE))
        array = nz.load_npz(path, mmap=True)["a"]
        arrow = pa.record_batch(nz.read_npz(path, mmap=True)).column(0)
        path.unlink()
        allocate()
        assert np.array_equal(array, LARGE)
        assert np.array_equal(arrow.to_numpy(), LARGE)

    @pytest.mark.parametrize("compressed", [False, True])
    def test_arrow(self, compressed: bool) -> None:
        batch = nz.read_npz(savez(compressed, a=LARGE)).to_pyarrow()
        series = nz.read_npy(aligned(npy(LARGE)), copy=False).to_polars()
        allocate()
        assert np.array_equal(batch.column(0).to_numpy(), LARGE)
        assert series.len() == len(LARGE)
        assert np.array_equal(series.to_numpy(), LARGE)

    def test_iterators_keep_the_archive(self) -> None:
        items = iter(nz.load_npz(bytearray(savez(a=LARGE, b=LARGE))).items())
        allocate()
        assert all(np.array_equal(array, LARGE) for _, array in items)

    def test_the_source_is_freed_with_its_last_user(self) -> None:
        class Exporter(bytearray):
            """A bytearray to which there can be weak references."""

        for use in (nz.load_npy, lambda source: pa.array(nz.read_npy(np.frombuffer(source, np.uint8)))):
            source = Exporter(npy(LARGE))
            alive = weakref.ref(source)
            user = use(source)
            del source
            gc.collect()
            assert (alive() is not None) == isinstance(user, np.ndarray)
            del user
            gc.collect()
            assert alive() is None


class TestThreads:
    """Objects go from thread to thread."""

    def test_eight_threads_on_one_archive(self) -> None:
        members = {f"a{index}": np.full(20_000, index) for index in range(20)}
        for compressed in (False, True):
            archive = nz.load_npz(bytearray(savez(compressed, **members)))
            start = threading.Barrier(8)

            def read(archive: nz.NpzFile = archive, start: threading.Barrier = start) -> bool:
                start.wait()
                return all(np.array_equal(archive[name], array) for name, array in members.items()) and all(
                    np.array_equal(array, members[name]) for name, array in archive.load().items()
                )

            with ThreadPoolExecutor(8) as pool:
                assert all(future.result() for future in [pool.submit(read) for _ in range(8)])

    def test_eight_threads_share_an_iterator(self) -> None:
        archive = nz.load_npz(savez(**{f"a{index}": np.arange(index) for index in range(200)}))
        names = iter(archive)
        with ThreadPoolExecutor(8) as pool:
            found = [name for part in pool.map(lambda _: list(names), range(8)) for name in part]
        assert set(found) == set(archive.files)

    def test_dropped_on_another_thread(self) -> None:
        source = bytearray(npy(LARGE))
        held = [nz.load_npy(source), nz.load_npz(bytearray(savez(a=LARGE)))["a"]]
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
        source.append(0)

    def test_arrow_dropped_without_the_interpreter(self) -> None:
        """Polars frees buffers on its own threads, which know nothing of Python."""
        source = bytes(bytearray(savez(a=np.arange(1 << 16, dtype="u1"))))
        references = sys.getrefcount(source)
        for _ in range(50):
            frame = nz.read_npz(source, copy=False).to_polars()
            assert frame.lazy().sort("a").head(3).collect()["a"].to_list() == [0, 0, 0]
            del frame
        gc.collect()
        deadline = time.monotonic() + HANG
        while sys.getrefcount(source) > references and time.monotonic() < deadline:
            # A release that was queued happens when the interpreter next comes by.
            nz.load_npy(npy(np.arange(1)))
            time.sleep(0.01)
        assert sys.getrefcount(source) == references

    def test_the_interpreter_runs_while_we_inflate(self) -> None:
        archive = nz.load_npz(savez_compressed(a=np.zeros(1 << 23)))
        done = threading.Event()
        counted = 0

        def inflate() -> None:
            archive["a"]
            done.set()

        thread = threading.Thread(target=inflate)
        thread.start()
        while not done.wait(0.001):
            counted += 1
        thread.join()
        assert counted > 0

    def test_the_interpreter_runs_while_we_open(self) -> None:
        data = savez(a=LARGE)
        assert self.lets_others_run(lambda: nz.load_npz(data))

    def test_what_is_verified_and_shared_takes_no_time(self) -> None:
        archive = nz.load_npz(savez(a=LARGE))
        # The first time, modules are imported, and the array is verified.
        assert len(list(archive.values())) == 1
        assert not self.lets_others_run(lambda: archive["a"], 1000)
        assert not self.lets_others_run(lambda: list(archive.values()), 1000)

    @staticmethod
    def lets_others_run(work: Callable[[], Any], attempts: int = 100_000) -> bool:
        """Tells whether a thread that waits for the interpreter gets it while this one works."""
        begin, ran = threading.Event(), threading.Event()

        def other() -> None:
            begin.wait()
            ran.set()

        thread = threading.Thread(target=other)
        interval = sys.getswitchinterval()
        # From now on nobody gets the interpreter unless somebody lets go of it; nor does anybody ask for it, as one might
        # that had begun to wait before.
        sys.setswitchinterval(HANG)
        try:
            thread.start()
            begin.set()
            while not ran.is_set() and attempts:
                work()
                attempts -= 1
            return ran.is_set()
        finally:
            sys.setswitchinterval(interval)
            thread.join()

    @pytest.mark.skipif(not os.path.isfile("/proc/self/statm"), reason="reads /proc")  # noqa: PTH113
    def test_no_thread_can_be_started(self) -> None:
        """The work is done nevertheless, where a limit of memory leaves no room for the stack of a thread."""
        code = """
            import os, resource, sys, threading, npzarrow as nz
            data = sys.stdin.buffer.read()
            archive = nz.load_npz(data, threads=1)
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), resource.RLIM_INFINITY))
            threading.stack_size(2 << 20)
            try:
                threading.Thread(target=print).start()
            except RuntimeError as error:
                print(error)
            print(archive["a"].shape)
        """
        data = savez(a=np.zeros(9 << 20))
        assert python(code, data).stdout.decode().splitlines() == ["can't start new thread", "(9437184,)"]


def _load(data: bytes, results: Any = None) -> bool:
    """Work for a child: everything that may use threads."""
    archive = nz.load_npz(data)
    arrays = archive.load()
    batch = nz.read_npz(data).to_pyarrow()
    right = all(np.array_equal(array, LARGE) for array in arrays.values()) and batch.num_rows == len(LARGE)
    if results is not None:
        results.put(right)
    return right


@unix
class TestFork:
    """PyTorch's loaders fork after the parent has used everything."""

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("compressed", [False, True])
    def test_os_fork(self, compressed: bool) -> None:
        data = savez(compressed, a=LARGE, b=LARGE, c=LARGE)
        assert _load(data)
        shared = nz.load_npz(data)
        shared["a"]
        for _ in range(3):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    right = _load(data) and np.array_equal(shared["b"], LARGE)
                    status = 0 if right else 2
                finally:
                    os._exit(status)
            assert _wait(child) == 0
        assert _load(data)

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_multiprocessing(self) -> None:
        data = savez_compressed(a=LARGE, b=LARGE)
        assert _load(data)
        context = multiprocessing.get_context("fork")
        results: Any = context.Queue()
        children = [context.Process(target=_load, args=(data, results)) for _ in range(3)]
        for child in children:
            child.start()
        assert [results.get(timeout=HANG) for _ in children] == [True] * 3
        for child in children:
            child.join(HANG)
            assert child.exitcode == 0
        results.close()
        results.join_thread()

    @pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")  # noqa: PTH112
    def test_no_thread_outlives_its_call(self) -> None:
        """What holds no thread across a fork cannot deadlock in the child."""
        data = savez_compressed(a=LARGE, b=LARGE, c=LARGE)
        code = """
            import os, sys, numpy, npzarrow as nz
            data = sys.stdin.buffer.read()
            numpy.zeros(1)
            before = len(os.listdir("/proc/self/task"))
            nz.load_npz(data, threads=4).load()
            nz.read_npz(data, threads=4)
            print(len(os.listdir("/proc/self/task")) - before)
        """
        assert python(code, data).stdout.strip() == b"0"


def _wait(child: int) -> int:
    """Waits for a process, but not for ever."""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@unix
class TestInterrupt:
    """Ctrl-C ends long work."""

    INFLATE = """
        import sys, time, npzarrow as nz
        archive = nz.load_npz(sys.argv[1], max_uncompressed_bytes=1 << 40)
        print("ready", flush=True)
        try:
            while True:
                {}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """

    @pytest.mark.parametrize(
        "work",
        [
            pytest.param('archive["a"]', id="NumPy"),
            pytest.param("archive.load()", id="load"),
            pytest.param("nz.read_npz(sys.argv[1], max_uncompressed_bytes=1 << 40)", id="Arrow"),
        ],
    )
    def test_while_a_large_member_is_inflated(self, work: str, large_archive: Path) -> None:
        code = textwrap.dedent(self.INFLATE).format(work)
        command = [sys.executable, "-P", "-c", code, str(large_archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:  # noqa: S603
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == b"ready\n"
                time.sleep(0.3)
                child.send_signal(signal.SIGINT)
                # The work is repeated for ever: if it is not interrupted, this is what ends it.
                output, errors = child.communicate(timeout=HANG)
            finally:
                child.kill()
        assert (output, errors, child.returncode) == (b"interrupted\n", b"", 0)


@pytest.fixture(scope="module")
def large_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A member of 600 MB of zeros, deflated, without ever holding them."""
    path = tmp_path_factory.mktemp("large") / "zeros.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(header("{'descr': '|u1', 'fortran_order': False, 'shape': (629145600,), }"))
        for _ in range(600):
            member.write(bytes(1 << 20))
    return path


class TestShutdown:
    """Interpreters end while arrays live."""

    @pytest.mark.parametrize(
        "keep",
        [
            pytest.param("nz.load_npz(bytearray(data))['a']", id="NumPy"),
            pytest.param("nz.load_npz(data).load()", id="dict"),
            pytest.param("pa.record_batch(nz.read_npz(data))", id="pyarrow"),
            pytest.param("nz.read_npz(data, columns=['b'], copy=False).to_polars()", id="polars"),
            pytest.param("iter(nz.load_npz(data).items())", id="iterator"),
        ],
    )
    @pytest.mark.parametrize("where", ["kept = {}", "import builtins; builtins.kept = {}", "sys.kept = [sys, {}]"])
    def test_live_arrays(self, keep: str, where: str) -> None:
        code = f"import sys, npzarrow as nz, pyarrow as pa; data = sys.stdin.buffer.read(); {where.format(keep)}"
        python(code, savez(a=np.arange(10), b=np.arange(10, dtype="u1")))

    def test_a_thread_that_still_holds_an_array(self) -> None:
        code = """
            import sys, threading, time, npzarrow as nz
            data = sys.stdin.buffer.read()
            def hold():
                array = nz.load_npz(bytearray(data))["a"]
                time.sleep(30)
            threading.Thread(target=hold, daemon=True).start()
            time.sleep(0.2)
        """
        python(code, savez(a=np.arange(10)))


@pytest.mark.skipif(not os.path.isfile("/proc/self/statm"), reason="reads /proc")  # noqa: PTH113
class TestLeaks:
    """Memory stays flat, also when loading fails."""

    @staticmethod
    def resident() -> int:
        """Bytes of this process in memory."""
        with open("/proc/self/statm") as file:  # noqa: PTH123 - nothing that pathlib is for
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @pytest.mark.parametrize("name", ["checksum", "cut payload", "object", "cut archive", "rows", "success"])
    def test_2000_loads(self, name: str) -> None:
        array = np.arange(50_000, dtype="<i8")
        good = savez(a=array)
        bad_checksum = bytearray(good)
        bad_checksum[good.index(array.tobytes())] ^= 1
        compressed = savez_compressed(a=array, o=np.array([None]))
        work: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
            "checksum": (lambda: nz.load_npz(bytearray(bad_checksum))["a"], nz.ChecksumError),
            "cut payload": (lambda: nz.load_npy(bytearray(npy(array)[:-1])), nz.FormatError),
            "object": (lambda: nz.read_npz(compressed), nz.UnsupportedDtypeError),
            "cut archive": (lambda: nz.load_npz(good[:-1]), nz.FormatError),
            "rows": (lambda: nz.read_npz(savez(a=array, b=np.arange(3))), nz.NpzarrowError),
            "success": (lambda: _use(nz.load_npz(bytearray(good)), nz.read_npz(good)), AssertionError),
        }
        run, error = work[name]

        def rounds(count: int) -> None:
            for _ in range(count):
                if name == "success":
                    run()
                    continue
                with pytest.raises(error):
                    run()

        rounds(200)
        gc.collect()
        before = self.resident()
        rounds(2000)
        gc.collect()
        # One leaked payload per round would be 800 MB, one leaked kilobyte 2 MB.
        assert self.resident() - before < 8 << 20


def _use(archive: nz.NpzFile, batch: nz.NpzBatch) -> None:
    archive["a"]
    archive.load()
    archive.info()
    pa.record_batch(batch)
    batch.to_polars()
