"""The clock of a connection, and the count of a worker's connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from llmgate_gateway.config.schema.general import Limits
from llmgate_gateway.server.connections import (
    DEFAULT_MAX_CONNECTIONS,
    PHASES,
    ConnectionClock,
    OpenConnections,
    Phase,
)
from llmgate_gateway.telemetry.metrics import CONNECTIONS
from llmgate_gateway.telemetry.shared_memory import FIXED_NUMBERS

PATIENCE_SECONDS = 20.0


class Opened:
    """A connection that only remembers what became of it."""

    def __init__(self, address: str | None = "10.0.0.1") -> None:
        self.client = None if address is None else (address, 1)
        self.is_closed = False

    def make_room(self) -> None:
        self.is_closed = True


def opened(connections: OpenConnections, phase: Phase, address: str | None = "10.0.0.1") -> Opened:
    connection = Opened(address)
    assert connections.admit(connection) is None
    connections.change(connection, None, phase)
    return connection


def on_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    return lambda: asyncio.run(test())


def test_every_phase_has_a_number_among_the_metrics() -> None:
    assert tuple(CONNECTIONS) == tuple(PHASES)
    assert max(CONNECTIONS.values()) < FIXED_NUMBERS


@on_a_loop
async def test_a_later_phase_that_is_shorter_ends_first() -> None:
    ended: asyncio.Queue[Phase] = asyncio.Queue()
    clock = ConnectionClock(asyncio.get_running_loop(), ended.put_nowait, lambda old, new: None)
    clock.enter("idle", 60.0)
    clock.enter("head", 0.05)
    assert await asyncio.wait_for(ended.get(), PATIENCE_SECONDS) == "head"


@on_a_loop
async def test_a_phase_that_was_left_does_not_end_the_next_one_which_ends_in_its_own_time() -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Queue[Phase] = asyncio.Queue()
    clock = ConnectionClock(loop, ended.put_nowait, lambda old, new: None)
    began = loop.time()
    clock.enter("head", 0.05)
    clock.enter("idle", 0.3)
    assert await asyncio.wait_for(ended.get(), PATIENCE_SECONDS) == "idle"
    assert loop.time() - began >= 0.29
    assert ended.empty()


@on_a_loop
async def test_a_request_has_no_end_and_the_phase_after_it_has_one() -> None:
    ended: asyncio.Queue[Phase] = asyncio.Queue()
    clock = ConnectionClock(asyncio.get_running_loop(), ended.put_nowait, lambda old, new: None)
    clock.enter("head", 0.02)
    clock.enter("request", float("inf"))
    await asyncio.sleep(0.1)  # the timer of the head fires, and finds a request
    assert ended.empty()
    clock.enter("idle", 0.05)
    assert await asyncio.wait_for(ended.get(), PATIENCE_SECONDS) == "idle"


@on_a_loop
async def test_every_change_of_phase_is_reported_and_the_sums_come_out() -> None:
    counts = dict.fromkeys(PHASES, 0)

    def count(phase: Phase, change: int) -> None:
        counts[phase] += change

    connections, connection = OpenConnections(Limits(), count), Opened()
    connections.admit(connection)
    clock = ConnectionClock(
        asyncio.get_running_loop(), lambda _: None, lambda old, new: connections.change(connection, old, new)
    )
    for phase in PHASES:
        clock.enter(phase, 60.0)
        clock.enter(phase, 60.0)
        assert {name: number for name, number in counts.items() if number} == {phase: 1}
    clock.stop()
    clock.stop()
    connections.remove(connection)
    connections.remove(connection)
    assert (set(counts.values()), len(connections)) == ({0}, 0)


def test_the_connection_that_has_waited_longest_makes_room() -> None:
    connections = OpenConnections(Limits(max_connections=3))
    first, second = opened(connections, "idle"), opened(connections, "head")
    busy = opened(connections, "request")
    connections.change(first, "idle", "request")
    connections.change(first, "request", "idle")  # now the second has waited longer
    opened(connections, "head")
    assert [one.is_closed for one in (first, second, busy)] == [False, True, False]
    opened(connections, "request")
    assert [one.is_closed for one in (first, second, busy)] == [True, True, False]
    assert len(connections) == 3


def test_where_all_are_busy_the_new_one_may_not_stay() -> None:
    connections = OpenConnections(Limits(max_connections=2))
    for _ in range(2):
        opened(connections, "request")
    refused = Opened()
    assert connections.admit(refused) == "many connections"
    connections.remove(refused)
    assert len(connections) == 2


def test_the_limit_of_an_address_is_that_of_no_other_and_not_of_a_unix_socket() -> None:
    connections = OpenConnections(Limits(max_connections_per_address=1))
    first = opened(connections, "idle")
    assert connections.admit(Opened()) == "many connections of an address"
    opened(connections, "idle", "10.0.0.2")
    for _ in range(3):
        opened(connections, "idle", None)
    connections.remove(first)
    assert connections.admit(Opened()) == "many connections of an address"  # the one that was refused is still open


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize(("files", "wanted"), [(96, 48), (20, 16), (400_000, DEFAULT_MAX_CONNECTIONS)])
def test_the_default_leaves_half_of_the_descriptors_for_upstreams(files: int, wanted: int) -> None:
    program = (
        "import resource; from llmgate_gateway.server.connections import default_max_connections as default\n"
        f"limit = min({files}, resource.getrlimit(resource.RLIMIT_NOFILE)[1])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
        "print(default(), limit)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    found, limit = map(int, done.stdout.split())
    assert found == (wanted if limit == files else min(DEFAULT_MAX_CONNECTIONS, limit // 2))
