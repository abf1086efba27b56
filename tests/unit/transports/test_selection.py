"""The transports of one client while many threads make, use and close them."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, Settings
from llmgate_core.errors import ConfigError
from llmgate_core.testing import FakeUpstream
from llmgate_core.transports.selection import Kind, TransportCache
from tests.support.scripted_upstream import PATIENCE


class FakeTransport:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        time.sleep(0)  # to let another thread in, as a real one does
        self.closed += 1


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def made() -> list[FakeTransport]:
    return []


@pytest.fixture
def cache(made: list[FakeTransport]) -> TransportCache[Any]:
    def make(_: Kind) -> FakeTransport:
        made.append(FakeTransport())
        return made[-1]

    return TransportCache(make)


def close(cache: TransportCache[Any]) -> None:
    for transport in cache.take_all():
        transport.close()


def at_once(action: Any, threads: int = 8) -> list[Exception]:
    failures: list[Exception] = []

    def run(number: int) -> None:
        try:
            action(number)
        except (RuntimeError, KeyError) as error:  # what a changed dictionary raises
            failures.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(PATIENCE)
    return failures


def test_each_transport_is_closed_once_however_threads_race(
    made: list[FakeTransport], cache: TransportCache[Any]
) -> None:
    def use_or_close(number: int) -> None:
        for turn in range(500):
            if number % 2:
                close(cache)
            else:
                cache.of_kind(Kind(f"{number} {turn % 50}", None))

    assert at_once(use_or_close) == []
    close(cache)
    assert made
    assert {transport.closed for transport in made} == {1}


def test_dead_loops_are_forgotten_while_other_threads_begin_theirs(cache: TransportCache[Any]) -> None:
    async def use() -> None:
        cache.of_kind(Kind("http1", None), asyncio.get_running_loop())

    def use_often(_: int) -> None:
        for _turn in range(40):
            asyncio.run(use())

    assert at_once(use_often) == []
    asyncio.run(use())
    assert len(cache._transports) == 1


def test_without_a_loop_of_asyncio_nothing_is_sent(upstream: FakeUpstream) -> None:
    """As under trio: whatever drives the coroutine, it is not a loop of asyncio."""
    client = AsyncClient(settings=Settings(), api_key="sk-x", api_base=upstream.base_url)
    call = client.completion("openai/gpt-4o", [{"role": "user", "content": "hi"}])
    with pytest.raises(ConfigError):
        call.send(None)
    assert upstream.received == []
