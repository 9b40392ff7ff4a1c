"""Paths and file-like objects."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import Fspath, header, npy, savez

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable

ALL: list[Callable[[Any], Any]] = [nz.load_npy, nz.load_npz, nz.read_npy, nz.read_npz]
MAPPED: list[Callable[[Any], Any]] = [
    lambda source: nz.load_npz(source, mmap=True),
    lambda source: nz.read_npy(source, mmap=True),
    lambda source: nz.read_npz(source, mmap=True),
]


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
    def test_nul_in_a_path(self, load: Callable[[Any], Any]) -> None:
        with pytest.raises((ValueError, OSError)):
            load("a\0b")

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
        with pytest.raises(TypeError, match="takes 1 positional argument"):
            load(b"", True)  # noqa: FBT003 - this is what must fail

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
