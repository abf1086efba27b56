"""The two parsers of HTTP/1.1 answers: httptools where it is installed, else h11, which httpx brings along.

A parser reports what it reads to a `ParserEvents`; every rule beyond syntax is in `response_reader`, once for both.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from llmgate_core.transports.http1.parser_contract import ParserEvents, ResponseParser

__all__ = ["ParserKind", "parser_kind"]


class ParserKind(NamedTuple):
    """A parser: how to make one for an answer, and which exceptions it raises for a bad one."""

    make: Callable[[ParserEvents], ResponseParser]
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
    return ParserKind(httptools.HttpResponseParser, (httptools.HttpParserError, httptools.HttpParserUpgrade))


def _h11() -> ParserKind:
    from llmgate_core.transports.http1.h11_parser import ERRORS, H11Parser

    return ParserKind(H11Parser, ERRORS)
