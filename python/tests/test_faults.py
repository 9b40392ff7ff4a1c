"""Disks that are full or broken, folders that vanish, processes that are killed: a clear error, and no half of a file."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support import HANG, python, savez, savez_compressed

import npzarrow as nz

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="faults are injected by means of Linux")

ARRAYS = {"a": np.arange(200_000, dtype="<i4"), "b": np.zeros((1000, 30)), "c": np.arange(50_000) % 7 == 0}
SHIM = Path(__file__).with_name("faults.c")

# How files are read and written; each is Python with `path` as its file.
READERS = {
    "load_npz": "nz.load_npz(path).load()['a']",
    "load_npz, member by member": "[nz.load_npz(path)[name] for name in 'cba'][-1]",
    "read_npz": "pa.record_batch(nz.read_npz(path, columns=['a'])).column(0).to_numpy()",
    "scan_npz": "pa.table(nz.scan_npz(path, columns=['a'], batch_size=7000)).column(0).to_numpy()",
    "collate_npz": "nz.collate_npz([path])['a'][0]",
}
WRITERS = {
    "stored": "nz.write_npz(path, ARRAYS)",
    "deflated": "nz.write_npz(path, ARRAYS, compression='deflate')",
    "a stream": "nz.write_npz(path, pa.table({'a': ARRAYS['a']}))",
    "an array": "nz.write_npy(path, ARRAYS['a'])",
}
PRELUDE = """
import os, sys, json, numpy as np, pyarrow as pa, npzarrow as nz
path = sys.argv[1]
ARRAYS = {"a": np.arange(200_000, dtype="<i4"), "b": np.zeros((1000, 30)), "c": np.arange(50_000) % 7 == 0}
"""
REPORT = """
try:
    found = eval(sys.argv[2])
except Exception as error:
    filename = getattr(error, "filename", None)
    print(json.dumps([type(error).__name__, getattr(error, "errno", None), filename, str(error)]))
else:
    print(json.dumps(["fine", found is None or np.array_equal(found, ARRAYS["a"])]))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that injects faults."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler at hand")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True, timeout=HANG)  # noqa: S603
    return library


def run_with(shim: Path, path: Path, work: str, call: str, **faults: int) -> list[Any]:
    """Runs a piece of work in a process whose reads or writes below the path's folder are faulty; what it reports."""
    names = {f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}
    environment = {**os.environ, "LD_PRELOAD": str(shim), "FAULT_CALL": call, "FAULT_PATH": str(path.parent), **names}
    command = [sys.executable, "-P", "-c", PRELUDE + REPORT, str(path), work]
    done = subprocess.run(command, capture_output=True, timeout=HANG, check=False, env=environment)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, b"")
    report: list[Any] = json.loads(done.stdout)
    return report


@linux
class TestReads:
    """Reading a file from a disk that does not do what it should."""

    @pytest.fixture(params=["stored", "deflated"])
    def path(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / "x.npz"
        path.write_bytes(savez(request.param == "deflated", **ARRAYS))
        return path

    @pytest.mark.parametrize("work", READERS.values(), ids=READERS)
    @pytest.mark.parametrize("after", [0, 40_000])
    def test_a_disk_that_fails(self, work: str, after: int, path: Path, shim: Path) -> None:
        kind, code, filename, text = run_with(shim, path, work, "read", after=after, errno=errno.EIO)
        if kind == "ArrowInvalid" or (code is None and kind == "OSError"):
            # What pyarrow makes of it: only the text crosses the interface.
            assert text.startswith(f"{path}: ") or f"{path}: " in text
            assert "Input/output error" in text
        else:
            assert (kind, code, filename) == ("OSError", errno.EIO, str(path))

    @pytest.mark.parametrize("work", READERS.values(), ids=READERS)
    @pytest.mark.parametrize("faults", [{"short": 1000}, {"eintr": 1}, {"short": 999, "eintr": 1}], ids=str)
    def test_short_and_interrupted_reads_are_repeated(
        self, work: str, faults: dict[str, int], path: Path, shim: Path
    ) -> None:
        assert run_with(shim, path, work, "read", **faults) == ["fine", True]


@linux
class TestWrites:
    """Writing a file to a disk that does not do what it should."""

    @pytest.mark.parametrize("work", WRITERS.values(), ids=WRITERS)
    @pytest.mark.parametrize("after", [0, 70_000])
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
    def test_a_disk_that_is_full_or_fails(self, work: str, after: int, code: int, tmp_path: Path, shim: Path) -> None:
        path = tmp_path / "x.npz"
        path.write_bytes(b"what was there before")
        report = run_with(shim, path, work, "write", after=after, errno=code)
        assert report[:3] == ["OSError", code, str(path)]
        assert os.strerror(code) in report[3]
        assert path.read_bytes() == b"what was there before"
        assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]

    @pytest.mark.parametrize("work", WRITERS.values(), ids=WRITERS)
    @pytest.mark.parametrize("faults", [{"short": 1000}, {"eintr": 1}, {"short": 999, "eintr": 1}], ids=str)
    def test_short_and_interrupted_writes_are_repeated(
        self, work: str, faults: dict[str, int], tmp_path: Path, shim: Path
    ) -> None:
        path, expected = tmp_path / "x.npz", tmp_path / "expected"
        assert run_with(shim, path, work, "write", **faults) == ["fine", True]
        assert run_with(shim, expected, work, "none") == ["fine", True]
        assert path.read_bytes() == expected.read_bytes()

    @pytest.mark.parametrize("work", WRITERS.values(), ids=WRITERS)
    def test_a_limit_on_the_size_of_files(self, work: str, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        report = json.loads(python(PRELUDE + limit + REPORT, b"", str(path), work).stdout)
        assert report[:3] == ["OSError", errno.EFBIG, str(path)]
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("work", WRITERS.values(), ids=WRITERS)
    def test_a_device_that_is_full(self, work: str) -> None:
        report = json.loads(python(PRELUDE + REPORT, b"", "/dev/full", work).stdout)
        assert report[:3] == ["OSError", errno.ENOSPC, "/dev/full"]

    def test_no_handle_is_left(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        path.write_bytes(savez(**ARRAYS))
        limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 64))\n"
        for work in (
            "nz.load_npz(path)",
            "nz.read_npz(path)",
            "nz.write_npz(path, ARRAYS)",
            "nz.read_npz(path, mmap=True)",
        ):
            report = json.loads(python(PRELUDE + limit + REPORT, b"", str(path), work).stdout)
            assert report[:3] == ["OSError", errno.EMFILE, str(path)], work
        assert path.read_bytes() == savez(**ARRAYS)


