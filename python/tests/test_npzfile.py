"""`NpzFile` where it goes beyond what SPDL has."""

from __future__ import annotations

import io
import os
import threading
import warnings
import zipfile
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pytest
from support import corrupt, npy, npz, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable


class TestMapping:
    """It is a mapping, as the abstract base class has it."""

    def test_abstract_bases(self) -> None:
        archive = nz.load_npz(savez(a=np.arange(3)))
        assert isinstance(archive, Mapping)
        assert isinstance(archive.keys(), KeysView)
        assert isinstance(archive.values(), ValuesView)
        assert isinstance(archive.items(), ItemsView)

    def test_structural_pattern(self) -> None:
        match nz.load_npz(savez(a=np.arange(3), b=np.arange(2))):
            case {"a": array}:
                assert array.tolist() == [0, 1, 2]
            case _:
                pytest.fail("is no mapping")

    def test_unpacking(self) -> None:
        archive = nz.load_npz(savez(a=np.arange(3), b=np.arange(2)))
        assert {**archive}.keys() == {"a", "b"}

        def names(**arrays: Any) -> list[str]:
            return list(arrays)

        assert names(**archive) == ["a", "b"]

    @pytest.mark.parametrize("key", [5, None, b"a", ("a",), 1.5])
    def test_keys_of_other_types(self, key: Any) -> None:
        archive = nz.load_npz(savez(a=np.arange(3)))
        assert key not in archive
        assert archive.get(key) is None
        with pytest.raises(KeyError, match="is not a file in the archive"):
            archive[key]

    @pytest.mark.parametrize("key", ["\ud800", "a\udfff.npy"])
    def test_keys_that_are_no_unicode(self, key: str) -> None:
        archive = nz.load_npz(savez(a=np.arange(3)))
        assert key not in archive
        assert (archive.get(key), archive.get(key, 5)) == (None, 5)
        for use in (lambda: archive[key], lambda: archive.load([key])):
            with pytest.raises(KeyError, match=r"\\\\ud[8f]{1,2}.* is not a file in the archive"):
                use()
        with pytest.raises(KeyError, match="is not a file in the archive"):
            nz.read_npz(savez(a=np.arange(3)), columns=[key])

    def test_items_are_a_set(self) -> None:
        archive = nz.load_npz(savez(x=np.array(1), y=np.arange(3)))
        items: ItemsView[str, Any] = archive.items()
        assert ("x", 1) in items
        assert ("y", [0, 1, 2]) in items
        for other in (("x", 2), ("y", 1), ("y", [0, 1, 3]), ("z", 1), ("x",), ("x", 1, 1), "x", None, (1, 1)):
            wrong: Any = other
            assert wrong not in items
        assert items & set() == set()
        assert items & {("x", 1), ("x", 2)} == {("x", 1)}
        assert items.isdisjoint([("x", 2)])
        assert not items.isdisjoint([("x", 1)])
        assert items == archive.items()
        assert items != nz.load_npz(savez(x=np.array(1), y=np.arange(4))).items()
        assert {("x", 1)} <= items

    def test_values_compare_whole_arrays(self) -> None:
        values = nz.load_npz(savez(x=np.array(1), y=np.arange(3))).values()
        assert 1 in values
        assert [0, 1, 2] in values
        assert 2 not in values
        assert None not in values

    def test_views_say_what_they_are(self) -> None:
        archive = nz.load_npz(savez(a=np.arange(3)))
        assert repr(archive.values()) == "NpzValues of an archive with 1 entries"
        assert repr(archive.items()) == "NpzItems of an archive with 1 entries"
        assert iter(archive).__length_hint__() == 1

    def test_an_empty_archive(self) -> None:
        archive = nz.load_npz(savez())
        assert (archive.files, len(archive), dict(archive), archive.load(), archive.info()) == ([], 0, {}, {}, [])
        assert not archive

    def test_iterators_are_independent(self) -> None:
        archive = nz.load_npz(savez(a=np.arange(3), b=np.arange(2)))
        first, second = iter(archive), iter(archive)
        assert (next(first), next(first), next(second)) == ("a", "b", "a")
        with pytest.raises(StopIteration):
            next(first)


