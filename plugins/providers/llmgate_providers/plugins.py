"""The plugin objects of the shipped rows: `llmgate_providers.plugins:groq` is made when it is first asked for.

A family that a provider serves elsewhere has an object of its own, as `llmgate_providers.plugins:deepseek__messages`.
"""

from __future__ import annotations

from functools import cache

from llmgate_core.plugin import OpenAICompatible
from llmgate_providers.row_plugin import plugin_of_row
from llmgate_providers.rows import attribute_of, row_names, shipped_row

APART = "__"


def __getattr__(name: str) -> OpenAICompatible:
    if name.startswith("__"):
        raise AttributeError(name)
    return _plugin(name)


@cache
def _plugin(attribute: str) -> OpenAICompatible:
    name, _, family = attribute.partition(APART)
    for row in row_names():
        if attribute_of(row) == name:
            return plugin_of_row(shipped_row(row), family or None)
    raise AttributeError(f"there is no row {name!r}")


def __dir__() -> list[str]:
    return sorted(attribute_of(name) for name in row_names())
