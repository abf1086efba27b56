"""The caller's own HTTP client as a wire: `httpx`, `httpx2`, or whatever has the same methods.

The client stays the caller's: it is never closed, and its proxies, certificates, hooks and auth
hold, as the caller meant them to; but no redirect is followed and no cookie of its jar is sent. It is used by protocol:
`build_request`, `send(request, stream=True)`, and answers with `iter_bytes` or `aiter_bytes`.

Limits that are this wire's own: a blocking client's head that drips byte by byte has no total, a
body may unfold as far as the client lets it, and bytes behind an answer are the client's affair. An
answer to an upload is read when the upload is out or the upstream has closed, not before; and one
that stops reading ends a blocking upload by the idle limit, even where the total ends sooner.

Source: capabilities A28 to A31; section "Sending" and row R26 of docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import socket
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import APIError, ConfigError
from llmgate_core.transports.deferred_close import close_elsewhere
from llmgate_core.transports.httpx_pools import encoded_headers
from llmgate_core.transports.upload import AsyncUpload, Upload
from llmgate_core.transports.user_client_errors import client_failure_before_head, client_failure_in_body, is_timeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.errors import LLMGateError

__all__ = [
    "AsyncUserClientTransport",
    "UserClientTransport",
    "is_async_client",
    "is_sync_client",
    "wrap_async_user_client",
    "wrap_user_client",
]

FINISH_SECONDS = 0.05
NEARLY = 0.9  # a wait that is that much of the client's own limit is left to the client
MAX_DEAD_CONNECTIONS = 1000


def is_sync_client(client: object) -> bool:
    """Return whether `client` can be used in a synchronous call."""
    return _looks_like_client(client) and not inspect.iscoroutinefunction(getattr(client, "send", None))


def is_async_client(client: object) -> bool:
    """Return whether `client` can be used in an asynchronous call."""
    return _looks_like_client(client) and inspect.iscoroutinefunction(getattr(client, "send", None))


def wrap_user_client(client: Any) -> UserClientTransport:
    """Return the wire of a client that was given as `client_session`.

    Raises:
        ConfigError: an asynchronous client, or none at all.
    """
    if is_sync_client(client):
        return UserClientTransport(client)
    raise ConfigError(f"client_session takes a client like httpx.Client(), not {_described(client)}")


def wrap_async_user_client(client: Any) -> AsyncUserClientTransport:
    """Return the wire of a client that was given as `aclient_session`.

    Raises:
        ConfigError: a synchronous client, or none at all.
    """
    if is_async_client(client):
        return AsyncUserClientTransport(client)
    raise ConfigError(f"aclient_session takes a client like httpx.AsyncClient(), not {_described(client)}")


def _looks_like_client(client: object) -> bool:
    return callable(getattr(client, "build_request", None)) and callable(getattr(client, "send", None))


def _described(client: object) -> str:
    kind = f"{type(client).__module__.split('.')[0]}.{type(client).__qualname__}"
    if is_async_client(client):
        return f"{kind}, which is asynchronous; pass it as aclient_session, to acompletion and its kin"
    if is_sync_client(client):
        return f"{kind}, which is synchronous; pass it as client_session, to completion and its kin"
    return f"{kind}, which has no build_request and send"


class _Attempt:
    """What the client tells of one attempt, through httpx's `trace` extension: on what connection it goes."""

    def __init__(self, *, refuses_kept: bool = False) -> None:
        self._refuses_kept = refuses_kept
        self._is_fresh = False
        self.was_kept = False  # an old connection was taken
        self.was_refused = False  # and we stopped it before a byte was sent

    def trace(self, name: str, info: object) -> None:  # noqa: ARG002  # names say enough
        """Note one step of the client."""
        if name.endswith(".connect_tcp.started"):
            self._is_fresh = True
        elif name.endswith(".send_request_headers.started") and not self._is_fresh:
            self.was_kept = True
            if self._refuses_kept:
                self.was_refused = True
                raise _DeadConnectionError

    async def atrace(self, name: str, info: object) -> None:
        """Do the same for an asynchronous client."""
        self.trace(name, info)

    def may_be_repeated(self, failure: LLMGateError) -> bool:
        """Return whether the upstream closed a kept connection just as we sent."""
        return self.was_kept and isinstance(failure, APIError) and failure.code in ("closed", "reset")


class _DeadConnectionError(Exception):
    """A connection belongs to an event loop that is closed."""


