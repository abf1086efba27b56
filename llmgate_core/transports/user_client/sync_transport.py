"""A synchronous HTTP client as a transport."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.deferred_close import close_in_thread
from llmgate_core.transports.failures import closed, truncated
from llmgate_core.transports.sync_upload import Upload
from llmgate_core.transports.user_client.errors import client_failure_before_head, client_failure_in_body, is_timeout
from llmgate_core.transports.user_client.quiet_logs import install_filter, quiet
from llmgate_core.transports.user_client.read_timer import ReadTimer
from llmgate_core.transports.user_client.requests import (
    ConnectionTrace,
    build_request,
    end_of,
    raw_headers_of,
    send_options_of,
    waits_of,
)
from llmgate_core.transports.waits import moment_after, seconds_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.connection_reads import ConnectionReads

__all__ = ["ClientTransport", "UserClientResponse", "UserClientTransport"]

FINISH_SECONDS = 0.05
MAX_DEAD_CONNECTIONS = 1000


class ClientTransport:
    """`contract.transport.Transport` over what sends the requests of an HTTP library.

    `unread` holds the bodies of open answers, so that the collector frees none in a thread that is in our `send` and
    may hold the client's locks.
    """

    decodes = False
    """Whether the body is read as it comes and decoded by us, within limits, rather than by the client."""

    def __init__(self, build: Callable[..., Any]) -> None:
        install_filter()
        self._build = build
        self.unread: dict[int, Iterator[bytes]] = {}

    def send(self, request: TransportRequest) -> UserClientResponse:
        """Send `request`; see `contract.transport.Transport.send`."""
        for _ in range(MAX_DEAD_CONNECTIONS):
            trace, waits = ConnectionTrace(refuses_kept=request.new_connection), waits_of(request)
            upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
            try:
                if upload is not None:
                    upload.start()
                outgoing = build_request(self._build, request, waits, trace.trace, upload)
                with quiet():
                    response = self._send(outgoing, request, trace)
                return self._started(response, request, waits)
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

    def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:
        raise NotImplementedError

    def timer_of(self, response: Any, waits: dict[str, float | None]) -> ReadTimer | ConnectionReads:
        """Return what ends the reads of an answer."""
        return ReadTimer(response, waits)

    def _started(self, response: Any, request: TransportRequest, waits: dict[str, float | None]) -> UserClientResponse:
        try:
            return UserClientResponse(self, response, request, waits)
        except BaseException:
            response.close()
            raise


class UserClientTransport(ClientTransport):
    """The transport over a caller's own client."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.build_request)
        self._client = client
        self._send_options = send_options_of(client)

    def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:  # noqa: ARG002  # it has its own connections
        return self._client.send(outgoing, **self._send_options)

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


class UserClientResponse:
    """A started answer; see `contract.transport.TransportResponse`."""

    def __init__(
        self,
        transport: ClientTransport,
        response: Any,
        request: TransportRequest,
        waits: dict[str, float | None],
    ) -> None:
        self.status: int = response.status_code
        self.raw_headers = raw_headers_of(response)
        self._body = response.stream if transport.decodes else response  # what is closed in the end
        self._origin = request.origin
        self._decoder = decoder_for(self.raw_headers) if transport.decodes else None
        self._blocks: Iterator[bytes] = iter(response.stream if transport.decodes else response.iter_bytes())
        self._transport = transport
        transport.unread[id(self)] = self._blocks
        self._timer = transport.timer_of(response, waits)
        self._is_closed = False
        self._failure: Exception | None = None  # what reading on after the end raises

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
        self._timer.arm(wait_seconds)
        try:
            with quiet():
                block = next(filter(None, self._blocks), b"")
        except Exception as error:
            is_late = self._timer.expired or is_timeout(error)
            failure = TimeoutError() if is_late else client_failure_in_body(error, self._origin)
            self._failure = failure or error
            self.close()
            if failure is None:
                raise
        else:
            if self._timer.disarm():
                raise TimeoutError
            if not block:
                self._settle()
            return block
        raise failure

    def finish(self) -> None:
        """After an end marker: wait at most 50 ms for the proper end, so that the connection can be kept."""
        ends = moment_after(FINISH_SECONDS)
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while self._timer.is_active and self._read(seconds_until(ends)):
                pass
        self.close()

    def close(self) -> None:
        """Close the answer; the client keeps its connection if it was complete. Idempotent."""
        if self._is_closed:
            return
        self._failure = self._failure or truncated(self._origin, "it was closed by its reader")
        self._settle()

    def _settle(self) -> None:
        self._is_closed = True
        if getattr(self._body, "is_closed", False):
            self._forget()
        else:
            close_in_thread(self._body.close, self._forget)  # this thread may hold the client's locks

    def _forget(self) -> None:
        self._timer.stop()
        self._transport.unread.pop(id(self), None)

    def __del__(self) -> None:
        if hasattr(self, "_is_closed") and not self._is_closed:
            self.close()
