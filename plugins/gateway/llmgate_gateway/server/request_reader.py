"""Reads requests from the bytes of a connection, with limits, and refuses what could be read in two ways.

Trailers after a body are not taken for headers. An upgrade that is not supported is ignored, as the standard allows:
some clients offer HTTP/2 with every request.

Source: RFC 9112, sections 2.3, 3.2, 6.1, 6.3 and 9.6; RFC 9110, sections 6.5 and 7.8; rows R21 and S12 of
docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import unquote

import httptools

from llmgate_gateway.http.responses import Scope

__all__ = ["HeadLimits", "RequestReader", "Requests"]

VERSIONS: Final = frozenset({"1.0", "1.1"})
HOP_BY_HOP: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})


class HeadLimits(Protocol):
    """Of the head of a request, and of what frames its body."""

    head_bytes: int
    head_lines: int


class Requests(Protocol):
    """What takes the requests that were read. What it does not take it refuses, by `RequestReader.refuse`."""

    def begin_request(self, scope: Scope, *, keep_alive: bool, awaits_continue: bool) -> None:
        """Take the head of a request."""
        ...

    def add_body(self, block: bytes) -> None:
        """Take bytes of its body."""
        ...

    def end_request(self) -> None:
        """Take its end."""
        ...


class RefusedError(Exception):
    """Raised through the parser to stop it."""


class RequestReader:
    """Reads one connection.

    Args:
        requests: takes what is read.
        limits: read again for each request.
        constant: the keys of every request's scope.

    Attributes:
        in_request: a request has begun and is not complete. in_body: and its head is.
    """

    def __init__(self, requests: Requests, limits: HeadLimits, constant: Mapping[str, Any]) -> None:
        self._requests = requests
        self._limits = limits
        self._constant = constant
        self._parser = self._new_parser()
        self._reason = "invalid"
        self._head_is_complete = self._is_upgrade = self._awaits_continue = False
        self._overhead = 0  # bytes of the head, or of chunk framing, since the last one that was neither
        self._trailer_bytes = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self.in_request = self.in_body = False

    def feed(self, data: bytes) -> str | None:
        """Read what has come, and return why it is refused; None: it is not."""
        self._overhead += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            return self._reason
        return "large head" if self._overhead > self._limits.head_bytes else None

    def refuse(self, reason: str) -> NoReturn:
        """Stop reading; `feed` returns the reason."""
        self._reason = reason
        raise RefusedError

    def on_message_begin(self) -> None:
        """Start a request."""
        self.in_request = True
        self._head_is_complete = self._is_upgrade = self._awaits_continue = False
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        """Read the target, or a piece of it."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; a trailer is only counted."""
        if not self._head_is_complete:
            name = name.lower()
            self._headers.append((name, value))
            if name == b"expect" and value.lower() == b"100-continue":
                self._awaits_continue = True
            return
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > self._limits.head_bytes:
            self.refuse("large head")

    def on_headers_complete(self) -> None:
        """Pass on a request, unless its head is not acceptable."""
        self._head_is_complete = True
        headers, parser = self._headers, self._parser
        version, method = parser.get_http_version(), parser.get_method().decode("ascii")
        self._check_size()
        if version not in VERSIONS or b"#" in self._url or method == "CONNECT" or _is_ambiguous(headers, version):
            self.refuse("invalid")
        self._overhead = self._trailer_bytes = 0
        if parser.should_upgrade():
            self._is_upgrade = True
            return
        self._requests.begin_request(
            self._scope(method, version),
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            awaits_continue=self._awaits_continue,
        )
        self.in_body = True

    def on_body(self, block: bytes) -> None:
        """Pass on a block of the body."""
        self._overhead = 0
        if not self._is_upgrade:
            self._requests.add_body(block)

    def on_message_complete(self) -> None:
        """Pass on the end of a request; the next one may follow."""
        self._overhead = 0
        if self._is_upgrade:
            return
        self.in_request = self.in_body = False
        self._requests.end_request()

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._plain_head() + data[upgrade.args[0] :]
                self._parser = self._new_parser()
            else:
                return

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # it is skipped: the answer before it is due
        return parser

    def _plain_head(self) -> bytes:
        """Return the head that was just read, without its request for another protocol."""
        line = b"%b %b HTTP/%b" % (self._parser.get_method(), self._url, self._parser.get_http_version().encode())
        lines = [name + b": " + value for name, value in self._headers if name not in HOP_BY_HOP]
        return b"\r\n".join([line, *lines, b"\r\n"])

    def _check_size(self) -> None:
        headers, limits = self._headers, self._limits
        if len(headers) > limits.head_lines:
            self.refuse("many headers")
        if len(self._url) + sum([len(name) + len(value) + 4 for name, value in headers]) > limits.head_bytes:
            self.refuse("large head")

    def _scope(self, method: str, version: str) -> Scope:
        """Return the request as a scope of ASGI. An invalid target raises, and is refused."""
        target = httptools.parse_url(self._url)
        path = target.path.decode("ascii")
        return {
            **self._constant,
            "http_version": version,
            "method": method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": target.path,
            "query_string": target.query or b"",
            "headers": self._headers,
        }


def _is_ambiguous(headers: list[tuple[bytes, bytes]], version: str) -> bool:
    """Return whether two servers could read a head in two ways: as for another host, or with another body."""
    names = [name for name, _ in headers]
    hosts, lengths, encodings = names.count(b"host"), names.count(b"content-length"), names.count(b"transfer-encoding")
    is_old = version != "1.1"
    if hosts != 1 and not (is_old and hosts == 0):
        return True
    if lengths + encodings > 1:
        return True
    return encodings == 1 and (is_old or dict(headers)[b"transfer-encoding"].lower() != b"chunked")
