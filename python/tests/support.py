"""What the tests read: every dtype, every layout, every kind of source."""

from __future__ import annotations

import ctypes
import io
import mmap
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from numpy.typing import NDArray

SEED = 20_240_607

HANG = 60.0
"""Seconds after which a process counts as hung; the tests need a fraction of one."""


def _scalars() -> Iterator[str]:
    yield from ("|b1", "|i1", "|u1")
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        for code in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"):
            yield order + code
        # Long doubles have the size that the platform gives them.
        yield np.dtype("g").newbyteorder(order).str
        yield np.dtype("G").newbyteorder(order).str
        for kind in ("M8", "m8"):
            yield order + kind
            for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"):
                yield f"{order}{kind}[{unit}]"
        yield f"{order}M8[10ms]"
        yield f"{order}M8[3D]"
        yield f"{order}m8[25s]"
        yield f"{order}m8[2W]"
        yield from (f"{order}U0", f"{order}U1", f"{order}U7")
    yield from ("|S0", "|S1", "|S5", "|S13", "|V0", "|V1", "|V5", "|V16")


RECORDS: dict[str, np.dtype[Any]] = {
    "record": np.dtype([("a", "<i4"), ("b", "<f8")]),
    "record_big_endian": np.dtype([("a", ">i4"), ("b", ">f8"), ("c", "<u2")]),
    "record_of_all_kinds": np.dtype(
        [("b", "?"), ("c", "<c8"), ("t", "<M8[ms]"), ("d", "<m8[D]"), ("u", "<U3"), ("s", "S4"), ("v", "V3")],
    ),
    "record_aligned": np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<i2")], align=True),
    "record_with_gaps": np.dtype(
        {"names": ["x", "y"], "formats": ["<u2", "<f4"], "offsets": [3, 9], "itemsize": 20},
    ),
    "record_with_titles": np.dtype([(("the first", "a"), "<i2"), (("the second", "b"), "<f4")]),
    "record_nested": np.dtype([("p", [("x", "<f4"), ("q", [("y", ">i2"), ("z", "u1")])]), ("n", "<i8")]),
    "record_of_sub_arrays": np.dtype([("m", "<f4", (2, 3)), ("n", "u1", (4,)), ("r", [("k", "<i2")], (2,))]),
    "record_of_empty_fields": np.dtype([("s", "S0"), ("u", "<U0"), ("v", "V0"), ("i", "<i4")]),
    "record_latin1": np.dtype([("größe", "<f4"), ("µ", "u1")]),
    "record_unicode": np.dtype([("大きさ", "<f4"), ("η", "u1")]),
}

DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in _scalars()} | RECORDS

VERSIONS = ((1, 0), (2, 0), (3, 0))


class Layout(NamedTuple):
    """A shape, and how its elements lie."""

    shape: tuple[int, ...]
    fortran: bool = False


LAYOUTS = (
    Layout(()),
    Layout((5,)),
    Layout((5,), fortran=True),
    Layout((0,)),
    Layout((2, 3, 4)),
    Layout((2, 3, 4), fortran=True),
    Layout((3, 0, 2)),
    Layout((0, 4), fortran=True),
)


def random_array(dtype: np.dtype[Any], layout: Layout) -> NDArray[Any]:
    """An array of random bytes: NaNs, NaTs and all."""
    count = int(np.prod(layout.shape, dtype=np.int64))
    payload = np.random.default_rng(SEED).bytes(count * dtype.itemsize)
    order: Literal["C", "F"] = "F" if layout.fortran else "C"
    return np.ndarray(layout.shape, dtype, bytearray(payload), order=order)


def raw(array: NDArray[Any]) -> bytes:
    """The memory of a contiguous array, padding included."""
    assert array.flags.c_contiguous or array.flags.f_contiguous
    return ctypes.string_at(array.ctypes.data, array.nbytes)


def npy(
    array: NDArray[Any], version: tuple[int, int] = (1, 0), *, offset: int = 0, fortran: bool | None = None
) -> bytes:
    """NPY data whose payload begins `offset` bytes behind a multiple of 64."""
    if fortran is None:
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    fields = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": fortran, "shape": array.shape}
    return header(repr(fields), version, offset=offset) + raw(array)


