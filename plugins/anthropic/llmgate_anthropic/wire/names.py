"""Names of tools: what the upstream does not take is sent under another name, and restored in the answer.

Pure. The other name depends on the given one alone, so it is the same in every request of a conversation, and prompt
caches hold. The map of a request is made from its body, once for the request and once for the answer.

Source: Anthropic API reference, `Tool.name`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["ToolNames", "sent_id"]

MAX_CHARACTERS = 128
DIGEST_CHARACTERS = 8
_TAKEN = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_CHARACTERS}}}").fullmatch
_ID = re.compile(r"[a-zA-Z0-9_-]+").fullmatch
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]")


class ToolNames:
    """The names of one call's tools.

    Attributes:
        sent: given name -> the one that is sent, of those that are sent under another.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.sent: dict[str, str] = {}
        odd = {name for name in _names(body) if not _TAKEN(name)}
        for name in sorted(odd):
            self.sent[name] = _other_name(name)
        self._given = {other: name for name, other in self.sent.items()}

    def send(self, name: str) -> str:
        """Return the name that is sent for a given one."""
        if name not in self.sent and not _TAKEN(name):
            return _other_name(name)
        return self.sent.get(name, name)

    def restore(self, name: str) -> str:
        """Return the caller's name of a tool that the upstream names."""
        return self._given.get(name, name)


def sent_id(call_id: str) -> str:
    """Return the id of a call as it is sent: that of another provider may have characters that are not taken."""
    return call_id if _ID(call_id) else _other_name(call_id)


def _other_name(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{_OTHERS.sub('_', name)[: MAX_CHARACTERS - DIGEST_CHARACTERS - 1]}_{digest}"


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a call's tools, and of the calls in its messages, as far as they are well formed."""
    for tool in _objects(body.get("tools")):
        yield from _name_of(tool.get("function") if isinstance(tool.get("function"), Mapping) else tool)
    for function in _objects(body.get("functions")):
        yield from _name_of(function)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    for item in value if isinstance(value, (list, tuple)) else ():
        if isinstance(item, Mapping):
            yield item


def _name_of(function: Any) -> Iterator[str]:
    name = function.get("name") if isinstance(function, Mapping) else None
    if isinstance(name, str):
        yield name