class TestClosing:
    """The context manager."""

    @pytest.mark.parametrize("mmap", [False, True])
    def test_with(self, mmap: bool, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        path.write_bytes(savez(a=np.arange(3)))
        with nz.load_npz(path, mmap=mmap) as archive:
            assert not archive.closed
            array = archive["a"]
        assert archive.closed
        assert array.tolist() == [0, 1, 2]
        for use in (
            lambda: archive["a"],
            archive.load,
            archive.info,
            archive.__enter__,
            lambda: list(archive.values()),
            lambda: dict(archive),
            lambda: archive.get("a"),
        ):
            with pytest.raises(ValueError, match=r"^the archive is closed$"):
                use()

    def test_names_stay(self) -> None:
        archive = nz.load_npz(savez(a=np.arange(3)))
        archive.close()
        archive.close()
        assert (archive.files, len(archive), list(archive)) == (["a"], 1, ["a"])
        keys: list[Any] = ["a", "a.npy", "b", 5]
        assert [key in archive for key in keys] == [True, True, False, False]

    @pytest.mark.parametrize("compressed", [False, True])
    def test_the_source_is_released(self, compressed: bool) -> None:
        source = bytearray(savez(compressed, a=np.arange(3)))
        with nz.load_npz(source) as archive:
            values = iter(archive.values())
            with pytest.raises(BufferError, match="cannot be re-sized"):
                source.append(0)
        source.append(0)
        with pytest.raises(ValueError, match="the archive is closed"):
            next(values)

    def test_the_source_stays_for_arrays(self) -> None:
        source = bytearray(savez(a=np.arange(3)))
        with nz.load_npz(source) as archive:
            array = archive["a"]
        with pytest.raises(BufferError, match="cannot be re-sized"):
            source.append(0)
        assert array.tolist() == [0, 1, 2]
        del array
        source.append(0)

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="lists files in /proc")  # noqa: PTH112
    @pytest.mark.parametrize("mmap", [False, True])
    def test_the_file_is_released(self, mmap: bool, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        path.write_bytes(savez_compressed(a=np.arange(3)))

        def in_use() -> bool:
            files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
            return path in files or str(path) in Path("/proc/self/maps").read_text()

        archive = nz.load_npz(path, mmap=mmap)
        assert in_use()
        archive.close()
        assert not in_use()

    def test_closed_while_it_is_read(self) -> None:
        """Whoever reads goes on; the last one releases the source."""
        source = bytearray(savez_compressed(a=np.zeros(1 << 22)))
        archive = nz.load_npz(source)
        started = threading.Event()

        def read() -> list[int]:
            lengths = []
            started.set()
            try:
                while True:
                    lengths.append(len(archive["a"]))
            except ValueError:
                return lengths

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read) for _ in range(4)]
            started.wait()
            archive.close()
            assert all(set(reader.result()) <= {1 << 22} for reader in readers)
        source.append(0)

    def test_closed_by_what_is_released_with_it(self) -> None:
        class Source(bytearray):
            """Asks the archive that shares it for something when it goes."""

            archive: nz.NpzFile

            def __del__(self) -> None:
                seen.append((self.archive.closed, len(self.archive.files)))
                self.archive.close()

        seen: list[tuple[bool, int]] = []
        source = Source(savez(a=np.arange(3)))
        source.archive = archive = nz.load_npz(source)
        del source
        archive.close()
        assert seen == [(True, 1)]

    def test_exceptions_pass_through(self) -> None:
        with pytest.raises(ZeroDivisionError), nz.load_npz(savez(a=np.arange(3))) as archive:
            raise ZeroDivisionError
        assert archive.closed


