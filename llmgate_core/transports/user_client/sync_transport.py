# Made from llmgate_core/transports/user_client/async_transport.py by tools/make_twins.py: edit that file, then run
# `make twins`.
"""A synchronous HTTP client as a transport."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.deferred_close import close_in_thread
from llmgate_core.transports.failures import closed, stopped
from llmgate_core.transports.read_limits import ReadLimit, ReadTimer
from llmgate_core.transports.sync_upload import Upload
from llmgate_core.transports.user_client.errors import client_failure_before_head, client_failure_in_body, is_timeout
from llmgate_core.transports.user_client.quiet_logs import install_filter, quiet
from llmgate_core.transports.user_client.requests import (
    ConnectionTrace,
    build_request,
    end_of,
    raw_headers_of,
    send_options_of,
    waits_of,
)
from llmgate_core.transports.waits import (
    moment_after,
    seconds_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmgate_core.contract.transport import TransportRequest

__all__ = ["ClientTransport", "UserClientResponse", "UserClientTransport"]

FINISH_SECONDS = 0.05
MAX_DEAD_CONNECTIONS = 1000


class ClientTransport:
    """`contract.transport.Transport` over what sends the requests of an HTTP library."""

    decodes = False
    """Whether the body is read as it comes and decoded by us, within limits, rather than by the client."""

    def __init__(self, build: Callable[..., Any]) -> None:
        install_filter()
        self._build = build
        # the bodies of open answers: the collector must free none in a thread that may hold the client's locks
        self.unread: dict[int, Iterator[bytes]] = {}

    def send(self, request: TransportRequest) -> UserClientResponse:
        """Send `request`; see `contract.transport.Transport.send`.

        Connections that must not be used are sorted out one by one, before anything is sent.
        """
        for _ in range(MAX_DEAD_CONNECTIONS):
            trace, waits = ConnectionTrace(refuses_kept=self._refuses_kept(request)), waits_of(request)
            upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
            try:
                if upload is not None:
                    upload.start()
                outgoing = build_request(self._build, request, waits, trace.trace, upload)
                return self._started(outgoing, request, trace, waits)
            except Exception as error:
                if trace.was_refused:
                    continue
                failure = client_failure_before_head(error, request)
                if failure is None:
                    raise
            finally:
                if upload is not None:
                    upload.close()
            if trace.was_stale(failure):
                raise StaleConnectionError from failure
            raise failure
        raise closed(request.origin)

    def _started(
        self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace, waits: dict[str, float | None]
    ) -> UserClientResponse:
        with quiet():
            sending = self._send(outgoing, request, trace)
            response = sending
        try:
            return UserClientResponse(self, response, request, self.limit_of(response, waits))
        except BaseException:
            _close(response)
            raise

    def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:
        raise NotImplementedError

    def _refuses_kept(self, request: TransportRequest) -> bool:
        """Return whether the request must not go out on a connection that was used before."""
        return request.new_connection

    def limit_of(self, response: Any, waits: dict[str, float | None]) -> ReadLimit:
        """Return what ends the reads of an answer."""
        return ReadTimer(response, waits)


class UserClientTransport(ClientTransport):
    """The transport over a caller's own client."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.build_request)
        self._client = client
        self._send_options = {elsewhere: send_options_of(client, is_elsewhere=elsewhere) for elsewhere in (False, True)}

    def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:  # noqa: ARG002  # it has its own connections
        return self._client.send(outgoing, **self._send_options[request.is_elsewhere])

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


class UserClientResponse:
    """A started answer; see `contract.transport.TransportResponse`."""

    def __init__(
        self,
        transport: ClientTransport,
        response: Any,
        request: TransportRequest,
        limit: ReadLimit,
    ) -> None:
        self.status: int = response.status_code
        self.raw_headers = raw_headers_of(response)
        self._body = response.stream if transport.decodes else response  # what is closed in the end
        self._origin = request.origin
        self._decoder = decoder_for(self.raw_headers) if transport.decodes else None
        blocks = response.stream if transport.decodes else response.iter_bytes()
        self._blocks: Iterator[bytes] = blocks.__iter__()
        self._limit = limit
        self._transport = transport
        transport.unread[id(self)] = self._blocks
        self._failure: Exception | None = None  # what reading on after the end raises
        self._is_closed = False

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`."""
        decoder = self._decoder
        if decoder is None:
            return self._read(wait_seconds)
        ends = moment_after(wait_seconds)
        while not (piece := decoder.take()):
            if not (block := self._read(seconds_until(ends))):
                decoder.finish()
                break
            decoder.put(block)
        return piece

    def _read(self, wait_seconds: float | None) -> bytes:
        if self._is_closed:
            return end_of(self._failure)
        try:
            block = self._next_in_time(wait_seconds)
        except Exception as error:
            failure = self._failure_of(error)
            self._failure = failure or error
            self._end_read()
            if failure is None:
                raise
        except BaseException:
            self._end_read()
            raise
        else:
            if not block:
                self._settle()
            return block
        raise failure

    def _next_in_time(self, wait_seconds: float | None) -> bytes:
        self._limit.arm(wait_seconds)  # before the look at what another thread sets before its look at this
        if self._is_closed:
            raise stopped(self._origin)
        with quiet():
            reading = self._next_block()
            block = reading
        if self._is_closed:
            raise stopped(self._origin)
        if self._limit.disarm():
            raise TimeoutError
        return block

    def _failure_of(self, error: Exception) -> Exception | None:
        """Return our error; None: it is not one of an HTTP client."""
        if self._is_closed:
            return stopped(self._origin)
        if self._limit.expired or is_timeout(error):
            return TimeoutError()
        return client_failure_in_body(error, self._origin)

    def _end_read(self) -> None:
        self._limit.disarm()
        self._break_off()
        self._close_body()

    def _next_block(self) -> bytes:
        for block in self._blocks:
            if block:
                return block
        return b""

    def finish(self) -> None:
        """After an end marker: wait at most 50 ms for the proper end, so that the connection can be kept."""
        ends = moment_after(FINISH_SECONDS)
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while self._limit.is_active and self._read(seconds_until(ends)):
                pass
        self.close()

    def close(self) -> None:
        """Close the answer; the client keeps its connection if it was complete. Idempotent."""
        if not self._is_closed:
            self._break_off()
            self._settle()

    def _settle(self) -> None:
        self._is_closed = True
        if getattr(self._body, "is_closed", False):
            self._forget()
            return
        self._close_body()

    def abort(self) -> None:
        """Close the answer without waiting; from any thread, and by the garbage collector."""
        if not self._is_closed:
            self._break_off()
            self._close_body()

    def _break_off(self) -> None:
        self._is_closed = True
        self._failure = self._failure or stopped(self._origin)

    def _close_body(self) -> None:
        if not self._limit.interrupt():  # else the thread that reads it closes it
            close_in_thread(self._body.close, self._forget)  # this thread may hold the client's locks

    def _forget(self) -> None:
        self._limit.stop()
        self._transport.unread.pop(id(self), None)

    def __del__(self) -> None:
        if hasattr(self, "_is_closed"):
            self.abort()


def _close(response: Any) -> None:
    with quiet():
        close_in_thread(response.close)
