"""An upstream on the loopback, and the SDK that calls it, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, AsyncStream, Client, Stream, testing
from llmgate_core.testing import FakeUpstream


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with testing.fake_upstream() as running:
        yield running


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Callable[..., Any]:
    """Call a function of the SDK; of a stream return (chunks, stream)."""
    known = {"api_key": "sk-test", "api_base": upstream.base_url, "max_retries": 0}

    def call_sync(name: str, *arguments: Any, **more: Any) -> Any:
        with Client(**known) as client:
            result = getattr(client, name)(*arguments, **more)
            return (list(result), result) if isinstance(result, Stream) else result

    async def acall(name: str, *arguments: Any, **more: Any) -> Any:
        async with AsyncClient(**known) as client:
            result = await getattr(client, name)(*arguments, **more)
            return ([chunk async for chunk in result], result) if isinstance(result, AsyncStream) else result

    def call_async(name: str, *arguments: Any, **more: Any) -> Any:
        return asyncio.run(acall(name, *arguments, **more))

    return call_sync if request.param == "sync" else call_async
