"""What a connection notes about one exchange: how long to wait, what came, and whether it ended cleanly.

Pure but for the monotonic clock. httpcore hands an exchange to our connections as the `timeout` of
every step, so one object carries limits that change while httpcore holds it.

Source: rows R11, R12, R26 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.transports.failures import no_http, peer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.transport import TransportRequest

__all__ = ["AnswerBytes", "TrackedConnection", "Trust", "WireExchange", "has_final_head", "seconds_until"]

SHORTEST_WAIT_SECONDS = 0.001  # zero would mean: do not wait at all, not even for what is there
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_CARRIED_BYTES = len(_LAST_CHUNK) - 1


class WireExchange:
    """One request and its answer.

    Attributes:
        ends: when the present wait is over, on the monotonic clock; None: never.
        connection: what carries it; None: nothing was sent yet.
        was_used: whether that connection had carried an answer before.
        received: bytes of the answer so far. ended: the upstream has closed its side.
    """

    __slots__ = ("_connect_ends", "_head_bytes", "_request", "connection", "ended", "ends", "received", "was_used")

    def __init__(self, request: TransportRequest) -> None:
        self._request = request
        self._connect_ends: float | None = None
        self._head_bytes: int | None = request.limits.head
        self.ends: float | None = None
        self.connection: TrackedConnection | None = None
        self.was_used = False
        self.received = 0
        self.ended = False

    def timeouts(self) -> dict[str, object]:
        """Return what httpcore takes as the timeouts of a request."""
        deadline = self._request.deadline
        return {"pool": deadline.wait(deadline.timeouts.pool), "connect": self, "read": self, "write": self}

    def start_connecting(self) -> float | None:
        """Return until when connecting, TLS included, may take."""
        deadline = self._request.deadline
        self._connect_ends = _from_now(deadline.wait(deadline.timeouts.connect))
        return self._connect_ends

    @property
    def connect_ends(self) -> float | None:
        """What `start_connecting` returned."""
        return self._connect_ends

    def is_upload(self) -> bool:
        """Return whether the request's body is read while it goes out."""
        return not isinstance(self._request.content, bytes)

    def start_sending(self) -> None:
        """Begin the wait for the upstream to take more of an upload."""
        deadline = self._request.deadline
        self.ends = _from_now(deadline.wait(deadline.timeouts.idle))

    def start_waiting(self) -> None:
        """Begin the wait for the head: something was just sent."""
        deadline = self._request.deadline
        self.ends = _from_now(deadline.wait(deadline.timeouts.first_event))

    def wait_at_most(self, wait_seconds: float | None) -> None:
        """Begin the wait for a block of the body."""
        self._head_bytes = None
        self.ends = _from_now(wait_seconds)

    def is_over(self) -> bool:
        """Return whether the present wait has ended."""
        return self.ends is not None and monotonic() >= self.ends

    def check_start(self, data: bytes) -> None:
        """Stop at once at what does not begin like an answer; httpcore would wait for more of it.

        Raises:
            APIConnectionError: it is not HTTP/1.
        """
        if not self.received and not (b"HTTP/".startswith(data[:5]) or data.startswith(b"\r\n")):
            raise no_http(self._request.origin, "it begins otherwise")

    def check_head(self) -> None:
        """Stop an endless head, or an endless row of interim answers.

        Raises:
            APIResponseValidationError: more came than a head may have.
        """
        if self._head_bytes is not None and self.received > self._head_bytes:
            raise APIResponseValidationError(
                f"the head of the answer of {peer(self._request.origin)} exceeds {self._head_bytes} bytes"
            )

    def was_stale(self) -> bool:
        """Return whether a kept connection broke without a byte: it was closed just as we sent."""
        return self.was_used and not self.received


