"""Pipelines of valid and broken requests, cut at any place, get the answers that are written down for each: row S12."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.examples import examples
from tests.support.running_gateway import RunningGateway, read_all, running_gateway

MASTER = "sk-master-canary-Zq81LmPw4d"
WHOLE = {"id": "c", "object": "chat.completion", "choices": []}
KEY = f"authorization: Bearer {MASTER}\r\n".encode()
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
CHUNKS = b"%x;a=b\r\n%s\r\n0\r\nx: y\r\n\r\n" % (len(BODY), BODY)
OFFER = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True)
class Piece:
    """What a client sends, and how it is answered.

    Attributes:
        status: of the answer; None: there is none.
        ends: the connection closes after the answer. is_broken: and the answer is left out behind a request that has
            not been answered yet, since it could be taken for that one's.
    """

    content: bytes
    status: int | None
    ends: bool = False
    is_broken: bool = False
    is_head: bool = False


PIECES = {
    "live": Piece(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", 200),
    "absolute": Piece(b"GET http://x/livez?a=b HTTP/1.1\r\nhost: x\r\n\r\n", 200),
    "head": Piece(b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\n" + KEY + b"\r\n", 200, is_head=True),
    "chat": Piece(CHAT + KEY + LENGTH + b"\r\n" + BODY, 200),
    "chunks": Piece(CHAT + KEY + CHUNKED + CHUNKS, 200),
    "continue": Piece(CHAT + KEY + LENGTH + b"expect: 100-continue\r\n\r\n" + BODY, 200),
    "offer": Piece(CHAT + KEY + OFFER + LENGTH + b"\r\n" + BODY, 200),
    "close": Piece(CHAT + KEY + LENGTH + b"connection: close\r\n\r\n" + BODY, 200, ends=True),
    "old": Piece(b"GET /livez HTTP/1.0\r\n\r\n", 200, ends=True),
    "blank lines": Piece(b"\r\n\r\n", None),
    "no key": Piece(CHAT + LENGTH + b"\r\n" + BODY, 401),
    "no key, unread body": Piece(b"GET /nope HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n" + b"x" * 500, 401),
    "no key, chunks": Piece(CHAT + CHUNKED + CHUNKS, 401, ends=True),
    "no key, continue": Piece(CHAT + LENGTH + b"expect: 100-continue\r\n\r\n" + BODY, 401, ends=True),
    "large body": Piece(CHAT + KEY + b"content-length: 90000\r\n\r\n" + b" " * 90_000, 400),
    "no HTTP": Piece(b"garbage\r\n", 400, is_broken=True),
    "TLS": Piece(b"\x16\x03\x01\x02\x00\x01\x00", 400, is_broken=True),
    "two framings": Piece(CHAT + LENGTH + CHUNKED, 400, is_broken=True),
    "two hosts": Piece(b"GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400, is_broken=True),
    "large head": Piece(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", 431, is_broken=True),
    "HTTP/2": Piece(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, is_broken=True),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json(WHOLE)
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream) -> Iterator[RunningGateway]:
    model = {"model": "openai/gpt-4o", "api_base": upstream.base_url, "api_key": "sk-u-0123456789", "max_retries": 0}
    config = {"model_list": [{"model_name": "m", "params": model}], "general_settings": {"master_key": MASTER}}
    with running_gateway(config) as gateway:
        yield gateway


@examples(150)
@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=6), st.lists(st.floats(0, 1), max_size=4))
def test_every_request_of_a_pipeline_gets_its_answer(
    gateway: RunningGateway, names: list[str], cuts: list[float]
) -> None:
    pieces = [PIECES[name] for name in names]
    answered = _send(gateway, b"".join(piece.content for piece in pieces) + LAST, cuts)
    wanted, last = _answered_pieces(pieces)
    rest = answered.replace(INTERIM, b"")
    for number, piece in enumerate(wanted):
        status, fields, body, rest = _next_answer(rest, is_head=piece.is_head)
        assert status == piece.status
        assert piece.is_head or json.loads(body)
        is_last = number == len(wanted) - 1 and not rest
        assert (fields.get(b"connection") == b"close") == is_last
    if rest:
        assert last is not None, rest
        status, fields, body, rest = _next_answer(rest)
        assert (status, fields[b"connection"], rest) == (last.status, b"close", b"")
        assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("cut", [0, 10_000, 20_000, 32_000])
def test_a_large_head_behind_a_request_is_refused_wherever_it_is_cut(gateway: RunningGateway, cut: int) -> None:
    first, large = PIECES["live"].content, PIECES["large head"].content
    with closing(gateway.connect()) as sock:
        sock.sendall(first + large[:cut])
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")  # so the first part has been read
        sock.sendall(large[cut:])
        assert read_all(sock).startswith(b"HTTP/1.1 431 ")


def _answered_pieces(pieces: list[Piece]) -> tuple[list[Piece], Piece | None]:
    """Return the pieces that are answered in any case, and the broken one behind them, which may be."""
    answered = []
    for piece in pieces:
        if piece.is_broken:
            return answered, piece
        if piece.status is not None:
            answered.append(piece)
        if piece.ends:
            return answered, None
    return [*answered, Piece(LAST, 200, ends=True)], None


def _send(gateway: RunningGateway, content: bytes, cuts: list[float]) -> bytes:
    """Send the content in pieces that are cut at these fractions of it, and return what comes back."""
    places = [0, *sorted(int(cut * len(content)) for cut in cuts), len(content)]
    with closing(gateway.connect()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in itertools.pairwise(places):
            try:
                sock.sendall(content[start:end])
            except ConnectionError:
                break
        return read_all(sock)


def _next_answer(content: bytes, *, is_head: bool = False) -> tuple[int, dict[bytes, bytes], bytes, bytes]:
    """Return the status, the headers and the body of the first answer, and what comes behind it."""
    head, end, rest = content.partition(b"\r\n\r\n")
    assert end, content
    line, *lines = head.split(b"\r\n")
    fields: dict[bytes, Any] = dict(one.split(b": ", 1) for one in lines)
    assert len(fields) == len(lines), head
    size = 0 if is_head else int(fields[b"content-length"])
    assert len(rest) >= size, content
    return int(line.split()[1]), fields, rest[:size], rest[size:]