class TestLoad:
    """Several members at once."""

    ARRAYS: dict[str, Any] = {name: np.full(5, index) for index, name in enumerate("abcdef")}

    @pytest.mark.parametrize("compressed", [False, True])
    @pytest.mark.parametrize("threads", [None, 1, 3])
    def test_all(self, compressed: bool, threads: int | None) -> None:
        loaded = nz.load_npz(savez(compressed, **self.ARRAYS), threads=threads).load()
        assert list(loaded) == list(self.ARRAYS)
        assert all(np.array_equal(loaded[name], array) for name, array in self.ARRAYS.items())

    @pytest.mark.parametrize(
        "names",
        [["c", "a"], ("c.npy", "a"), [], ["b", "b"], ["a", "a.npy"], {"a": 1, "c": 2}.keys(), {"a"}, {"b": 1}],
        ids=repr,
    )
    def test_names(self, names: Any) -> None:
        loaded = nz.load_npz(savez(**self.ARRAYS)).load(names)
        assert list(loaded) == list(dict.fromkeys(names))
        for name, array in loaded.items():
            assert np.array_equal(array, self.ARRAYS[name.removesuffix(".npy")])

    def test_missing_name(self) -> None:
        with pytest.raises(KeyError, match="z is not a file in the archive"):
            nz.load_npz(savez(**self.ARRAYS)).load(["a", "z"])

    def test_names_from_a_generator(self) -> None:
        archive = nz.load_npz(savez(**self.ARRAYS))
        assert list(archive.load(name for name in "cab")) == ["c", "a", "b"]
        assert list(archive.load(archive)) == list(archive.load(archive.keys())) == list(self.ARRAYS)
        assert nz.read_npz(savez(**self.ARRAYS), columns=(name for name in "cab")).schema.names == ["c", "a", "b"]
        assert nz.read_npz(savez(**self.ARRAYS), columns={"b"}).schema.names == ["b"]

    @pytest.mark.parametrize(
        ("names", "found"), [("a", "str"), (b"a", "bytes"), (5, "int"), ([5], "of int"), (["a", None], "of NoneType")]
    )
    def test_what_is_no_list_of_names(self, names: Any, found: str) -> None:
        with pytest.raises(TypeError) as raised:
            nz.load_npz(savez(**self.ARRAYS)).load(names)
        assert str(raised.value) == f"names must be an iterable of str, not {found}"
        with pytest.raises(TypeError) as raised:
            nz.read_npz(savez(**self.ARRAYS), columns=names)
        assert str(raised.value) == f"columns must be an iterable of str, not {found}"

    def test_names_that_raise(self) -> None:
        with pytest.raises(ZeroDivisionError):
            nz.load_npz(savez(**self.ARRAYS)).load(str(1 / number) for number in (1, 0))

    def test_one_bad_member(self) -> None:
        archive = nz.load_npz(corrupt(savez(**self.ARRAYS), "d.npy"))
        with pytest.raises(nz.ChecksumError, match=r"^d\.npy: "):
            archive.load()
        assert list(archive.load(["a", "b", "e"])) == ["a", "b", "e"]

    def test_others_than_arrays_are_left_out(self) -> None:
        archive = nz.load_npz(npz({"readme.txt": b"hello", "x.npy": npy(np.arange(3)), "folder/": b""}))
        assert archive.files == ["readme.txt", "x", "folder/"]
        assert list(archive.load()) == ["x"]
        with pytest.raises(nz.FormatError, match=r"^readme\.txt: "):
            archive.load(["readme.txt"])


