"""What the tests of the relay share: one way to relay a call over both wires, and a stream read to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from llmgate_core import AsyncClient, AsyncStream, LLMGateError, Settings
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream

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


@pytest.fixture(params=["httpx", "fast"])
def relay(request: pytest.FixtureRequest, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """Return a function that relays a request, as bytes or parsed, and reads a stream to its end.

    `acme/` is at home at the upstream, and changes nothing in any family.
    """

    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url=upstream.base_url, env_key="ACME_API_KEY")

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def call(
        body: bytes | dict[str, Any],
        family: str = "chat",
        model: str | None = MODEL,
        *,
        operation: str = "create",
        client: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Any:
        content = body if isinstance(body, bytes) else None
        parsed = json.loads(body) if isinstance(body, bytes) else body
        known = {"api_key": KEY, "api_base": upstream.base_url, "max_retries": 0, "settings": Settings()}

        async def run() -> Any:
            async with AsyncClient(transport=request.param, **{**known, **(client or {})}) as opened:
                if str(model).startswith("acme/"):
                    opened.add_plugin(Acme(), family=family, prefix="acme")
                answer = await opened.relay(family, model, parsed, content=content, operation=operation, **arguments)
                return await read(answer) if isinstance(answer, AsyncStream) else answer

        return asyncio.run(run())

    return call


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
