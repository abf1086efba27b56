"""Rows R1 to R3, R5 to R7, R13 and R17: streams that are left, broken, odd or that do not end."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import threading

import pytest

from llmgate_core import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    BadRequestError,
    InternalServerError,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import Caller, chat, chunk, partial_text, text_of

pytestmark = pytest.mark.usefixtures("trusts_one_certificate")

NEVER = threading.Event()
SSE = {"content-type": "text/event-stream"}
A, B, END = (json.dumps(piece) for piece in (chunk("a"), chunk("b"), chunk(finish_reason="stop")))


def stream(text: str | bytes, **faults: object) -> Answer:
    """Return an event stream of exactly this text, in one write."""
    return Answer(200, [text.encode() if isinstance(text, str) else text], SSE, **faults)  # type: ignore[arg-type]


def endless() -> Answer:
    """Return one event, then silence."""
    return Answer(200, [b"data: " + A.encode() + b"\n\n"], SSE, hold=NEVER, hold_at=1)


# --- R1: the caller leaves ---


def test_closing_a_stream_hangs_up_on_the_upstream(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(endless())
    opened = caller.complete(upstream, stream=True)
    assert next(opened).choices[0].delta.content == "a"
    opened.close()
    caller.wait_disconnect(upstream)


def test_closing_a_stream_that_was_never_read_hangs_up_too(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(endless())
    opened = caller.complete(upstream, stream=True)
    opened.close()
    caller.wait_disconnect(upstream)


@pytest.mark.parametrize("chunks_read", [0, 1])
def test_a_stream_whose_reference_is_dropped_hangs_up(caller: Caller, upstream: FakeUpstream, chunks_read: int) -> None:
    upstream.answers.append(endless())
    opened = caller.complete(upstream, stream=True)
    for _ in range(chunks_read):
        next(opened)
    gc.disable()  # a cycle would wait for the collector
    try:
        del opened
        caller.wait_disconnect(upstream)
    finally:
        gc.enable()


def test_leaving_the_with_block_hangs_up(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(endless())
    opened = caller.complete(upstream, stream=True).inner

    async def leave() -> None:
        async with opened as chunks:
            async for _ in chunks:
                break

    if caller.mode == "async":
        caller.await_(leave())
    else:
        with opened as chunks:
            next(chunks)
    caller.wait_disconnect(upstream)


@pytest.mark.parametrize("phase", ["before the head", "after the head", "mid-stream", "plain"])
def test_cancelling_the_task_hangs_up(caller: Caller, upstream: FakeUpstream, phase: str) -> None:
    if caller.mode == "sync":
        return  # there is no task
    hold_at = {"before the head": None, "after the head": 0, "mid-stream": 1, "plain": None}[phase]
    upstream.answers.append(Answer(200, [b"data: " + A.encode() + b"\n\n"], SSE, hold=NEVER, hold_at=hold_at))
    seen = asyncio.Event()

    async def read() -> None:
        result = await caller.client().completion(
            "openai/gpt-4o",
            [{"role": "user", "content": "hi"}],
            stream=phase != "plain",
            api_key="sk-test-123456",
            api_base=upstream.base_url,
        )
        async for _ in result:
            seen.set()

    async def cancel() -> None:
        task = asyncio.ensure_future(read())
        if phase == "mid-stream":
            await asyncio.wait_for(seen.wait(), 5)
        else:
            await asyncio.get_running_loop().run_in_executor(None, upstream.wait_received, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    caller.await_(cancel())
    caller.wait_disconnect(upstream)


# --- R2: every legal shape ---

LEGAL = {
    "LF": f"data: {A}\n\ndata: {END}\n\ndata: [DONE]\n\n",
    "CRLF": f"data: {A}\r\n\r\ndata: {END}\r\n\r\ndata: [DONE]\r\n\r\n",
    "CR": f"data: {A}\r\rdata: {END}\r\rdata: [DONE]\r\r",
    "BOM": f"\ufeffdata: {A}\n\ndata: {END}\n\ndata: [DONE]\n\n",
    "no space": f"data:{A}\n\ndata:{END}\n\ndata:[DONE]\n\n",
    "comments": f": hello\n\nretry: 10\n\nid: 1\n\n:\ndata: {A}\n\n: again\n\ndata: {END}\n\ndata: [DONE]\n\n",
    "fields": f"id: 1\nretry: 5\nevent: message\ndata: {A}\nunknown: x\n\ndata: {END}\n\ndata: [DONE]\n\n",
    "two data lines": "data: " + A.replace(", ", ",\ndata: ", 1) + f"\n\ndata: {END}\n\ndata: [DONE]\n\n",
    "no [DONE]": f"data: {A}\n\ndata: {END}\n\n",
}


@pytest.mark.parametrize("shape", LEGAL)
@pytest.mark.parametrize("drip", [None, 1, 7])
def test_a_legal_stream_gives_its_text(caller: Caller, upstream: FakeUpstream, shape: str, drip: int | None) -> None:
    upstream.answers.append(stream(LEGAL[shape], drip=drip))
    chunks = caller.read(upstream)
    assert [piece.model_dump(exclude_unset=True) for piece in chunks] == [chunk("a"), chunk(finish_reason="stop")]


@pytest.mark.parametrize("drip", [1, 2, 3, None])
def test_odd_characters_survive_any_cut(caller: Caller, upstream: FakeUpstream, drip: int | None) -> None:
    text = "é✓😀\u2028\u2029\u0085\u000b\u001c \\n"
    event = json.dumps(chunk(text, "stop"), ensure_ascii=False)
    upstream.answers.append(stream(f"data: {event}\n\ndata: [DONE]\n\n", drip=drip))
    assert text_of(caller.read(upstream)) == text


def test_a_stream_does_not_depend_on_where_the_network_cuts_it(caller: Caller, upstream: FakeUpstream) -> None:
    whole = "".join(LEGAL[shape].removesuffix("data: [DONE]\n\n") for shape in ("LF", "comments", "fields")).encode()
    whole += b"data: [DONE]\r\n\r\n"
    dice = random.Random(7)
    for _ in range(20):
        cuts = sorted(dice.sample(range(len(whole)), 9))
        parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        upstream.answers.append(Answer(200, parts, SSE))
        assert text_of(caller.read(upstream)) == "aaa"


# --- R3: ends that are no ends ---

CUT = {
    "clean end without finish_reason": f"data: {A}\n\n",
    "JSON cut": f"data: {A}\n\n" + 'data: {"id": "c1", "cho',
    "event cut before its blank line": f"data: {A}\n\ndata: {END}",
}


@pytest.mark.parametrize("shape", CUT)
def test_a_stream_cut_short_is_truncated_and_keeps_what_came(
    caller: Caller, upstream: FakeUpstream, shape: str
) -> None:
    upstream.answers.append(stream(CUT[shape]))
    error = caller.failure(upstream, stream=True)
    assert type(error) is StreamTruncatedError
    assert (error.phase, error.provider, error.model, error.attempts) == ("body", "openai", "gpt-4o", 1)
    assert text_of(caller.chunks) == partial_text(error) == "a"
    assert len(upstream.received) == 1


@pytest.mark.parametrize("body", ["", ": nothing\n\n", "\n\n", "data: [DONE]"])
def test_a_stream_of_no_events_is_truncated(caller: Caller, upstream: FakeUpstream, body: str) -> None:
    upstream.answers.append(stream(body))
    error = caller.failure(upstream, stream=True)
    assert type(error) is StreamTruncatedError
    assert (error.phase, error.partial, caller.chunks) == ("body", None, [])


# --- R5: errors inside a stream ---

ERROR = {"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded", "param": None}}
FIRST_EVENT = {
    "data": f"data: {json.dumps(ERROR)}\n\n",
    "event: error": f"event: error\ndata: {json.dumps(ERROR)}\n\n",
    "event: error, flat": f"event: error\ndata: {json.dumps(ERROR['error'])}\n\n",
}


@pytest.mark.parametrize("shape", FIRST_EVENT)
def test_an_error_as_first_event_is_a_failed_request(caller: Caller, upstream: FakeUpstream, shape: str) -> None:
    upstream.answers.append(stream(FIRST_EVENT[shape]))
    with pytest.raises(RateLimitError, match="slow down") as caught:
        caller.complete(upstream, stream=True)
    error = caught.value
    assert (error.status_code, error.code, error.type) == (429, "rate_limit_exceeded", "tokens")
    assert (error.provider, error.model, error.attempts) == ("openai", "gpt-4o", 1)


def test_an_error_as_first_event_is_retried(caller: Caller, upstream: FakeUpstream) -> None:
    overloaded = json.dumps({"error": {"message": "later", "type": "server_error", "code": None}})
    upstream.answers += [stream(f"data: {overloaded}\n\n"), stream(LEGAL["LF"])]
    assert text_of(caller.read(upstream, max_retries=1)) == "a"
    assert len(upstream.received) == 2


@pytest.mark.parametrize("shape", FIRST_EVENT)
def test_an_error_in_mid_stream_keeps_message_code_and_answer(
    caller: Caller, upstream: FakeUpstream, shape: str
) -> None:
    upstream.answers.append(stream(f"data: {A}\n\n{FIRST_EVENT[shape]}data: [DONE]\n\n"))
    error = caller.failure(upstream, stream=True, max_retries=2)
    assert isinstance(error, RateLimitError)
    assert ("slow down" in str(error), error.code) == (True, "rate_limit_exceeded")
    assert text_of(caller.chunks) == partial_text(error) == "a"
    assert len(upstream.received) == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", None])
def test_a_plain_json_error_in_answer_to_a_stream_request(
    caller: Caller, upstream: FakeUpstream, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    upstream.answers.append(Answer(200, json.dumps(ERROR).encode(), headers))
    error = caller.failure(upstream, stream=True)
    assert type(error) is RateLimitError
    assert ("slow down" in str(error), error.code, caller.chunks) == (True, "rate_limit_exceeded", [])


def test_an_http_error_in_answer_to_a_stream_request(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "no", "code": "bad"}}, 400, x_request_id="r1"))
    error = caller.failure(upstream, stream=True)
    assert type(error) is BadRequestError
    assert (error.message, error.status_code, error.code, error.request_id) == ("no", 400, "bad", "r1")


def test_a_whole_answer_to_a_stream_request_is_no_empty_success(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    error = caller.failure(upstream, stream=True)
    assert isinstance(error, (APIResponseValidationError, StreamTruncatedError))
    assert caller.chunks == []


@pytest.mark.parametrize("content_type", ["text/html", "text/event-stream"])
def test_a_page_of_html_to_a_stream_request_is_no_empty_success(
    caller: Caller, upstream: FakeUpstream, content_type: str
) -> None:
    upstream.answers.append(Answer(200, b"<html>" + b"login " * 9_000, {"content-type": content_type}))
    error = caller.failure(upstream, stream=True)
    assert isinstance(error, (APIResponseValidationError, StreamTruncatedError))
    assert caller.chunks == []


# --- R6: events that are no chunks ---

BAD_EVENTS = {
    "no JSON": b"{oops",
    "a number": b"1",
    "a text": b'"x"',
    "null": b"null",
    "a list": b"[]",
    "choices a text": b'{"choices": "x"}',
    "a choice that is a number": b'{"choices": [1]}',
    "a delta that is a list": b'{"choices": [{"index": 0, "delta": [1]}]}',
    "too deep": b"[" * 100_000,
    "too deep inside": b'{"choices": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"choices": [{"index": 0, "delta": {"content": NaN}}]}',
}


@pytest.mark.parametrize("shape", BAD_EVENTS)
def test_an_event_that_is_no_chunk_is_a_typed_error(caller: Caller, upstream: FakeUpstream, shape: str) -> None:
    upstream.answers.append(
        stream(b"data: " + A.encode() + b"\n\ndata: " + BAD_EVENTS[shape] + b"\n\ndata: [DONE]\n\n")
    )
    error = caller.failure(upstream, stream=True)
    assert type(error) is APIResponseValidationError
    assert (error.status_code, error.provider, error.model) == (200, "openai", "gpt-4o")
    assert text_of(caller.chunks) == partial_text(error) == "a"
    assert len(upstream.received) == 1


TOLERATED = {
    "content a number": '{"choices": [{"index": 0, "delta": {"content": 7}}]}',
    "tool_calls an object": '{"choices": [{"index": 0, "delta": {"tool_calls": {}}}]}',
    "choices null": '{"id": "c1", "choices": null}',
    "choices absent": '{"id": "c1"}',
    "no choices": '{"id": "c1", "choices": []}',
    "delta null": '{"choices": [{"index": 0, "delta": null}]}',
    "delta absent": '{"choices": [{"index": 0}]}',
    "content null": '{"choices": [{"index": 0, "delta": {"content": null}}]}',
    "unknown fields": '{"x": {"y": 1}, "choices": [{"z": 1, "index": 0, "delta": {"w": [1]}}]}',
    "error null": '{"error": null, "choices": [{"index": 0, "delta": {}}]}',
    "a huge integer": '{"choices": [], "x": ' + "9" * 4_000 + "}",
    "duplicate keys": '{"choices": null, "choices": []}',
}


@pytest.mark.parametrize("shape", TOLERATED)
def test_an_event_whose_meaning_is_clear_is_tolerated(caller: Caller, upstream: FakeUpstream, shape: str) -> None:
    upstream.answers.append(stream(f"data: {A}\n\ndata: {TOLERATED[shape]}\n\ndata: {END}\n\ndata: [DONE]\n\n"))
    chunks = caller.read(upstream)
    assert text_of(chunks) == "a"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_invalid_utf_8_ends_in_text_or_a_typed_error(caller: Caller, upstream: FakeUpstream) -> None:
    broken = json.dumps(chunk("X")).encode().replace(b"X", b"\xff\xfe\xc3")
    upstream.answers.append(stream(b"data: " + broken + b"\n\ndata: " + END.encode() + b"\n\ndata: [DONE]\n\n"))
    text = text_of(caller.read(upstream))
    text.encode()  # what reaches the caller can be written down
    assert "\ufffd" in text


@pytest.mark.parametrize("where", ["stream", "plain"])
def test_a_lone_surrogate_becomes_the_replacement_character(caller: Caller, upstream: FakeUpstream, where: str) -> None:
    if where == "stream":
        upstream.answers.append(stream(f"data: {json.dumps(chunk('X'))}\n\ndata: {END}\n\n".replace("X", "\\ud800")))
        whole = caller.await_(caller.complete(upstream, stream=True).inner.whole())
    else:
        upstream.answers.append(Answer(200, json.dumps(chat("X")).replace("X", "\\ud800").encode()))
        whole = caller.complete(upstream)
    assert whole.choices[0].message.content == "\ufffd"
    assert [entry.action for entry in whole.ledger] == ["replaced"]


# --- R7: usage ---

USAGE = [
    (['{"prompt_tokens": 1}'], 1),
    (['{"prompt_tokens": 1}', '{"prompt_tokens": 2}'], 2),
    (["null"], None),
    ([], None),
    (['{"prompt_tokens": 1}', "null"], 1),
    (['{"prompt_tokens": -5}'], -5),
    (['{"prompt_tokens": 1.5}'], 1.5),
    (['{"prompt_tokens": 1e3}'], 1000),
    (['{"prompt_tokens": 99999999999999999999}'], 99999999999999999999),
]


@pytest.mark.parametrize(("usages", "expected"), USAGE)
def test_the_last_usage_wins(caller: Caller, upstream: FakeUpstream, usages: list[str], expected: float | None) -> None:
    events = "".join(f'data: {{"choices": [], "usage": {usage}}}\n\n' for usage in usages)
    upstream.answers.append(stream(f"data: {A}\n\ndata: {END}\n\n{events}data: [DONE]\n\n"))
    opened = caller.complete(upstream, stream=True)
    whole = caller.await_(opened.inner.whole())
    assert (None if whole.usage is None else whole.usage.prompt_tokens) == expected


# --- R13: around [DONE] ---


def test_a_stream_ends_at_done_though_the_socket_stays_open(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, [LEGAL["LF"].encode()], SSE, hold=NEVER, hold_at=1))
    assert text_of(caller.read(upstream)) == "a"
    caller.wait_disconnect(upstream)


def test_what_comes_after_done_is_not_read(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream(f"{LEGAL['LF']}data: {B}\n\ndata: {json.dumps(ERROR)}\n\ndata: [DONE]\n\n"))
    assert text_of(caller.read(upstream)) == "a"


def test_a_whole_stream_leaves_its_connection_for_the_next_call(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [stream(LEGAL["LF"])] * 3
    for _ in range(3):
        assert text_of(caller.read(upstream)) == "a"
        caller.turn()
    assert upstream.connections == 1


# --- R17: nothing is replayed ---


@pytest.mark.parametrize("close", ["fin", "rst"])
def test_a_stream_that_breaks_after_its_first_event_is_not_replayed(
    caller: Caller, upstream: FakeUpstream, close: str
) -> None:
    first = b"data: " + A.encode() + b"\n\n"
    gate = threading.Event()
    upstream.answers.append(
        Answer(200, [first, b"rest"], SSE, truncate_at=len(first) + 6, close=close, hold=gate, hold_at=1)
    )  # type: ignore[arg-type]
    opened = caller.complete(upstream, stream=True, max_retries=3)
    assert text_of([next(opened)]) == "a"
    gate.set()
    with pytest.raises(StreamTruncatedError) as caught:
        next(opened)
    assert partial_text(caught.value) == "a"
    assert isinstance(caught.value, APIConnectionError)
    with pytest.raises(StopIteration):
        next(opened)
    assert len(upstream.received) == 1


def test_a_stream_that_breaks_before_its_first_event_is_tried_again(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [stream(": hello\n\n", truncate_at=12), stream(LEGAL["LF"])]
    assert text_of(caller.read(upstream, max_retries=1)) == "a"
    assert len(upstream.received) == 2


def test_statuses_of_stream_errors_follow_the_code(caller: Caller, upstream: FakeUpstream) -> None:
    table: list[tuple[dict[str, object], type[APIStatusError]]] = [
        ({"message": "m", "code": "context_length_exceeded"}, BadRequestError),
        ({"message": "m", "type": "server_error"}, InternalServerError),
        ({"message": "m", "code": 503}, InternalServerError),
        ({"message": "m", "code": "insufficient_quota"}, RateLimitError),
    ]
    for words, expected in table:
        upstream.answers.append(stream(f"data: {json.dumps({'error': words})}\n\n"))
        assert isinstance(caller.failure(upstream, stream=True), expected), words
