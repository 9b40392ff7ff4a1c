"""Writes the test corpus: `hostile/`, and `golden/` for the NumPy that runs this.

    python generate.py              rewrites hostile/ and this NumPy's folder of golden/
    python generate.py --big DIR    writes the cases that are too big for a repository to DIR
    python generate.py --check      says what np.load and CPython's zipfile make of hostile/

What the files are is told in README.md.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

import golden_maker
from npy_cases import big_npy_cases, npy_cases
from npz_cases import big_npz_cases, npz_cases

HERE = Path(__file__).parent
SHOWN = 6  # names of cases per row in the README; the manifest has them all
COLUMNS = "file\trow\toutcome\tdetail\tas_member"


def write(folder, cases):
    """Writes the files and the manifest; the folder holds nothing else afterwards."""
    cases = sorted(cases, key=lambda case: case.file)
    names = [case.file for case in cases]
    assert len(names) == len(set(names)), "two cases have the same name"
    for kind in ("npy", "npz"):
        shutil.rmtree(folder / kind, ignore_errors=True)
        (folder / kind).mkdir(parents=True)
    for case in cases:
        (folder / case.file).write_bytes(case.data)
    lines = [COLUMNS, *(case.line() for case in cases)]
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return cases


def corpus():
    """The cases that are small enough for a repository."""
    return [*npy_cases(), *npz_cases()]


def big_cases(folder):
    """Writes the big cases, with a manifest of the same form."""
    return write(Path(folder), [*big_npy_cases(), *big_npz_cases()])


def rows_table(cases):
    """The README's table: row of the fault table, how many cases, which."""
    rows = {}
    for case in cases:
        rows.setdefault((case.file[:3], case.row), []).append(case.file[4:-4])
    lines = ["| | row | cases | |", "|---|---|--:|---|"]
    for (kind, row), names in rows.items():
        shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
        more = f", {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"| {kind} | {row} | {len(names)} | {shown}{more} |")
    return "\n".join(lines)


def update_readme(cases):
    """Replaces what stands behind the last heading of the README."""
    readme = HERE / "README.md"
    head, heading, _ = readme.read_text(encoding="utf-8").partition("## Rows and cases\n")
    readme.write_text(f"{head}{heading}\n{rows_table(cases)}\n", encoding="utf-8", newline="\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--big", metavar="DIR", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.big:
        print(len(big_cases(arguments.big)), "big cases")
        return
    if arguments.check:
        import peers

        peers.report(HERE / "hostile")
        peers.check_golden(HERE / "golden")
        return
    cases = corpus()
    write(HERE / "hostile", cases)
    update_readme(cases)
    largest = max(cases, key=lambda case: len(case.data))
    print(f"{len(cases)} cases, {sum(len(case.data) for case in cases)} bytes, largest {largest.file}")
    golden = HERE / "golden"
    known = golden / golden_maker.folder_name(np.__version__)
    if known.exists() or not golden.exists():
        golden_maker.make(str(golden), everything=not known.exists() or (known / "u1.npy").exists())
    else:
        print(f"golden/ left alone: it has no files of NumPy {np.__version__}; golden_maker.py adds them")


if __name__ == "__main__":
    main()
