"""`general_settings.log_content`: prompts and answers in a request's record and line, only where it is on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llmgate_gateway.telemetry.access_log import AccessLog
from llmgate_gateway.telemetry.content_log import MAX_BYTES

from llmgate_core.testing import Answer, FakeUpstream
from tests.support.running_gateway import KEY, RunningGateway, Serve

PROMPT, REPLY = "the prompt canary", "the answer canary"
ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": REPLY}, "finish_reason": "stop"}]}


class Nowhere:
    def write(self, line: bytes) -> None:
        raise AssertionError(line)


def line(gateway: RunningGateway) -> dict[str, Any]:
    """Return the log's line of the one request."""
    (record,) = gateway.wait_records(1)
    return dict(json.loads(AccessLog(Nowhere()).line(record)))  # type: ignore[arg-type]


def ask(gateway: RunningGateway, **extra: Any) -> Any:
    return gateway.chat(messages=[{"role": "user", "content": PROMPT}], **extra)


@pytest.mark.parametrize("is_on", [False, True])
def test_content_is_logged_by_an_explicit_choice_only(serve: Serve, upstream: FakeUpstream, is_on: bool) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    gateway = serve(general={"log_content": is_on})
    ask(gateway)
    found = line(gateway)
    assert (PROMPT in str(found), REPLY in str(found)) == (is_on, is_on)
    if is_on:
        assert json.loads(found["request"])["messages"][0]["content"] == PROMPT
        assert json.loads(found["response"]) == ANSWER


def test_a_stream_is_logged_as_its_events(serve: Serve, upstream: FakeUpstream) -> None:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": REPLY}, "finish_reason": "stop"}]}
    upstream.answers.append(Answer.sse([chunk]))
    gateway = serve(general={"log_content": True})
    ask(gateway, stream=True)
    found = line(gateway)
    assert REPLY in found["response"]
    assert found["response"].endswith("data: [DONE]\n\n")


def test_a_long_text_is_cut_and_says_so(serve: Serve, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({**ANSWER, "padding": "x" * 2 * MAX_BYTES}))
    gateway = serve(general={"log_content": True})
    gateway.chat(messages=[{"role": "user", "content": "y" * 2 * MAX_BYTES}])
    found = line(gateway)
    assert {len(found["request"]), len(found["response"])} == {MAX_BYTES + 3}
    assert found["request"].endswith("yyy...")


def test_an_answer_that_repeats_our_key_is_left_out(serve: Serve, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({**ANSWER, "echo": KEY}))
    gateway = serve(general={"log_content": True})
    ask(gateway)
    found = line(gateway)
    assert found["response"] == "***"
    assert KEY not in str(found)


def test_files_show_their_name_and_size_only(serve: Serve, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"text": REPLY}))
    gateway = serve({"w": "openai/whisper-1"}, general={"log_content": True})
    gateway.http.post("/v1/audio/transcriptions", data={"model": "w"}, files={"file": ("a.wav", b"RIFFcanary")})
    found = line(gateway)
    assert "(a.wav: 10 bytes)" in found["request"]
    assert REPLY in found["response"]
    assert "RIFF" not in str(found)


def test_bytes_show_their_size_only(serve: Serve, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, b"\x00canary", (("content-type", "audio/mpeg"),)))
    gateway = serve({"s": "openai/tts-1"}, general={"log_content": True})
    gateway.post("/v1/audio/speech", {"model": "s", "input": PROMPT, "voice": "alloy"})
    found = line(gateway)
    assert found["response"] == "(7 bytes)"
    assert PROMPT in found["request"]
