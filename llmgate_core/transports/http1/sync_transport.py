"""The blocking half of the HTTP/1.1 transport.

One request at a time goes out on a connection. It has no redirects, cookies or proxies, and raises nothing but the
errors of `contract.transport.Transport`.

Source: docs/reliability.md, "Sending", and rows R1, R4, R10 to R13, R19, R26 and S11 there.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.failures import truncated
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.request_head import build_head
from llmgate_core.transports.http1.response_reader import ResponseReader
from llmgate_core.transports.http1.sync_connection import Connection, open_connection
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.sync_slots import Slots
from llmgate_core.transports.sync_upload import Upload
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.waits import moment_after

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.content_decoding import ContentDecoder
    from llmgate_core.transports.waits import Moment

__all__ = ["HTTP1Response", "HTTP1Transport"]

FINISH_SECONDS = 0.05


class HTTP1Transport:
    """Sends requests over kept connections; many threads may share one."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options = options or TransportOptions()
        self._parser = parser_kind(options.parser)
        self._tls_lock = threading.Lock()
        self._tls_context: ssl.SSLContext | None = None
        self.slots: Slots[Connection] = Slots(options)

    def send(self, request: TransportRequest) -> HTTP1Response:
        """Send `request`; see `contract.transport.Transport.send`."""
        head = build_head(request)
        upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
        try:
            if upload is not None:
                upload.start()
            connection = self.slots.take(request) or self._new_connection(request)
            return self._exchange(connection, request, head, upload)
        finally:
            if upload is not None:
                upload.close()

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their answer ends."""
        self.slots.close()

    def _exchange(
        self, connection: Connection, request: TransportRequest, head: bytes, upload: Upload | None
    ) -> HTTP1Response:
        """Send, and wait for the head; the connection ends up with the response, in the pool, or closed."""
        reader = ResponseReader(request.origin, request.limits.head, self._parser, request.method)
        try:
            if upload is not None:
                connection.send_upload(head, upload, request, reader)
            elif isinstance(request.content, bytes):
                connection.send(head, request.content, request, reader)
            _receive_head(connection, reader, request)
            return HTTP1Response(self, connection, reader)
        except APIConnectionError as error:
            self.slots.drop(connection)
            if connection.was_used and not reader.received and error.code in ("reset", "closed"):
                raise StaleConnectionError from error
            raise
        except BaseException:
            self.slots.drop(connection)
            raise

    def _new_connection(self, request: TransportRequest) -> Connection:
        """Open a connection; its slot is reserved, and returned if this fails."""
        deadline = request.deadline
        try:
            ends = moment_after(deadline.wait(deadline.timeouts.connect))
            return open_connection(request.origin, ends, self._context)
        except TimeoutError as error:
            self.slots.release()
            raise deadline.error("connect") from error
        except BaseException:
            self.slots.release()
            raise

    def _context(self) -> ssl.SSLContext:
        with self._tls_lock:
            if self._tls_context is None:
                self._tls_context = make_tls_context(self._options)
            return self._tls_context


class HTTP1Response:
    """A started answer; see `contract.transport.TransportResponse`. Belongs to one thread at a time."""

    __slots__ = ("_connection", "_decoder", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: HTTP1Transport, connection: Connection, reader: ResponseReader) -> None:
        self._connection: Connection | None = None  # stays so if the next line raises
        self._decoder = decoder_for(reader.raw_headers)
        self.status = reader.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = reader.raw_headers
        self._reader = reader
        self._transport = transport
        self._connection = connection
        if reader.complete:
            self._settle()

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`."""
        reader, decoder = self._reader, self._decoder
        ends: Moment = None  # of the first wait; most reads need none
        while True:
            if decoder is not None and (piece := decoder.take()):
                return piece
            if block := reader.take():
                if decoder is None:
                    return block
                decoder.put(block)
            elif self._connection is None:
                return _end_of_body(reader, decoder)
            else:
                ends = ends or moment_after(wait_seconds)
                if not self._receive(self._connection, ends):
                    raise TimeoutError

    def finish(self) -> None:
        """After an end marker: wait at most 50 ms for the proper end, so that the connection can be kept."""
        ends = moment_after(FINISH_SECONDS)
        while self._connection is not None and self._receive(self._connection, ends):
            self._reader.take()
        self.close()

    def close(self) -> None:
        """Close the connection, unless the answer is complete and returned it already. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._reader.fail(truncated(connection.origin, "it was closed by its reader"))
            connection.discard()
            self._transport.slots.release_unlocked()

    def _receive(self, connection: Connection, ends: float | None) -> bool:
        """Read once; False: nothing came in time."""
        reader = self._reader
        if not connection.read_into(reader, ends):
            return False
        if reader.complete or reader.error is not None:
            self._settle()
        return True

    def _settle(self) -> None:
        """Part with the connection: back to the pool, or closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._reader.reusable and not connection.is_broken:
            self._transport.slots.keep(connection)
        else:
            self._transport.slots.drop(connection)

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.close()


def _receive_head(connection: Connection, reader: ResponseReader, request: TransportRequest) -> None:
    deadline = request.deadline
    ends = moment_after(deadline.wait(deadline.timeouts.first_event))
    while not reader.head_complete and reader.error is None:
        if not connection.read_into(reader, ends):
            raise deadline.error("first_event")
    if reader.error is not None and not reader.head_complete:
        raise reader.error


def _end_of_body(reader: ResponseReader, decoder: ContentDecoder | None) -> bytes:
    if reader.error is not None:
        raise reader.error
    if decoder is not None:
        decoder.finish()
    return b""
