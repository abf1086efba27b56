"""What the client is told of a call that failed: R3 to R8, S15, S18, S19; and what it is not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.http.errors import error_facts, status_of

from llmgate_core.serving import errors
from llmgate_core.testing import Answer

KEY = "sk-upstream-canary-000000"
SECRETS = ("canary", "127.0.0.1", "10.0.0.1", "Traceback", "/work", "site-packages", "llmgate_core", "OPENAI_API_KEY")
SSE = {"content-type": "text/event-stream"}
CHUNK = '{"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}'

ERRORS = [
    (errors.BadRequestError("no", status_code=400), 400),
    (errors.AuthenticationError("wrong key", status_code=401, code="invalid_api_key"), 502),
    (errors.AuthenticationError("no API key for openai: set OPENAI_API_KEY", status_code=401, attempts=0), 500),
    (errors.PermissionDeniedError("no", status_code=403), 502),
    (errors.NotFoundError("no", status_code=404), 404),
    (errors.ConflictError("no", status_code=409), 409),
    (errors.UnprocessableEntityError("no", status_code=422), 422),
    (errors.RateLimitError("no", status_code=429), 429),
    (errors.InternalServerError("no", status_code=529), 529),
    (errors.BadGatewayError("HTTP 502: <html>10.0.0.1</html>", status_code=502), 502),
    (errors.APIStatusError("HTTP 302: a redirect to '10.0.0.1'", status_code=302), 502),
    (errors.APIStatusError("odd", status_code=200), 502),
    (errors.APITimeoutError("connecting to 10.0.0.1 took too long", phase="connect"), 504),
    (errors.APITimeoutError("upstream said so", status_code=408), 408),
    (errors.APIConnectionError("10.0.0.1: refused", code="connect"), 502),
    (errors.StreamTruncatedError("10.0.0.1 hung up"), 502),
    (errors.APIResponseValidationError("HTTP 200 (text/html): 10.0.0.1", status_code=200), 502),
    (errors.PluginError("hook transform_request of llmgate_core.x raised KeyError"), 500),
    (errors.ConfigError("api_base 10.0.0.1 is no URL"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_every_error_has_its_status_and_says_nothing_of_the_inside(error: errors.LLMGateError, status: int) -> None:
    assert status_of(error) == status
    reply = error_reply(error_facts(error))
    assert reply.status == status
    said = json.loads(reply.body)["error"]
    assert set(said) == {"message", "type", "param", "code"}
    assert isinstance(said["message"], str)
    for secret in SECRETS:
        assert secret not in reply.body.decode()


FAULTS = {
    "not JSON": Answer(200, b"nonsense 10.0.0.1", {"content-type": "application/json"}),
    "empty": Answer(200, b""),
    "204": Answer(204),
    "null": Answer(200, b"null", {"content-type": "application/json"}),
    "a list": Answer(200, b"[]", {"content-type": "application/json"}),
    "no choices": Answer(200, b'{"id":"x"}', {"content-type": "application/json"}),
    "html 200": Answer(200, b"<html>10.0.0.1</html>", {"content-type": "text/html"}),
    "html 502": Answer(502, b"<html>10.0.0.1" + b"x" * 60_000 + b"</html>", {"content-type": "text/html"}),
    "redirect": Answer(302, b"", {"location": "http://10.0.0.1/"}),
    "error in 200": Answer(200, b'{"error":{"message":"odd"}}', {"content-type": "application/json"}),
    "cut body": Answer(
        200, b'{"id":"x","choices":[]}', {"content-type": "application/json"}, truncate_at=5, close="fin"
    ),
    "reset body": Answer(
        200, b'{"id":"x","choices":[]}', {"content-type": "application/json"}, truncate_at=5, close="rst"
    ),
    "no HTTP": Answer(raw=b"220 smtp 10.0.0.1\r\n", close="fin"),
    "echoes the key": Answer.json(
        {"error": {"message": f"bad key {KEY}", "type": KEY, "code": KEY, "param": KEY}}, 401
    ),
    "echoes the key in a header": Answer(200, b"nonsense", {"x-request-id": KEY, "x-ratelimit-x": "1"}),
    "echoes the key in a page": Answer(500, KEY.encode() * 100),
    "deep": Answer(200, b"[" * 100_000, {"content-type": "application/json"}),
    "a plain answer to a stream": Answer.json({"id": "x", "choices": []}),
    "an empty stream": Answer(200, b"", SSE),
    "a stream of nothing": Answer(200, [b": a\n\n"], SSE),
    "bad JSON in a stream": Answer(200, [b"data: {nonsense 10.0.0.1\n\n"], SSE),
    "error event": Answer(200, [b'event: error\ndata: {"error":{"message":"odd"}}\n\n'], SSE),
    "cut stream": Answer(200, [f"data: {CHUNK}\n\n".encode(), b"data: {"], SSE, truncate_at=80, close="rst"),
    "bad JSON later": Answer(200, [f"data: {CHUNK}\n\n".encode(), b"data: {10.0.0.1\n\n"], SSE, pause_seconds=0.02),
}


@pytest.mark.parametrize("stream", [False, True])
def test_no_fault_of_the_upstream_leaks_or_breaks(
    gateway: Any, upstream: Any, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "llmgate")
    for name, answer in FAULTS.items():
        upstream.answers.append(answer)
        reply = gateway.chat(stream=stream)
        text = reply.text + str(reply.headers)
        assert len(reply.content) < 4000, name
        assert [secret for secret in SECRETS if secret in text] == [], name
        if reply.headers["content-type"].startswith("application/json") and reply.status_code != 200:
            assert set(reply.json()["error"]) == {"message", "type", "param", "code"}, name
        elif stream:
            assert reply.text.count("[DONE]") == 1, name
        else:
            assert name == "a plain answer to a stream", name
        upstream.answers.clear()
    upstream.answers.append(Answer.json({"id": "x", "choices": []}))
    assert gateway.chat().status_code == 200
    assert "canary" not in caplog.text
    gateway.wait_records(len(FAULTS) + 1)
    assert "canary" not in repr(gateway.records)


def test_an_upstream_that_is_down_is_a_502_without_its_address(serve: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-4o", "api_base": "http://127.0.0.1:9/v1"}})
    for stream in (False, True):
        reply = gateway.chat(stream=stream)
        assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_unreachable")
        assert "127.0.0.1" not in reply.text


def test_an_upstream_that_is_late_is_a_504(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-4o", "timeout": 0.2}})
    upstream.otherwise = Answer(200, b"{}", delay_seconds=2)
    for stream in (False, True):
        reply = gateway.chat(stream=stream)
        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "timeout")


def test_a_missing_key_is_the_gateways_fault(serve: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    gateway = serve({"m": {"model": "openai/gpt-4o", "api_key": None}})
    reply = gateway.chat()
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "missing_upstream_key")
    assert "OPENAI" not in reply.text


def test_a_parameter_that_the_model_does_not_take_is_named(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": "openai/gpt-5"})
    reply = gateway.chat(temperature=0.3)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "temperature")
    assert upstream.received == []
    assert gateway.wait_records(1)[0].outcome == "refused"


def test_a_plugin_that_raises_fails_only_its_request(
    serve: Any, upstream: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from llmgate_core.plugin import OpenAICompatible, ProviderInfo, hookimpl

    class Broken(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="broken", base_url="https://x.example/v1", env_key=None)

        @hookimpl
        def transform_response(self, call: Any, route: Any, response: Any) -> Any:
            raise KeyError("secret detail")

    gateway = serve()
    client = gateway.app.snapshot.deployments.clients[0]
    client.add_plugin(Broken(), family="chat", prefix="openai", replace=True)
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    reply = gateway.chat()
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "plugin_error")
    assert "secret detail" not in reply.text
    assert gateway.http.get("/livez").status_code == 200


def test_readiness_shows_how_the_last_call_of_each_deployment_ended(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "x", "code": "boom"}}, 500))
    gateway.chat()
    shown = gateway.http.get("/readyz").json()["models"]
    assert shown == [{"model": "m", "deployment": "m", "last_outcome": "failed", "last_error": "boom"}]
    upstream.answers.append(Answer.json({"id": "x", "choices": []}))
    gateway.chat()
    shown = gateway.http.get("/readyz").json()["models"]
    assert shown == [{"model": "m", "deployment": "m", "last_outcome": "finished", "last_error": None}]


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\x00b", "a\x1b[31m", "é"])
def test_odd_text_from_a_client_stands_in_no_header_and_no_line(gateway: Any, upstream: Any, value: str) -> None:
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    reply = gateway.chat(model=value)
    assert reply.status_code == 404
    assert "x-injected" not in reply.headers


def test_a_model_of_this_machine_needs_no_key_and_gets_the_query_of_its_address(
    serve: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    upstream.otherwise = Answer.json({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})
    url = f"{upstream.base_url}?api-version=1"
    gateway = serve({"m": {"model": "openai/llama3", "api_key": None, "api_base": url}})
    assert gateway.chat().status_code == 200
    assert upstream.received[0]["path"] == "/v1/chat/completions?api-version=1"
    assert "authorization" not in upstream.received[0]["headers"]


@pytest.mark.parametrize(("status", "passes_message"), [(401, False), (403, True)])
def test_an_upstream_that_refuses_our_key_does_not_blame_the_clients(
    gateway: Any, upstream: Any, status: int, passes_message: bool
) -> None:
    said = {"message": "no: sk-up*****0000", "type": "invalid_request_error", "code": "invalid_api_key"}
    upstream.answers.append(Answer.json({"error": said}, status))
    reply = gateway.chat()
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["type"]) == (502, "upstream_auth", "server_error")
    assert ("sk-up" in error["message"]) is passes_message
    assert reply.headers["x-should-retry"] == "false"
    record = gateway.wait_records(1)[0]
    assert (record.outcome, record.error_code, record.upstream_status) == ("failed", "upstream_auth", status)


@pytest.mark.parametrize(
    ("code", "retried"),
    [("insufficient_quota", False), ("project_spend_limit_exceeded", False), ("rate_limit_exceeded", True)],
)
def test_a_client_is_told_not_to_try_again_where_that_cannot_help(
    gateway: Any, upstream: Any, code: str, retried: bool
) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "m", "type": code, "code": code}}, 429))
    reply = gateway.chat()
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, code)
    assert reply.headers.get("x-should-retry") == (None if retried else "false")


def test_the_text_of_a_proxy_reaches_client_and_log(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(503, b"no healthy upstream", {"content-type": "text/plain"}))
    reply = gateway.chat()
    assert (reply.status_code, reply.json()["error"]["message"]) == (503, "no healthy upstream")
    assert gateway.wait_records(1)[0].extra["upstream_text"] == "no healthy upstream"


@pytest.mark.parametrize(
    "text", ["cannot answer: my private words", "PRIVATE", "no model gpt: x1y2z3", "stop at PRIV1"]
)
def test_a_text_that_repeats_the_request_is_in_no_log(gateway: Any, upstream: Any, text: str) -> None:
    upstream.answers.append(Answer(503, text.encode(), {"content-type": "text/plain"}))
    messages = [{"role": "user", "content": "These are My Private Words, PRIVATE"}]
    gateway.chat(messages=messages, stop=["PRIV1"], user="x1y2z3")
    assert "upstream_text" not in gateway.wait_records(1)[0].extra


def test_the_problems_that_fastapi_names_reach_the_client(gateway: Any, upstream: Any) -> None:
    problem = {"loc": ["body", "top_k"], "msg": "Input should be a valid integer", "input": "PRIVATE"}
    upstream.answers.append(Answer.json({"detail": [problem]}, 422))
    message = gateway.chat().json()["error"]["message"]
    assert message == "top_k: Input should be a valid integer"
