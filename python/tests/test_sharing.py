"""What shares memory with the source, by address, and what is copied, with the reason."""

from __future__ import annotations

import mmap
import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pytest
from support import address_of, aligned, npy, npz, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ARRAY = np.arange(100, dtype="<i8")
PAYLOAD = npy(ARRAY).index(ARRAY.tobytes())


def values_address(arrow: pa.Array) -> int:
    """Where the values of the innermost array lie."""
    buffers = [buffer for buffer in arrow.buffers() if buffer is not None]
    return int(buffers[-1].address)


class TestNumPy:
    """`load_npy` and stored members of `load_npz`."""

    @pytest.mark.parametrize("offset", [0, 1, 8])
    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, pa.py_buffer, aligned])
    def test_load_npy_points_into_the_source(self, make: Callable[[bytes], Any], offset: int) -> None:
        data = npy(ARRAY, offset=offset)
        source = make(data)
        assert nz.load_npy(source).ctypes.data == address_of(source) + PAYLOAD + offset

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview, pa.py_buffer, aligned])
    def test_load_npz_points_into_the_source(self, make: Callable[[bytes], Any]) -> None:
        data = savez(a=np.arange(3), b=ARRAY)
        source = make(data)
        expected = address_of(source) + data.index(ARRAY.tobytes())
        archive = nz.load_npz(source)
        assert archive["b"].ctypes.data == archive["b"].ctypes.data == expected
        assert archive.load(["b"])["b"].ctypes.data == expected
        assert next(iter(archive.values())).ctypes.data == address_of(source) + data.index(np.arange(3).tobytes())

    def test_a_deflated_member_has_memory_of_its_own(self) -> None:
        archive = nz.load_npz(savez_compressed(a=ARRAY))
        first, second = archive["a"], archive["a"]
        assert first.flags.writeable
        first[:] = -1
        assert second.tolist() == archive["a"].tolist() == ARRAY.tolist()

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
    def test_copy_is_independent_and_writable(self, make: Callable[[bytes], Any]) -> None:
        source = make(npy(ARRAY))
        copy = nz.load_npy(source, copy=True)
        assert not np.shares_memory(copy, np.frombuffer(source, np.uint8))
        copy[:] = -1
        assert nz.load_npy(source).tolist() == ARRAY.tolist()

    def test_base_of_bytes_is_the_object_itself(self) -> None:
        data = npy(ARRAY)
        array: object = nz.load_npy(data).base
        assert array is data
        archive = savez(a=ARRAY)
        member: object = nz.load_npz(archive)["a"].base
        assert member is archive

    def test_mapped_members_share_one_map(self, tmp_path: Path) -> None:
        data = savez(a=ARRAY, b=ARRAY)
        path = tmp_path / "a.npz"
        path.write_bytes(data)
        archive = nz.load_npz(path, mmap=True)
        first, second = archive["a"], archive["b"]
        distance = data.rindex(ARRAY.tobytes()) - data.index(ARRAY.tobytes())
        assert second.ctypes.data - first.ctypes.data == distance
        assert not first.flags.writeable


