"""What a request and its answer look like on both sides of the gateway."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from llmgate_gateway.http.responses import passed_headers
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector

from llmgate_core.serving import Secret
from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    "a_new_field": {"kept": True},
}
CHUNKS = [
    {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]},
    {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]


def test_the_bytes_go_through_and_only_the_model_changes(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    sent = b'{ "messages":[{"role":"user","content":"h\\u00e9"}],  "x_unknown": 1e2, "model": "m"}'
    reply = gateway.post("/v1/chat/completions", sent)
    assert upstream.received[0]["body"] == sent.replace(b'"m"', b'"gpt-4o"')
    assert reply.status_code == 200
    assert reply.content == json.dumps(ANSWER).encode()


def test_the_paths_with_and_without_v1_are_the_same(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json(ANSWER)
    bodies = [
        gateway.post(path, {"model": "m", "messages": HI}).json()
        for path in ("/chat/completions", "/v1/chat/completions")
    ]
    assert bodies == [ANSWER, ANSWER]
    assert [request["path"] for request in upstream.received] == ["/v1/chat/completions"] * 2


def test_the_reply_has_the_listed_headers_of_the_upstream_and_ours_and_no_other(gateway: Any, upstream: Any) -> None:
    headers = {
        "content-type": "application/json",
        "x-request-id": "req_up",
        "openai-processing-ms": "12",
        "x-ratelimit-remaining-tokens": "99",
        "retry-after": "1",
        "set-cookie": "a=b",
        "server": "up",
        "openai-organization": "org",
        "location": "http://elsewhere/",
        "access-control-allow-origin": "*",
        "x-echo": "sk-upstream-canary-000000",
    }
    upstream.answers.append(Answer(200, json.dumps(ANSWER).encode(), headers))
    reply = gateway.chat()
    assert "date" in reply.headers
    own = {
        name: value for name, value in reply.headers.items() if name not in ("date", "server", "x-llmgate-request-id")
    }
    assert own == {
        "content-type": "application/json",
        "content-length": str(len(json.dumps(ANSWER))),
        "x-request-id": "req_up",
        "openai-processing-ms": "12",
        "x-ratelimit-remaining-tokens": "99",
        "retry-after": "1",
        "x-llmgate-model": "m",
        "x-llmgate-deployment": "m",
        "x-llmgate-provider": "openai",
        "x-llmgate-cost": "0.0000275000",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    assert reply.headers.get("server") != "up"
    assert reply.headers["x-llmgate-request-id"].startswith("req_")


def test_a_header_with_control_bytes_is_left_out() -> None:
    upstream = {"x-ratelimit-a": "1", "x-ratelimit-b": "a\x01b", "retry-after": "\xff", "openai-processing-ms": "a\tb"}
    assert passed_headers(upstream, KeyLeakDetector([])) == [(b"x-ratelimit-a", b"1")]


def test_a_header_that_repeats_the_key_is_left_out() -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz"
    said = {
        "plain": key,
        "slice": f"x{key[5:17]}x",
        "base64": base64.b64encode(key.encode()).decode(),
        "short": key[:11],
    }
    upstream = {f"x-ratelimit-{name}": value for name, value in said.items()}
    assert passed_headers(upstream, KeyLeakDetector([Secret(key), None])) == [(b"x-ratelimit-short", key[:11].encode())]
    assert key not in repr(vars(KeyLeakDetector)) + repr(KeyLeakDetector([Secret(key)]))


def test_a_reply_has_our_request_id_where_the_upstream_sent_none(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    reply = gateway.chat()
    assert reply.headers["x-request-id"] == reply.headers["x-llmgate-request-id"]


def test_a_stream_is_sse_with_one_done_and_its_head_is_that_of_the_first_event(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.sse(CHUNKS, x_request_id="req_up"))
    reply = gateway.chat(stream=True)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-request-id"] == "req_up"
    events = reply.text.removesuffix("\n\n").split("\n\n")
    assert [json.loads(event.removeprefix("data: ")) for event in events[:-1]] == CHUNKS
    assert events[-1] == "data: [DONE]"
    assert reply.text.count("[DONE]") == 1


@pytest.mark.filterwarnings("ignore:openai/gpt-5")
def test_what_was_dropped_is_in_a_header(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-5", "drop_params": True}})
    upstream.answers.append(Answer.json(ANSWER))
    reply = gateway.chat(temperature=0.3)
    ledger = json.loads(reply.headers["x-llmgate-ledger"])
    assert [(entry["parameter"], entry["action"], entry["lossy"]) for entry in ledger] == [
        ("temperature", "dropped", True)
    ]
    assert "temperature" not in upstream.received[0]["json"]


def test_an_upstream_error_comes_back_with_its_status_words_and_headers(gateway: Any, upstream: Any) -> None:
    error = {"message": "Rate limit reached", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
    upstream.answers.append(Answer.json({"error": error}, 429, retry_after="7", x_request_id="req_up"))
    reply = gateway.chat()
    assert (reply.status_code, reply.json()) == (429, {"error": error})
    assert (reply.headers["retry-after"], reply.headers["x-request-id"]) == ("7", "req_up")


def test_an_error_as_first_event_has_a_real_status(gateway: Any, upstream: Any) -> None:
    error = {"message": "too much", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}
    upstream.answers.append(Answer.sse([{"error": error}]))
    reply = gateway.chat(stream=True)
    assert (reply.status_code, reply.json()) == (429, {"error": error})


def test_an_error_after_the_first_event_is_an_event_and_done(gateway: Any, upstream: Any) -> None:
    error = {"message": "it broke", "type": "server_error", "param": None, "code": "boom"}
    upstream.answers.append(Answer.sse([CHUNKS[0], {"error": error}], done=False))
    reply = gateway.chat(stream=True)
    assert reply.status_code == 200
    events = reply.text.removesuffix("\n\n").split("\n\n")
    assert [json.loads(event.removeprefix("data: ")) for event in events[:2]] == [CHUNKS[0], {"error": error}]
    assert events[2:] == ["data: [DONE]"]


def test_a_stream_that_is_cut_says_so_and_ends_with_done(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.sse([CHUNKS[0]], done=False))
    reply = gateway.chat(stream=True)
    assert reply.text.count("[DONE]") == 1
    assert "stream_truncated" in reply.text
    assert gateway.wait_records(1)[0].outcome == "truncated"


def test_a_large_answer_arrives_whole(gateway: Any, upstream: Any) -> None:
    answer = {**ANSWER, "padding": "x" * 3_000_000}
    upstream.answers.append(Answer.json(answer))
    assert gateway.chat().json() == answer


def test_retries_are_ours_and_the_client_is_told_not_to_try_again(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-4o", "max_retries": 1}})
    error = {"error": {"message": "busy", "type": "server_error", "param": None, "code": None}}
    upstream.otherwise = Answer.json(error, 503, retry_after="0.01")
    reply = gateway.chat()
    assert (reply.status_code, reply.headers["x-should-retry"]) == (503, "false")
    assert len(upstream.received) == 2


def test_the_trace_goes_upstream_and_a_bad_one_does_not(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json(ANSWER)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    gateway.post("/v1/chat/completions", {"model": "m", "messages": HI}, traceparent=trace)
    gateway.post("/v1/chat/completions", {"model": "m", "messages": HI}, traceparent="00-x")
    assert [request["headers"].get("traceparent") for request in upstream.received] == [trace, None]


def test_no_header_of_the_client_goes_upstream(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    foreign = {
        "x_api_key": "k",
        "cookie": "a=b",
        "openai_organization": "org-x",
        "openai_project": "p",
        "x_forwarded_for": "1.2.3.4",
    }
    gateway.post("/v1/chat/completions", {"model": "m", "messages": HI}, authorization="Bearer sk-client", **foreign)
    received = upstream.received[0]["headers"]
    assert set(received) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "content-type",
        "authorization",
        "content-length",
    }
    assert received["authorization"] == "Bearer sk-upstream-canary-000000"
    assert received["user-agent"].startswith("llmgate/")


def test_the_clients_organization_goes_upstream_when_the_config_says_so(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"forward_openai_org_id": True})
    upstream.answers.append(Answer.json(ANSWER))
    gateway.post("/v1/chat/completions", {"model": "m", "messages": HI}, openai_organization="my-special-org")
    assert upstream.received[0]["headers"]["openai-organization"] == "my-special-org"


def test_the_debug_log_shows_the_outgoing_call_and_no_key_or_content(
    serve: Any, upstream: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "llmgate.gateway")
    entry = {"model": "openai/gpt-4o", "organization": "my-special-org", "extra_headers": {"x-secret": "header-canary"}}
    gateway = serve({"m": entry})
    upstream.answers.append(Answer.json(ANSWER))
    gateway.chat(user="user-canary")
    assert "calling chat.create: model='openai/gpt-4o'" in caplog.text
    assert "organization='my-special-org'" in caplog.text
    assert "canary" not in caplog.text


def test_the_record_of_a_request_says_what_happened(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json(ANSWER, x_request_id="req_up"))
    gateway.chat()
    record = gateway.wait_records(1)[0]
    assert (record.method, record.path, record.family, record.operation) == (
        "POST",
        "/v1/chat/completions",
        "chat",
        "create",
    )
    assert (record.requested_model, record.deployment, record.model, record.provider) == ("m", "m", "gpt-4o", "openai")
    assert (record.plugin, record.status, record.outcome, record.stream) == (
        "llmgate-openai-chat",
        200,
        "finished",
        False,
    )
    assert (record.usage, record.upstream_request_id, record.upstream_status) == (ANSWER["usage"], "req_up", 200)
    assert record.cost is not None
    assert record.first_byte_seconds is not None
    assert record.total_seconds is not None
    assert 0 < record.first_byte_seconds <= record.total_seconds < 5


def test_a_stream_is_counted_by_its_blocks_and_last_usage(gateway: Any, upstream: Any) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    upstream.answers.append(Answer.sse([*CHUNKS, {"id": "c", "choices": [], "usage": usage}]))
    gateway.chat(stream=True, stream_options={"include_usage": True})
    record = gateway.wait_records(1)[0]
    assert (record.stream, record.outcome, record.usage) == (True, "finished", usage)
    assert record.events >= 1


def test_an_observer_that_raises_changes_nothing(serve: Any, upstream: Any) -> None:
    def on_begin() -> None:
        began.append(1)

    began: list[int] = []
    gateway = serve(options={"on_begin": [on_begin]})
    observers = gateway.app._observers
    observers.on_end = (lambda record: 1 / 0, *observers.on_end)
    upstream.answers.append(Answer.json(ANSWER))
    assert gateway.chat().status_code == 200
    assert len(gateway.wait_records(1)) == len(began) == 1
