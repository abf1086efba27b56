"""What the audio endpoints take, by the value table and by the shipped catalogue's rows."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from llmgate_openai_audio import plugin

from llmgate_core.plugin import ParamRule, Route, decode

ROWS = decode((files("llmgate_core") / "catalogue" / "data" / "openai.json").read_bytes())["models"]
BASE_URL = "https://api.openai.com/v1"


def judged(family: str, model: str, param: str, value: Any, body: dict[str, Any] | None = None) -> bool:
    """Return whether the model takes the value, beside `body`."""
    route = Route("openai", "openai", family, model, BASE_URL, facts=ROWS.get(model))
    rule = plugin.supports_param(route, param, value)
    if rule is None:
        return True
    assert isinstance(rule, ParamRule)
    assert rule.reason
    assert rule.source
    return rule.supported or (rule.applies is not None and not rule.applies({**(body or {}), param: value}))


@pytest.mark.parametrize(
    ("family", "param", "good", "bad"),
    [
        ("transcription", "language", ["en", None], [1]),
        ("transcription", "temperature", [0, 0.4, 1], [1.1, -0.1, "0", True]),
        ("transcription", "stream", [False], ["true", 1]),
        ("transcription", "chunking_strategy", ["auto", {"type": "server_vad"}], ["x", {"type": "x"}, 1]),
        ("transcription", "known_speaker_names", [[], ["a"] * 4], [["a"] * 5, [1], "a"]),
        ("transcription", "known_speaker_references", [["data:audio/wav;base64,AA=="]], [["a"] * 5]),
        ("transcription", "brand_new", [object()], []),
        ("translation", "response_format", ["vtt", "verbose_json"], ["diarized_json", "xml"]),
        ("translation", "temperature", [0.5], [2]),
    ],
)
def test_values_are_judged_by_the_description(family: str, param: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not judged(family, "whisper-1", param, value)] == []
    assert [value for value in bad if judged(family, "whisper-1", param, value)] == []


@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("response_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"], ["ogg", 1]),
        ("speed", [0.25, 1, 4], [0.2, 4.1, "1"]),
        ("voice", ["alloy", "a-new-one", {"id": "voice_1"}], [1, ["alloy"]]),
        ("instructions", ["whisper", "x" * 4096], ["x" * 4097, 1]),
        ("stream_format", ["sse", "audio"], ["x"]),
    ],
)
def test_speech_is_judged_by_the_description(param: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not judged("speech", "gpt-4o-mini-tts", param, value)] == []
    assert [value for value in bad if judged("speech", "gpt-4o-mini-tts", param, value)] == []


FORMATS = ["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]


@pytest.mark.parametrize(
    ("model", "formats"),
    [
        ("whisper-1", ["json", "text", "srt", "verbose_json", "vtt"]),
        ("gpt-4o-transcribe", ["json", "text"]),
        ("gpt-4o-mini-transcribe", ["json", "text"]),
        ("gpt-4o-mini-transcribe-2025-12-15", ["json", "text"]),
        ("gpt-4o-transcribe-diarize", ["json", "text", "diarized_json"]),
        ("gpt-transcribe", FORMATS),  # nobody says, so everything is passed on
        ("your-own-model", [*FORMATS, "xml"]),
    ],
)
def test_each_model_takes_its_own_formats(model: str, formats: list[str]) -> None:
    asked = [*FORMATS, "xml"]
    assert [name for name in asked if judged("transcription", model, "response_format", name)] == formats


@pytest.mark.parametrize(
    ("family", "model", "param", "value", "is_taken"),
    [
        ("transcription", "whisper-1", "languages", ["en"], False),
        ("transcription", "gpt-4o-transcribe", "keywords", ["llmgate"], False),
        ("transcription", "gpt-transcribe", "keywords", ["llmgate"], True),
        ("transcription", "gpt-transcribe", "include", ["logprobs"], False),
        ("transcription", "gpt-4o-transcribe", "include", ["logprobs"], True),
        ("transcription", "gpt-4o-transcribe", "include", ["words"], False),
        ("transcription", "gpt-4o-transcribe-diarize", "include", ["logprobs"], False),
        ("transcription", "gpt-4o-transcribe-diarize", "timestamp_granularities", ["word"], False),
        ("transcription", "whisper-1", "stream", True, True),
        ("transcription", "gpt-4o-transcribe", "stream", True, True),
        ("speech", "tts-1", "instructions", "slowly", False),
        ("speech", "tts-1-hd", "stream_format", "sse", False),
        ("speech", "tts-1-hd", "stream_format", "audio", True),
        ("speech", "gpt-4o-mini-tts", "instructions", "slowly", True),
    ],
)
def test_each_model_takes_its_own_parameters(family: str, model: str, param: str, value: Any, is_taken: bool) -> None:
    assert judged(family, model, param, value) is is_taken


@pytest.mark.parametrize(
    ("model", "param", "value", "response_format", "is_taken"),
    [
        ("whisper-1", "timestamp_granularities", ["word"], "verbose_json", True),
        ("whisper-1", "timestamp_granularities", ["word"], "json", False),
        ("whisper-1", "timestamp_granularities", ["word"], None, False),
        ("gpt-4o-transcribe", "include", ["logprobs"], "json", True),
        ("gpt-4o-transcribe", "include", ["logprobs"], "text", False),
    ],
)
def test_what_needs_a_format_is_refused_without_it(
    model: str, param: str, value: Any, response_format: str | None, is_taken: bool
) -> None:
    body = {"response_format": response_format}
    assert judged("transcription", model, param, value, body) is is_taken


def test_a_model_that_the_catalogue_does_not_hold_is_not_judged() -> None:
    assert judged("transcription", "your-own-model", "temperature", "hot")
    assert judged("speech", "your-own-model", "speed", 99)
