"""An asynchronous HTTP client as a transport."""

from __future__ import annotations

import asyncio  # async only
import contextlib
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.transports.async_upload import AsyncUpload
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.failures import closed, stopped
from llmgate_core.transports.loop_guard import start_closing  # async only
from llmgate_core.transports.read_limits import ConnectionReads, ReadLimit
from llmgate_core.transports.user_client.errors import client_failure_before_head, client_failure_in_body, is_timeout
from llmgate_core.transports.user_client.loop_affinity import LoopAffinities  # async only
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
    await_until,  # async only
    moment_after,
    seconds_until,
)

# sync: from llmgate_core.transports.deferred_close import close_in_thread
# sync: from llmgate_core.transports.read_limits import ReadTimer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmgate_core.contract.transport import TransportRequest

__all__ = ["AsyncClientTransport", "AsyncUserClientResponse", "AsyncUserClientTransport"]

FINISH_SECONDS = 0.05
CLOSE_SECONDS = 5.0  # async only
MAX_DEAD_CONNECTIONS = 1000


class AsyncClientTransport:
    """`contract.transport.AsyncTransport` over what sends the requests of an HTTP library."""

    decodes = False
    """Whether the body is read as it comes and decoded by us, within limits, rather than by the client."""

    def __init__(self, build: Callable[..., Any]) -> None:
        install_filter()
        self._build = build
        # sync: # the bodies of open answers: the collector must free none in a thread that may hold the client's locks
        # sync: self.unread: dict[int, Iterator[bytes]] = {}

    async def asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        """Send `request`; see `contract.transport.AsyncTransport.asend`.

        Connections that must not be used are sorted out one by one, before anything is sent.
        """
        for _ in range(MAX_DEAD_CONNECTIONS):
            trace, waits = ConnectionTrace(refuses_kept=self._refuses_kept(request)), waits_of(request)
            upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
            try:
                if upload is not None:
                    await upload.start()
                outgoing = build_request(self._build, request, waits, trace.atrace, upload)
                return await self._started(outgoing, request, trace, waits)
            except Exception as error:
                if trace.was_refused:
                    continue
                failure = client_failure_before_head(error, request)
                if failure is None:
                    raise
            finally:
                if upload is not None:
                    await upload.aclose()
            if trace.was_stale(failure):
                raise StaleConnectionError from failure
            raise failure
        raise closed(request.origin)

    async def _started(
        self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace, waits: dict[str, float | None]
    ) -> AsyncUserClientResponse:
        with quiet():
            sending = self._send(outgoing, request, trace)
            sending = await_until(sending, moment_after(request.deadline.remaining()), _close)  # async only
            response = await sending
        try:
            return AsyncUserClientResponse(self, response, request, self.limit_of(response, waits))
        except BaseException:
            _close(response)
            raise

    async def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:
        raise NotImplementedError

    def _refuses_kept(self, request: TransportRequest) -> bool:
        """Return whether the request must not go out on a connection that was used before."""
        return request.new_connection

    def limit_of(self, response: Any, waits: dict[str, float | None]) -> ReadLimit:
        """Return what ends the reads of an answer."""
        _ = response  # async only
        waits["read"] = None  # each read is a task, which is cancelled  # async only
        return ConnectionReads()  # sync: return ReadTimer(response, waits)


