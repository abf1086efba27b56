"""The transport to plugins of this process: starts the function of a call, and reads what it makes, asynchronously."""

from __future__ import annotations

import asyncio  # sync: import concurrent.futures
from typing import TYPE_CHECKING, Any

from llmgate_core.transports.in_process.production import Production
from llmgate_core.transports.in_process.request import NOT_SERVED, InProcessRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from llmgate_core.contract.transport import AsyncTransport, AsyncTransportResponse, TransportRequest
    from llmgate_core.transports.in_process.workers import Workers

__all__ = ["AsyncInProcessResponse", "AsyncInProcessTransport"]

CLOSE_SECONDS = 0.05  # how long a reader that stops waits for the function to end


class AsyncInProcessTransport:
    """Has the plugin answer what it serves itself; sends every other request with the transport that it wraps."""

    def __init__(self, workers: Workers, inner: Callable[[], AsyncTransport]) -> None:
        self._workers = workers
        self._inner = inner

    async def asend(self, request: TransportRequest) -> AsyncTransportResponse:
        """Return the answer once the function has begun to give it; its status is `NOT_SERVED` if it gives none.

        Raises:
            APITimeoutError: it has not begun in time. LLMGateError: what it raised.
        """
        if not isinstance(request, InProcessRequest):
            return await self._inner().asend(request)
        loop = asyncio.get_running_loop()  # async only
        # sync: production = Production(request, self._workers, self._workers.loop)
        production = Production(request, self._workers, lambda: loop)  # async only
        response = AsyncInProcessResponse(production)
        deadline = request.deadline
        try:
            production.start()
            if not await response.aopened(deadline.wait(deadline.timeouts.first_event)):
                raise deadline.error("first_event")
        except BaseException:
            await response.aclose()
            raise
        return response

    async def aclose(self) -> None:
        """Do nothing: the inner transport is its owner's."""


class AsyncInProcessResponse:
    """What a function answers, while it makes it."""

    status = 200
    raw_headers: Sequence[tuple[bytes, bytes]] = ()

    def __init__(self, production: Production) -> None:
        self._production = production
        self._channel = production.channel
        self._is_late = False
        self._is_closed = False

    async def aopened(self, wait_seconds: float | None) -> bool:
        """Wait until the function has begun to answer, and return whether it has, in time.

        Raises:
            LLMGateError: what it raised.
        """
        if not await _awaited(self._channel.opened, wait_seconds):
            self._is_late = True
            return False
        content_type = self._channel.opened.result()
        if content_type is None:
            self._channel.take()  # raises the function's error
            self.status = NOT_SERVED
        else:
            self.raw_headers = ((b"content-type", content_type),)
        return True

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return what the function has made meanwhile; see `AsyncTransportResponse.aread_block`."""
        block = self._channel.take()
        while not isinstance(block, bytes):
            if not await _awaited(block, wait_seconds):
                self._is_late = True
                raise TimeoutError
            block = self._channel.take()
        return block

    async def afinish(self) -> None:
        """Close: nothing follows an end marker."""
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the function, and say so where it goes on."""
        if self._is_closed:
            return
        self._is_closed = True
        self._production.stop()
        if not await _awaited(self._production.ended, CLOSE_SECONDS):
            self._production.say_that_it_goes_on(is_late=self._is_late)

    def abort(self) -> None:
        """Stop the function without waiting."""
        self._production.stop()


async def _awaited(future: Future[Any], wait_seconds: float | None) -> bool:
    """Return whether a future of a thread or another task is done in time."""
    if not future.done():
        # sync: concurrent.futures.wait({future}, timeout=wait_seconds)
        await asyncio.wait({asyncio.wrap_future(future)}, timeout=wait_seconds)  # async only
    return future.done()
