"""The connections of one asynchronous transport: which are kept, and which call waits for one.

Source: rows R11, R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio  # async only
import threading
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from llmgate_core.transports.deferred_close import close_in_thread
from llmgate_core.transports.pool import ConnectionPool, Pooled
from llmgate_core.transports.waits import (
    # sync: ThreadFuture,
    await_future,
    moment_after,
)

if TYPE_CHECKING:
    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.options import TransportOptions
    from llmgate_core.transports.waits import Moment

__all__ = ["AsyncSlots"]

C = TypeVar("C", bound=Pooled)


class AsyncSlots(Generic[C]):
    """At most `max_connections`, open or being opened."""

    def __init__(self, options: TransportOptions) -> None:
        self._pool: ConnectionPool[C] = ConnectionPool(options.max_connections, options.max_idle_seconds)
        # one thread takes it, twice where the collector frees an answer in the middle  # async only
        self._lock = threading.RLock()  # sync: self._lock = threading.Lock()
        self._is_closed = False

    async def take(self, request: TransportRequest) -> C | None:
        """Return a reusable connection; None: a new one may be opened, and its slot is reserved.

        Raises:
            APITimeoutError: all are in use for too long; its phase is `pool`.
        """
        ends: Moment = None  # one limit, although a connection may turn out to be closed when its turn has come
        while True:
            waiter = None
            with self._lock:
                connection = None if request.new_connection else self._pool.take(request.origin, monotonic())
                if connection is None:
                    if self._pool.reserve():
                        return None
                    waiter = self._new_waiter()
                    self._pool.wait(request.origin, waiter)
            if waiter is not None:
                ends = ends or moment_after(request.deadline.wait(request.deadline.timeouts.pool))
                connection = await self._wait(waiter, request, ends)
            if connection is None or (not request.new_connection and connection.is_reusable()):
                return connection
            self.drop(connection)

    @staticmethod
    def _new_waiter() -> asyncio.Future[C | None]:  # sync: def _new_waiter() -> ThreadFuture[C | None]:
        return asyncio.get_running_loop().create_future()  # sync: return ThreadFuture()

    async def _wait(
        self,
        waiter: asyncio.Future[C | None],  # sync: waiter: ThreadFuture[C | None],
        request: TransportRequest,
        ends: Moment,
    ) -> C | None:
        try:
            return await await_future(waiter, ends)
        except BaseException as error:
            with self._lock:
                self._pool.stop_waiting(request.origin, waiter)
            if waiter.done():  # it came just now
                self._return(waiter.result())
            if isinstance(error, TimeoutError):
                raise request.deadline.error("pool") from None
            raise

    def _return(self, connection: C | None) -> None:
        if connection is None:
            self.release()
        else:
            self.keep(connection)

    def keep(self, connection: C) -> None:
        """Take back a connection whose answer is complete."""
        connection.was_used = True
        with self._lock:
            if not self._is_closed:
                self._pool.give(connection, monotonic())
                return
        self.drop(connection)

    def drop(self, connection: C) -> None:
        """Close a connection in use."""
        connection.discard()
        self.release()

    def release(self) -> None:
        """Count a connection as closed."""
        with self._lock:
            self._pool.release()

    def release_unlocked(self) -> None:
        """Do the same without waiting: the collector may run in a thread that holds the lock."""
        if not self._lock.acquire(blocking=False):
            close_in_thread(self.release, wait_seconds=0)
            return
        try:
            self._pool.release()
        finally:
            self._lock.release()

    def remove_idle(self, connection: C) -> None:  # async only
        """Take out an idle connection that is closed already."""  # async only
        self._pool.remove(connection)  # async only

    # sync: def close_unlocked(self) -> None:
    # sync:     """Do as `close` for a transport that nothing refers to: no thread has the lock, or it is gone."""
    # sync:     self._is_closed = True
    # sync:     self._pool.discard_idle()

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their answer ends."""
        with self._lock:
            self._is_closed = True
            self._pool.discard_idle()
