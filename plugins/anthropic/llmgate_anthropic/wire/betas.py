"""Which beta a feature of a request needs. Data, and its look-up.

Pure. A body names betas under `betas`, as the SDK does; the plugin decides where they go: a header on Anthropic's own
API, a field of the body elsewhere.

Files, skills and search need none any more.

Source: Anthropic API reference, beta headers; the type `AnthropicBeta` of the SDK `anthropic` 2.14.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject

__all__ = ["BETAS", "beta_header", "needed_betas", "take_betas"]

BETAS = "betas"

OF_FIELD: Mapping[str, str] = MappingProxyType(
    {
        "mcp_servers": "mcp-client-2025-11-20",
        "context_management": "context-management-2025-06-27",
        "compaction": "compact-2026-09-04",
    }
)
"""Field of the body -> the beta that has it."""

OF_TOOL: Mapping[str, str] = MappingProxyType(
    {
        "computer_20241022": "computer-use-2024-10-22",
        "computer_20250124": "computer-use-2025-01-24",
        "computer_20251124": "computer-use-2025-11-24",
        "code_execution_20250522": "code-execution-2025-05-22",
        "advisor_20260301": "advisor-tool-2026-03-01",
    }
)
"""Type of a tool -> the beta that has it."""

FAST = "fast-mode-2026-02-01"


def needed_betas(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the betas of a finished body: the named ones, then those that its features need, without repetition.

    Empty where `betas` is not a list of names, which the upstream refuses.
    """
    if BETAS in body and not _are_names(body[BETAS]):
        return ()
    return tuple(dict.fromkeys([*_named(body), *_of_features(body)]))


def take_betas(body: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
    """Return a body without its `betas`, and them; the same body if it names none.

    What is not a list of names stays in the body, for the upstream to refuse.
    """
    if not _are_names(body.get(BETAS)):
        return body, ()
    return {name: value for name, value in body.items() if name != BETAS}, tuple(_named(body))


def beta_header(betas: tuple[str, ...]) -> dict[str, str]:
    """Return the header that names betas on Anthropic's own API; empty without any."""
    return {"anthropic-beta": ",".join(betas)} if betas else {}


def _are_names(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(isinstance(name, str) for name in given)


def _named(body: Mapping[str, Any]) -> Iterator[str]:
    given = body.get(BETAS)
    for name in given if isinstance(given, (list, tuple)) else ():
        if isinstance(name, str):
            yield name


def _of_features(body: Mapping[str, Any]) -> Iterator[str]:
    yield from (beta for field, beta in OF_FIELD.items() if body.get(field) is not None)
    for tool in body.get("tools") or ():
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if isinstance(kind, str) and kind in OF_TOOL:
            yield OF_TOOL[kind]
    if body.get("speed") == "fast":
        yield FAST
