"""The default wire: httpx's transports, below `httpx.Client`.

So there are no redirects, cookies, auth or netrc to switch off. Waits are set by changing the
request's `timeout` extension, which httpcore reads at every step.

Limits of this wire, which `fast` does not have: a synchronous call whose head drips byte by byte
may overshoot its total by one wait, and the size of a head is what h11 allows.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx

from llmgate_core.contracts import Origin, TransportRequest
from llmgate_core.errors import APIError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.httpx_errors import error_before_head, error_in_body, without_frames

__all__ = ["AsyncHTTPXTransport", "HTTPXTransport"]

MAX_CONNECTIONS = 1000
MAX_IDLE_SECONDS = 30.0
FINISH_SECONDS = 0.05
REMEMBERED_URLS = 1024


class _Wire:
    """What both twins share: URLs and requests."""

    def __init__(self, verify: Any = True, proxy: str | None = None) -> None:
        self._verify = verify
        self._proxy = proxy
        self._urls: dict[tuple[Origin, str], tuple[httpx.URL, bytes]] = {}

    def _options(self, scheme: str) -> dict[str, Any]:
        limits = httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=100, keepalive_expiry=MAX_IDLE_SECONDS
        )
        # loading the trusted certificates costs 24 ms, so a plain connection does without
        verify = self._verify if scheme == "https" or self._proxy else False
        return {"verify": verify, "limits": limits, "proxy": self._proxy, "trust_env": True}

    def _request(self, request: TransportRequest, stream: Any) -> httpx.Request:
        key = (request.origin, request.target)
        known = self._urls.get(key)
        if known is None:
            if len(self._urls) >= REMEMBERED_URLS:
                self._urls.clear()
            scheme, host, port = request.origin
            host = f"[{host}]" if ":" in host else host
            url = httpx.URL(f"{scheme}://{host}:{port}{request.target}")
            known = self._urls[key] = (url, url.netloc)
        url, host_header = known
        headers = [(b"host", host_header)]
        headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers]
        if request.content or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", b"%d" % len(request.content)))
        return httpx.Request(
            request.method, url, headers=headers, stream=stream, extensions={"timeout": _waits(request)}
        )


def _waits(request: TransportRequest) -> dict[str, float | None]:
    deadline, timeouts = request.deadline, request.deadline.timeouts
    head = deadline.wait(timeouts.first_event)
    return {
        "connect": deadline.wait(timeouts.connect),
        "pool": deadline.wait(timeouts.pool),
        "read": head,
        "write": head,
    }


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def _holds_more(response: httpx.Response) -> bool:
    """Return whether bytes wait on the connection after the answer's end: not ours to hand on."""
    stream = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if sock is None or sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class HTTPXResponse:
    """A started answer of `HTTPXTransport`."""

    __slots__ = ("_blocks", "_decoder", "_ended", "_request", "_response", "_waits", "raw_headers", "status")

    def __init__(self, response: httpx.Response, request: TransportRequest, waits: dict[str, float | None]) -> None:
        self.status = response.status_code
        self.raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
        self._response = response
        self._request = request
        self._waits = waits
        self._blocks = iter(response.stream)  # type: ignore[arg-type]  # sync here, by construction
        self._decoder = decoder_for(self.raw_headers)
        self._ended = False

    def read_block(self, wait_seconds: float | None) -> bytes:
        """See `TransportResponse.read_block`."""
        while True:
            if self._decoder is not None and (decoded := self._decoder.take()):
                return decoded
            block = self._next(wait_seconds)
            if self._decoder is None:
                return block
            if not block:
                self._decoder.finish()
                return b""
            self._decoder.put(block)

    def _next(self, wait_seconds: float | None) -> bytes:
        if self._ended:
            return b""
        self._waits["read"] = wait_seconds
        failure: APIError
        try:
            block: bytes = next(self._blocks)
            while not block:
                block = next(self._blocks)
        except StopIteration:
            self._ended = True
            return b""
        except httpx.TimeoutException:
            raise TimeoutError from None
        except httpx.TransportError as error:
            without_frames(error)
            failure = error_in_body(error, self._request)
        else:
            return block
        raise failure

    def finish(self) -> None:
        """Read the little that is left after an end marker, so that the connection is kept."""
        try:
            while self._next(FINISH_SECONDS):
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete already; only the connection is lost
        self.close()

    def close(self) -> None:
        """See `TransportResponse.close`."""
        self._response.stream.close()  # type: ignore[union-attr]  # sync here, by construction