class TestNames:
    """Which names find what."""

    def test_duplicates(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.npy", npy(np.arange(3)))
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("a.npy", npy(np.arange(4)))
            archive.writestr("b.npy", npy(np.arange(5)))
        loaded = nz.load_npz(file.getvalue())
        assert loaded.files == ["a", "a", "b"]
        assert "a" in loaded
        assert loaded["b"].tolist() == [0, 1, 2, 3, 4]
        for use in (lambda: loaded["a"], lambda: loaded.get("a"), lambda: loaded.load(["a"])):
            with pytest.raises(nz.FormatError, match=r"^a names 2 members of the archive, so it names none$"):
                use()
        with pytest.raises(nz.FormatError, match="names 2 members"):
            nz.read_npz(file.getvalue())
        assert nz.read_npz(file.getvalue(), columns=["b"]).num_rows == 5

    def test_duplicates_in_bulk(self, tmp_path: Path) -> None:
        """What reads many members gives what single access gives, or the same error."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for length in (3, 4):
                with warnings.catch_warnings(action="ignore", category=UserWarning):
                    archive.writestr("a.npy", npy(np.arange(length)))
            archive.writestr("b.npy", npy(np.arange(5)))
        path = tmp_path / "a.npz"
        path.write_bytes(file.getvalue())
        text = "a names 2 members of the archive, so it names none"
        bulk: list[Callable[[nz.NpzFile], Any]] = [
            lambda archive: archive.load(),
            lambda archive: list(archive.values()),
            lambda archive: dict(archive.items()),
            dict,
        ]
        for source, error in ((file.getvalue(), text), (path, f"{path}: {text}")):
            loaded = nz.load_npz(source)
            for use in bulk:
                with pytest.raises(nz.FormatError) as raised:
                    use(loaded)
                assert str(raised.value) == error
            assert loaded.load(["b"])["b"].tolist() == [0, 1, 2, 3, 4]

    def test_one_name_with_and_without_suffix(self) -> None:
        archive = nz.load_npz(npz({"x": npy(np.array([1])), "x.npy": npy(np.array([2])), "y.npy": npy(np.array([3]))}))
        assert archive.files == ["x", "x", "y"]
        assert (archive["x"].tolist(), archive["x.npy"].tolist()) == ([1], [2])
        assert [array.tolist() for array in archive.values()] == [[1], [1], [3]]
        assert [(name, array.tolist()) for name, array in archive.items()] == [("x", [1]), ("x", [1]), ("y", [3])]
        assert archive.load(["x", "x.npy"]) == {"x": [1], "x.npy": [2]}
        with pytest.raises(nz.FormatError, match=r"^x names 2 members of the archive, so it names none$"):
            archive.load()

    @pytest.mark.parametrize("deflate", [False, True])
    def test_arrays_without_the_suffix(self, deflate: bool) -> None:
        members = {"plain": npy(np.arange(3)), "x.dat": npy(np.arange(2)), "text": b"hello", "empty": b""}
        archive = nz.load_npz(npz(members, deflate=deflate))
        assert archive.files == list(members)
        assert list(archive.load()) == ["plain", "x.dat"]
        assert archive["plain"].tolist() == [0, 1, 2]
        assert nz.read_npz(npz(members, deflate=deflate), rows="archive").schema.names == ["plain", "x.dat"]
        for name in ("text", "empty"):
            with pytest.raises(nz.FormatError, match=f"^{name}: "):
                archive[name]

    def test_the_whole_name_goes_first(self) -> None:
        archive = nz.load_npz(npz({"a.npy": npy(np.arange(1)), "a.npy.npy": npy(np.arange(2))}))
        assert archive.files == ["a", "a.npy"]
        assert (len(archive["a"]), len(archive["a.npy"]), len(archive["a.npy.npy"])) == (1, 1, 2)

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "a\\b", "dir/x", "日本", "x" * 5000, "a b", "A", "\u202ex"])
    def test_any_name(self, name: str) -> None:
        archive = nz.load_npz(npz({f"{name}.npy": npy(np.arange(3))}))
        assert archive.files == [name]
        assert archive[name].tolist() == archive[f"{name}.npy"].tolist() == [0, 1, 2]


class TestThreads:
    """The argument `threads`."""

    @pytest.mark.parametrize("threads", [1, 2, 1000, 1 << 64, 1 << 200, np.int64(2), None])
    def test_enough(self, threads: Any) -> None:
        data = savez_compressed(**{f"a{index}": np.full(1 << 15, index) for index in range(20)})
        assert [array[-1] for array in nz.load_npz(data, threads=threads).load().values()] == list(range(20))
        assert nz.read_npz(data, threads=threads).num_rows == 1 << 15

    @pytest.mark.parametrize("threads", [0, -1, -(1 << 200)])
    @pytest.mark.parametrize("load", [nz.load_npz, nz.read_npz])
    def test_too_few(self, threads: int, load: Any) -> None:
        with pytest.raises(ValueError, match=r"^threads must be at least 1$"):
            load(savez(a=np.arange(3)), threads=threads)

    @pytest.mark.parametrize("threads", [1.5, "1", [1]])
    @pytest.mark.parametrize("load", [nz.load_npz, nz.read_npz])
    def test_no_number(self, threads: Any, load: Any) -> None:
        with pytest.raises(TypeError):
            load(savez(a=np.arange(3)), threads=threads)


class TestInfo:
    """What is known without reading payloads."""

    def test_fields(self) -> None:
        x = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
        data = savez(x=x, s=np.array(["a"]))
        first, second = nz.load_npz(data).info()
        assert first == {
            "name": "x",
            "dtype": np.dtype(">f4"),
            "shape": (2, 3),
            "order": "F",
            "method": "stored",
            "compressed_size": 128 + 24,
            "size": 128 + 24,
            "offset": data.index(x.tobytes("F")),
            "aligned": data.index(x.tobytes("F")) % 64 == 0,
            "transfer": "copied: the axes are in Fortran order",
            "error": None,
        }
        assert (second["name"], second["dtype"], second["shape"], second["order"]) == ("s", np.dtype("<U1"), (1,), "C")

    def test_keys_are_those_of_the_type(self) -> None:
        (info,) = nz.load_npz(savez(x=np.arange(3))).info()
        assert list(info) == list(get_type_hints(nz.MemberInfo))

    def test_deflated(self) -> None:
        (info,) = nz.load_npz(savez_compressed(x=np.zeros(1000))).info()
        assert (info["method"], info["size"], info["offset"], info["aligned"]) == ("deflated", 8128, None, False)
        assert info["compressed_size"] < 200
        assert info["transfer"] == "copied: the member is deflated"

    def test_what_cannot_be_read_says_why(self) -> None:
        members = {
            "text.txt": b"hello",
            "o.npy": npy(np.zeros(1, "i8")).replace(b"'<i8'", b"'|O' "),
            "g.npy": npy(np.zeros(2, "g")),
            "cut.npy": npy(np.arange(3))[:60],
            "good.npy": npy(np.arange(3)),
        }
        info = {member["name"]: member for member in nz.load_npz(npz(members)).info()}
        assert list(info) == ["text.txt", "o", "g", "cut", "good"]
        assert {name: member["error"] is None for name, member in info.items()} == {
            "text.txt": False,
            "o": False,
            "g": False,
            "cut": False,
            "good": True,
        }
        assert [info["text.txt"][key] for key in ("dtype", "shape", "order", "transfer")] == [None] * 4
        assert info["o"]["error"] == 'o.npy: dtype "|O" holds pickled Python objects, which are never loaded'
        assert info["o"]["dtype"] == np.dtype(object)
        assert info["g"]["error"] == f'g.npy: dtype "{np.dtype("g").str}" has no Arrow type'
        assert (info["g"]["dtype"], info["g"]["shape"]) == (np.dtype("g"), (2,))

    def test_a_bad_payload_is_not_noticed(self) -> None:
        """Nothing but headers is read."""
        data = corrupt(savez(x=np.arange(3)), "x.npy")
        assert nz.load_npz(data).info()[0]["error"] is None

    def test_transfer_is_what_reading_does(self) -> None:
        arrays = {
            "u1": np.zeros(3, "u1"),
            "f8": np.zeros(3),
            "b": np.zeros(3, bool),
            "U": np.array(["a", "b", "c"]),
            "M": np.zeros(3, "M8[D]"),
        }
        for data in (savez(**arrays), bytearray(savez(**arrays)), savez_compressed(**arrays)):
            told = {member["name"]: member["transfer"] for member in nz.load_npz(data).info()}
            assert told == nz.read_npz(data).transfers
