"""What a transport promises: a request goes in, a started answer comes out, its body read block by block.

Pure protocols and data, no I/O. Two kinds ship in `transports/`; a plugin may bring its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from llmgate_core.contract.limits import Deadline, Limits

__all__ = [
    "AsyncTransport",
    "AsyncTransportResponse",
    "Origin",
    "StaleConnectionError",
    "StreamedContent",
    "Transport",
    "TransportRequest",
    "TransportResponse",
]


class Origin(NamedTuple):
    """Scheme, host and port of a base URL: what a connection is made to."""

    scheme: str
    host: str
    port: int


class StaleConnectionError(Exception):
    """A kept connection turned out to be closed before any byte of the answer.

    The request may be sent again on a new one.
    Its `__cause__` is the `APIConnectionError` to raise where the request is not sent again.
    """


class StreamedContent(Protocol):
    """A body that is never whole in memory, such as a multipart form with files.

    Attributes:
        length: total bytes, always known, so that `content-length` can be sent.
    """

    @property
    def length(self) -> int:
        """Total bytes."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the body from its start, each time this is called: a retry reads it again.

        Raises:
            BadRequestError: a file cannot be read, or is not as long as it was.
        """
        ...

    def ablocks(self) -> AsyncIterator[bytes]:
        """As `blocks`, without blocking the event loop."""
        ...


@dataclass(slots=True)
class TransportRequest:
    """One request to send.

    Attributes:
        target: path and query, percent-encoded ASCII.
        headers: all but `host`, `content-length` and `connection`, which the transport sets.
        content: the body; a streamed one is read again for each attempt.
        deadline: how long each phase may take, and when the whole call ends.
        limits: sizes at which to stop.
        new_connection: send it on a new connection, not on one that was kept.
        is_elsewhere: it goes to another host than the base URL's, so what a caller's own HTTP client adds for that host
            (headers, query, authorization) stays out of it.
    """

    method: str
    origin: Origin
    target: str
    headers: list[tuple[str, str]]
    content: bytes | StreamedContent
    deadline: Deadline
    limits: Limits = field(repr=False)
    new_connection: bool = False
    is_elsewhere: bool = False

    def at(self, origin: Origin, path_prefix: str = "") -> TransportRequest:
        """Return a copy that goes to another origin, for transports that wrap another one."""
        return replace(self, origin=origin, target=path_prefix + self.target)

    def __repr__(self) -> str:
        return f"TransportRequest({self.method} {self.origin.host}:{self.origin.port})"


class TransportResponse(Protocol):
    """A started answer: the head is here, the body is read block by block.

    `raw_headers` have the names as they came. Blocks are already freed of any content encoding.

    A response may also have a method `take_whole() -> bytes | None`: the whole body if it came together with the head,
    before any block was read, and else None.
    """

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body, `b""` at its proper end.

        Raises:
            TimeoutError: nothing came within `wait_seconds` (None: no limit).
            StreamTruncatedError: the body ended early. APIConnectionError: the connection broke.
            APIResponseValidationError: an encoding that cannot be undone.
        """
        ...

    def finish(self) -> None:
        """After an end marker: read the little that is left, at most 50 ms, then `close`."""
        ...

    def close(self) -> None:
        """Give the connection back if the answer is complete, else drop it. Idempotent.

        Any thread may call it; a `read_block` of another thread then raises.
        """
        ...


class AsyncTransportResponse(Protocol):
    """The asynchronous twin of `TransportResponse`."""

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """As `TransportResponse.read_block`."""
        ...

    async def afinish(self) -> None:
        """As `TransportResponse.finish`."""
        ...

    async def aclose(self) -> None:
        """As `TransportResponse.close`; finishes even when its task is cancelled."""
        ...

    def abort(self) -> None:
        """Drop the connection without waiting; any thread and the garbage collector may call it.

        An `aread_block` of another task then raises.
        """
        ...


class Transport(Protocol):
    """Sends one request. One object serves many threads."""

    def send(self, request: TransportRequest) -> TransportResponse:
        """Send `request` and return its answer once the head is here.

        Raises:
            StaleConnectionError: a kept connection was closed before any byte of the answer; the caller sends the
                request again with `new_connection`.
            APIConnectionError: not reached or broken; `code` says how.
            APITimeoutError: `phase` is `pool`, `connect`, `first_event` or `total`.
        """
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class AsyncTransport(Protocol):
    """The asynchronous twin of `Transport`, bound to one event loop."""

    async def asend(self, request: TransportRequest) -> AsyncTransportResponse:
        """As `Transport.send`."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
