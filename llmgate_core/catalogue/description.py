"""What the catalogue knows of one model, for programs that choose models by it.

Pure. None means not known, never no or zero.

Source: the model's row, which names its own; docs/guide/models.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import ConfigError

if TYPE_CHECKING:
    from llmgate_core.catalogue.models import ModelRow
    from llmgate_core.contract.call import ModelFacts

__all__ = ["CAPABILITIES", "ModelDescription", "described"]

CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "audio_input": "takes audio",
        "audio_output": "answers with audio",
        "code_interpreter": "runs code in a tool of the provider's",
        "computer_use": "operates a computer through a tool of the provider's",
        "file_search": "searches files in a tool of the provider's",
        "function_calling": "calls functions of the caller's",
        "image_generation_tool": "makes images in a tool of the provider's",
        "image_output": "answers with images",
        "mcp": "calls MCP servers",
        "parallel_tool_calls": "makes several tool calls in one answer",
        "pdf_input": "takes PDF files",
        "prompt_cache_breakpoint": "takes marks for what is to be cached",
        "prompt_caching": "keeps the beginning of a prompt for later calls",
        "reasoning": "thinks before it answers",
        "response_schema": "answers in a given JSON schema",
        "streaming": "streams its answers",
        "system_messages": "takes system messages",
        "tool_choice": "can be made to call a tool",
        "tool_search": "finds the tools it needs among many",
        "video_input": "takes video",
        "vision": "takes images",
        "web_search": "searches the web in a tool of the provider's",
    }
)
"""Capability -> what a model does that has it."""

_INPUTS = MappingProxyType({"vision": "image", "audio_input": "audio", "video_input": "video", "pdf_input": "pdf"})
_OUTPUTS = MappingProxyType({"audio_output": "audio", "image_output": "image"})


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What the catalogue knows of a model. None, and an empty tuple, mean: not known.

    Attributes:
        name: of its row, which may be that of the model without its date.
        provider: as in errors and in the catalogue.
        mode: the endpoint that serves it, such as `chat` or `embedding`.
        prefix: the routing prefix that leads to it; None: no installed plugin is known to serve it.
        status: `active`, `deprecated`, `retired` or `unlisted`; shutdown_date: `YYYY-MM-DD`.
        context_window, max_input_tokens, max_output_tokens: in tokens.
        embedding_dimensions: the length of its vectors.
        input_modalities, output_modalities: such as `text`, `image`, `audio`.
        reasoning_efforts: the values of `reasoning_effort` that it takes.
        input_price, cached_input_price, output_price: US dollars for a million tokens, in the standard tier.
        as_of: the date on which the row was checked, `YYYY-MM-DD`; sources: where its facts are from.
        facts: the whole row, read-only; docs/plugins/facts-and-prices.md has its keys.
    """

    name: str
    provider: str
    mode: str
    prefix: str | None = None
    status: str | None = None
    shutdown_date: str | None = None
    context_window: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    embedding_dimensions: int | None = None
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    reasoning_efforts: tuple[str, ...] = ()
    input_price: float | None = None
    cached_input_price: float | None = None
    output_price: float | None = None
    as_of: str | None = None
    sources: tuple[str, ...] = ()
    facts: ModelFacts = field(default_factory=dict, repr=False, hash=False)

    def supports(self, capability: str) -> bool | None:
        """Return whether the model has a capability; None: not known.

        Args:
            capability: one of `CAPABILITIES`, such as `vision` or `function_calling`.

        Raises:
            ConfigError: there is no such capability.
        """
        stated = (self.facts.get("capabilities") or {}).get(_known(capability))
        if stated is not None:
            return bool(stated)
        if capability in _INPUTS and self.input_modalities:
            return _INPUTS[capability] in self.input_modalities
        if capability in _OUTPUTS and self.output_modalities:
            return _OUTPUTS[capability] in self.output_modalities
        return True if capability == "reasoning" and self.reasoning_efforts else None


def _known(capability: str) -> str:
    if capability in CAPABILITIES:
        return capability
    import difflib

    near = difflib.get_close_matches(str(capability), CAPABILITIES, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(CAPABILITIES)}"
    raise ConfigError(f"there is no capability {str(capability)!r:.80}; {hint}")


def described(row: ModelRow, prefix: str | None) -> ModelDescription:
    """Return the description of a row; `prefix` leads to the model."""
    facts = row.facts
    limits, modalities = facts.get("limits") or {}, facts.get("modalities") or {}
    prices: Mapping[str, Any] = (facts.get("pricing") or {}).get("standard") or {}
    return ModelDescription(
        row.name,
        row.provider,
        row.mode,
        prefix,
        status=facts.get("status"),
        shutdown_date=facts.get("shutdown_date"),
        context_window=limits.get("context_window"),
        max_input_tokens=limits.get("max_input_tokens"),
        max_output_tokens=limits.get("max_output_tokens"),
        embedding_dimensions=limits.get("embedding_dimensions"),
        input_modalities=tuple(modalities.get("input") or ()),
        output_modalities=tuple(modalities.get("output") or ()),
        reasoning_efforts=tuple((facts.get("reasoning") or {}).get("efforts") or ()),
        input_price=prices.get("input"),
        cached_input_price=prices.get("cached_input"),
        output_price=prices.get("output"),
        as_of=row.as_of or None,
        sources=tuple(facts.get("sources") or ()),
        facts=facts,
    )
