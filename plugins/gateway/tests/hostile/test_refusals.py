"""A refusal arrives at a client that is still sending, and each one has its line in the log: rows R20, R21 and R36."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

KEY = b"authorization: Bearer sk-master-canary-Zq81LmPw4d\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + KEY
CANARY = b"client-value-canary"
LARGE = b'{"model": "m", "x": "' + b"y" * 12_000_000 + b'"}'
BELOW = {
    "TLS to a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY, 400, "TLS"),
    "no HTTP": (b"HELO " + CANARY + b"\r\n\r\n", 400, "HTTP/1.1"),
    "two lengths": (CHAT + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "HTTP/1.1"),
    "150 headers": (CHAT + b"".join(b"x-%d: %s\r\n" % (n, CANARY) for n in range(150)) + b"\r\n", 431, "max_headers"),
    "a header of 40 kB": (CHAT + b"x: " + CANARY * 2200 + b"\r\n\r\n", 431, "max_header"),
    "half a head": (b"GET /" + CANARY, 408, "timeouts.head"),
}


@pytest.mark.parametrize("what", BELOW)
def test_what_is_refused_below_the_app_has_one_line_and_is_counted(gateway: Any, what: str) -> None:
    content, status, detail = BELOW[what]
    before, counted = len(gateway.lines()), _counted(gateway, status)
    answer = gateway.raw(content)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert CANARY not in answer
    lines = [line for line in gateway.lines()[before:] if line["status"] == status]
    assert len(lines) == 1, lines
    code = json.loads(answer[answer.rindex(b'{"error') :])["error"]["code"]
    assert (lines[0]["outcome"], lines[0]["error_code"]) == ("refused", code)
    assert detail in lines[0]["detail"]
    assert _counted(gateway, status) == counted + 1
    assert CANARY.decode() not in "".join(gateway.out[-20:] + gateway.err[-20:])


def test_a_body_that_cannot_be_read_is_logged_as_what_was_answered(gateway: Any) -> None:
    before = len(gateway.lines())
    assert gateway.statuses(CHAT + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n") == [400]
    lines = [line for line in gateway.lines()[before:] if line["path"] == "/v1/chat/completions"]
    assert [(line["status"], line["outcome"], line["error_code"]) for line in lines] == [
        (400, "refused", "invalid_http_request")
    ]


def _counted(gateway: Any, status: int) -> float:
    text = gateway.ask("GET", "/metrics").body.decode()
    wanted = f'llmgate_requests_total{{client="",deployment="",family="",outcome="refused",status="{status}"}}'
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(wanted))


@pytest.mark.parametrize("key", [True, False], ids=["413", "401"])
def test_http_client_reads_the_refusal_of_a_large_body_that_it_sent_in_one_go(gateway: Any, key: bool) -> None:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {gateway.master}"} if key else {})
    for _ in range(3):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
            connection.request("POST", "/v1/chat/completions", LARGE, headers)
            answer = connection.getresponse()
            error = json.loads(answer.read())["error"]
        assert answer.status == (413 if key else 401)
        assert answer.getheader("connection") == "close"
        if key:
            assert "limits.max_json_body" in error["message"]


def test_urllib_reads_the_refusal_too(gateway: Any) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {gateway.master}"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.port}/v1/chat/completions", LARGE, headers, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)
    assert caught.value.code == 413
    assert json.loads(caught.value.read())["error"]["code"] == "request_too_large"


def test_a_chunked_body_beyond_its_limit_reads_its_refusal_too(gateway: Any) -> None:
    def blocks() -> Any:
        for at in range(0, len(LARGE), 65_536):
            yield LARGE[at : at + 65_536]

    headers = {"content-type": "application/json", "authorization": f"Bearer {gateway.master}"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        connection.request("POST", "/v1/chat/completions", blocks(), headers, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_a_client_that_sends_on_after_an_endless_head_reads_the_refusal(gateway: Any) -> None:
    assert gateway.statuses(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 10_000_000) == [431]
