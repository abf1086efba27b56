"""Call a function of the module, sync or async, and read a stream to its end."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import llmgate_core
from llmgate_core import AsyncStream, LLMGateError, Stream
from llmgate_core.client.functions import default_async_client

__all__ = ["Outcome", "outcome_of"]


class Outcome(NamedTuple):
    """What the caller got: a result or stream, the pieces of a stream, and what ended it early."""

    result: Any
    pieces: list[Any]
    error: Any


def outcome_of(mode: str, function: str, *values: Any, **arguments: Any) -> Outcome:
    """Call `function`, or its twin where `mode` is `async`."""
    if mode == "sync":
        return _outcome(function, values, arguments)
    return asyncio.run(_aoutcome(function, values, arguments))


def _outcome(function: str, values: tuple[Any, ...], arguments: dict[str, Any]) -> Outcome:
    result: Any = None
    pieces: list[Any] = []
    try:
        result = getattr(llmgate_core, function)(*values, **arguments)
        if isinstance(result, Stream):
            for piece in result:
                pieces.append(piece)
    except LLMGateError as error:
        return Outcome(result, pieces, error)
    return Outcome(result, pieces, None)


async def _aoutcome(function: str, values: tuple[Any, ...], arguments: dict[str, Any]) -> Outcome:
    result: Any = None
    pieces: list[Any] = []
    try:
        result = await getattr(llmgate_core, f"a{function}")(*values, **arguments)
        if isinstance(result, AsyncStream):
            async for piece in result:
                pieces.append(piece)
    except LLMGateError as error:
        return Outcome(result, pieces, error)
    finally:
        await default_async_client().aclose()
    return Outcome(result, pieces, None)
