"""The default wire: httpx's transports, below `httpx.Client`.

So there are no redirects, cookies, auth or netrc to switch off. Waits are set by changing the
request's `timeout` extension, which httpcore reads at every step. Each inner transport is a lane of
one connection and we hand the lanes out, since httpcore's own pool costs the square of its size.

Limits of this wire, which `fast` does not have: a synchronous call whose head drips byte by byte
may overshoot its total by one wait, and the size of a head is what h11 allows.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Generic, TypeVar

import httpx

from llmgate_core.contracts import Origin, TransportRequest
from llmgate_core.errors import APIConnectionError, APIError
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.httpx_errors import error_before_head, error_in_body, without_frames

__all__ = ["AsyncHTTPXTransport", "HTTPXTransport"]

MAX_IDLE_LANES = 256  # of one origin
ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30.0)
FINISH_SECONDS = 0.05
REMEMBERED_URLS = 1024


LaneT = TypeVar("LaneT")
Waits = dict[str, "float | None"]


class _Wire(Generic[LaneT]):
    """What both twins share: URLs, requests, and the idle lanes of each origin, last used first."""

    def __init__(self, verify: Any = True, proxy: str | None = None) -> None:
        self._verify = verify
        self._proxy = proxy
        self._context: ssl.SSLContext | None = None
        self._urls: dict[tuple[Origin, str], tuple[httpx.URL, bytes]] = {}
        self._idle: dict[Origin, list[LaneT]] = {}

    def _options(self, origin: Origin) -> dict[str, Any]:
        if origin.scheme == "https" or self._proxy:
            # loading the trusted certificates costs 24 ms: once, and only where they are needed
            if self._context is None:
                self._context = httpx.create_ssl_context(verify=self._verify)
            context = self._context
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return {"verify": context, "limits": ONE_CONNECTION, "proxy": self._proxy}

    def _take_lane(self, origin: Origin) -> LaneT | None:
        """Return an idle lane; None: make one. Popping from a list is atomic, so threads may share this."""
        try:
            return self._idle[origin].pop()
        except (KeyError, IndexError):
            return None

    def _give_lane(self, origin: Origin, lane: LaneT) -> bool:
        """Keep a lane for the next call; False: there are enough."""
        idle = self._idle.setdefault(origin, [])
        if len(idle) >= MAX_IDLE_LANES:
            return False
        idle.append(lane)
        return True

    def _request(self, request: TransportRequest, stream: Any, waits: Waits) -> httpx.Request:
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
        return httpx.Request(request.method, url, headers=headers, stream=stream, extensions={"timeout": waits})


def _waits(request: TransportRequest) -> Waits:
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

    __slots__ = (
        "_blocks",
        "_decoder",
        "_ended",
        "_lane",
        "_owner",
        "_request",
        "_response",
        "_waits",
        "raw_headers",
        "status",
    )

    def __init__(
        self,
        owner: HTTPXTransport,
        lane: httpx.HTTPTransport,
        response: httpx.Response,
        request: TransportRequest,
        waits: Waits,
    ) -> None:
        self._owner = owner
        self._lane: httpx.HTTPTransport | None = lane
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
        lane, self._lane = self._lane, None
        if lane is not None:
            keep = self._ended and not _holds_more(self._response)
            self._response.stream.close()  # type: ignore[union-attr]  # sync here, by construction
            self._owner.put_back(self._request.origin, lane, keep=keep)


class HTTPXTransport(_Wire[httpx.HTTPTransport]):
    """`contracts.Transport` over `httpx.HTTPTransport`."""

    def send(self, request: TransportRequest) -> HTTPXResponse:
        """See `Transport.send`."""
        reused = self._take_lane(request.origin)
        if reused is not None:
            try:
                return self._send(request, reused)
            except APIConnectionError as error:
                # closed by the upstream while idle, just as we sent: not one byte of an answer came
                if error.code not in ("closed", "reset"):
                    raise
        return self._send(request, httpx.HTTPTransport(**self._options(request.origin)))

    def _send(self, request: TransportRequest, lane: httpx.HTTPTransport) -> HTTPXResponse:
        waits = _waits(request)
        outgoing = self._request(request, _Body(request.content), waits)
        failure: APIError
        try:
            return HTTPXResponse(self, lane, lane.handle_request(outgoing), request, waits)
        except httpx.TransportError as error:
            failure = error_before_head(error, request)
            failure.__cause__ = without_frames(error)
        except BaseException:
            lane.close()
            raise
        lane.close()
        raise failure

    def put_back(self, origin: Origin, lane: httpx.HTTPTransport, *, keep: bool) -> None:
        """Take a lane back from an answer; one that is not clean is closed."""
        if not (keep and self._give_lane(origin, lane)):
            lane.close()

    def close(self) -> None:
        """Close every idle connection."""
        for lanes in self._idle.values():
            while lanes:
                lanes.pop().close()


class AsyncHTTPXResponse:
    """A started answer of `AsyncHTTPXTransport`."""

    __slots__ = (
        "_blocks",
        "_decoder",
        "_ended",
        "_lane",
        "_loop",
        "_owner",
        "_request",
        "_response",
        "_waits",
        "raw_headers",
        "status",
    )

    def __init__(
        self,
        owner: AsyncHTTPXTransport,
        lane: httpx.AsyncHTTPTransport,
        response: httpx.Response,
        request: TransportRequest,
        waits: Waits,
    ) -> None:
        self._owner = owner
        self._lane: httpx.AsyncHTTPTransport | None = lane
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
        lane, self._lane = self._lane, None
        if lane is None:
            return
        if self._ended and not _holds_more(self._response) and self._owner.give_back(self._request.origin, lane):
            await self._response.stream.aclose()  # type: ignore[union-attr]  # async here, by construction
        else:
            await asyncio.shield(self._drop(lane))

    async def _drop(self, lane: httpx.AsyncHTTPTransport) -> None:
        await self._response.stream.aclose()  # type: ignore[union-attr]  # async here, by construction
        await lane.aclose()

    def abort(self) -> None:
        """See `AsyncTransportResponse.abort`."""
        lane, self._lane = self._lane, None
        if lane is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._drop(lane)))


class AsyncHTTPXTransport(_Wire[httpx.AsyncHTTPTransport]):
    """`contracts.AsyncTransport` over `httpx.AsyncHTTPTransport`, for one event loop."""

    async def asend(self, request: TransportRequest) -> AsyncHTTPXResponse:
        """See `AsyncTransport.asend`."""
        reused = self._take_lane(request.origin)
        if reused is not None:
            try:
                return await self._asend(request, reused)
            except APIConnectionError as error:
                # closed by the upstream while idle, just as we sent: not one byte of an answer came
                if error.code not in ("closed", "reset"):
                    raise
        return await self._asend(request, httpx.AsyncHTTPTransport(**self._options(request.origin)))

    async def _asend(self, request: TransportRequest, lane: httpx.AsyncHTTPTransport) -> AsyncHTTPXResponse:
        waits = _waits(request)
        outgoing = self._request(request, _Body(request.content), waits)
        cutoff = _Cutoff(request.deadline.wait(request.deadline.timeouts.first_event))
        failure: APIError
        try:
            return AsyncHTTPXResponse(self, lane, await lane.handle_async_request(outgoing), request, waits)
        except httpx.TransportError as error:
            failure = error_before_head(error, request)
            failure.__cause__ = without_frames(error)
        except asyncio.CancelledError:
            if not cutoff.absorb():
                await asyncio.shield(lane.aclose())
                raise
            failure = request.deadline.error("first_event")
        finally:
            cutoff.stop()
        await lane.aclose()
        raise failure

    def give_back(self, origin: Origin, lane: httpx.AsyncHTTPTransport) -> bool:
        """Take a clean lane back from an answer; False: there are enough, close it."""
        return self._give_lane(origin, lane)

    async def aclose(self) -> None:
        """Close every idle connection."""
        for lanes in self._idle.values():
            while lanes:
                await lanes.pop().aclose()


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
        uncancel = getattr(self._task, "uncancel", None)  # 3.11 and later
        return self._fired and (uncancel is None or uncancel() == 0)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
