"""Speech through the SDK: whole, in blocks, to a file, as events."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, InternalServerError, StreamTruncatedError, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream

Call = Callable[..., Any]

MODEL = "openai/gpt-4o-mini-tts"
PIECES = [b"ID3", b"\0" * 1000, b"end"]
DELTA = {"type": "speech.audio.delta", "audio": base64.b64encode(b"ID3").decode()}
DONE = {"type": "speech.audio.done", "usage": {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14}}


def audio() -> Answer:
    return Answer(200, PIECES, {"content-type": "audio/mpeg", "x-request-id": "req_1"})


def test_the_audio_comes_whole_with_its_type(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(audio())
    said = call("speech", MODEL, "Hello", {"id": "voice_1"}, instructions="slowly", speed=1.5)
    assert (said.content, said.content_type, said._request_id) == (b"".join(PIECES), "audio/mpeg", "req_1")
    assert upstream.received[0]["path"] == "/v1/audio/speech"
    assert upstream.received[0]["json"] == {
        "model": "gpt-4o-mini-tts",
        "input": "Hello",
        "voice": {"id": "voice_1"},
        "instructions": "slowly",
        "speed": 1.5,
    }


def test_a_stream_hands_the_blocks_out_and_is_not_asked_of_the_upstream(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(audio())
    blocks, _ = call("speech", MODEL, "Hello", "alloy", stream=True)
    assert b"".join(blocks) == b"".join(PIECES)
    assert upstream.received[0]["json"] == {"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "alloy"}


def test_a_stream_goes_to_a_file(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.answers += [audio(), audio()]
    known = {"api_key": "sk-test", "api_base": upstream.base_url}
    with Client(**known) as client:
        client.speech(MODEL, "Hello", "alloy", stream=True).stream_to_file(tmp_path / "sync.mp3")

    async def run() -> None:
        async with AsyncClient(**known) as aclient:
            await (await aclient.speech(MODEL, "Hello", "alloy", stream=True)).stream_to_file(tmp_path / "async.mp3")

    asyncio.run(run())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "sync.mp3": b"".join(PIECES),
        "async.mp3": b"".join(PIECES),
    }


def test_audio_that_breaks_off_is_no_file(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.answers.append(Answer(200, PIECES, {"content-type": "audio/mpeg"}, truncate_at=500, close="fin"))
    with Client(api_key="sk-test", api_base=upstream.base_url) as client:
        stream = client.speech(MODEL, "Hello", "alloy", stream=True)
        with pytest.raises(StreamTruncatedError):
            stream.stream_to_file(tmp_path / "half.mp3")
    assert list(tmp_path.iterdir()) == []


def test_sse_gives_typed_events(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([DELTA, DONE], done=False))
    events, _ = call("speech", MODEL, "Hello", "alloy", stream_format="sse")
    assert [event.model_dump(exclude_unset=True) for event in events] == [DELTA, DONE]
    assert upstream.received[0]["json"]["stream_format"] == "sse"


@pytest.mark.parametrize(
    ("model", "text", "arguments", "param"),
    [
        ("openai/tts-1", "Hello", {"instructions": "slowly"}, "instructions"),
        ("openai/tts-1-hd", "Hello", {"stream_format": "sse"}, "stream_format"),
        (MODEL, "Hello", {"response_format": "ogg"}, "response_format"),
        (MODEL, "x" * 4097, {}, "input"),
        (MODEL, ["Hello"], {}, "input"),
        ("openai/whisper-1", "Hello", {}, "model"),
    ],
)
def test_what_is_known_to_be_refused_is_refused_before_sending(
    model: str, text: Any, arguments: dict[str, Any], param: str, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        call("speech", model, text, "alloy", **arguments)
    assert caught.value.param == param
    assert upstream.received == []


def test_a_longer_text_may_be_tried_with_the_policy_forward(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(audio())
    said = call("speech", MODEL, "x" * 4097, "alloy", param_policy="forward")
    assert (len(said.content), len(upstream.received[0]["json"]["input"])) == (1006, 4097)


DOWN = Answer.json({"error": {"message": "down", "code": "server_error"}})


def test_an_error_instead_of_audio_is_an_error(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(DOWN)
    with pytest.raises(InternalServerError, match="down"):
        call("speech", MODEL, "Hello", "alloy")


def test_an_error_instead_of_events_is_an_error(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(DOWN)
    with pytest.raises(InternalServerError, match="down"):
        call("speech", MODEL, "Hello", "alloy", stream_format="sse")
