"""The answers of a fake upstream, well-behaved or not.

Pure data: the bytes of one HTTP/1.1 response and how they are sent. `fake_upstream.py` sends them.

Source: RFC 9112 for framing; the rows of docs/reliability.md for the faults.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from llmgate_core.testing.aws_messages import event_message

if TYPE_CHECKING:
    import threading

__all__ = ["Answer"]

NO_BODY_STATUSES = frozenset({204, 304})
FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer. A well-behaved one needs only `status` and `body`.

    Attributes:
        status: the HTTP status.
        body: bytes are sent at once, with a content length; an iterable of bytes is sent chunked,
            one network write each, and may be endless.
        headers: a mapping, or pairs if a name occurs twice. A content length or transfer encoding
            given here replaces the correct one.
        delay_seconds: wait before the head.
        pause_seconds: wait between any two parts of the body, and before `stray`.
        drip: split the body (with `raw`: everything) into parts of this many bytes.
        hold: wait until this event is set, or the server is closed.
        hold_at: where `hold` waits: None: before the head; else after this many parts of the body.
        truncate_at: send this many bytes of the framed body, then close as `close` says.
        close: `fin` or `rst`: how to close the connection after the answer. None: keep it open.
        until_close: send no framing at all: the body ends with the connection.
        stray: bytes sent after the answer's end, on the connection that stays open.
        raw: bytes sent unchanged instead of a head and a body.
        before_body: answer as soon as the request's head has arrived, without reading its body.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=dict)
    delay_seconds: float = 0.0
    pause_seconds: float = 0.0
    drip: int | None = None
    hold: threading.Event | None = None
    hold_at: int | None = None
    truncate_at: int | None = None
    close: Literal["fin", "rst"] | None = None
    until_close: bool = False
    stray: bytes = b""
    raw: bytes | Iterable[bytes] | None = None
    before_body: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        """Return an answer with `value` as JSON; `x_request_id="..."` becomes the header `x-request-id`."""
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **_header_names(headers)})

    @classmethod
    def sse(
        cls, events: str | Iterable[str | dict[str, Any] | tuple[str, Any]], *, done: bool = True, **headers: str
    ) -> Answer:
        """Return an event stream: a string sent unchanged, or one event and network write for each item.

        An item is the data, as text or as an object, or a pair of the event's name and the data. With `done` it ends
        with `data: [DONE]`.
        """
        end = [b"data: [DONE]\n\n"] if done else []
        parts = [events.encode()] if isinstance(events, str) else [_event(event) for event in events]
        return cls(200, parts + end, {"content-type": "text/event-stream", **_header_names(headers)})

    @classmethod
    def lines(cls, values: Iterable[Any], **headers: str) -> Answer:
        """Return NDJSON: one line and network write for each value; a string is a line as it is."""
        parts = [f"{_text(value)}\n".encode() for value in values]
        return cls(200, parts, {"content-type": "application/x-ndjson", **_header_names(headers)})

    @classmethod
    def eventstream(cls, messages: Iterable[tuple[str, Any] | bytes], **headers: str) -> Answer:
        """Return an AWS event stream: one message and network write for each item.

        An item is a pair of the event's name and its payload, as text or as an object; or bytes sent as they are. A
        name that ends in `Exception` makes an exception, as those of AWS do.
        """
        parts = [item if isinstance(item, bytes) else event_message(item[0], _text(item[1])) for item in messages]
        return cls(200, parts, {"content-type": "application/vnd.amazon.eventstream", **_header_names(headers)})

    @property
    def keeps_connection(self) -> bool:
        """Whether the connection may carry another request after this answer."""
        return not self.until_close and self.close is None and self.truncate_at is None

    def head(self) -> bytes:
        """Return status line and headers; empty for a `raw` answer."""
        if self.raw is not None:
            return b""
        pairs = [*self._header_pairs(), *self._framing()]
        lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return f"HTTP/1.1 {self.status} {_reason(self.status)}\r\n{lines}\r\n".encode("latin-1")

    def parts(self) -> Iterator[bytes]:
        """Yield the parts after the head, one network write each."""
        return _first_bytes(self._all_parts(), self.truncate_at)

    def _all_parts(self) -> Iterator[bytes]:
        if self.raw is not None:
            yield from _cut([self.raw] if isinstance(self.raw, bytes) else self.raw, self.drip)
            return
        chunked = self._is_chunked
        for part in _cut([self.body] if isinstance(self.body, bytes) else self.body, self.drip):
            yield b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
        if chunked:
            yield b"0\r\n\r\n"

    def _header_pairs(self) -> list[tuple[str, str]]:
        return list(self.headers.items() if isinstance(self.headers, Mapping) else self.headers)

    @property
    def _is_framed_by_caller(self) -> bool:
        return any(name.lower() in FRAMING_HEADERS for name, _ in self._header_pairs())

    @property
    def _is_chunked(self) -> bool:
        has_other_framing = self.until_close or self._is_framed_by_caller or self.status in NO_BODY_STATUSES
        return not has_other_framing and not isinstance(self.body, bytes)

    def _framing(self) -> list[tuple[str, str]]:
        if self._is_chunked:
            return [("transfer-encoding", "chunked")]
        if self.until_close:
            return [("connection", "close")]
        if self._is_framed_by_caller or self.status in NO_BODY_STATUSES or not isinstance(self.body, bytes):
            return []
        return [("content-length", str(len(self.body)))]


def _header_names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _event(event: str | dict[str, Any] | tuple[str, Any]) -> bytes:
    if isinstance(event, tuple):
        name, data = event
        return f"event: {name}\ndata: {_text(data)}\n\n".encode()
    return f"data: {_text(event)}\n\n".encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _cut(parts: Iterable[bytes], size: int | None) -> Iterator[bytes]:
    for part in parts:
        if size is None:
            if part:
                yield part
        else:
            yield from (part[start : start + size] for start in range(0, len(part), size))


def _first_bytes(parts: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
    if limit is None:
        yield from parts
        return
    for part in parts:
        if limit <= 0:
            return
        yield part[:limit]
        limit -= len(part)
