"""A retry sends the file again, byte for byte."""

from __future__ import annotations

from pathlib import Path

from llmgate_core import Client
from llmgate_core.testing import Answer, FakeUpstream


def test_a_retry_sends_the_same_form_from_the_file_again(upstream: FakeUpstream, tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(b"RIFF" + bytes(range(256)) * 1000)
    upstream.answers += [
        Answer.json({"error": {"message": "later"}}, 503, retry_after="0"),
        Answer.json({"text": "hi"}),
    ]
    with Client(api_key="sk-test", api_base=upstream.base_url) as client:
        assert client.transcription("openai/whisper-1", path).text == "hi"
    first, second = upstream.received
    assert first["headers"]["content-type"] == second["headers"]["content-type"]
    assert first["body"] == second["body"]
    assert path.read_bytes() in second["body"]
