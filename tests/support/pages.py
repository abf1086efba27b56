"""What the checks of documentation pages share: a page's programs and the rows of its tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

GUIDE = ROOT / "docs" / "guide"
BOOK = ROOT / "docs" / "plugins"
"""The pages for authors of plugins."""

BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
"""A program, and its output where that stands right behind it."""


def rows(page: Path, first: str) -> list[list[str]]:
    """Return the cells of the first table whose head begins with `first`."""
    return next(tables(page, first), [])


def all_rows(page: Path, first: str) -> list[list[str]]:
    """Return the cells of all tables whose head begins with `first`."""
    return [row for table in tables(page, first) for row in table]


def tables(page: Path, first: str) -> Iterator[list[list[str]]]:
    """Yield the cells of each table whose head begins with `first`."""
    lines = iter(page.read_text("utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            cells = itertools.takewhile(lambda row: row.startswith("|"), lines)
            yield [[cell.strip() for cell in row.strip("|").split("|")] for row in cells]


def named(cell: str) -> list[str]:
    """Return what is between backquotes."""
    return re.findall(r"`([^`]+)`", cell)