class TestWritability:
    """Who may write to the source may write through the array, and both see it."""

    @pytest.mark.parametrize(
        ("source", "writable"),
        [
            pytest.param(npy(ARRAY), False, id="bytes"),
            pytest.param(bytearray(npy(ARRAY)), True, id="bytearray"),
            pytest.param(memoryview(bytearray(npy(ARRAY))), True, id="memoryview"),
            pytest.param(memoryview(bytearray(npy(ARRAY))).toreadonly(), False, id="read-only memoryview"),
            pytest.param(np.frombuffer(bytearray(npy(ARRAY)), np.uint8), True, id="array"),
            pytest.param(np.frombuffer(npy(ARRAY), np.uint8), False, id="read-only array"),
        ],
    )
    def test_follows_the_source(self, source: Any, writable: bool) -> None:
        array = nz.load_npy(source)
        assert array.flags.writeable is writable
        if not writable:
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.setflags(write=True)

    def test_writes_are_seen_on_both_sides(self) -> None:
        source = bytearray(npy(ARRAY))
        array = nz.load_npy(source)
        array[0] = 77
        assert source[PAYLOAD] == 77
        source[PAYLOAD + 8] = 78
        assert array[1] == 78

    def test_writes_through_a_member_are_seen_in_the_source(self) -> None:
        source = bytearray(savez(a=ARRAY))
        array = nz.load_npz(source)["a"]
        array[0] = 77
        assert bytes(source).find(array.tobytes()) > 0

    def test_arrow_does_not_see_later_writes(self) -> None:
        source = bytearray(npy(ARRAY))
        arrow = pa.array(nz.read_npy(source))
        source[PAYLOAD] = 99
        assert arrow.to_pylist() == ARRAY.tolist()


class TestResizing:
    """A bytearray behind a live array cannot be resized."""

    def test_load_npy(self) -> None:
        source = bytearray(npy(ARRAY))
        array = nz.load_npy(source)
        with pytest.raises(BufferError, match="cannot be re-sized"):
            source.append(0)
        assert array.sum() == ARRAY.sum()
        del array
        source.append(0)

    def test_load_npz(self) -> None:
        source = bytearray(savez(a=ARRAY))
        archive = nz.load_npz(source)
        array = archive["a"]
        with pytest.raises(BufferError, match="cannot be re-sized"):
            source.clear()
        del archive
        with pytest.raises(BufferError, match="cannot be re-sized"):
            source.clear()
        view = array[10:20]
        del array
        with pytest.raises(BufferError, match="cannot be re-sized"):
            source.clear()
        assert view.tolist() == ARRAY[10:20].tolist()
        del view
        source.clear()

    def test_nothing_is_held_by_what_was_copied(self) -> None:
        source = bytearray(npy(ARRAY))
        kept = (nz.load_npy(source, copy=True), nz.read_npy(source), pa.array(nz.read_npy(source)))
        source.clear()
        assert len(kept[0]) == len(kept[1]) == len(kept[2]) == 100

    def test_nothing_is_held_after_an_error(self) -> None:
        for load in (nz.load_npy, nz.load_npz, nz.read_npy, nz.read_npz):
            source = bytearray(b"neither the one nor the other format")
            with pytest.raises(nz.NpzarrowError):
                load(source)
            source.clear()


