"""Transcription and translation through the SDK: the form on the wire, every format, streams, what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import (
    APIResponseValidationError,
    BadRequestError,
    ContentPolicyViolationError,
    StreamTruncatedError,
    UnsupportedParamsError,
)
from llmgate_core.testing import Answer, FakeUpstream

Call = Callable[..., Any]

WAV = b"RIFF$\0\0\0WAVEfmt made up"
SRT = "1\n00:00:00,000 --> 00:00:01,000\nBonjour, \u00e7a va ?\n\n"
DELTA = {"type": "transcript.text.delta", "delta": "hello"}
DONE = {"type": "transcript.text.done", "text": "hello", "usage": {"type": "duration", "seconds": 1}}


def spoken(name: str = "speech.wav") -> io.BytesIO:
    file = io.BytesIO(WAV)
    file.name = name
    return file


def test_every_parameter_stands_in_the_form_as_the_wire_has_it(
    call: Call, upstream: FakeUpstream, form_of: Call
) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    call(
        "transcription",
        "openai/gpt-4o-transcribe",
        spoken(),
        language="en",
        prompt="R\u00f6ntgen",
        temperature=0.4,
        response_format="json",
        include=["logprobs"],
        stream=False,
        chunking_strategy={"type": "server_vad", "threshold": 0.5},
        known_speaker_names=["a", "b"],
        brand_new=True,
        language_hint=None,
    )
    (request,) = upstream.received
    assert (request["method"], request["path"]) == ("POST", "/v1/audio/transcriptions")
    assert form_of(request) == [
        ("model", "gpt-4o-transcribe"),
        ("language", "en"),
        ("prompt", "R\u00f6ntgen"),
        ("temperature", "0.4"),
        ("response_format", "json"),
        ("include[]", "logprobs"),
        ("stream", "false"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.5"),
        ("known_speaker_names[]", "a"),
        ("known_speaker_names[]", "b"),
        ("brand_new", "true"),
        ("file", ("speech.wav", "audio/wav", WAV)),
    ]


@pytest.mark.parametrize("kind", ["path", "text path", "bytes", "named bytes", "open file"])
def test_a_file_may_be_given_in_any_form(
    kind: str, call: Call, upstream: FakeUpstream, form_of: Call, tmp_path: Path
) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(WAV)
    upstream.answers.append(Answer.json({"text": "hello"}))
    with path.open("rb") as opened:
        forms = {"path": path, "text path": str(path), "bytes": WAV, "open file": opened}
        result = call("transcription", "openai/whisper-1", forms.get(kind, ("said.mp3", WAV)))
        assert not opened.closed
    name, _, content = dict(form_of(upstream.received[0]))["file"]
    assert result.text == "hello"
    assert content == WAV
    expected = {"bytes": "upload.wav", "named bytes": "said.mp3"}
    assert name == expected.get(kind, "speech.wav")


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "text/vtt", "application/json", None])
def test_a_plain_format_is_told_by_what_was_asked_for(
    response_format: str, content_type: str | None, call: Call, upstream: FakeUpstream
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    upstream.answers.append(Answer(200, SRT.encode(), headers))
    result = call("transcription", "openai/whisper-1", spoken(), response_format=response_format)
    assert result.model_dump(exclude_unset=True) == {"text": SRT}


def test_a_text_that_looks_like_json_stays_the_text(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    assert call("transcription", "openai/whisper-1", spoken(), response_format="text").text == '{"text": "hello"}'


def test_silence_is_an_empty_text(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, b"", {"content-type": "text/plain"}))
    assert call("transcription", "openai/whisper-1", spoken(), response_format="text").text == ""


def test_an_error_instead_of_a_text_is_an_error(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [
        Answer.json({"error": {"message": "too loud", "code": "invalid_request_error"}}),
        Answer(200, b"<html>sign in</html>", {"content-type": "text/html"}),
        Answer(200, b"caf\xe9", {"content-type": "text/plain"}),
    ]
    with pytest.raises(BadRequestError, match="too loud"):
        call("transcription", "openai/whisper-1", spoken(), response_format="text")
    with pytest.raises(APIResponseValidationError):
        call("transcription", "openai/whisper-1", spoken(), response_format="text")
    with pytest.raises(APIResponseValidationError):
        call("transcription", "openai/whisper-1", spoken(), response_format="text")


def test_a_diarized_answer_keeps_who_spoke(call: Call, upstream: FakeUpstream) -> None:
    segment = {"type": "transcript.text.segment", "id": "seg_1", "start": 0.0, "end": 1.5, "text": "Hi", "speaker": "A"}
    answer = {"task": "transcribe", "duration": 1.5, "text": "Hi", "segments": [segment]}
    upstream.answers.append(Answer.json(answer))
    result = call(
        "transcription",
        "gpt-4o-transcribe-diarize",
        spoken(),
        response_format="diarized_json",
        chunking_strategy="auto",
    )
    assert result.model_dump(exclude_unset=True) == answer
    assert (result.segments[0].speaker, result.ledger) == ("A", ())


def test_no_format_is_asked_for_that_the_caller_did_not_ask_for(
    call: Call, upstream: FakeUpstream, form_of: Call
) -> None:
    upstream.answers.append(Answer.json({"text": "hello", "usage": {"type": "duration", "seconds": 3}}))
    result = call("transcription", "whisper-1", spoken())
    assert [name for name, _ in form_of(upstream.received[0])] == ["model", "file"]
    assert result.usage.seconds == 3


def test_a_stream_gives_typed_events_and_ends_with_the_last_one(
    call: Call, upstream: FakeUpstream, form_of: Call
) -> None:
    upstream.answers.append(Answer.sse([DELTA, DONE], done=False))
    events, stream = call("transcription", "openai/gpt-4o-mini-transcribe", spoken(), stream=True)
    assert [event.model_dump(exclude_unset=True) for event in events] == [DELTA, DONE]
    assert ("stream", "true") in form_of(upstream.received[0])
    assert stream.ledger == ()


def test_a_stream_that_breaks_off_keeps_the_text_so_far(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([DELTA], done=False))
    with pytest.raises(StreamTruncatedError) as caught:
        call("transcription", "openai/gpt-4o-mini-transcribe", spoken(), stream=True)
    assert caught.value.partial["text"] == "hello"


def test_whisper_ignores_stream_so_its_answer_comes_in_one_event(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    events, stream = call("transcription", "openai/whisper-1", spoken(), stream=True)
    assert [(event.type, event.text) for event in events] == [("transcript.text.done", "hello")]
    assert [(entry.parameter, entry.action) for entry in stream.ledger] == [("stream", "emulated")]
    assert len(upstream.received) == 1


def test_translation_has_its_own_path_and_formats(call: Call, upstream: FakeUpstream, form_of: Call) -> None:
    upstream.answers += [Answer.json({"text": "hello"}), Answer(200, SRT.encode(), {"content-type": "text/plain"})]
    assert call("translation", "openai/whisper-1", spoken(), prompt="Names: Ada").text == "hello"
    assert call("translation", "openai/whisper-1", spoken(), response_format="srt").text == SRT
    assert [request["path"] for request in upstream.received] == ["/v1/audio/translations"] * 2
    assert form_of(upstream.received[0])[:2] == [("model", "whisper-1"), ("prompt", "Names: Ada")]


@pytest.mark.parametrize(
    ("function", "model", "arguments", "param"),
    [
        ("transcription", "openai/whisper-1", {"response_format": "diarized_json"}, "response_format"),
        ("transcription", "openai/whisper-1", {"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ("transcription", "openai/whisper-1", {"prompt": ["a"]}, "prompt"),
        ("transcription", "openai/gpt-4o-transcribe-diarize", {"prompt": "Ada"}, "prompt"),
        ("transcription", "openai/gpt-realtime-whisper", {}, "model"),
        ("translation", "openai/gpt-4o-transcribe", {}, "model"),
        ("translation", "openai/whisper-1", {"stream": True}, "stream"),
    ],
)
def test_what_is_known_to_be_refused_is_refused_before_sending(
    function: str, model: str, arguments: dict[str, Any], param: str, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        call(function, model, spoken(), **arguments)
    assert (caught.value.param, caught.value.provider, caught.value.attempts) == (param, "openai", 0)
    assert upstream.received == []


def test_a_refused_prompt_may_be_dropped_or_forwarded_and_the_ledger_says_so(
    call: Call, upstream: FakeUpstream, form_of: Call
) -> None:
    upstream.answers += [Answer.json({"text": "hello"})] * 2
    model = "openai/gpt-4o-transcribe-diarize"
    with pytest.warns(UserWarning, match="prompt"):
        dropped = call("transcription", model, spoken(), prompt="Ada", drop_params=True)
    forwarded = call("transcription", model, spoken(), prompt="Ada", param_policy="forward")
    assert [(entry.parameter, entry.action) for entry in dropped.ledger] == [("prompt", "dropped")]
    assert [(entry.parameter, entry.action) for entry in forwarded.ledger] == [("prompt", "forwarded")]
    assert [dict(form_of(request)).get("prompt") for request in upstream.received] == [None, "Ada"]


def test_another_endpoint_may_be_tried_with_the_policy_forward(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    result = call("translation", "openai/gpt-4o-transcribe", spoken(), param_policy="forward")
    assert [(entry.parameter, entry.action) for entry in result.ledger] == [("model", "forwarded")]


@pytest.mark.parametrize("file", [{"file_id": "file-1"}, [("a.wav", WAV), ("b.wav", WAV)], None, b"", "nowhere.wav", 7])
def test_what_is_no_file_is_refused_before_sending(file: Any, call: Call, upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("transcription", "openai/whisper-1", file)
    assert caught.value.param == "file"
    assert upstream.received == []


def test_an_unknown_model_is_sent_whatever_was_given(call: Call, upstream: FakeUpstream, form_of: Call) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    call("transcription", "openai/your/own:model", spoken(), response_format="xml", temperature=7)
    assert form_of(upstream.received[0])[:3] == [
        ("model", "your/own:model"),
        ("response_format", "xml"),
        ("temperature", "7"),
    ]


def test_an_upstream_refusal_is_typed(call: Call, upstream: FakeUpstream) -> None:
    refusal = {"error": {"message": "no", "type": "x", "param": None, "code": "content_policy_violation"}}
    upstream.answers.append(Answer.json(refusal, 400))
    with pytest.raises(ContentPolicyViolationError):
        call("transcription", "openai/whisper-1", spoken())


def test_a_retry_sends_the_same_recording_again(call: Call, upstream: FakeUpstream, form_of: Call) -> None:
    upstream.answers += [Answer.json({}, 503, retry_after="0"), Answer.json({"text": "hello"})]
    file = spoken()
    file.seek(4)
    assert call("transcription", "openai/whisper-1", file, max_retries=1).text == "hello"
    assert [dict(form_of(request))["file"][2] for request in upstream.received] == [WAV[4:], WAV[4:]]


def test_chat_with_a_file_is_a_transcription(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    assert call("completion", model="whisper-1", file=spoken()).text == "hello"
    assert upstream.received[0]["path"] == "/v1/audio/transcriptions"
