"""Write out the `$ref` of a JSON schema, for upstreams that do not follow them. Pure.

Source: JSON Schema, draft 2020-12, section 8.2.3.1; RFC 6901 for pointers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Route

__all__ = ["without_refs"]

DEFINITIONS = ("$defs", "definitions")
MAX_NODES = 20_000
"""What a schema may grow to: definitions that name one another double it with each step."""


def without_refs(schema: Any, route: Route) -> Any:
    """Return a schema in which each `$ref` is what it points to; the same object if it has none.

    Raises:
        UnsupportedParamsError: a reference leads back to itself, or the schema becomes too large.
        BadRequestError: a reference leads nowhere.
    """
    if not isinstance(schema, Mapping) or not _has_refs(schema):
        return schema
    written = _Writer(schema, route).written(schema, ())
    return {name: part for name, part in written.items() if name not in DEFINITIONS}


def _has_refs(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return isinstance(schema.get("$ref"), str) or any(_has_refs(part) for part in schema.values())
    return isinstance(schema, list) and any(_has_refs(part) for part in schema)


class _Writer:
    """Writes out the references of one schema."""

    def __init__(self, root: Mapping[str, Any], route: Route) -> None:
        self._root = root
        self._route = route
        self._nodes = 0

    def written(self, part: Any, open_refs: tuple[str, ...]) -> Any:
        """Return a part of the schema; `open_refs` are the references that led to it."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._route.refuse("tools", "the references of a tool's schema make it too large to be written out")
        if isinstance(part, list):
            return [self.written(item, open_refs) for item in part]
        if not isinstance(part, Mapping):
            return part
        ref = part.get("$ref")
        if not isinstance(ref, str):
            return {name: self.written(item, open_refs) for name, item in part.items()}
        if ref in open_refs:
            raise self._route.refuse("tools", "a reference of a tool's schema leads back to itself")
        target = self.written(self._target_of(ref), (*open_refs, ref))
        beside = {name: self.written(item, open_refs) for name, item in part.items() if name != "$ref"}
        return {**target, **beside} if beside and isinstance(target, Mapping) else target

    def _target_of(self, ref: str) -> Any:
        target: Any = self._root
        for step in ref.split("/")[1:] if ref.startswith("#") else ():
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or name not in target:
                target = None
                break
            target = target[name]
        if target is None or not ref.startswith("#"):
            raise self._route.bad_request("tools", "a `$ref` of a tool's schema leads nowhere")
        return target
