"""Ten thousand shards as one table of DataFusion: count, filter by directory, aggregate, export to Parquet.

pip install npzarrow[datafusion]
python sql.py --shards 10000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import datafusion
import numpy as np

import npzarrow as nz

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 64


@contextmanager
def timed(what: str) -> Iterator[list[str]]:
    """Print what was done, what came out, and how long it took."""
    said: list[str] = []
    started = time.perf_counter()
    yield said
    print(f"{what}: {', '.join(said)} ({time.perf_counter() - started:.2f} s)")


def write_shards(folder: Path, shards: int) -> None:
    """Write small archives below directories that are named after what is in them."""
    rng = np.random.default_rng(0)
    for shard in range(shards):
        directory = folder / f"split={'test' if shard % 10 == 0 else 'train'}" / f"day=2026-01-{shard % 28 + 1:02}"
        directory.mkdir(parents=True, exist_ok=True)
        np.savez(
            directory / f"{shard:06}.npz",
            id=np.arange(ROWS) + shard * ROWS,
            label=rng.integers(0, 10, ROWS),
            features=rng.normal(size=(ROWS, 4, 8)).astype("f4"),
        )


def query(folder: Path) -> None:
    """Ask the shards in SQL."""
    session = datafusion.SessionContext()
    with timed("register") as said:
        dataset = nz.scan_npz(folder)
        session.register_table("samples", dataset)
        said.append(f"{len(dataset.shards)} shards")

    with timed("count") as said:
        # Headers say how many rows there are: no array is read.
        [rows] = session.sql("SELECT count(*) AS n FROM samples").to_pydict()["n"]
        said.append(f"{rows} rows")

    with timed("filter") as said:
        # Only one directory is read, and of it the tensors of rows that have this label.
        where = "split = 'test' AND day = DATE '2026-01-01' AND label = 7"
        table = session.sql(f"SELECT id, features FROM samples WHERE {where}").to_arrow_table()  # noqa: S608 - our own
        said.append(f"{table.num_rows} rows, features are {table.schema.field('features').type}")

    with timed("aggregate and export") as said:
        means = session.sql(
            "SELECT day, label, count(*) AS n, avg(features[1]) AS mean FROM samples GROUP BY day, label "
            "ORDER BY day, label"
        )
        target = folder / "means.parquet"
        means.write_parquet(str(target))
        said.append(f"{session.read_parquet(str(target)).count()} groups in {target}")


def main() -> None:
    """Write shards, and query them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shards", type=int, default=10_000, help="how many shards are written")
    parser.add_argument("--folder", type=Path, help="where; a temporary directory is deleted at the end")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        with timed("write") as said:
            write_shards(folder, arguments.shards)
            said.append(f"{arguments.shards} shards of {ROWS} rows")
        query(folder)


if __name__ == "__main__":
    main()
