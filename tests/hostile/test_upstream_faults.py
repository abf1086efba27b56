"""Rows R4, R8, R10 to R12, R19, R26, S10, S11 and S14: an upstream that breaks, floods, stalls or lies on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import itertools
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate_core import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    BadGatewayError,
    BadRequestError,
    InternalServerError,
    Limits,
    StreamTruncatedError,
    Timeouts,
)
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.caller import Caller, assert_clean, chat, chunk, partial_text, text_of

pytestmark = pytest.mark.usefixtures("trusts_one_certificate")

NEVER = threading.Event()
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
BODY = json.dumps(chat()).encode()
FIRST = b"data: " + json.dumps(chunk("a")).encode() + b"\n\n"
LAST = b"data: " + json.dumps(chunk("b", "stop")).encode() + b"\n\ndata: [DONE]\n\n"
MIB = 1024 * 1024


# --- R4: the upstream dies ---

DEAD = {
    "FIN in the body": Answer(200, BODY, JSON, truncate_at=20),
    "RST in the body": Answer(200, BODY, JSON, truncate_at=20, close="rst"),
    "FIN in a chunked body": Answer(200, [BODY, b"x" * 50], JSON, truncate_at=20),
    "RST in a chunked body": Answer(200, [BODY, b"x" * 50], JSON, truncate_at=20, close="rst"),
    "no last chunk": Answer(200, [BODY], JSON, truncate_at=len(BODY) + 7),
    "a chunk size that is none": Answer(
        200, b"zz\r\n{}\r\n0\r\n\r\n", {**JSON, "transfer-encoding": "chunked"}, close="fin"
    ),
    "a short content length": Answer(200, BODY, {**JSON, "content-length": str(len(BODY) + 9)}, close="fin"),
    "gzip cut": Answer(200, gzip.compress(BODY)[:40], {**JSON, "content-encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", DEAD)
def test_a_body_cut_short_is_a_truncation(caller: Caller, upstream: FakeUpstream, fault: str) -> None:
    upstream.answers.append(DEAD[fault])
    error = caller.failure(upstream)
    assert type(error) is StreamTruncatedError
    assert (error.phase, error.provider, error.model, error.attempts) == ("body", "openai", "gpt-4o", 1)


@pytest.mark.parametrize("close", ["fin", "rst"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_stream_cut_by_the_upstream_keeps_what_came(
    caller: Caller, upstream: FakeUpstream, close: str, framing: str
) -> None:
    gate = threading.Event()
    headers = SSE if framing == "chunked" else {**SSE, "content-length": "5000"}
    cut = len(FIRST) + (6 if framing == "chunked" else 0)  # what frames a chunk of this size
    upstream.answers.append(Answer(200, [FIRST, b"x"], headers, truncate_at=cut, close=close, hold=gate, hold_at=1))  # type: ignore[arg-type]
    opened = caller.complete(upstream, stream=True)
    assert text_of([next(opened)]) == "a"
    gate.set()
    with pytest.raises(StreamTruncatedError) as caught:
        next(opened)
    assert (partial_text(caught.value), caught.value.phase, caught.value.attempts) == ("a", "body", 1)


@pytest.mark.parametrize(("close", "code"), [("fin", "closed"), ("rst", "reset")])
def test_a_connection_closed_without_an_answer(caller: Caller, upstream: FakeUpstream, close: str, code: str) -> None:
    upstream.answers.append(Answer(raw=b"", close=close))  # type: ignore[arg-type]
    error = caller.failure(upstream)
    assert type(error) is APIConnectionError
    assert (error.code, error.phase, error.status_code) == (code, "first_event", None)


NO_HTTP = {
    "a banner": b"220 mail.example.test ESMTP\r\n\r\n",
    "garbage": bytes(range(256)) * 4,
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "a status of words": b"HTTP/1.1 OK fine\r\n\r\n",
    "control bytes in a header": b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
    "two content lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
    "TE and CL": b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unasked upgrade": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("shape", NO_HTTP)
def test_what_is_no_http_answer_is_a_typed_error(caller: Caller, upstream: FakeUpstream, shape: str) -> None:
    upstream.answers.append(Answer(raw=NO_HTTP[shape], close="fin"))
    error = caller.failure(upstream)
    assert isinstance(error, (APIConnectionError, APIStatusError, APIResponseValidationError))
    assert (error.provider, error.attempts) == ("openai", 1)


# --- R8: bodies that are no answers ---

NO_ANSWERS = {
    "empty": (b"", JSON),
    "white space": (b" \n ", JSON),
    "HTML": (b"<html><body>log in</body></html>", {"content-type": "text/html"}),
    "null": (b"null", JSON),
    "a text": (b'"hello"', JSON),
    "a number": (b"17", JSON),
    "a list": (b"[]", JSON),
    "an empty object": (b"{}", JSON),
    "choices missing": (b'{"id": "c1", "object": "chat.completion"}', JSON),
    "choices null": (b'{"choices": null}', JSON),
    "choices a text": (b'{"choices": "x"}', JSON),
    "a choice without a message": (b'{"choices": [{"index": 0}]}', JSON),
    "a message that is a text": (b'{"choices": [{"index": 0, "message": "x"}]}', JSON),
    "an event stream": (FIRST + LAST, SSE),
    "JSON cut": (BODY[:60], JSON),
    "two documents": (BODY + BODY, JSON),
    "invalid UTF-8": (BODY.replace(b"ok", b"\xff\xfe"), JSON),
    "binary": (bytes(range(256)) * 9, {"content-type": "application/octet-stream"}),
    "depth 100 000": (b"[" * 100_000, JSON),
    "depth 100 000 inside": (b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    "NaN": (b'{"choices": NaN}', JSON),
    "60 kB of HTML": (b"<html>" + b"<p>sorry</p>" * 5_000, {"content-type": "text/html"}),
}


@pytest.mark.parametrize("shape", NO_ANSWERS)
def test_a_200_that_is_no_answer_is_a_validation_error(caller: Caller, upstream: FakeUpstream, shape: str) -> None:
    body, headers = NO_ANSWERS[shape]
    upstream.answers.append(Answer(200, body, {**headers, "x-request-id": "r1"}))
    error = caller.failure(upstream, max_retries=2)
    assert type(error) is APIResponseValidationError
    assert (error.status_code, error.request_id, error.provider, error.attempts) == (200, "r1", "openai", 1)
    assert headers["content-type"] in str(error)
    assert len(upstream.received) == 1


def test_a_204_is_no_answer(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(204))
    error = caller.failure(upstream)
    assert type(error) is APIResponseValidationError
    assert error.status_code == 204


@pytest.mark.parametrize("content_type", [None, "text/plain", "text/html", "nonsense"])
def test_a_right_body_of_another_content_type_is_an_answer(
    caller: Caller, upstream: FakeUpstream, content_type: str | None
) -> None:
    upstream.answers.append(Answer(200, BODY, {} if content_type is None else {"content-type": content_type}))
    assert caller.complete(upstream).choices[0].message.content == "ok"


@pytest.mark.parametrize("extra", ["9" * 4_000, "1e400", "0." + "1" * 4_000])
def test_odd_numbers_in_unknown_fields_are_tolerated_or_typed(
    caller: Caller, upstream: FakeUpstream, extra: str
) -> None:
    upstream.answers.append(Answer(200, BODY[:-1] + b', "x": ' + extra.encode() + b"}", JSON))
    with contextlib.suppress(APIResponseValidationError):
        assert caller.complete(upstream).choices[0].message.content == "ok"


def test_a_502_of_60_kb_of_html_has_a_short_message(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(502, b"<html>" + b"<p>bad gateway</p>" * 3_400, {"content-type": "text/html"}))
    error = caller.failure(upstream)
    assert type(error) is BadGatewayError
    assert (error.status_code, error.provider, error.model) == (502, "openai", "gpt-4o")
    assert error.body is not None
    assert error.body.startswith("<html><p>bad gateway</p>")


def test_an_error_object_inside_a_200_is_that_error(caller: Caller, upstream: FakeUpstream) -> None:
    words = {"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded", "param": "messages"}
    upstream.answers.append(Answer.json({"error": words}, x_request_id="r1"))
    error = caller.failure(upstream)
    assert isinstance(error, BadRequestError)
    assert (error.message, error.code, error.param, error.request_id) == ("no", words["code"], "messages", "r1")


ERROR_BODIES = [
    b"", b"null", b"[]", b'"x"', b'{"error": null}', b'{"error": "x"}', b'{"error": [1]}', b'{"error": {"message": 5}}',
    b'{"error": {"message": {"a": 1}, "code": [1], "type": 2, "param": {}}}', b'{"detail": [{"loc": ["a"]}]}',
    b"\xff\xfe",
    b"[" * 100_000, b'{"error": {"message": "' + b"x" * 60_000 + b'"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", ERROR_BODIES, ids=lambda body: repr(body[:30]))
def test_an_error_body_of_any_shape_gives_the_statuses_class(
    caller: Caller, upstream: FakeUpstream, body: bytes
) -> None:
    upstream.answers.append(Answer(500, body, JSON))
    error = caller.failure(upstream)
    assert type(error) is InternalServerError
    assert error.status_code == 500
    assert str(error)
    assert all(value is None or isinstance(value, str) for value in (error.code, error.type, error.param))


# --- R10: floods ---


@contextlib.contextmanager
def growing_less_than(limit: int) -> Iterator[None]:
    """Assert that the resident size of this process grows by less than `limit` bytes at any time within."""
    forget = Path("/proc/self/clear_refs")
    if not forget.exists():  # only Linux tells
        yield
        return
    forget.write_text("5")  # the highest size so far
    before = highest_resident_size()
    yield
    assert highest_resident_size() - before < limit


def highest_resident_size() -> int:
    (line,) = [it for it in Path("/proc/self/status").read_text().splitlines() if it.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@functools.cache
def bomb(size: int) -> bytes:
    """Return `size` zero bytes, compressed."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(deflate.compress(b"0" * MIB) for _ in range(size // MIB)) + deflate.flush()


