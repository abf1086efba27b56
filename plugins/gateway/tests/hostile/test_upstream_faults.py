"""Every fault of an upstream as a client of the gateway sees it: rows R3 to R13, S10, S11, S13, S15 and S18.

Plain and streamed: the right status, an error in OpenAI's shape, exactly one end of a stream, no key anywhere,
and a worker that serves on.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core.testing import Answer

KEY = "sk-upstream-canary-Hn53RjQe6f"
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}
WHOLE = (
    b'{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"content":"ok"},"finish_reason":"stop"}]}'
)
INSIDE = "internal-host-10.0.0.1"


def data(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def choice(delta: Any, finish: Any = None, **more: Any) -> bytes:
    return data({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


TEXT = choice({"content": "one"})
END = choice({}, "stop")
DONE = data(b"[DONE]")
Make = Callable[[], Answer]


def sse(*parts: bytes, **more: Any) -> Make:
    return lambda: Answer(200, parts, SSE, **more)


def plain(body: bytes, status: int = 200, headers: Any = JSON, **more: Any) -> Make:
    return lambda: Answer(status, body, headers, **more)


def cut(*parts: bytes, how: Any = "fin", keep: int) -> Make:
    return lambda: Answer(200, parts, SSE, truncate_at=keep, close=how, pause_seconds=0.02)


PLAIN: dict[str, tuple[Make, int, str | None]] = {
    "empty": (plain(b""), 502, "invalid_upstream_answer"),
    "204": (lambda: Answer(204), 502, "invalid_upstream_answer"),
    "null": (plain(b"null"), 502, "invalid_upstream_answer"),
    "a list": (plain(b"[]"), 502, "invalid_upstream_answer"),
    "a number": (plain(b"5"), 502, "invalid_upstream_answer"),
    "no choices": (plain(b'{"id":"x"}'), 502, "invalid_upstream_answer"),
    "choices of a wrong type": (plain(b'{"id":"x","choices":{}}'), 502, "invalid_upstream_answer"),
    "half": (plain(WHOLE[:40]), 502, "invalid_upstream_answer"),
    "NaN": (plain(b'{"choices":[],"x":NaN}'), 502, "invalid_upstream_answer"),
    "no UTF-8": (plain(b'{"choices":[],"x":"\xff"}'), 502, "invalid_upstream_answer"),
    "deep": (plain(b'{"choices":' + b"[" * 100_000), 502, "invalid_upstream_answer"),
    "a long integer": (plain(b'{"choices":[],"n":' + b"9" * 100_000 + b"}"), 502, "invalid_upstream_answer"),
    "a page": (plain(f"<html>{INSIDE}</html>".encode(), 200, HTML), 502, "invalid_upstream_answer"),
    "events": (sse(TEXT, END, DONE), 502, "invalid_upstream_answer"),
    "a page with 502": (plain(f"<html>{INSIDE}".encode() + b"x" * 60_000, 502, HTML), 502, None),
    "a page with 404": (plain(f"<html>{INSIDE}</html>".encode(), 404, HTML), 404, None),
    "an empty 500": (plain(b"", 500), 500, None),
    "an empty 401": (plain(b"", 401), 502, "upstream_auth"),
    "status 599": (plain(b'{"error":{"message":"m"}}', 599), 599, None),
    "error in a 200": (plain(b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}'), 429, "rate_limit_exceeded"),
    "error text in a 200": (plain(b'{"error":"slow"}'), 502, None),
    "error with half a surrogate in a 200": (plain(b'{"error":{"message":"a\\ud800b","code":"x"}}'), 502, "x"),
    "error with half a surrogate": (plain(b'{"error":{"message":"a\\ud800b","code":"x"}}', 400), 400, None),
    "detail": (plain(b'{"detail":[{"loc":["a"]}]}', 422), 422, None),
    "a short length": (plain(WHOLE, truncate_at=20, close="fin"), 502, "stream_truncated"),
    "a reset": (plain(WHOLE, truncate_at=20, close="rst"), 502, "stream_truncated"),
    "no answer": (lambda: Answer(raw=b"", close="fin"), 502, "upstream_unreachable"),
    "no HTTP": (lambda: Answer(raw=b"220 smtp.internal ready\r\n", close="fin"), 502, None),
    "half a head": (lambda: Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-le", close="fin"), 502, None),
    "two lengths": (
        lambda: Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}"),
        502,
        None,
    ),
    "length and chunks": (
        lambda: Answer(
            raw=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        ),
        502,
        None,
    ),
    "a bad chunk": (
        lambda: Answer(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n", close="fin"),
        502,
        None,
    ),
    "a head of 4 MB": (lambda: Answer(raw=b"HTTP/1.1 200 OK\r\nx: " + b"y" * 4_000_000 + b"\r\n\r\n"), 502, None),
    "a redirect": (lambda: Answer(302, b"", {"location": f"http://{INSIDE}/v1"}), 502, None),
    "a redirect that keeps the method": (
        lambda: Answer(307, b"", {"location": f"http://user:pw@{INSIDE}/v1"}),
        502,
        None,
    ),
    "a redirect to a file": (lambda: Answer(301, b"", {"location": "file:///etc/passwd"}), 502, None),
    "switching protocols": (
        lambda: Answer(raw=b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", close="fin"),
        502,
        None,
    ),
    "a gzip bomb": (
        lambda: Answer(200, gzip.compress(b"x" * 80_000_000), {**JSON, "content-encoding": "gzip"}),
        502,
        "invalid_upstream_answer",
    ),
    "gzip that is none": (lambda: Answer(200, WHOLE, {**JSON, "content-encoding": "gzip"}), 502, None),
    "an endless error": (lambda: Answer(500, (b"x" * 65_536 for _ in range(10_000)), JSON), 500, None),
    "the key in a page": (plain(f"<html>{KEY}".encode(), 500, HTML), 500, None),
    "the key in an error": (
        plain(
            json.dumps({"error": {"message": f"bad {KEY}", "type": KEY, "code": KEY[4:20], "param": KEY}}).encode(), 401
        ),
        502,
        "upstream_auth",
    ),
    "the key in base64": (
        plain(json.dumps({"error": {"message": base64.b64encode(KEY.encode()).decode()}}).encode(), 400),
        400,
        None,
    ),
    "the key in headers": (
        lambda: Answer(
            429,
            b'{"error":{"message":"m"}}',
            {**JSON, "x-request-id": KEY, "retry-after": KEY[:15], "x-ratelimit-a": KEY},
        ),
        429,
        None,
    ),
}

BEFORE_THE_FIRST: dict[str, tuple[Make, int, str | None]] = {
    "error as first event": (
        sse(data({"error": {"message": "slow", "code": "rate_limit_exceeded"}})),
        429,
        "rate_limit_exceeded",
    ),
    "event: error": (
        sse(b"event: error\n" + data({"error": {"message": "m", "code": "server_error"}})),
        500,
        "server_error",
    ),
    "event: error in words": (sse(b"event: error\ndata: broken\n\n"), 502, None),
    "half a surrogate": (sse(b'data: {"error":{"message":"a\\ud800b","code":"x\\udfff"}}\n\n'), 502, "x\ufffd"),
    "a plain answer": (plain(WHOLE), 502, "invalid_upstream_answer"),
    "a plain error": (plain(b'{"error":{"message":"m","code":"model_not_found"}}'), 404, "model_not_found"),
    "a page": (plain(f"<html>{INSIDE}</html>".encode(), 200, HTML), 502, "invalid_upstream_answer"),
    "no JSON": (sse(b"data: {nonsense\n\n"), 502, "invalid_upstream_answer"),
    "a list": (sse(b"data: [1]\n\n"), 502, "invalid_upstream_answer"),
    "NaN": (sse(b'data: {"choices":[],"x":NaN}\n\n'), 502, "invalid_upstream_answer"),
    "deep": (sse(b'data: {"x":' + b"[" * 100_000 + b"\n\n"), 502, "invalid_upstream_answer"),
    "choices that are a number": (sse(data({"choices": 5})), 502, "invalid_upstream_answer"),
    "400": (plain(b'{"error":{"message":"m","code":"c","type":"t","param":"p"}}', 400), 400, "c"),
    "503": (plain(b"", 503), 503, None),
    "reset": (lambda: Answer(200, [TEXT], SSE, truncate_at=0, close="rst"), 502, "stream_truncated"),
}

AFTER_THE_FIRST: dict[str, tuple[Make, str | None]] = {
    "error": (sse(TEXT, data({"error": {"message": "slow", "code": "rate_limit_exceeded"}})), "rate_limit_exceeded"),
    "event: error": (sse(TEXT, b"event: error\n" + data({"error": {"message": "m", "code": "c"}})), "c"),
    "half a surrogate": (sse(TEXT, b'data: {"error":{"message":"a\\ud800b","code":"c"}}\n\n'), "c"),
    "no JSON": (sse(TEXT, b"data: {nonsense\n\n"), "invalid_upstream_answer"),
    "a list": (sse(TEXT, b"data: [1]\n\n"), "invalid_upstream_answer"),
    "NaN": (sse(TEXT, b'data: {"choices":[],"x":NaN}\n\n'), "invalid_upstream_answer"),
    "deep": (sse(TEXT, b'data: {"x":' + b"[" * 100_000 + b"\n\n"), "invalid_upstream_answer"),
    "choices that are a number": (sse(TEXT, data({"choices": 5})), "invalid_upstream_answer"),
    "neither finish_reason nor [DONE]": (sse(TEXT), "stream_truncated"),
    "an event cut": (sse(TEXT, b'data: {"id":'), "stream_truncated"),
    "FIN": (cut(TEXT, TEXT, keep=len(TEXT) + 30), "stream_truncated"),
    "RST": (cut(TEXT, TEXT, keep=len(TEXT) + 30, how="rst"), "stream_truncated"),
    "a line of 20 MB": (
        lambda: Answer(200, [TEXT, *[b"data: " + b"x" * 1_000_000] * 20], SSE),
        "invalid_upstream_answer",
    ),
    "the key": (sse(TEXT, data({"error": {"message": f"bad {KEY}", "code": KEY, "type": KEY}})), None),
}

WHOLE_STREAMS: dict[str, Make] = {
    "by the book": sse(TEXT, END, DONE),
    "no [DONE]": sse(TEXT, END),
    "two [DONE]": sse(TEXT, END, DONE, DONE),
    "more behind [DONE]": sse(TEXT, END, DONE, TEXT),
    "[DONE] and an open connection": lambda: Answer(
        200, [TEXT, END, DONE, TEXT], SSE, hold=threading.Event(), hold_at=3
    ),
    "no finish_reason": sse(TEXT, DONE),
    "null choices": sse(TEXT, data({"choices": None}), END, DONE),
    "absent choices": sse(TEXT, data({"x": 1}), END, DONE),
    "a choice that is a number": sse(TEXT, data({"choices": [5]}), END, DONE),
    "a null delta": sse(TEXT, choice(None), END, DONE),
    "odd usage": sse(
        TEXT, END, data({"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": 1e300}}), DONE
    ),
    "usage in words": sse(TEXT, END, data({"choices": [], "usage": "many"}), DONE),
    "unknown fields": sse(choice({"content": "one", "odd": {"a": 1}}, odd=1), END, DONE),
    "no UTF-8": sse(b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n', END, DONE),
    "a lone surrogate": sse(b'data: {"choices":[{"index":0,"delta":{"content":"\\ud800"}}]}\n\n', END, DONE),
    "comments and ids": sse(b": hello\n\nid: 5\n\nretry: 10\n\n", TEXT, b": bye\n\n", END, DONE),
    "CR": sse(*[part.replace(b"\n", b"\r") for part in (TEXT, END, DONE)]),
    "CRLF": sse(*[part.replace(b"\n", b"\r\n") for part in (TEXT, END, DONE)]),
    "a byte order mark": sse(b"\xef\xbb\xbf" + TEXT, END, DONE),
    "several lines of data": sse(b'data: {"choices":\ndata: [{"index":0,"delta":{"content":"one"}}]}\n\n', END, DONE),
    "byte by byte": lambda: Answer(200, [TEXT + END + DONE], SSE, drip=1),
    "another content type": lambda: Answer(200, [TEXT, END, DONE], {"content-type": "text/plain"}),
    "no content type": lambda: Answer(200, [TEXT, END, DONE], {}),
    "until the end of the connection": lambda: Answer(200, [TEXT, END, DONE], SSE, until_close=True),
}


def check_clean(reply: Any, gateway: Any) -> None:
    """Nothing of an inside is in an answer."""
    text = reply.raw_head.decode("latin-1") + reply.body.decode()
    for canary in gateway.canaries:
        for start in range(len(canary) - 11):
            assert canary[start : start + 12] not in text
    for word in (INSIDE, "127.0.0.1", "Traceback", "llmgate_core", "site-packages", "/etc/passwd", "user:pw"):
        assert word not in text
    assert "set-cookie" not in reply.headers
    assert "location" not in reply.headers


def check_error(reply: Any, status: int, code: str | None) -> None:
    assert reply.status == status
    assert len(reply.body) < 2500
    error = reply.error
    if code is not None:
        assert error["code"] == code


def events_of(reply: Any) -> list[Any]:
    """Return what a stream said, which must be well-formed with one `[DONE]`, at its end.

    A comment that comes alone is passed on, since it says that the upstream is alive; which do depends on time.
    """
    assert reply.headers["content-type"].startswith("text/event-stream")
    reply.body.decode("utf-8")
    *events, rest = reply.body.split(b"\n\n")
    assert rest == b""
    events = [event for event in events if not event.startswith(b":")]
    assert [event for event in events if event == b"data: [DONE]"] == events[-1:]
    said = []
    for event in events[:-1]:
        lines = event.split(b"\n")
        assert all(line.startswith(b"data: ") for line in lines), event
        said.append(json.loads(b"\n".join(line[6:] for line in lines)))
    return said


@pytest.mark.parametrize("name", PLAIN)
def test_a_fault_is_an_error_with_its_status(gateway: Any, upstream: Any, name: str) -> None:
    make, status, code = PLAIN[name]
    upstream.answers += [make(), make()]  # an upstream that hangs up without a word is asked once more
    reply = gateway.chat()
    check_error(reply, status, code)
    check_clean(reply, gateway)


@pytest.mark.parametrize("name", BEFORE_THE_FIRST)
def test_a_fault_before_the_first_event_has_a_real_status(gateway: Any, upstream: Any, name: str) -> None:
    make, status, code = BEFORE_THE_FIRST[name]
    upstream.answers.append(make())
    reply = gateway.chat(stream=True)
    check_error(reply, status, code)
    check_clean(reply, gateway)


@pytest.mark.parametrize("name", AFTER_THE_FIRST)
@pytest.mark.parametrize("pause", [0.0, 0.03], ids=["at once", "later"])
def test_a_fault_after_it_is_an_event_and_one_done(gateway: Any, upstream: Any, name: str, pause: float) -> None:
    make, code = AFTER_THE_FIRST[name]
    answer = make()
    upstream.answers.append(
        Answer(**{field: getattr(answer, field) for field in answer.__slots__} | {"pause_seconds": pause})
    )
    reply = gateway.chat(stream=True)
    assert reply.status == 200
    first, *_, last = events_of(reply)
    assert first["choices"][0]["delta"] == {"content": "one"}
    assert set(last["error"]) == {"message", "type", "param", "code"}
    if code is not None:
        assert last["error"]["code"] == code
    check_clean(reply, gateway)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_that_is_whole_ends_as_one(gateway: Any, upstream: Any, name: str) -> None:
    upstream.answers.append(WHOLE_STREAMS[name]())
    reply = gateway.chat(stream=True)
    assert reply.status == 200
    assert not [event for event in events_of(reply) if "error" in event]


def test_a_stray_second_answer_reaches_nobody(gateway: Any, upstream: Any) -> None:
    forged = (
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 28\r\n\r\n{"id":"forged","choices":[]}'
    )
    for stray in (forged, b"x", b"\r\n\r\n"):
        for stream in (False, True):
            upstream.answers.append(
                Answer(200, [TEXT, END, DONE], SSE, stray=stray) if stream else Answer(200, WHOLE, JSON, stray=stray)
            )
            assert gateway.chat(stream=stream).status == 200
            assert b"forged" not in gateway.chat().body


def test_only_listed_headers_come_back(gateway: Any, upstream: Any) -> None:
    odd = {
        "set-cookie": "a=b",
        "server": "nginx",
        "location": "http://evil",
        "access-control-allow-origin": "*",
        "openai-organization": "org-secret",
        "x-powered-by": "php",
        "www-authenticate": "Basic",
        "alt-svc": "h3",
        "strict-transport-security": "max-age=1",
        "x-llmgate-model": "forged",
        "connection": "keep-alive, x-ratelimit-hop",
        "retry-after": "7",
        "x-ratelimit-remaining-requests": "3",
        "openai-processing-ms": "5",
        "x-request-id": "req_theirs",
    }
    ours = {
        "date",
        "content-type",
        "content-length",
        "connection",
        "transfer-encoding",
        "cache-control",
        "x-accel-buffering",
        "x-content-type-options",
        "content-security-policy",
    }
    passed = {"retry-after", "x-ratelimit-remaining-requests", "openai-processing-ms", "x-request-id"}
    for make in (
        Answer(200, WHOLE, {**JSON, **odd}),
        Answer(429, b'{"error":{"message":"m"}}', {**JSON, **odd}),
        Answer(200, [TEXT, END, DONE], {**SSE, **odd}),
    ):
        upstream.answers.append(make)
        reply = gateway.chat(stream=make.headers["content-type"] == SSE["content-type"])
        assert {name for name in reply.headers if name not in ours and not name.startswith("x-llmgate-")} == passed
        assert reply.headers["x-llmgate-model"] == "m"
        assert reply.headers["x-request-id"] == "req_theirs"


def test_no_cookie_comes_back_to_an_upstream(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, WHOLE, {**JSON, "set-cookie": "tenant=a"}))
    gateway.chat()
    gateway.chat()
    assert "cookie" not in upstream.received[-1]["headers"]


def test_an_endless_answer_ends_at_its_limit_in_bounded_memory(gateway: Any, upstream: Any) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"id":"x","choices":["'
        while True:
            yield b"x" * 1_000_000

    gateway.forget_peak()
    before = gateway.memory_kib()
    upstream.answers.append(Answer(200, endless(), JSON))
    check_error(gateway.chat(), 502, "invalid_upstream_answer")
    assert gateway.peak_kib() - before < 140_000


def test_the_log_of_all_this_shows_no_key_no_prompt_and_no_answer(gateway: Any, upstream: Any) -> None:
    prompt, answer = "CANARY-PROMPT-5521", "CANARY-ANSWER-8873"
    messages = [{"role": "user", "content": prompt}]
    echoes = [
        Answer.json({"error": {"message": f"cannot say {prompt}", "code": "c"}}, 400),
        Answer(500, f"<html>{prompt}</html>".encode(), HTML),
        Answer(200, f'{{"id":"x","odd":"{answer} {prompt}"}}'.encode(), JSON),
        Answer(200, f"{answer}".encode(), JSON),
        Answer(200, [TEXT, data({"error": {"message": prompt}})], SSE),
        Answer(200, [TEXT, f"data: {answer}\n\n".encode()], SSE),
        Answer(200, [choice({"content": answer}), END, DONE], SSE),
        Answer(200, WHOLE.replace(b"ok", answer.encode()), JSON),
    ]
    for echo in echoes:
        upstream.answers[:] = [echo]
        gateway.chat(messages=messages, stream=echo.headers["content-type"] == SSE["content-type"])
    for body in ({"messages": prompt}, {"messages": [{"role": prompt}]}, {"temperature": prompt}, {"tools": [prompt]}):
        gateway.chat(**body)
    gateway.ask("POST", "/v1/chat/completions", f'{{"model":"m","x":{prompt}'.encode())
    gateway.ask("POST", "/explain", {"body": {"model": "m", "messages": messages}})
    gateway.lines()
    written = "".join((*gateway.out, *gateway.err))
    for canary in (prompt, answer, *gateway.canaries):
        assert canary not in written, next(line for line in written.splitlines() if canary in line)


def test_no_page_of_ours_shows_a_key(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"error": {"message": KEY, "code": KEY}}, 401))
    gateway.chat()
    asked = [
        ("GET", path, None) for path in ("/", "/docs", "/metrics", "/readyz", "/livez", "/openapi.json", "/v1/models")
    ]
    asked.append(("POST", "/explain", {"body": {"model": "m", "messages": []}}))
    asked.append(("POST", "/explain", {"body": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}))
    for method, path, body in asked:
        for key in (gateway.master, gateway.narrow, None):
            reply = gateway.ask(method, path, body, key=key)
            text = reply.raw_head.decode("latin-1") + reply.body.decode()
            for canary in (*gateway.canaries, base64.b64encode(KEY.encode()).decode()):
                assert canary[:12] not in text or path == "/", (path, canary)
                assert canary not in text
            if key != gateway.master:
                assert "127.0.0.1" not in text
