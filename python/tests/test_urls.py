"""URLs: plain HTTP from Python's own servers, and S3 from moto's."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from support import corrupt, npy, savez, savez_compressed

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npzarrow import NpzFile

ALL: list[Callable[..., Any]] = [nz.load_npy, nz.load_npz, nz.read_npy, nz.read_npz]
ARRAYS = {
    "id": np.arange(1000),
    "image": np.arange(1000 * 48, dtype="u1").reshape(1000, 3, 4, 4),
    "big": np.ones(200_000),
}
WIDE = {f"c{column:02}": np.full(60_000, column, "f8") for column in range(20)}
BUCKET = "npzarrow-test"
KEYS = {"a.npz": savez(**ARRAYS), "deep/x=1/b c%20ä.npz": savez_compressed(**ARRAYS), "a.npy": npy(ARRAYS["id"])}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, knows no ranges, and says nothing."""

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class Ranges(http.server.BaseHTTPRequestHandler):
    """Serves the objects of `KEYS` in ranges, and remembers which."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str | None]] = []
    sent: list[int] = []
    more = {
        "wide.npz": savez(**WIDE),
        "small.npz": savez(id=ARRAYS["id"]),
        "cut.npz": KEYS["a.npz"][:-30],
        "lengths.npz": KEYS["a.npz"],
        "flipped.npz": corrupt(savez(id=ARRAYS["id"], label=ARRAYS["id"]), "label.npy"),
        "other.npz": savez(id=ARRAYS["id"].astype("f4")),
    }

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Range"]))
        key = self.path.partition("?")[0].lstrip("/")
        data = KEYS.get(key, self.more.get(key))
        if data is None:
            self.send_error(404)
            return
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers["Range"]).groups()  # type: ignore[union-attr]
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", f'"{zlib.crc32(data)}"')
        self.end_headers()
        self.sent.append(end - start)
        self.wfile.write(data[start:end])

    def head(self) -> None:
        key = self.path.partition("?")[0].lstrip("/")
        data = KEYS.get(key, self.more.get(key, b""))
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{zlib.crc32(data)}"')
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class Stalled(http.server.BaseHTTPRequestHandler):
    """Never answers."""

    released = threading.Event()

    def do_GET(self) -> None:
        self.released.wait(60)


def serve(handler: Callable[..., Any]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    if handler is Stalled:
        Stalled.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def ranges() -> Iterator[str]:
    yield from serve(Ranges)


@pytest.fixture(scope="module")
def stalled() -> Iterator[str]:
    yield from serve(Stalled)


class Bucket(NamedTuple):
    """How to reach the bucket: for us, and for others."""

    options: dict[str, str]
    client: Any


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    """A server of S3's interface with the objects of `KEYS`."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    boto3 = pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    options = {
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
        "aws_region": "us-east-1",
        "aws_endpoint_url": f"http://127.0.0.1:{port}",
    }
    client = boto3.client(
        "s3",
        endpoint_url=options["aws_endpoint_url"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",  # noqa: S106 - anything goes
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    for key, data in KEYS.items():
        client.put_object(Bucket=BUCKET, Key=key, Body=data)
    yield Bucket(options, client)
    server.stop()


def check(archive: NpzFile) -> None:
    assert archive.files == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(archive[name], array)
        assert archive[name].flags.writeable
    for name, array in archive.load().items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    assert [info["shape"] for info in archive.info()] == [array.shape for array in ARRAYS.values()]


class TestHttp:
    """A server as `python -m http.server`, and one with ranges."""

    def test_a_server_without_ranges(self, tmp_path: Path) -> None:
        (tmp_path / "a b.npz").write_bytes(KEYS["a.npz"])
        (tmp_path / "a.npy").write_bytes(KEYS["a.npy"])
        for base in serve(functools.partial(Quiet, directory=tmp_path)):
            check(nz.load_npz(f"{base}/a%20b.npz"))
            assert nz.read_npz(f"{base}/a%20b.npz", columns=["id"]).to_polars()["id"].sum() == 499_500
            np.testing.assert_array_equal(nz.load_npy(f"{base}/a.npy"), ARRAYS["id"])
            with pytest.raises(FileNotFoundError, match=r"\[Errno 2\] not found: .* 404 .*: 'http://.*/b\.npz'$"):
                nz.load_npz(f"{base}/b.npz")

    def test_only_what_is_needed(self, ranges: str) -> None:
        Ranges.seen.clear()
        archive = nz.load_npz(f"{ranges}/a.npz?signature=secret")
        assert len(archive) == 3
        np.testing.assert_array_equal(archive["id"], ARRAYS["id"])
        assert [path for path, _ in Ranges.seen] == ["/a.npz?signature=secret"] * 2, "signatures are kept"
        assert Ranges.seen[0][1] == "bytes=-66036"
        check(archive)

    @pytest.mark.parametrize("load", [nz.load_npy, nz.read_npy])
    def test_arrays(self, load: Callable[..., Any], ranges: str) -> None:
        Ranges.seen.clear()
        assert len(load(f"{ranges}/a.npy")) == 1000
        assert len(Ranges.seen) == 1

    @pytest.mark.parametrize("load", ALL)
    def test_missing(self, load: Callable[..., Any], ranges: str) -> None:
        with pytest.raises(FileNotFoundError) as raised:
            load(f"{ranges}/none.npz?signature=secret")
        assert raised.value.filename == f"{ranges}/none.npz"
        assert "secret" not in str(raised.value)

    @pytest.mark.parametrize("load", ALL)
    def test_nobody_listens(self, load: Callable[..., Any]) -> None:
        with pytest.raises(ConnectionError, match=r"^http://127\.0\.0\.1:1/a\.npz: tried 2 times: .*[Rr]efused"):
            load("http://127.0.0.1:1/a.npz", storage_options={"max_retries": "1"})

    @pytest.mark.parametrize("load", ALL)
    def test_timeout(self, load: Callable[..., Any], stalled: str) -> None:
        with pytest.raises(TimeoutError, match=r"/a\.npz: no complete answer within 200ms$"):
            load(f"{stalled}/a.npz", storage_options={"retry_timeout_ms": "200"})

    @pytest.mark.parametrize(
        ("url", "options", "text"),
        [
            ("http://", {}, "http://: empty host"),
            ("s3:///a.npz", {}, "s3:///a.npz: the name of the bucket is missing"),
            ("http://h/a.npz", {"regoin": "x"}, 'http://h/a.npz: storage option "regoin" is not one of this service'),
            ("http://h/a.npz", {"max_retries": "x"}, 'max_retries must be a number, not "x"'),
        ],
    )
    @pytest.mark.parametrize("load", ALL)
    def test_mistakes(self, load: Callable[..., Any], url: str, options: dict[str, str], text: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            load(url, storage_options=options)

    @pytest.mark.parametrize("row", [None, 3])
    def test_a_scan_fetches_the_columns_that_it_needs(self, ranges: str, row: int | None) -> None:
        Ranges.seen.clear()
        Ranges.sent.clear()
        dataset = nz.scan_npz(f"{ranges}/wide.npz", columns=["c07"])
        lazy = dataset.to_polars()
        frame = (lazy if row is None else lazy.filter(pl.col("c07") == 7).slice(row, 1)).collect()
        assert frame["c07"].unique().to_list() == [7.0]
        assert len(Ranges.seen) <= 4, "so many steps may wait for each other"
        assert sum(Ranges.sent) <= 1.05 * WIDE["c07"].nbytes + (64 << 10)

    def test_a_small_shard_is_one_request(self, ranges: str) -> None:
        Ranges.seen.clear()
        assert nz.load_npz(f"{ranges}/small.npz")["id"].sum() == 499_500
        assert len(Ranges.seen) == 1

    def test_counting_fetches_no_payload(self, ranges: str) -> None:
        Ranges.seen.clear()
        Ranges.sent.clear()
        lazy = nz.scan_npz(f"{ranges}/wide.npz").to_polars()
        assert lazy.select(pl.len()).collect().item() == 60_000
        assert sum(Ranges.sent) < WIDE["c00"].nbytes
        assert duckdb.connect().execute("select count(*) from lazy").fetchall() == [(60_000,)]

    def test_signatures_stay_secret(self, ranges: str) -> None:
        signed = f"{ranges}/small.npz?signature=secret"
        Ranges.seen.clear()
        dataset = nz.scan_npz(signed, include_file_paths="path")
        [shard] = dataset.shards
        [task] = dataset.plan()
        frame = dataset.to_polars().collect()
        assert [shard["path"], *task.paths, *frame["path"].unique()] == [f"{ranges}/small.npz"] * 3
        # Others must be able to read the task.
        other = pickle.loads(pickle.dumps((nz.scan_npz(signed), task)))  # noqa: S301 - our own
        assert other[0].read(other[1]).to_polars()["id"].to_list() == frame["id"].to_list()
        assert {path for path, _ in Ranges.seen} == {"/small.npz?signature=secret"}, "signatures are kept"
        assert "secret" not in repr((dataset, task))

    @pytest.mark.parametrize(
        ("names", "text"),
        [
            (["none.npz"], "not found"),
            (["cut.npz"], "end of the central directory"),
            (["lengths.npz"], "members differ in rows"),
            (["flipped.npz"], "checksum"),
            (["small.npz", "other.npz"], "column is Float32"),
        ],
    )
    @pytest.mark.parametrize("on_error", ["raise", "skip"])
    def test_signatures_are_not_in_errors(self, ranges: str, names: list[str], text: str, on_error: Any) -> None:
        urls = [f"{ranges}/{name}?signature=secret" for name in names]
        dataset = nz.scan_npz(urls, on_error=on_error)
        try:
            dataset.to_pyarrow().read_all()
            found = "".join(dataset.skipped)
        except (nz.NpzarrowError, OSError) as error:
            found = str(error)
        assert text in found
        assert "secret" not in found

    def test_collating_urls(self, ranges: str, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        path.write_bytes(Ranges.more["small.npz"])
        sources: list[Any] = [f"{ranges}/small.npz?signature=secret", path, path.as_uri(), path.read_bytes()]
        assert nz.collate_npz(sources)["id"].sum() == 4 * 499_500
        assert nz.collate_npz([f"{ranges}/wide.npz"] * 2, columns=["c07"])["c07"].shape == (2, 60_000)
        with pytest.raises(FileNotFoundError, match="404 Not Found") as raised:
            nz.collate_npz([path, f"{ranges}/none.npz?signature=secret"])
        assert raised.value.filename == f"{ranges}/none.npz"
        assert "secret" not in str(raised.value)
        assert "<" not in str(raised.value), "the page is left out"
        with pytest.raises(TypeError, match=r"^sources is an iterable of sources, not one str$"):
            nz.collate_npz(str(path))

    @pytest.mark.parametrize("name", ["small.npz", "wide.npz"])
    def test_servers_that_know_no_ranges(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(Ranges.more[name])
        expected = nz.scan_npz(tmp_path / name).to_polars().collect()

        class Plain(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(tmp_path))

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        for server in serve(Plain):
            dataset = nz.scan_npz([f"{server}/{name}"] * 2)
            assert dataset.to_polars().collect().equals(pl.concat([expected, expected]))
            for task in dataset.plan():
                assert nz.scan_npz(f"{server}/{name}").read(task).to_polars().equals(expected)

    def test_maps_need_files(self) -> None:
        with pytest.raises(ValueError, match=r"^mmap=True needs a path, not a URL$"):
            nz.load_npz("s3://bucket/a.npz", mmap=True)

    def test_ctrl_c(self, stalled: str) -> None:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            nz.load_npz(f"{stalled}/a.npz")
        timer.join()
        assert time.monotonic() - begun < 30, "far less than the two minutes that a request may take"


class TestFileUrls:
    """`file://` is a path."""

    def test_values(self, tmp_path: Path) -> None:
        path = tmp_path / "with blank ä.npz"
        path.write_bytes(KEYS["a.npz"])
        assert "%20" in path.as_uri()
        check(nz.load_npz(path.as_uri()))
        assert nz.load_npz(path.as_uri(), mmap=True)["id"].sum() == 499_500
        with pytest.raises(FileNotFoundError) as raised:
            nz.load_npz((tmp_path / "none").as_uri())
        assert raised.value.filename == str(tmp_path / "none")


class TestS3:
    """Keys as they are, conditional ranges, errors."""

    @pytest.mark.parametrize("key", [key for key in KEYS if key.endswith("npz")])
    def test_archives(self, s3: Bucket, key: str) -> None:
        check(nz.load_npz(f"s3://{BUCKET}/{key}", storage_options=s3.options))
        batch = nz.read_npz(f"s3://{BUCKET}/{key}", columns=["image", "id"], storage_options=s3.options)
        assert batch.num_rows == 1000
        table = batch.to_pyarrow()
        np.testing.assert_array_equal(table.column("image").to_numpy_ndarray(), ARRAYS["image"])

    def test_arrays(self, s3: Bucket) -> None:
        url = f"s3://{BUCKET}/a.npy"
        np.testing.assert_array_equal(nz.load_npy(url, storage_options=s3.options), ARRAYS["id"])
        assert len(nz.read_npy(url, storage_options=s3.options)) == 1000

    @pytest.mark.parametrize("load", ALL)
    def test_missing(self, s3: Bucket, load: Callable[..., Any]) -> None:
        for url in (f"s3://{BUCKET}/none.npz", "s3://no-such-bucket/a.npz"):
            with pytest.raises(FileNotFoundError) as raised:
                load(url, storage_options=s3.options)
            assert raised.value.filename == url

    def test_an_object_that_is_replaced(self, s3: Bucket) -> None:
        put = functools.partial(s3.client.put_object, Bucket=BUCKET, Key="changes.npz")
        put(Body=KEYS["a.npz"])
        archive = nz.load_npz(f"s3://{BUCKET}/changes.npz", storage_options=s3.options)
        put(Body=savez(**{**ARRAYS, "id": ARRAYS["id"][::-1]}))
        with pytest.raises(OSError, match=r'^s3://.*/changes\.npz: id\.npy: object has changed: its etag was "'):
            archive["id"]

    def test_scans(self, s3: Bucket) -> None:
        keys = [f"train/x={shard}/{shard}.npz" for shard in range(3)]
        for shard, key in enumerate(keys):
            data = savez(id=ARRAYS["id"] + 1000 * shard, image=ARRAYS["image"])
            s3.client.put_object(Bucket=BUCKET, Key=key, Body=data)
        urls = [f"s3://{BUCKET}/{key}" for key in keys]
        for source in (f"s3://{BUCKET}/train/**/*.npz", f"s3://{BUCKET}/train", urls):
            dataset = nz.scan_npz(source, include_file_paths="path", storage_options=s3.options)
            assert [shard["path"] for shard in dataset.shards] == urls
            frame = pickle.loads(pickle.dumps(dataset)).to_polars().collect()  # noqa: S301 - our own
            assert frame["id"].to_list() == list(range(3000))
            assert frame.group_by("x", maintain_order=True).len().rows() == [(0, 1000), (1, 1000), (2, 1000)]
            assert frame["path"].unique(maintain_order=True).to_list() == urls
            assert dataset.to_polars().select("id").head(5).collect()["id"].to_list() == [0, 1, 2, 3, 4]
        task = nz.scan_npz(urls, storage_options=s3.options).plan()[1]
        s3.client.put_object(Bucket=BUCKET, Key=keys[1], Body=savez(id=ARRAYS["id"], image=ARRAYS["image"]))
        with pytest.raises(OSError, match=r"1\.npz: (id\.npy: )?object has changed: its etag was "):
            list(nz.scan_npz(urls, storage_options=s3.options).read(task).to_pyarrow())
        with pytest.raises(FileNotFoundError, match="no object matches"):
            nz.scan_npz(f"s3://{BUCKET}/none/*.npz", storage_options=s3.options).schema  # noqa: B018 - it is read

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
    def test_fork(self, s3: Bucket) -> None:
        """Connections are the parent's; a child makes its own."""
        program = f"""if True:
            import os, sys, npzarrow as nz
            options = {s3.options!r}
            archive = nz.load_npz("s3://{BUCKET}/a.npz", storage_options=options)
            assert archive["id"].sum() == 499500
            for child in range(3):
                pid = os.fork()
                if pid == 0:
                    ok = archive["big"].sum() == 200000
                    ok = ok and nz.load_npz("s3://{BUCKET}/a.npz", storage_options=options)["id"].sum() == 499500
                    del archive
                    sys.exit(0 if ok else 1)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert archive["id"].sum() == 499500
        """
        subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)  # noqa: S603 - our own program


MANY = {"noise": np.random.default_rng(3).random(2_500_000), "id": np.arange(10)}


class Writing(NamedTuple):
    """A bucket that is written to."""

    url: str
    options: dict[str, str]
    client: Any

    def objects(self) -> dict[str, bytes]:
        """What is in it."""
        listed = self.client.list_objects_v2(Bucket="written").get("Contents", [])
        get = self.client.get_object
        return {entry["Key"]: get(Bucket="written", Key=entry["Key"])["Body"].read() for entry in listed}

    def uploads(self) -> list[object]:
        """What was begun in parts and is not over."""
        found: list[object] = self.client.list_multipart_uploads(Bucket="written").get("Uploads", [])
        return found


def saved(array: np.ndarray) -> bytes:
    """What NumPy writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.fixture
def bucket(s3: Bucket) -> Iterator[Writing]:
    s3.client.create_bucket(Bucket="written")
    writing = Writing("s3://written/a b/x.npz", s3.options, s3.client)
    yield writing
    assert writing.uploads() == []
    for key in writing.objects():
        s3.client.delete_object(Bucket="written", Key=key)
    s3.client.delete_bucket(Bucket="written")


class TestWriting:
    """Objects appear whole or not at all."""

    @pytest.mark.parametrize("arrays", [{}, {"id": np.arange(10)}, MANY], ids=["none", "small", "in parts"])
    @pytest.mark.parametrize("compression", [None, "deflate"])
    def test_archives(self, bucket: Writing, arrays: dict[str, Any], compression: Any) -> None:
        file = io.BytesIO()
        nz.write_npz(file, arrays, compression=compression)
        for _ in range(2):  # the second replaces the first
            nz.write_npz(bucket.url, arrays, compression=compression, storage_options=bucket.options)
            assert bucket.objects() == {"a b/x.npz": file.getvalue()}
        etag = bucket.client.head_object(Bucket="written", Key="a b/x.npz")["ETag"]
        parts = re.fullmatch(r'"[0-9a-f]{32}(?:-(\d+))?"', etag)
        assert parts is not None
        assert (parts[1] is not None) == (len(file.getvalue()) > 8 << 20), "small ones take one request"
        found = nz.load_npz(bucket.url, storage_options=bucket.options).load()
        assert {name: array.tobytes() for name, array in found.items()} == {
            name: array.tobytes() for name, array in arrays.items()
        }

    def test_arrays_tables_streams_and_align(self, bucket: Writing) -> None:
        url = "s3://written/x.npy"
        nz.write_npy(url, MANY["noise"], storage_options=bucket.options)
        assert bucket.objects()["x.npy"] == saved(MANY["noise"])
        nz.write_npy(url, pl.Series([1, 2]), storage_options=bucket.options)
        assert bucket.objects()["x.npy"] == saved(np.array([1, 2]))
        batches = [pa.record_batch({"x": np.full(300_000, index)}) for index in range(10)]
        table = pa.Table.from_batches(batches)
        nz.write_npz(bucket.url, table.to_reader(), storage_options=bucket.options)
        found = nz.read_npz(bucket.url, storage_options=bucket.options).to_pyarrow()
        assert found.column("x").equals(table.column("x").combine_chunks())
        bucket.client.put_object(Bucket="written", Key="plain.npz", Body=savez(**MANY))
        for dest in ("s3://written/aligned.npz", "s3://written/plain.npz"):
            nz.align("s3://written/plain.npz", dest, storage_options=bucket.options)
            archive = nz.load_npz(dest, storage_options=bucket.options)
            assert all(info["aligned"] for info in archive.info())
            np.testing.assert_array_equal(archive["noise"], MANY["noise"])

    def test_failures_leave_what_was_there(self, bucket: Writing) -> None:
        before = savez(id=np.arange(3))
        bucket.client.put_object(Bucket="written", Key="a b/x.npz", Body=before)

        def batches() -> Iterator[pa.RecordBatch]:
            yield pa.record_batch({"x": np.zeros(1_000_000)})
            yield pa.record_batch({"x": np.zeros(1_000_000)})
            text = "the stream broke"
            raise ValueError(text)

        reader = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.float64()}), batches())
        broken = corrupt(savez(**MANY), "noise.npy")
        calls: list[tuple[Callable[[], None], type[Exception], str]] = [
            (lambda: nz.write_npz(bucket.url, reader, storage_options=bucket.options), nz.NpzarrowError, "broke"),
            # Two parts are sent before the checksum is known.
            (lambda: nz.align(broken, bucket.url, storage_options=bucket.options), nz.ChecksumError, "noise.npy"),
            (
                lambda: nz.write_npz("s3://no-such-bucket/x.npz", MANY, storage_options=bucket.options),
                FileNotFoundError,
                "s3://no-such-bucket/x.npz'$",
            ),
            (
                lambda: nz.write_npz("s3://no-such-bucket/x.npz", {}, storage_options=bucket.options),
                FileNotFoundError,
                "s3://no-such-bucket/x.npz'$",
            ),
        ]
        for call, error, text in calls:
            with pytest.raises(error, match=text):
                call()
            assert bucket.objects() == {"a b/x.npz": before}
            assert bucket.uploads() == []

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
    def test_ctrl_c_takes_back_what_was_sent(self, bucket: Writing) -> None:
        program = f"""if True:
            import numpy as np, npzarrow as nz, os, signal, threading, boto3
            arrays = {{f"x{{index}}": np.random.default_rng(index).random(4_000_000) for index in range(12)}}
            options = {bucket.options!r}
            client = boto3.client(
                "s3", endpoint_url=options["aws_endpoint_url"], aws_access_key_id="testing",
                aws_secret_access_key="testing", region_name="us-east-1",
            )
            def interrupt():
                while not client.list_multipart_uploads(Bucket="written").get("Uploads"):
                    pass
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt, daemon=True).start()
            try:
                nz.write_npz({bucket.url!r}, arrays, storage_options=options)
            except KeyboardInterrupt:
                print("interrupted")
        """
        command = [sys.executable, "-P", "-c", program]
        done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)  # noqa: S603
        assert done.stdout == "interrupted\n"
        assert bucket.objects() == {}
        assert bucket.uploads() == []


PROGRAM = Path(sysconfig.get_path("scripts")) / "npzarrow"


def storage(options: dict[str, str]) -> list[str]:
    """Options of a store, as the program takes them."""
    return [f"--storage-option={key}={value}" for key, value in options.items()]


class TestProgram:
    """The program `npzarrow` takes URLs wherever it takes paths."""

    def run(self, bucket: Writing, *arguments: str, code: int = 0) -> str:
        command = [str(PROGRAM), *arguments, *storage(bucket.options)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == (code != 0)
        return done.stdout or done.stderr

    def test_every_verb(self, bucket: Writing, tmp_path: Path) -> None:
        for shard in range(3):
            arrays = {"id": np.arange(4) + 4 * shard, "image": np.zeros((4, 3, 2), "u1")}
            bucket.client.put_object(Bucket="written", Key=f"in/{shard}.npz", Body=savez(**arrays))
        found = [json.loads(line) for line in self.run(bucket, "ls", "--json", "s3://written/in/*.npz").splitlines()]
        assert [file["path"] for file in found] == [f"s3://written/in/{shard}.npz" for shard in range(3)]
        assert "tensor [3, 2]" in self.run(bucket, "schema", "s3://written/in")
        assert self.run(bucket, "head", "-n", "5", "-c", "id", "s3://written/in") == "id\n0\n1\n2\n3\n4\n"
        stat = json.loads(self.run(bucket, "stat", "--json", "-c", "id", "s3://written/in"))
        assert (stat["arrays"][0]["max"], stat["arrays"][0]["shape"]) == (11, [12])
        assert self.run(bucket, "verify", "s3://written/in").endswith(": all is well\n")
        assert self.run(bucket, "align", "--in-place", "s3://written/in/*.npz") == ""
        archive = nz.load_npz("s3://written/in/2.npz", storage_options=bucket.options)
        assert all(info["aligned"] for info in archive.info())
        for dest in ("s3://written/all.parquet", "s3://written/all.arrow", str(tmp_path / "all.npz")):
            source = {"arrow": "s3://written/all.parquet", "npz": "s3://written/all.arrow"}.get(
                dest.rpartition(".")[2], "s3://written/in"
            )
            assert self.run(bucket, "convert", source, "-o", dest) == f"{dest}: 12 rows\n"
        assert np.load(tmp_path / "all.npz")["id"].tolist() == list(range(12))
        split = self.run(bucket, "convert", "s3://written/in", "-o", "s3://written/out/x.npz", "--rows-per-file=5")
        assert split == "".join(f"s3://written/out/x-{i:05}.npz: {rows} rows\n" for i, rows in enumerate((5, 5, 2)))
        assert self.run(bucket, "plot", "s3://written/in/0.npz", "id", "-o", "s3://written/x.png")
        assert bucket.objects()["x.png"].startswith(b"\x89PNG")
        assert "not found" in self.run(bucket, "ls", "s3://written/none.npz", code=1)
        assert "HTTP has no uploads" in self.run(bucket, "align", "s3://written/in/0.npz", "-o", "http://h/x", code=1)

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
    def test_ctrl_c_while_a_server_stalls(self, stalled: str) -> None:
        command = [str(PROGRAM), "ls", f"{stalled}/x.npz"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=20)
        assert (process.returncode, out, error) == (130, "", "npzarrow: interrupted\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
    def test_ctrl_c_while_an_object_is_written(self, bucket: Writing, tmp_path: Path) -> None:
        arrays = {f"x{i}": np.random.default_rng(i).random(4_000_000) for i in range(8)}
        (tmp_path / "x.npz").write_bytes(savez(**arrays))
        command = [str(PROGRAM), "align", str(tmp_path / "x.npz"), "-o", bucket.url, *storage(bucket.options)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            while process.poll() is None and not bucket.uploads():
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, "npzarrow: interrupted\n")
        assert bucket.objects() == {}