class _UserClient:
    """What both kinds share: the request."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._options = _send_options(client)

    def _outgoing(
        self,
        request: TransportRequest,
        waits: dict[str, float | None],
        trace: Any,
        upload: Upload | AsyncUpload | None,
    ) -> Any:
        scheme, host, port = request.origin
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{request.target}"
        headers = encoded_headers(request.headers)
        if not any(name.lower() == b"accept-encoding" for name, _ in headers):
            headers.append((b"accept-encoding", b"identity"))
        if upload is not None:
            headers.append((b"content-length", b"%d" % upload.left))
        outgoing = self._client.build_request(
            request.method,
            url,
            headers=headers,
            content=upload or request.content or None,
            extensions={"timeout": waits, "trace": trace},
        )
        if "cookie" in outgoing.headers and not any(name.lower() == b"cookie" for name, _ in headers):
            del outgoing.headers["cookie"]  # from the client's jar: what one call was given is not for another
        return outgoing


def _send_options(client: Any) -> dict[str, Any]:
    """Return what `send` is told, as far as the client takes it."""
    options: dict[str, Any] = {"stream": True, "follow_redirects": False}
    if getattr(client, "auth", None) is None:
        options["auth"] = None  # so that nothing replaces our authorization; a client's own auth was meant to
    takes = inspect.signature(client.send).parameters
    return {name: value for name, value in options.items() if name in takes}


def _waits(request: TransportRequest) -> dict[str, float | None]:
    deadline, timeouts = request.deadline, request.deadline.timeouts
    head = deadline.wait(timeouts.first_event)
    return {
        "connect": deadline.wait(timeouts.connect),
        "pool": deadline.wait(timeouts.pool),
        "read": head,
        "write": head if isinstance(request.content, bytes) else deadline.wait(timeouts.idle),
    }


def _raw_headers(response: Any) -> Sequence[tuple[bytes, bytes]]:
    raw = getattr(response.headers, "raw", None)
    if raw is not None:
        return list(raw)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]


class UserClientTransport(_UserClient):
    """`transport_contract.Transport` over the caller's own client.

    `unread` holds the bodies of open answers, so that the collector frees none in a thread that is
    in our `send`, and may hold the client's locks.
    """

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.unread: dict[int, Iterator[bytes]] = {}

    def send(self, request: TransportRequest) -> UserClientResponse:
        """Send `request`; see `transport_contract.Transport.send`."""
        may_repeat = True
        while True:
            attempt, waits = _Attempt(), _waits(request)
            upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
            outgoing = self._outgoing(request, waits, attempt.trace, upload)
            try:
                return UserClientResponse(self, self._client.send(outgoing, **self._options), request, waits)
            except Exception as error:
                failure = client_failure_before_head(error, request)
                if failure is None:
                    raise
            finally:
                if upload is not None:
                    upload.close()
            if not may_repeat or not attempt.may_be_repeated(failure):
                break
            may_repeat = False
        raise failure

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


class UserClientResponse:
    """A started answer; see `transport_contract.TransportResponse`."""

    def __init__(
        self,
        transport: UserClientTransport,
        response: Any,
        request: TransportRequest,
        waits: dict[str, float | None],
    ) -> None:
        self.status: int = response.status_code
        self.raw_headers = _raw_headers(response)
        self._response = response
        self._origin = request.origin
        self._waits = waits
        self._limit: float | None = None  # how long the client itself waits for a block
        self._blocks: Iterator[bytes] = iter(response.iter_bytes())
        self._transport = transport
        transport.unread[id(self)] = self._blocks
        self._watchdog = _Watchdog(_socket_of(response))
        self._is_closed = False

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`."""
        if self._is_closed:
            return b""
        if self._limit is None:
            self._limit = self._waits["read"] = wait_seconds  # which the client looks up once, now
        elif wait_seconds is not None and wait_seconds < self._limit * NEARLY:
            self._watchdog.watch(wait_seconds)
        failure: Exception | None
        try:
            block = next(filter(None, self._blocks), b"")
        except Exception as error:
            failure = TimeoutError() if self._watchdog.has_bitten or is_timeout(error) else None
            failure = failure or client_failure_in_body(error, self._origin)
            self.close()
            if failure is None:
                raise
        else:
            if self._watchdog.rest():
                raise TimeoutError
            return block
        raise failure

    def finish(self) -> None:
        """After an end marker: wait 50 ms at most for the proper end, so that the connection can be kept."""
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while self._watchdog.can_bite and self.read_block(FINISH_SECONDS):
                pass
        self.close()

    def close(self) -> None:
        """Drop the answer, or give its connection back. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        if getattr(self._response, "is_closed", False):
            self._part()
        else:
            close_elsewhere(self._response.close, self._part)  # this thread may hold the client's locks

    def _part(self) -> None:
        self._watchdog.stop()
        self._transport.unread.pop(id(self), None)

    def __del__(self) -> None:
        if hasattr(self, "_is_closed") and not self._is_closed:
            self.close()


def _socket_of(response: Any) -> socket.socket | None:
    stream = getattr(response, "extensions", {}).get("network_stream")
    found = None if stream is None else stream.get_extra_info("socket")
    return found if isinstance(found, socket.socket) else None


class _Watchdog:
    """Ends a blocking read that takes too long, by shutting down its socket.

    httpx takes one limit for a whole body, at its start; ours changes from block to block. There is
    one timer at a time, which looks up when it must ring, so most blocks set none.
    """

    def __init__(self, sock: socket.socket | None) -> None:
        self._socket = sock
        self._lock = threading.RLock()  # the collector may stop it in its own thread
        self._ends: float | None = None  # None: nobody reads, or without limit
        self._timer: threading.Timer | None = None
        self._rings_at = 0.0
        self.has_bitten = False

    @property
    def can_bite(self) -> bool:
        """Whether there is a socket; an answer from memory needs no limit."""
        return self._socket is not None

    def watch(self, wait_seconds: float | None) -> None:
        """Begin a read."""
        if wait_seconds is None or self._socket is None:
            return
        with self._lock:
            self._ends = ends = monotonic() + wait_seconds
            if self._timer is None or ends < self._rings_at:
                self._set_timer(wait_seconds)

    def rest(self) -> bool:
        """End a read; return whether it took too long."""
        with self._lock:
            self._ends = None
            return self.has_bitten

    def stop(self) -> None:
        """End for good."""
        with self._lock:
            self._ends = None
            if self._timer is not None:
                self._timer.cancel()

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = monotonic() + seconds
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
            if self._ends is None or self._socket is None:
                return
            left = self._ends - monotonic()
            if left > 0:
                self._set_timer(left)
                return
            self.has_bitten = True
            with contextlib.suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which another thread reads


class AsyncUserClientTransport(_UserClient):
    """`transport_contract.AsyncTransport` over the caller's own client, in one event loop after another."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._homes: dict[Origin, _Home] = {}

    async def asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        """Send `request`; see `transport_contract.AsyncTransport.asend`.

        A client that was used in an event loop which is closed by now has connections that would
        take the request and never give an answer; they are sorted out before anything is sent.
        """
        home = self._homes.setdefault(request.origin, _Home())
        may_repeat, dead = True, 0
        while True:
            attempt, waits = _Attempt(refuses_kept=home.has_moved()), _waits(request)
            upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
            if upload is not None:
                await upload.begin()
            outgoing = self._outgoing(request, waits, attempt.atrace, upload)
            try:
                sending = self._client.send(outgoing, **self._options)
                response = await _within(request.deadline.remaining(), sending, undo=_start_closing)
                home.settle()
                return AsyncUserClientResponse(response, request, waits)
            except Exception as error:
                failure = None if attempt.was_refused else client_failure_before_head(error, request)
                if failure is None and not (attempt.was_refused and dead < MAX_DEAD_CONNECTIONS):
                    raise
            finally:
                if upload is not None:
                    await upload.aclose()
            if failure is None:
                dead += 1
            elif may_repeat and attempt.may_be_repeated(failure):
                may_repeat = False
            else:
                break
        raise failure

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""


