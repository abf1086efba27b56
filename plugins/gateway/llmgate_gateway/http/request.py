"""One request on its way: its headers, its caller, and how much of its response has been sent.

It knows the ASGI channels, and which side waits for the other; it decides nothing about the response. Everything that
ends a request from outside (the client disconnects or is too slow, or the server stops) goes through `stop`, once.

Source: rows R1, R20 and R32 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Literal, Protocol

from llmgate_gateway.http.caller import ANYBODY, Caller
from llmgate_gateway.http.large_work import LargeWork
from llmgate_gateway.http.responses import (
    SLICE_BYTES,
    ErrorFacts,
    ErrorShape,
    Message,
    RawHeaders,
    Receive,
    Reply,
    Scope,
    Send,
    send_body,
)
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["REQUEST_ID", "TRACEPARENT", "ClientGoneError", "ClientRequest", "ServerExchange", "StopReason"]

TRACEPARENT = b"traceparent"
TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
REQUEST_ID = b"x-request-id"
CLIENT_ID = re.compile(rb"[0-9A-Za-z][0-9A-Za-z._:/+=-]{0,127}")
PROGRESS_BYTES = 4096
"""How much of a body must arrive within `timeouts.body`: a slow drip does not count as progress."""
StopReason = Literal["gone", "slow body", "slow reader", "shutdown"]
KEEP_ALIVE = b": keep-alive\n\n"
"""An event stream's comment, which clients skip. Source: WHATWG HTML, section 9.2.7, "Authoring notes"."""
EVENT_END = b"\n\n"


class ClientGoneError(Exception):
    """The client disconnected while its request was being read."""


class ServerExchange(Protocol):
    """What our own server offers beyond ASGI, as the extension `llmgate.client` of a scope.

    Attributes:
        refusal: what it has answered in the place of the app, since the body could not be read; None: nothing.
    """

    refusal: ErrorFacts | None

    def watch(self, on_disconnect: Callable[[], None] | None) -> None:
        """Call `on_disconnect` when the client disconnects; at once if it has."""
        ...

    def send_now(self, block: bytes) -> bool:
        """Send a block of the body, of which more follows; False: not sent, since the client reads too slowly."""
        ...

    def abort(self) -> None:
        """Drop the connection, with what has not been sent."""
        ...


