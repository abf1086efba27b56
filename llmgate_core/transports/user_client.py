"""A caller's own `httpx` or `httpx2` client as a wire, by protocol: never closed by us.

A client needs `build_request` and `send(request, stream=True)`; its answers are read with
`iter_bytes`, so that mocked and compressed bodies work. What it raises is told by class name,
since httpx and httpx2 share those.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from llmgate_core.contracts import TransportRequest
from llmgate_core.errors import APIError, ConfigError
from llmgate_core.transports.user_client_errors import error_before_head, error_in_body, without_frames

__all__ = ["AsyncUserClientTransport", "UserClientTransport", "wrap_async_user_client", "wrap_user_client"]

Waits = dict[str, "float | None"]


def wrap_user_client(client: Any) -> UserClientTransport:
    """Return `client` as a synchronous wire.

    Raises:
        ConfigError: it is an asynchronous client, or none at all.
    """
    _check(client, "client_session", wants_async=False)
    return UserClientTransport(client)


def wrap_async_user_client(client: Any) -> AsyncUserClientTransport:
    """Return `client` as an asynchronous wire.

    Raises:
        ConfigError: it is a synchronous client, or none at all.
    """
    _check(client, "aclient_session", wants_async=True)
    return AsyncUserClientTransport(client)


def _check(client: Any, argument: str, *, wants_async: bool) -> None:
    kind = f"{type(client).__module__.split('.')[0]}.{type(client).__name__}"
    if not callable(getattr(client, "build_request", None)) or not callable(getattr(client, "send", None)):
        raise ConfigError(f"{argument} must be an httpx or httpx2 client, not {kind}")
    if inspect.iscoroutinefunction(client.send) is not wants_async:
        wanted = "an asynchronous client, such as httpx.AsyncClient()" if wants_async else "httpx.Client()"
        raise ConfigError(f"{argument} takes {wanted}, not {kind}")


def _build(client: Any, request: TransportRequest) -> tuple[Any, Waits]:
    scheme, host, port = request.origin
    host = f"[{host}]" if ":" in host else host
    waits = _waits(request)
    default = {"http": 80, "https": 443}[scheme] == port
    url = f"{scheme}://{host}{'' if default else f':{port}'}{request.target}"
    built = client.build_request(
        request.method, url, headers=dict(request.headers), content=request.content, extensions={"timeout": waits}
    )
    if "cookie" in built.headers:  # a jar of the client must not speak for another call
        del built.headers["cookie"]
    return built, waits


def _waits(request: TransportRequest) -> Waits:
    deadline, timeouts = request.deadline, request.deadline.timeouts
    head = deadline.wait(timeouts.first_event)
    return {
        "connect": deadline.wait(timeouts.connect),
        "pool": deadline.wait(timeouts.pool),
        "read": head,
        "write": head,
    }


def _send_options(client: Any) -> dict[str, Any]:
    """Follow no redirect, and let neither netrc nor a default replace our authorization."""
    options: dict[str, Any] = {"stream": True, "follow_redirects": False}
    if getattr(client, "auth", None) is None:
        options["auth"] = None
    return options


def _is_from_client(error: Exception, client: Any) -> bool:
    """Return whether an exception is the HTTP library's own, whichever library that is."""
    home = type(client).__module__.split(".")[0]
    return any(base.__module__.split(".")[0] in (home, "httpx", "httpx2") for base in type(error).__mro__)


class _Answer:
    """What both kinds of answer share."""

    def __init__(self, client: Any, response: Any, request: TransportRequest, waits: Waits) -> None:
        self.status: int = response.status_code
        self.raw_headers: Sequence[tuple[bytes, bytes]] = response.headers.raw
        self._client = client
        self._response = response
        self._request = request
        self._waits = waits

    def _failure(self, error: Exception) -> Exception:
        if type(error).__name__.endswith("Timeout"):
            return TimeoutError()
        if not _is_from_client(error, self._client):
            return error
        without_frames(error)
        return error_in_body(error, self._request)


