"""The gateway's own pages: the document of its routes, explain, and what the home page may do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import httpx
import pytest
from llmgate_gateway.config import load_config_dict
from llmgate_gateway.dialects.anthropic.routes import anthropic_routes
from llmgate_gateway.dialects.openai.routes import openai_routes
from llmgate_gateway.http.routes import builtin_route
from llmgate_gateway.inprocess.transport import GatewayTransport
from llmgate_gateway.pages.openapi import document
from llmgate_gateway.server.operations import Operations

from llmgate_core import AsyncClient
from llmgate_core.serving import ENDPOINTS

MASTER = {"authorization": "Bearer sk-master-key"}
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def gateway(shared_gateways: Any, shared_upstream: Any) -> Any:
    keys = "keys: [{name: alice, key: sk-alice-key}]"
    shared_gateways.write(shared_upstream, f"master_key: sk-master-key, {keys}")
    return shared_gateways.start()


def test_every_call_stands_in_the_document_with_what_it_needs(gateway: Any) -> None:
    status, headers, body = gateway.ask("GET", "/openapi.json", **MASTER)
    about = json.loads(body)
    assert (status, headers["content-type"], about["openapi"]) == (200, "application/json", "3.1.0")
    for family, operations in ENDPOINTS.items():
        for operation, endpoint in operations.items():
            if (family, operation) == ("chat", "count_tokens"):  # which OpenAI's API does not have
                continue
            assert endpoint.method.lower() in about["paths"][f"/v1{endpoint.path}"]
    chat = about["paths"]["/v1/chat/completions"]["post"]
    assert chat["requestBody"]["content"]["application/json"]["schema"]["required"] == ["model", "messages"]
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    speech = about["paths"]["/v1/audio/speech"]["post"]
    assert {"application/octet-stream", "audio/*"} < set(speech["responses"]["200"]["content"])
    assert "text/plain" in about["paths"]["/v1/audio/transcriptions"]["post"]["responses"]["200"]["content"]
    assert set(about["paths"]["/readyz"]["get"]["responses"]) == {"200", "503", "default"}
    assert "multipart/form-data" in about["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    assert about["security"] == [{"key": []}, {"x_api_key": []}]
    assert {path for path in about["paths"] if not path.startswith("/v1/")} == {
        "/", "/docs", "/explain", "/livez", "/metrics", "/openapi.json", "/readyz"
    }  # fmt: skip


def test_the_document_is_sound() -> None:
    pages = (("GET", "/livez"), ("GET", "/metrics"), ("POST", "/explain"))
    routes = [*openai_routes("openai"), *anthropic_routes("anthropic"), *(builtin_route(*page) for page in pages)]
    about = document(routes, version="0.1.0", asks_for_key=False)
    names = [operation["operationId"] for methods in about["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) > 20
    for path, methods in about["paths"].items():
        for operation in methods.values():
            stated = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert stated == set(re.findall(r"{(\w+)}", path))
            assert operation["security"] == []
    references = set(re.findall(r'"\$ref":\s*"#/components/schemas/(\w+)"', json.dumps(about)))
    assert references == set(about["components"]["schemas"])


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/docs", "/v1/models", "/home.js", "/index.html"])
def test_only_the_bare_page_is_open(gateway: Any, path: str) -> None:
    assert gateway.ask("GET", "/")[0] == 200
    assert gateway.ask("GET", path)[0] == 401
    assert gateway.ask("POST", "/explain", {})[0] == 401


def test_the_bare_page_may_run_its_own_script_and_nothing_else(gateway: Any) -> None:
    _, headers, body = gateway.ask("GET", "/")
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
    (script,) = re.findall(rb"<script>(.*?)</script>", body, re.DOTALL)
    (style,) = re.findall(rb"<style>(.*?)</style>", body, re.DOTALL)

    def of(text: bytes) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "script-src": of(script),
        "style-src": of(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    text = body.decode()
    assert not re.search(r"\son\w+=|style=|https?://|src=", text)
    assert b"sk-" not in body


def test_explain_shows_the_wire_request_without_the_key(gateway: Any) -> None:
    asked = {"path": "/v1/chat/completions", "body": {"model": "m", "messages": HI, "user": "u"}}
    status, _, body = gateway.ask("POST", "/explain", asked, **MASTER)
    said = json.loads(body)
    assert status == 200
    assert said["route"]["model"] == "gpt-4o"
    assert said["route"]["plugin"] == "llmgate-openai-chat"
    assert said["request"]["body"] == {"model": "gpt-4o", "messages": HI, "user": "u"}
    assert said["request"]["headers"]["authorization"] == "Bearer $OPENAI_API_KEY"
    assert said["request"]["url"].startswith("http://127.0.0.1:")
    assert {one["parameter"]: one["fate"] for one in said["parameters"]} == {"messages": "kept", "user": "kept"}
    assert "0123456789ab" not in body.decode()
    assert "sk-upstream" not in said["curl"]


def test_explain_names_what_would_be_refused(gateway: Any) -> None:
    asked = {"path": "/v1/chat/completions", "body": {"model": "m", "messages": HI, "tools": [{"type": "web_search"}]}}
    said = json.loads(gateway.ask("POST", "/explain", asked, **MASTER)[2])
    fates = {one["parameter"]: one["fate"] for one in said["parameters"]}
    assert fates == {"messages": "kept", "tools": "refused"}
    assert len(said["refused"]) == 1


def test_explain_hides_the_operators_host_from_other_keys(gateway: Any) -> None:
    asked = {"body": {"model": "m", "messages": HI}}
    said = json.loads(gateway.ask("POST", "/explain", asked, authorization="Bearer sk-alice-key")[2])
    assert said["request"]["url"] == "http://upstream/chat/completions"
    assert "127.0.0.1" not in said["curl"]
    assert "/v1" not in said["curl"]  # the path of a base URL may hold an account or a token


def test_explain_hides_the_headers_that_the_config_sets() -> None:
    params = {"model": "openai/gpt-4o", "api_key": "sk-x", "extra_headers": {"X-Team": "team-canary"}}
    config = load_config_dict({"model_list": [{"model_name": "m", "params": params}]})
    operations = Operations(config)
    with httpx.Client(transport=GatewayTransport(operations.app(config)), base_url="http://gateway") as client:
        said = client.post("/explain", json={"body": {"model": "m", "messages": HI}}).json()
        assert said["request"]["headers"]["x-team"] == "***"
        assert "team-canary" not in str(said)
        assert said["request"]["url"] == "https://api.openai.com/v1/chat/completions"
        page = client.get("/metrics").text
    assert 'llmgate_requests_total{client="",deployment="",family="page",outcome="finished",status="200"} 1.0' in page
    operations.close()


REFUSED = {"logprobs": True, "top_logprobs": 2, "logit_bias": {"1": 1}, "n": 2, "presence_penalty": 1, "temperature": 0}


@pytest.mark.parametrize("model", ["openai/o3", "openai/responses/o3"])
def test_explain_prepares_a_call_three_times_at_most(model: str, monkeypatch: Any) -> None:
    config = load_config_dict({"model_list": [{"model_name": "m", "params": {"model": model, "api_key": "sk-x"}}]})
    operations = Operations(config)
    prepared = []
    prepare = AsyncClient.prepare

    def counting(*values: Any, **named: Any) -> Any:
        prepared.append(1)
        return prepare(*values, **named)

    monkeypatch.setattr(AsyncClient, "prepare", counting)
    with httpx.Client(transport=GatewayTransport(operations.app(config)), base_url="http://gateway") as client:
        reply = client.post("/explain", json={"body": {"model": "m", "messages": HI, **REFUSED}})
    operations.close()
    assert reply.status_code == 200, reply.text
    said = reply.json()
    refused = {one["parameter"] for one in said["parameters"] if one["fate"] == "refused"}
    assert len(refused) >= 4
    assert len(said["refused"]) == len(refused)
    assert refused.isdisjoint(said["request"]["body"])
    assert len(prepared) <= 3


def test_explain_cuts_the_command_line_of_a_long_body(gateway: Any) -> None:
    asked = {"body": {"model": "m", "messages": [{"role": "user", "content": "x" * 300_000}]}}
    said = json.loads(gateway.ask("POST", "/explain", asked, **MASTER)[2])
    assert len(said["request"]["body"]["messages"][0]["content"]) == 300_000
    assert said["curl"].endswith("-d @body.json")


def test_a_page_takes_no_large_body(gateway: Any) -> None:
    asked = {"body": {"model": "m", "messages": [{"role": "user", "content": "x" * 1_100_000}]}}
    status, _, body = gateway.ask("POST", "/explain", asked, **MASTER)
    assert (status, json.loads(body)["error"]["code"]) == (413, "request_too_large")
    bomb = {"body": {"model": "m", "messages": HI, "x": [[]] * 250_001}}
    status, _, body = gateway.ask("POST", "/explain", bomb, **MASTER)
    assert (status, json.loads(body)["error"]["code"]) == (413, "too_many_values")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ([], 400),
        ({}, 400),
        ({"body": []}, 400),
        ({"path": "/v1/models", "body": {}}, 400),
        ({"path": "http://elsewhere/", "body": {}}, 400),
        ({"body": {"messages": HI}}, 400),
        ({"body": {"model": "nobody", "messages": HI}}, 404),
        ({"body": {"model": "m", "messages": []}}, 400),
    ],
)
def test_explain_refuses_what_is_no_request(gateway: Any, asked: Any, status: int) -> None:
    assert gateway.ask("POST", "/explain", asked, **MASTER)[0] == status


def test_the_pages_of_an_embedded_gateway_are_the_same() -> None:
    config = load_config_dict({"model_list": [{"model_name": "m", "params": {"model": "openai/gpt-4o"}}]})
    operations = Operations(config)
    gateway = operations.app(config)
    assert {route.path for route in gateway.routes if route.is_page} == {
        "/", "/docs", "/explain", "/livez", "/metrics", "/openapi.json", "/readyz"
    }  # fmt: skip
    operations.close()


def test_metrics_are_for_the_master_key_and_keys_that_may_read_them(gateways: Any, upstream: Any) -> None:
    keys = "keys: [{name: alice, key: sk-alice}, {name: watch, key: sk-watch, metrics: true}]"
    gateways.write(upstream, f"master_key: sk-master, {keys}")
    gateway = gateways.start()
    statuses = {
        key: gateway.ask("GET", "/metrics", authorization=f"Bearer {key}")[0]
        for key in ("sk-master", "sk-watch", "sk-alice", "sk-none")
    }
    assert statuses == {"sk-master": 200, "sk-watch": 200, "sk-alice": 403, "sk-none": 401}
