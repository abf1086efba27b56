"""Docstrings, comments and messages of the packages are free of ten turns of phrase that readers have to decode.

`test_front_door.py` judges the pages. A module in `tests/data/english_pending.txt` may still have such a phrase; the
list only gets shorter.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from tests.support.paths import DATA, ROOT

PATTERNS = (
    r"\bis none\b(?! of)",  # is not a(n) X
    r"(?<!there )(?<!There )\bis no (?!longer\b|more\b|way\b|need\b|one\b|such\b)[a-z]+",  # is not a(n) X
    r"\b(?:is|are) told\b",  # is called, receives
    r"\banew\b",  # again
    r"\ba text\b(?! completion| part| file| format)|\btexts\b",  # a string, strings
    r"\bshall\b",  # should
    r"\bat the most\b",  # at most
    r"\bnobody\b",  # no caller, no one
    r"\b(?:of ours|lies|stands)\b",  # our; is
    r"(?:^|[.:;] )Who [a-z]+s\b",  # a client that …
)
PHRASE = re.compile("|".join(PATTERNS), re.MULTILINE)
PENDING = frozenset((DATA / "english_pending.txt").read_text("utf-8").split())
PROSE_TOKENS = {"COMMENT", "STRING", "FSTRING_MIDDLE"}


def prose_of(path: Path) -> str:
    """Return the comments and strings of a module."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    return "\n".join(token.string.strip("\"'#f ") for token in tokens if tokenize.tok_name[token.type] in PROSE_TOKENS)


def phrases_by_file() -> dict[str, list[str]]:
    packages = [ROOT / "llmgate_core", *ROOT.glob("plugins/*/llmgate_*"), ROOT / "tools", ROOT / "demo"]
    modules = [module for package in packages for module in package.rglob("*.py")]
    phrases = {path: [match[0] for match in PHRASE.finditer(prose_of(path))] for path in modules}
    return {str(path.relative_to(ROOT)): found for path, found in phrases.items() if found}


def test_no_module_has_a_phrase_that_readers_have_to_decode() -> None:
    assert {path: found for path, found in sorted(phrases_by_file().items()) if path not in PENDING} == {}
