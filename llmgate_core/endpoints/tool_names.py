"""Names of tools as an upstream takes them: one that it does not take is sent under another, and restored in answers.

Pure. The other name depends on the given one alone, so it is the same in every request of a conversation, and prompt
caches hold. The map of a call is made from its body, once for the request and once for the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

__all__ = ["NameRule", "ToolNames", "function_names"]

DIGEST_CHARACTERS = 8


class NameRule:
    """Which names are taken.

    Args:
        legal: the characters of a name, as within the brackets of a regular expression: `a-zA-Z0-9_-`.
        length: how many characters a name may have.
        start: those that may be its first, an underscore among them; empty: any legal one.
    """

    __slots__ = ("_illegal", "_length", "_starts", "fits")

    def __init__(self, legal: str, length: int, start: str = "") -> None:
        self._illegal = re.compile(f"[^{legal}]")
        self._length = length
        self._starts = re.compile(f"[{start or legal}]").match
        self.fits = re.compile(f"(?=[{start or legal}])[{legal}]{{1,{length}}}").fullmatch
        """Matches a name that is taken."""

    def fitted(self, name: str) -> str:
        """Return a name as it is, or another one in its place."""
        return name if self.fits(name) else self.other(name)

    def other(self, name: str) -> str:
        """Return the legal characters of a name and a digest, which no other name is likely to become."""
        head = self._illegal.sub("_", name)
        head = head if self._starts(head) or not head else f"_{head}"
        digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
        return f"{head[: self._length - DIGEST_CHARACTERS - 1]}_{digest}"


class ToolNames:
    """The names of one call's tools.

    Args:
        names: that the answer may have, as the caller wrote them.
        rule: the upstream's.

    Attributes:
        renamed: the caller's name -> the one that is sent, of those that differ.
    """

    def __init__(self, names: Iterable[str], rule: NameRule) -> None:
        self.renamed = {name: rule.other(name) for name in names if not rule.fits(name)}
        self._rule = rule
        self._given = {other: name for name, other in self.renamed.items()}

    def sent(self, name: str) -> str:
        """Return the name that the upstream gets."""
        return self._rule.fitted(name)

    def given(self, name: str) -> str:
        """Return the caller's name for one of an answer."""
        return self._given.get(name, name)


def function_names(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the tools of a chat call, and of its `functions`, as far as they are well formed."""
    for tool in _objects(body.get("tools")):
        function = tool.get("function")
        yield from _name_of(function if isinstance(function, Mapping) else tool)
    for function in _objects(body.get("functions")):
        yield from _name_of(function)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    for item in value if isinstance(value, (list, tuple)) else ():
        if isinstance(item, Mapping):
            yield item


def _name_of(function: Mapping[str, Any]) -> Iterator[str]:
    name = function.get("name")
    if isinstance(name, str):
        yield name
