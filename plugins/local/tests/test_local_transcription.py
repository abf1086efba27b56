"""A recording written down by the real model, through the SDK; shapes checked with the official SDK's types."""

from __future__ import annotations

import io
import json
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from openai.types import audio

from llmgate_core import BadRequestError, NotFoundError, transcription

if TYPE_CHECKING:
    from llmgate_local.provider import LocalModels

pytestmark = pytest.mark.slow
TEXT = "The quick brown fox jump over the lazy dog. My favorite number is 42."
MODEL = "local/whisper"


@pytest.fixture(scope="module", autouse=True)
def _whisper(local: LocalModels) -> None:
    pytest.importorskip("faster_whisper", reason="the extra `transcription` is not installed")


def recording(samples: bytes = b"") -> bytes:
    """Return a WAV file of 16,000 samples a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(samples)
    return file.getvalue()


def test_json_is_the_text_and_its_length(speech: bytes) -> None:
    for asked in ({}, {"response_format": "json", "language": "en", "temperature": 0, "prompt": "A sentence."}):
        answer = transcription(MODEL, ("speech.wav", speech), **asked)
        dumped = answer.model_dump(exclude_unset=True)
        assert dumped == {"text": TEXT, "usage": {"type": "duration", "seconds": 6}}
        assert audio.Transcription.model_validate(dumped).text == TEXT


def test_plain_formats_come_as_text(speech: bytes) -> None:
    said = {kind: transcription(MODEL, ("a", speech), response_format=kind).text for kind in ("text", "srt", "vtt")}
    assert said == {
        "text": f"{TEXT}\n",
        "srt": (
            "1\n00:00:00,000 --> 00:00:03,500\nThe quick brown fox jump over the lazy dog.\n\n"
            "2\n00:00:03,500 --> 00:00:06,000\nMy favorite number is 42.\n"
        ),
        "vtt": (
            "WEBVTT\n\n00:00:00.000 --> 00:00:03.500\nThe quick brown fox jump over the lazy dog.\n\n"
            "00:00:03.500 --> 00:00:06.000\nMy favorite number is 42.\n"
        ),
    }


def test_verbose_json_has_segments_or_words_or_both_as_asked(speech: bytes) -> None:
    asked: list[list[str] | None] = [None, ["word"], ["segment", "word"]]
    both = []
    for granularities in asked:
        answer = transcription(
            MODEL, ("a", speech), response_format="verbose_json", timestamp_granularities=granularities
        )
        dumped = json.loads(answer.model_dump_json(exclude_unset=True))
        audio.TranscriptionVerbose.model_validate(dumped)
        assert (dumped["text"], dumped["language"], round(dumped["duration"], 1)) == (TEXT, "english", 6.3)
        both.append(("segments" in dumped, "words" in dumped))
    assert both == [(True, False), (False, True), (True, True)]
    assert [segment["id"] for segment in dumped["segments"]] == [0, 1]
    assert "".join(segment["text"] for segment in dumped["segments"]).strip() == TEXT
    assert [word["word"] for word in dumped["words"]] == TEXT.split()
    times = [time for word in dumped["words"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] < 6.3


def test_a_recording_in_which_nothing_is_said_gives_no_text() -> None:
    kinds = ("json", "text", "srt", "vtt", "verbose_json")
    texts = [transcription(MODEL, ("a.wav", recording()), response_format=kind).text for kind in kinds]
    assert texts == ["", "\n", "\n", "WEBVTT\n", ""]
    assert transcription(MODEL, ("a.wav", recording(bytes(32_000)))).text == ""


@pytest.mark.parametrize(
    ("asked", "param", "message"),
    [
        ({"language": "de"}, "language", "English"),
        ({"response_format": "xml"}, "response_format", "must be one of json, verbose_json, text, srt, vtt"),
        ({"response_format": "diarized_json"}, "response_format", "must be one of json"),
        ({"temperature": 1.5}, "temperature", "temperature must be a number from 0 to 1"),
        ({"temperature": "nan"}, "temperature", "temperature must be a number from 0 to 1"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities", "verbose_json"),
        (
            {"timestamp_granularities": ["page"], "response_format": "verbose_json"},
            "timestamp_granularities",
            "word or segment",
        ),
        ({"stream": True}, "stream", "this model does not stream"),
        ({"include": ["logprobs"]}, "include", "include"),
        ({"chunking_strategy": "auto"}, "chunking_strategy", "chunking_strategy"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_name(
    speech: bytes, asked: dict[str, Any], param: str, message: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        transcription(MODEL, ("a.wav", speech), **asked)

    assert (caught.value.status_code, caught.value.param, caught.value.attempts) == (400, param, 1)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"no audio at all", b"RIFF\0\0\0\0WAVE", b"\0" * 5000, b"ID3" + b"\xff" * 999])
def test_a_broken_file_is_a_bad_request_that_names_it(content: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        transcription(MODEL, ("a.wav", content))

    assert (caught.value.status_code, caught.value.param) == (400, "file")


def test_an_empty_file_is_refused_before_sending() -> None:
    with pytest.raises(BadRequestError, match=r"'a\.wav'") as caught:
        transcription(MODEL, ("a.wav", b""))

    assert (caught.value.param, caught.value.attempts) == ("file", 0)


def test_a_file_that_is_too_large_is_refused_with_the_size_that_is_taken() -> None:
    with pytest.raises(BadRequestError, match="27262976") as caught:
        transcription(MODEL, ("a.wav", bytes(27 * 1024 * 1024)))

    assert (caught.value.status_code, caught.value.attempts) == (413, 1)


def test_recordings_sent_at_once_are_written_down_one_by_one_by_one_child(local: LocalModels, speech: bytes) -> None:
    before = local._servers["whisper"].process_id
    nothing = recording()
    with ThreadPoolExecutor(6) as pool:
        files = [("a.wav", content) for content in (speech, nothing, b"broken", nothing, nothing, speech)]
        calls = [pool.submit(transcription, MODEL, file) for file in files]
    failures = [type(call.exception()) for call in calls if call.exception()]
    assert failures == [BadRequestError]
    assert [call.result().text for call in calls if not call.exception()] == [TEXT, "", "", "", TEXT]
    assert local._servers["whisper"].process_id == before is not None


def test_a_fake_stream_is_the_whole_answer_as_one_event(speech: bytes) -> None:
    with transcription(MODEL, ("a.wav", speech), stream=True, fake_stream=True) as stream:
        events = [event.model_dump(exclude_unset=True) for event in stream]
    assert [(event["type"], event["text"]) for event in events] == [("transcript.text.done", TEXT)]
    assert [entry.parameter for entry in stream.ledger] == ["stream"]


def test_a_model_of_another_kind_is_refused_before_anything_is_sent(speech: bytes) -> None:
    with pytest.raises(NotFoundError, match=r"transcription.*local/whisper"):
        transcription("local/smollm2", ("a.wav", speech))
