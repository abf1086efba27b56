"""Load the dialects that a config names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from llmgate_gateway.config.extensions import DIALECTS, load_extension
from llmgate_gateway.config.schema.file_schema import PluginChoice
from llmgate_gateway.dialects.anthropic.dialect import AnthropicDialect
from llmgate_gateway.dialects.contract import Dialect, RecognizedDialect
from llmgate_gateway.dialects.openai.dialect import OpenAIDialect

__all__ = ["load_dialects", "recognized_dialects"]

OPENAI, ANTHROPIC = OpenAIDialect(), AnthropicDialect()
BUILTIN: Mapping[str, Dialect] = MappingProxyType({OPENAI.name: OPENAI, ANTHROPIC.name: ANTHROPIC})


def load_dialects(names: Iterable[str], plugins: PluginChoice) -> Mapping[str, Dialect]:
    """Return the dialects by name, in their order; the first also answers requests that no route matches.

    An entry point of the group `llmgate.gateway.dialects` names a `Dialect`.

    Raises:
        LLMGateError: one is not installed or not allowed, several have it, or it cannot be imported.
    """
    dialects = {name: BUILTIN[name] if name in BUILTIN else load_extension(DIALECTS, name, plugins) for name in names}
    return MappingProxyType(dialects)


def recognized_dialects(dialects: Mapping[str, Dialect]) -> Mapping[str, RecognizedDialect]:
    """Return those of the dialects whose clients are recognized by their requests."""
    return MappingProxyType({name: it for name, it in dialects.items() if isinstance(it, RecognizedDialect)})
