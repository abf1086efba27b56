"""Load the dialects that a config names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from llmgate_gateway.config.extensions import DIALECTS, load_extension
from llmgate_gateway.config.schema.file_schema import PluginChoice
from llmgate_gateway.dialects.contract import Dialect
from llmgate_gateway.dialects.openai.dialect import OpenAIDialect

__all__ = ["load_dialects"]

OPENAI = OpenAIDialect()
BUILTIN: Mapping[str, Dialect] = MappingProxyType({OPENAI.name: OPENAI})


def load_dialects(names: Iterable[str], plugins: PluginChoice) -> Mapping[str, Dialect]:
    """Return the dialects by name, in their order; the first also answers requests that no route matches.

    An entry point of the group `llmgate.gateway.dialects` names a `Dialect`.

    Raises:
        LLMGateError: one is not installed or not allowed, several have it, or it cannot be imported.
    """
    dialects = {name: BUILTIN[name] if name in BUILTIN else load_extension(DIALECTS, name, plugins) for name in names}
    return MappingProxyType(dialects)