class TestFolders:
    """Folders that cannot be written to, or are not there any more."""

    def test_a_folder_that_may_not_be_written_to(self) -> None:
        """Root may do everything, so that it becomes nobody first."""
        code = (
            PRELUDE
            + """
        os.chdir(path)
        os.chmod(path, 0o555)
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        for work in (lambda: nz.write_npz("x.npz", ARRAYS), lambda: nz.write_npy("x.npy", ARRAYS["a"])):
            try:
                work()
            except PermissionError as error:
                print(error.filename, error.strerror, os.listdir())
        """.replace("\n        ", "\n")
        )
        with tempfile.TemporaryDirectory() as folder:
            lines = python(code, b"", folder).stdout.decode().splitlines()
        assert lines == [f"{name} Permission denied []" for name in ("x.npz", "x.npy")]

    @pytest.mark.parametrize("what", ["removed", "replaced by a file", "moved"])
    def test_a_folder_that_vanishes_meanwhile(self, what: str, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        path = folder / "x.npz"

        def batches() -> Any:
            yield pa.record_batch({"a": np.arange(10)})
            if what == "moved":
                folder.rename(tmp_path / "moved")
            else:
                for left in folder.iterdir():
                    left.unlink()
                folder.rmdir()
            if what == "replaced by a file":
                folder.write_bytes(b"")

        reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
        with pytest.raises((FileNotFoundError, NotADirectoryError)) as raised:
            nz.write_npz(path, reader)
        assert raised.value.filename == str(path)
        assert not [left for left in tmp_path.rglob("*") if left.suffix in {".npz", ".tmp"}]

    def test_a_folder_that_takes_the_name_meanwhile(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"

        def batches() -> Any:
            yield pa.record_batch({"a": np.arange(10)})
            path.mkdir()

        reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches())
        with pytest.raises(IsADirectoryError) as raised:
            nz.write_npz(path, reader)
        assert raised.value.filename == str(path)
        assert list(tmp_path.iterdir()) == [path]


# Makes the system one that has no files without names: such a call is refused from now on.
WITHOUT_UNNAMED_FILES = """
import ctypes, platform, struct
def instruction(code, if_true, if_false, value):
    return struct.pack("HBBI", code, if_true, if_false, value)
LOAD, EQUALS, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
openat = {"x86_64": 257, "aarch64": 56}[platform.machine()]
program = b"".join([
    instruction(LOAD, 0, 0, 0),                       # the number of the call
    instruction(EQUALS, 0, 3, openat),
    instruction(LOAD, 0, 0, 32),                      # its flags
    instruction(ANY_BIT, 0, 1, os.O_TMPFILE & ~os.O_DIRECTORY),
    instruction(RETURN, 0, 0, 0x00050000 | 95),       # EOPNOTSUPP
    instruction(RETURN, 0, 0, 0x7FFF0000),            # whatever else there is
])
buffer = ctypes.create_string_buffer(program)
filter = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]
assert libc.prctl(38, 1, None, 0, 0) == 0             # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, filter, 0, 0) == 0           # PR_SET_SECCOMP
try:
    os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR)
except OSError as error:
    assert error.errno == 95
else:
    raise AssertionError("files without names are still there")
"""

can_filter = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in {"x86_64", "aarch64"},
    reason="the numbers of system calls are known for these machines",
)