class UserClientResponse(_Answer):
    """A started answer of `UserClientTransport`."""

    def __init__(self, client: Any, response: Any, request: TransportRequest, waits: Waits) -> None:
        super().__init__(client, response, request, waits)
        self._blocks: Iterator[bytes] = response.iter_bytes()

    def read_block(self, wait_seconds: float | None) -> bytes:
        """See `TransportResponse.read_block`."""
        self._waits["read"] = wait_seconds
        try:
            return next((block for block in self._blocks if block), b"")
        except Exception as error:  # noqa: BLE001  # told apart by name: the class may be of either library
            failure = self._failure(error)
        raise failure from None

    def finish(self) -> None:
        """See `TransportResponse.finish`."""
        try:
            while self.read_block(0.05):
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete already; only the connection is lost
        self.close()

    def close(self) -> None:
        """Close the answer, not the client."""
        self._response.close()


class UserClientTransport:
    """`contracts.Transport` over a caller's synchronous client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, request: TransportRequest) -> UserClientResponse:
        """See `Transport.send`."""
        built, waits = _build(self._client, request)
        failure: APIError
        try:
            response = self._client.send(built, **_send_options(self._client))
        except Exception as error:
            if not _is_from_client(error, self._client):
                raise
            failure = error_before_head(error, request)
            without_frames(error)
        else:
            return UserClientResponse(self._client, response, request, waits)
        raise failure from None

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


class AsyncUserClientResponse(_Answer):
    """A started answer of `AsyncUserClientTransport`."""

    def __init__(self, client: Any, response: Any, request: TransportRequest, waits: Waits) -> None:
        super().__init__(client, response, request, waits)
        self._blocks: AsyncIterator[bytes] = response.aiter_bytes()
        self._loop = asyncio.get_running_loop()

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """See `AsyncTransportResponse.aread_block`."""
        self._waits["read"] = wait_seconds
        try:
            async for block in self._blocks:
                if block:
                    return block
        except Exception as error:  # noqa: BLE001  # told apart by name: the class may be of either library
            failure = self._failure(error)
        else:
            return b""
        raise failure from None

    async def afinish(self) -> None:
        """See `AsyncTransportResponse.afinish`."""
        try:
            while await self.aread_block(0.05):
                pass
        except (TimeoutError, APIError):
            pass  # the answer was complete already; only the connection is lost
        await self.aclose()

    async def aclose(self) -> None:
        """Close the answer, not the client."""
        await asyncio.shield(self._response.aclose())

    def abort(self) -> None:
        """See `AsyncTransportResponse.abort`."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._response.aclose()))


class AsyncUserClientTransport:
    """`contracts.AsyncTransport` over a caller's asynchronous client.

    The client may be used from one event loop after another. A connection that it kept from a
    loop that is closed by now would still carry a request out and then fail, so such connections
    are shut before anything is sent; the client's pool then drops them.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sockets: dict[int, tuple[asyncio.AbstractEventLoop, Any]] = {}

    async def asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        """See `AsyncTransport.asend`."""
        tries = 1 + self._shut_dead_connections()
        while True:
            tries -= 1
            try:
                return await self._asend(request)
            except RuntimeError as error:
                # the pool fails once for each dead connection while it drops it; nothing was sent
                if tries <= 0 or "loop is closed" not in str(error):
                    raise

    async def _asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        built, waits = _build(self._client, request)
        failure: APIError
        try:
            response = await self._client.send(built, **_send_options(self._client))
        except Exception as error:
            if not _is_from_client(error, self._client):
                raise
            failure = error_before_head(error, request)
            without_frames(error)
        else:
            self._remember_socket(response)
            return AsyncUserClientResponse(self._client, response, request, waits)
        raise failure from None

    def _remember_socket(self, response: Any) -> None:
        stream = response.extensions.get("network_stream")
        sock = stream.get_extra_info("socket") if stream is not None else None
        if sock is not None:
            self._sockets[sock.fileno()] = (asyncio.get_running_loop(), sock)

    def _shut_dead_connections(self) -> int:
        dead = [number for number, (loop, _) in self._sockets.items() if loop.is_closed()]
        for number in dead:
            with contextlib.suppress(OSError):  # closed already
                self._sockets.pop(number)[1].shutdown(socket.SHUT_RDWR)
        return len(dead)

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""