HUGE = {**JSON, "content-length": str(4_000 * 65_536)}
BLOCK = 65_536
FLOODS: dict[str, tuple[bool, Callable[[], Answer]]] = {
    "a body without end": (False, lambda: Answer(200, itertools.repeat(b" " * BLOCK), JSON)),
    "a body of a great length": (False, lambda: Answer(200, itertools.repeat(b" " * BLOCK), HUGE)),
    "an event of 50 MB": (True, lambda: Answer(200, [b"data: ", *[b"x" * BLOCK] * 800], SSE)),
    "a line without end": (True, lambda: Answer(200, itertools.repeat(b"x" * BLOCK), SSE)),
    "data lines without end": (True, lambda: Answer(200, itertools.repeat(b"data: x\n" * 8_192), SSE)),
    "a gzip bomb": (False, lambda: Answer(200, bomb(1024 * MIB), {**JSON, "content-encoding": "gzip"})),
    "a gzip bomb as a stream": (True, lambda: Answer(200, bomb(1024 * MIB), {**SSE, "content-encoding": "gzip"})),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_stops_at_its_limit(caller: Caller, upstream: FakeUpstream, flood: str) -> None:
    is_stream, answer = FLOODS[flood]
    upstream.answers.append(answer())
    with growing_less_than(128 * MIB):
        error = caller.unchecked_failure(upstream, stream=is_stream)
    assert_clean(error)
    assert type(error) is APIResponseValidationError
    assert (error.status_code, error.provider) == (200, "openai")
    caller.wait_disconnect(upstream)


def test_limits_are_settable(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, BODY, JSON), Answer(200, [FIRST, LAST], SSE)]
    small = Limits(body=len(BODY) - 1, event=50)
    assert str(len(BODY) - 1) in str(caller.failure(upstream, limits=small))
    assert type(caller.failure(upstream, stream=True, limits=small)) is APIResponseValidationError


