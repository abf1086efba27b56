"""Say what is wrong with the tables of a plugin that inherits `OpenAICompatible` when it is loaded. Pure.

A table of another type would judge nothing, or something else, and a misspelt one would not be read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from llmgate_core.catalogue.values import Requires, ValueRule
from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.files import FileInput
from llmgate_core.settings.near_name import near_name

__all__ = ["of_tables"]

CORE = "llmgate_core"


def of_tables(plugin: OpenAICompatible) -> str | None:
    """Return which table cannot be right, and an example of what is; None: all may be."""
    for name, (is_right, example) in TABLES.items():
        if not is_right(getattr(plugin, name)):
            return f"its table {name!r} is not such as {name} = {example}"
    for name in ("params", "inputs", "requires"):
        for family in getattr(plugin, name):
            if family not in FAMILIES:
                near = near_name(str(family), FAMILIES)
                hint = f"did you mean {near!r}?" if near else f"families: {', '.join(FAMILIES)}"
                return f"its table {name!r} has the family {family!r}; {hint}"
    return _misspelt(plugin)


def _misspelt(plugin: OpenAICompatible) -> str | None:
    """Return what is wrong with an attribute that is nearly named as a table, and not one."""
    own = {name: value for kind in type(plugin).__mro__ if _is_own(kind) for name, value in vars(kind).items()}
    for name, value in {**own, **vars(plugin)}.items():
        is_data = isinstance(value, Collection) and not isinstance(value, (str, bytes))
        if not is_data or name in TABLES or name.startswith("_"):
            continue
        if (near := near_name(name, TABLES)) is not None:
            return f"it has no table {name!r}; did you mean {near!r}?"
    return None


def _is_own(kind: type) -> bool:
    return kind is not object and kind.__module__.partition(".")[0] != CORE


def _are_names(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, (str, Mapping)) and _all(str, value)


def _all(kind: type | tuple[type, ...], values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def _maps_to(kind: type | tuple[type, ...]) -> Callable[[Any], bool]:
    return lambda table: isinstance(table, Mapping) and _all(str, table) and _all(kind, table.values())


def _maps_twice_to(kind: type | tuple[type, ...]) -> Callable[[Any], bool]:
    is_right = _maps_to(kind)
    return lambda table: isinstance(table, Mapping) and all(map(is_right, table.values()))


TABLES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "params": (_maps_twice_to(ValueRule), "{'chat': {'temperature': ValueRule(('number',), 0, 1)}}"),
    "inputs": (_maps_twice_to((ValueRule, type(None))), "{'chat': {'messages': None}}"),
    "requires": (_maps_twice_to(Requires), "{'chat': {'top_logprobs': Requires('logprobs', (True,))}}"),
    "files": (_maps_twice_to(FileInput), "{'image.edit': {'image': FileInput(...)}}"),
    "rename": (_maps_to(str), "{'max_tokens': 'limit'}"),
    "unsupported": (_are_names, "frozenset({'logit_bias'})"),
    "unsupported_in_messages": (_maps_to(str), "{'name': 'the upstream has no names'}"),
    "source": (lambda value: isinstance(value, str), '"Acme\'s API page"'),
    "encodes_vectors": (lambda value: value is None or isinstance(value, bool), "True"),
}
"""Of each: whether a value may be right, and an example of one that is."""
