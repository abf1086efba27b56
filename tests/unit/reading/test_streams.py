"""What a stream shows of itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings, StreamTruncatedError
from llmgate_core.testing import Answer, fake_upstream

HI = [{"role": "user", "content": "Hi"}]


def chunk(content: str, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [choice]}


def test_the_repr_shows_model_and_state() -> None:
    with fake_upstream() as upstream, Client(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
        upstream.answers.extend([Answer.sse([chunk("a"), chunk("b", "stop")])] * 2)
        upstream.answers.append(Answer.sse([chunk("a")], done=False))
        stream = client.completion("openai/gpt-4o", HI, stream=True)
        assert repr(stream) == "<Stream openai/gpt-4o open, 0 chunks>"
        next(stream)
        assert repr(stream) == "<Stream openai/gpt-4o open, 1 chunks>"
        list(stream)
        assert repr(stream) == "<Stream openai/gpt-4o finished, 2 chunks>"
        with client.completion("openai/gpt-4o", HI, stream=True) as stream:
            next(stream)
        assert repr(stream) == "<Stream openai/gpt-4o closed, 1 chunks>"
        stream = client.completion("openai/gpt-4o", HI, stream=True)
        with pytest.raises(StreamTruncatedError):
            list(stream)
        assert repr(stream) == "<Stream openai/gpt-4o truncated, 1 chunks>"


def test_an_asynchronous_stream_says_which_it_is() -> None:
    async def main() -> str:
        async with AsyncClient(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
            stream = await client.completion("openai/gpt-4o", HI, stream=True)
            shown = repr(stream)
            await stream.aclose()
            return shown

    with fake_upstream() as upstream:
        upstream.answers.append(Answer.sse([chunk("a", "stop")]))
        assert asyncio.run(main()) == "<AsyncStream openai/gpt-4o open, 0 chunks>"
