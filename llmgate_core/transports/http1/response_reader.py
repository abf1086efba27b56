"""Reads one HTTP/1.1 answer from byte blocks and refuses whatever is ambiguous.

Pure: no I/O and no clock; the sync and the async connection both feed it. One reader reads one answer; bytes that
follow its end are never taken for another one.

Source: RFC 9112 sections 6 and 7; rows R4, R10 and S11 of docs/reliability.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.transports.failures import broken, closed, not_http, stopped, truncated
from llmgate_core.transports.http1.parser_contract import RefusedError
from llmgate_core.transports.http_syntax import peer

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin
    from llmgate_core.errors import APIError
    from llmgate_core.transports.http1.parser_contract import ResponseParser
    from llmgate_core.transports.http1.parsers import ParserKind

__all__ = ["ResponseReader"]

_JUDGED_LENGTHS = frozenset(map(len, (b"content-length", b"transfer-encoding", b"content-encoding")))


class ResponseReader:
    """Reads one answer; never raises, but keeps what went wrong in `error`.

    Attributes:
        status, raw_headers: valid once `head_complete`.
        received: bytes that came before the head was complete; 0: none at all.
        complete: the body has ended as it should.
        reusable: valid once `complete`: the connection may carry another request.
        error: why there will be no more; what was read before it can still be taken.
        content_encoding: the values of all `content-encoding` headers, joined by commas.
        method: of the request, which decides whether the answer may have a body.
    """

    status = 0
    received = 0
    head_complete = False
    complete = False
    reusable = False
    error: APIError | None = None
    content_encoding = b""
    _bare_bytes = 0  # bytes since the last one of the body: chunk headers and trailers
    _is_interim = False
    _until_end = False
    _is_chunked = False
    _reason = ""

    def __init__(self, origin: Origin, max_head_bytes: int, parser: ParserKind, method: str = "POST") -> None:
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.method = method
        self._origin = origin
        self._max_head_bytes = max_head_bytes
        self._blocks: list[bytes] = []
        # The parser calls it without a step in between.
        self.on_body = self._refuse_body if method == "HEAD" else self._blocks.append
        self._parser_errors = parser.errors
        self._parser: ResponseParser | None = parser.make(self)

    def feed(self, data: bytes) -> None:
        """Read `data`, which is not empty."""
        parser = self._parser
        if parser is None:
            self.reusable = False
            return
        blocks = len(self._blocks) if self.head_complete else -1  # -1: some of this belongs to the head
        try:
            parser.feed_data(data)
        except self._parser_errors as error:
            self.reusable = False
            if not self.complete:
                self._refuse(self._reason or _reason_of(error))
        if self.complete:
            self._parser = None
        if blocks < 0:
            self.received += len(data)
            if self.received > self._max_head_bytes and self.error is None:
                self._check_head_size()
        elif len(self._blocks) > blocks:
            self._bare_bytes = 0
        else:
            self._count_bare_bytes(len(data))

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
        self._parser = None  # the parser refers to this reader: a cycle

    def stop(self) -> None:
        """Read nothing more, because the reader of the answer closed it; from any thread."""
        if self.error is None:
            self.fail(stopped(self._origin))

    def take(self) -> bytes:
        """Return what has come of the body so far, still encoded."""
        blocks = self._blocks
        if not blocks:
            return b""
        if len(blocks) == 1:
            return blocks.pop()
        block = b"".join(blocks)
        blocks.clear()
        return block

    def _count_bare_bytes(self, count: int) -> None:
        self._bare_bytes += count
        if self._bare_bytes > self._max_head_bytes and not self.complete and self.error is None:
            self._refuse(f"more than {self._max_head_bytes} bytes of chunk headers or trailers without any body")

    def _refuse(self, reason: str) -> None:
        failure = (truncated if self.head_complete else not_http)(self._origin, reason)
        failure.code = "protocol"
        self.fail(failure)

    def _check_head_size(self) -> None:
        """Refuse a head beyond its limit; bytes of the body in the same block do not count."""
        size = sum(len(name) + len(value) + 4 for name, value in self.raw_headers)
        if not self.head_complete or size > self._max_head_bytes:
            message = f"the head of the answer of {peer(self._origin)} exceeds {self._max_head_bytes} bytes"
            self.complete = False
            self.fail(APIResponseValidationError(message, phase="first_event"))

    # What the parser calls. An exception in one of these ends the parsing.

    def on_message_begin(self) -> None:
        """Refuse a second answer."""
        if self.complete:
            raise self._refusal("a second answer follows")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one header; what follows the body are trailers, which are dropped."""
        if not self.head_complete:
            self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Read what the head says of the body."""
        parser = self._parser
        if parser is None:
            raise self._refusal("a second answer follows")
        self.status = parser.get_status_code()
        if self.status < 200:
            self._begin_interim()
            return
        if not parser.get_http_version().startswith("1."):
            raise self._refusal("its version is not 1.0 or 1.1")
        self._read_headers()
        self.head_complete = True
        if self.method == "HEAD":
            self.on_message_complete()

    def on_message_complete(self) -> None:
        """Note the end, unless it is that of an interim answer such as `100 Continue`."""
        if self._is_interim:
            self._is_interim = False
        elif self._parser is not None:
            self.complete = True
            # the parser would not report the heads of chunks behind an answer to HEAD
            self.reusable = self._parser.should_keep_alive() and not (self._is_chunked and self.method == "HEAD")

    def _refuse_body(self, _: bytes) -> None:
        raise self._refusal("a body follows the answer to HEAD")

    def _begin_interim(self) -> None:
        if self.status == 101:
            raise self._refusal("it switches to another protocol")
        self._is_interim = True
        self.raw_headers.clear()

    def _read_headers(self) -> None:
        """Note where the body ends, and how it is encoded.

        Raises:
            RefusedError: the head says twice where it ends, or by a transfer coding that was not asked for.
        """
        length = coding = False
        for spelled, value in self.raw_headers:
            if len(spelled) not in _JUDGED_LENGTHS:
                continue
            name = spelled.lower()
            if name == b"content-length":
                if length or not value.strip().isdigit():
                    raise self._refusal("its content-length is ambiguous")
                length = True
            elif name == b"transfer-encoding":
                if coding or value.strip().lower() != b"chunked":
                    raise self._refusal("its transfer-encoding is not 'chunked'")
                coding = True
            elif name == b"content-encoding":
                self.content_encoding += b"," + value
        if length and coding:
            raise self._refusal("it has both a content-length and a transfer-encoding")
        self._until_end = not (length or coding)
        self._is_chunked = coding

    def _refusal(self, reason: str) -> RefusedError:
        self._reason = reason
        return RefusedError(reason)


def _reason_of(error: Exception) -> str:
    """Return why an answer is refused, in words that repeat no byte of it; h11's own words do."""
    module = type(error).__module__.partition(".")[0]
    return str(error) if module in ("httptools", "llmgate_core") else "it is not what the standard allows"
