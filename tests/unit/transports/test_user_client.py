"""A caller's own httpx or httpx2 client: used, never closed, its errors ours."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import httpx
import httpx2
import pytest

import llmgate_core
from llmgate_core import APIConnectionError, AsyncClient, Client, ConfigError, RateLimitError, Settings
from llmgate_core.testing import Answer, fake_upstream

HI = [{"role": "user", "content": "hi"}]
CHAT = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": {"content": "ok"}}]}
KEY = "sk-test-1234567890"


def test_a_client_set_after_an_earlier_call_is_used_from_then_on() -> None:
    seen: list[str] = []
    with fake_upstream() as upstream, httpx.Client(event_hooks={"request": [lambda r: seen.append(r.method)]}) as mine:
        upstream.answers += [Answer.json(CHAT), Answer.json(CHAT)]
        llmgate_core.completion("openai/gpt-4o", HI, api_base=upstream.base_url, api_key=KEY)
        assert seen == []
        llmgate_core.client_session = mine
        try:
            llmgate_core.completion("openai/gpt-4o", HI, api_base=upstream.base_url, api_key=KEY)
        finally:
            llmgate_core.client_session = None
        assert seen == ["POST"]
        assert not mine.is_closed


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_both_libraries_serve_sync_calls_and_streams(library: Any) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    with fake_upstream() as upstream, library.Client() as mine:
        upstream.answers += [Answer.json(CHAT), Answer.sse([json.dumps(chunk)])]
        made = Client(settings=Settings(), client_session=mine, api_key=KEY, api_base=upstream.base_url)
        assert made.completion("openai/gpt-4o", HI).choices[0].message.content == "ok"
        assert list(made.completion("openai/gpt-4o", HI, stream=True).text()) == ["a"]
        assert upstream.received[0]["headers"]["accept-encoding"] == "identity"
        assert not mine.is_closed


# the caller's client leaves the first loop's connection to the collector, as it does without us
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_an_async_client_survives_a_second_event_loop(library: Any) -> None:
    with fake_upstream() as upstream:
        upstream.answers += [Answer.json(CHAT)] * 2
        mine = library.AsyncClient()
        made = AsyncClient(settings=Settings(), aclient_session=mine, api_key=KEY, api_base=upstream.base_url)

        async def call() -> str | None:
            answer = await made.completion("openai/gpt-4o", HI)
            content: str | None = answer.choices[0].message.content
            return content

        assert asyncio.run(call()) == "ok"

        async def call_and_close() -> str | None:
            try:
                return await call()
            finally:
                await mine.aclose()

        assert asyncio.run(call_and_close()) == "ok"
        assert len(upstream.received) == 2
    gc.collect()


def test_a_mocked_transport_inside_the_client_works() -> None:
    mine = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=CHAT)))
    made = Client(settings=Settings(), client_session=mine, api_key=KEY)
    assert made.completion("openai/gpt-4o", HI).choices[0].message.content == "ok"
    mine.close()


def test_errors_of_the_library_are_ours() -> None:
    with httpx2.Client() as mine:
        made = Client(settings=Settings(), client_session=mine, api_key=KEY, api_base="http://127.0.0.1:1/v1")
        with pytest.raises(APIConnectionError) as caught:
            made.completion("openai/gpt-4o", HI, max_retries=0)
    assert (caught.value.code, caught.value.phase) == ("connect", "connect")


def test_a_status_is_an_error_and_no_redirect_is_followed() -> None:
    with fake_upstream() as upstream, httpx.Client(follow_redirects=True) as mine:
        upstream.answers += [Answer.json({"error": {"message": "slow down"}}, status=429)]
        made = Client(settings=Settings(), client_session=mine, api_key=KEY, api_base=upstream.base_url)
        with pytest.raises(RateLimitError, match="slow down"):
            made.completion("openai/gpt-4o", HI, max_retries=0)


def test_an_async_client_in_a_sync_call_is_refused_before_sending() -> None:
    made = Client(settings=Settings(), client_session=httpx.AsyncClient(), api_key=KEY)
    with pytest.raises(ConfigError, match=r"httpx\.Client\(\).*httpx\.AsyncClient"):
        made.completion("openai/gpt-4o", HI)
