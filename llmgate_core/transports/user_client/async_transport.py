"""An asynchronous HTTP client as a transport."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.transports.async_upload import AsyncUpload
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.failures import closed, truncated
from llmgate_core.transports.user_client.errors import client_failure_before_head, client_failure_in_body, is_timeout
from llmgate_core.transports.user_client.quiet_logs import install_filter, quiet, quietly
from llmgate_core.transports.user_client.requests import (
    ConnectionTrace,
    build_request,
    end_of,
    raw_headers_of,
    send_options_of,
    waits_of,
)
from llmgate_core.transports.waits import await_until, moment_after, seconds_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.connection_reads import ConnectionReads

__all__ = ["AsyncClientTransport", "AsyncUserClientResponse", "AsyncUserClientTransport"]

FINISH_SECONDS = 0.05
CLOSE_SECONDS = 5.0
MAX_DEAD_CONNECTIONS = 1000


class AsyncClientTransport:
    """`contract.transport.AsyncTransport` over what sends the requests of an HTTP library."""

    decodes = False
    """Whether the body is read as it comes and decoded by us, within limits, rather than by the client."""

    def __init__(self, build: Callable[..., Any]) -> None:
        install_filter()
        self._build = build

    async def asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        """Send `request`; see `contract.transport.AsyncTransport.asend`.

        A client that was used in an event loop which is closed by now has connections that would take the request
        and never answer; they are sorted out before anything is sent.
        """
        for _ in range(MAX_DEAD_CONNECTIONS):
            refuses_kept = request.new_connection or self._may_have_moved(request.origin)
            trace, waits = ConnectionTrace(refuses_kept=refuses_kept), waits_of(request)
            upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
            try:
                if upload is not None:
                    await upload.start()
                outgoing = build_request(self._build, request, waits, trace.atrace, upload)
                sending = quietly(self._send(outgoing, request, trace))
                response = await await_until(sending, moment_after(request.deadline.remaining()), _start_closing)
                return self._started(response, request, waits)
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

    async def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:
        raise NotImplementedError

    def _may_have_moved(self, origin: Origin) -> bool:  # noqa: ARG002  # for the override
        """Return whether kept connections may belong to a loop that is closed."""
        return False

    def reads_of(self, response: Any) -> ConnectionReads | None:  # noqa: ARG002  # for the override
        """Return what ends the reads of an answer; None: they run in a task each, which is cancelled."""
        return None

    def _started(
        self, response: Any, request: TransportRequest, waits: dict[str, float | None]
    ) -> AsyncUserClientResponse:
        try:
            waits["read"] = None  # every wait is cut off by us
            return AsyncUserClientResponse(response, request, self.reads_of(response), decodes=self.decodes)
        except BaseException:
            _start_closing(response)
            raise


class AsyncUserClientTransport(AsyncClientTransport):
    """The transport over a caller's own client, in one event loop after another."""

    def __init__(self, client: Any) -> None:
        super().__init__(client.build_request)
        self._client = client
        self._send_options = send_options_of(client)
        self._affinities: defaultdict[Origin, LoopAffinity] = defaultdict(LoopAffinity)

    async def _send(self, outgoing: Any, request: TransportRequest, trace: ConnectionTrace) -> Any:  # noqa: ARG002  # it has its own connections
        response = await self._client.send(outgoing, **self._send_options)
        self._affinities[request.origin].settle()
        return response

    def _may_have_moved(self, origin: Origin) -> bool:
        return self._affinities[origin].has_moved()

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""


class AsyncUserClientResponse:
    """A started answer; see `contract.transport.AsyncTransportResponse`."""

    def __init__(
        self, response: Any, request: TransportRequest, reads: ConnectionReads | None, *, decodes: bool
    ) -> None:
        self.status: int = response.status_code
        self.raw_headers = raw_headers_of(response)
        self._body = response.stream if decodes else response  # what is closed in the end
        self._origin = request.origin
        self._loop = asyncio.get_running_loop()
        self._reads = reads
        self._decoder = decoder_for(self.raw_headers) if decodes else None
        blocks = response.stream if decodes else response.aiter_bytes()
        self._blocks: AsyncIterator[bytes] = blocks.__aiter__()
        self._is_closed = False
        self._failure: Exception | None = None  # what reading on after the end raises

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`."""
        decoder = self._decoder
        if decoder is None:
            return await self._read(wait_seconds)
        ends = moment_after(wait_seconds)
        await asyncio.sleep(0)  # other tasks get their turn between the many pieces of one block
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
            failure = TimeoutError() if is_timeout(error) else client_failure_in_body(error, self._origin)
            self._failure = failure or error
            self.abort()
            if failure is None:
                raise
        except BaseException:
            self.abort()
            raise
        else:
            if not block:
                await self._settle()
            return block
        raise failure

    async def afinish(self) -> None:
        """After an end marker: wait at most 50 ms for the proper end, so that the connection can be kept."""
        ends = moment_after(FINISH_SECONDS)
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while await self._read(seconds_until(ends)):
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
            return
        with contextlib.suppress(TimeoutError):  # it goes on closing in the background
            await await_until(_start_closing(self._body), moment_after(CLOSE_SECONDS), shield=True)

    def _break_off(self) -> None:
        self._is_closed = True
        self._failure = self._failure or truncated(self._origin, "it was closed by its reader")

    def abort(self) -> None:
        """Close the answer without waiting; from any thread, and by the garbage collector."""
        if not self._is_closed:
            self._break_off()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(_start_closing, self._body)

    async def _next_in_time(self, wait_seconds: float | None) -> bytes:
        if self._reads is None:
            return await await_until(quietly(self._next_block()), moment_after(wait_seconds))
        self._reads.arm(wait_seconds)
        with quiet():
            return await self._next_block()

    async def _next_block(self) -> bytes:
        async for block in self._blocks:
            if block:
                return block
        return b""

    def __del__(self) -> None:
        if hasattr(self, "_is_closed"):
            self.abort()


def _start_closing(response: Any) -> asyncio.Future[None]:
    """Close an answer in its own task, so that no cancellation stops it halfway."""
    task: asyncio.Future[None] = asyncio.ensure_future(quietly(response.aclose()))
    task.add_done_callback(_retrieve)
    return task


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Keep asyncio from reporting an error that no caller waits for any more."""
    if not task.cancelled():
        task.exception()


class LoopAffinity:
    """The event loop that a client's connections to one origin belong to."""

    def __init__(self) -> None:
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def has_moved(self) -> bool:
        """Return whether there may be connections of a loop that is closed by now."""
        loop = None if self._loop is None else self._loop()
        return loop is None or loop.is_closed()  # a client new to us may have been used before

    def settle(self) -> None:
        """Note that the next connection in line belongs to the running loop."""
        self._loop = weakref.ref(asyncio.get_running_loop())
