"""HTTP/1.1 as bytes: the head of a request, the parts of an answer.

Pure: no I/O and no clock; the sync and the async wire both feed it. One reader reads one
answer; bytes behind its end are never taken for another one.

Source: RFC 9112; rows R4, R10, S9 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from llmgate_core.errors import APIResponseValidationError, BadRequestError
from llmgate_core.transports.failures import broken, closed, no_http, peer, truncated

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.errors import APIError

__all__ = ["ResponseReader", "build_head"]

_METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


def build_head(request: TransportRequest) -> bytes:
    """Return request line and headers.

    Raises:
        BadRequestError: CR, LF, NUL or a character beyond latin-1; names the header, not its value.
    """
    lines = [f"{request.method} {request.target} HTTP/1.1\r\nhost: {_host(request.origin)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers]
    content = request.content
    if content or request.method in _METHODS_WITH_BODY:
        size = len(content) if isinstance(content, bytes) else content.length
        lines.append(f"content-length: {size}\r\n")
    ends = len(lines) + 1  # the first entry holds two lines
    text = "".join(lines) + "\r\n"
    if text.count("\n") != ends + 1 or text.count("\r") != ends + 1 or "\0" in text or " " in request.target:
        raise _illegal(request)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise _illegal(request) from None  # the original repeats the value


def _host(origin: Origin) -> str:
    if origin.port != _DEFAULT_PORTS.get(origin.scheme):
        return peer(origin)
    return f"[{origin.host}]" if ":" in origin.host else origin.host


def _illegal(request: TransportRequest) -> BadRequestError:
    """Say which header cannot be sent; the request line where it is none of them."""
    for name, value in request.headers:
        if any(character in "\r\n\0" or character > "\xff" for character in name):
            return BadRequestError("a header's name holds a character that cannot be sent", attempts=0)
        if any(character in "\r\n\0" or character > "\xff" for character in value):
            return BadRequestError(f"the header {name!r} holds a character that cannot be sent", param=name, attempts=0)
    return BadRequestError("host, method or path hold a character that cannot be sent", attempts=0)


class _StrayBytesError(Exception):
    """Stops the parser: bytes after the end, or a switch of protocol that nobody asked for."""


class ResponseReader:
    """Reads one answer from byte blocks of any size; never raises, keeps what went wrong in `error`.

    Attributes:
        status, raw_headers: valid once `head_complete`.
        received: bytes that came before the head was complete, 0: not one.
        complete: the body has ended as it should.
        reusable: valid once `complete`: the connection may carry another request.
        error: why there will be no more; what was read before it can still be taken.
    """

    __slots__ = (
        "_blocks",
        "_interim",
        "_keep_alive",
        "_max_head_bytes",
        "_origin",
        "_parser",
        "_until_end",
        "complete",
        "error",
        "head_complete",
        "on_body",
        "raw_headers",
        "received",
        "reusable",
        "status",
    )

    def __init__(self, origin: Origin, max_head_bytes: int) -> None:
        self.status = 0
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.received = 0
        self.head_complete = False
        self.complete = False
        self.reusable = False
        self.error: APIError | None = None
        self._origin = origin
        self._max_head_bytes = max_head_bytes
        self._blocks: list[bytes] = []
        self._interim = False
        self._keep_alive = False
        self._until_end = False
        self.on_body = self._blocks.append  # called by the parser, without a step in between
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Read `data`, which is not empty."""
        if self._parser is None:
            self.reusable = False
            return
        if self.head_complete:
            self._parse(self._parser, data)
            return
        self.received += len(data)
        self._parse(self._parser, data)
        if self.received > self._max_head_bytes and self.error is None:
            self._check_head_size()

    def feed_end(self) -> None:
        """Take the end of the input."""
        self.reusable = False
        if self.complete or self.error is not None:
            return
        if not self.head_complete:
            self.fail(closed(self._origin))
        elif self._until_end:
            self.complete = True
            self._parser = None
        else:
            self.fail(truncated(self._origin, "the connection was closed"))

    def feed_break(self, error: OSError | None) -> None:
        """Take a connection that broke."""
        self.reusable = False
        if not self.complete and self.error is None:
            self.fail(broken(self._origin, "body" if self.head_complete else "first_event", error))

    def fail(self, error: APIError) -> None:
        """Read nothing more; `error` says why."""
        self.error = error
        self.reusable = False
        self._parser = None  # the parser holds this reader: a cycle, if it were kept

    def take(self) -> bytes:
        """Return what there is of the body so far, as it came on the wire."""
        blocks = self._blocks
        if not blocks:
            return b""
        block = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        blocks.clear()
        return block

    def _parse(self, parser: HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.reusable = False
            if not self.complete:
                self._refuse(error)
        if self.complete:
            self._parser = None

    def _refuse(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, HttpParserError) else "it switches to another protocol"
        failure = (truncated if self.head_complete else no_http)(self._origin, reason)
        failure.code = "protocol"
        failure.__cause__ = error
        self.fail(failure)

    def _check_head_size(self) -> None:
        """Refuse a head beyond its limit; bytes of the body in the same block do not count."""
        size = sum(len(name) + len(value) + 4 for name, value in self.raw_headers)
        if not self.head_complete or size > self._max_head_bytes:
            text = f"the head of the answer of {peer(self._origin)} exceeds {self._max_head_bytes} bytes"
            self.complete = False
            self.fail(APIResponseValidationError(text, phase="first_event"))

    # What the parser calls. An exception in one of these ends the parsing.

    def on_message_begin(self) -> None:
        """Refuse a second answer."""
        if self.complete:
            raise _StrayBytesError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header."""
        if not self.head_complete:  # what follows the body are trailers: not wanted
            self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Read what the head says of the body."""
        if self._parser is None:
            raise _StrayBytesError
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self._begin_interim()
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._until_end = not self._is_framed()
        self.head_complete = True

    def on_message_complete(self) -> None:
        """Note the end, unless it is that of a `100 Continue` or its like."""
        if self._interim:
            self._interim = False
            return
        self.complete = True
        self.reusable = self._keep_alive

    def _begin_interim(self) -> None:
        if self.status == 101:
            raise _StrayBytesError
        self._interim = True
        self.raw_headers.clear()

    def _is_framed(self) -> bool:
        """Whether the head says where the body ends."""
        framed = False
        for name, value in self.raw_headers:
            size = len(name)
            if size == 14 and name.lower() == b"content-length":
                framed = True
            elif size == 17 and name.lower() == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise _StrayBytesError  # a coding of the transfer that we did not ask for
                framed = True
        return framed
