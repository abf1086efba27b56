# Made from llmgate_core/transports/http1/async_transport.py by tools/make_twins.py: edit that file, then run `make
# twins`.
"""The synchronous half of the HTTP/1.1 transport.

One request at a time goes out on a connection. It has no redirects, cookies or proxies, and raises nothing but the
errors of `contract.transport.Transport`.

Source: docs/reliability.md, "Sending", and rows R1, R4, R10 to R13, R19, R26 and S11 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.request_head import build_head
from llmgate_core.transports.http1.response_reader import ResponseReader
from llmgate_core.transports.http1.sync_connection import Connection, open_connection
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.sync_slots import Slots
from llmgate_core.transports.sync_upload import Upload
from llmgate_core.transports.tls import TLSContext
from llmgate_core.transports.waits import is_late, moment_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.waits import Moment

__all__ = ["HTTP1Response", "HTTP1Transport"]


class HTTP1Transport:
    """Sends requests over kept connections."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        options = options or TransportOptions()
        self._parser = parser_kind(options.parser)
        self._tls = TLSContext(options)
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
        """Close every connection."""
        self.slots.close()

    def __del__(self) -> None:
        if hasattr(self, "slots"):
            self.slots.close_unlocked()

    def _new_connection(self, request: TransportRequest) -> Connection:
        """Open a connection; its slot is reserved, and released if this fails."""
        deadline = request.deadline
        owner = self.slots
        try:
            context = self._tls.get() if request.origin.scheme == "https" else None  # takes time when it is made
            ends = moment_after(deadline.wait(deadline.timeouts.connect))
            connection = open_connection(owner, request.origin, ends, context)
        except BaseException as error:
            self.slots.release()
            if is_late(error):
                raise deadline.error("connect") from error
            raise
        return connection

    def _exchange(
        self, connection: Connection, request: TransportRequest, head: bytes, upload: Upload | None
    ) -> HTTP1Response:
        """Send, and wait for the head; the connection ends up with the response, in the pool, or closed."""
        reader = ResponseReader(request.origin, request.limits.head, self._parser, request.method)
        try:
            if upload is not None:
                connection.send_upload(reader, head, upload, request)
            elif isinstance(request.content, bytes):
                connection.send(reader, head, request.content, request)
            _receive_head(connection, reader, request)
            return HTTP1Response(self, connection, reader)
        except APIConnectionError as error:
            connection.abort(reader)
            if connection.was_used and not reader.received and error.code in ("reset", "closed"):
                raise StaleConnectionError from error
            raise
        except BaseException:
            connection.abort(reader)
            raise


class HTTP1Response:
    """A started answer; see `contract.transport.TransportResponse`."""

    __slots__ = ("_connection", "_decoder", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: HTTP1Transport, connection: Connection, reader: ResponseReader) -> None:
        self._connection: Connection | None = None  # stays so if the next line raises
        self._decoder = decoder_for(reader.raw_headers)
        self.status = reader.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = reader.raw_headers
        self._reader = reader
        self._transport = transport  # a reference for as long as an answer is being read
        self._connection = connection

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`.

        If the wait is cancelled or interrupted, the connection is closed.
        """
        reader, decoder = self._reader, self._decoder
        ends: Moment = None  # of the first wait; most reads need none
        while True:
            if decoder is not None and (piece := decoder.take()):
                return piece
            if block := reader.take():
                if decoder is None:
                    return block
                decoder.put(block)
            elif reader.error is not None:
                raise reader.error
            elif reader.complete or self._connection is None:
                if decoder is not None:
                    decoder.finish()
                return b""
            else:
                ends = ends or moment_after(wait_seconds)
                if not self._receive(self._connection, ends):
                    raise TimeoutError

    def _receive(self, connection: Connection, ends: Moment) -> bool:
        """Wait until something came or went; False: not before `ends`."""
        try:
            return connection.receive(self._reader, ends)
        except BaseException:
            self.abort()
            raise

    def finish(self) -> None:
        """After an end marker: let go of the connection, which is kept if the proper end comes soon."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drain(self._reader)

    def close(self) -> None:
        """Close the connection, unless the answer is complete and returned it already. Idempotent."""
        if self._connection is not None and not self._is_settled():
            self.abort()

    def abort(self) -> None:
        """Close the connection without waiting; from any thread, and by the garbage collector."""
        connection = self._connection
        if connection is not None and not self._is_settled():
            self._reader.stop()  # first, so that nothing takes this for the proper end
            connection.abort_from_any_thread(self._reader)
        self._connection = None

    def _is_settled(self) -> bool:
        return self._reader.complete or self._reader.error is not None

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.abort()


def _receive_head(connection: Connection, reader: ResponseReader, request: TransportRequest) -> None:
    deadline = request.deadline
    ends = moment_after(deadline.wait(deadline.timeouts.first_event))
    while not reader.head_complete and reader.error is None:
        if not connection.receive(reader, ends):
            raise deadline.error("first_event")
    if reader.error is not None and not reader.head_complete:
        raise reader.error
