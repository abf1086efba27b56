"""Errors of `/v1/messages` have the shape of Anthropic's API, wherever in the gateway a request ends."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from llmgate_core.testing import Answer
from tests.support.messages_upstream import failed
from tests.support.running_gateway import RunningGateway

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
ASKED: dict[str, Any] = {"model": "claude-native", "max_tokens": 64, "messages": HI}
MASTER = "sk-client-0123456789abcdef"


def error_of(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """Return the error's details; its shape, status and type are as they have to be."""
    body = answer.json()
    assert (answer.status_code, body["type"], body["error"]["type"]) == (status, "error", kind), body
    assert body.keys() == {"type", "error", "request_id"}
    assert isinstance(body["error"]["message"], str)
    details: dict[str, Any] = body["error"].get("details", {})
    return details


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (402, "billing_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("shape", ["anthropic", "openai"])
def test_each_status_of_the_upstream_has_its_type(
    gateway: RunningGateway, upstream: Any, shape: str, status: int, kind: str
) -> None:
    theirs = {"message": "no", "type": "server_error", "param": None, "code": "some_code"}
    upstream.answers.append(failed(status, kind) if shape == "anthropic" else Answer.json({"error": theirs}, status))
    error_of(gateway.post("/v1/messages", ASKED), status, kind)


@pytest.mark.parametrize("status", [401, 403])
def test_the_key_of_the_config_is_not_the_clients_fault(gateway: RunningGateway, upstream: Any, status: int) -> None:
    upstream.answers.append(failed(status, "authentication_error"))
    details = error_of(gateway.post("/v1/messages", ASKED), 502, "api_error")
    assert details == {"error_code": "upstream_auth"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_tokens": 64, "messages": HI}, "model"),
        ({"model": "claude-native", "messages": HI}, "max_tokens"),
        ({"model": "claude-native", "max_tokens": 64}, "messages"),
        ({**ASKED, "model": 5}, "model"),
        ({**ASKED, "model": ""}, "model"),
        ({**ASKED, "max_tokens": "64"}, "max_tokens"),
        ({**ASKED, "max_tokens": True}, "max_tokens"),
        ({**ASKED, "messages": "hi"}, "messages"),
        ({**ASKED, "api_base": "http://elsewhere/"}, "api_base"),
        ({**ASKED, "Model": "other"}, "Model"),
    ],
)
def test_a_body_that_lacks_something_is_refused(
    gateway: RunningGateway, upstream: Any, body: dict[str, Any], param: str
) -> None:
    details = error_of(gateway.post("/v1/messages", body), 400, "invalid_request_error")
    assert details["param"] == param
    assert upstream.received == []


