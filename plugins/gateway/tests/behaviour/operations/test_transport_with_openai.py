"""The OpenAI SDK on the gateway in this process: no server, no port, streams and cancelling included."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest
from llmgate_gateway.config import ConfigProblems
from llmgate_gateway.inprocess.transport import AsyncGatewayTransport, GatewayTransport
from openai import AsyncOpenAI, OpenAI

from llmgate_core.testing import Answer

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
HI: Any = [{"role": "user", "content": "hi"}]
ENDS = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def piece(text: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def config(upstream: Any) -> dict[str, Any]:
    params = {"model": "openai/gpt-4o", "api_key": "sk-upstream-0123", "api_base": upstream.base_url, "max_retries": 0}
    return {"model_list": [{"model_name": "m", "litellm_params": params}]}


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@LIBRARIES
def test_a_whole_answer(library: Any, upstream: Any) -> None:
    with library.Client(transport=GatewayTransport(config(upstream))) as http_client:
        client = OpenAI(api_key="any", http_client=http_client)
        answer = client.chat.completions.create(model="m", messages=HI)
        assert answer.choices[0].message.content == "hello"
        assert [model.id for model in client.models.list()] == ["m"]
    assert upstream.received[0]["headers"]["authorization"] == "Bearer sk-upstream-0123"
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI}


@LIBRARIES
def test_a_stream_comes_as_the_upstream_sends_it(library: Any, upstream: Any, hold: Any) -> None:
    answer = Answer.sse([piece("one"), piece("two"), ENDS])
    upstream.answers.append(Answer(200, answer.body, answer.headers, hold=hold, hold_at=1))
    with library.Client(transport=GatewayTransport(config(upstream))) as http_client:
        client = OpenAI(api_key="any", http_client=http_client, base_url="http://gateway/v1")
        stream = client.chat.completions.create(model="m", messages=HI, stream=True)
        assert next(stream).choices[0].delta.content == "one"
        hold.set()
        assert [chunk.choices[0].delta.content for chunk in stream] == ["two", None]


@LIBRARIES
def test_closing_a_stream_hangs_up_the_upstream(library: Any, upstream: Any, hold: Any) -> None:
    answer = Answer.sse([piece("one"), piece("two"), ENDS])
    upstream.answers.append(Answer(200, answer.body, answer.headers, hold=hold, hold_at=1))
    with library.Client(transport=GatewayTransport(config(upstream))) as http_client:
        client = OpenAI(api_key="any", http_client=http_client)
        with client.chat.completions.create(model="m", messages=HI, stream=True) as stream:
            next(stream)
        upstream.wait_disconnect()


@LIBRARIES
def test_errors_are_the_sdks_own_with_the_upstreams_words(library: Any, upstream: Any) -> None:
    error = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    with library.Client(transport=GatewayTransport(config(upstream))) as http_client:
        client = OpenAI(api_key="any", http_client=http_client, max_retries=0)
        upstream.answers.append(Answer.json(error, 429, retry_after="7"))
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="m", messages=HI)
        assert (caught.value.code, caught.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "7")
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="nobody", messages=HI)


@LIBRARIES
def test_the_async_sdk_streams_and_cancels(library: Any, upstream: Any, hold: Any) -> None:
    answer = Answer.sse([piece("one"), piece("two"), ENDS])
    held = Answer(200, answer.body, answer.headers, hold=hold, hold_at=1)
    upstream.answers += [Answer.sse([piece("one"), ENDS]), held, Answer(200, b"{}", hold=hold)]

    async def work() -> None:
        async with library.AsyncClient(transport=AsyncGatewayTransport(config(upstream))) as http_client:
            client = AsyncOpenAI(api_key="any", http_client=http_client)
            stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
            assert [chunk.choices[0].delta.content async for chunk in stream] == ["one", None]
            stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
            assert (await anext(aiter(stream))).choices[0].delta.content == "one"
            await stream.close()
            await asyncio.to_thread(upstream.wait_disconnect)
            waiting = asyncio.create_task(client.chat.completions.create(model="m", messages=HI))
            await asyncio.to_thread(upstream.wait_received, 3)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.to_thread(upstream.wait_disconnect, 5, count=2)

    asyncio.run(work())


def test_an_async_client_that_is_only_closed_closes_the_upstreams_too(upstream: Any) -> None:
    async def work() -> None:
        http_client = httpx.AsyncClient(transport=AsyncGatewayTransport(config(upstream)))
        client = AsyncOpenAI(api_key="any", http_client=http_client)  # type: ignore[arg-type]
        await client.chat.completions.create(model="m", messages=HI)
        await client.close()
        await asyncio.to_thread(upstream.wait_disconnect)

    asyncio.run(work())


def test_a_wrong_config_is_refused_where_the_transport_is_made() -> None:
    with pytest.raises(ConfigProblems):
        GatewayTransport({"model_lst": []})
    with pytest.raises(ConfigProblems):
        AsyncGatewayTransport("/nowhere/config.yaml")
