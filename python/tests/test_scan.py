"""Many shards as one table: values, order, faults, tasks, pickles, and every consumer of streams."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import npzarrow as nz

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARDS = 6
ROWS = 50
SAVE = {"stored": np.savez, "deflated": np.savez_compressed}


def columns(shard: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(shard)
    return {
        "id": np.arange(ROWS) + shard * ROWS,
        "x": rng.normal(size=(ROWS, 2, 3)).astype("f4"),
        "name": np.array([f"row {row}" for row in range(ROWS)]),
        "flag": rng.integers(0, 2, ROWS).astype(bool),
        "day": np.datetime64("2024-06-07") + np.arange(ROWS),
        "half": rng.normal(size=ROWS).astype("f2"),
    }


@pytest.fixture(params=sorted(SAVE))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for shard in range(SHARDS):
        SAVE[request.param](tmp_path / f"{shard:02}.npz", allow_pickle=False, **columns(shard))
    return tmp_path


def expected(name: str, rows: slice = slice(None)) -> NDArray[Any]:
    return np.concatenate([columns(shard)[name] for shard in range(SHARDS)])[rows]


def assert_rows(table: pa.Table, rows: slice = slice(None)) -> None:
    for name in table.column_names:
        column = table[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        values = (
            column.to_numpy_ndarray()
            if isinstance(column, pa.FixedShapeTensorArray)
            else column.to_numpy(zero_copy_only=False)
        )
        wanted = expected(name, rows)
        assert values.shape == wanted.shape
        assert (values == wanted).all(), name


@pytest.mark.parametrize(
    "options",
    [{}, {"threads": 1}, {"batch_size": 7}, {"batch_bytes": 1000}, {"mmap": True}, {"threads": 3, "batch_bytes": 5000}],
)
def test_values_are_those_of_numpy(folder: Path, options: dict[str, Any]) -> None:
    dataset = nz.scan_npz(folder, **options)
    assert dataset.num_rows == SHARDS * ROWS
    assert dataset.schema.names == list(columns(0))
    assert_rows(pa.table(dataset))
    assert_rows(dataset.to_pyarrow().read_all())
    batches = [pa.record_batch(batch) for batch in dataset.head(ROWS * SHARDS)]
    assert_rows(pa.Table.from_batches(batches))
    assert all(batch.num_rows <= options.get("batch_size", ROWS * SHARDS) for batch in batches)


def test_streams_repeat(folder: Path) -> None:
    dataset = nz.scan_npz(folder)
    assert not hasattr(dataset, "__arrow_c_array__"), "consumers would take one batch for all"
    first, second = pa.table(dataset), pa.table(dataset)
    assert first.equals(second)
    half = pa.RecordBatchReader.from_stream(nz.scan_npz(folder, batch_size=10))
    assert half.read_next_batch().num_rows == 10
    del half
    assert pa.schema(dataset) == first.schema


def test_random_tilings_are_the_whole(folder: Path) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        dataset = nz.scan_npz(folder, batch_bytes=int(rng.integers(100, 20_000)), threads=int(rng.integers(1, 4)))
        tasks = dataset.plan(int(rng.integers(1, 20_000)))
        assert sum(task.num_rows for task in tasks) == SHARDS * ROWS
        assert_rows(pa.concat_tables([pa.table(dataset.read(task)) for task in tasks]))
        n = int(rng.integers(0, SHARDS * ROWS + 10))
        assert_rows(pa.table(dataset.head(n, columns=["x", "id"])), slice(0, n))


def test_requested_schema(folder: Path) -> None:
    dataset = nz.scan_npz(folder, bool8=True)
    wanted = pa.schema([("half", pa.float32()), ("flag", pa.bool_())])
    table = pa.RecordBatchReader.from_stream(dataset, schema=wanted).read_all()
    assert table.schema.types == [pa.float32(), pa.bool_()]
    assert (table["half"].to_numpy() == expected("half").astype("f4")).all()
    assert (table["flag"].to_numpy() == expected("flag")).all()


def test_duckdb_opens_one_stream(folder: Path) -> None:
    opened: list[object] = []

    class Counting:
        def __init__(self) -> None:
            self.dataset = nz.scan_npz(folder, columns=["id", "x"])

        def __arrow_c_schema__(self) -> object:
            return self.dataset.__arrow_c_schema__()

        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            opened.append(requested_schema)
            return self.dataset.__arrow_c_stream__(requested_schema)

    counting = Counting()
    dataset = counting.dataset
    connection = duckdb.connect()
    for table, streams in ((counting, 1), (dataset, 1)):
        connection.register("shards", table)
        query = connection.execute("select count(*), sum(id), max(x[2]) from shards where id >= 100")
        ids = expected("id")
        assert query.fetchall() == [(200, ids[100:].sum(), expected("x").reshape(-1, 6)[100:, 1].max())]
        assert len(opened) == streams


def test_added_columns(tmp_path: Path) -> None:
    for split in ("test", "train"):
        path = tmp_path / f"split={split}" / "year=2024"
        path.mkdir(parents=True)
        np.savez(path / "a.npz", id=np.arange(3))
    dataset = nz.scan_npz(tmp_path, columns=["id"], include_file_paths="path", row_index="row")
    table = pa.table(dataset)
    assert table.column_names == ["id", "split", "year", "path", "row"]
    assert table["split"].to_pylist() == ["test"] * 3 + ["train"] * 3
    assert table["year"].to_pylist() == [2024] * 6
    assert table["row"].to_pylist() == list(range(6))
    assert table["path"].to_pylist()[5] == str(tmp_path / "split=train" / "year=2024" / "a.npz")
    assert nz.scan_npz(tmp_path, hive=False).schema.names == ["id"]
    with pytest.raises(nz.NpzarrowError, match='column "id" is there twice'):
        pa.table(nz.scan_npz(tmp_path, row_index="id"))


def test_sources(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    for source in (str(folder), folder, f"{folder}/*.npz", f"{folder}/**/0[0-9].npz", paths, tuple(map(str, paths))):
        assert_rows(pa.table(nz.scan_npz(source)))
    backwards = pa.table(nz.scan_npz(paths[::-1], columns=["id"]))
    assert backwards["id"][0].as_py() == (SHARDS - 1) * ROWS, "a list keeps its order"


@pytest.mark.parametrize("source", ["", "*.npz", "none.npz", "**/a.npy", "none/"])
def test_no_shard_is_an_error_that_names_the_pattern(tmp_path: Path, source: str) -> None:
    pattern = str(tmp_path / source)
    for use in (pa.table, lambda dataset: dataset.num_rows, lambda dataset: dataset.to_polars().collect()):
        with pytest.raises(Exception, match=pattern.replace("*", r"\*")):
            use(nz.scan_npz(pattern))
    with pytest.raises(FileNotFoundError):
        nz.scan_npz(pattern).plan()


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="sources of a scan are paths"):
        nz.scan_npz(b"PK")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ftp URLs"):
        nz.scan_npz("ftp://host/a.npz").plan()
    with pytest.raises(ValueError, match="on_error must be one of"):
        nz.scan_npz(tmp_path, on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be at least 1"):
        nz.scan_npz(tmp_path, batch_size=0)
    np.savez(tmp_path / "a.npz", x=[1])
    with pytest.raises(KeyError, match="y is not a file in the archive"):
        nz.scan_npz(tmp_path, columns=["y"]).plan()


def test_pickles(folder: Path) -> None:
    dataset = nz.scan_npz(folder, columns=["id", "x"], progress=print, row_index="row")
    tasks = dataset.plan()
    program = (
        "import pickle, sys, pyarrow as pa\n"
        "dataset, tasks = pickle.loads(sys.stdin.buffer.read())\n"
        "print(sum(sum(pa.table(dataset.read(task))['row'].to_pylist()) for task in tasks))"
    )
    data = pickle.dumps((dataset, tasks))
    done = subprocess.run([sys.executable, "-P", "-c", program], input=data, capture_output=True, check=True)  # noqa: S603
    assert int(done.stdout) == sum(range(SHARDS * ROWS))
    again, same = pickle.loads(data)  # noqa: S301 - our own
    assert same == tasks
    assert len({*same, *tasks}) == len(tasks)
    # Tasks are read without the headers of other shards.
    Path(tasks[0].paths[0]).unlink()
    assert pa.table(again.read(same[3]))["id"].to_pylist() == expected("id").tolist()[3 * ROWS : 4 * ROWS]
    with pytest.raises(FileNotFoundError):
        pa.table(again.read(same[0]))


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_shard_that_changes_between_plan_and_read(folder: Path, *, elsewhere: bool) -> None:
    dataset = nz.scan_npz(folder)
    tasks = dataset.plan()
    if elsewhere:
        dataset = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own
    paths = [Path(task.paths[0]) for task in tasks]
    (folder / "00.npz").unlink()
    np.savez(paths[1], allow_pickle=False, **{**columns(1), "id": np.zeros(ROWS // 2, int)})
    os.truncate(paths[2], paths[2].stat().st_size // 2)
    status = paths[3].stat()
    os.utime(paths[3], ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    for index, error, text in [
        (0, OSError, "00.npz"),
        (1, Exception, "01.npz"),
        (2, Exception, "02.npz: "),
        (3, Exception, "03.npz: shard has changed since it was planned: its time of modification is"),
    ]:
        with pytest.raises(error, match=text):
            dataset.read(tasks[index]).to_pyarrow().read_all()
    assert_rows(pa.table(dataset.read(tasks[4])), slice(4 * ROWS, 5 * ROWS))


def test_bad_shards_are_left_out_on_request(folder: Path) -> None:
    (folder / "01.npz").write_bytes(b"half of something")
    damaged = bytearray((folder / "03.npz").read_bytes())
    with zipfile.ZipFile(folder / "03.npz") as archive:
        member = archive.getinfo("x.npy")
    damaged[member.header_offset + member.compress_size - 100] ^= 1
    (folder / "03.npz").write_bytes(damaged)
    with pytest.raises(nz.FormatError, match=r"01\.npz"):
        nz.scan_npz(folder).plan()
    dataset = nz.scan_npz(folder, on_error="skip")
    assert dataset.num_rows == 5 * ROWS
    [reason] = dataset.skipped
    assert "01.npz: The data is not a valid zip file." in reason
    table = dataset.to_pyarrow().read_all()
    kept = [shard for shard in range(SHARDS) if shard not in (1, 3)]
    assert table["id"].to_pylist() == [row for shard in kept for row in columns(shard)["id"].tolist()]
    assert [reason.split("/")[-1][:6] for reason in dataset.skipped] == ["01.npz", "03.npz"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="everybody may read everything")
def test_directories_that_cannot_be_read(folder: Path) -> None:
    hidden = folder / "hidden"
    hidden.mkdir()
    hidden.chmod(0)
    try:
        with pytest.raises(PermissionError, match="hidden"):
            nz.scan_npz(folder).plan()
    finally:
        hidden.chmod(0o700)


def test_links(folder: Path) -> None:
    (folder / "nowhere.npz").symlink_to(folder / "none")
    (folder / ".hidden.npz").write_bytes(b"")
    (folder / "_old").mkdir()
    (folder / "_old" / "a.npz").write_bytes(b"")
    assert_rows(pa.table(nz.scan_npz(folder)))


def test_progress(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    dataset = nz.scan_npz(folder, batch_size=20, progress=lambda *call: calls.append(call))
    dataset.to_pyarrow().read_all()
    assert calls[-1] == (SHARDS * ROWS, SHARDS * ROWS)
    assert calls == sorted(calls)
    calls.clear()
    list(dataset.head(30))
    assert calls[-1] == (30, 30)

    def fail(*_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        nz.scan_npz(folder, progress=fail).to_pyarrow().read_all()


def test_shards_that_differ(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", n=np.arange(2, dtype="i4"), only=np.ones(2))
    np.savez(tmp_path / "b.npz", n=np.arange(2, dtype="i8"))
    with pytest.raises(nz.NpzarrowError, match=r"b\.npz: n: column is Int64, but Int32 in .*a\.npz"):
        nz.scan_npz(tmp_path).plan()
    table = pa.table(nz.scan_npz(tmp_path, widen=True))
    assert table.to_pydict() == {"n": [0, 1, 0, 1], "only": [1.0, 1.0, None, None]}


def test_archives_as_rows(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype="u1")
    for index, image in enumerate(images):
        save = SAVE[sorted(SAVE)[index % 2]]
        save(tmp_path / f"{index:02}.npz", image=np.asfortranarray(image) if index % 3 else image, label=index)
    for options in ({}, {"batch_size": 7}, {"mmap": True}):
        dataset = nz.scan_npz(tmp_path, rows="archive", **options)
        table = pa.table(dataset)
        assert table["label"].to_pylist() == list(range(40))
        assert (np.concatenate([chunk.to_numpy_ndarray() for chunk in table["image"].chunks]) == images).all()
        assert dataset.to_polars().collect()["image"].to_numpy().shape == images.shape
    np.savez(tmp_path / "99.npz", image=images[0][:2], label=1)
    with pytest.raises(nz.NpzarrowError, match=r"99\.npz: image: column is FixedSizeList\(128"):
        nz.scan_npz(tmp_path, rows="archive").plan()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_forks(folder: Path) -> None:
    program = f"""
import os, warnings
import numpy as np, pyarrow as pa, npzarrow as nz
warnings.simplefilter("ignore")
folder = {str(folder)!r}
for i in range(40):
    np.savez(f"{{folder}}/big{{i}}.npz", z=np.zeros(100_000))
dataset = nz.scan_npz(f"{{folder}}/big*.npz", batch_bytes=100_000, threads=3)
batches = iter(dataset.head(10**9))
next(batches)
child = os.fork()
if child == 0:
    try:
        next(batches)
    except nz.NpzarrowError as error:
        fine = "another one there" in str(error) and pa.table(dataset).num_rows == 4_000_000
        del batches
        os._exit(0 if fine else 1)
    os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sum(batch.num_rows for batch in batches) == 4_000_000 - 12_500
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)  # noqa: S603
