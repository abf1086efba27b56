"""The default wire: httpcore, the engine of httpx, with httpx's choice of certificates.

Below `httpx.Client`, so there are no redirects, cookies, auth or netrc to switch off; and one step
below `httpx.HTTPTransport`, which reads its read timeout once for a whole body and starts it anew
with every byte of a head, so that neither an idle limit nor a total could be kept through it.

Limits of this wire, which `fast` does not have: while a blocking call writes a large request from
memory, an early answer is not read; a head may have 100 KiB, as h11 allows; a wait for a block that ran out
loses the answer; and an answer closed before `b""` was read loses its connection.

Source: section "Sending" and rows R1, R4, R8, R10 to R13, R19, R26, S9 and S11 of docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import httpcore

from llmgate_core.errors import APIError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.deferred_close import close_elsewhere
from llmgate_core.transports.failures import truncated
from llmgate_core.transports.httpx_async_network import AsyncConnection, AsyncNetwork
from llmgate_core.transports.httpx_errors import FAILURES, failure_before_head, failure_in_body
from llmgate_core.transports.httpx_exchange import WireExchange
from llmgate_core.transports.httpx_network import Connection, Network
from llmgate_core.transports.httpx_pools import Wire, pool_of_kind
from llmgate_core.transports.upload import AsyncUpload, Upload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Sequence

    from llmgate_core.contract.transport import TransportRequest

__all__ = ["AsyncHTTPXResponse", "AsyncHTTPXTransport", "HTTPXResponse", "HTTPXTransport"]

FINISH_SECONDS = 0.05
POOL_CONNECTIONS = 8  # of one asyncio pool, of which there may be many
ATTEMPTS = 2  # the second only where a kept connection turned out to be closed


class HTTPXTransport(Wire["tuple[httpcore.ConnectionPool, Network]"]):
    """`transport_contract.Transport` over httpcore; many threads may share one.

    `unread` holds the bodies of open answers: a generator of httpcore's takes locks when it is freed,
    so the collector must not find one while a thread that it runs in may hold them, in our `send`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unread: dict[int, Iterator[bytes]] = {}

    def send(self, request: TransportRequest) -> HTTPXResponse:
        """Send `request`; see `transport_contract.Transport.send`."""
        pool, network = self._made_for(request.origin.scheme)
        attempts = 0
        while True:
            attempts += 1
            exchange = WireExchange(request)
            upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
            outgoing = self._outgoing(request, exchange, upload)
            try:
                response = pool.handle_request(outgoing)
            except FAILURES as error:
                failure = failure_before_head(error, exchange, request)
            else:
                return HTTPXResponse(self, response, exchange, request)
            finally:
                if upload is not None:
                    upload.close()
            if attempts == ATTEMPTS or not _was_kept_too_long(failure, exchange):
                break
            network.trust.lose()
        raise failure

    def close(self) -> None:
        """Close every connection, those in use too."""
        for pool, _ in self._made.values():
            pool.close()

    def _make(self, options: dict[str, Any]) -> tuple[httpcore.ConnectionPool, Network]:
        network = Network()
        kinds = (httpcore.ConnectionPool, httpcore.HTTPProxy, httpcore.SOCKSProxy)
        return pool_of_kind(kinds, {**options, "network_backend": network}), network

    def __del__(self) -> None:
        if hasattr(self, "_made") and not self.is_inherited():
            self.close()