class AsyncUserClientTransport(AsyncClientTransport):
    """The transport over a caller's own client."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.build_request)
        self._client = client
        self._send_options = {elsewhere: send_options_of(client, is_elsewhere=elsewhere) for elsewhere in (False, True)}
        self._affinities = LoopAffinities()  # async only

    async def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:  # noqa: ARG002  # it has its own connections
        # sync: return self._client.send(outgoing, **self._send_options[request.is_elsewhere])
        response = await self._client.send(outgoing, **self._send_options[request.is_elsewhere])  # async only
        self._affinities.settle(request.origin)  # async only
        return response  # async only

    def _refuses_kept(self, request: TransportRequest) -> bool:  # async only
        return request.new_connection or self._affinities.has_moved(request.origin)  # async only

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""


class AsyncUserClientResponse:
    """A started answer; see `contract.transport.AsyncTransportResponse`."""

    def __init__(
        self,
        transport: AsyncClientTransport,
        response: Any,
        request: TransportRequest,
        limit: ReadLimit,
    ) -> None:
        self.status: int = response.status_code
        self.raw_headers = raw_headers_of(response)
        self._body = response.stream if transport.decodes else response  # what is closed in the end
        self._origin = request.origin
        self._decoder = decoder_for(self.raw_headers) if transport.decodes else None
        blocks = response.stream if transport.decodes else response.aiter_bytes()
        self._blocks: AsyncIterator[bytes] = blocks.__aiter__()
        self._limit = limit
        self._is_limited = transport.decodes  # async only
        self._loop = asyncio.get_running_loop()  # async only
        # sync: self._transport = transport
        # sync: transport.unread[id(self)] = self._blocks
        self._failure: Exception | None = None  # what reading on after the end raises
        self._is_closed = False

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`."""
        decoder = self._decoder
        if decoder is None:
            return await self._read(wait_seconds)
        ends = moment_after(wait_seconds)
        await asyncio.sleep(0)  # other tasks get their turn between the many pieces of one block  # async only
        while not (piece := decoder.take()):
            if not (block := await self._read(seconds_until(ends))):
                decoder.finish()
                break
            decoder.put(block)
        return piece

    async def _read(self, wait_seconds: float | None) -> bytes:
        if self._is_closed:
            return end_of(self._failure)
        try:
            block = await self._next_in_time(wait_seconds)
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
                await self._settle()
            return block
        raise failure

    async def _next_in_time(self, wait_seconds: float | None) -> bytes:
        self._limit.arm(wait_seconds)  # before the look at what another thread sets before its look at this
        if self._is_closed:
            raise stopped(self._origin)
        with quiet():
            reading = self._next_block()
            if not self._is_limited:  # async only
                reading = await_until(reading, moment_after(wait_seconds))  # async only
            block = await reading
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

    async def _next_block(self) -> bytes:
        async for block in self._blocks:
            if block:
                return block
        return b""

    async def afinish(self) -> None:
        """After an end marker: wait at most 50 ms for the proper end, so that the connection can be kept."""
        ends = moment_after(FINISH_SECONDS)
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while self._limit.is_active and await self._read(seconds_until(ends)):
                pass
        await self.aclose()

    async def aclose(self) -> None:
        """Close the answer; the client keeps its connection if it was complete. Idempotent."""
        if not self._is_closed:
            self._break_off()
            await self._settle()

    async def _settle(self) -> None:
        self._is_closed = True
        if getattr(self._body, "is_closed", False):
            # sync: self._forget()
            return
        # sync: self._close_body()
        with contextlib.suppress(TimeoutError), quiet():  # it goes on closing in the background  # async only
            await await_until(self._body.aclose(), moment_after(CLOSE_SECONDS), shield=True)  # async only

    def abort(self) -> None:
        """Close the answer without waiting; from any thread, and by the garbage collector."""
        if not self._is_closed:
            self._break_off()
            self._close_body()

    def _break_off(self) -> None:
        self._is_closed = True
        self._failure = self._failure or stopped(self._origin)

    def _close_body(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed  # async only
            self._loop.call_soon_threadsafe(_close, self._body)  # async only
        # sync: if not self._limit.interrupt():  # else the thread that reads it closes it
        # sync:     close_in_thread(self._body.close, self._forget)  # this thread may hold the client's locks

    # sync: def _forget(self) -> None:
    # sync:     self._limit.stop()
    # sync:     self._transport.unread.pop(id(self), None)

    def __del__(self) -> None:
        if hasattr(self, "_is_closed"):
            self.abort()


def _close(response: Any) -> None:
    with quiet():
        start_closing(response.aclose())  # sync: close_in_thread(response.close)
