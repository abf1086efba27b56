"""The connections of one asynchronous transport: which are kept, and which call waits for one.

Source: rows R11, R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from llmgate_core.transports.pool import ConnectionPool, Pooled
from llmgate_core.transports.waits import await_future, moment_after

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.options import TransportOptions

__all__ = ["AsyncSlots"]

C = TypeVar("C", bound=Pooled)


class AsyncSlots(Generic[C]):
    """At most `max_connections`, open or being opened, in one event loop."""

    def __init__(self, options: TransportOptions) -> None:
        self._pool: ConnectionPool[C] = ConnectionPool(options.max_connections, options.max_idle_seconds)
        self._is_closed = False

    async def take(self, request: TransportRequest) -> C | None:
        """Return a reusable connection; None: a new one may be opened, and its slot is reserved.

        Raises:
            APITimeoutError: all are in use for too long; its phase is `pool`.
        """
        while True:
            connection = None if request.new_connection else self._pool.take(request.origin, monotonic())
            if connection is None:
                if self._pool.reserve():
                    return None
                connection = await self._wait(request)
            if connection is None or (not request.new_connection and connection.is_reusable()):
                return connection
            self.drop(connection)

    async def _wait(self, request: TransportRequest) -> C | None:
        waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
        deadline = request.deadline
        self._pool.wait(request.origin, waiter)
        try:
            return await await_future(waiter, moment_after(deadline.wait(deadline.timeouts.pool)))
        except BaseException as error:
            self._stop_waiting(request.origin, waiter)
            if isinstance(error, TimeoutError):
                raise deadline.error("pool") from None
            raise

    def _stop_waiting(self, origin: Origin, waiter: asyncio.Future[C | None]) -> None:
        self._pool.stop_waiting(origin, waiter)
        if not waiter.done():
            waiter.cancel()
        elif (connection := waiter.result()) is None:  # it came just now
            self.release()
        else:
            self.keep(connection)

    def keep(self, connection: C) -> None:
        """Take back a connection whose answer is complete."""
        connection.was_used = True
        if self._is_closed:
            self.drop(connection)
        else:
            self._pool.give(connection, monotonic())

    def drop(self, connection: C) -> None:
        """Close a connection in use."""
        connection.discard()
        self.release()

    def release(self) -> None:
        """Count a connection as closed."""
        self._pool.release()

    def remove_idle(self, connection: C) -> None:
        """Take out an idle connection that is closed already."""
        self._pool.remove(connection)

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their answer ends."""
        self._is_closed = True
        self._pool.discard_idle()