def test_an_event_of_just_under_the_limit_is_fine_in_little_time(caller: Caller, upstream: FakeUpstream) -> None:
    event = b"data: " + json.dumps(chunk("x" * 15 * MIB, "stop")).encode() + b"\n\n"
    upstream.answers.append(Answer(200, [event], SSE, drip=16_384))
    assert len(text_of(caller.read(upstream))) == 15 * MIB


def test_a_flood_does_not_stop_other_tasks(caller: Caller, upstream: FakeUpstream) -> None:
    if caller.mode == "sync":
        return  # every call has its own thread
    upstream.answers.append(FLOODS["a line without end"][1]())
    turns = itertools.count()

    async def tick() -> None:
        while True:
            next(turns)
            await asyncio.sleep(0)

    ticking = caller.loop.create_task(tick())
    caller.unchecked_failure(upstream, stream=True)
    ticking.cancel()
    assert next(turns) > 50  # the loop turned between the blocks


def test_the_default_limits_are_those_of_the_catalogue() -> None:
    assert (Limits().event, Limits().body, Limits().error_body) == (16 * MIB, 64 * MIB, 64 * 1024)


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"\0" * 65_536])
def test_an_error_body_is_read_only_to_its_limit(caller: Caller, upstream: FakeUpstream, piece: bytes) -> None:
    upstream.answers.append(Answer(500, itertools.repeat(piece), JSON))
    error = caller.failure(upstream)
    assert type(error) is InternalServerError
    caller.wait_disconnect(upstream)


