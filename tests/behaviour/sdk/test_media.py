"""Recordings, speech, images, videos and verdicts through the module's functions, both ways."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import UnsupportedParamsError
from llmgate_core.testing import FakeUpstream
from tests.support.multipart_form import read_form
from tests.support.openai_upstream import PNG, WAV, answered
from tests.support.sync_and_async import outcome_of

each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


@pytest.fixture(autouse=True)
def _reached_by_the_environment(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = answered
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


def form_of(upstream: FakeUpstream, number: int = 0) -> list[tuple[str, bytes, str | None]]:
    request = upstream.received[number]
    return [part[:3] for part in read_form(request["headers"]["content-type"], request["body"])]


@each_mode
@pytest.mark.parametrize("function", ["transcription", "translation"])
def test_an_open_recording_goes_as_a_form_and_its_text_comes_back(
    function: str, mode: str, upstream: FakeUpstream, tmp_path: Path
) -> None:
    (tmp_path / "speech.wav").write_bytes(WAV)
    with open(tmp_path / "speech.wav", "rb") as file:
        answer = outcome_of(mode, function, model="openai/whisper-1", file=file).result
        assert not file.closed
    assert upstream.received[0]["path"] == f"/v1/audio/{function}s"
    assert form_of(upstream) == [("model", b"whisper-1", None), ("file", WAV, "speech.wav")]
    assert (answer.text, answer["text"]) == ("the quick brown fox", "the quick brown fox")
    assert "the quick brown fox" in f"{answer}"


@each_mode
@pytest.mark.parametrize("prefix", ["", "openai/"])
@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_a_completion_of_a_recording_is_a_transcription(
    model: str, prefix: str, mode: str, upstream: FakeUpstream
) -> None:
    answer = outcome_of(mode, "completion", model=prefix + model, file=("a.wav", WAV)).result
    assert answer.text == "the quick brown fox"
    assert upstream.received[0]["path"] == "/v1/audio/transcriptions"
    assert form_of(upstream) == [("model", model.encode(), None), ("file", WAV, "a.wav")]


@each_mode
def test_speech_comes_whole_or_in_blocks_or_in_events(mode: str, upstream: FakeUpstream) -> None:
    asked = ("speech", "openai/gpt-4o-mini-tts", "hi", "alloy")
    whole = outcome_of(mode, *asked).result
    blocks = outcome_of(mode, *asked, stream=True).pieces
    events = outcome_of(mode, *asked, stream_format="sse").pieces
    assert (whole.content, whole.content_type, b"".join(blocks)) == (WAV, "audio/wav", WAV)
    assert (base64.b64decode(events[0].audio), events[-1].usage.total_tokens) == (WAV, 25)
    body = {"model": "gpt-4o-mini-tts", "input": "hi", "voice": "alloy"}
    assert [request["json"] for request in upstream.received] == [body, body, {**body, "stream_format": "sse"}]


@each_mode
def test_images_are_made_edited_and_watched(mode: str, upstream: FakeUpstream) -> None:
    made = outcome_of(mode, "image_generation", "openai/gpt-image-2", "a sea", quality="low").result
    edited = outcome_of(mode, "image_edit", "openai/gpt-image-2", ("a.png", PNG), "blue", mask=("m.png", PNG)).result
    watched = outcome_of(mode, "image_generation", "gpt-image-2", "a sea", stream=True, partial_images=1).pieces
    images = [made.data[0].b64_json, edited.data[0].b64_json, *(event.b64_json for event in watched)]
    assert [base64.b64decode(image) for image in images] == [PNG] * 4
    assert [event.type for event in watched] == ["image_generation.partial_image", "image_generation.completed"]
    assert [request["path"] for request in upstream.received] == [
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/images/generations",
    ]
    assert [(name, filename) for name, _, filename in form_of(upstream, 1)] == [
        ("model", None),
        ("prompt", None),
        ("image", "a.png"),
        ("mask", "m.png"),
    ]


@each_mode
def test_a_video_is_made_looked_at_and_loaded(mode: str, upstream: FakeUpstream, tmp_path: Path) -> None:
    made = outcome_of(mode, "video_generation", "openai/my-video-model", "a sea", seconds="4").result
    looked_at = outcome_of(mode, "video_status", made.id).result
    content = outcome_of(mode, "video_content", made.id).result
    blocks = outcome_of(mode, "video_content", made.id, stream=True).pieces
    assert [made.status, looked_at.status] == ["queued", "completed"]
    content.write_to_file(tmp_path / "sea.mp4")
    assert (tmp_path / "sea.mp4").read_bytes() == b"".join(blocks) == b"a very short film"
    assert [(request["method"], request["path"]) for request in upstream.received] == [
        ("POST", "/v1/videos"),
        ("GET", "/v1/videos/video_1"),
        *[("GET", "/v1/videos/video_1/content")] * 2,
    ]


@each_mode
@pytest.mark.parametrize("given", ["hi", ["hi", "ho"], [{"type": "text", "text": "hi"}]])
def test_a_verdict_of_every_kind_of_input(given: Any, mode: str, upstream: FakeUpstream) -> None:
    answer = outcome_of(mode, "moderation", given).result
    assert [verdict.flagged for verdict in answer.results] == [False] * (2 if given == ["hi", "ho"] else 1)
    assert upstream.received[0]["json"] == {"input": given}


@each_mode
@pytest.mark.parametrize(
    ("function", "values", "arguments", "param"),
    [
        ("transcription", ("gpt-4o-transcribe", ("a.wav", WAV)), {"response_format": "srt"}, "response_format"),
        ("speech", ("tts-1", "hi", "alloy"), {"instructions": "slowly"}, "instructions"),
        ("image_generation", ("gpt-image-2", "a sea"), {"style": "vivid"}, "style"),
        ("moderation", ("hi",), {"fake_stream": True}, "stream"),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_sending(
    function: str, values: Any, arguments: Any, param: str, mode: str, upstream: FakeUpstream
) -> None:
    error = outcome_of(mode, function, *values, **arguments).error
    assert (type(error), error.param, upstream.received) == (UnsupportedParamsError, param, [])
