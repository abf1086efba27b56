"""What the HTTP/1.1 reader and writer promise, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmgate_core.contract.limits import Deadline, Limits, Timeouts
from llmgate_core.contract.transport import Origin, TransportRequest
from llmgate_core.errors import APIConnectionError, APIResponseValidationError, BadRequestError, StreamTruncatedError
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.request_head import build_head
from llmgate_core.transports.http1.response_reader import ResponseReader

ORIGIN = Origin("http", "upstream.test", 8080)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def request(
    headers: list[tuple[str, str]], *, method: str = "POST", content: bytes = b"{}", origin: Origin = ORIGIN
) -> TransportRequest:
    return TransportRequest(method, origin, "/v1/x?y=z", headers, content, Deadline(Timeouts()), Limits())


Read = Callable[..., ResponseReader]


@pytest.fixture(params=["httptools", "h11"])
def read(request: pytest.FixtureRequest) -> Read:
    """Return a function that reads blocks with one of the two parsers."""

    def read(*blocks: bytes, max_head_bytes: int = 1000, ends: bool = False, method: str = "POST") -> ResponseReader:
        reader = ResponseReader(ORIGIN, max_head_bytes, parser_kind(request.param), method)
        for block in blocks:
            reader.feed(block)
        if ends:
            reader.feed_end()
        return reader

    return read


def outcome(reader: ResponseReader) -> tuple[object, ...]:
    return reader.status, reader.raw_headers, reader.take(), reader.complete, reader.reusable, reader.error


def test_a_request_is_written_with_host_and_length() -> None:
    assert build_head(request([("Accept", "a/b"), ("x-latin", "\xe9")])) == (
        b"POST /v1/x?y=z HTTP/1.1\r\nhost: upstream.test:8080\r\nAccept: a/b\r\nx-latin: \xe9\r\n"
        b"content-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin("https", "a.test", 443), b"a.test"),
        (Origin("http", "a.test", 80), b"a.test"),
        (Origin("http", "a.test", 443), b"a.test:443"),
        (Origin("http", "::1", 80), b"[::1]"),
        (Origin("https", "::1", 8443), b"[::1]:8443"),
    ],
)
def test_the_host_names_its_port_only_where_it_must(origin: Origin, host: bytes) -> None:
    head = build_head(request([], method="GET", content=b"", origin=origin))
    assert head == b"GET /v1/x?y=z HTTP/1.1\r\nhost: " + host + b"\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nevil: 1", "a\n", "a\r", "a\0b", "€"])
def test_an_illegal_value_is_refused_by_its_name_and_not_repeated(value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        build_head(request([("fine", "1"), ("x-tag", value)]))
    assert (caught.value.param, caught.value.attempts) == ("x-tag", 0)
    assert caught.value.__cause__ is None


def test_an_illegal_header_name_or_path_is_refused() -> None:
    with pytest.raises(BadRequestError, match="name"):
        build_head(request([("x\r\ny", "1")]))
    with pytest.raises(BadRequestError, match="path"):
        build_head(request([], origin=Origin("http", "a\r\nb", 80)))
    bad = request([])
    bad.target = "/a b"
    with pytest.raises(BadRequestError, match="path"):
        build_head(bad)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
@pytest.mark.parametrize(
    ("answer", "ends", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, (200, b"hello", True)),
        (CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: z\r\n\r\n", False, (200, b"hello", True)),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", True, (200, b"hello", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, (200, b"hello", False)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", False, (304, b"", True)),
        (b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False, (503, b"", False)),
        (
            b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + CHUNKED + b"0\r\n\r\n",
            False,
            (200, b"", True),
        ),
    ],
)
def test_an_answer_does_not_depend_on_how_it_is_cut(
    read: Read, answer: bytes, ends: bool, expected: tuple[int, bytes, bool], size: int
) -> None:
    reader = read(*[answer[at : at + size] for at in range(0, len(answer), size)], ends=ends)
    status, body, reusable = expected
    assert (reader.status, reader.take(), reader.reusable) == (status, body, reusable)
    assert (reader.complete, reader.error) == (True, None)
    assert (b"A", b"b") not in reader.raw_headers
    assert (b"Trailer", b"z") not in reader.raw_headers


@pytest.mark.parametrize("stray", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"])
@pytest.mark.parametrize("apart", [False, True])
def test_bytes_behind_the_end_are_never_read_and_end_the_connection(read: Read, stray: bytes, apart: bool) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    reader = read(answer, stray) if apart else read(answer + stray)
    assert outcome(reader) == (200, [(b"Content-Length", b"2")], b"hi", True, False, None)


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rX: y\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_is_not_one_plain_answer_is_a_protocol_error(read: Read, answer: bytes) -> None:
    reader = read(answer)
    assert isinstance(reader.error, APIConnectionError)
    assert not isinstance(reader.error, StreamTruncatedError)
    assert (reader.error.code, reader.error.phase) == ("protocol", "first_event")
    assert "upstream.test:8080" in reader.error.message
    assert (reader.complete, reader.reusable) == (False, False)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (CHUNKED + b"2\r\nhi\r\nzz\r\n", "protocol"),
        (CHUNKED + b"2\r\nhi0\r\n\r\n", "protocol"),
        (CHUNKED + b"2\r\nhi\r\n-1\r\n", "protocol"),
        (CHUNKED + b"2\r\nhi\r\n0x1\r\n", "protocol"),
        (CHUNKED + b"2\r\nhi\r\n" + b"f" * 30 + b"\r\n", "protocol"),
        (CHUNKED + b"2\r\nhi\r\n", "closed"),
        (CHUNKED + b"2\r\nhi\r\n0\r\n", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "closed"),
    ],
)
def test_a_body_that_breaks_off_is_truncated_and_gives_what_came(read: Read, answer: bytes, code: str) -> None:
    reader = read(answer, ends=True)
    assert reader.take() == b"hi"
    assert isinstance(reader.error, StreamTruncatedError)
    assert (reader.error.code, reader.error.phase) == (code, "body")
    assert reader.complete is False


def test_an_end_without_an_answer_is_closed(read: Read) -> None:
    for blocks in ((), (b"HTTP/1.1 2",)):
        reader = read(*blocks, ends=True)
        assert isinstance(reader.error, APIConnectionError)
        assert (reader.error.code, reader.received) == ("closed", sum(map(len, blocks)))


def test_a_break_says_in_which_phase(read: Read) -> None:
    for block, phase in ((b"HTTP", "first_event"), (CHUNKED, "body")):
        reader = read(block)
        reader.feed_break(ConnectionResetError(104, "gone"))
        assert isinstance(reader.error, APIConnectionError)
        assert (reader.error.code, reader.error.phase) == ("reset", phase)


def test_a_head_beyond_its_limit_is_refused_whole_endless_or_in_interim_answers(read: Read) -> None:
    interim = b"HTTP/1.1 103 Hints\r\nA: bbbbbbbb\r\n\r\n"
    for blocks in (
        [b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200 + b"\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n"] + [b"A: b\r\n"] * 50,
        [interim] * 20,
    ):
        reader = read(*blocks, max_head_bytes=100)
        assert isinstance(reader.error, APIResponseValidationError)
        assert all(value in reader.error.message for value in ("upstream.test:8080", "100 bytes"))
        assert (reader.complete, reader.reusable) == (False, False)


def test_a_body_in_the_block_of_the_head_does_not_count_as_head(read: Read) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, max_head_bytes=100)
    assert (len(reader.take()), reader.complete, reader.error) == (5000, True, None)


def test_the_answer_to_head_has_no_body(read: Read) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="HEAD")
    assert (reader.take(), reader.complete, reader.reusable, reader.error) == (b"", True, True, None)


def test_a_body_in_the_answer_to_head_ends_the_connection(read: Read) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", method="HEAD")
    assert (reader.complete, reader.reusable) == (True, False)


@pytest.mark.parametrize("stray", [b"", b"5", b"5;x=y", b"0\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"])
def test_a_connection_whose_answer_to_head_may_have_chunks_is_not_used_again(read: Read, stray: bytes) -> None:
    reader = read(CHUNKED + stray, method="HEAD")
    assert (reader.take(), reader.complete, reader.reusable) == (b"", True, False)


def test_no_message_repeats_what_came(read: Read) -> None:
    for answer in (
        b"HTTP/1.1 200 OK\r\nsk-secret\0: 1\r\n\r\n",
        b"sk-secret\r\n\r\n",
        CHUNKED + b"2\r\nhi\r\nsk-secret\r\n",
    ):
        error = read(answer).error
        assert error is not None
        assert "secret" not in repr(error) + str(error)
        assert error.__cause__ is None


@pytest.mark.parametrize("start", [b"1", b"0\r\n"])
def test_bytes_without_a_body_have_a_limit(read: Read, start: bytes) -> None:
    piece = b";x" * 50 if start == b"1" else b"x: y\r\n" * 16
    assert read(CHUNKED, start, *[piece] * 9).error is None
    error = read(CHUNKED, start, *[piece] * 11).error
    assert isinstance(error, StreamTruncatedError)
    assert error.code == "protocol"