@pytest.mark.parametrize(
    "head",
    [
        b"x-a: " + b"y" * 4 * MIB + b"\r\n",
        (b"x-a: " + b"y" * 1_000 + b"\r\n") * 4_000,
        b"x-a: y\r\n" * 300_000,
    ],
    ids=["one line", "long lines", "many lines"],
)
def test_four_megabytes_of_headers_are_refused(caller: Caller, upstream: FakeUpstream, head: bytes) -> None:
    upstream.answers.append(Answer(raw=b"HTTP/1.1 200 OK\r\n" + head + b"content-length: 2\r\n\r\n{}", drip=65_536))
    error = caller.failure(upstream)
    assert isinstance(error, (APIConnectionError, APIResponseValidationError))
    assert not isinstance(error, APITimeoutError)


# --- R11 and R12: silence and dripping ---

SILENT = {
    "after accept": (False, Answer(200, BODY, hold=NEVER), "first_event"),
    "after accept, stream": (True, Answer(200, [FIRST], SSE, hold=NEVER), "first_event"),
    "after the head": (True, Answer(200, [FIRST], SSE, hold=NEVER, hold_at=0), "first_event"),
    "mid-stream": (True, Answer(200, [FIRST], SSE, hold=NEVER, hold_at=1), "idle"),
    "in the body": (False, Answer(200, BODY, JSON, drip=20, hold=NEVER, hold_at=1), "idle"),
}


@pytest.mark.parametrize("silence", SILENT)
def test_silence_ends_with_the_limit_of_its_phase(caller: Caller, upstream: FakeUpstream, silence: str) -> None:
    is_stream, answer, phase = SILENT[silence]
    upstream.answers.append(answer)
    error = caller.failure(upstream, stream=is_stream, timeout=Timeouts(total=30, first_event=0.5, idle=0.5))
    assert type(error) is APITimeoutError
    assert (error.phase, error.provider, error.attempts) == (phase, "openai", 1)
    assert caller.seconds > 0.4
    assert text_of(caller.chunks) == ("a" if phase == "idle" and is_stream else "")
    if phase == "idle" and is_stream:
        assert partial_text(error) == "a"
    caller.wait_disconnect(upstream)


@pytest.mark.parametrize("silence", SILENT)
def test_silence_ends_with_the_total(caller: Caller, upstream: FakeUpstream, silence: str) -> None:
    is_stream, answer, _ = SILENT[silence]
    upstream.answers.append(answer)
    error = caller.failure(upstream, stream=is_stream, timeout=0.5)
    assert type(error) is APITimeoutError
    assert (error.phase, error.provider) == ("total", "openai")
    assert caller.seconds > 0.4


