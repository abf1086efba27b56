"""What the tests of the relay send and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llmgate_core import AsyncStream, LLMGateError
from llmgate_core.testing import Answer

KEY = "sk-canary-7Gq2Zr9VtLx4WmPd8KsNbQ3u"

MODEL = "openai/gpt-4o"

HI = [{"role": "user", "content": "hi"}]

SSE = {"content-type": "text/event-stream"}


class Streamed(NamedTuple):
    """A stream read to its end: what it gave, the stream itself, and what ended it early."""

    content: bytes
    stream: Any
    error: Any

    @property
    def events(self) -> list[bytes]:
        """Each event as it was sent, its blank line taken off."""
        assert self.content == b"" or self.content.endswith(b"\n\n")
        return self.content.split(b"\n\n")[:-1]


Relay = Callable[..., Any]


async def read(stream: AsyncStream[bytes]) -> Streamed:
    """Read to the end, or to the error."""
    pieces: list[bytes] = []
    try:
        async for piece in stream:
            pieces.append(piece)
    except LLMGateError as error:
        return Streamed(b"".join(pieces), stream, error)
    return Streamed(b"".join(pieces), stream, None)


def chat(**fields: Any) -> dict[str, Any]:
    """Return a whole chat answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": "c1", "object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": usage, **fields}


def text_event(data: str | bytes) -> bytes:
    """Return one event of this data."""
    return b"data: " + (data.encode() if isinstance(data, str) else data) + b"\n\n"


def stream_of(*parts: str | bytes, **faults: Any) -> Answer:
    """Return an event stream of exactly these parts, one write each."""
    return Answer(200, [part.encode() if isinstance(part, str) else part for part in parts], SSE, **faults)
