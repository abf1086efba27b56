"""Names of functions that Gemini takes, and the caller's again in answers.

Pure: the same call always makes the same names.

Source: google-genai 3.6.1, `FunctionDeclaration.name`: a letter or underscore, then letters, digits, underscores, dots,
colons and dashes, at most 128.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from llmgate_core.plugin import Ledger, string_of
from llmgate_gemini.wire.fields import objects, table

__all__ = ["Names", "names_of"]

FITTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
NOT_FITTING = re.compile(r"[^A-Za-z0-9_.:-]")
MAX_CHARACTERS = 128
HASH_CHARACTERS = 8


class Names:
    """The functions of one call: a name that Gemini does not take is replaced, and restored in the answer."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sent = {name: _fitting(name) for name in names if not FITTING.fullmatch(name)}
        self._given = {sent: given for given, sent in self._sent.items()}

    def sent(self, name: str) -> str:
        """Return the name that is sent for the caller's."""
        return self._sent.get(name) or (name if FITTING.fullmatch(name) else _fitting(name))

    def given(self, name: str) -> str:
        """Return the caller's name for one that came back."""
        return self._given.get(name, name)

    def note(self, ledger: Ledger) -> None:
        """Record how many names are replaced."""
        if self._sent:
            ledger.bridged("tools", f"{len(self._sent)} names do not fit Gemini's rules; they are restored in answers")


def names_of(body: Mapping[str, Any]) -> Names:
    """Return the names of the functions that a call declares."""
    functions = [table(tool.get("function")) for tool in objects(body.get("tools"))]
    functions += objects(body.get("functions"))
    return Names(name for function in functions if (name := string_of(function.get("name"))))


def _fitting(name: str) -> str:
    """Return a name that fits and that another name is most unlikely to become."""
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARACTERS]
    head = NOT_FITTING.sub("_", name)[: MAX_CHARACTERS - HASH_CHARACTERS - 2]
    return f"_{head}_{digest}" if not head[:1].isalpha() else f"{head}_{digest}"
