"""The gateway's pages as data: their blocks, tables and headings. Reads files, runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.pages import named, rows
from tests.support.paths import ROOT

__all__ = ["FOLDER", "PAGES", "ROOT", "Block", "blocks", "headings", "named", "rows"]

FOLDER = ROOT / "docs" / "gateway"
PAGES = (*sorted(FOLDER.glob("*.md")), ROOT / "plugins" / "gateway" / "README.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"<!-- from the code: .+? -->.*?<!-- end -->", re.DOTALL)
OUTPUTS = frozenset({"text", "json"})
RUN = frozenset({"sh", "py"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, and the block of output that stands right behind it, if one does."""

    language: str
    text: str
    line: int
    output: str | None = None
    output_language: str | None = None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that somebody wrote; an output belongs to the block before it."""
    text = GENERATED.sub(lambda found: "\n" * found[0].count("\n"), page.read_text("utf-8"))
    found: list[Block] = []
    end = -1
    for match in FENCE.finditer(text):
        block = Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        last = found[-1] if found else None
        if (
            block.language in OUTPUTS
            and last is not None
            and last.language in RUN
            and not text[end : match.start()].strip()
        ):
            found[-1] = Block(last.language, last.text, last.line, block.text, block.language)
        else:
            found.append(block)
        end = match.end()
    return found


def headings(page: Path) -> list[str]:
    """Return the headings that are code."""
    return re.findall(r"^#+ `(.+)`$", page.read_text("utf-8"), re.MULTILINE)
