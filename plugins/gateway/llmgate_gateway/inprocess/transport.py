"""The gateway as the transport of an HTTP client: a program uses plugins without a server or a port.

    client = OpenAI(api_key="any", http_client=httpx2.Client(transport=GatewayTransport("config.yaml")))

Serves `httpx` and `httpx2`: the class of a request shows which of them calls, and the one that is not installed is
never imported. The host of a request's URL is ignored. asyncio only.

Source: the transport API of httpx ("Custom Transports"), which httpx2 shares.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import cache, partial
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmgate_gateway.inprocess.asgi import App, AppEndedError, ASGICall, Lifespan
from llmgate_gateway.inprocess.loop_thread import LoopThread

if TYPE_CHECKING:
    Base = Any  # a transport of either library, to a type checker
else:
    Base = object

__all__ = ["AsyncGatewayTransport", "GatewayTransport"]

ResultT = TypeVar("ResultT")
FIRST_BODY_BYTES = 65_536  # of a request, read before the app starts
CLOSE_SECONDS = 5.0
START_SECONDS = 60.0  # for the startup of the app, which no timeout of a request covers


class GatewayTransport(Base):  # type: ignore[misc]  # Any, so that a checker takes it for both libraries
    """For `httpx.Client` and `httpx2.Client`. Thread-safe; the app runs on an event loop in a separate thread.

    Args:
        config_or_app: a config (file name, mapping or `GatewayConfig`), or any ASGI app.
    """

    def __init__(self, config_or_app: Any) -> None:
        self._app = _app_of(config_or_app)
        self._lock = threading.Lock()
        self._running: LoopThread | None = None
        self._lifespan: Lifespan | None = None
        self._at_exit = partial(_close_left_open, weakref.ref(self))

    def handle_request(self, request: Any) -> Any:
        """Return the app's response, its body still to come."""
        library, timeout = _library_of(request), _timeout(request, "read")
        loop = self._running_loop(library)
        body = iter(request.stream)
        blocks, ended = _first_blocks(body)

        async def begin() -> ASGICall:
            call = ASGICall(self._app, _scope(request))
            for block in blocks:
                call.add_body(block, more=True)
            if ended:
                call.add_body(b"", more=False)
            return call

        call = _wait(begin(), loop, timeout, library)
        try:
            with _errors_of(library):
                started = asyncio.run_coroutine_threadsafe(call.started(), loop)
                if not ended:
                    _pump(body, call, loop, timeout, library)
                _result(started, timeout, library)
        except BaseException:
            _close(call, loop)
            raise
        stream = _stream_class(library, "SyncByteStream", _SyncBody)(call, loop, timeout, library)
        return library.Response(
            call.status, headers=call.headers, stream=stream, extensions={"http_version": b"HTTP/1.1"}
        )

    def close(self) -> None:
        """Shut the app down and end its thread. Idempotent."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        atexit.unregister(self._at_exit)
        try:
            if self._lifespan is not None:
                with contextlib.suppress(TimeoutError, concurrent.futures.TimeoutError):
                    asyncio.run_coroutine_threadsafe(self._lifespan.stop(), running.loop).result(CLOSE_SECONDS)
        finally:
            running.end(CLOSE_SECONDS)

    def __enter__(self) -> GatewayTransport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        running = getattr(self, "_running", None)
        if running is not None:
            atexit.unregister(self._at_exit)
            running.begin_end()

    def _running_loop(self, library: ModuleType) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._running is None:
                self._running = self._start(library)
            return self._running.loop

    def _start(self, library: ModuleType) -> LoopThread:
        """Start the app in a separate thread, which ends if the app does not start."""
        running = LoopThread("llmgate-gateway")
        try:
            with _errors_of(library):
                starting = asyncio.run_coroutine_threadsafe(_lifespan(self._app), running.loop)
                self._lifespan = _result(starting, START_SECONDS, library)
        except BaseException:
            running.end(CLOSE_SECONDS)
            raise
        atexit.register(self._at_exit)  # for a program that exits without closing it
        return running


def _close_left_open(left_open: weakref.ref[GatewayTransport]) -> None:
    transport = left_open()
    if transport is not None:
        transport.close()


class AsyncGatewayTransport(Base):  # type: ignore[misc]  # as above
    """For `httpx.AsyncClient` and `httpx2.AsyncClient`; the app runs on the caller's event loop.

    The app's own startup and shutdown run where the client is used as a context manager.

    Args:
        config_or_app: as for `GatewayTransport`.
    """

    def __init__(self, config_or_app: Any) -> None:
        self._app = _app_of(config_or_app)
        self._lifespan: Lifespan | None = None

    async def handle_async_request(self, request: Any) -> Any:
        """Return the app's response, its body still to come."""
        library, timeout = _library_of(request), _timeout(request, "read")
        call = ASGICall(self._app, _scope(request))
        feeding = asyncio.ensure_future(_feed(call, request.stream))
        try:
            with _errors_of(library):
                await asyncio.wait_for(_begin(call, feeding), timeout)
        except BaseException:
            feeding.cancel()
            call.close()
            raise
        stream = _stream_class(library, "AsyncByteStream", _AsyncBody)(call, feeding, timeout, library)
        return library.Response(
            call.status, headers=call.headers, stream=stream, extensions={"http_version": b"HTTP/1.1"}
        )

    async def aclose(self) -> None:
        """Shut the app down. Idempotent."""
        if self._lifespan is not None:
            lifespan, self._lifespan = self._lifespan, None
            await lifespan.stop()
        elif (close := getattr(self._app, "aclose", None)) is not None:
            await close()  # a gateway, whose connections are to be closed

    async def __aenter__(self) -> AsyncGatewayTransport:
        self._lifespan = await _lifespan(self._app)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


