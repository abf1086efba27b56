"""Convert the probabilities of tokens.

Pure.

Source: Gemini API reference, `LogprobsResult`; OpenAI API reference, `logprobs`.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import JsonObject, string_of
from llmgate_gemini.wire.fields import objects, table

__all__ = ["logprobs_of"]


def logprobs_of(result: Any) -> JsonObject | None:
    """Return `logprobs` of a choice; None: there are none."""
    chosen = list(objects(table(result).get("chosenCandidates")))
    if not chosen:
        return None
    rows = table(result).get("topCandidates")
    tops = rows if isinstance(rows, list) else []
    return {
        "content": [
            {**_token(token), "top_logprobs": _tops(tops[place] if place < len(tops) else None)}
            for place, token in enumerate(chosen)
        ],
        "refusal": None,
    }


def _tops(row: Any) -> list[JsonObject]:
    return [_token(token) for token in objects(table(row).get("candidates"))]


def _token(said: JsonObject) -> JsonObject:
    token = string_of(said.get("token"))
    value = said.get("logProbability")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"token": token, "logprob": value if is_number else 0, "bytes": list(token.encode("utf-8", "replace"))}