@can_filter
class TestNamedFiles:
    """File systems without unnamed files get hidden ones, with the same promises."""

    def test_nothing_is_left_of_a_failure(self, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        code = """
def batches():
    yield pa.record_batch({"a": np.arange(10)})
    print(*os.listdir(os.path.dirname(path)))
    raise ValueError("the stream broke")
try:
    nz.write_npz(path, pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), batches()))
except nz.NpzarrowError as error:
    print("the stream broke" in str(error))
"""
        hidden, broke = python(PRELUDE + WITHOUT_UNNAMED_FILES + code, b"", str(path)).stdout.decode().split()
        assert hidden.startswith(".npzarrow-")
        assert hidden.endswith(".tmp")
        assert broke == "True"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("work", WRITERS.values(), ids=WRITERS)
    def test_a_limit_on_the_size_of_files(self, work: str, tmp_path: Path) -> None:
        path = tmp_path / "x.npz"
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        output = python(PRELUDE + WITHOUT_UNNAMED_FILES + limit + REPORT, b"", str(path), work).stdout
        assert json.loads(output)[:3] == ["OSError", errno.EFBIG, str(path)]
        assert list(tmp_path.iterdir()) == []

    def test_the_file_has_the_rights_of_any_other(self, tmp_path: Path) -> None:
        code = "os.umask(0o027)\n" + PRELUDE + WITHOUT_UNNAMED_FILES + "nz.write_npz(path, ARRAYS)"
        python("import os\n" + code, b"", str(tmp_path / "x.npz"))
        assert (tmp_path / "x.npz").stat().st_mode & 0o777 == 0o640


@can_filter
class TestKilled:
    """A process that is killed leaves the old file or the new one."""

    # How long one write takes here; children are killed at any time within three of them.
    CODE = """
import random, signal, time, warnings
# NumPy has threads, which the children do without.
warnings.simplefilter("ignore", DeprecationWarning)
folder, work, numbers = os.path.dirname(path), sys.argv[2], random.Random(7)
begin = time.monotonic()
eval(work)
took = time.monotonic() - begin

def check():
    names = set(os.listdir(folder)) - {"x.npz"}
    assert all(name.startswith(".npzarrow-") and name.endswith(".tmp") for name in names), names
    for name in names:
        os.remove(os.path.join(folder, name))
    if os.path.exists(path):
        found = nz.load_npz(path).load()
        assert found.keys() == (ARRAYS.keys() if "ARRAYS)" in work or "ARRAYS," in work else {"a"}), found.keys()
        # Every write adds one, so that a mixture of two would be seen.
        assert np.array_equal(found["a"] - found["a"][0], np.arange(200_000))
        return int(found["a"][0])

def round(number, wait):
    if number % 3 == 0 and os.path.exists(path):
        os.remove(path)
    source, signals = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            while True:
                ARRAYS["a"] += 1
                eval(work)
                os.write(signals, b"1")
        finally:
            os._exit(1)
    wait(source)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    os.close(source)
    os.close(signals)

for number in range(int(sys.argv[3])):
    round(number, lambda source: time.sleep(numbers.random() * 3 * took))
    check()
for count in (1, 2, 3):
    round(0, lambda source: [os.read(source, 1) for _ in range(count)])
    assert check() >= count
print("whole")
"""

    @pytest.mark.parametrize("work", ["stored", "deflated", "a stream"])
    @pytest.mark.parametrize("named", [False, True], ids=["without names", "hidden names"])
    def test_at_any_moment(self, work: str, named: bool, tmp_path: Path) -> None:
        code = PRELUDE + (WITHOUT_UNNAMED_FILES if named else "") + self.CODE
        rounds = "30" if work == "deflated" else "100"
        assert python(code, b"", str(tmp_path / "x.npz"), WRITERS[work], rounds).stdout == b"whole\n"


def test_savez_is_the_same(tmp_path: Path) -> None:
    """What the tables above compare with is what NumPy would have read."""
    for data in (savez(**ARRAYS), savez_compressed(**ARRAYS)):
        (tmp_path / "x.npz").write_bytes(data)
        with np.load(tmp_path / "x.npz") as theirs:
            ours = nz.load_npz(tmp_path / "x.npz")
            assert all(np.array_equal(ours[name], theirs[name]) for name in ARRAYS)