class HTTPXResponse:
    """A started answer; see `transport_contract.TransportResponse`. Belongs to one thread at a time."""

    __slots__ = (
        "_blocks",
        "_decoder",
        "_exchange",
        "_failure",
        "_is_settled",
        "_request",
        "_stream",
        "_transport",
        "raw_headers",
        "status",
    )

    def __init__(
        self, transport: HTTPXTransport, response: httpcore.Response, exchange: WireExchange, request: TransportRequest
    ) -> None:
        self.status = response.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = response.headers
        self._is_settled = False
        self._failure: Exception | None = None
        stream: Any = response.stream  # iterable and with `close`, as httpcore documents it
        self._stream = stream
        self._transport = transport  # holds it for as long as an answer is being read
        self._exchange = exchange
        self._request = request
        self._blocks: Iterator[bytes] = iter(stream)
        transport.unread[id(self)] = self._blocks
        try:
            self._decoder = decoder_for(self.raw_headers)
        except APIError:
            self.close()
            raise

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`."""
        decoder = self._decoder
        self._exchange.wait_at_most(wait_seconds)
        if decoder is None:
            return self._next()
        while not (piece := decoder.take()):
            if not (block := self._next()):
                decoder.finish()
                break
            if self._exchange.is_over():
                raise TimeoutError  # much came, but it unfolded to nothing
            decoder.put(block)
        return piece

    def finish(self) -> None:
        """After an end marker: wait 50 ms at most for the proper end, so that the connection can be kept."""
        self._exchange.wait_at_most(FINISH_SECONDS)
        try:
            while self._next() and not self._exchange.is_over():
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete before; only the connection is lost
        self.close()

    def close(self) -> None:
        """Drop the connection, unless the answer is complete and gave it back already. Idempotent."""
        if self._is_settled:
            return
        self._is_settled = True
        self._failure = _left(self._request)
        connection = self._exchange.connection
        if isinstance(connection, Connection):
            connection.close()
        if not self._transport.is_inherited():
            close_elsewhere(self._stream.close, self._part)  # this thread may hold httpcore's locks

    def _next(self) -> bytes:
        if self._is_settled:
            return _end(self._failure)
        try:
            for block in self._blocks:
                if block:
                    return block
        except httpcore.TimeoutException:
            self._failure = TimeoutError()
        except FAILURES as error:
            self._failure = failure_in_body(error, self._exchange, self._request)
        else:
            self._settle()
            return b""
        self._part()  # httpcore closed the connection
        return _end(self._failure)

    def _part(self) -> None:
        self._is_settled = True
        self._transport.unread.pop(id(self), None)

    def _settle(self) -> None:
        """Give the connection back: the answer is complete."""
        connection = self._exchange.connection
        if connection is not None:
            connection.end_answer(self.raw_headers)
        self._part()
        self._stream.close()

    def __del__(self) -> None:
        self.close()


class AsyncHTTPXTransport(Wire["tuple[httpcore.AsyncConnectionPool, AsyncNetwork]"]):
    """`transport_contract.AsyncTransport` over httpcore, for the event loop of its first request."""

    def __init__(
        self,
        *,
        verify: bool | ssl.SSLContext = True,
        ca_file: str | None = None,
        proxy: str | None = None,
        max_connections: int = 1000,
        max_idle_seconds: float = 60.0,
    ) -> None:
        super().__init__(
            verify=verify,
            ca_file=ca_file,
            proxy=proxy,
            max_connections=min(max_connections, POOL_CONNECTIONS),
            max_idle_seconds=max_idle_seconds,
        )
        self._pools = max(1, max_connections // POOL_CONNECTIONS)
        self._turn = itertools.count()
        self._closing: set[asyncio.Task[None]] = set()

    async def asend(self, request: TransportRequest) -> AsyncHTTPXResponse:
        """Send `request`; see `transport_contract.AsyncTransport.asend`."""
        pool, network = self._choose(request.origin.scheme)
        attempts = 0
        while True:
            attempts += 1
            exchange = WireExchange(request)
            upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
            if upload is not None:
                await upload.begin()
            outgoing = self._outgoing(request, exchange, upload)
            try:
                response = await pool.handle_async_request(outgoing)
            except FAILURES as error:
                failure = failure_before_head(error, exchange, request)
            else:
                return AsyncHTTPXResponse(self, response, exchange, request)
            finally:
                if upload is not None:
                    await upload.aclose()
            if attempts == ATTEMPTS or not _was_kept_too_long(failure, exchange):
                break
            network.trust.lose()
        raise failure

    def _choose(self, scheme: str) -> tuple[httpcore.AsyncConnectionPool, AsyncNetwork]:
        """Return the first pool with a place: httpcore looks at a pool's connections by pairs for each request."""
        for number in range(self._pools):
            made = self._made_for(scheme, number)
            if sum(not connection.is_idle() for connection in made[0].connections) < POOL_CONNECTIONS:
                return made
        return self._made_for(scheme, next(self._turn) % self._pools)  # to wait for a place there

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        for pool, network in self._made.values():
            await pool.aclose()
            await network.aclose()

    def start_closing(self, stream: Any) -> asyncio.Task[None]:
        """Have httpcore forget an answer, in a task of its own, so that no cancellation stops it halfway."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(stream.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    def _make(self, options: dict[str, Any]) -> tuple[httpcore.AsyncConnectionPool, AsyncNetwork]:
        network = AsyncNetwork()
        kinds = (httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy)
        return pool_of_kind(kinds, {**options, "network_backend": network}), network

    def __del__(self) -> None:
        for _, network in getattr(self, "_made", {}).values():
            network.drop_all()


class AsyncHTTPXResponse:
    """A started answer; see `transport_contract.AsyncTransportResponse`. Belongs to one task at a time."""

    __slots__ = (
        "_blocks",
        "_decoder",
        "_exchange",
        "_failure",
        "_has_yielded",
        "_is_settled",
        "_loop",
        "_request",
        "_stream",
        "_transport",
        "raw_headers",
        "status",
    )

    def __init__(
        self,
        transport: AsyncHTTPXTransport,
        response: httpcore.Response,
        exchange: WireExchange,
        request: TransportRequest,
    ) -> None:
        self.status = response.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = response.headers
        self._is_settled = False
        self._failure: Exception | None = None
        stream: Any = response.stream  # iterable and with `aclose`, as httpcore documents it
        self._stream = stream
        self._transport = transport  # holds it for as long as an answer is being read
        self._exchange = exchange
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._blocks: AsyncIterator[bytes] = stream.__aiter__()
        self._has_yielded = True
        try:
            self._decoder = decoder_for(self.raw_headers)
        except APIError:
            self.abort()
            raise

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`.

        When its task is cancelled, the connection is dropped.
        """
        decoder = self._decoder
        self._exchange.wait_at_most(wait_seconds)
        if decoder is None:
            return await self._next()
        if not self._has_yielded:
            await asyncio.sleep(0)  # other tasks get their turn between the many pieces of one block
        while not (piece := decoder.take()):
            if not (block := await self._next()):
                decoder.finish()
                break
            if self._exchange.is_over():
                raise TimeoutError  # much came, but it unfolded to nothing
            decoder.put(block)
        self._has_yielded = not piece
        return piece

    async def afinish(self) -> None:
        """After an end marker: wait 50 ms at most for the proper end, so that the connection can be kept."""
        self._exchange.wait_at_most(FINISH_SECONDS)
        try:
            while await self._next() and not self._exchange.is_over():
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete before; only the connection is lost
        await self.aclose()

    async def aclose(self) -> None:
        """Drop the connection, unless the answer is complete and gave it back already. Idempotent."""
        if not self._is_settled:
            self._is_settled = True
            self._failure = _left(self._request)
            self._drop()
            await asyncio.shield(self._transport.start_closing(self._stream))

    def abort(self) -> None:
        """Drop the connection without waiting; from any thread, and by the garbage collector."""
        if self._is_settled:
            return
        self._is_settled = True
        self._failure = _left(self._request)
        self._drop()
        with contextlib.suppress(RuntimeError):  # the loop is closed, and httpcore's books with it
            self._loop.call_soon_threadsafe(self._transport.start_closing, self._stream)

    async def _next(self) -> bytes:
        if self._is_settled:
            return _end(self._failure)
        try:
            async for block in self._blocks:
                if block:
                    return block
        except httpcore.TimeoutException:
            self._failure = TimeoutError()
        except FAILURES as error:
            self._failure = failure_in_body(error, self._exchange, self._request)
        except BaseException:
            self._is_settled = True  # the same
            self._failure = _left(self._request)
            raise
        else:
            await self._settle()
            return b""
        self._is_settled = True  # httpcore closed the connection
        return _end(self._failure)

    async def _settle(self) -> None:
        """Give the connection back: the answer is complete."""
        self._is_settled = True
        if self._exchange.connection is not None:
            self._exchange.connection.end_answer(self.raw_headers)
        await asyncio.shield(self._transport.start_closing(self._stream))

    def _drop(self) -> None:
        connection = self._exchange.connection
        if isinstance(connection, AsyncConnection):
            connection.drop_from_anywhere()

    def __del__(self) -> None:
        self.abort()


def _was_kept_too_long(failure: APIError, exchange: WireExchange) -> bool:
    """Return whether the upstream closed a kept connection just as we sent; that is tried once more."""
    return failure.code in ("closed", "reset") and exchange.was_stale()


def _left(request: TransportRequest) -> APIError:
    return truncated(request.origin, "it was closed by its reader")


def _end(failure: Exception | None) -> bytes:
    """Return what a body that is over has left: nothing, or its error once more."""
    if failure is not None:
        raise failure
    return b""
