"""h11 as a response parser, for where httptools is not installed.

h11 reads more than we accept: heads whose lines end with a bare LF, folded header lines, and a length that is given
twice. Two programs that disagree about these disagree about where an answer ends, so a head is checked before h11
receives it.

Source: RFC 9112 sections 2.2, 5.2 and 6.3; row S11 of docs/reliability.md.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import h11

from llmgate_core.transports.http1.parser_contract import RefusedError

if TYPE_CHECKING:
    from llmgate_core.transports.http1.parser_contract import ParserEvents

__all__ = ["ERRORS", "H11Parser"]

ERRORS = (RefusedError, h11.ProtocolError)

_START = b"HTTP/1."
_HEAD_END = b"\r\n\r\n"
_ILLEGAL_LINE = re.compile(rb"(?<!\r)\n|\r[^\n]|\n[ \t]")
_REPEATED_LENGTH = re.compile(rb"\r\ncontent-length:(?:[^\r]*,|.*\r\ncontent-length:)", re.IGNORECASE | re.DOTALL)


class H11Parser:
    """Reads one answer and reports it to `events`; see `parser_contract.ResponseParser`."""

    def __init__(self, events: ParserEvents) -> None:
        self._events = events
        self._status = 0
        self._version = ""
        self._in_head = True
        self._head = bytearray()
        self._checked = 0  # bytes of the head that were searched before
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=sys.maxsize)  # the reader has limits
        self._connection.send(h11.Request(method=events.method, target="/", headers=[("host", "-")]))
        self._connection.send(h11.EndOfMessage())

    def feed_data(self, data: bytes) -> None:
        """Read `data`.

        Raises:
            RefusedError: not HTTP/1.1. h11.ProtocolError: the same; its text may repeat what came.
        """
        if self._in_head:
            self._head += data
            data = self._read_heads()
        if data:
            self._connection.receive_data(data)
            self._report()

    def get_status_code(self) -> int:
        """Return the status, once the head was read."""
        return self._status

    def get_http_version(self) -> str:
        """Return the version, once the head was read."""
        return self._version

    def should_keep_alive(self) -> bool:
        """Return whether the connection may carry another request, once the answer has ended."""
        return self._connection.their_state is h11.DONE

    def _read_heads(self) -> bytes:
        """Read complete heads, interim ones too; return the bytes that follow the final one."""
        while self._in_head:
            head = self._head
            if not head.startswith(_START[: len(head)]):
                raise RefusedError("it does not begin with HTTP/1")
            end = head.find(_HEAD_END, max(self._checked - len(_HEAD_END), 0)) + len(_HEAD_END)
            is_complete = end >= len(_HEAD_END)
            if _ILLEGAL_LINE.search(head, max(self._checked - 1, 0), end if is_complete else len(head)):
                raise RefusedError("a line of the head has an illegal end or is folded")
            if not is_complete:
                self._checked = len(head)
                return b""
            if _REPEATED_LENGTH.search(head, 0, end):
                raise RefusedError("its content-length is ambiguous")
            self._head, self._checked = head[end:], 0
            self._events.on_message_begin()
            self._connection.receive_data(bytes(head[:end]))
            self._report()
        rest, self._head = bytes(self._head), bytearray()
        return rest

    def _report(self) -> None:
        """Report what h11 has read so far."""
        events = self._events
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Data):
                events.on_body(bytes(event.data))
            elif isinstance(event, (h11.InformationalResponse, h11.Response)):
                self._report_head(event)
            elif isinstance(event, h11.EndOfMessage):
                events.on_message_complete()
            elif event is h11.PAUSED:  # the answer has ended, and there are more bytes
                events.on_message_begin()
                return
            else:  # it needs more data
                return

    def _report_head(self, head: h11.InformationalResponse | h11.Response) -> None:
        self._status, self._version = head.status_code, head.http_version.decode("ascii")
        for name, value in head.headers.raw_items():
            self._events.on_header(name, value)
        self._in_head = isinstance(head, h11.InformationalResponse)
        self._events.on_headers_complete()
        if self._in_head:
            self._events.on_message_complete()
