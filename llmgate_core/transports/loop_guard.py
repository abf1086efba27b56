"""Close the connections of an asynchronous transport together with its event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Coroutine

__all__ = ["LoopGuard", "start_closing"]


class _Closing(Protocol):
    async def aclose(self) -> None: ...

    def close_socket(self) -> None: ...


class LoopGuard:
    """Binds a transport to the event loop of its first request, and closes what is open when that loop ends.

    A loop closes its asynchronous generators before it ends: the one public way to notice its end. The generator is
    closed as well when the transport, and with it this object, is dropped.
    """

    def __init__(self, connections: Collection[_Closing]) -> None:
        self._connections = connections
        self._loop: asyncio.AbstractEventLoop | None = None
        self._generator: AsyncGenerator[None, None] | None = None

    def is_bound_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether this is the transport's loop."""
        return self._loop is loop

    async def bind(self) -> None:
        """Bind to the running loop.

        Raises:
            RuntimeError: it is bound to another one.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            raise RuntimeError("an asynchronous transport serves one event loop only")
        self._loop = loop
        self._generator = _close_with_loop(self._connections)
        await self._generator.__anext__()

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        if self._generator is not None:
            await self._generator.aclose()

    def __del__(self) -> None:
        if self._loop is not None and self._loop.is_closed():
            for connection in list(self._connections):
                connection.close_socket()


async def _close_with_loop(connections: Collection[_Closing]) -> AsyncGenerator[None, None]:
    """Do nothing until the loop ends or the transport is dropped; then close what is open."""
    try:
        yield
    finally:
        for connection in list(connections):
            await connection.aclose()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


def start_closing(closing: Coroutine[Any, Any, None]) -> asyncio.Future[None] | None:
    """Close something in its own task, so that no cancellation stops it halfway; None: the loop is closed."""
    try:
        task = asyncio.ensure_future(closing)
    except RuntimeError:
        closing.close()
        return None
    task.add_done_callback(_retrieve)
    return task


def _retrieve(task: asyncio.Future[None]) -> None:
    """Keep asyncio from reporting an error that no caller waits for any more."""
    if not task.cancelled():
        task.exception()
