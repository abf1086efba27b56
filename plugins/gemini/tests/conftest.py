"""Clients whose calls reach a Gemini API on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, AsyncStream, Client, Settings
from llmgate_core.testing import FakeUpstream

KEY = "AIza-canary-0123456789"


@pytest.fixture
def client(fake_upstream: FakeUpstream) -> Iterator[Client]:
    """Return a client of the fake upstream."""
    base = f"{fake_upstream.origin}/v1beta"
    with Client(settings=Settings(), api_key=KEY, api_base=base, max_retries=0) as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, fake_upstream: FakeUpstream, client: Client) -> Callable[..., Any]:
    """Return a function that calls one of a client's functions; of a stream it returns the whole answer."""

    def ask_sync(function: str, **arguments: Any) -> Any:
        answer = getattr(client, function)(**arguments)
        return answer.whole() if arguments.get("stream") else answer

    async def ask_async(function: str, **arguments: Any) -> Any:
        base = f"{fake_upstream.origin}/v1beta"
        async with AsyncClient(settings=Settings(), api_key=KEY, api_base=base, max_retries=0) as made:
            answer = await getattr(made, function)(**arguments)
            return await answer.whole() if isinstance(answer, AsyncStream) else answer

    if request.param == "sync":
        return ask_sync
    return lambda function, **arguments: asyncio.run(ask_async(function, **arguments))
