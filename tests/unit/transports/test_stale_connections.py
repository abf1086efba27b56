"""A request that is sent again on a new connection counts as one of the requests of its call."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from llmgate_core import APIConnectionError, AsyncClient, Client, Settings
from tests.support.scripted_upstream import LOOPS, PATIENCE, STYLES, Peer, run_in, upstream

MESSAGES = [{"role": "user", "content": "hi"}]
BODY = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def call_twice(style: str, **options: Any) -> None:
    """Call, which leaves a kept connection, and call again."""
    if style not in LOOPS:
        with Client(**options) as client:
            for _ in range(2):
                client.completion("openai/gpt-4o", MESSAGES)
        return

    async def main() -> None:
        async with AsyncClient(**options) as client:
            for _ in range(2):
                await client.completion("openai/gpt-4o", MESSAGES)

    run_in(style, main())


def options_for(port: int, transport: str, max_retries: int) -> dict[str, Any]:
    return {
        "settings": Settings(),
        "api_key": "sk-x",
        "api_base": f"http://127.0.0.1:{port}/v1",
        "transport": transport,
        "max_retries": max_retries,
        "timeout": PATIENCE,
    }


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("transport", ["http1", "httpx"])
@pytest.mark.parametrize(("max_retries", "requests"), [(0, 2), (1, 2), (2, 3)])
def test_an_upstream_that_closes_sees_no_more_requests_than_are_allowed(
    style: str, transport: str, max_retries: int, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmgate_core.calls.retry.FIRST_WAIT_SECONDS", 0.001)
    answers = itertools.chain([ANSWER], itertools.repeat(b""))

    def script(peer: Peer) -> None:
        while peer.read():
            if not (answer := next(answers)):
                return
            peer.send(answer)

    with upstream(script) as server:
        with pytest.raises(APIConnectionError) as caught:
            call_twice(style, **options_for(server.port, transport, max_retries))
        assert sum(len(peer.requests) for peer in server.peers) == 1 + requests
        assert (caught.value.code, caught.value.attempts) == ("closed", requests)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("transport", ["http1", "httpx"])
def test_a_stale_connection_is_replaced_although_there_are_no_retries(style: str, transport: str) -> None:
    def first(peer: Peer) -> None:
        peer.read()
        peer.send(ANSWER)
        peer.read()

    def second(peer: Peer) -> None:
        peer.read()
        peer.send(ANSWER)
        peer.wait_until_gone()

    with upstream(first, second) as server:
        call_twice(style, **options_for(server.port, transport, 0))
        assert [len(peer.requests) for peer in server.peers] == [2, 1]
