"""Ask the upstream for the usage of a stream whose client did not, and take it out of the answer again.

A stream of chat or text completions tells its usage only if `stream_options.include_usage` asks for it. Without it
metrics, costs and budgets would miss most streams. Pure but for the iterator.

Source: OpenAI API reference, `ChatCompletionStreamOptions`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from llmgate_core.serving import LedgerEntry, decode, errors

__all__ = ["ASKED", "lacks_usage", "refuses_usage", "with_usage", "without_usage"]

FAMILIES_WITH_OPTION: Final = frozenset({"chat", "text_completion"})
OPTION: Final = "stream_options"
ADDED: Final = b'{"stream_options":{"include_usage":true},'
USAGE_WORD: Final = b'"usage"'
NULL_USAGE: Final = re.compile(rb',\s*"usage"\s*:\s*null(?=\s*[,}])')
STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
EVENT_END: Final = b"\n\n"
DATA: Final = b"data: "
ASKED: Final = LedgerEntry(
    OPTION,
    "replaced",
    "the usage is asked of the upstream, so that it is counted, and taken out of the answer again",
    "general_settings.stream_usage",
)


def lacks_usage(family: str, body: Mapping[str, Any]) -> bool:
    """Return whether a call streams, and its stream would not tell its usage."""
    if family not in FAMILIES_WITH_OPTION or body.get("stream") is not True:
        return False
    options = body.get(OPTION)
    return options is None or (isinstance(options, Mapping) and options.get("include_usage") in (None, False))


def with_usage(body: Mapping[str, Any], content: bytes | None) -> tuple[dict[str, Any], bytes | None]:
    """Return a call that asks for the usage, and its bytes, otherwise unchanged; None where they have to be made."""
    asking = {**body, OPTION: {**(body.get(OPTION) or {}), "include_usage": True}}
    if content is None or OPTION in body:
        return asking, None
    start = content.find(b"{")
    return asking, content[:start] + ADDED + content[start + 1 :]


def refuses_usage(error: errors.LLMGateError) -> bool:
    """Return whether a call may have failed because of the option that was added to it."""
    if not isinstance(error, (errors.BadRequestError, errors.UnprocessableEntityError)):
        return False
    said = f"{error.param or ''} {error.message}"
    return OPTION in said or "include_usage" in said


async def without_usage(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a stream's blocks of whole events without what the option has added: an event, and a null in each other."""
    async for block in stream:
        kept = block if block.find(USAGE_WORD) < 0 else b"".join(map(_kept, block.split(EVENT_END)[:-1]))
        if kept:
            yield kept


def _kept(event: bytes) -> bytes:
    """Return what remains of an event; nothing of one that brings the usage alone."""
    if USAGE_WORD in event and event.startswith(DATA):
        if b"\n" not in event and _is_usage_alone(event[len(DATA) :]):
            return b""
        event = _without_null(event)
    return event + EVENT_END


def _without_null(event: bytes) -> bytes:
    """Return an event without the `"usage": null` of its chunk; one inside of a choice stays."""
    for found in NULL_USAGE.finditer(event):
        rest = event[found.end() :]
        is_at_top = rest.count(b"}") == 1 and b"]" not in rest  # so nothing but the chunk itself ends behind it
        if is_at_top or _depth(event[: found.start()]) == 1:
            return event[: found.start()] + rest
    return event


def _depth(data: bytes) -> int:
    """Return how many objects and lists are open at the end of a piece of JSON."""
    tokens = STRING_OR_BRACKET.findall(data)
    return sum(token in b"{[" for token in tokens) - sum(token in b"}]" for token in tokens)


def _is_usage_alone(data: bytes) -> bool:
    if b'"choices":[]' not in data.replace(b" ", b""):  # cheaper than to parse every chunk
        return False
    try:
        chunk = decode(data)
    except ValueError:
        return False
    return isinstance(chunk, dict) and chunk.get("choices") == [] and chunk.get("usage") is not None