class AsyncUserClientResponse:
    """A started answer; see `transport_contract.AsyncTransportResponse`."""

    def __init__(self, response: Any, request: TransportRequest, waits: dict[str, float | None]) -> None:
        self.status: int = response.status_code
        self.raw_headers = _raw_headers(response)
        self._response = response
        self._origin = request.origin
        self._loop = asyncio.get_running_loop()
        waits["read"] = None  # every wait is cut off here instead
        self._blocks: AsyncIterator[bytes] = response.aiter_bytes().__aiter__()
        self._is_closed = False

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`."""
        if self._is_closed:
            return b""
        failure: Exception | None
        try:
            block: bytes = await _within(wait_seconds, self._next_block())
        except Exception as error:
            failure = TimeoutError() if is_timeout(error) else client_failure_in_body(error, self._origin)
            self.abort()
            if failure is None:
                raise
        except BaseException:
            self.abort()
            raise
        else:
            return block
        raise failure

    async def afinish(self) -> None:
        """After an end marker: wait 50 ms at most for the proper end, so that the connection can be kept."""
        with contextlib.suppress(TimeoutError, APIError):  # the answer was complete before
            while await self.aread_block(FINISH_SECONDS):
                pass
        await self.aclose()

    async def aclose(self) -> None:
        """Drop the answer, or give its connection back. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.shield(_start_closing(self._response))

    def abort(self) -> None:
        """Drop the answer without waiting; from any thread, and by the garbage collector."""
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(_start_closing, self._response)

    async def _next_block(self) -> bytes:
        async for block in self._blocks:
            if block:
                return block
        return b""

    def __del__(self) -> None:
        if hasattr(self, "_is_closed"):
            self.abort()


def _start_closing(response: Any) -> asyncio.Future[None]:
    """Close an answer in a task of its own, so that no cancellation stops it halfway."""
    task: asyncio.Future[None] = asyncio.ensure_future(response.aclose())
    task.add_done_callback(_retrieve)
    return task


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Keep asyncio from reporting what nobody waits for any more."""
    if not task.cancelled():
        task.exception()


async def _within(wait_seconds: float | None, steps: Coroutine[Any, Any, Any], undo: Any = None) -> Any:
    """Return what `steps` return; they are cancelled after a time, or with us.

    Raises:
        TimeoutError: not within `wait_seconds`. Else whatever the steps raise.
    """
    task = asyncio.ensure_future(steps)
    try:
        await asyncio.wait([task], timeout=wait_seconds)
        if not task.done():
            raise TimeoutError
    except BaseException:
        task.cancel()
        task.add_done_callback(functools.partial(_undo, undo))
        raise
    return task.result()


def _undo(undo: Any, task: asyncio.Future[Any]) -> None:
    _retrieve(task)
    if undo is not None and not task.cancelled() and task.exception() is None:
        undo(task.result())


class _Home:
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