def test_what_is_counted_needs_no_limit_of_its_answer(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/messages/count_tokens", {"model": "claude-native"})
    assert error_of(answer, 400, "invalid_request_error")["param"] == "messages"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": 1} x'])
def test_what_is_no_json_object_is_refused(gateway: RunningGateway, body: bytes) -> None:
    assert error_of(gateway.post("/v1/messages", body), 400, "invalid_request_error")["error_code"] == "invalid_json"


@pytest.mark.parametrize(
    "headers",
    [
        {"anthropic-version": "2023 06 01"},
        {"anthropic-version": ""},
        {"anthropic-beta": "a,b c"},
        {"anthropic-beta": "é".encode("latin-1").decode("latin-1")},
        {"anthropic-beta": ",".join(["x"] * 101)},
        {"anthropic-beta": "x" * 200},
    ],
)
def test_a_header_of_the_api_is_checked(gateway: RunningGateway, upstream: Any, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = gateway.http.post("/v1/messages", json=ASKED, headers=raw)
    details = error_of(answer, 400, "invalid_request_error")
    assert details == {"error_code": "invalid_header", "param": next(iter(headers))}
    assert upstream.received == []


def test_an_unknown_model_is_not_found(gateway: RunningGateway) -> None:
    details = error_of(gateway.post("/v1/messages", {**ASKED, "model": "claude-nativ"}), 404, "not_found_error")
    assert details == {"error_code": "model_not_found", "param": "model"}


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({"x-api-key": MASTER}, True),
        ({"authorization": f"Bearer {MASTER}"}, True),
        ({"authorization": f"Bearer {MASTER}", "x-api-key": MASTER}, True),
        ({"authorization": f"Bearer {MASTER}", "x-api-key": "sk-other"}, False),
        ({"x-api-key": "sk-other"}, False),
        ({"x-api-key": ""}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/messages"])
def test_the_key_comes_in_either_header_and_two_that_differ_count_for_nothing(
    serve: Any, headers: dict[str, str], path: str, *, is_let_in: bool
) -> None:
    gateway = serve(general={"master_key": MASTER})
    answer = gateway.http.post(path, json=ASKED, headers=headers)
    if is_let_in:
        assert answer.status_code == 200
        assert answer.headers["request-id"] == "req_up"
    else:
        assert error_of(answer, 401, "authentication_error") == {"error_code": "invalid_api_key"}
        assert answer.json()["request_id"] is None
        assert "request-id" not in answer.headers


def test_a_key_that_may_not_use_a_model_is_forbidden(serve: Any) -> None:
    gateway = serve(general={"keys": [{"name": "a", "key": "sk-alice", "models": ["claude-bridged"]}]})
    answer = gateway.post("/v1/messages", ASKED, x_api_key="sk-alice")
    assert error_of(answer, 403, "permission_error")["error_code"] == "model_not_allowed"
    several = gateway.post("/v1/messages", {**ASKED, "fallbacks": [{"model": "x"}]}, x_api_key="sk-alice")
    assert error_of(several, 403, "permission_error")["param"] == "fallbacks"


@pytest.mark.parametrize("tools", ["tools", "Tools"])
@pytest.mark.parametrize("model", ["model", "Model"])
def test_a_tool_does_not_lead_to_another_model_either(serve: Any, upstream: Any, tools: str, model: str) -> None:
    keys = [{"name": "a", "key": "sk-alice", "models": ["claude-native"]}, {"name": "b", "key": "sk-bob"}]
    gateway = serve(general={"keys": keys})
    advised = {**ASKED, tools: [{"type": "advisor_20260301", "name": "advisor", model: "claude-opus-5"}]}
    answer = gateway.post("/v1/messages", advised, x_api_key="sk-alice")
    assert error_of(answer, 403, "permission_error") == {"error_code": "model_not_allowed", "param": "tools"}
    assert upstream.received == []
    assert gateway.post("/v1/messages", advised, x_api_key="sk-bob").status_code == 200
    own = {"name": "look", "input_schema": {"type": "object", "properties": {"model": {"type": "string"}}}}
    assert gateway.post("/v1/messages", {**ASKED, "tools": [own]}, x_api_key="sk-alice").status_code == 200


def test_limits_are_told_in_the_same_shape(serve: Any) -> None:
    limits = {"max_body": 2000, "max_header": 1000, "max_json_values": 50}
    gateway = serve(general={"limits": limits})
    large = gateway.post("/v1/messages", {**ASKED, "system": "x" * 3000})
    assert error_of(large, 413, "request_too_large")["error_code"] == "request_too_large"
    many = gateway.post("/v1/messages", {**ASKED, "x": [[]] * 100})
    assert error_of(many, 413, "request_too_large")["error_code"] == "too_many_values"
    head = gateway.post("/v1/messages", ASKED, x_long="y" * 1200)
    assert head.status_code == 431
    kind = gateway.http.post("/v1/messages", content=b"{}", headers={"content-type": "text/plain"})
    assert kind.status_code == 415
    assert kind.json()["type"] == "error"


def test_too_many_at_once(serve: Any) -> None:
    gateway = serve(general={"limits": {"per_client_concurrency": 1, "max_in_flight": 5}, "master_key": MASTER})
    gateway.app._admission.enter("master", gateway.app.config.general.limits, None)
    try:
        answer = gateway.post("/v1/messages", ASKED, x_api_key=MASTER)
        assert error_of(answer, 429, "rate_limit_error")["error_code"] == "concurrency_limit_exceeded"
        assert answer.headers["retry-after"] == "1"
    finally:
        gateway.app._admission.leave("master")


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_anthropics"),
    [
        ("POST", "/v1/messages/batches", {}, True),
        ("GET", "/v1/messages", {}, True),
        ("POST", "/anthropic/v1/complete", {}, True),
        ("POST", "/v1/complete", {"anthropic-version": "2023-06-01"}, True),
        ("POST", "/v1/complete", {"x-api-key": "k"}, True),
        ("POST", "/v1/complete", {}, False),
        ("POST", "/v1/complete", {"authorization": "Bearer k"}, False),
        ("POST", "/v1/chat/completions/x/y", {}, False),
    ],
)
def test_a_path_that_is_not_there_is_told_as_its_client_understands(
    gateway: RunningGateway, method: str, path: str, headers: dict[str, str], *, is_anthropics: bool
) -> None:
    answer = gateway.http.request(method, path, json={}, headers=headers)
    assert answer.status_code == (405 if path == "/v1/messages" else 404)
    assert ("type" in answer.json()) == is_anthropics
    if is_anthropics:
        error_of(
            answer, answer.status_code, "not_found_error" if answer.status_code == 404 else "invalid_request_error"
        )


def test_a_request_id_is_in_the_header_and_in_the_error(gateway: RunningGateway) -> None:
    answer = gateway.post("/v1/messages", {})
    own = answer.headers["x-llmgate-request-id"]
    assert (answer.headers["request-id"], answer.json()["request_id"]) == (own, own)
    named = gateway.post("/v1/messages", {}, x_request_id="mine")
    assert (named.headers["x-request-id"], named.headers["request-id"]) == ("mine", named.json()["request_id"])


@pytest.mark.parametrize("message", ["This model's maximum context length is 10 tokens.", "Prompt is too long: 9 > 5"])
def test_a_prompt_that_is_too_long_is_told_in_words_that_clients_look_for(
    gateway: RunningGateway, upstream: Any, message: str
) -> None:
    theirs = {"message": message, "type": "invalid_request_error", "param": None, "code": "context_length_exceeded"}
    upstream.answers.append(Answer.json({"error": theirs}, 400))
    answer = gateway.post("/v1/messages", ASKED)
    error_of(answer, 400, "invalid_request_error")
    said = answer.json()["error"]["message"]
    assert said.lower().count("prompt is too long") == 1
    assert message in said


def test_another_try_that_can_help_nothing_is_not_asked_for(gateway: RunningGateway, upstream: Any) -> None:
    theirs = {"message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota"}
    upstream.answers.append(Answer.json({"error": theirs}, 429))
    answer = gateway.post("/v1/messages", ASKED)
    error_of(answer, 429, "rate_limit_error")
    assert answer.headers["x-should-retry"] == "false"


def test_no_error_repeats_a_key(serve: Any) -> None:
    gateway = serve(general={"master_key": MASTER})
    answer = gateway.post("/v1/messages", ASKED, x_api_key="sk-canary-0123456789abcdef")
    assert b"canary" not in answer.content
    assert "canary" not in json.dumps(dict(answer.headers))
    assert all("canary" not in repr(record) for record in gateway.wait_records(1))
