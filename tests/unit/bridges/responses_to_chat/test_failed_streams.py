"""A bridged stream that the upstream gives up ends in `response.failed`, once, and the caller still gets the error."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.errors import APIError, InternalServerError, StreamTruncatedError
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream

BEGUN = {"id": "c", "created": 7, "choices": [{"index": 0, "delta": {"content": "Hal"}, "finish_reason": None}]}
GIVEN_UP = {"error": {"message": "overloaded", "type": "server_error", "code": "server_error"}}
KNOWN: dict[str, Any] = {"api_key": "sk-test-0123456789", "max_retries": 0}


def acme(upstream: FakeUpstream) -> OpenAICompatible:
    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url=upstream.base_url, env_key="ACME_API_KEY")

    return Acme()


def sync_events(upstream: FakeUpstream) -> tuple[list[Any], APIError | None]:
    found: list[Any] = []
    with Client(settings=Settings(), **KNOWN) as client:
        client.add_plugin(acme(upstream), family="chat", prefix="acme")
        try:
            found.extend(event.model_dump() for event in client.responses("acme/m", "hi", stream=True))
        except APIError as error:
            return found, error
    return found, None


def async_events(upstream: FakeUpstream) -> tuple[list[Any], APIError | None]:
    found: list[Any] = []

    async def run() -> APIError | None:
        async with AsyncClient(settings=Settings(), **KNOWN) as client:
            client.add_plugin(acme(upstream), family="chat", prefix="acme")
            try:
                async for event in await client.responses("acme/m", "hi", stream=True):
                    found.append(event.model_dump())
            except APIError as error:
                return error
        return None

    return found, asyncio.run(run())


def relayed_events(upstream: FakeUpstream) -> tuple[list[Any], APIError | None]:
    blocks: list[bytes] = []

    async def run() -> APIError | None:
        async with AsyncClient(settings=Settings(), **KNOWN) as client:
            client.add_plugin(acme(upstream), family="chat", prefix="acme")
            try:
                async for block in await client.relay("responses", "acme/m", {"input": "hi", "stream": True}):
                    blocks.append(block)
            except APIError as error:
                return error
        return None

    error = asyncio.run(run())
    lines = b"".join(blocks).decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")], error


WAYS = pytest.mark.parametrize("events_of", [sync_events, async_events, relayed_events])


@WAYS
def test_the_last_event_says_that_the_upstream_gave_up(events_of: Any, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse([BEGUN, GIVEN_UP])
    events, error = events_of(upstream)
    assert [event["type"] for event in events].count("response.failed") == 1
    last = events[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["output"][0]["content"][0]["text"] == "Hal"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert type(error) is InternalServerError
    assert error.is_reported


@WAYS
def test_an_error_as_first_event_is_a_failed_request(events_of: Any, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse([GIVEN_UP])
    events, error = events_of(upstream)
    assert events == []
    assert type(error) is InternalServerError
    assert not error.is_reported


@WAYS
def test_a_cut_stream_is_no_word_of_the_upstreams(events_of: Any, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse([BEGUN], done=False)
    events, error = events_of(upstream)
    assert events[-1]["type"] == "response.output_text.delta"
    assert isinstance(error, StreamTruncatedError)
    assert not error.is_reported
