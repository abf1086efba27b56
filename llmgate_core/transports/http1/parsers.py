"""The two parsers of HTTP/1.1 answers: httptools where it is installed, else h11, which httpx brings along.

A parser reports what it reads to a `ParserEvents`; every rule beyond syntax is in `response_reader`, once for both.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

__all__ = ["ParserEvents", "ParserKind", "RefusedError", "ResponseParser", "parser_kind"]


class RefusedError(Exception):
    """Ends the parsing: the answer breaks a rule of ours or of the syntax. Its text never repeats a received byte."""


class ParserEvents(Protocol):
    """What a parser calls while it reads. An exception in one of these ends the parsing."""

    on_body: Callable[[bytes], None]

    def on_message_begin(self) -> None:
        """An answer begins."""
        ...

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header was read, its name spelled as it came."""
        ...

    def on_headers_complete(self) -> None:
        """The head was read."""
        ...

    def on_message_complete(self) -> None:
        """The answer has ended, an interim one too."""
        ...


class ResponseParser(Protocol):
    """Reads the answer to one request, in blocks of any size."""

    def feed_data(self, data: bytes) -> object:
        """Read `data`; raises one of the errors of its `ParserKind`."""
        ...

    def get_status_code(self) -> int:
        """Return the status, once the head was read."""
        ...

    def get_http_version(self) -> str:
        """Return the version, such as `1.1`, once the head was read."""
        ...

    def should_keep_alive(self) -> bool:
        """Return whether the connection may carry another request."""
        ...


class ParserKind(NamedTuple):
    """A parser: how to make one for a request method, and which exceptions it raises for a bad answer."""

    make: Callable[[ParserEvents, str], ResponseParser]
    errors: tuple[type[Exception], ...]


def parser_kind(name: Literal["httptools", "h11"] | None) -> ParserKind:
    """Return the parser of this name; None: the fastest that is installed."""
    if name != "h11":
        try:
            return _httptools()
        except ModuleNotFoundError as error:
            if name is not None or error.name != "httptools":
                raise
    return _h11()


def _httptools() -> ParserKind:
    httptools: Any = importlib.import_module("httptools")
    make_parser = httptools.HttpResponseParser
    return ParserKind(lambda events, _: make_parser(events), (httptools.HttpParserError, httptools.HttpParserUpgrade))


def _h11() -> ParserKind:
    from llmgate_core.transports.http1.h11_parser import ERRORS, H11Parser

    return ParserKind(H11Parser, ERRORS)
