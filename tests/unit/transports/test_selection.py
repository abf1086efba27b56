"""The wires of one client while many threads make, use and close them."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core.transports import selection as send
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
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeTransport]:
    made: list[FakeTransport] = []

    def make(*_: Any) -> FakeTransport:
        made.append(FakeTransport())
        return made[-1]

    monkeypatch.setattr(send, "_make", make)
    return made


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


def test_each_transport_is_closed_once_however_threads_race(made: list[FakeTransport]) -> None:
    wires = send._Made()

    def use_or_close(number: int) -> None:
        for turn in range(500):
            if number % 2:
                wires.close()
            else:
                wires.of_kind((f"{number} {turn % 50}", None))

    assert at_once(use_or_close) == []
    wires.close()
    assert made
    assert {transport.closed for transport in made} == {1}


def test_dead_loops_are_forgotten_while_other_threads_begin_theirs(made: list[FakeTransport]) -> None:
    wires = send._AsyncMade()

    async def use() -> None:
        wires.of_kind(("fast", None))

    def use_often(_: int) -> None:
        for _turn in range(40):
            asyncio.run(use())

    assert at_once(use_often) == []
    asyncio.run(use())
    assert len(wires._made) == 1
