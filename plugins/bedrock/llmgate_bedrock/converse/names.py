"""Names of tools and ids of their calls, in the characters that Bedrock takes. Names come back in answers as they were.

Pure: the same call makes the same names, so an answer is read with the map of its request.

Source: service model `bedrock-runtime`, `ToolName` and `ToolUseId`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["ToolNames", "tool_use_id"]

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
IDENTIFIER = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
NOT_IN_IDENTIFIERS = re.compile(r"[^a-zA-Z0-9_.:-]+")
READABLE_CHARACTERS = 50
DIGEST_CHARACTERS = 12


class ToolNames:
    """The names of one call's tools, as Bedrock gets them.

    Attributes:
        renamed: the caller's name -> the one that is sent, of those that differ.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.renamed = {name: _short(name, NOT_IN_NAMES) for name in _names_in(body) if not NAME.fullmatch(name)}
        self._originals = {sent: name for name, sent in self.renamed.items()}

    def sent(self, name: str) -> str:
        """Return the name that Bedrock gets."""
        return self.renamed.get(name, name)

    def original(self, name: str) -> str:
        """Return the caller's name for one of an answer."""
        return self._originals.get(name, name)


def tool_use_id(identifier: str) -> str:
    """Return the id of a call as Bedrock takes it: the same one for a call and its result."""
    return identifier if IDENTIFIER.fullmatch(identifier) else _short(identifier, NOT_IN_IDENTIFIERS)


def _short(name: str, forbidden: re.Pattern[str]) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    readable = forbidden.sub("_", name)[:READABLE_CHARACTERS]
    return f"{readable}_{digest}"


def _names_in(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield every name of a function in a call: those offered, chosen, and called before."""
    messages, tools = body.get("messages"), body.get("tools")
    calls = [
        call
        for message in (messages if isinstance(messages, (list, tuple)) else ())
        if isinstance(message, Mapping)
        for call in _listed(message.get("tool_calls"))
    ]
    for owner in (*_listed(tools), *calls, body.get("tool_choice")):
        function = owner.get("function") if isinstance(owner, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str):
            yield name


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