class Trust:
    """Since when a connection must have been idle to be used again; shared by those of one transport."""

    __slots__ = ("since",)

    def __init__(self) -> None:
        self.since = 0.0

    def lose(self) -> None:
        """Believe in no connection that is idle now: one of them turned out to be dead."""
        self.since = monotonic()


class TrackedConnection:
    """The part that the blocking and the asyncio connection have in common."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._answer = AnswerBytes()
        self._used = False  # has carried an answer before
        self._idle_since = 0.0
        self._spoilt = False  # never to be used again

    def _begin(self, exchange: WireExchange) -> None:
        if exchange.connection is not self:
            exchange.connection = self
            exchange.was_used = self._used
            self._answer = AnswerBytes()

    def _note(self, exchange: WireExchange, data: bytes) -> bytes:
        if data:
            if exchange.connection is self and not exchange.received:
                exchange.check_start(data)
            exchange.received += len(data)
            self._answer.add(data)
        else:
            exchange.ended = True
        return data

    def end_answer(self, raw_headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Note that an answer is complete; with more bytes behind it the connection is not kept."""
        self._used = True
        self._idle_since = monotonic()
        if not self._answer.ends_cleanly(raw_headers):
            self._spoilt = True

    def _is_unfit(self) -> bool:
        return self._spoilt or self._idle_since < self._trust.since


class AnswerBytes:
    """Tells, once httpcore has read a whole answer, whether nothing came behind it.

    httpcore keeps such bytes and would take them for the answer to the next request. Sound rather
    than complete: where it cannot be sure, it says no, and a connection is made anew.
    """

    __slots__ = ("_before", "_blocks", "_count", "_head_bytes", "_last")

    def __init__(self) -> None:
        self._count = 0
        self._blocks = 0
        self._head_bytes = 0  # 0: its end was not seen yet
        self._before = b""  # the last few bytes before the last block
        self._last = b""

    def add(self, data: bytes) -> None:
        """Take the next bytes as they came from the connection."""
        last = self._last
        self._before = last[-_CARRIED_BYTES:] if len(last) >= _CARRIED_BYTES else self._tail(last)
        self._last = data
        if not self._head_bytes:
            carried = self._before[-len(_HEAD_END) + 1 :]
            at = (carried + data).find(_HEAD_END)
            if at >= 0:
                self._head_bytes = self._count - len(carried) + at + len(_HEAD_END)
        self._count += len(data)
        self._blocks += 1

    def ends_cleanly(self, raw_headers: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether the last byte that came is the last byte of the answer.

        The answer's end lies in the last block, or that would not have been read.
        """
        tail = self._before + self._last
        if tail.count(b"HTTP/") > (self._blocks == 1):
            return False  # perhaps another answer; a body may say so too, which costs a connection
        length: int | None = None
        is_chunked = False
        for name, value in raw_headers:
            if len(name) == 14 and name.lower() == b"content-length" and value.isdigit():
                length = int(value)
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                is_chunked = True
        if is_chunked:  # with a length as well, somebody on the way may see another end
            return length is None and tail.find(_LAST_CHUNK) == len(tail) - len(_LAST_CHUNK) >= 0
        return self._count == self._head_bytes + (length or 0)

    def _tail(self, last: bytes) -> bytes:
        return (self._before + last)[-_CARRIED_BYTES:]


def has_final_head(data: bytes) -> bool:
    """Return whether an answer, or what is none, begins in `data`; `100 Continue` and its like do not count."""
    while data.startswith(b"HTTP/1.") and data[9:10] in (b"", b"1"):
        _, found, data = data.partition(_HEAD_END)
        if not found:
            return False
    return bool(data) and not b"HTTP/1.".startswith(data)


def seconds_until(ends: float | None) -> float | None:
    """Return how long it is until `ends`; never quite zero."""
    return None if ends is None else max(ends - monotonic(), SHORTEST_WAIT_SECONDS)


def _from_now(wait_seconds: float | None) -> float | None:
    return None if wait_seconds is None else monotonic() + wait_seconds