class _SyncBody:
    """The body of one response, for a thread other than the app's."""

    def __init__(
        self, call: ASGICall, loop: asyncio.AbstractEventLoop, timeout: float | None, library: ModuleType
    ) -> None:
        self._call = call
        self._loop = loop
        self._timeout = timeout
        self._library = library

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of(self._library):
            while (block := _wait(self._call.next_block(), self._loop, self._timeout, self._library)) is not None:
                yield block

    def close(self) -> None:
        """Disconnect."""
        _close(self._call, self._loop)

    def __del__(self) -> None:
        self.close()


class _AsyncBody:
    """The body of one response, on the app's event loop."""

    def __init__(
        self, call: ASGICall, feeding: asyncio.Future[None], timeout: float | None, library: ModuleType
    ) -> None:
        self._call = call
        self._feeding = feeding
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._library = library

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors_of(self._library):
            while (block := await asyncio.wait_for(self._call.next_block(), self._timeout)) is not None:
                yield block

    async def aclose(self) -> None:
        """Disconnect."""
        self._feeding.cancel()
        self._call.close()

    def __del__(self) -> None:
        _close(self._call, self._loop)


def _app_of(config_or_app: Any) -> App:
    if callable(config_or_app):
        return cast("App", config_or_app)
    from llmgate_gateway.app import create_app  # imported here, since a transport for another app needs none of it

    return cast("App", create_app(config_or_app))


def _library_of(request: object) -> ModuleType:
    """Return the HTTP library that a request belongs to."""
    for kind in type(request).__mro__:
        library = sys.modules.get(kind.__module__.partition(".")[0])
        if library is not None and hasattr(library, "AsyncByteStream"):
            return library
    raise TypeError(f"GatewayTransport serves httpx and httpx2, not a {type(request).__module__} request")


@cache
def _stream_class(library: ModuleType, base: str, stream_type: type) -> Any:
    """Return `stream_type` as a subclass of the library's stream, since the library checks the class."""
    return type(stream_type.__name__, (stream_type, getattr(library, base)), {})


def _scope(request: Any) -> dict[str, Any]:
    target = request.url.raw_path
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "state": {},
    }


def _timeout(request: Any, phase: str) -> float | None:
    timeout: float | None = request.extensions.get("timeout", {}).get(phase)
    return timeout


@contextlib.contextmanager
def _errors_of(library: ModuleType) -> Iterator[None]:
    """Raise errors of the library, which its users know how to catch."""
    try:
        yield
    except AppEndedError as error:
        raise library.RemoteProtocolError(str(error)) from error.__cause__
    except (TimeoutError, asyncio.TimeoutError):
        raise library.ReadTimeout("the app did not answer in time") from None


async def _lifespan(app: App) -> Lifespan:
    lifespan = Lifespan(app)
    await lifespan.start()
    return lifespan


async def _begin(call: ASGICall, feeding: asyncio.Future[None]) -> None:
    """Wait for the response to start, or for the request's body to fail."""
    starting = asyncio.ensure_future(call.started())
    try:
        await asyncio.wait({starting, feeding}, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        await starting
    finally:
        starting.cancel()


async def _feed(call: ASGICall, stream: Any) -> None:
    """Give the app the request's body as fast as it reads."""
    async for block in stream:
        call.add_body(block, more=True)
        if not await call.body_taken():
            return
    call.add_body(b"", more=False)


def _first_blocks(body: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """Return the first blocks of the body, and whether that is all of it."""
    blocks, size = list[bytes](), 0
    for block in body:
        blocks.append(block)
        size += len(block)
        if size >= FIRST_BODY_BYTES:
            return blocks, False
    return blocks, True


def _pump(
    body: Iterator[bytes],
    call: ASGICall,
    loop: asyncio.AbstractEventLoop,
    timeout: float | None,
    library: ModuleType,
) -> None:
    """Give the app the rest of a long body, as fast as it reads."""

    async def give(block: bytes, more: bool) -> bool:
        call.add_body(block, more=more)
        return not more or await call.body_taken()

    for block in body:
        if not _wait(give(block, True), loop, timeout, library):
            return
    _wait(give(b"", False), loop, timeout, library)


def _wait(
    work: Coroutine[Any, Any, ResultT], loop: asyncio.AbstractEventLoop, timeout: float | None, library: ModuleType
) -> ResultT:
    if loop.is_closed():
        work.close()
        raise library.RemoteProtocolError("the transport has been closed")
    return _result(asyncio.run_coroutine_threadsafe(work, loop), timeout, library)


def _result(future: concurrent.futures.Future[ResultT], timeout: float | None, library: ModuleType) -> ResultT:
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError:
        future.cancel()
        raise library.ReadTimeout("the app did not answer in time") from None
    except concurrent.futures.CancelledError:
        raise library.RemoteProtocolError("the transport has been closed") from None


def _close(call: ASGICall, loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has been closed, and the app with it
        loop.call_soon_threadsafe(call.close)
