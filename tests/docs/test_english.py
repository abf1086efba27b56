"""Docstrings, comments, messages and pages are free of turns of phrase that readers have to decode."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from tests.support.paths import ROOT

PATTERNS = (
    r"\b(?<!there )is none\b(?! of)",  # is not a(n) X
    r"(?<!there )(?<!There )\bis no (?!longer\b|more\b|way\b|need\b|one\b|such\b)[a-z]+",  # is not a(n) X
    r"\b(?:is|are) told\b",  # is called, receives
    r"\banew\b",  # again
    r"\ba text\b(?! completion| part| file| format)|\btexts\b",  # a string, strings
    r"\bshall\b",  # should
    r"\bat the most\b",  # at most
    r"\bnobody\b",  # no caller, no one
    r"\b(?:of ours|lies|stands(?! for\b))\b",  # our; is
    r"(?:^|[.:;] )Who [a-z]+s\b(?![^.\n]*\?)",  # a client that …
    r"\blooked at\b",  # polled
    r"\bgoes along\b",  # is sent too
    r"\bin silence\b",  # silently
    r"\bbelongs into\b",  # belongs in
)
PHRASE = re.compile("|".join(PATTERNS), re.MULTILINE)
FOLDERS = [
    ROOT / "llmgate_core",
    *ROOT.glob("plugins/*/llmgate_*"),
    *(ROOT / name for name in ("tools", "benchmarks", "demo", "examples", "fuzz")),
]
PROSE_TOKENS = {"COMMENT", "STRING", "FSTRING_MIDDLE"}
NAME = re.compile(r"[\"']\w+[\"']")
"""A string that is one word: the name of a field, and no prose."""
CODE_OF_PAGE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def prose_of(path: Path) -> str:
    """Return the comments and strings of a module, or a page without its code."""
    content = path.read_text("utf-8")
    if path.suffix == ".md":
        return CODE_OF_PAGE.sub("", content)
    tokens = tokenize.generate_tokens(io.StringIO(content).readline)
    prose = [token.string for token in tokens if tokenize.tok_name[token.type] in PROSE_TOKENS]
    return "\n".join(text.strip("\"'#f ") for text in prose if not NAME.fullmatch(text))


def files_with_prose() -> list[Path]:
    modules = [path for folder in FOLDERS for path in folder.rglob("*.py")]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("plugins/*/README.md"), *(ROOT / "docs").rglob("*.md")]
    return [*modules, *pages, *(page for folder in FOLDERS for page in folder.rglob("*.md"))]


def test_no_module_and_no_page_has_a_phrase_that_readers_have_to_decode() -> None:
    phrases = {path: [match[0] for match in PHRASE.finditer(prose_of(path))] for path in files_with_prose()}
    assert {str(path.relative_to(ROOT)): listed for path, listed in sorted(phrases.items()) if listed} == {}
