"""One-sample archives, stacked: what `np.stack` gives."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import DTYPES

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SAVE = {"stored": np.savez, "deflated": np.savez_compressed}


def archive(kind: str, **arrays: Any) -> bytes:
    file = io.BytesIO()
    SAVE[kind](file, allow_pickle=False, **arrays)
    return file.getvalue()


def samples(kind: str, count: int = 30) -> tuple[list[bytes], dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(3)
    arrays: dict[str, NDArray[Any]] = {
        "image": rng.integers(0, 256, (count, 3, 20, 20), dtype="u1"),
        "label": np.arange(count),
        "text": np.array([f"sample {index:02}" for index in range(count)]),
        "empty": np.zeros((count, 0, 4), "f4"),
    }
    rows = [{name: array[index] for name, array in arrays.items()} for index in range(count)]
    rows[0]["image"] = np.asfortranarray(rows[0]["image"])
    return [archive(kind, **row) for row in rows], arrays


def assert_stacked(found: dict[str, NDArray[Any]], arrays: dict[str, NDArray[Any]]) -> None:
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert (found[name] == array).all()
        assert found[name].flags.c_contiguous
        assert found[name].flags.writeable


@pytest.mark.parametrize("kind", sorted(SAVE))
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_equals_np_stack(kind: str, threads: int | None, tmp_path: Path) -> None:
    sources, arrays = samples(kind)
    paths = []
    for index, data in enumerate(sources):
        paths.append(tmp_path / f"{index:03}.npz")
        paths[-1].write_bytes(data)
    mixed = [bytearray(sources[0]), memoryview(sources[1]), io.BytesIO(sources[2]), str(paths[3]), *paths[4:]]
    every: list[Iterable[Any]] = [sources, paths, iter(sources), mixed]
    for given in every:
        assert_stacked(nz.collate_npz(given, threads=threads), arrays)
    assert_stacked(nz.collate_npz(paths, columns=["label"]), {"label": arrays["label"]})
    assert list(nz.collate_npz(paths, columns=["text.npy", "image"])) == ["text", "image"]


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize("name", sorted(DTYPES))
def test_every_dtype(name: str) -> None:
    dtype = np.dtype(DTYPES[name])
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 128, (4, 2, 3, max(dtype.itemsize, 1)), dtype="u1")
    if dtype.itemsize == 0 or dtype.kind == "U" or dtype.fields:
        array = np.zeros((4, 2, 3), dtype)
    else:
        array = np.frombuffer(raw.tobytes(), dtype).reshape(4, 2, 3)
    [found] = nz.collate_npz([archive("stored", x=row) for row in array]).values()
    assert found.dtype == np.load(io.BytesIO(archive("stored", x=array[0])))["x"].dtype
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("second", "error", "text"),
    [
        (
            {"x": np.zeros(3, "f4")},
            nz.NpzarrowError,
            r"sources\[1\]: x.npy: column is .*\(3,\), but .*\(2,\) in sources\[0\]",
        ),
        ({"x": np.zeros(2, "f8")}, nz.NpzarrowError, "'<f8' of shape"),
        ({"y": np.zeros(2, "f4")}, nz.NpzarrowError, r"sources\[1\]: y.npy: .* but absent in sources\[0\]"),
        ({}, KeyError, "x is not a file in the archive"),
        ({"x": np.zeros(2, "f4"), "y": np.zeros(2)}, nz.NpzarrowError, "absent"),
    ],
)
def test_samples_that_do_not_fit(second: dict[str, Any], error: type[Exception], text: str) -> None:
    first = archive("stored", x=np.zeros(2, "f4"))
    with pytest.raises(error, match=text):
        nz.collate_npz([first, archive("stored", **second), first])


def test_faults(tmp_path: Path) -> None:
    good = archive("stored", x=np.arange(100))
    with pytest.raises(ValueError, match="no sources"):
        nz.collate_npz([])
    with pytest.raises(nz.FormatError, match=r"sources\[1\]: The data is not a valid zip file"):
        nz.collate_npz([good, b"nothing"])
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        nz.collate_npz([good, tmp_path / "none.npz"])
    with pytest.raises(TypeError, match="not int"):
        nz.collate_npz([good, 3])  # type: ignore[list-item]
    damaged = bytearray(good)
    damaged[300] ^= 1
    with pytest.raises(nz.ChecksumError, match=r"sources\[2\]: x\.npy"):
        nz.collate_npz([good, good, damaged])
    assert nz.collate_npz([good, damaged], verify=False)["x"].shape == (2, 100)
    with pytest.raises(nz.LimitError):
        nz.collate_npz([archive("deflated", x=np.arange(100))], max_uncompressed_bytes=100)
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([{}]))
    with pytest.raises(nz.UnsupportedDtypeError, match="never loaded"):
        nz.collate_npz([pickled.getvalue()])
