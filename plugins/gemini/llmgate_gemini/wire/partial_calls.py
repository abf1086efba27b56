"""Put the arguments of a function call together that come in pieces, each with the place where it belongs.

Pure.

Source: google-genai 3.6.1, `FunctionCall.partial_args` and `PartialArg`: a JSON path (RFC 9535) and a value.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from llmgate_core.plugin import JsonObject, encode, string_of
from llmgate_gemini.wire.fields import objects, table

__all__ = ["PartialCall"]

STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,6})\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")
VALUES = ("stringValue", "numberValue", "boolValue")
MAX_ITEMS = 10_000
Steps = list[str | int]


class PartialCall:
    """One call whose arguments may not be complete.

    Attributes:
        index: of the call in its message.
    """

    def __init__(self, said: JsonObject, index: int) -> None:
        self.index = index
        self._id = said.get("id")
        self._name = said.get("name")
        self._arguments: JsonObject = {}
        self.add(said)

    def is_left_for(self, said: JsonObject) -> bool:
        """Return whether a part begins another call; one without a name goes on with this one."""
        return bool(said.get("name")) and (said.get("name"), said.get("id")) != (self._name, self._id)

    def add(self, said: JsonObject) -> None:
        """Add the pieces of one part, or the arguments that it has as a whole."""
        self._arguments.update(table(said.get("args")))
        for piece in objects(said.get("partialArgs")):
            steps = _steps(string_of(piece.get("jsonPath")))
            if steps:
                _put(self._arguments, steps, _value(piece))

    def arguments(self) -> str:
        """Return the arguments as JSON."""
        return encode(self._arguments).decode()


def _steps(path: str) -> Steps:
    """Return the steps of a path such as `$.place.lines[0]`; nothing for one that cannot be read."""
    steps: Steps = []
    at = 1 if path.startswith("$") else 0
    if at and path == "$":
        return []
    while at < len(path):
        found = STEP.match(path, at)
        if found is None:
            return []
        name, index, *quoted = found.groups()
        steps.append(int(index) if index is not None else name or next((text for text in quoted if text), ""))
        at = found.end()
    return steps


def _value(piece: JsonObject) -> Any:
    return next((piece[name] for name in VALUES if name in piece), None)


def _put(owner: Any, steps: Steps, value: Any) -> None:
    """Put a value at its place; the next piece of a string is added to it."""
    for step, following in pairwise(steps):
        inner = _get(owner, step)
        if not isinstance(inner, (dict, list)):
            inner = [] if isinstance(following, int) else {}
            _set(owner, step, inner)
        owner = inner
    before = _get(owner, steps[-1])
    _set(owner, steps[-1], before + value if isinstance(before, str) and isinstance(value, str) else value)


def _get(owner: Any, step: str | int) -> Any:
    if isinstance(owner, dict):
        return owner.get(str(step))
    return owner[step] if isinstance(step, int) and step < len(owner) else None


def _set(owner: Any, step: str | int, value: Any) -> None:
    if isinstance(owner, dict):
        owner[str(step)] = value
    elif isinstance(step, int) and step < MAX_ITEMS:
        owner += [None] * (step + 1 - len(owner))
        owner[step] = value