class TestArrow:
    """Arrow shares what it can; `transfers` tells why it cannot."""

    @pytest.mark.parametrize("offset", [0, 8, 24])
    def test_shared_by_address(self, offset: int) -> None:
        source = aligned(npy(ARRAY), offset=offset)
        read = nz.read_npy(source, copy=False)
        assert read.transfer == "shared"
        assert pa.array(read).buffers()[1].address == address_of(source) + PAYLOAD

    @pytest.mark.parametrize(
        ("array", "options"),
        [
            pytest.param(np.arange(12, dtype="<f4").reshape(4, 3), {}, id="tensor"),
            pytest.param(np.arange(12, dtype="<f4").reshape(4, 3), {"tensor": "nested"}, id="nested"),
            pytest.param(np.arange(12, dtype="<f4").reshape(4, 3), {"rows": "archive"}, id="one row"),
            pytest.param(np.arange(12, dtype="<f4").reshape(12, 1, order="F"), {}, id="trivial Fortran order"),
            pytest.param(np.arange(4) * 1j, {}, id="complex"),
            pytest.param(np.arange(4).astype("M8[us]"), {}, id="datetime"),
            pytest.param(np.arange(4).astype("m8[s]"), {}, id="timedelta"),
            pytest.param(np.arange(4).astype("m8[M]"), {}, id="months"),
            pytest.param(np.arange(4).astype("f2"), {}, id="half"),
            pytest.param(np.arange(4).astype("V5"), {}, id="void"),
            pytest.param(np.array([True, False]), {"bool8": True}, id="bool8"),
        ],
    )
    def test_types_that_share(self, array: NDArray[Any], options: dict[str, Any]) -> None:
        data = npy(array)
        source = aligned(data)
        start = address_of(source) + len(data) - array.nbytes
        read = nz.read_npy(source, copy=False, **options)
        assert read.transfer == "shared"
        assert values_address(pa.array(read)) == start

    def test_long_strings_as_views_share(self) -> None:
        array = np.array([b"x" * 20, b"y" * 30])
        source = aligned(npy(array))
        read = nz.read_npy(source, copy=False, string_view=True)
        assert (read.transfer, pa.array(read).to_pylist()) == ("shared", array.tolist())
        assert pa.array(read).buffers()[-1].address == address_of(source) + PAYLOAD

    def test_members_share(self) -> None:
        archive = savez(a=np.arange(5, dtype="i1"), b=np.arange(5, dtype="u1"))
        batch = nz.read_npz(archive, copy=False)
        assert batch.transfers == {"a": "shared", "b": "shared"}
        for name in "ab":
            buffer = batch.to_pyarrow().column(name).buffers()[1]
            assert buffer.address == address_of(archive) + archive.index(bytes(range(5)), _start(archive, name))

    # Every reason that `CopyReason` knows, and how to get it.
    REASONS: tuple[tuple[str, str, Callable[[Path], Any], dict[str, Any]], ...] = (
        ("requested", "the caller asked for a copy", lambda _: aligned(npy(ARRAY)), {"copy": True}),
        (
            "misaligned",
            "the payload begins 3 bytes behind a multiple of 8",
            lambda _: aligned(npy(ARRAY), offset=3),
            {},
        ),
        ("mutable", "the input can be written to", lambda _: bytearray(npy(ARRAY)), {}),
        ("read", "the file was read; mmap=True shares its pages", lambda folder: _write(folder, npy(ARRAY)), {}),
        (
            "byte order",
            "the bytes of each number are in foreign order",
            lambda _: aligned(npy(ARRAY.astype(">i8"))),
            {},
        ),
        (
            "Fortran order",
            "the axes are in Fortran order",
            lambda _: aligned(npy(np.asfortranarray(np.ones((3, 4))))),
            {},
        ),
        (
            "packed",
            "Arrow packs truth values into bits; bool8=True shares them",
            lambda _: aligned(npy(np.array([True]))),
            {},
        ),
        ("text", "four bytes per code point become UTF-8", lambda _: aligned(npy(np.array(["a"]))), {}),
        (
            "strings",
            "the NULs that pad strings are cut; string_view=True shares long strings",
            lambda _: aligned(npy(np.array([b"a"]))),
            {},
        ),
        (
            "short views",
            "strings of at most 12 bytes lie in their views",
            lambda _: aligned(npy(np.array([b"a"]))),
            {"string_view": True},
        ),
        (
            "scaled",
            "the steps are scaled to a unit that Arrow has",
            lambda _: aligned(npy(np.zeros(1, "M8[h]"))),
            {},
        ),
        ("dates", "Arrow counts dates in days of 32 bits", lambda _: aligned(npy(np.zeros(1, "M8[D]"))), {}),
        (
            "records",
            "the fields of records become columns",
            lambda _: aligned(npy(np.zeros(1, [("a", "i4"), ("b", "i4")]))),
            {},
        ),
    )

    @pytest.mark.parametrize(("reason", "make", "options"), [case[1:] for case in REASONS], ids=[c[0] for c in REASONS])
    def test_reasons(
        self,
        reason: str,
        make: Callable[[Path], Any],
        options: dict[str, Any],
        tmp_path: Path,
    ) -> None:
        source = make(tmp_path)
        read = nz.read_npy(source, **options)
        assert read.transfer == f"copied: {reason}"
        if not isinstance(source, str):
            start = address_of(source)
            assert not start <= values_address(pa.array(read)) < start + len(source)
        if "copy" not in options:
            with pytest.raises(nz.NpzarrowError) as raised:
                nz.read_npy(source, copy=False, **options)
            text = f"cannot share memory with the input: {reason}"
            assert str(raised.value) == (f"{source}: {text}" if isinstance(source, str) else text)

    def test_reason_of_deflated_members(self) -> None:
        data = savez_compressed(a=ARRAY)
        assert nz.read_npz(data).transfers == {"a": "copied: the member is deflated"}
        with pytest.raises(nz.NpzarrowError, match=r"^a\.npy: cannot share .*: the member is deflated$"):
            nz.read_npz(data, copy=False)

    def test_reason_of_repeated_values(self) -> None:
        data = aligned(npz({"a.npy": npy(np.array(1, "u1")), "b.npy": npy(np.zeros(3, "u1"))}))
        reason = "one value is repeated for every row"
        assert nz.read_npz(data).transfers == {"a": f"copied: {reason}", "b": "shared"}
        with pytest.raises(nz.NpzarrowError, match=rf"^a\.npy: cannot share memory with the input: {reason}$"):
            nz.read_npz(data, copy=False)

    def test_copies_are_aligned_to_64_bytes(self) -> None:
        for offset in range(1, 64, 9):
            read = nz.read_npy(aligned(npy(ARRAY), offset=offset), copy=True)
            assert values_address(pa.array(read)) % 64 == 0

    def test_a_mapped_file_shares(self, tmp_path: Path) -> None:
        path = _write(tmp_path, npy(ARRAY))
        read = nz.read_npy(path, mmap=True, copy=False)
        assert (read.transfer, pa.array(read).to_pylist()) == ("shared", ARRAY.tolist())


