"""A job on one host, its lines on another, a token of a third: whole, streamed, bridged, cut, and by the kit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import Client, Settings, StreamTruncatedError
from llmgate_core.testing import (
    Answer,
    Capabilities,
    ChatConformance,
    FakeUpstream,
    ReceivedRequest,
    Reply,
    Wire,
    fake_upstream,
    line_frame,
    results_of,
)
from tests.behaviour.plugins.jobs_elsewhere import JobsElsewhere

HI = [{"role": "user", "content": "hi"}]
LINES = [{"text": "Hel"}, {"text": "lo!"}, {"stop": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}]


@pytest.fixture
def hosts() -> Iterator[tuple[FakeUpstream, FakeUpstream, FakeUpstream]]:
    with fake_upstream() as login, fake_upstream() as jobs, fake_upstream() as lines:
        login.otherwise = Answer.json({"token": "token-1", "expires_in": 3600})
        jobs.otherwise = Answer.json({"id": "j1"})
        lines.otherwise = Answer.lines(LINES)
        yield login, jobs, lines


def test_each_host_gets_what_is_its_own(hosts: tuple[FakeUpstream, FakeUpstream, FakeUpstream]) -> None:
    login, jobs, lines = hosts
    plugin = JobsElsewhere(*(f"http://127.0.0.1:{host.port}" for host in (login, lines)))
    with Client(settings=Settings(), api_base=jobs.origin, api_key="secret-1", max_retries=0) as client:
        client.add_plugin(plugin, family="chat", prefix="jobs")
        answer = client.completion("jobs/m", HI)
        assert (answer.choices[0].message.content, answer.usage.total_tokens) == ("Hello!", 5)
        assert list(client.completion("jobs/m", HI, stream=True).text()) == ["Hel", "lo!"]
        assert client.responses("jobs/m", "hi").output_text == "Hello!"
        assert len(login.received) == 1
        for host, path in ((jobs, "/jobs"), (lines, "/jobs/j1/events")):
            assert {(it["path"], it["headers"]["authorization"]) for it in host.received} == {(path, "Bearer token-1")}
            assert not any("secret-1" in str(it) for it in host.received)
        lines.otherwise = Answer.lines(LINES[:1])
        with pytest.raises(StreamTruncatedError):
            list(client.completion("jobs/m", HI, stream=True))


# --- the kit ---


def written(reply: Reply) -> Iterator[dict[str, Any]]:
    yield from ({"text": letter} for letter in reply.text)
    yield {
        "stop": reply.finish_reason,
        "usage": {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens},
    }


def beside(request: ReceivedRequest) -> Answer | None:
    if request["path"] == "/token":
        return Answer.json({"token": "token-canary-1", "expires_in": 3600})
    return Answer.json({"id": "j1"}) if request["path"].endswith("/jobs") else None


class TestKit(ChatConformance):
    __test__ = False

    plugin = JobsElsewhere("https://login.example", "https://lines.example")
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire(
        lambda reply: b"".join(map(line_frame, written(reply))),
        events=written,  # a generator
        error=lambda status, message: {"message": message},
        frame=line_frame,
        stream_type="application/x-ndjson",
        counts_cached=False,
        beside=beside,
    )


@pytest.mark.slow
def test_the_kit_passes() -> None:
    results = results_of(TestKit)
    assert {result.check: result.findings for result in results if result.outcome == "failed"} == {}
    passed = {result.check for result in results if result.outcome == "passed"}
    assert {
        "test_tokens",
        "test_jobs_are_made_once",
        "test_stream_cut_at_every_event",
        "test_mistyped_events",
    } <= passed
