"""`/v1/messages` to an upstream that serves Messages itself: everything passes as it came but the name of the model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core.serving import token_counts
from llmgate_core.testing import Answer
from tests.support.messages_events import checked_message, events_of
from tests.support.messages_upstream import SSE, failed, message, message_events, stream_of
from tests.support.running_gateway import KEY, RunningGateway

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
ASKED: dict[str, Any] = {"model": "claude-native", "max_tokens": 64, "messages": HI}


@pytest.mark.parametrize("path", ["/v1/messages", "/messages", "/anthropic/v1/messages", "/v1/messages?beta=true"])
def test_every_path_leads_to_the_same_call(gateway: RunningGateway, upstream: Any, path: str) -> None:
    answer = gateway.post(path, ASKED)
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"] == [{"type": "text", "text": "Hello!"}]
    assert upstream.received[0]["path"] == "/v1/messages"
    assert "x-llmgate-ledger" not in answer.headers
    (record,) = gateway.wait_records(1)
    assert (record.family, record.operation, record.requested_model) == ("messages", "create", "claude-native")


@pytest.mark.parametrize(
    ("name", "model"), [(b"claude-native", b"claude-sketch"), (b"claude-itself", b"claude-sonnet-5")]
)
def test_the_body_is_untouched_but_for_the_model(
    gateway: RunningGateway, upstream: Any, name: bytes, model: bytes
) -> None:
    body = (
        b'{"max_tokens":64,  "model": "claude-native", "thinking": {"type":"adaptive"}, "unknown_field": [1.0, 2],\n'
        b' "system": [{"type":"text","text":"x-anthropic-billing-header: a","cache_control":{"type":"ephemeral"}}],'
        b' "messages":[{"role":"user","content":"h\\u00e9"}]}'
    )
    answer = gateway.post("/v1/messages", body.replace(b"claude-native", name))
    assert answer.status_code == 200, answer.text
    assert upstream.received[0]["body"] == body.replace(b"claude-native", model)


def test_the_key_of_the_client_stays_here(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"master_key": "sk-client-0123456789abcdef"})
    answer = gateway.post("/v1/messages", ASKED, x_api_key="sk-client-0123456789abcdef")
    assert answer.status_code == 200
    sent = upstream.received[0]
    assert sent["headers"]["x-api-key"] == KEY
    assert "authorization" not in sent["headers"]
    assert b"sk-client" not in sent["body"]
    assert "sk-client" not in str(sent["raw_headers"])


def test_version_and_betas_go_up_as_they_came(gateway: RunningGateway, upstream: Any) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,made-up-2031-01-01"
    asked = {**ASKED, "context_management": {"edits": []}}
    headers = {"anthropic_version": "2024-01-01", "anthropic_beta": betas, "x_app": "cli"}
    assert gateway.post("/v1/messages?beta=true", asked, **headers).status_code == 200
    sent = upstream.received[0]
    assert (sent["headers"]["anthropic-version"], sent["headers"]["anthropic-beta"]) == ("2024-01-01", betas)
    assert sent["json"] == {**asked, "model": "claude-sketch"}
    assert "x-app" not in sent["headers"]


def test_headers_that_the_config_sets_win(serve: Any, upstream: Any) -> None:
    gateway = serve(extra_headers={"anthropic-beta": "ours-2026-01-01", "x-team": "t"})
    assert gateway.post("/v1/messages", ASKED, anthropic_beta="theirs-2026-01-01").status_code == 200
    assert upstream.received[0]["headers"]["anthropic-beta"] == "ours-2026-01-01"
    assert upstream.received[0]["headers"]["x-team"] == "t"


def test_a_stream_passes_with_its_pings(gateway: RunningGateway, upstream: Any) -> None:
    whole = message({"type": "thinking", "thinking": "Hm.", "signature": "sig+/=="}, {"type": "text", "text": "Héllo"})
    sent = b"".join(stream_of(message_events(whole)))
    upstream.answers.append(Answer(200, [sent], SSE))
    answer = gateway.post("/v1/messages", {**ASKED, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"] == "req_up"
    assert events_of(answer.content) == events_of(sent)
    assert checked_message(answer.content)["content"] == whole["content"]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_stream_in_small_pieces_is_the_same(gateway: RunningGateway, upstream: Any, size: int) -> None:
    whole = message({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}, stop_reason="tool_use")
    sent = b"".join(stream_of(message_events(whole)))
    upstream.answers.append(Answer(200, sent, SSE, drip=size))
    answer = gateway.post("/v1/messages", {**ASKED, "stream": True})
    assert events_of(answer.content) == events_of(sent)
    checked_message(answer.content)


def test_an_error_after_the_start_is_an_error_event(gateway: RunningGateway, upstream: Any) -> None:
    events = message_events(message({"type": "text", "text": "Hi"}))[:4]
    broken = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstream.answers.append(Answer(200, stream_of([*events, broken]), SSE))
    found = events_of(gateway.post("/v1/messages", {**ASKED, "stream": True}).content)
    assert [name for name, _ in found].count("error") == 1
    name, data = found[-1]
    assert (name, data["type"], data["error"]["type"]) == ("error", "error", "overloaded_error")
    assert data["request_id"].startswith("req_")


def test_a_stream_that_is_cut_ends_with_an_error_event(gateway: RunningGateway, upstream: Any) -> None:
    upstream.answers.append(Answer(200, stream_of(message_events(message({"type": "text", "text": "Hi"}))[:4]), SSE))
    found = events_of(gateway.post("/v1/messages", {**ASKED, "stream": True}).content)
    assert found[-1][0] == "error"
    assert found[-1][1]["error"]["details"]["error_code"] == "stream_truncated"


def test_an_error_before_the_start_keeps_its_status(gateway: RunningGateway, upstream: Any) -> None:
    upstream.answers.append(failed(529, "overloaded_error", "Overloaded", retry_after="3"))
    answer = gateway.post("/v1/messages", {**ASKED, "stream": True})
    assert (answer.status_code, answer.json()["error"]["type"]) == (529, "overloaded_error")
    assert (answer.headers["retry-after"], answer.headers["request-id"]) == ("3", "req_up")


@pytest.mark.parametrize("name", ["claude-native", "claude-itself"])
@pytest.mark.parametrize("kind", ["whole", "stream", "error"])
def test_the_limits_of_the_upstream_keep_the_names_that_its_clients_read(
    gateway: RunningGateway, upstream: Any, name: str, kind: str
) -> None:
    limits = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "7",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-29T16:00:00Z",
        "anthropic-ratelimit-tokens-remaining": "1000",
    }
    whole = message({"type": "text", "text": "Hi"})
    sent = {
        "whole": lambda: Answer.json(whole),
        "stream": lambda: Answer(200, stream_of(message_events(whole)), SSE),
        "error": lambda: failed(429, "rate_limit_error"),
    }[kind]()
    upstream.answers.append(replace(sent, headers={**sent.headers, **limits, "set-cookie": "a=b"}))
    answer = gateway.post("/v1/messages", {**ASKED, "model": name, "stream": kind == "stream"})
    assert {name: value for name, value in answer.headers.items() if "ratelimit" in name} == limits
    assert "set-cookie" not in answer.headers


def test_the_log_metrics_and_traces_count_what_was_cached_too(gateway: RunningGateway) -> None:
    gateway.post("/v1/messages", ASKED)
    gateway.post("/v1/messages", {**ASKED, "stream": True})
    for record in gateway.wait_records(2):
        assert token_counts(record.usage) == (20, 7)


def test_tokens_are_counted_by_the_upstream(gateway: RunningGateway, upstream: Any) -> None:
    asked = {"model": "claude-native", "messages": HI, "tools": []}
    answer = gateway.post("/v1/messages/count_tokens?beta=true", asked)
    assert (answer.status_code, answer.json()) == (200, {"input_tokens": 42})
    assert "x-llmgate-estimated" not in answer.headers
    assert upstream.received[0]["path"] == "/v1/messages/count_tokens"
    assert upstream.received[0]["json"] == {**asked, "model": "claude-sketch"}


def test_the_log_has_the_session_and_the_tokens(gateway: RunningGateway) -> None:
    session = "0b1f6f0e-1111-4222-8333-944445555666"
    user = json.dumps({"device_id": "canary", "session_id": session})
    asked = {**ASKED, "metadata": {"user_id": user}}
    gateway.post("/v1/messages", asked, x_claude_code_session_id=session)
    gateway.post("/v1/messages", asked, x_claude_code_session_id="not a session")
    first, second = gateway.wait_records(2)
    assert (first.extra, second.extra) == ({"client_session": session}, {})
    assert first.user is None
    assert first.usage["input_tokens"] == 12
