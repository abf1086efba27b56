"""The reader of HTTP/1.1 answers, with both of its parsers.

Any cut of the same bytes gives the same outcome. Whatever is accepted has one framing only, and where both parsers
accept an answer they read the same.

Source: RFC 9112, sections 2.2, 5 to 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fuzz.cuts import ways_to_cut
from llmgate_core.contract.transport import Origin
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.response_reader import ResponseReader

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_core.transports", "h11")
ORIGIN = Origin("http", "upstream.example.test", 80)
PARSERS: tuple[Literal["httptools", "h11"], ...] = ("httptools", "h11")
METHODS = ("POST", "HEAD")
NO_LIMIT, SMALL_LIMIT = 1 << 20, 120
ILLEGAL_IN_HEAD = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]")


@dataclass
class Outcome:
    """What the reader made of the bytes; `failure` is the class and the code of its error."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    complete: bool
    reusable: bool
    failure: tuple[str, str | None] | None


def check(data: bytes) -> None:
    """Read the bytes whole and in pieces, with both parsers."""
    for method in METHODS:
        outcomes = [read([data], name, method) for name in PARSERS]
        for name, whole in zip(PARSERS, outcomes, strict=True):
            for blocks in ways_to_cut(data):
                check_same(read(blocks, name, method), whole, data, name)
            read([data], name, method, SMALL_LIMIT)
            if whole.complete:
                check_unambiguous(data, whole)
        fast, slow = outcomes
        if fast.complete and slow.complete:
            assert (fast.status, fast.body) == (slow.status, slow.body), "the two parsers read different answers"
            assert folded(fast.headers) == folded(slow.headers), "the two parsers read different headers"


def folded(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers in lower case and without blanks at the end: h11 reports some so, httptools all as they came."""
    return [(name.lower(), value.strip(b" \t").lower()) for name, value in headers]


def check_same(pieces: Outcome, whole: Outcome, data: bytes, name: str) -> None:
    """Assert that a cut changed nothing but this: httptools skips blank lines that arrive with an answer."""
    if whole.reusable and not pieces.reusable:
        assert data.endswith((b"\r", b"\n")), f"{name}: a connection with bytes left over would be used again"
        pieces.reusable = True
    assert pieces == whole, f"{name}: a cut changed the outcome"


def read(blocks: list[bytes], name: Literal["httptools", "h11"], method: str, limit: int = NO_LIMIT) -> Outcome:
    """Return what a connection reads of an answer that arrives in these blocks, and then ends."""
    reader, body = ResponseReader(ORIGIN, limit, parser_kind(name), method), b""
    for block in blocks:
        if block:
            reader.feed(block)
            body += reader.take()
    keeps = reader.reusable
    reader.feed_end()
    failure = None if reader.error is None else (type(reader.error).__name__, reader.error.code)
    assert reader.complete == (failure is None), "an answer is neither complete nor an error, or both"
    head = reader.raw_headers if reader.head_complete else []
    return Outcome(reader.status if reader.head_complete else 0, head, body, reader.complete, keeps, failure)


def check_unambiguous(data: bytes, outcome: Outcome) -> None:
    """Assert that no other program could find another end of this answer."""
    lengths = [value for name, value in outcome.headers if name.lower() == b"content-length"]
    codings = [value for name, value in outcome.headers if name.lower() == b"transfer-encoding"]
    assert len(lengths) + len(codings) <= 1, "an answer with two framings was accepted"
    assert all(value.strip().isdigit() for value in lengths), "a length other than a number was accepted"
    assert all(value.strip().lower() == b"chunked" for value in codings), "another coding than chunked was accepted"
    assert 200 <= outcome.status <= 999, "an interim status was accepted as the final one"
    if lengths and outcome.body:
        assert len(outcome.body) == int(lengths[0]), "the body is not as long as the head says"
    if not codings and data.count(b"HTTP/") == 1:
        head = data.partition(b"\r\n\r\n")[0]
        assert not ILLEGAL_IN_HEAD.search(head), "a head with an illegal end of line was accepted"