def _start(archive: bytes, name: str) -> int:
    return archive.index(f"{name}.npy".encode())


def _write(folder: Path, data: bytes) -> str:
    path = folder / "x.npy"
    path.write_bytes(data)
    return str(path)


class TestImmutability:
    """Arrow shares memory only if nobody can write to it, down the whole chain of views."""

    @pytest.mark.parametrize(
        ("make", "shared"),
        [
            pytest.param(lambda data: memoryview(_bytes(data)), True, id="view of bytes"),
            pytest.param(lambda data: memoryview(memoryview(_bytes(data)))[:], True, id="view of view of bytes"),
            pytest.param(aligned, True, id="array over bytes"),
            pytest.param(lambda data: memoryview(cast("Any", aligned(data))), True, id="view of array over bytes"),
            pytest.param(lambda data: pa.py_buffer(aligned(data)), True, id="pyarrow buffer of array over bytes"),
            pytest.param(lambda data: pa.allocate_buffer(len(data)), False, id="pyarrow buffer that is mutable"),
            pytest.param(
                lambda data: memoryview(bytearray(data)).toreadonly(), False, id="read-only view of bytearray"
            ),
            pytest.param(
                lambda data: memoryview(memoryview(bytearray(data)).toreadonly()), False, id="and a view of it"
            ),
            pytest.param(lambda data: _locked(np.frombuffer(bytearray(data), np.uint8)), False, id="locked array"),
            pytest.param(
                lambda data: _locked(np.frombuffer(data, np.uint8).copy()), False, id="locked array that owns"
            ),
            pytest.param(lambda data: pa.py_buffer(bytearray(data)), False, id="pyarrow buffer of bytearray"),
            # An Arrow buffer that says it is immutable vouches for its memory: what lies behind cannot be seen.
            pytest.param(lambda data: pa.py_buffer(memoryview(bytearray(data)).toreadonly()), True, id="vouched for"),
        ],
    )
    def test_chain(self, make: Callable[[bytes], Any], shared: bool) -> None:
        data = npy(np.arange(100, dtype="u1"))
        source = make(data)
        if isinstance(source, pa.Buffer) and source.is_mutable and source.parent is None:
            np.frombuffer(source, np.uint8)[:] = np.frombuffer(data, np.uint8)
        read = nz.read_npy(source)
        assert read.transfer == ("shared" if shared else "copied: the input can be written to")
        inside = address_of(source) <= values_address(pa.array(read)) < address_of(source) + len(data)
        assert inside is shared

    @pytest.mark.parametrize(
        ("access", "shared"),
        [(mmap.ACCESS_READ, True), (mmap.ACCESS_COPY, False), (mmap.ACCESS_WRITE, False)],
    )
    def test_maps(self, access: int, shared: bool, tmp_path: Path) -> None:
        path = tmp_path / "x.npy"
        path.write_bytes(npy(ARRAY))
        with path.open("r+b") as file:
            source = mmap.mmap(file.fileno(), 0, access=access)
        for view in (source, memoryview(source), memoryview(source).toreadonly()):
            read = nz.read_npy(view)
            assert read.transfer == ("shared" if shared else "copied: the input can be written to")
            assert pa.array(read).to_pylist() == ARRAY.tolist()

    @pytest.mark.parametrize(
        ("mode", "shared"),
        [("r", True), ("c", False), ("r+", False)],
    )
    def test_memmap(self, mode: Any, shared: bool, tmp_path: Path) -> None:
        """A subclass of arrays, whose base is a map."""
        path = tmp_path / "x.npy"
        path.write_bytes(npy(ARRAY))
        source = np.memmap(path, np.uint8, mode)
        for view in (
            source,
            source[:],
            source.view(np.ndarray),
            memoryview(cast("Any", source[:])),
            _locked(source[:]),
        ):
            read = nz.read_npy(view)
            assert read.transfer == ("shared" if shared else "copied: the input can be written to")
            assert pa.array(read).to_pylist() == ARRAY.tolist()

    def test_subclasses_share_what_they_show(self) -> None:
        class Bytes(bytes):
            pass

        class Array(np.ndarray[Any, Any]):
            pass

        data = npy(np.arange(5, dtype="u1"))
        assert nz.read_npy(Bytes(data)).transfer == "shared"
        assert nz.read_npy(np.bytes_(data)).transfer == "shared"
        assert nz.read_npy(np.frombuffer(data, np.uint8).view(Array)).transfer == "shared"

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="exporters in Python need 3.12")
    @pytest.mark.parametrize("base", [bytes, np.ndarray])
    def test_subclasses_that_show_other_memory(self, base: Any) -> None:
        data = npy(np.arange(5, dtype="u1"))
        memory = bytearray(data)

        class Other(base):  # type: ignore[misc]
            def __buffer__(self, _: int) -> memoryview:
                return memoryview(memory).toreadonly()

        source = Other(data) if base is bytes else np.frombuffer(data, np.uint8).view(Other)
        read = nz.read_npy(source)
        assert read.transfer == "copied: the input can be written to"
        memory[-1] = 77
        assert pa.array(read).to_pylist() == [0, 1, 2, 3, 4]

    def test_arrays_that_lie_about_their_base(self) -> None:
        data = npy(np.arange(5, dtype="u1"))

        class Array(np.ndarray[Any, Any]):
            base = property(lambda _: data)

        source = np.frombuffer(bytearray(data), np.uint8).view(Array)
        source.setflags(write=False)
        assert nz.read_npy(source).transfer == "copied: the input can be written to"

    def test_arrays_that_we_made(self) -> None:
        """Archives within archives: what `load_npz` gives is a source again."""
        inner = np.frombuffer(npy(np.arange(5, dtype="u1")), np.uint8)
        outer = savez(x=inner)
        assert nz.read_npy(nz.load_npz(outer)["x"]).transfer == "shared"
        assert nz.read_npy(nz.load_npz(bytearray(outer))["x"]).transfer == "copied: the input can be written to"
        view = memoryview(bytearray(outer)).toreadonly()
        assert nz.read_npy(nz.load_npz(view)["x"]).transfer == "copied: the input can be written to"
        deflated = nz.load_npz(savez_compressed(x=inner))["x"]
        assert nz.read_npy(deflated).transfer == "copied: the input can be written to"