class ClientRequest:
    """One request and its response.

    Attributes:
        headers: of the request, by lower-case name; of several the last one. has_repeats: of one there are several.
        read_bytes, is_read: how much of the body has been read, and whether that is all of it.
        head_sent, finished: how much of the response has been sent.
        stopped_by: what ended it from outside; None: nothing did.
        waiting_for, waiting_since: what it is waiting for the client to do, and since when, in monotonic seconds.
        body_waited: seconds that it has waited for the client's body in all. body_since: as `waiting_since`, for all.
        comment_seconds: of silence after which an event stream gets `keep_alive`; None: never.
        keep_alive: a comment, or an event that says nothing, as the clients of the dialect expect it.
        id_header: one more header for the id of the request, in which the clients of the dialect look for it.
        extra_headers: of every response to this request.
        caller: whose key the request came with; `is_authenticated`: that has been found out.
        dialect: the name of the request's dialect. error_reply: gives errors its shape.
        large_work: does what a large body takes.
    """

    caller: Caller = ANYBODY
    is_authenticated = False
    read_bytes = 0
    is_read = False
    head_sent = False
    finished = False
    stopped_by: StopReason | None = None
    waiting_for: Literal["body", "reader"] | None = None
    waiting_since = 0.0
    body_waited = 0.0
    body_since = 0.0
    dialect = ""
    comment_seconds: float | None = None
    keep_alive = KEEP_ALIVE
    id_header: bytes | None = None
    _next_mark = 0
    _waited = 0.0
    _ends_event = False  # what was sent last ends an event: a comment may follow
    _comment: asyncio.Task[None] | None = None
    _watcher: asyncio.Task[None] | None = None

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: RequestRecord,
        error_reply: ErrorShape,
        large_work: LargeWork | None = None,
    ) -> None:
        self.error_reply = error_reply
        self.large_work = large_work or LargeWork()
        self.scope = scope
        self.record = record
        self.raw_headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self.headers = dict(self.raw_headers)
        self.has_repeats = len(self.headers) != len(self.raw_headers)
        self.extra_headers: list[tuple[bytes, bytes]] = []
        self.loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self._task = asyncio.current_task()
        self._server: ServerExchange | None = scope.get("extensions", {}).get("llmgate.client")

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of a request header."""
        if name not in self.headers:
            return []
        if not self.has_repeats:
            return [self.headers[name]]
        return [value for other, value in self.raw_headers if other == name]

    async def read(self) -> tuple[bytes, bool]:
        """Return the next block of the request's body, and whether more follow.

        Raises:
            ClientGoneError: the client disconnected.
        """
        now = monotonic()
        if self.read_bytes >= self._next_mark:
            self._next_mark, self._waited = self.read_bytes + PROGRESS_BYTES, 0.0
        self.waiting_since = since = now - self._waited  # pauses of our own in between do not count
        self.body_since = body_since = now - self.body_waited
        self.waiting_for = "body"
        message = await self._receive()
        self.waiting_for = None
        ended = monotonic()
        self._waited, self.body_waited = ended - since, ended - body_since
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        block, more = message.get("body", b""), message.get("more_body", False)
        self.read_bytes += len(block)
        self.is_read = not more
        return block, more

    def traceparent(self) -> str | None:
        """Return the client's trace, if it is a valid one."""
        value = self.headers.get(TRACEPARENT, b"")
        return value.decode("ascii") if TRACE.fullmatch(value) else None

    def organization(self) -> str | None:
        """Return the organization that the client names."""
        value = self.headers.get(b"openai-organization")
        return None if value is None else value.decode("latin-1")

    def error_response(self, error: ErrorFacts) -> Reply:
        """Return the response for an error, in the shape of the dialect; without a valid key all are the same."""
        return self.error_reply(replace(error, request_id=self.record.request_id) if self.is_authenticated else error)

    def echo_id(self) -> None:
        """Keep the id that the client gives its request, and send it back instead of the upstream's."""
        value = self.headers.get(REQUEST_ID, b"")
        if CLIENT_ID.fullmatch(value) and len(self.values(REQUEST_ID)) == 1:
            self.record.client_request_id = value.decode("ascii")
            self.extra_headers.append((REQUEST_ID, value))

    def unread_bytes(self) -> float:
        """Return how much of the body has not been read; infinite if that is not known."""
        if self.is_read:
            return 0
        if b"transfer-encoding" in self.headers:
            return float("inf")
        length = self.headers.get(b"content-length", b"0")
        return int(length) - self.read_bytes if length.isdigit() else float("inf")

    async def send(self, message: Message) -> None:
        """Send a part of the response, as fast as the client reads."""
        if not self.head_sent:
            self._complete_head(message)
        elif not message.get("more_body"):
            self.finished = True  # a disconnect from here on loses nothing
        elif self.comment_seconds is not None:
            self._ends_event = message.get("body", b"").endswith(EVENT_END)
        self.waiting_for, self.waiting_since = "reader", monotonic()
        await self._send(message)
        self.waiting_for = None

    async def send_block(self, block: bytes) -> None:
        """Send a block of a body of which more follows, as fast as the client reads."""
        if self.comment_seconds is not None:
            self._ends_event = block.endswith(EVENT_END)
        self.waiting_since = monotonic()
        if self._server is not None and self._server.send_now(block):
            return
        self.waiting_for = "reader"
        await self._send({"type": "http.response.body", "body": block, "more_body": True})
        self.waiting_for = None

    async def send_whole(self, status: int, headers: RawHeaders, content: bytes) -> None:
        """Send a whole response, its length included; a large one in slices, so that a slow reader holds up one."""
        size = len(content)
        head = {"type": "http.response.start", "status": status}
        head["headers"] = [*headers, (b"content-length", b"%d" % size)]
        if size > SLICE_BYTES:
            await self.send(head)
            await send_body(self.send, content)
            return
        self._complete_head(head)
        self.waiting_for, self.waiting_since = "reader", monotonic()
        await self._send(head)
        self.finished = True  # a disconnect from here on loses nothing
        await self._send({"type": "http.response.body", "body": content, "more_body": False})
        self.waiting_for = None

    def _complete_head(self, head: Message) -> None:
        """Record that the response begins, and add the headers that every response to this request has."""
        self.head_sent = True
        record, headers = self.record, head["headers"]
        record.status = head["status"]
        record.first_byte_seconds = monotonic() - record.started
        if self.id_header is not None and self.is_authenticated:
            shown = dict(headers).get(REQUEST_ID) or record.request_id.encode()
            headers = [*headers, (self.id_header, shown)]
        if record.client_request_id is not None:
            headers = [header for header in headers if header[0] != REQUEST_ID]
        head["headers"] = [*headers, *self.extra_headers]

    def send_comment(self) -> None:
        """Send `keep_alive` into a silent event stream, unless the client has not read the last one."""
        if self._ends_event and (self._comment is None or self._comment.done()):
            self.waiting_since = monotonic()
            self._comment = self.loop.create_task(self._send_comment())

    async def _send_comment(self) -> None:
        if self.waiting_for is None and not self.finished:
            await self._send({"type": "http.response.body", "body": self.keep_alive, "more_body": True})

    @property
    def server_lingers(self) -> bool:
        """Whether the server itself sees to it that a client which still sends reads its answer."""
        return self._server is not None

    @property
    def refusal(self) -> ErrorFacts | None:
        """What the server has answered in our place, since the body could not be read; None: nothing."""
        return None if self._server is None else self._server.refusal

    def watch(self) -> None:
        """Watch for the client to disconnect; its whole body must have been read."""
        if self._server is not None:
            self._server.watch(self._on_disconnect)
        elif self._watcher is None:
            self._watcher = self.loop.create_task(self._wait_for_disconnect())

    def close(self) -> None:
        """Stop watching. Idempotent."""
        if self._server is not None:
            self._server.watch(None)
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        if self._comment is not None:
            self._comment.cancel()
            self._comment = None

    def stop(self, reason: StopReason) -> None:
        """End this request from outside, unless it has ended or been stopped already."""
        if self.stopped_by is not None or self._task is None:
            return
        if self.finished and (reason == "gone" or self.waiting_for is None):
            return
        self.stopped_by = reason
        self._task.cancel()

    def was_stopped(self) -> bool:
        """Return whether `stop` caused the cancellation that is being handled, and undo it if so."""
        if self.stopped_by is None:
            return False
        uncancel = getattr(self._task, "uncancel", None)  # new in Python 3.11
        if uncancel is not None:
            uncancel()
        return True

    def abort(self) -> None:
        """Drop the connection, if the server supports it: a client that does not read gets no last bytes."""
        if self._server is not None:
            self._server.abort()

    def _on_disconnect(self) -> None:
        self.stop("gone")

    async def _wait_for_disconnect(self) -> None:
        while not self.finished:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.stop("gone")
                return
