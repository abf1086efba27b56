"""Streams that are relayed: well-formed events with exactly one end, or a typed error (rows R2 to R6, R13)."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from llmgate_core import (
    APIError,
    APIResponseValidationError,
    InternalServerError,
    Limits,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate_core.relay.relay import error_object, error_tail
from llmgate_core.serving import FAMILIES, errors
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.relay_calls import HI, Relay, chat, stream_of, text_event

BODY: dict[str, Any] = {"model": "m", "messages": HI, "stream": True}
DONE = b"data: [DONE]"
NEVER = threading.Event()
A = '{"id":"c1","choices":[{"index":0,"delta":{"content":"h\\u00e9"},"finish_reason":null}],"new":null}'
END = '{"id":"c1", "choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = '{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15},"service_tier":"priority"}'
TOLD = [text_event(A)[:-2], text_event(END)[:-2], DONE]
WHOLE = text_event(A) + text_event(END) + DONE + b"\n\n"
TWO_LINES = A.replace(',"choices"', ',\n"choices"', 1)


# --- R2: one form, whatever the shape ---

LEGAL = {
    "LF": WHOLE,
    "CRLF": WHOLE.replace(b"\n", b"\r\n"),
    "CR": WHOLE.replace(b"\n", b"\r"),
    "BOM": b"\xef\xbb\xbf" + WHOLE,
    "no space": WHOLE.replace(b"data: ", b"data:"),
    "comments and fields": b": hi\n\nretry: 1\n\nid: 1\nevent: message\n"
    + WHOLE.replace(b"\n\n", b"\nx: y\n\n: z\n\n"),
    "no [DONE]": text_event(A) + text_event(END),
    "two [DONE]": WHOLE + DONE + b"\n\n",
    "more behind [DONE]": WHOLE + text_event(A) + b"rubbish\n\n",
}


@pytest.mark.parametrize("shape", LEGAL)
@pytest.mark.parametrize("drip", [None, 1, 7])
def test_events_of_any_shape_and_cut_come_out_in_one_form_with_one_end(
    relay: Relay, upstream: FakeUpstream, shape: str, drip: int | None
) -> None:
    upstream.answers.append(stream_of(LEGAL[shape], drip=drip))
    told = relay(BODY)
    assert (events_of(told), told.error) == (TOLD, None)


def events_of(told: Any) -> list[bytes]:
    """Return the events without comments, which are passed on where no event comes with them."""
    return [event for event in told.events if not event.startswith(b":")]


def test_comments_between_events_are_passed_on_and_those_before_the_first_are_not(
    relay: Relay, upstream: FakeUpstream
) -> None:
    blocks = (b": a\n\n", text_event(A), b": b\n\n", text_event(END), DONE + b"\n\n")
    upstream.answers.append(stream_of(*blocks, pause_seconds=0.05))
    assert relay(BODY).events == [TOLD[0], b": b", *TOLD[1:]]


def test_data_of_several_lines_stays_one_event_of_several_lines(relay: Relay, upstream: FakeUpstream) -> None:
    data = b"data: " + TWO_LINES.encode().replace(b"\n", b"\ndata: ") + b"\n\n"
    upstream.answers.append(stream_of(data, text_event(END), DONE, b"\n\n"))
    assert relay(BODY).events == [data[:-2], *TOLD[1:]]


def test_usage_tier_cost_and_count_are_known_once_it_has_ended(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event(A), text_event(END), text_event(USAGE), DONE + b"\n\n"))

    told = relay(BODY)

    record = told.stream.record
    assert told.events[-2:] == [text_event(USAGE)[:-2], DONE]
    assert (record.usage["total_tokens"], record.tier, record.provider, record.attempts) == (
        15,
        "priority",
        "openai",
        1,
    )
    assert record.cost_of(record.usage, record.tier) > record.cost_of(record.usage) > 0


@pytest.mark.parametrize("usage", ['"x"', "{}", "7", '{"total_tokens":null}'])
def test_an_odd_usage_is_kept_as_it_came(relay: Relay, upstream: FakeUpstream, usage: str) -> None:
    upstream.answers.append(stream_of(text_event(END), text_event(f'{{"choices":[],"usage":{usage}}}'), DONE, b"\n\n"))
    told = relay(BODY)
    assert (told.error, told.stream.record.usage) == (None, json.loads(usage))


# --- R3, R4: no end ---


@pytest.mark.parametrize("close", [None, "fin", "rst"])
def test_a_stream_without_its_end_is_truncated_behind_what_came(
    relay: Relay, upstream: FakeUpstream, close: Any
) -> None:
    told_first = text_event(A)
    cut = {} if close is None else {"truncate_at": 1_000, "close": close}
    upstream.answers.append(stream_of(told_first, told_first, *[b": x\n\n"] * (1000 if close else 0), **cut))

    told = relay(BODY)

    assert events_of(told) == [TOLD[0]] * 2
    assert isinstance(told.error, StreamTruncatedError)
    assert (told.error.phase, told.error.provider, told.error.model) == ("body", "openai", "gpt-4o")


def test_an_event_that_its_blank_line_never_ended_is_no_event(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event(A) + text_event(END)[:-1]))
    told = relay(BODY)
    assert (told.events, type(told.error)) == (TOLD[:1], StreamTruncatedError)


def test_a_stream_that_is_empty_is_truncated_before_it_began(relay: Relay, upstream: FakeUpstream) -> None:
    for parts in ([], [b": nothing\n\n"], [b"\n\n"]):
        upstream.answers.append(stream_of(*parts))
        with pytest.raises(StreamTruncatedError):
            relay(BODY)


# --- R5, R6: errors and what is no event ---

LIMITED = '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}'
BAD_FIRST: dict[str, tuple[bytes, type[APIError]]] = {
    "an error object": (text_event(LIMITED), RateLimitError),
    "an error event": (b"event: error\n" + text_event(LIMITED), RateLimitError),
    "a flat error event": (b'event: error\ndata: {"message":"m","code":"server_error"}\n\n', InternalServerError),
    "an error event without JSON": (b"event: error\ndata: it broke\n\n", errors.APIStatusError),
    "an error of type error": (text_event('{"type":"error","code":"server_error","message":"m"}'), InternalServerError),
    "no JSON": (text_event("hello"), APIResponseValidationError),
    "cut JSON": (text_event(A[:-5]), APIResponseValidationError),
    "a list": (text_event("[]"), APIResponseValidationError),
    "a number": (text_event("7"), APIResponseValidationError),
    "null": (text_event("null"), APIResponseValidationError),
    "NaN": (text_event('{"choices":[],"n":NaN}'), APIResponseValidationError),
    "too deep": (text_event('{"choices":' + "[" * 50_000 + "]" * 50_000 + "}"), APIResponseValidationError),
}


@pytest.mark.parametrize("name", BAD_FIRST)
def test_an_error_as_first_event_is_a_failed_request(relay: Relay, upstream: FakeUpstream, name: str) -> None:
    event, kind = BAD_FIRST[name]
    upstream.answers.append(stream_of(event, text_event(END), DONE, b"\n\n"))
    with pytest.raises(APIError) as caught:
        relay(BODY)
    assert type(caught.value) is kind
    assert (caught.value.provider, caught.value.attempts) == ("openai", 1)


@pytest.mark.parametrize("name", BAD_FIRST)
@pytest.mark.parametrize("in_one_block", [True, False])
def test_the_same_later_comes_behind_what_was_good_and_is_no_end(
    relay: Relay, upstream: FakeUpstream, name: str, in_one_block: bool
) -> None:
    event, kind = BAD_FIRST[name]
    parts = (text_event(A), event, text_event(END), DONE, b"\n\n")
    upstream.answers.append(stream_of(b"".join(parts)) if in_one_block else stream_of(*parts))
    told = relay(BODY)
    assert (told.events, type(told.error)) == (TOLD[:1], kind)


def test_an_error_as_first_event_that_may_pass_is_tried_again(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers += [stream_of(BAD_FIRST["an error object"][0]), stream_of(WHOLE)]
    told = relay(BODY, max_retries=1)
    assert (told.events, told.stream.record.attempts) == (TOLD, 2)


def test_an_event_larger_than_its_limit_is_a_failed_request(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event('{"choices":[],"x":"' + "x" * 5000 + '"}'), text_event(END)))
    with pytest.raises(APIResponseValidationError, match="2000"):
        relay(BODY, client={"limits": Limits(event=2000)})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json(chat()), APIResponseValidationError),
        (Answer.json(json.loads(LIMITED)), RateLimitError),
        (Answer(200, b"<html>", {"content-type": "text/html"}), APIResponseValidationError),
        (Answer.json(json.loads(LIMITED), 429), RateLimitError),
    ],
    ids=["a whole answer", "an error under a 200", "HTML", "a 429"],
)
def test_a_document_in_answer_to_a_stream_request_is_an_error(
    relay: Relay, upstream: FakeUpstream, answer: Answer, kind: type[Exception]
) -> None:
    upstream.answers.append(answer)
    with pytest.raises(APIError) as caught:
        relay(BODY)
    assert type(caught.value) is kind


def test_a_stream_ends_at_its_marker_though_the_connection_stays_open(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(WHOLE, hold=NEVER, hold_at=1))
    assert relay(BODY).events == TOLD


# --- typed families ---

CREATED = '{"type":"response.created","response":{"id":"resp_1","new":null}}'
COMPLETED = '{"type":"response.completed","response":{"id":"resp_1","usage":{"total_tokens":3},"service_tier":"flex"}}'
RESPONSES = ({"input": "hi", "stream": True}, "responses", "acme/a-model")


def named(kind: str, data: str) -> bytes:
    return f"event: {kind}\ndata: {data}".encode()


@pytest.mark.parametrize("behind", [b"", DONE + b"\n\n", text_event(CREATED), b"rubbish\n\n"])
@pytest.mark.parametrize("with_names", [True, False])
def test_typed_events_have_their_names_and_no_done(
    relay: Relay, upstream: FakeUpstream, behind: bytes, with_names: bool
) -> None:
    events = [named("response.created", CREATED), named("response.completed", COMPLETED)]
    sent = events if with_names else [text_event(CREATED)[:-2], text_event(COMPLETED)[:-2]]
    upstream.answers.append(stream_of(b"\n\n".join(sent) + b"\n\n" + behind))

    told = relay(*RESPONSES)

    assert (told.events, told.error) == (events, None)
    assert (told.stream.record.usage, told.stream.record.tier) == ({"total_tokens": 3}, "flex")


@pytest.mark.parametrize("end", ["response.incomplete", "response.failed"])
def test_each_end_of_a_response_ends_it(relay: Relay, upstream: FakeUpstream, end: str) -> None:
    upstream.answers.append(stream_of(text_event(COMPLETED.replace("response.completed", end)), text_event(CREATED)))
    assert [event.partition(b"\n")[0] for event in relay(*RESPONSES).events] == [b"event: " + end.encode()]


def test_a_typed_stream_that_ends_with_done_alone_is_truncated(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event(CREATED), DONE, b"\n\n"))
    told = relay(*RESPONSES)
    assert (told.events, type(told.error)) == ([named("response.created", CREATED)], StreamTruncatedError)


@pytest.mark.parametrize("place", ["error", "response.created"])
def test_an_error_event_of_a_response_is_an_error(relay: Relay, upstream: FakeUpstream, place: str) -> None:
    error = '{"type":"error","code":"rate_limit_exceeded","message":"slow down","param":null,"sequence_number":1}'
    upstream.answers.append(stream_of(text_event(CREATED), f"event: {place}\n", text_event(error)))
    told = relay(*RESPONSES)
    assert (len(told.events), type(told.error), told.error.message) == (1, RateLimitError, "slow down")


def test_images_may_come_several_and_the_body_ends_them(relay: Relay, upstream: FakeUpstream) -> None:
    done = '{"type":"image_generation.completed","b64_json":"QQ==","usage":{"total_tokens":9}}'
    upstream.answers.append(stream_of(text_event(done), text_event(done)))
    told = relay({"prompt": "a", "stream": True}, "image", "openai/gpt-image-1")
    assert told.events == [named("image_generation.completed", done)] * 2
    assert told.stream.record.usage == {"total_tokens": 9}


def test_a_type_that_would_break_the_form_is_not_made_a_name(relay: Relay, upstream: FakeUpstream) -> None:
    odd = '{"type":"a\\nevent: b","x":1}'
    upstream.answers.append(stream_of(text_event(odd), text_event(COMPLETED)))
    assert relay(*RESPONSES).events[0] == text_event(odd)[:-2]


# --- bytes, converted and fake streams ---


def test_bytes_are_handed_out_as_they_come(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, [b"\x00data: ", b"\n\n\xff"], {"content-type": "audio/mpeg"}))
    told = relay({"input": "a", "voice": "alloy", "stream": True}, "speech", "openai/tts-1")
    assert (told.content, told.error) == (b"\x00data: \n\n\xff", None)
    assert "stream" not in upstream.received[0]["json"]


def test_bytes_that_break_off_are_truncated(relay: Relay, upstream: FakeUpstream) -> None:
    audio = {"content-type": "audio/mpeg"}
    upstream.answers.append(Answer(200, [b"x" * 100] * 9, audio, truncate_at=300, close="fin"))
    told = relay({"input": "a", "voice": "alloy", "stream": True}, "speech", "openai/tts-1")
    assert isinstance(told.error, StreamTruncatedError)
    assert told.content.startswith(b"x" * 100)


def test_speech_asked_for_as_events_comes_as_events(relay: Relay, upstream: FakeUpstream) -> None:
    delta, done = '{"type":"speech.audio.delta","audio":"QQ=="}', '{"type":"speech.audio.done","usage":{}}'
    upstream.answers.append(stream_of(text_event(delta), text_event(done)))
    asked = {"input": "a", "voice": "alloy", "stream_format": "sse"}
    told = relay(asked, "speech", "openai/gpt-4o-mini-tts")
    assert told.events == [named("speech.audio.delta", delta), named("speech.audio.done", done)]


def test_a_stream_that_another_family_carries_is_converted_and_ends_once(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event(A), text_event(END), text_event(USAGE), DONE, b"\n\n"))
    told = relay({"input": "hi", "stream": True}, "responses", use_chat_completions_api=True)
    kinds = [event.partition(b"\n")[0].removeprefix(b"event: ").decode() for event in told.events]
    assert (kinds[0], kinds[-1], kinds.count("response.completed")) == ("response.created", "response.completed", 1)
    assert [json.loads(event.partition(b"data: ")[2])["type"] for event in told.events] == kinds
    assert b"[DONE]" not in told.content
    assert told.stream.record.usage["total_tokens"] == 15
    assert told.stream.record.ledger


def test_a_converted_stream_that_breaks_off_is_truncated(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream_of(text_event(A)))
    told = relay({"input": "hi", "stream": True}, "responses", use_chat_completions_api=True)
    assert isinstance(told.error, StreamTruncatedError)
    assert b"response.completed" not in told.content


@pytest.mark.parametrize("with_usage", [True, False])
def test_a_fake_stream_is_the_whole_answer_in_chunks_with_one_end(
    relay: Relay, upstream: FakeUpstream, with_usage: bool
) -> None:
    upstream.answers.append(Answer.json(chat(new_field={"kept": None})))
    options = {"stream_options": {"include_usage": True}} if with_usage else {}

    told = relay({**BODY, **options}, fake_stream=True)

    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI}
    *chunks, end = told.events
    parsed = [json.loads(chunk.removeprefix(b"data: ")) for chunk in chunks]
    text = "".join(choice["delta"].get("content") or "" for chunk in parsed for choice in chunk["choices"])
    assert (end, text) == (DONE, "Hello")
    assert [bool(chunk.get("usage")) for chunk in parsed] == [False] * (len(parsed) - with_usage) + [True] * with_usage
    assert all(chunk["new_field"] == {"kept": None} for chunk in parsed)
    assert [(entry.parameter, entry.action) for entry in told.stream.record.ledger] == [("stream", "emulated")]
    assert told.stream.record.usage["total_tokens"] == 15


def test_a_fake_stream_of_a_response_has_names_and_no_done(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"id": "resp_1", "status": "completed", "output": [], "model": "gpt-5-pro"}))
    told = relay({"input": "hi", "stream": True}, "responses", "openai/gpt-5-pro", fake_stream=True)
    assert [event.partition(b"\n")[0] for event in told.events] == [
        b"event: response.created",
        b"event: response.in_progress",
        b"event: response.completed",
    ]


def test_a_fake_stream_whose_answer_is_broken_fails_as_a_whole_one(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"ok": True}))
    with pytest.raises(APIResponseValidationError):
        relay(BODY, fake_stream=True)


# --- how a stream says that it failed ---


def test_an_error_is_told_in_the_words_of_the_upstream_or_in_ours() -> None:
    theirs = RateLimitError("slow down", status_code=429, code="rate_limit_exceeded", type="tokens", param="n")
    assert error_object(theirs) == {
        "message": "slow down",
        "type": "tokens",
        "param": "n",
        "code": "rate_limit_exceeded",
    }
    kinds = {400: "invalid_request_error", 499: "invalid_request_error", 500: "server_error", None: "server_error"}
    for status, kind in kinds.items():
        ours = error_object(errors.APIError("it broke", status_code=status))
        assert ours == {"message": "it broke", "type": kind, "param": None, "code": None}
    assert error_object(errors.ConfigError("wrong"))["type"] == "server_error"


def test_each_family_says_that_its_stream_failed_in_its_own_form() -> None:
    error = InternalServerError("it\nbroke", status_code=500, code="boom")
    said = {"message": "it\nbroke", "type": "server_error", "param": None, "code": "boom"}
    ends = {
        "chat": text_event(json.dumps({"error": said}, separators=(",", ":"))) + DONE + b"\n\n",
        "image": text_event(json.dumps({"error": said}, separators=(",", ":"))),
    }
    ends["text_completion"], ends["transcription"], ends["speech"] = ends["chat"], ends["image"], ends["image"]
    assert {family: error_tail(FAMILIES[family], error) for family in ends} == ends
    tail = error_tail(FAMILIES["responses"], error, after=7)
    assert tail.startswith(b"event: error\ndata: {")
    assert json.loads(tail.partition(b"data: ")[2]) == {**said, "type": "error", "sequence_number": 7}
    assert tail.count(b"\n\n") == 1
    assert tail.endswith(b"\n\n")
