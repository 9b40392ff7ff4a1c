"""Examples run: those of docstrings, and those of the README."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import npzarrow as nz
from npzarrow import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parents[2] / "README.md"
FUNCTIONS = [
    "align",
    "collate_npz",
    "load_npy",
    "load_npz",
    "read_npy",
    "read_npz",
    "scan_npz",
    "write_npy",
    "write_npz",
]
CLASSES = ["NpyArray", "NpzBatch", "NpzDataset", "NpzFile", "NpzScan", "NpzTableFactory", "NpzTask", "Schema"]


def documented() -> Iterator[tuple[str, Any]]:
    """Every public object, and every public attribute of our classes."""
    yield "npzarrow", nz
    for name in nz.__all__:
        value = getattr(nz, name)
        if isinstance(value, str) or name in {"Destination", "Source"}:
            continue
        yield name, value
        if name in CLASSES:
            for attribute, member in vars(value).items():
                if not attribute.startswith("_"):
                    yield f"{name}.{attribute}", member


def run(text: str, name: str) -> int:
    """Runs the examples of a text; returns how many there are."""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert result.failed == 0, "".join(report)
    return result.attempted


@pytest.mark.parametrize(("name", "value"), list(documented()), ids=[name for name, _ in documented()])
def test_docstring(name: str, value: Any) -> None:
    text = inspect.getdoc(value)
    assert text, "has no docstring"
    assert text.splitlines()[0].endswith("."), "the first line is a sentence"
    examples = run(text, name)
    if name in FUNCTIONS + CLASSES + ["NpzFile.load", "NpzFile.info"]:
        assert examples > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_described(name: str) -> None:
    function = getattr(nz, name)
    section = (inspect.getdoc(function) or "").split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^    (\w+): ", section, re.MULTILINE) == list(inspect.signature(function).parameters)


def test_stubs_have_the_docstrings_of_the_module() -> None:
    stubs = ast.parse((Path(_core.__file__).parent / "_core.pyi").read_text(encoding="utf-8"))
    compared = 0

    def compare(node: ast.Module | ast.ClassDef, value: Any) -> None:
        nonlocal compared
        for child in node.body:
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                found = getattr(value, child.name)
                text = ast.get_docstring(child)
                if text is not None:
                    assert text == inspect.getdoc(found), child.name
                    compared += 1
                if isinstance(child, ast.ClassDef):
                    compare(child, found)

    assert ast.get_docstring(stubs) == inspect.getdoc(_core)
    compare(stubs, _core)
    assert compared >= 30


def readme_examples() -> list[str]:
    """The Python blocks of the README; a README without any is not written yet."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks run one after the other in an empty folder, as a reader would try them."""
    blocks = readme_examples()
    if not blocks:
        pytest.skip("the README has no Python blocks")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        if ">>>" in block:
            run(block, "README.md")
        else:
            exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own README


def test_version() -> None:
    from importlib.metadata import version  # noqa: PLC0415 - only here

    assert nz.__version__ == version("npzarrow")


def test_all_is_complete_and_sorted() -> None:
    assert sorted(nz.__all__) == nz.__all__
    assert len(set(nz.__all__)) == len(nz.__all__)
    for name in nz.__all__:
        assert getattr(nz, name) is not None