def _bytes(data: bytes) -> bytes:
    return bytes(bytearray(data))


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


class TestContiguity:
    """Buffers whose bytes do not lie one behind the other are refused."""

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param(memoryview(npy(ARRAY))[::-1], id="reversed"),
            pytest.param(memoryview(npy(ARRAY))[::2], id="strided"),
            pytest.param(np.zeros((4, 4), np.uint8).T[:, 1:], id="transposed"),
        ],
    )
    @pytest.mark.parametrize("load", [nz.load_npy, nz.load_npz, nz.read_npy, nz.read_npz])
    def test_refused(self, source: Any, load: Callable[[Any], Any]) -> None:
        with pytest.raises(BufferError, match="not C-contiguous: its bytes do not lie one behind the other"):
            load(source)

    @pytest.mark.parametrize("format", ["b", "B", "c", "h", "i", "q", "d"])
    def test_any_item_type(self, format: str) -> None:  # noqa: A002 - a word of memoryview's
        data = npy(ARRAY)
        view = memoryview(data).cast(format)  # type: ignore[call-overload]
        assert nz.load_npy(view).tolist() == ARRAY.tolist()
        assert nz.load_npz(memoryview(_padded(savez(a=ARRAY))).cast(format))["a"].tolist() == ARRAY.tolist()  # type: ignore[call-overload]

    def test_slices_of_a_view(self) -> None:
        data = npy(ARRAY)
        source = memoryview(b"tar header" + data + b"tar padding")[10 : 10 + len(data)]
        assert nz.load_npy(source).tolist() == ARRAY.tolist()