def test_the_wait_for_the_first_event_is_one_wait_over_head_and_event(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, [FIRST, LAST], SSE, delay_seconds=0.7, hold=NEVER, hold_at=0))
    error = caller.failure(upstream, stream=True, timeout=Timeouts(first_event=1.0))
    assert (type(error), error.phase) == (APITimeoutError, "first_event")


def dripped(what: str) -> tuple[bool, Answer]:
    slow = {"drip": 1, "pause_seconds": 0.05}
    raw_head = b"HTTP/1.1 200 OK\r\nx: " + b"y" * 4_000
    return {
        "the head": (False, Answer(raw=raw_head, **slow)),  # type: ignore[arg-type]
        "the body": (False, Answer(200, b" " * 4_000, JSON, **slow)),  # type: ignore[arg-type]
        "one event": (True, Answer(200, [b"data: " + b"x" * 4_000], SSE, **slow)),  # type: ignore[arg-type]
        "comments": (True, Answer(200, [FIRST, *[b": alive\n\n"] * 4_000], SSE, pause_seconds=0.05)),
        "comments before any event": (True, Answer(200, [b": alive\n\n"] * 4_000, SSE, pause_seconds=0.05)),
        "a comment": (True, Answer(200, [FIRST, b":", *[b"x"] * 4_000], SSE, pause_seconds=0.05)),
        "a comment before any event": (True, Answer(200, [b":", *[b"x"] * 4_000], SSE, pause_seconds=0.05)),
        "informational answers": (
            False,
            Answer(raw=itertools.repeat(b"HTTP/1.1 102 Processing\r\n\r\n", 4_000), pause_seconds=0.05),
        ),
        "chunks of no bytes of text": (True, Answer(200, [FIRST, *[b"\n"] * 4_000], SSE, pause_seconds=0.05)),
        "an error body": (False, Answer(500, b"x" * 4_000, JSON, **slow)),  # type: ignore[arg-type]
    }[what]


DRIPS = [
    "the body",
    "one event",
    "comments",
    "comments before any event",
    "chunks of no bytes of text",
    "an error body",
]
DRIPPING_HEADS = ["the head", "informational answers"]


@pytest.mark.parametrize("what", DRIPS)
def test_a_total_ends_what_drips(caller: Caller, upstream: FakeUpstream, what: str) -> None:
    is_stream, answer = dripped(what)
    upstream.answers.append(answer)
    error = caller.failure(upstream, stream=is_stream, timeout=1)
    if what == "an error body":
        assert type(error) is InternalServerError  # what came says enough
    else:
        assert type(error) is APITimeoutError
        assert error.phase == "total"
    caller.wait_disconnect(upstream)


@pytest.mark.parametrize("what", DRIPPING_HEADS)
@pytest.mark.parametrize(
    ("timeout", "phase"), [(1, "total"), (Timeouts(total=30, first_event=0.6, idle=0.6), "first_event")]
)
def test_a_dripping_head_ends_in_time(
    any_caller: Caller, upstream: FakeUpstream, what: str, timeout: Any, phase: str
) -> None:
    _, answer = dripped(what)
    upstream.answers.append(answer)
    error = any_caller.failure(upstream, timeout=timeout)
    assert (type(error), error.phase) == (APITimeoutError, phase)
    any_caller.wait_disconnect(upstream)


@pytest.mark.parametrize(
    ("what", "phase"),
    [("one event", "first_event"), ("a comment", "idle"), ("a comment before any event", "first_event")],
)
def test_the_clocks_of_the_phases_count_events_and_comments_and_not_bytes(
    caller: Caller, upstream: FakeUpstream, what: str, phase: str
) -> None:
    is_stream, answer = dripped(what)
    upstream.answers.append(answer)
    error = caller.failure(upstream, stream=is_stream, timeout=Timeouts(total=30, first_event=0.6, idle=0.6))
    assert (type(error), error.phase) == (APITimeoutError, phase)


