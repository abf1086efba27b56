"""The fake upstream sends exactly what its script says, and notes exactly what it got."""

from __future__ import annotations

import http.client
import itertools
import socket
import ssl
import threading
import time

import pytest
import trustme

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

REQUEST = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"


def connected(upstream: FakeUpstream) -> socket.socket:
    return socket.create_connection(("127.0.0.1", upstream.port), timeout=20)


def everything(upstream: FakeUpstream, request: bytes = REQUEST) -> bytes:
    """Send one request and return all bytes up to the end of the connection."""
    with connected(upstream) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def read(sock: socket.socket, size: int) -> bytes:
    return b"".join(sock.recv(1) for _ in range(size))


def test_a_request_is_noted_whole_and_answered_as_scripted() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(418, b"abc", {"x-b": "2"}, close="fin"))
        assert everything(upstream) == b"HTTP/1.1 418 I'm a Teapot\r\nx-b: 2\r\ncontent-length: 3\r\n\r\nabc"

    assert upstream.received == [
        {
            "method": "POST",
            "path": "/v1/x",
            "headers": {"host": "h", "x-a": "1", "content-length": "2"},
            "raw_headers": [("Host", "h"), ("X-A", "1"), ("Content-Length", "2")],
            "body": b"{}",
            "json": {},
            "connection": 1,
        }
    ]


def test_a_connection_is_kept_for_the_next_request() -> None:
    with fake_upstream() as upstream:
        upstream.answers += [Answer(200, b"1"), Answer(200, b"2")]
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=20)
        for expected in (b"1", b"2"):
            connection.request("GET", "/v1/y")
            assert connection.getresponse().read() == expected
        connection.close()
        upstream.wait_disconnect()

    assert [request["connection"] for request in upstream.received] == [1, 1]
    assert upstream.connections == 1


def test_an_unscripted_request_gets_a_599_and_is_counted() -> None:
    with fake_upstream() as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=20)
        connection.request("GET", "/v1/z")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (
            599,
            b'{"error": {"message": "no answer is scripted for GET /v1/z", "code": "unscripted"}}',
        )
        connection.close()
        assert upstream.unscripted == 1


def test_otherwise_answers_what_the_script_does_not() -> None:
    with fake_upstream() as upstream:
        upstream.otherwise = lambda request: Answer(200, request["path"].encode(), close="fin")
        assert everything(upstream).endswith(b"\r\n\r\n/v1/x")
        assert upstream.unscripted == 0


def test_a_list_of_parts_goes_out_chunked() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, [b"ab", b"c"], close="fin"))
        assert everything(upstream).endswith(b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


def test_json_and_sse_make_their_own_head() -> None:
    assert Answer.json({"a": 1}, 201, x_request_id="r") == Answer(
        201, b'{"a": 1}', {"content-type": "application/json", "x-request-id": "r"}
    )
    assert Answer.sse([{"a": 1}, "x"]) == Answer(
        200, [b'data: {"a": 1}\n\n', b"data: x\n\n", b"data: [DONE]\n\n"], {"content-type": "text/event-stream"}
    )
    assert Answer.sse("data: 1\n\n", done=False).body == [b"data: 1\n\n"]


def test_raw_bytes_are_sent_as_they_stand() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(raw=b"nonsense", drip=3, close="fin"))
        assert everything(upstream) == b"nonsense"


def test_truncation_keeps_the_announced_length() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, b"0123456789", truncate_at=4))
        assert everything(upstream).endswith(b"content-length: 10\r\n\r\n0123")


def test_a_reset_is_a_reset() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, b"0123456789", truncate_at=4, close="rst"))
        with pytest.raises(ConnectionResetError):
            everything(upstream)


def test_framing_given_in_the_headers_is_sent_instead_of_the_right_one() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, b"ab", {"Content-Length": "7"}, close="fin"))
        assert everything(upstream) == b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nab"


def test_a_body_can_end_with_its_connection() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, [b"ab", b"c"], until_close=True))
        assert everything(upstream) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"


