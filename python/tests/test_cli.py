"""The program `npzarrow` as the wheel installs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import npzarrow as nz

PROGRAM = Path(sysconfig.get_path("scripts")) / "npzarrow"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the console script, as a shell would."""
    return subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True, check=False)  # noqa: S603


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two archives that NumPy wrote."""
    for index in range(2):
        np.savez(tmp_path / f"train-{index}.npz", id=np.arange(3), image=np.zeros((3, 4, 5), "u1"))
    return tmp_path


def test_the_console_script_is_the_program(shards: Path) -> None:
    result = run("ls", "--json", str(shards / "train-*.npz"))
    assert (result.returncode, result.stderr) == (0, "")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [[array["name"] for array in file["arrays"]] for file in found] == [["id", "image"]] * 2
    assert run("--version").stdout == f"npzarrow {nz.__version__}\n"
    module = [sys.executable, "-P", "-m", "npzarrow", "verify", str(shards)]
    result = subprocess.run(module, capture_output=True, text=True, check=False)  # noqa: S603
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(": all is well\n")


def test_exit_codes_and_errors_of_one_line(shards: Path) -> None:
    missing = run("ls", str(shards / "none.npz"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.count("\n") == 1
    assert missing.stderr.startswith("npzarrow: ")
    assert run("ls").returncode == 2
    broken = shards / "train-1.npz"
    broken.write_bytes(broken.read_bytes()[:-30])
    assert run("verify", str(shards)).returncode == 1


def test_a_reader_that_goes_is_no_error(shards: Path) -> None:
    command = [str(PROGRAM), "ls", *[str(shards / "train-0.npz")] * 5000]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_align_then_map(shards: Path) -> None:
    assert run("align", "--in-place", str(shards / "train-*.npz")).returncode == 0
    batch = nz.read_npz(shards / "train-0.npz", mmap=True)
    assert set(batch.transfers.values()) == {"shared"}


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals there")
@pytest.mark.parametrize("no_color", [False, True])
def test_colours_and_bars_for_terminals_only(shards: Path, monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    import pty  # noqa: PLC0415 - not on Windows

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        command = [str(PROGRAM), "verify", str(shards)]
        done = subprocess.run(command, check=False, stdout=theirs, stderr=subprocess.PIPE, stdin=theirs)  # noqa: S603
        os.close(theirs)
        shown = b""
        while b"all is well" not in shown:
            shown += terminal.read(4096)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"\x1b[32mok\x1b[0m" in shown) != no_color
    assert "\x1b" not in run("verify", str(shards)).stdout


def test_any_archive_can_be_written_from_what_we_read(shards: Path) -> None:
    """What reading gives, writing takes: batches, streams and scans."""
    scan = nz.scan_npz(str(shards / "train-*.npz"))
    for data in (nz.read_npz(shards / "train-0.npz"), scan, scan.to_pyarrow(), scan.to_polars().collect()):
        nz.write_npz(shards / "again.bin", data)
        found = nz.load_npz(shards / "again.bin")
        assert found["image"].shape[1:] == (4, 5)
        assert found["id"][:3].tolist() == [0, 1, 2]
        assert found["image"].dtype == np.uint8
