"""Requests that two servers could read in two ways, as raw bytes: row S12; and the framing bombs of row R21."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
BODY = json.dumps({"model": "m", "messages": HI}).encode()
KEY = b"authorization: Bearer sk-master-canary-Zq81LmPw4d\r\n"
LINE = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
HEAD = LINE + b"content-type: application/json\r\n" + KEY
CLOSED = HEAD + b"connection: close\r\n"
LENGTH = b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"transfer-encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
NEXT = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + KEY + b"\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"


def chunk(size: bytes, end: bytes = b"\r\n") -> bytes:
    return CLOSED + CHUNKED + b"\r\n" + size + end + BODY + b"\r\n0\r\n\r\n"


def with_line(line: bytes) -> bytes:
    return CLOSED + line + b"\r\n" + LENGTH + b"\r\n" + BODY


def with_length(value: bytes) -> bytes:
    return CLOSED + b"content-length:" + value + b"\r\n\r\n" + BODY


def with_encoding(value: bytes) -> bytes:
    return CLOSED + b"transfer-encoding:" + value + b"\r\n\r\n" + CHUNKS


REFUSED = {
    "CL.TE": CLOSED + LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + NEXT,
    "TE.CL": CLOSED + CHUNKED + b"content-length: 4\r\n\r\n" + CHUNKS,
    "TE.TE": CLOSED + CHUNKED + b"transfer-encoding: x\r\n\r\n" + CHUNKS,
    "TE.TE twice": CLOSED + CHUNKED * 2 + b"\r\n" + CHUNKS,
    "TE of HTTP/1.0": CLOSED.replace(b"1.1", b"1.0", 1) + CHUNKED + b"\r\n" + CHUNKS,
    "two lengths": CLOSED + LENGTH + b"content-length: 0\r\n\r\n" + BODY,
    "one length twice": CLOSED + LENGTH * 2 + b"\r\n" + BODY,
    "lengths in a list": with_length(b" %d, %d" % (len(BODY), len(BODY))),
    "negative length": with_length(b" -1"),
    "signed length": with_length(b" +%d" % len(BODY)),
    "hex length": with_length(b" 0x3f"),
    "fraction": with_length(b" 63.0"),
    "exponent": with_length(b" 1e2"),
    "no length": with_length(b""),
    "length that overflows": with_length(b" 99999999999999999999999"),
    "length with VT": with_length(b" %d\x0b" % len(BODY)),
    "TE unknown": with_encoding(b" xchunked"),
    "TE not last": with_encoding(b" chunked, identity"),
    "TE and gzip": with_encoding(b" gzip, chunked"),
    "TE in quotes": with_encoding(b' "chunked"'),
    "TE with parameter": with_encoding(b" chunked;q=1"),
    "TE empty": with_encoding(b""),
    "TE with VT": with_encoding(b"\x0bchunked"),
    "TE with tab behind": with_encoding(b" chunked\t"),
    "TE after a space": CLOSED + b" transfer-encoding: chunked\r\n\r\n" + CHUNKS,
    "space before colon": with_line(b"x : y"),
    "tab before colon": with_line(b"x\t: y"),
    "NUL in a name": with_line(b"x\x00y: z"),
    "no name": with_line(b": y"),
    "no colon": with_line(b"x"),
    "obs-fold": with_line(b"x: a\r\n b"),
    "bare CR in a value": with_line(b"x: a\rb"),
    "bare LF in a value": with_line(b"x: a\ntransfer-encoding: chunked"),
    "NUL in a value": with_line(b"x: a\x00b"),
    "ESC in a value": with_line(b"x: \x1b[2J"),
    "bare LF everywhere": (CLOSED + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY,
    "bare LF at the end": CLOSED + LENGTH + b"\n" + BODY,
    "no host": (CLOSED + LENGTH + b"\r\n").replace(b"host: x\r\n", b"") + BODY,
    "two hosts": with_line(b"host: y"),
    "space first": b" " + CLOSED + LENGTH + b"\r\n" + BODY,
    "tab in the line": CLOSED.replace(b" HTTP", b"\tHTTP", 1) + LENGTH + b"\r\n" + BODY,
    "two versions": CLOSED.replace(b"HTTP/1.1", b"HTTP/1.1 HTTP/1.1", 1) + LENGTH + b"\r\n" + BODY,
    "no version": b"GET /livez\r\n\r\n",
    "version 1.2": CLOSED.replace(b"1.1", b"1.2", 1) + LENGTH + b"\r\n" + BODY,
    "version 2.0": CLOSED.replace(b"1.1", b"2.0", 1) + LENGTH + b"\r\n" + BODY,
    "lower-case version": CLOSED.replace(b"HTTP/", b"http/", 1) + LENGTH + b"\r\n" + BODY,
    "method unknown": b"FROB /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "method in lower case": b"get /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "CONNECT": b"CONNECT upstream:443 HTTP/1.1\r\nhost: upstream:443\r\n\r\n",
    "fragment": b"GET /livez#/v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
    "NUL in the path": b"GET /livez\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
    "bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    "no slash": b"GET livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "user and bad port": b"GET http://u:p@evil:99999/livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "chunk 0x": chunk(b"0x%x" % len(BODY)),
    "chunk signed": chunk(b"+%x" % len(BODY)),
    "chunk negative": chunk(b"-1"),
    "chunk with underscore": chunk(b"3_f"),
    "chunk with a space before": chunk(b" %x" % len(BODY)),
    "chunk with a space behind": chunk(b"%x " % len(BODY)),
    "chunk without a size": chunk(b""),
    "chunk that overflows": chunk(b"1" + b"0" * 16),
    "chunk too short": chunk(b"%x" % (len(BODY) - 5)),
    "chunk with LF": chunk(b"%x" % len(BODY), b"\n"),
    "chunk with CR": chunk(b"%x" % len(BODY), b"\r"),
    "chunk extension with LF": chunk(b'%x;a="\n"' % len(BODY)),
    "chunk ended by LF": CLOSED + CHUNKED + b"\r\n%x\r\n" % len(BODY) + BODY + b"\n0\r\n\r\n",
    "length in a trailer": CLOSED + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"content-length: 5\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "RESP": b"*1\r\n$4\r\nPING\r\n",
}

SERVED = {
    "a length": (CLOSED + LENGTH + b"\r\n" + BODY, 1),
    "chunks": (CLOSED + CHUNKED + b"\r\n" + CHUNKS, 1),
    "chunks of one byte": (
        CLOSED + CHUNKED + b"\r\n" + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
        1,
    ),
    "a chunk extension": (chunk(b"%x;a=b" % len(BODY)), 1),
    "an empty line first": (b"\r\n" + CLOSED + LENGTH + b"\r\n" + BODY, 1),
    "bytes in a value": (with_line(b"x: \xe9"), 1),
    "continue": (CLOSED + b"expect: 100-continue\r\n" + LENGTH + b"\r\n" + BODY, 1),
    "another host in the target": (CLOSED.replace(b" /v1", b" http://evil/v1", 1) + LENGTH + b"\r\n" + BODY, 1),
    "a trailer": (CLOSED + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"x: y\r\n\r\n", 1),
    "after close": ((CLOSED + LENGTH + b"\r\n" + BODY) * 2, 1),
    "three in one": ((HEAD + LENGTH + b"\r\n" + BODY) * 2 + CLOSED + LENGTH + b"\r\n" + BODY, 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_request_is_a_400_and_the_end_of_its_connection(gateway: Any, upstream: Any, name: str) -> None:
    reply = gateway.reply(REFUSED[name] + NEXT)
    assert reply.status == 400
    assert (reply.error["code"], reply.headers["connection"]) == ("invalid_http_request", "close")
    assert upstream.received == []


@pytest.mark.parametrize("name", SERVED)
def test_an_odd_but_clear_request_is_served(gateway: Any, upstream: Any, name: str) -> None:
    content, count = SERVED[name]
    assert gateway.statuses(content) == [200] * count
    assert [received["json"]["messages"] for received in upstream.received] == [HI] * count


@pytest.mark.parametrize(
    "line", [KEY, b"host: evil\r\n", b"authorization: Bearer wrong\r\n", b"x-forwarded-host: e\r\n"]
)
def test_what_stands_behind_a_body_is_no_header(gateway: Any, line: bytes) -> None:
    def ask(head: bytes) -> list[int]:
        return gateway.statuses(head + b"connection: close\r\n" + CHUNKED + b"\r\n" + CHUNKS[:-2] + line + b"\r\n")

    assert ask(HEAD) == [200]
    assert ask(HEAD.replace(KEY, b"")) == [401]


def test_what_follows_a_request_is_not_answered_in_its_place(gateway: Any, upstream: Any) -> None:
    assert gateway.statuses(HEAD + LENGTH + b"\r\n" + BODY + b"garbage\r\n\r\n" + NEXT) == [200]
    release = threading.Event()
    upstream.answers.append(Answer(200, b'{"id":"x","choices":[]}', hold=release))
    with gateway.connect() as sock:
        sock.sendall(HEAD + LENGTH + b"\r\n" + BODY + b"GET /" + b"x" * 100 + b"\x00\r\n\r\n")
        upstream.wait_received(2)
        release.set()
        blocks = b"".join(iter(lambda: sock.recv(65536), b""))
    assert blocks.count(b"HTTP/1.1 ") == 1
    assert blocks.startswith(b"HTTP/1.1 200 ")
    assert blocks.endswith(b'{"id":"x","choices":[]}')


@pytest.mark.parametrize(
    "second", [LIVE, HEAD + b"content-length: 300000\r\n\r\n" + b" " * 200_000], ids=["small", "large"]
)
def test_who_hangs_up_with_a_second_request_waiting_hangs_up_the_upstream(
    gateway: Any, upstream: Any, second: bytes
) -> None:
    upstream.answers.append(Answer(200, b"{}", hold=threading.Event()))
    with gateway.connect() as sock:
        sock.sendall(HEAD + LENGTH + b"\r\n" + BODY)
        upstream.wait_received(1)
        sock.sendall(second)
    upstream.wait_disconnect()


FLOODS = {
    "lines behind a body": (HEAD + CHUNKED + b"\r\n1\r\n{\r\n0\r\n", b"x: " + b"y" * 60_000 + b"\r\n"),
    "one line behind a body": (HEAD + CHUNKED + b"\r\n1\r\n{\r\n0\r\nx: ", b"y" * 60_000),
    "a chunk extension": (HEAD + CHUNKED + b"\r\n1;", b"y" * 60_000),
    "one header": (LIVE[:-2] + b"x: ", b"y" * 60_000),
    "headers": (LIVE[:-2], b"x: y\r\n" * 10_000),
    "the path": (b"GET /", b"y" * 60_000),
    "empty lines": (b"\r\n", b"\r\n" * 30_000),
    "requests that wait": (LIVE, LIVE * 2000),
    "a body without end": (HEAD + CHUNKED + b"\r\n", b"8000\r\n" + b" " * 0x8000 + b"\r\n"),
    "a body without end and without key": (
        LINE + CHUNKED + b"\r\n",
        b"8000\r\n" + b" " * 0x8000 + b"\r\n",
    ),
    "trailers without key": (LINE + CHUNKED + b"\r\n1\r\n{\r\n0\r\n", b"x: " + b"y" * 60_000 + b"\r\n"),
    "tiny chunks": (HEAD + CHUNKED + b"\r\n", b"1\r\n \r\n" * 10_000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_and_leaves_memory_flat(gateway: Any, name: str) -> None:
    first, block = FLOODS[name]
    gateway.chat()
    gateway.forget_peak()
    before, sent, ends = gateway.memory_kib(), 0, time.monotonic() + 60.0
    with gateway.connect() as sock:
        try:
            sock.sendall(first)
            while time.monotonic() < ends:
                sock.sendall(block)
                sent += len(block)
        except OSError:
            pass
        else:
            raise AssertionError(f"{sent} bytes were taken, and more")
    assert gateway.peak_kib() - before < 24_000
