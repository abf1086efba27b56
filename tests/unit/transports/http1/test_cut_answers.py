"""How an answer is cut into blocks never changes what is read of it, and both parsers read the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.transport import Origin
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.response_reader import ResponseReader
from tests.support.examples import examples

ORIGIN = Origin("http", "upstream.test", 8080)

STARTS = (
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 Same\r\n"),
    *(b"HTTP/1.1 500 Oops\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", b"HTTP/1.1 101 Switching\r\n"),
    *(b"HTTP/2.0 200 OK\r\n", b"HTTP/1.1 200 OK\n", b"ICY 200 OK\r\n", b"HTTP/1.1  200 OK\r\n", b"HTTP/1.1 2 OK\r\n"),
)
HEADERS = (
    *(b"Content-Length: 5\r\n", b"content-length: 0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Connection: close\r\n"),
    *(b"X-A: b\r\n", b"X-A:\r\n", b"X-A: b\r\n c\r\n", b"X-A: b\n", b"X-A : b\r\n", b": b\r\n", b"X-A: b\0c\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n", b"X-A: \xe9\r\n"),
)
BODIES = (
    *(b"hello", b"", b"hell", b"hello!", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nTrailer: z\r\n\r\n"),
    *(
        b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"5\r\nhello\r\n0\r\n",
    ),
)
STRAYS = (b"", b"", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny", b"0\r\n\r\n")
answers = st.builds(
    lambda start, headers, body, stray: start + b"".join(headers) + b"\r\n" + body + stray,
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(HEADERS), max_size=3),
    st.sampled_from(BODIES),
    st.sampled_from(STRAYS),
)


def outcome(answer: bytes, cuts: list[int], parser: str, method: str) -> tuple[object, ...]:
    """Return what a reader has read of `answer`, cut at these places."""
    reader = ResponseReader(ORIGIN, 1000, parser_kind(parser), method)  # type: ignore[arg-type]
    body = b""
    for start, end in pairwise([0, *cuts, len(answer)]):
        if start < end:
            reader.feed(answer[start:end])
            body += reader.take()
    reusable = reader.reusable
    reader.feed_end()  # at which both parsers know what was wrong, since one of them looks further ahead
    error = None if reader.error is None else (type(reader.error), reader.error.phase)
    head = (reader.status, reader.raw_headers, reader.content_encoding) if reader.head_complete else None
    return head, body, error, reader.complete, reusable


def without_line_ends_behind(answer: bytes, method: str) -> bytes:
    """Return `answer` without line ends that follow its end.

    They cannot be taken for another answer: one parser skips them, and with the other they end the connection.
    """
    reader = ResponseReader(ORIGIN, 1000, parser_kind("h11"), method)
    for place in range(len(answer)):
        reader.feed(answer[place : place + 1])
        if reader.complete:
            rest = answer[place + 1 :]
            return answer if rest.strip(b"\r\n") else answer[: place + 1]
    return answer


@examples(300)
@given(answers, st.lists(st.integers(0, 200), max_size=8), st.sampled_from(("POST", "HEAD")))
def test_the_outcome_depends_neither_on_the_cuts_nor_on_the_parser(
    answer: bytes, places: list[int], method: str
) -> None:
    answer = without_line_ends_behind(answer, method)
    cuts = sorted(min(place, len(answer)) for place in places)
    whole = [outcome(answer, [], parser, method) for parser in ("httptools", "h11")]
    for parser, expected in zip(("httptools", "h11"), whole, strict=True):
        assert outcome(answer, list(range(1, len(answer))), parser, method) == expected
        assert outcome(answer, cuts, parser, method) == expected
    assert whole[0][:-1] == whole[1][:-1]  # after HEAD without a length, only one of them keeps the connection