class HTTPXTransport(_Wire):
    """`contracts.Transport` over `httpx.HTTPTransport`."""

    def __init__(self, verify: Any = True, proxy: str | None = None) -> None:
        super().__init__(verify, proxy)
        self._inner: dict[str, httpx.HTTPTransport] = {}

    def send(self, request: TransportRequest) -> HTTPXResponse:
        """See `Transport.send`."""
        scheme = request.origin.scheme
        inner = self._inner.get(scheme)
        if inner is None:
            inner = self._inner.setdefault(scheme, httpx.HTTPTransport(**self._options(scheme)))
        outgoing = self._request(request, _Body(request.content))
        failure: APIError
        try:
            response = inner.handle_request(outgoing)
        except httpx.TransportError as error:
            failure = error_before_head(error, request)
            failure.__cause__ = without_frames(error)
        except httpx.InvalidURL:
            failure = APIError("the base URL is not one that can be called")
        else:
            return HTTPXResponse(response, request, outgoing.extensions["timeout"])
        raise failure

    def close(self) -> None:
        """Close every connection."""
        for inner in self._inner.values():
            inner.close()


class AsyncHTTPXResponse:
    """A started answer of `AsyncHTTPXTransport`."""

    __slots__ = ("_blocks", "_decoder", "_ended", "_loop", "_request", "_response", "_waits", "raw_headers", "status")

    def __init__(self, response: httpx.Response, request: TransportRequest, waits: dict[str, float | None]) -> None:
        self.status = response.status_code
        self.raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
        self._response = response
        self._request = request
        self._waits = waits
        self._blocks = response.stream.__aiter__()  # type: ignore[union-attr]  # async here, by construction
        self._decoder = decoder_for(self.raw_headers)
        self._ended = False
        self._loop = asyncio.get_running_loop()

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """See `AsyncTransportResponse.aread_block`."""
        while True:
            if self._decoder is not None and (decoded := self._decoder.take()):
                return decoded
            block = await self._next(wait_seconds)
            if self._decoder is None:
                return block
            if not block:
                self._decoder.finish()
                return b""
            self._decoder.put(block)

    async def _next(self, wait_seconds: float | None) -> bytes:
        if self._ended:
            return b""
        self._waits["read"] = wait_seconds
        failure: APIError
        try:
            block: bytes = await self._blocks.__anext__()
            while not block:
                block = await self._blocks.__anext__()
        except StopAsyncIteration:
            self._ended = True
            return b""
        except httpx.TimeoutException:
            raise TimeoutError from None
        except httpx.TransportError as error:
            without_frames(error)
            failure = error_in_body(error, self._request)
        else:
            return block
        raise failure

    async def afinish(self) -> None:
        """Read the little that is left after an end marker, so that the connection is kept."""
        try:
            while await self._next(FINISH_SECONDS):
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete already; only the connection is lost
        await self.aclose()

    async def aclose(self) -> None:
        """See `AsyncTransportResponse.aclose`."""
        await asyncio.shield(self._response.stream.aclose())  # type: ignore[union-attr]  # async, by construction

    def abort(self) -> None:
        """See `AsyncTransportResponse.abort`."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._response.stream.aclose()))  # type: ignore[union-attr]


class AsyncHTTPXTransport(_Wire):
    """`contracts.AsyncTransport` over `httpx.AsyncHTTPTransport`, for one event loop."""

    def __init__(self, verify: Any = True, proxy: str | None = None) -> None:
        super().__init__(verify, proxy)
        self._inner: dict[str, httpx.AsyncHTTPTransport] = {}

    async def asend(self, request: TransportRequest) -> AsyncHTTPXResponse:
        """See `AsyncTransport.asend`."""
        scheme = request.origin.scheme
        inner = self._inner.get(scheme)
        if inner is None:
            inner = self._inner.setdefault(scheme, httpx.AsyncHTTPTransport(**self._options(scheme)))
        outgoing = self._request(request, _Body(request.content))
        failure: APIError
        cutoff = _Cutoff(request.deadline.wait(request.deadline.timeouts.first_event))
        try:
            response = await inner.handle_async_request(outgoing)
        except httpx.TransportError as error:
            failure = error_before_head(error, request)
            failure.__cause__ = without_frames(error)
        except asyncio.CancelledError:
            if not cutoff.absorb():
                raise
            failure = request.deadline.error("first_event")
        else:
            return AsyncHTTPXResponse(response, request, outgoing.extensions["timeout"])
        finally:
            cutoff.stop()
        raise failure

    async def aclose(self) -> None:
        """Close every connection."""
        for inner in self._inner.values():
            await inner.aclose()


class _Cutoff:
    """Cancel the current task after a time, and tell that cancellation from any other."""

    __slots__ = ("_fired", "_handle", "_task")

    def __init__(self, seconds: float | None) -> None:
        self._fired = False
        self._task = asyncio.current_task()
        self._handle = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        self._fired = True
        if self._task is not None:
            self._task.cancel()

    def absorb(self) -> bool:
        """Return whether the cancellation was ours, and take it back if so."""
        if self._fired and hasattr(self._task, "uncancel"):
            return self._task.uncancel() == 0  # type: ignore[union-attr]  # 3.11 and later; a task, or it could not fire
        return self._fired

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