def _padded(archive: bytes) -> bytes:
    """The archive with a comment, so that its length is a multiple of 8."""
    comment = -len(archive) % 8
    return archive[:-2] + comment.to_bytes(2, "little") + b" " * comment


class TestChecksums:
    """Each stored member is verified once per archive."""

    def test_a_write_through_an_array_does_not_break_its_archive(self) -> None:
        archive = nz.load_npz(bytearray(savez(a=ARRAY, b=ARRAY)))
        array = archive["a"]
        array[:] = 5
        assert archive["a"].tolist() == archive.load()["a"].tolist() == [5] * 100

    def test_a_write_before_the_first_access_is_found(self) -> None:
        source = bytearray(savez(a=ARRAY))
        archive = nz.load_npz(source)
        source[source.index(ARRAY.tobytes())] ^= 1
        with pytest.raises(nz.ChecksumError, match=r"^a\.npy: checksum is \w{8}, but the directory says \w{8}$"):
            archive["a"]

    @pytest.mark.parametrize("compressed", [False, True])
    def test_verify_false(self, compressed: bool, tmp_path: Path) -> None:
        data = bytearray(savez(compressed, a=ARRAY))
        # The checksum is at 14 in the local header, and at 16 in the directory entry.
        for place in (14, data.index(b"PK\x01\x02") + 16):
            data[place] ^= 0xFF
        path = tmp_path / "a.npz"
        path.write_bytes(data)
        for source in (bytes(data), data, path):
            with pytest.raises(nz.ChecksumError):
                nz.load_npz(source)["a"]
            with pytest.raises(nz.ChecksumError):
                nz.read_npz(source)
            assert nz.load_npz(source, verify=False)["a"].tolist() == ARRAY.tolist()
            assert nz.read_npz(source, verify=False).to_pyarrow().to_pydict() == {"a": ARRAY.tolist()}
