"""Calls that begin in one turn of the loop all go out at once, although some connections are idle already."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from llmgate_core.contract.limits import Deadline, Timeouts
from llmgate_core.contract.transport import Origin, TransportRequest
from llmgate_core.errors import APITimeoutError
from llmgate_core.transports.async_lanes import AsyncHTTPXTransport
from llmgate_core.transports.async_slots import AsyncSlots
from llmgate_core.transports.http1.async_transport import AsyncHTTP1Transport
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.user_client.kinds import wrap_async_user_client
from tests.support.scripted_upstream import LOOPS, OK, PATIENCE, Peer, request_to, run_in, upstream

WARM, BURST = 8, 64


class Gate:
    """Answers no request before as many are here as belong together: first those of the warm-up, then the burst."""

    def __init__(self) -> None:
        self._barriers = {b"warm": threading.Barrier(WARM), b"burst": threading.Barrier(BURST)}

    def __call__(self, peer: Peer) -> None:
        while request := peer.read():
            self._barriers[request.partition(b"\r\n\r\n")[2]].wait(PATIENCE)  # raises if one never comes
            peer.send(OK)


@pytest.mark.parametrize("loop_name", list(LOOPS))
@pytest.mark.parametrize("kind", ["http1", "httpx", "own client"])
def test_a_burst_on_warm_connections_goes_out_at_once(kind: str, loop_name: str) -> None:
    async def main(port: int) -> None:
        async with httpx.AsyncClient() as own:
            transport: Any = {
                "http1": AsyncHTTP1Transport,
                "httpx": lambda: AsyncHTTPXTransport(TransportOptions()),
                "own client": lambda: wrap_async_user_client(own),
            }[kind]()

            async def call(content: bytes) -> int:
                request = request_to(origin=Origin("http", "127.0.0.1", port), content=content, pool=PATIENCE)
                response = await transport.asend(request)
                while await response.aread_block(PATIENCE):
                    pass
                await response.aclose()
                return int(response.status)

            for content, count in ((b"warm", WARM), (b"burst", BURST)):
                assert await asyncio.gather(*[call(content) for _ in range(count)]) == [200] * count
            await transport.aclose()

    with upstream(Gate()) as server:
        run_in(loop_name, main(server.port))
        assert len(server.peers) == BURST


class ClosedConnection:
    """A connection that the upstream has closed."""

    def __init__(self, origin: Origin) -> None:
        self.origin, self.idle_since, self.was_used = origin, 0.0, False

    def is_reusable(self) -> bool:
        return False

    def discard(self) -> None:
        pass


class CountingDeadline(Deadline):
    """Counts how often a limit of a phase begins."""

    __slots__ = ("begun",)

    def __init__(self, timeouts: Timeouts) -> None:
        super().__init__(timeouts)
        self.begun = 0

    def wait(self, phase_seconds: float | None) -> float | None:
        self.begun += 1
        return super().wait(phase_seconds)


def test_one_limit_holds_although_the_connection_that_was_waited_for_is_closed() -> None:
    """Its slot goes to the next call in line, so the first one waits a second time, but not for longer."""
    origin = Origin("http", "127.0.0.1", 1)

    async def main() -> None:
        slots: AsyncSlots[ClosedConnection] = AsyncSlots(TransportOptions(max_connections=1))
        deadline = CountingDeadline(Timeouts(pool=0.3))
        request: TransportRequest = request_to(origin=origin)
        request.deadline = deadline
        assert await slots.take(request_to(origin=origin)) is None  # takes the only slot
        first = asyncio.ensure_future(slots.take(request))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(slots.take(request_to(origin=origin)))
        await asyncio.sleep(0)
        slots.keep(ClosedConnection(origin))
        assert await second is None
        with pytest.raises(APITimeoutError) as caught:
            await first
        assert (caught.value.phase, deadline.begun) == ("pool", 1)

    asyncio.run(main())
