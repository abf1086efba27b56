"""Anthropic's betas at Bedrock, which takes them as a field of the body: which it has, under which name. Data.

Pure. One that is not in the table is sent: betas appear weekly, and Bedrock names one that it does not have.

Source: `anthropic_beta_headers_config.json` of LiteLLM, section `bedrock`, read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["betas_at_bedrock"]

RENAMED: Mapping[str, str] = MappingProxyType({"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"})
MISSING = frozenset(
    {
        *("advisor-tool-2026-03-01", "code-execution-2025-08-25", "fast-mode-2026-02-01", "files-api-2025-04-14"),
        *("mcp-client-2025-04-04", "mcp-client-2025-11-20", "output-128k-2025-02-19", "per-turn-control-2026-07-01"),
        *("prompt-caching-scope-2026-01-05", "skills-2025-10-02", "web-fetch-2025-09-10", "web-search-2025-03-05"),
        *(
            "claude-code-20250219",
            "oauth-2025-04-20",
            "structured-outputs-2025-11-13",
            "interleaved-thinking-2025-05-14",
        ),
        "token-efficient-tools-2025-02-19",
    }
)
"""Those that Bedrock does not have, or that mean nothing there."""


def betas_at_bedrock(betas: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what to send, without repetition, and the betas that are left out."""
    named = list(dict.fromkeys(name.strip() for name in betas if name.strip()))
    kept = [RENAMED.get(name, name) for name in named if name not in MISSING]
    return list(dict.fromkeys(kept)), [name for name in named if name in MISSING]
