"""Decide whether the log may show the text of an upstream's error. Pure.

A proxy before an upstream says in plain text what is wrong ("no healthy upstream"), which the operator needs. The text
of a model's server may repeat a prompt, which no log shows. So the text is shown only if it holds no piece of
the request.

Source: row S17 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgate_core.serving import errors

__all__ = ["shown_text"]

MAX_TEXT: Final = 200
MAX_COMPARED: Final = 256 * 1024
"""Characters of a request. With a larger one nothing is shown."""
PIECE: Final = 8
"""So many characters in a row that both have are a repetition; a shorter value of the request counts as a whole."""
SHORTEST: Final = 3


def shown_text(error: errors.LLMGateError, body: Mapping[str, Any]) -> str | None:
    """Return the plain text that a proxy answered, cut; None without such text, or if it may repeat the request.

    Args:
        error: with the text as its message, and neither code nor type.
        body: the parameters of the request.
    """
    if not isinstance(error, errors.APIStatusError) or error.status_code is None or error.status_code < 500:
        return None
    if error.code is not None or error.type is not None or error.message.startswith(f"HTTP {error.status_code}"):
        return None
    text = error.message[:MAX_TEXT]
    lower = text.lower()
    pieces = {lower[at : at + PIECE] for at in range(max(1, len(lower) - PIECE + 1))}
    compared = 0
    for value in _strings(body):
        compared += len(value)
        if compared > MAX_COMPARED:
            return None
        said = value.lower()
        if any(piece in said for piece in pieces) or (SHORTEST <= len(said) < PIECE and said in lower):
            return None
    return text


def _strings(value: Any) -> Iterator[str]:
    """Yield every string of a body, names included."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, Mapping):
            waiting += part.keys()
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
        elif isinstance(part, (int, float)) and not isinstance(part, bool):
            yield str(part)
