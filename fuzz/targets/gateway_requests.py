"""The gateway's side of HTTP/1.1: its protocol on a transport in memory, with an app that reads and answers.

Whatever comes, no exception reaches the event loop and no request is answered with 500; each answer is one that a
client can read; nothing of a connection is left once it is closed. Any cut of the same bytes gives the same answers,
and a request that is served has the framing that h11 finds in it too.

Source: RFC 9112; rows R20, R21 and S12 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import logging
import re
from functools import lru_cache
from typing import Any, NamedTuple

import h11
from llmgate_gateway.config.schema.general import Limits, ServerTimeouts
from llmgate_gateway.server.protocol import GatewayProtocol
from llmgate_gateway.server.state import ServerState

from fuzz.cuts import ways_to_cut

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_gateway.server",)
LONGEST_WAIT_STEPS = 2000
TLS = b"\x16"
"""How a TLS handshake begins; the words of its refusal depend on how much of it comes at once."""
LIMITS = Limits(max_header=1024, max_headers=20, max_body=4096)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWER_STATUSES = {200, 400, 408, 413, 431, 503}


class Request(NamedTuple):
    """A request as the app has read it, whole."""

    method: str
    target: bytes
    body: bytes


class Transport(asyncio.Transport):
    """A connection of which the other side reads everything at once."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent = bytearray()
        self.closing = self.half_closed = False

    def write(self, data: Any) -> None:
        """Keep what is sent."""
        assert not self.half_closed, "something was written after the end of the connection"
        if not self.closing:
            self.sent += data

    def close(self) -> None:
        """End the connection."""
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        """Return whether it has ended."""
        return self.closing

    def can_write_eof(self) -> bool:
        """Return that it can."""
        return True

    def write_eof(self) -> None:
        """End our side."""
        self.half_closed = True

    def get_write_buffer_size(self) -> int:
        """Return that all is sent."""
        return 0

    def pause_reading(self) -> None:
        """Do nothing: bytes on the way still arrive."""

    def resume_reading(self) -> None:
        """Do nothing."""


class Connection:
    """One connection to the app, and what the app has read of it."""

    def __init__(self) -> None:
        self.loop = event_loop()
        self.served: list[Request] = []
        self.errors: list[str] = []
        self.transport = Transport()
        self.state = ServerState(self._app, limits=LIMITS, timeouts=ServerTimeouts())
        self.protocol = GatewayProtocol(self.state, self.loop)
        self.loop.set_exception_handler(lambda _, context: self.errors.append(repr(context)))
        self.protocol.connection_made(self.transport)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.served.append(Request(scope["method"], scope["raw_path"], body))
        answer = b"%d" % len(body)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def run(self) -> None:
        """Let the app answer what it can."""
        self.loop.run_until_complete(self._rest())

    async def _rest(self) -> None:
        for _ in range(LONGEST_WAIT_STEPS):
            before = len(self.transport.sent), len(self.served), len(self.state.tasks)
            for _ in range(3):
                await asyncio.sleep(0)
            if before == (len(self.transport.sent), len(self.served), len(self.state.tasks)):
                return
        raise AssertionError("a connection never comes to rest")

    def feed(self, block: bytes) -> None:
        """Receive a block, unless the connection is closed."""
        if not self.transport.closing:
            self.protocol.data_received(block)

    def end(self) -> None:
        """Lose the connection, and see that nothing is left of it."""
        self.protocol.connection_lost(None)
        self.run()
        assert not self.errors, self.errors
        assert not self.state.tasks, "a request of a closed connection is still being served"
        assert len(self.state.limited) == 0, "a closed connection still counts"


class Broken(logging.Handler):
    """Turns an error in the server's log, such as an exception in the app, into a crash."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise."""
        raise AssertionError(record.getMessage()) from (record.exc_info or (None, None))[1]


@lru_cache(maxsize=1)
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of this process."""
    return asyncio.new_event_loop()


def check(data: bytes) -> None:
    """Send the bytes whole and in pieces, with an app that runs only then, or in between."""
    whole = answered([data], in_between=False)
    for blocks in ways_to_cut(data):
        pieces = answered(blocks, in_between=False)
        assert pieces == whole or TLS in data, "a cut changed the answers"
        served, _ = answered(blocks, in_between=True)
        assert whole[0] == served[: len(whole[0])], "a request is read otherwise when it comes before an answer"
    if whole[0]:
        check_framing(data, whole[0][0])


def answered(blocks: list[bytes], *, in_between: bool) -> tuple[list[Request], bytes]:
    """Return which requests the app has read, and what the client has received but for dates."""
    log, handler = logging.getLogger("llmgate.gateway"), Broken(logging.ERROR)
    log.addHandler(handler)
    try:
        return _answered(blocks, in_between=in_between)
    finally:
        log.removeHandler(handler)


def _answered(blocks: list[bytes], *, in_between: bool) -> tuple[list[Request], bytes]:
    connection = Connection()
    for block in blocks:
        connection.feed(block)
        if in_between and connection.state.tasks:
            connection.run()
    connection.run()
    served, sent = list(connection.served), bytes(connection.transport.sent)
    check_answers(served, sent)
    connection.end()
    return served, re.sub(rb"date: [^\r]*\r\n", b"", sent)


def check_answers(served: list[Request], sent: bytes) -> None:
    """Assert that a client can read an answer for each request, and after them a refusal at most."""
    statuses: list[int] = []
    methods = [request.method for request in served]
    rest = sent
    while rest and rest != CONTINUE:  # a client that is asked for its body, and sends none
        method = methods[len(statuses)] if len(statuses) < len(methods) else "GET"
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("host", "-")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest)
        client.receive_data(b"")
        while type(event := client.next_event()) is not h11.EndOfMessage:
            if isinstance(event, h11.Response):
                statuses.append(event.status_code)
            assert not isinstance(event, (h11.ConnectionClosed, type(h11.NEED_DATA))), "an answer is not whole"
        rest, _ = client.trailing_data
    assert set(statuses) <= ANSWER_STATUSES, f"answers with the statuses {statuses}"
    assert statuses[: len(served)] == [200] * len(served), "a request that was served has no answer"
    assert len(statuses) <= len(served) + 1, "more answers than requests and one refusal"


def check_framing(data: bytes, first: Request) -> None:
    """Assert that h11 reads the first request as the app has, if it accepts it."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    body, head = b"", None
    try:
        while isinstance(event := server.next_event(), (h11.Request, h11.Data)):
            if isinstance(event, h11.Request):
                head = event
            else:
                body += bytes(event.data)
    except h11.RemoteProtocolError:
        return
    if head is not None and isinstance(event, h11.EndOfMessage):
        assert first.method == head.method.decode(), "h11 reads another method"
        assert body == first.body, "h11 reads another body"
