"""The corpus of hostile and golden files, from every kind of source."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from support import npz

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DATA = Path(__file__).parents[2] / "tests" / "data"


class Case(NamedTuple):
    """A line of the hostile manifest."""

    file: str
    row: str
    outcome: str
    detail: str
    as_member: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return DATA / "hostile" / self.file


class Loaded(NamedTuple):
    """An array as the manifests describe it."""

    name: str
    dtype: str
    shape: list[int]
    sha256: str


def manifest(folder: str) -> Iterator[list[str]]:
    """The lines of a manifest without the first, which names the columns."""
    lines = (DATA / folder / "manifest.tsv").read_text(encoding="utf-8").splitlines()
    yield from (line.split("\t") for line in lines[1:])


HOSTILE = [Case(*fields) for fields in manifest("hostile")]
GOLDEN = list(manifest("golden"))

SOURCES: list[Any] = [
    pytest.param(Path.read_bytes, id="bytes"),
    pytest.param(lambda path: bytearray(path.read_bytes()), id="bytearray"),
    pytest.param(str, id="path"),
    pytest.param(lambda path: io.BytesIO(path.read_bytes()), id="file"),
]


def described(name: str, array: NDArray[Any]) -> Loaded:
    """What the manifests say of an array."""
    dtype = array.dtype
    spelling = dtype.str if dtype.names is None else str(np.lib.format.dtype_to_descr(dtype))
    return Loaded(name, spelling, list(array.shape), hashlib.sha256(raw_in_c_order(array)).hexdigest())


def raw_in_c_order(array: NDArray[Any]) -> bytes:
    """The bytes of the elements, padding included."""
    if not array.flags.c_contiguous:
        # Bytes, since NumPy does not copy the padding of records.
        array = array.view(f"V{array.dtype.itemsize}") if array.dtype.names else array
    return array.tobytes()


def expected(detail: str) -> list[Loaded]:
    """The arrays that a manifest lists."""
    return [Loaded(*fields) for fields in json.loads(detail)]


def load(source: Any, *, npy: bool) -> list[Loaded]:
    """Loads everything that is an array."""
    if npy:
        return [described("", nz.load_npy(source))]
    archive = nz.load_npz(source)
    loaded = archive.load()
    assert list(loaded) == [name for name in archive.files if name in loaded]
    return [described(name, array) for name, array in loaded.items()]


def assert_text(error: Exception, text: str, *places: object) -> None:
    """The manifest's text is how the message ends, or, after `~`, an expression to be found behind the places."""
    assert isinstance(error, nz.NpzarrowError)
    message = str(error)
    for place in places:
        message = message.removeprefix(f"{place}: ")
    assert "\n" not in message
    if text.startswith("~"):
        assert re.search(text[1:], message), message
    else:
        assert message.endswith(text)


def check(outcome: str, detail: str, source: Callable[[], Any], *, npy: bool) -> None:
    """Holds one case against one source."""
    match outcome:
        case "value":
            assert load(source(), npy=npy) == expected(detail)
        case "value-or-error":
            check_value_or_error(detail, source, npy=npy)
        case "npy-error":
            with pytest.raises(nz.NpzarrowError) as raised:
                nz.load_npy(source())
            assert_text(raised.value, detail, source())
            with pytest.raises(nz.NpzarrowError):
                nz.read_npy(source())
        case "open-error":
            for use in (nz.load_npz, nz.read_npz):
                with pytest.raises(nz.NpzarrowError) as raised:
                    use(source())
                assert_text(raised.value, detail)
        case "member-error":
            archive = nz.load_npz(source())
            for name, what in json.loads(detail).items():
                if isinstance(what, str):
                    with pytest.raises(nz.NpzarrowError) as raised:
                        archive[name]
                    assert_text(raised.value, what)
                else:
                    assert described(name, archive[name]) == Loaded(name, *what)
        case "error":
            with pytest.raises(nz.NpzarrowError) as raised:
                load(source(), npy=npy)
            assert_text(raised.value, detail)
        case _:
            pytest.fail(f"unknown outcome {outcome}")


def check_value_or_error(detail: str, source: Callable[[], Any], *, npy: bool) -> None:
    """What loads is in the list; nothing is left out in silence."""
    allowed = expected(detail)
    if npy:
        with contextlib.suppress(nz.NpzarrowError):
            assert load(source(), npy=True)[0] in allowed
        return
    try:
        archive = nz.load_npz(source())
    except nz.NpzarrowError:
        return
    assert {array.name for array in allowed} <= set(archive.files)
    for array in allowed:
        try:
            assert described(array.name, archive[array.name]) in allowed
        except nz.NpzarrowError:
            continue


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("case", HOSTILE, ids=[case.file for case in HOSTILE])
def test_hostile(case: Case, make: Callable[[Path], Any]) -> None:
    check(case.outcome, case.detail, lambda: make(case.path), npy=case.file.startswith("npy/"))


@pytest.mark.parametrize("deflate", [False, True], ids=["stored", "deflated"])
@pytest.mark.parametrize("case", [case for case in HOSTILE if case.as_member == "yes"], ids=lambda case: case.file)
def test_hostile_as_a_member(case: Case, deflate: bool) -> None:
    data = npz({"x.npy": case.path.read_bytes()}, deflate=deflate)
    archive = nz.load_npz(data)
    if case.outcome == "npy-error":
        with pytest.raises(nz.NpzarrowError, match=r"^x\.npy: ") as raised:
            archive["x"]
        assert_text(raised.value, case.detail, "x.npy")
        return
    allowed = expected(case.detail)
    try:
        assert described("", archive["x"]) in allowed
    except nz.NpzarrowError:
        assert case.outcome == "value-or-error"


@pytest.mark.parametrize("case", HOSTILE, ids=[case.file for case in HOSTILE])
def test_hostile_into_arrow(case: Case) -> None:
    """Whatever happens is a value or one of our errors; no panic, no crash, no out of memory."""
    data = case.path.read_bytes()
    read: list[Callable[[], Any]] = (
        [lambda: nz.read_npy(data)]
        if case.file.startswith("npy/")
        else [lambda: nz.read_npz(data), lambda: nz.read_npz(data, rows="archive", unsupported="skip")]
    )
    for use in read:
        try:
            made = use().to_pyarrow()
        except nz.NpzarrowError:
            continue
        made.validate(full=True)


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize(("file", "numpy", "arrays"), GOLDEN, ids=[fields[0] for fields in GOLDEN])
def test_golden(file: str, numpy: str, arrays: str, make: Callable[[Path], Any]) -> None:
    path = DATA / "golden" / file
    assert numpy
    listed = json.loads(arrays)
    source = make(path)
    loaded = {"": nz.load_npy(source)} if file.endswith(".npy") else nz.load_npz(source).load()
    assert list(loaded) == [fields[0] for fields in listed]
    for (name, dtype, shape, fortran, sha256), array in zip(listed, loaded.values(), strict=True):
        assert described(name, array) == Loaded(name, dtype, shape, sha256)
        if array.ndim > 1 and array.size > max(array.shape) and array.nbytes:
            assert array.flags.f_contiguous is fortran


def test_the_corpus_is_there() -> None:
    assert len(HOSTILE) > 700
    assert len(GOLDEN) > 300
    listed = {case.path for case in HOSTILE}
    assert listed == {path for path in (DATA / "hostile").rglob("*.np[yz]")}  # noqa: C416 - as it reads
