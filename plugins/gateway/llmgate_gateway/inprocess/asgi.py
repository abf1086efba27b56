"""Call an ASGI app with one request, and read its response block by block. No HTTP library, no socket.

Never holds an event back until the next one, and never lets an app run on when its response is not read: what an app
sends beyond `HIGH_WATER_BYTES` waits, and a closed call is a client that has disconnected.

Source: ASGI 3.0, "HTTP & WebSocket ASGI Message Format", version 2.3.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["ASGICall", "App", "AppEndedError", "Lifespan"]

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

HIGH_WATER_BYTES = 65_536
GRACE_SECONDS = 2.0
"""How long an app may take to end by itself after its client has disconnected; then its task is cancelled."""


class AppEndedError(Exception):
    """The app ended, or failed, before its response was complete; the failure is `__cause__`."""


class ASGICall:
    """One request and its response, on the running event loop.

    Attributes:
        status, headers: of the response, once `started` has returned.
    """

    def __init__(self, app: App, scope: Message) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._app = app
        self._scope = scope
        self._body: deque[bytes] = deque()
        self._body_ended = False
        self._body_end_sent = False
        self._blocks: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._ended = False
        self._is_closed = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add_body(self, block: bytes, *, more: bool) -> None:
        """Give the app another block of the request's body."""
        if block:
            self._body.append(block)
        self._body_ended = not more
        self._wake()

    async def body_taken(self) -> bool:
        """Wait until the app has read what it was given; return False if it will not read on, or responds without."""
        await self._until(lambda: not self._body or self._is_over or self._buffered_bytes > HIGH_WATER_BYTES)
        return not self._body and not self._is_over

    async def started(self) -> None:
        """Run the app until it has sent status and headers.

        Raises:
            AppEndedError: it ended before.
        """
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer())
            self._task.add_done_callback(self._on_end)
        await self._until(lambda: self.status or self._is_over)
        if not self.status:
            raise AppEndedError("the app ended without a response") from self._failure()

    async def next_block(self) -> bytes | None:
        """Return the next block of the response, or None after the last.

        Raises:
            AppEndedError: the app ended before its response was complete.
        """
        await self._until(lambda: self._blocks or self._ended or self._is_over)
        if self._blocks:
            block = self._blocks.popleft()
            self._buffered_bytes -= len(block)
            self._wake()
            return block
        if not self._ended:
            raise AppEndedError("the app ended before its response was complete") from self._failure()
        return None

    def close(self) -> None:
        """Disconnect. An app that does not end by itself is cancelled. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wake()
        task = self._task
        if task is not None and not task.done():
            timer = task.get_loop().call_later(GRACE_SECONDS, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())

    @property
    def _is_over(self) -> bool:
        return self._is_closed or (self._task is not None and self._task.done())

    def _failure(self) -> BaseException | None:
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    def _wake(self) -> None:
        self._changed.set()

    async def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _answer(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it: `_failure` reports it
        self._wake()

    async def _receive(self) -> Message:
        await self._until(lambda: self._body or self._body_ended or self._is_closed)
        if self._is_closed:
            return {"type": "http.disconnect"}
        if self._body:
            block = self._body.popleft()
            self._body_end_sent = self._body_ended and not self._body
            self._wake()
            return {"type": "http.request", "body": block, "more_body": not self._body_end_sent}
        if not self._body_end_sent:
            self._body_end_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._until(lambda: self._is_closed or self._ended)
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if self._is_closed:
            return
        if kind == "http.response.start":
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            self.status = message["status"]
        elif kind == "http.response.body":
            block = message.get("body", b"")
            if block:
                self._blocks.append(bytes(block))
                self._buffered_bytes += len(block)
            self._ended = not message.get("more_body", False)
        self._wake()
        await self._until(lambda: self._buffered_bytes <= HIGH_WATER_BYTES or self._is_closed)


class Lifespan:
    """An app's startup and shutdown, on the running event loop. An app need not have a lifespan."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._replies: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Tell the app to start up.

        Raises:
            AppEndedError: the app reports that it cannot.
        """
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._tell("startup")

    async def stop(self) -> None:
        """Tell the app to shut down, and wait until it has."""
        if self._task is not None and not self._task.done():
            await self._tell("shutdown")
            self._task.cancel()
        self._task = None

    async def _tell(self, event: str) -> None:
        self._inbox.put_nowait({"type": f"lifespan.{event}"})
        message = await self._replies.get()
        if message["type"].endswith(".failed"):
            raise AppEndedError(str(message.get("message") or f"the app's {event} failed"))

    async def _run(self) -> None:
        try:
            await self._app(
                {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, self._inbox.get, self._receive_reply
            )
        except Exception:  # noqa: BLE001  # by the specification: an app that raises here has no lifespan
            return
        finally:
            self._replies.put_nowait({"type": "lifespan.ended"})

    async def _receive_reply(self, message: Message) -> None:
        self._replies.put_nowait(message)
