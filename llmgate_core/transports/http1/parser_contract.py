"""What a parser of HTTP/1.1 answers reports, and to whom.

Pure protocols, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["ParserEvents", "RefusedError", "ResponseParser"]


class RefusedError(Exception):
    """Ends the parsing: the answer breaks one of our rules or the syntax. Its text never repeats a received byte."""


class ParserEvents(Protocol):
    """What a parser calls while it reads. An exception in one of these ends the parsing.

    Attributes:
        method: of the request.
    """

    on_body: Callable[[bytes], None]
    method: str

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
