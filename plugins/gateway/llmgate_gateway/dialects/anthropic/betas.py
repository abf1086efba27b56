"""The betas of Anthropic's API, which its clients switch on by a header, for upstreams that have another API. Data.

An upstream of Anthropic's API gets the header as the client sent it. For any other the header has no meaning: it is
left out, and with it those fields of the body that it has switched on and that change nothing in the answer. Fields
that do change it, such as `mcp_servers`, stay, and the conversion decides about them.

Source: Anthropic API reference, "Beta headers"; `AnthropicBetaParam` of its SDK 2.14.0, and the betas that Claude Code
2.1.332 contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from llmgate_core.serving import LedgerEntry

__all__ = ["BETAS", "Beta", "fields_of", "ledger_of"]

BETAS_PARAMETER: Final = "betas"
"""What the SDK calls the header `anthropic-beta`."""
SOURCE: Final = "Anthropic API reference, Beta headers"
DATE: Final = re.compile(r"-[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
"""At the end of a beta's name."""


@dataclass(frozen=True, slots=True)
class Beta:
    """What a beta does.

    Attributes:
        about: why another API loses nothing, or what it loses, without it.
        fields: of the body, which go with it.
        lossy: something that the client asked for is lost.
    """

    about: str
    fields: frozenset[str] = frozenset()
    lossy: bool = False


def _with(about: str, *fields: str) -> Beta:
    return Beta(about, frozenset(fields), lossy=True)


OF_CLIENT: Final = Beta("names the client")
OF_MODEL: Final = Beta("a mode of Anthropic's own models")
OF_CACHE: Final = Beta("how Anthropic's cache of prompts works")
BY_FIELD: Final = Beta("the conversion decides by the field itself")
BETAS: Mapping[str, Beta] = MappingProxyType(
    {
        "claude-code": OF_CLIENT,
        "oauth": OF_CLIENT,
        "interleaved-thinking": OF_MODEL,
        "dev-full-thinking": OF_MODEL,
        "redact-thinking": OF_MODEL,
        "thinking-token-count": OF_MODEL,
        "thinking-display-updates": OF_MODEL,
        "thinking-binding-controls": OF_MODEL,
        "context-1m": OF_MODEL,
        "output-128k": OF_MODEL,
        "output-300k": OF_MODEL,
        "model-context-window-exceeded": OF_MODEL,
        "token-efficient-tools": OF_MODEL,
        "fine-grained-tool-streaming": OF_MODEL,
        "prompt-caching": OF_CACHE,
        "prompt-caching-scope": OF_CACHE,
        "prompt-caching-evict": OF_CACHE,
        "extended-cache-ttl": OF_CACHE,
        "cache-diagnosis": _with("reports on Anthropic's cache of prompts", "diagnostics"),
        "context-management": _with("Anthropic's API clears old tool results on its side", "context_management"),
        "fast-mode": _with("a faster service of Anthropic's", "speed"),
        "fallback-credit": _with("Anthropic's accounting of fallbacks", "fallback_credit_token"),
        "user-profiles": _with("Anthropic's record of end users", "user_profile_id"),
        "effort": BY_FIELD,
        "structured-outputs": BY_FIELD,
        "task-budgets": BY_FIELD,
        "mcp-client": BY_FIELD,
        "mcp-servers": BY_FIELD,
        "code-execution": BY_FIELD,
        "computer-use": BY_FIELD,
        "advisor-tool": BY_FIELD,
        "tool-search-tool": BY_FIELD,
        "advanced-tool-use": BY_FIELD,
        "web-search": BY_FIELD,
        "web-fetch": BY_FIELD,
        "skills": BY_FIELD,
        "files-api": BY_FIELD,
        "compact": BY_FIELD,
        "message-threads": BY_FIELD,
        "server-side-fallback": BY_FIELD,
        "mid-conversation-system": BY_FIELD,
        "mid-conversation-system-clear-at": BY_FIELD,
        "mid-conversation-tool-changes": BY_FIELD,
        "mid-conversation-output-config": BY_FIELD,
        "inline-tools": BY_FIELD,
        "pdfs": BY_FIELD,
        "token-counting": BY_FIELD,
    }
)
"""Name of a beta, without its date -> what it does."""
OTHERS: Final = Beta("a beta of Anthropic's API that is not known here", lossy=True)


def fields_of(betas: Iterable[str], body: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of a body that go with betas."""
    return frozenset[str]().union(*(_beta(beta).fields for beta in betas)).intersection(body)


def ledger_of(betas: Iterable[str], fields: Iterable[str] = ()) -> tuple[LedgerEntry, ...]:
    """Return what is recorded where betas and fields are left out: one entry for each effect."""
    entries: dict[LedgerEntry, None] = {}
    for beta in map(_beta, betas):
        entries[LedgerEntry(BETAS_PARAMETER, "dropped", beta.about, SOURCE, lossy=beta.lossy)] = None
        for field in sorted(beta.fields.intersection(fields)):
            entries[LedgerEntry(field, "dropped", beta.about, SOURCE, lossy=True)] = None
    return tuple(entries)


def _beta(name: str) -> Beta:
    return BETAS.get(DATE.sub("", name), OTHERS)
