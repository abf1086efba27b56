"""Paths and protocols of other servers: LiteLLM's health, Azure's deployments, WebSockets, origins with a star."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
from llmgate_gateway.access.cors import is_allowed
from llmgate_gateway.config.schema.general import Cors

from llmgate_core.testing import Answer
from tests.support.running_gateway import CHAT, RunningGateway

KEY = "sk-a-key-of-this-gateway"
AZURE = "/openai/deployments/my-model/"
OK = {"id": "c", "choices": []}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", "ready"),
        ("/health/readiness", "ready"),
        ("/health/liveliness", "alive"),
        ("/health/liveness", "alive"),
    ],
)
def test_litellms_paths_of_health_are_open(serve: Any, upstream: Any, path: str, status: str) -> None:
    gateway = serve(general={"master_key": KEY})
    reply = gateway.http.get(path)
    assert (reply.status_code, reply.json()) == (200, {"status": status})
    assert gateway.http.get(f"{path}/").status_code == 401
    assert upstream.received == []


def test_metrics_may_have_a_slash_and_need_a_key_with_it_too(serve: Any) -> None:
    pages = {"pages": {"/metrics": lambda _request: serve_nothing()}}
    gateway = serve(general={"master_key": KEY}, options=pages)
    for path in ("/metrics", "/metrics/"):
        assert gateway.http.get(path).status_code == 401
        assert gateway.http.get(path, headers={"x-api-key": KEY}).status_code == 200


def serve_nothing() -> Any:
    from llmgate_gateway.http.responses import json_reply

    return json_reply({})


@pytest.mark.parametrize("query", ["", "?api-version=2024-10-21", "?API-Version=preview"])
def test_a_deployment_in_the_path_is_the_model(serve: Any, upstream: Any, query: str) -> None:
    gateway = serve({"my-model": "openai/gpt-4o"}, general={"master_key": KEY})
    upstream.answers.append(Answer.json(OK))
    body = {"messages": [{"role": "user", "content": "hi"}]}
    reply = gateway.post(f"{AZURE}chat/completions{query}", body, api_key=KEY)
    assert reply.status_code == 200, reply.text
    assert upstream.received[0]["path"] == "/v1/chat/completions"
    assert upstream.received[0]["json"] == {**body, "model": "gpt-4o"}
    assert "x-llmgate-ledger" not in reply.headers
    assert gateway.wait_records(1)[0].requested_model == "my-model"


def test_the_path_wins_over_the_model_of_the_body(serve: Any, upstream: Any) -> None:
    gateway = serve({"my-model": "openai/gpt-4o", "other": "openai/gpt-4o-mini"})
    upstream.answers.append(Answer.json(OK))
    gateway.post(f"{AZURE}chat/completions", {**CHAT, "model": "other"})
    assert upstream.received[0]["json"]["model"] == "gpt-4o"


def test_a_form_of_azure_arrives(serve: Any, upstream: Any) -> None:
    gateway = serve({"my-model": {"model": "openai/whisper-1", "info": {"mode": "audio_transcription"}}})
    upstream.answers.append(Answer.json({"text": "hello"}))
    files = {"file": ("a.wav", b"RIFF0000WAVE")}
    reply = gateway.http.post(f"{AZURE}audio/transcriptions?api-version=2024-06-01", files=files)
    assert reply.json() == {"text": "hello"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/openai/deployments/unknown/chat/completions", {"messages": []}, 404),
        (f"{AZURE}chat/completions?api-base=http://evil", {"messages": []}, 400),
        (f"{AZURE}nothing", {}, 404),
        (f"{AZURE}chat/completions", b"", 400),
    ],
)
def test_what_such_a_path_does_not_serve(serve: Any, upstream: Any, path: str, body: Any, status: int) -> None:
    gateway = serve({"my-model": "openai/gpt-4o"})
    assert gateway.post(path, body).status_code == status
    assert upstream.received == []


def test_a_key_with_models_is_held_to_them_by_the_path_too(serve: Any, upstream: Any) -> None:
    keys = [{"name": "alice", "key": KEY, "models": ["other"]}]
    gateway = serve({"my-model": "openai/gpt-4o", "other": "openai/gpt-4o"}, general={"keys": keys})
    reply = gateway.post(f"{AZURE}chat/completions", {"messages": []}, api_key=KEY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")


def handshake(gateway: RunningGateway, head: str) -> bytes:
    """Return the answer to an opening handshake, whose connection stays open."""
    with closing(gateway.connect()) as sock:
        sock.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"}}"):
            block = sock.recv(65536)
            assert block, answer
            answer += block
        return answer


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/realtime"])
def test_a_websocket_is_refused_in_words(serve: Any, path: str) -> None:
    gateway = serve(general={"master_key": KEY})
    head = (
        f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, close\r\nupgrade: websocket\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    )
    assert handshake(gateway, f"{head}\r\n").startswith(b"HTTP/1.1 401 ")
    reply = handshake(gateway, f"{head}authorization: Bearer {KEY}\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 426 ")
    assert b"upgrade: HTTP/1.1\r\n" in reply
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["code"] == "websocket_not_supported"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.app.example", True),
        ("https://a.b.app.example", True),
        ("https://app.example", False),
        ("http://a.app.example", False),
        ("https://a.app.example:8443", False),
        ("https://a.app.example.evil.example", False),
        ("https://evil-app.example", False),
        ("https://evil.example/.app.example", False),
        ("https://evil.example#.app.example", False),
        ("https://x@evil.example:.app.example", False),
        ("https://.app.example", False),
        ("null", False),
    ],
)
def test_a_star_stands_for_the_hosts_below_a_name(serve: Any, origin: str, allowed: bool) -> None:
    cors = Cors(allow_origins=("https://*.app.example",))
    assert is_allowed(origin, cors) is allowed
    gateway = serve(general={"cors": {"allow_origins": ["https://*.app.example"]}})
    reply = gateway.http.get("/v1/models", headers={"origin": origin})
    assert reply.status_code == (200 if allowed else 403)
    assert reply.headers.get("access-control-allow-origin") == (origin if allowed else None)


@pytest.mark.parametrize(
    "origin", ["https://*.", "https://*.com", "https://*", "*.app.example", "https://a*.app.example"]
)
def test_an_odd_star_is_a_mistake(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Cors(allow_origins=(origin,))
