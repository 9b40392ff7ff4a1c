"""What `np.load` and CPython's `zipfile` make of the hostile corpus: `generate.py --check`.

Each file is read in a process of its own, with a limit on time and memory, since some bring these readers
down. A mismatch of a `value` case means that the corpus is wrong, or the peer is.
"""

import hashlib
import json
import os
import re
import resource
import signal
import sys
import warnings
import zipfile

import numpy as np

SECONDS, MEMORY = 3, 2 << 30


def loaded(array):
    """dtype, shape and hash of an array, as the manifest has them."""
    dtype = array.dtype
    descr = dtype.str if dtype.names is None else repr(np.lib.format.dtype_to_descr(dtype))
    raw = array.reshape(-1).view(f"V{dtype.itemsize}") if dtype.itemsize and array.size else array
    return [descr, list(array.shape), hashlib.sha256(np.ascontiguousarray(raw).tobytes()).hexdigest()]


def by_numpy(path):
    """Name and value of every array; an error instead of a value is a string, no array is None."""
    archive = np.load(path, allow_pickle=False)
    if isinstance(archive, np.ndarray):
        return [["", *loaded(archive)]]
    found = []
    for name in archive.files:
        try:
            member = archive[name]
            found.append([name, *loaded(member)] if isinstance(member, np.ndarray) else [name, None])
        except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
            found.append([name, f"{type(error).__name__}: {error}"])
    return found


def by_zipfile(path):
    """The same; a member that can be read is None."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            try:
                size = 0
                with archive.open(info) as file:
                    while block := file.read(1 << 20):
                        size += len(block)
                found.append([name, None if size == info.file_size else f"{size} bytes"])
            except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
                found.append([name, f"{type(error).__name__}: {error}"])
    return found


def alone(read, path):
    """Runs a reader in a child; what it returns, or the name of its error."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(SECONDS)
        warnings.simplefilter("ignore")
        try:
            answer = read(path)
        except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
            answer = f"{type(error).__name__}: {error}"
        os.write(send, json.dumps(answer).encode()[:60_000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)} after {SECONDS} s"
    return json.loads(text)


def verdict(outcome, detail, answer):
    """Says in a few words how an answer differs from what the manifest asks for; None if it does not."""
    if isinstance(answer, str):
        if outcome in ("value", "member-error"):
            return f"refuses: {answer}"
        return answer if re.match("killed|MemoryError", answer) else None
    bad = [row for row in answer if isinstance(row[1], str) and len(row) == 2]
    good = [row for row in answer if row not in bad]
    if outcome in ("value", "value-or-error"):
        known = [row for row in detail if isinstance(row, list)]
        wrong = [row for row in good if row not in known and row[1] is not None]
        if wrong:
            return f"gives {wrong[0]}"
        if bad and outcome == "value":
            return f"refuses {bad[0]}"
        if not bad and len(good) < len({row[0] for row in known}):
            return f"drops {len({row[0] for row in known}) - len(good)} members"
        return None
    if outcome == "member-error":
        for name, expected in detail.items():
            rows = [row for row in answer if row[0] == name]
            if not rows:
                return f"has no {name!r}"
            if isinstance(expected, str) and any(len(row) == 4 for row in rows):
                return f"accepts {name!r}"
            if not isinstance(expected, str) and not any(row in good for row in rows):
                return f"refuses {name!r}: {rows[0][1]}"
        return None
    return None if bad else "accepts"


def report(folder):
    """Prints one line for each hostile file and reader that differ."""
    print(f"NumPy {np.__version__}, Python {sys.version.split()[0]}")
    with open(folder / "manifest.tsv", encoding="utf-8") as manifest:
        rows = [line.rstrip("\n").split("\t") for line in manifest][1:]
    for file, _, outcome, detail, _ in rows:
        detail = (
            json.loads(detail)
            if detail[:1] in "[{" and outcome in ("value", "value-or-error", "member-error")
            else detail
        )
        readers = {"np.load": by_numpy}
        if file.endswith(".npz"):
            readers["zipfile"] = by_zipfile
        for name, read in readers.items():
            text = verdict(outcome, detail, alone(read, folder / file))
            if text:
                print(f"{outcome:15} {file}: {name} {text}"[:230])


def check_golden(folder):
    """Prints one line for each golden file that this NumPy loads differently from the one that wrote it."""
    with open(folder / "manifest.tsv", encoding="utf-8") as manifest:
        rows = [line.rstrip("\n").split("\t") for line in manifest][1:]
    for file, _, arrays in rows:
        expected = [[name, dtype, shape, digest] for name, dtype, shape, _, digest in json.loads(arrays)]
        answer = alone(by_numpy, folder / file)
        if answer != expected:
            print(f"golden {file}: np.load gives {answer}"[:230])
