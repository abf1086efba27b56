"""Audio, images, videos, moderations, pages, deletions, and bytes."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Headers
from llmgate_core.types.audio import SpeechEvent, Transcription, TranscriptionEvent, Translation
from llmgate_core.types.base import Deleted, Page
from llmgate_core.types.binary import BinaryResponse
from llmgate_core.types.image import ImageEvent, ImagesResponse
from llmgate_core.types.moderation import ModerationResponse
from llmgate_core.types.record import CallRecord
from llmgate_core.types.video import Video

ENTRY = LedgerEntry("stop", "dropped", "not taken")


def test_a_verbose_transcription_has_words_and_segments() -> None:
    body = {
        "task": "transcribe",
        "language": "english",
        "duration": "2.5",  # older servers send text
        "text": "hello world",
        "words": [{"word": "hello", "start": 0.0, "end": 0.5}],
        "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 2.5, "text": "hello world", "tokens": [1, 2]}],
        "usage": {"type": "duration", "seconds": 3},
    }
    heard = Transcription.model_validate(body)
    assert (heard.text, heard["text"], heard.language, heard.duration) == ("hello world",) * 2 + ("english", "2.5")
    assert heard.words is not None
    assert heard.segments is not None
    assert heard.usage is not None
    assert (heard.words[0].word, heard.segments[0].tokens, heard.usage.seconds) == ("hello", [1, 2], 3)
    assert heard.model_dump(exclude_unset=True) == body
    assert Translation.model_validate({"text": "hi"}).text == "hi"


def test_a_diarized_transcription_has_speakers() -> None:
    segment = {"type": "transcript.text.segment", "id": "s1", "start": 0, "end": 1.5, "text": "Hi", "speaker": "A"}
    heard = Transcription.model_validate({"text": "Hi", "segments": [segment]})
    assert heard.segments is not None
    assert (heard.segments[0].speaker, heard.segments[0].id) == ("A", "s1")
    event = TranscriptionEvent.model_validate(segment)
    assert (event.type, event.speaker, event.text, event.delta) == ("transcript.text.segment", "A", "Hi", None)
    assert TranscriptionEvent.model_validate({"type": "transcript.text.delta", "delta": "H"}).delta == "H"


@pytest.mark.parametrize("odd", [5, "x", {"a": 1}, [5], None])
def test_odd_parts_of_media_survive(odd: Any) -> None:
    for kind, body in (
        (Transcription, {"text": "x", "words": odd, "segments": odd, "usage": odd, "logprobs": odd, "duration": odd}),
        (TranscriptionEvent, {"type": "t", "delta": odd, "usage": odd, "id": odd}),
        (SpeechEvent, {"type": "speech.audio.done", "audio": odd, "usage": odd}),
        (ImagesResponse, {"data": [], "usage": odd, "created": odd}),
        (ImageEvent, {"type": "i", "b64_json": odd, "usage": odd, "partial_image_index": odd}),
        (Video, {"id": "v", "error": odd, "seconds": odd, "progress": odd}),
    ):
        assert kind.model_validate(body).model_dump(exclude_unset=True) == body


def test_base64_is_printed_by_its_length() -> None:
    images = ImagesResponse.model_validate({"created": 7, "data": [{"b64_json": "A" * 4000}, {"url": "https://u"}]})
    assert repr(images) == (
        "ImagesResponse(created=7, data=[Image(b64_json='<4000 characters>'), Image(url='https://u')])"
    )
    assert "A" * 50 not in repr(SpeechEvent.model_validate({"type": "speech.audio.delta", "audio": "A" * 4000}))
    assert "A" * 50 not in repr(ImageEvent.model_validate({"type": "x.partial_image", "b64_json": "A" * 4000}))


def test_a_failed_video_says_why() -> None:
    job = Video.model_validate({"id": "v", "status": "failed", "error": {"code": "blocked", "message": "no"}})
    assert job.error is not None
    assert (job.status, job.error.code, job["error"]["message"], job.seconds) == ("failed", "blocked", "no", None)


def test_categories_keep_their_names_and_have_attributes() -> None:
    raw = {"hate": False, "self-harm/intent": True, "harassment/threatening": False}
    verdict = ModerationResponse.model_validate(
        {"id": "m", "results": [{"flagged": True, "categories": raw, "category_scores": {"self-harm/intent": 0.9}}]}
    ).results[0]
    categories = verdict.categories
    assert categories is not None
    assert dict(categories) == raw
    assert (categories["self-harm/intent"], categories.self_harm_intent, categories.hate) == (True, True, False)
    assert verdict["category_scores"]["self-harm/intent"] == 0.9
    assert ("self-harm/intent" in categories, "no/such" in categories) == (True, False)
    with pytest.raises(AttributeError):
        _ = categories.no_such
    with pytest.raises(KeyError):
        categories["no/such"]


def test_a_page_is_iterated_over_its_items() -> None:
    items = [{"id": "video_1", "object": "video", "error": {"code": "x"}}, {"id": "video_2", "tags": ["a"]}, "odd"]
    page = Page.model_validate({"object": "list", "data": items, "has_more": True, "last_id": "video_2"})
    assert len(page) == 3
    assert [item.id for item in page if item != "odd"] == ["video_1", "video_2"]
    assert (page.data[0].error.code, page.data[1]["tags"], page.first_id, page.has_more) == ("x", ["a"], None, True)
    assert page.model_dump(exclude_unset=True)["data"] == items
    assert list(Page.model_validate({"data": []})) == []


def test_a_deletion_says_what_is_gone() -> None:
    gone = Deleted.model_validate({"id": "video_1", "object": "video.deleted", "deleted": True})
    assert (gone.id, gone.object, gone.deleted, gone["deleted"]) == ("video_1", "video.deleted", True, True)


# --- the record behind an answer ---


@pytest.mark.parametrize("answer", [Deleted.model_validate({}), BinaryResponse(b"abc", "audio/wav")])
def test_an_answer_shows_its_call(answer: Any) -> None:
    assert (answer.ledger, answer._response_headers, answer._request_id, answer.cost) == ((), None, None, None)
    headers = Headers([(b"X-Request-Id", b"req_1")])
    late: list[LedgerEntry] = []
    answer.attach(CallRecord(ledger=[ENTRY], reading_losses=late, headers=headers, request_id="req_1"))
    assert (answer.ledger, answer._response_headers["x-request-id"], answer._request_id) == ((ENTRY,), "req_1", "req_1")
    late.append(ENTRY)
    assert answer.ledger == (ENTRY, ENTRY)


# --- bytes ---


def test_bytes_are_read_whole_or_in_pieces() -> None:
    audio = BinaryResponse(b"RIFF....WAVE", "audio/wav")
    assert (audio.content, audio.read(), audio.read(), len(audio)) == (b"RIFF....WAVE",) * 3 + (12,)
    assert list(audio.iter_bytes(5)) == [b"RIFF.", b"...WA", b"VE"]
    assert list(audio.iter_bytes()) == [b"RIFF....WAVE"]
    assert list(BinaryResponse(b"").iter_bytes()) == []
    assert bool(BinaryResponse(b"")) is True
    assert repr(audio) == "BinaryResponse(12 bytes, content_type='audio/wav')"
    with pytest.raises(AttributeError):
        audio.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["write_to_file", "stream_to_file"])
def test_a_file_is_written_with_usual_rights_and_nothing_is_left_beside_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(b"old and longer than the new")
    getattr(BinaryResponse(b"new"), name)(path)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["speech.wav"]
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    getattr(BinaryResponse(b"new"), name)(str(tmp_path / ("x" * 250)))


def test_a_file_that_cannot_be_written_leaves_all_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BinaryResponse(b"new").write_to_file(tmp_path / "no folder" / "speech.wav")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "kept").touch()
    with pytest.raises(OSError, match="directory"):
        BinaryResponse(b"new").write_to_file(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert [entry.name for entry in folder.iterdir()] == ["kept"]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    BinaryResponse(b"new").write_to_file(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    BinaryResponse(b"new").write_to_file(pipe)
    reader.join(10)
    assert (got, stat.S_ISFIFO(pipe.stat().st_mode)) == ([b"new"], True)