def header(fields: str, version: tuple[int, int] = (1, 0), *, offset: int = 0) -> bytes:
    """The bytes before a payload that begins `offset` bytes behind a multiple of 64."""
    text = fields.encode("utf-8" if version == (3, 0) else "latin-1")
    length_size = 2 if version == (1, 0) else 4
    before = 8 + length_size + len(text) + 1
    text += b" " * (-before % 64 + offset) + b"\n"
    return b"\x93NUMPY" + bytes(version) + len(text).to_bytes(length_size, "little") + text


def npz(members: Mapping[str, bytes], *, deflate: bool = False) -> bytes:
    """An archive of members whose names are as given."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def savez(compressed: bool = False, /, **arrays: object) -> bytes:  # noqa: FBT002 - followed by names of arrays
    """What `np.savez` writes."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def savez_compressed(**arrays: object) -> bytes:
    """What `np.savez_compressed` writes."""
    return savez(True, **arrays)  # noqa: FBT003 - as above


def corrupt(archive: bytes, name: str) -> bytes:
    """Flips the last bit of a member's data."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        info = opened.getinfo(name)
    names = int.from_bytes(archive[info.header_offset + 26 :][:2], "little")
    extra = int.from_bytes(archive[info.header_offset + 28 :][:2], "little")
    last = info.header_offset + 30 + names + extra + info.compress_size - 1
    changed = bytearray(archive)
    changed[last] ^= 1
    return bytes(changed)


def aligned(data: bytes, *, offset: int = 0) -> NDArray[np.uint8]:
    """Bytes in read-only memory that begins `offset` bytes behind a multiple of 64."""
    room = np.frombuffer(bytes(len(data) + 128), np.uint8)
    start = -room.ctypes.data % 64 + offset
    # `bytes` own the memory, so that nobody can write to it; only here, before anybody looks.
    ctypes.memmove(room.ctypes.data + start, data, len(data))
    return room[start : start + len(data)]


def address_of(buffer: object) -> int:
    """Where a buffer's memory begins."""
    return int(np.frombuffer(buffer, np.uint8).ctypes.data)  # type: ignore[call-overload]


def python(code: str, data: bytes = b"", *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end."""
    command = [sys.executable, "-P", "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(command, input=data, capture_output=True, timeout=HANG, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done


@dataclass(frozen=True)
class Kind:
    """A kind of source; `writable` says whether arrays that share it can be written to."""

    name: str
    make: Callable[[bytes, Path, ExitStack], object]
    writable: bool
    mmap: bool = False

    @property
    def is_path(self) -> bool:
        """True if the source is opened, not handed over."""
        return self.name in {"str", "PathLike"}

    @property
    def is_file(self) -> bool:
        """True if the source is read by its own method."""
        return self.name in {"BytesIO", "raw file", "buffered file"}


class Fspath:
    """The least that is an `os.PathLike`."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __fspath__(self) -> str:
        return self._path


def _path(data: bytes, folder: Path) -> Path:
    path = folder / "data"
    path.write_bytes(data)
    return path


def _map(data: bytes, folder: Path, access: int) -> mmap.mmap:
    with _path(data, folder).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=access)


KINDS = (
    Kind("bytes", lambda data, _, __: data, writable=False),
    Kind("bytearray", lambda data, _, __: bytearray(data), writable=True),
    Kind("memoryview", lambda data, _, __: memoryview(data), writable=False),
    Kind("memoryview of bytearray", lambda data, _, __: memoryview(bytearray(data)), writable=True),
    Kind("mmap", lambda data, folder, _: _map(data, folder, mmap.ACCESS_READ), writable=False),
    Kind("private mmap", lambda data, folder, _: _map(data, folder, mmap.ACCESS_COPY), writable=True),
    Kind("ndarray", lambda data, _, __: np.frombuffer(bytearray(data), np.uint8), writable=True),
    Kind("pyarrow.Buffer", lambda data, _, __: pa.py_buffer(data), writable=False),
    Kind("str", lambda data, folder, _: str(_path(data, folder)), writable=True),
    Kind("PathLike", lambda data, folder, _: Fspath(_path(data, folder)), writable=True),
    Kind("BytesIO", lambda data, _, __: io.BytesIO(data), writable=False),
    Kind(
        "raw file",
        lambda data, folder, stack: stack.enter_context(_path(data, folder).open("rb", buffering=0)),
        writable=False,
    ),
    Kind(
        "buffered file",
        lambda data, folder, stack: stack.enter_context(_path(data, folder).open("rb")),
        writable=False,
    ),
    Kind("mapped path", lambda data, folder, _: _path(data, folder), writable=False, mmap=True),
)
