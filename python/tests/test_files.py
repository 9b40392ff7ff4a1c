"""Paths and file-like objects."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import Fspath, header, npy, python, savez

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

ALL: list[Callable[[Any], Any]] = [nz.load_npy, nz.load_npz, nz.read_npy, nz.read_npz]
MAPPED: list[Callable[[Any], Any]] = [
    lambda source: nz.load_npz(source, mmap=True),
    lambda source: nz.read_npy(source, mmap=True),
    lambda source: nz.read_npz(source, mmap=True),
]

USES = [
    "nz.load_npy(path)",
    "nz.load_npz(path)",
    "nz.read_npy(path)",
    "nz.read_npz(path)",
    "nz.load_npz(path, mmap=True)",
    "nz.read_npy(path, mmap=True)",
    "nz.read_npz(path, mmap=True)",
]


def refusal(use: str, path: str) -> str:
    """The error that another process gets."""
    code = f"""
        import sys, npzarrow as nz
        path = sys.argv[1]
        try:
            {use}
        except Exception as error:
            print(type(error).__name__, error)
    """
    return python(code, b"", path).stdout.decode().strip()


class TestPaths:
    """`str` and `os.PathLike`."""

    @pytest.mark.parametrize("name", ["x.npy", "with blank.npy", "größe.npy", "no suffix", "100%.npy"])
    @pytest.mark.parametrize("make", [str, Path, Fspath])
    def test_names(self, name: str, make: Callable[[Any], Any], tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(npy(np.arange(3)))
        assert nz.load_npy(make(path)).tolist() == [0, 1, 2]
        path.write_bytes(savez(a=np.arange(3)))
        assert nz.load_npz(make(path))["a"].tolist() == [0, 1, 2]

    def test_a_relative_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("x.npy").write_bytes(npy(np.arange(3)))
        assert nz.load_npy("x.npy").tolist() == [0, 1, 2]

    def test_a_path_of_bytes(self, tmp_path: Path) -> None:
        """`bytes` are data, but an `os.PathLike` may give them as a path."""
        path = tmp_path / "x.npy"
        path.write_bytes(npy(np.arange(3)))

        class BytesPath:
            def __fspath__(self) -> bytes:
                return os.fsencode(path)

        assert nz.load_npy(BytesPath()).tolist() == [0, 1, 2]

    @pytest.mark.parametrize("load", ALL + MAPPED)
    def test_missing(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        path = tmp_path / "nobody.npz"
        with pytest.raises(FileNotFoundError) as raised:
            load(path)
        assert (raised.value.errno, raised.value.filename) == (errno.ENOENT, str(path))
        assert str(raised.value) == f"[Errno 2] No such file or directory: '{path}'"

    @pytest.mark.parametrize("load", ALL + MAPPED)
    def test_directory(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError) as raised:
            load(tmp_path)
        assert (raised.value.errno, raised.value.filename) == (errno.EISDIR, str(tmp_path))

    @pytest.mark.parametrize("load", ALL + MAPPED)
    def test_empty_file(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        path = tmp_path / "empty"
        path.touch()
        with pytest.raises(nz.FormatError, match=f"^{path}: "):
            load(path)

    @pytest.mark.parametrize("load", ALL)
    def test_no_permission(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        path = tmp_path / "locked"
        path.write_bytes(savez(a=np.arange(3)))
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(PermissionError):
            load(path)

    @pytest.mark.parametrize("scheme", ["ftp", "hf"])
    @pytest.mark.parametrize("load", ALL)
    def test_other_urls_are_not_paths(self, load: Callable[[Any], Any], scheme: str) -> None:
        with pytest.raises(ValueError, match=f"^{scheme}://bucket/a.npz: {scheme} URLs cannot be opened here$"):
            load(f"{scheme}://bucket/a.npz")

    @pytest.mark.parametrize("load", ALL)
    @pytest.mark.parametrize("make", [str, Fspath])
    def test_nul_in_a_path(self, load: Callable[[Any], Any], make: Callable[[Any], Any]) -> None:
        with pytest.raises(ValueError, match=r"^embedded null byte$"):
            load(make("a\0b"))

    @pytest.mark.skipif(sys.platform != "linux", reason="names of files are no text")
    @pytest.mark.parametrize("load", ALL + MAPPED)
    def test_a_path_that_is_no_unicode(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.npz")
        with pytest.raises(FileNotFoundError) as raised:
            load(path)
        assert raised.value.filename == path
        Path(path).write_bytes(savez(a=np.arange(3)))
        assert nz.load_npz(path)["a"].tolist() == [0, 1, 2]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
    @pytest.mark.parametrize("use", USES)
    def test_a_pipe(self, use: str, tmp_path: Path) -> None:
        """Opening one waits until somebody writes to it, so that this is another process."""
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert refusal(use, str(path)) == f"OSError {path}: is not a regular file"

    @pytest.mark.skipif(sys.platform != "linux", reason="needs devices and /proc")
    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/dev/zero", "is not a regular file"),
            ("/dev/null", "is not a regular file"),
            ("/proc/self/status", "is a file with contents, but without a length"),
        ],
    )
    @pytest.mark.parametrize("use", USES)
    def test_what_has_no_length(self, use: str, path: str, text: str) -> None:
        assert refusal(use, path) == f"OSError {path}: {text}"

    def test_errors_name_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        data = savez(a=np.arange(3))
        path.write_bytes(data.replace(np.arange(3).tobytes(), np.arange(1, 4).tobytes()))
        for mmap in (False, True):
            with pytest.raises(nz.ChecksumError, match=rf"^{path}: a\.npy: checksum is "):
                nz.load_npz(path, mmap=mmap)["a"]
            with pytest.raises(nz.ChecksumError, match=rf"^{path}: a\.npy: checksum is "):
                nz.read_npz(path, mmap=mmap)
        path.write_bytes(npy(np.zeros(2, "g")))
        with pytest.raises(nz.UnsupportedDtypeError, match=f"^{path}: dtype "):
            nz.read_npy(path)

    @pytest.mark.parametrize("keep", [0, 10, 1200, 1500])
    @pytest.mark.parametrize("compressed", [False, True])
    def test_a_file_that_shrinks(self, keep: int, compressed: bool, tmp_path: Path) -> None:
        random = np.random.default_rng(1).bytes(800)
        path = tmp_path / "a.npz"
        path.write_bytes(savez(compressed, a=np.frombuffer(random, "i8"), b=np.frombuffer(random, "i8")))
        archive = nz.load_npz(path)
        os.truncate(path, keep)
        with pytest.raises(
            OSError, match=rf"^{path}: b\.npy: file ends at byte {keep} while \d+ bytes were read"
        ) as raised:
            archive["b"]
        assert not isinstance(raised.value, ValueError)

    def test_a_file_that_loses_its_directory_keeps_its_members(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        path.write_bytes(savez(a=np.arange(100)))
        archive = nz.load_npz(path)
        os.truncate(path, path.stat().st_size - 30)
        assert archive["a"].tolist() == list(range(100))


class TestFileLike:
    """Objects with `read`."""

    def test_two_arrays_in_one_file(self) -> None:
        file = io.BytesIO()
        np.save(file, np.arange(3))
        np.save(file, np.asfortranarray(np.ones((2, 2))))
        np.save(file, np.array("end"))
        file.write(b"tail")
        ours, theirs = io.BytesIO(file.getvalue()), io.BytesIO(file.getvalue())
        for _ in range(3):
            assert nz.load_npy(ours).tolist() == np.load(theirs).tolist()
            assert ours.tell() == theirs.tell()
        assert ours.read() == b"tail"
        with pytest.raises(nz.FormatError):
            nz.load_npy(ours)

    @pytest.mark.parametrize(
        ("length", "most"),
        [(length, 1) for length in (0, 1, 100)]
        + [(length, most) for length in (0, 1 << 17, 3 << 18, (1 << 20) + 3) for most in (1000, 1 << 30)],
    )
    def test_every_length(self, length: int, most: int) -> None:
        """Memory grows with what comes, however it comes."""
        array = np.arange(length)

        class Chunks:
            def __init__(self, data: bytes) -> None:
                self.file = io.BytesIO(data)

            def read(self, size: int = -1) -> bytes:
                return self.file.read(min(size, most))

        for offset in (0, 5):
            data = npy(array, offset=offset)
            file = Chunks(data + b"tail")
            loaded = nz.load_npy(file)
            assert np.array_equal(loaded, array)
            assert loaded.flags.writeable
            assert loaded.ctypes.data % 64 == 0
            assert file.file.read() == b"tail"
            assert np.array_equal(nz.read_npy(Chunks(data)).to_pyarrow(), array)
            for cut in {1, 8, array.nbytes} - {0}:
                if cut <= array.nbytes:
                    with pytest.raises(nz.FormatError, match="payload has"):
                        nz.load_npy(Chunks(data[:-cut]))

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
    def test_chunks_of_any_memory(self, make: Callable[[bytes], Any]) -> None:
        class Chunks(io.BytesIO):
            def read(self, size: int | None = -1, /) -> Any:
                return make(super().read(size))

        assert nz.load_npy(Chunks(npy(np.arange(3)))).tolist() == [0, 1, 2]
        assert nz.load_npz(Chunks(savez(a=np.arange(3))))["a"].tolist() == [0, 1, 2]
        assert nz.read_npy(Chunks(npy(np.arange(3)))).to_pyarrow().to_pylist() == [0, 1, 2]
        assert nz.read_npz(Chunks(savez(a=np.arange(3)))).num_rows == 3

    def test_what_was_read_is_no_longer_shared(self) -> None:
        data = npy(np.arange(3))
        reason = "the file was read; mmap=True shares its pages"
        for copy in (None, True):
            assert nz.read_npy(io.BytesIO(data), copy=copy).transfer == f"copied: {reason}"
        with pytest.raises(nz.NpzarrowError, match=f"^cannot share memory with the input: {reason}$"):
            nz.read_npy(io.BytesIO(data), copy=False)
        swapped = npy(np.arange(3, dtype=">i8"))
        foreign = "the bytes of each number are in foreign order"
        assert nz.read_npy(io.BytesIO(swapped)).transfer == f"copied: {foreign}"
        with pytest.raises(nz.NpzarrowError, match=f"^cannot share memory with the input: {foreign}$"):
            nz.read_npy(io.BytesIO(swapped), copy=False)
        assert nz.read_npy(io.BytesIO(npy(np.zeros(0))), copy=False).transfer == "shared"

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    @pytest.mark.parametrize("call", ["nz.load_npy(file)", "nz.read_npy(file)"])
    def test_a_file_is_read_once(self, call: str, tmp_path: Path) -> None:
        """The payload is never in memory twice."""
        path = tmp_path / "x.npy"
        payload = 64 << 20
        np.save(path, np.zeros(payload >> 3))
        code = f"""
            import sys, npzarrow as nz, numpy
            def peak():
                with open("/proc/self/status") as status:
                    return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
            before = peak()
            with open(sys.argv[1], "rb") as file:
                array = {call}
            print(peak() - before)
        """
        assert payload <= int(python(code, b"", str(path)).stdout) < payload * 5 // 4

    def test_read_npy_leaves_the_position_too(self) -> None:
        file = io.BytesIO(npy(np.arange(3)) + npy(np.arange(4)))
        assert len(nz.read_npy(file)) == 3
        assert len(nz.read_npy(file)) == 4

    def test_a_file_on_disk(self, tmp_path: Path) -> None:
        path = tmp_path / "two.npy"
        path.write_bytes(b"front" + npy(np.arange(3), (2, 0)) + npy(np.arange(4), (3, 0)))
        for buffering in (-1, 0):
            with path.open("rb", buffering=buffering) as file:
                file.seek(5)
                assert nz.load_npy(file).tolist() == [0, 1, 2]
                assert nz.load_npy(file).tolist() == [0, 1, 2, 3]

    def test_only_read_is_used(self) -> None:
        class Pipe:
            """Cannot seek, and gives a byte at a time."""

            def __init__(self, data: bytes) -> None:
                self.file = io.BytesIO(data)
                self.largest = 0

            def read(self, size: int = -1) -> bytes:
                self.largest = max(self.largest, size)
                return self.file.read(size if size < 0 else min(size, 1))

        array = np.arange(30)
        pipe = Pipe(npy(array) + b"x")
        assert np.array_equal(nz.load_npy(pipe), array)
        assert pipe.file.read() == b"x"
        assert nz.load_npz(Pipe(savez(a=array)))["a"].tolist() == array.tolist()

    def test_a_header_that_lies_is_not_believed(self) -> None:
        """No more is asked for than a multiple of what has come."""

        class Watch(io.BytesIO):
            largest = 0

            def read(self, size: int | None = -1, /) -> bytes:
                self.largest = max(self.largest, size or 0)
                return super().read(size)

        lie = header("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }") + bytes(24)
        file = Watch(lie)
        with pytest.raises(nz.FormatError, match=r"payload has \d+ bytes, but shape \(1000000000000,\)"):
            nz.load_npy(file)
        assert file.largest <= 2 << 20

    @pytest.mark.parametrize("cut", [0, 5, 9, 11, 64, 127, 128, 140])
    def test_short_files(self, cut: int) -> None:
        for load in (nz.load_npy, nz.read_npy):
            with pytest.raises(nz.FormatError):
                load(io.BytesIO(npy(np.arange(3))[:cut]))

    def test_objects_are_not_read(self) -> None:
        file = io.BytesIO()
        np.save(file, np.array([{}]), allow_pickle=True)
        file.seek(0)
        with pytest.raises(nz.UnsupportedDtypeError):
            nz.load_npy(file)
        assert file.tell() == 128

    @pytest.mark.parametrize("load", ALL)
    def test_text_mode(self, load: Callable[[Any], Any], tmp_path: Path) -> None:
        path = tmp_path / "x.npy"
        path.write_bytes(b"ASCII, so that it can be read as text" * 10)
        with (
            path.open(encoding="ascii") as file,
            pytest.raises(TypeError, match=r"^read\(\) gave str instead of bytes; open the file in binary mode$"),
        ):
            load(file)

    @pytest.mark.parametrize("load", ALL)
    def test_a_read_that_raises(self, load: Callable[[Any], Any]) -> None:
        class Broken:
            def read(self, _: int = -1) -> bytes:
                raise ConnectionResetError(errno.ECONNRESET, "gone")

        with pytest.raises(ConnectionResetError, match="gone"):
            load(Broken())

    @pytest.mark.parametrize("load", ALL)
    def test_a_read_that_gives_too_much(self, load: Callable[[Any], Any]) -> None:
        data = npy(np.arange(3)) if load in (nz.load_npy, nz.read_npy) else savez(a=np.arange(3))

        class Generous:
            def read(self, _: int = -1) -> bytes:
                return data

        assert load(Generous()) is not None

    @pytest.mark.parametrize("load", ALL)
    def test_a_closed_file(self, load: Callable[[Any], Any]) -> None:
        file = io.BytesIO(b"x")
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            load(file)

    def test_members_of_a_zip_and_temporary_files(self) -> None:
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.npz", savez(a=np.arange(3)))
            archive.writestr("x.npy", npy(np.arange(4)))
        with zipfile.ZipFile(outer) as archive:
            with archive.open("inner.npz") as member:
                assert nz.load_npz(member)["a"].tolist() == [0, 1, 2]
            with archive.open("x.npy") as member:
                assert nz.load_npy(member).tolist() == [0, 1, 2, 3]
        with tempfile.TemporaryFile() as file:
            np.savez(file, a=np.arange(3))
            file.seek(0)
            assert nz.load_npz(file)["a"].tolist() == [0, 1, 2]


class TestTypes:
    """Sources of the wrong type."""

    @pytest.mark.parametrize("load", ALL)
    @pytest.mark.parametrize("source", [None, 5, 1.5, [b"x"], {"a": 1}, object(), int], ids=repr)
    def test_refused(self, load: Callable[[Any], Any], source: Any) -> None:
        found = type(source).__name__
        with pytest.raises(TypeError) as raised:
            load(source)
        assert str(raised.value) == f"source must be a bytes-like object, a path, a URL, or a binary file, not {found}"

    @pytest.mark.parametrize("load", ALL)
    def test_options_are_keywords(self, load: Callable[..., Any]) -> None:
        with pytest.raises(TypeError, match=r"takes (from 0 to )?1 positional argument"):
            load(b"", True)  # noqa: FBT003 - this is what must fail

    @pytest.mark.parametrize("load", ALL)
    def test_the_source_is_needed(self, load: Callable[..., Any]) -> None:
        with pytest.raises(TypeError, match="source"):
            load()

    def test_the_name_that_it_has_in_spdl(self, tmp_path: Path) -> None:
        data = savez(a=np.arange(3))
        path = tmp_path / "a.npz"
        path.write_bytes(data)
        for source in (data, path, io.BytesIO(data)):
            assert nz.load_npz(data=source, verify=True)["a"].tolist() == [0, 1, 2]
        assert nz.load_npz(source=data)["a"].tolist() == [0, 1, 2]
        assert nz.load_npy(data=npy(np.arange(3)), copy=True).tolist() == [0, 1, 2]
        assert nz.load_npy(source=npy(np.arange(3))).tolist() == [0, 1, 2]
        for load in (nz.load_npy, nz.load_npz):
            with pytest.raises(TypeError, match=r"^source and data are one argument; give one of them$"):
                load(b"", data=b"")  # type: ignore[call-overload]

    def test_classes_cannot_be_made(self) -> None:
        for cls in (nz.NpzFile, nz.NpyArray, nz.NpzBatch, nz.Schema):
            with pytest.raises(TypeError):
                cls()

    @pytest.mark.parametrize(
        ("cls", "bases"),
        [
            (nz.NpzarrowError, (ValueError, RuntimeError)),
            (nz.FormatError, (nz.NpzarrowError,)),
            (nz.UnsupportedDtypeError, (nz.NpzarrowError,)),
            (nz.LimitError, (nz.NpzarrowError,)),
            (nz.ChecksumError, (nz.NpzarrowError,)),
        ],
    )
    def test_exceptions(self, cls: type[Exception], bases: tuple[type[Exception], ...]) -> None:
        assert cls.__bases__ == bases