def test_stray_bytes_follow_on_the_kept_connection() -> None:
    with fake_upstream() as upstream:
        upstream.answers += [Answer(200, b"a", stray=b"STRAY"), Answer(200, b"b", close="fin")]
        got = everything(upstream, REQUEST * 2)
        assert got.replace(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n", b"|") == b"|aSTRAY|b"
        upstream.wait_answered(2)
        with pytest.raises(TimeoutError, match="the end of 3 answers"):
            upstream.wait_answered(3, 0.01)


@pytest.mark.parametrize("hold_at", [None, 0, 1, 2])
def test_hold_waits_where_it_is_told_to(hold_at: int | None) -> None:
    event = threading.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    before = {None: b"", 0: head, 1: head + b"a", 2: head + b"ab"}[hold_at]
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, b"ab", drip=1, hold=event, hold_at=hold_at, stray=b"!", close="fin"))
        with connected(upstream) as sock:
            sock.sendall(REQUEST)
            assert read(sock, len(before)) == before
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            event.set()
            sock.settimeout(20)
            assert b"".join(iter(lambda: sock.recv(100), b"")) == (head + b"ab!")[len(before) :]


def test_a_pause_lies_between_two_parts() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, b"abc", drip=1, pause_seconds=0.05, close="fin"))
        started = time.monotonic()
        everything(upstream)
        assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("where", ["idle", "hold", "pause", "endless"])
def test_a_client_that_hangs_up_is_seen_at_once(where: str) -> None:
    answer = {
        "idle": Answer(200, b"a"),
        "hold": Answer(200, b"a", hold=threading.Event(), hold_at=1),
        "pause": Answer(200, b"abc", drip=1, pause_seconds=60),
        "endless": Answer(200, itertools.repeat(b"x" * 1000)),
    }[where]
    with fake_upstream() as upstream:
        upstream.answers.append(answer)
        with connected(upstream) as sock:
            sock.sendall(REQUEST)
            sock.recv(1)
        upstream.wait_disconnect()


def test_waiting_for_what_does_not_happen_says_so() -> None:
    with fake_upstream() as upstream:
        with pytest.raises(TimeoutError, match="1 disconnects"):
            upstream.wait_disconnect(0.01)
        with pytest.raises(TimeoutError, match="1 requests"):
            upstream.wait_received(1, 0.01)


def test_our_own_closing_is_no_disconnect_of_the_client() -> None:
    with fake_upstream() as upstream:
        sock = connected(upstream)
        sock.sendall(b"GET /v1 HTTP/1.1\r\n\r\n")
        upstream.wait_received(1)
    with sock:
        assert upstream.disconnected == []


def test_an_early_answer_does_not_wait_for_the_body() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(413, b"", before_body=True))
        assert everything(upstream, b"POST /v1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert upstream.received[0]["body"] == b""


def test_a_chunked_request_is_put_together() -> None:
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(close="fin"))
        head = b"POST /v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        everything(upstream, head + b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n")
    assert upstream.received[0]["body"] == b"abcde"


def test_it_speaks_tls() -> None:
    authority = trustme.CA()
    served, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusted)
    with fake_upstream(tls=served) as upstream:
        assert upstream.base_url == f"https://127.0.0.1:{upstream.port}/v1"
        upstream.answers.append(Answer(200, b"secret", close="fin"))
        connection = http.client.HTTPSConnection("127.0.0.1", upstream.port, timeout=20, context=trusted)
        connection.request("POST", "/v1/x", body=b"[1]")
        assert connection.getresponse().read() == b"secret"
        connection.close()
    assert upstream.received[0]["json"] == [1]


@pytest.mark.parametrize("greeting", [b"\x16\x03\x01", b"no http\r\n\r\n"])
def test_what_is_not_http_is_refused(greeting: bytes) -> None:
    with fake_upstream() as upstream:
        assert everything(upstream, greeting).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert upstream.received == []
