"""The Gemini API of generativelanguage.googleapis.com: its address, its key and its options.

Pure. What requests and answers look like is in `wire`.

Source: https://ai.google.dev/api, "Gemini API reference", 2026-11-28.
"""

from __future__ import annotations

from llmgate_core.plugin import Option, ProviderInfo
from llmgate_gemini.wire import GEMINI_API, SIGNATURE_OPTION, GeminiCompatible

__all__ = ["Gemini"]


class Gemini(GeminiCompatible):
    """Serves `gemini/` in chat and embedding, and counts tokens. The key is sent in a header, never in a URL."""

    info = ProviderInfo(
        api=(1, 1),
        name="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        env_key=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        env_base_url=("GEMINI_API_BASE", "GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"),
        operations=frozenset({"chat.count_tokens"}),
        key_header="x-goog-api-key",
        options=(
            Option(
                SIGNATURE_OPTION,
                env=("GEMINI_SIGNATURE_IN_TOOL_CALL_ID",),
                default="false",
                help="true: the id of a tool call carries its thought signature, for clients that drop unknown fields",
            ),
        ),
    )
    dialect = GEMINI_API