@pytest.mark.parametrize("at", [0, 1])
def test_an_upstream_that_sends_comments_is_alive(caller: Caller, upstream: FakeUpstream, at: int) -> None:
    blocks = [FIRST, LAST]
    blocks[at:at] = [b": alive\n\n"] * 10
    upstream.answers.append(Answer(200, blocks, SSE, pause_seconds=0.1))
    chunks = caller.read(upstream, timeout=Timeouts(total=30, first_event=0.5, idle=0.5))
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_many_informational_answers_before_a_good_one_are_fine(caller: Caller, upstream: FakeUpstream) -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    upstream.answers.append(
        Answer(raw=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + good)
    )
    assert caller.complete(upstream).choices[0].message.content == "ok"


# --- R19: not reached ---


def test_a_name_that_does_not_exist(caller: Caller) -> None:
    error = caller.failure("http://does-not-exist.invalid/v1")
    assert type(error) is APIConnectionError
    assert (error.code, error.phase, error.attempts) == ("dns", "connect", 1)
    assert "does-not-exist.invalid" in str(error)


def test_a_refused_port(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = caller.failure(f"http://127.0.0.1:{port}/v1")
    assert type(error) is APIConnectionError
    assert (error.code, error.phase, error.attempts) == ("connect", "connect", 1)
    assert f"127.0.0.1:{port}" in str(error)


def test_a_tls_handshake_that_is_never_answered(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        error = caller.failure(f"https://127.0.0.1:{port}/v1", timeout=Timeouts(connect=0.5))
    assert type(error) is APITimeoutError
    assert error.phase == "connect"
    assert caller.seconds > 0.4


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_a_certificate_nobody_vouches_for(caller: Caller, authority: trustme.CA) -> None:
    with fake_upstream(tls=serving(authority, "127.0.0.1")) as upstream:
        error = caller.failure(upstream, max_retries=2)
        assert type(error) is APIConnectionError
        assert (error.code, error.phase, error.attempts) == ("tls_certificate", "connect", 1)
        assert f"127.0.0.1:{upstream.port}" in str(error)
        assert (upstream.connections, upstream.received) == (1, [])


def test_plain_text_on_a_tls_port(caller: Caller, upstream: FakeUpstream) -> None:
    error = caller.failure(upstream.base_url.replace("http:", "https:"))
    assert type(error) is APIConnectionError
    assert (error.code, error.phase) == ("tls", "connect")
    assert f"127.0.0.1:{upstream.port}" in str(error)


def test_tls_on_a_plain_text_port(caller: Caller, authority: trustme.CA) -> None:
    with fake_upstream(tls=serving(authority, "127.0.0.1")) as upstream:
        error = caller.failure(upstream.base_url.replace("https:", "http:"))
    assert isinstance(error, APIConnectionError)
    assert error.phase in ("connect", "first_event")


# --- R26: connections kept alive and closed meanwhile ---


def test_a_connection_closed_between_two_calls_costs_no_error(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, BODY, close="fin")] * 20
    for _ in range(20):
        assert caller.complete(upstream).choices[0].message.content == "ok"
    assert len(upstream.received) == 20


@pytest.mark.parametrize("close", ["fin", "rst"])
def test_a_connection_that_dies_as_we_send_is_replaced_once(caller: Caller, upstream: FakeUpstream, close: str) -> None:
    upstream.answers += [Answer(200, BODY), Answer(raw=b"", close=close), Answer(200, BODY)]  # type: ignore[arg-type]
    assert caller.complete(upstream).choices[0].message.content == "ok"
    assert caller.complete(upstream).choices[0].message.content == "ok"
    assert [request["connection"] for request in upstream.received] == [1, 1, 2]


def test_a_fresh_connection_that_dies_is_an_error_at_once(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(raw=b"", close="fin"))
    assert caller.failure(upstream).code == "closed"
    assert len(upstream.received) == 1


def test_an_answer_begun_on_a_kept_connection_is_not_asked_for_again(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, BODY), Answer(200, BODY, truncate_at=10)]
    caller.complete(upstream)
    assert type(caller.failure(upstream)) is StreamTruncatedError
    assert len(upstream.received) == 2


