"""Times SQL over shards beside Arrow IPC and Parquet, with the released wheel of DataFusion, and prints a table.

    python python/benchmarks/sql.py                        # some minutes, 8 GB of disk
    python python/benchmarks/sql.py --shards 100

The same rows lie in a thousand files of each kind. Those of NPZ are read by npzarrow across the boundary between two
wheels, the others by DataFusion itself. Files are in the page cache. Each figure is the best of ROUNDS rounds in which
the candidates take turns; the answers are compared.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import datafusion
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import npzarrow as nz

ROWS = 4096
ROUNDS = 3

# Names and queries take turns.
LINES = (Path(__file__).parents[2] / "benches" / "queries.sql").read_text().splitlines()
QUERIES = dict(zip((line.removeprefix("-- ") for line in LINES[::2]), LINES[1::2], strict=True))


def write(folder: Path, shards: int) -> None:
    rng = np.random.default_rng(1)
    for name in ("stored", "deflated", "ipc", "parquet"):
        (folder / name).mkdir(parents=True)
    for shard in range(shards):
        columns = {
            "id": np.arange(ROWS, dtype=np.int64) + shard * ROWS,
            "label": rng.integers(0, 10, ROWS, dtype=np.int32),
            "x": np.round(rng.normal(size=(ROWS, 128)), 2).astype(np.float32),
        }
        nz.write_npz(folder / "stored" / f"{shard:05}.npz", columns)
        np.savez_compressed(folder / "deflated" / f"{shard:05}.npz", **columns)
        flat = pa.array(columns["x"].reshape(-1))
        x = pa.FixedSizeListArray.from_arrays(flat, 128)
        table = pa.table({"id": columns["id"], "label": columns["label"], "x": x})
        with pa.ipc.new_file(folder / "ipc" / f"{shard:05}.arrow", table.schema) as writer:
            writer.write_table(table)
        pq.write_table(table, folder / "parquet" / f"{shard:05}.parquet")


def session(folder: Path) -> datafusion.SessionContext:
    context = datafusion.SessionContext()
    for name in ("stored", "deflated"):
        context.register_table(name, nz.scan_npz(folder / name))
    for name, kind in (("ipc", "ARROW"), ("parquet", "PARQUET")):
        context.sql(f"CREATE EXTERNAL TABLE {name} STORED AS {kind} LOCATION '{folder / name}/'").collect()
    return context


def answer(context: datafusion.SessionContext, sql: str) -> tuple[Any, float]:
    begun = time.perf_counter()
    batches = context.sql(sql).collect()
    seconds = time.perf_counter() - begun
    rows = sum(batch.num_rows for batch in batches)
    return (rows if rows > 1 else [column[0].as_py() for column in batches[0].columns]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="keep the files here, and use those that are there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "shards"
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            write(unfinished, arguments.shards)
            unfinished.rename(folder)
        shards = len(list((folder / "stored").iterdir()))
        context = session(folder)
        tables = ["stored", "deflated", "ipc", "parquet"]
        print(f"{shards} shards of {ROWS} rows, milliseconds\n")
        print("| query | NPZ stored | NPZ deflated | Arrow IPC | Parquet |")
        print("|---|--:|--:|--:|--:|")
        for name, sql in QUERIES.items():
            best = dict.fromkeys(tables, float("inf"))
            answers = {}
            for _ in range(ROUNDS):
                for table in tables:
                    answers[table], seconds = answer(context, sql.format(t=table))
                    best[table] = min(best[table], seconds)
            # Sums of floats depend on the order in which partitions come.
            reference = np.array(answers["parquet"], dtype=float)
            for table in tables:
                found = np.array(answers[table], dtype=float)
                if not np.allclose(found, reference, rtol=1e-4):
                    sys.exit(f"{name}: {table} says {answers[table]}, parquet {answers['parquet']}")
            print(f"| {name} | " + " | ".join(f"{best[table] * 1000:,.0f}" for table in tables) + " |")


if __name__ == "__main__":
    main()
