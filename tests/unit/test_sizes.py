"""A reader holds a file and a function in the head: files have 700 lines at most, functions of the packages 60."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.paths import ROOT

MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 60  # without the docstring
SOURCES = sorted(
    path
    for folder in ("llmgate_core", "plugins", "tests", "tools", "benchmarks", "demo", "fuzz")
    for path in (ROOT / folder).rglob("*.py")
)


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has from `def` to its end, without its docstring."""
    first = node.body[0]
    has_docstring = ast.get_docstring(node, clean=False) is not None
    docstring_lines = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring_lines


def long_functions(path: Path) -> list[str]:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {function_lines(node)} lines"
        for node in functions
        if function_lines(node) > MAX_FUNCTION_LINES
    ]


def test_no_file_is_longer_than_700_lines() -> None:
    counts = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert [f"{path}: {count} lines" for path, count in counts.items() if count > MAX_FILE_LINES] == []


def test_no_function_of_the_packages_is_longer_than_60_lines() -> None:
    assert [found for path in SOURCES if not is_test(path) for found in long_functions(path)] == []