# --- S10: redirects ---


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_redirect_is_not_followed(caller: Caller, upstream: FakeUpstream, status: int, is_stream: bool) -> None:
    with fake_upstream() as other:
        upstream.answers.append(Answer(status, b"", {"location": f"{other.base_url}/chat/completions?token=hidden"}))
        error = caller.failure(upstream, stream=is_stream, max_retries=2)
        assert type(error) is APIStatusError
        assert (error.status_code, error.attempts) == (status, 1)
        assert f"127.0.0.1:{other.port}" in str(error)
        assert "hidden" not in str(error)
        assert (other.connections, len(upstream.received)) == (0, 1)


@pytest.mark.parametrize(
    "location",
    ["https://user:pw-secret@evil.test/x", "file:///etc/passwd", "/v1/chat/completions", "//evil.test/x", "", "http://[",
     "javascript:alert(1)", "http://evil.test\u00e9/", "x" * 5_000],
)  # fmt: skip
def test_a_redirect_to_anything_odd_is_not_followed(caller: Caller, upstream: FakeUpstream, location: str) -> None:
    upstream.answers.append(Answer(307, b"", {"location": location}))
    error = caller.failure(upstream)
    assert (type(error), error.status_code) == (APIStatusError, 307)
    assert "pw-secret" not in f"{error} {vars(error)}"
    assert len(upstream.received) == 1


# --- S11: answers nobody asked for ---

POISON = json.dumps(chat("poison")).encode()
SECOND = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(POISON), POISON)


@pytest.mark.parametrize("stray", [SECOND, b"x", b"\r\n" + SECOND, SECOND[:30]], ids=["answer", "byte", "CRLF", "half"])
@pytest.mark.parametrize("pause_seconds", [0, 0.02])
def test_a_stray_answer_never_reaches_the_next_call(
    any_caller: Caller, upstream: FakeUpstream, stray: bytes, pause_seconds: float
) -> None:
    for number in range(8):
        answer = Answer.json(chat(f"answer {number}"))
        upstream.answers.append(Answer(200, answer.body, stray=stray, pause_seconds=pause_seconds))
    for number in range(8):
        assert any_caller.complete(upstream).choices[0].message.content == f"answer {number}"
        any_caller.turn()
        upstream.wait_answered(number + 1)  # the stray bytes lie there before the next call


def test_a_stray_answer_after_a_stream_never_reaches_the_next_call(any_caller: Caller, upstream: FakeUpstream) -> None:
    for _ in range(4):
        upstream.answers += [Answer(200, [FIRST, LAST], SSE, stray=SECOND), Answer.json(chat())]
    for number in range(4):
        assert text_of(any_caller.read(upstream)) == "ab"
        any_caller.turn()
        upstream.wait_answered(2 * number + 1)
        assert any_caller.complete(upstream).choices[0].message.content == "ok"


# --- S14: cookies and the environment ---


def test_no_cookie_comes_back(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, BODY, [("set-cookie", "session=1; Path=/"), ("set-cookie", "other=2")])] * 3
    for _ in range(3):
        caller.complete(upstream)
    assert [request["headers"].get("cookie") for request in upstream.received] == [None] * 3


def test_netrc_is_never_read(
    caller: Caller, upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password netrc-secret\ndefault login me password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    upstream.answers.append(Answer(200, BODY))
    caller.complete(upstream, api_key="sk-test-1234567890")
    assert upstream.received[0]["headers"]["authorization"] == "Bearer sk-test-1234567890"


def test_a_proxy_of_the_environment_is_used_but_not_for_the_loopback(
    caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_upstream() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        upstream.answers.append(Answer(200, BODY))
        caller.complete(upstream)
        assert proxy.connections == 0
        proxy.answers.append(Answer(200, BODY))
        caller.complete("http://llm.example.test/v1")
        assert [request["path"] for request in proxy.received] == ["http://llm.example.test/v1/chat/completions"]


def test_every_error_of_the_wire_is_one_of_ours(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(raw=b"\0\0\0"))
    assert isinstance(caller.failure(upstream, timeout=1), APIError)


def test_an_error_body_in_tiny_chunks_costs_linear_time(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(400, [b"x"] * 20_000, JSON))
    error = caller.failure(upstream)
    assert type(error) is BadRequestError
