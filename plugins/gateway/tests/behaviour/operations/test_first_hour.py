"""What an operator meets in the first hour: no keys, keys that vanish, a browser, and whose mistake it was."""

from __future__ import annotations

import json
import signal
from typing import Any

import openai
import pytest

from llmgate_core.testing import Answer

KEY = "sk-a-long-key-for-clients-7c1"
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "gpt-3.5-turbo-instruct",
    "choices": [{"index": 0, "text": " there", "finish_reason": "stop", "logprobs": None}],
}


def test_text_completions_through_a_star(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    text = gateways.config.read_text()
    gateways.config.write_text(text.replace("model_name: m", 'model_name: "*"').replace("openai/gpt-4o", "openai/*"))
    gateway = gateways.start()
    upstream.otherwise = Answer.json(COMPLETION)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="x") as client:
        answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi")
    assert answer.choices[0].text == " there"
    (received,) = upstream.received
    assert received["path"].endswith("/completions")
    assert "chat" not in received["path"]
    assert json.loads(received["body"]) == {"model": "gpt-3.5-turbo-instruct", "prompt": "hi"}


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_reload_does_not_take_the_last_key_away(gateways: Any, upstream: Any, flags: tuple[str, ...]) -> None:
    gateways.write(upstream, f"master_key: {KEY}")
    gateway = gateways.start(*flags)
    gateways.write(upstream)
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("it no longer has a key; restart the server to serve without keys")
    assert gateway.chat()[0] == 401
    gateways.write(upstream, "insecure_no_auth: true")  # in so many words
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("a new config was loaded")


def test_a_gateway_that_began_without_keys_says_so_and_may_go_on_so(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream)
    gateway = gateways.start()
    gateway.wait_line(f"warning: no key is set: anyone who can reach 127.0.0.1:{gateway.port} may use it")
    gateway.signal(signal.SIGHUP)
    gateway.wait_line("a new config was loaded")
    assert gateway.chat()[0] == 200


def test_a_gateway_with_a_key_does_not_warn(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, f"master_key: {KEY}")
    gateway = gateways.start()
    assert gateway.stop() == 0
    assert "no key is set" not in "".join(gateway.err)


def test_a_wrong_model_flag_is_told_once(gateways: Any) -> None:
    gateway = gateways.start("--model", "dall-e-3", wait=False, config=False)
    assert gateway.end() == 2
    (line,) = gateway.err
    assert "such as 'openai/dall-e-3'" in line


def test_a_browser_may_send_and_read_what_the_sdk_needs(gateways: Any, upstream: Any) -> None:
    gateways.write(upstream, "cors: {allow_origins: ['https://app.example']}")
    gateway = gateways.start()
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    _, headers, _ = gateway.ask("OPTIONS", "/v1/chat/completions", **asked)
    allowed = headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "openai-beta", "x-llmgate-model", "x-stainless-retry-count"} <= set(allowed)
    _, headers, _ = gateway.ask("GET", "/v1/models", origin="https://app.example")
    exposed = headers["access-control-expose-headers"].split(", ")
    limits = {"x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"}
    assert {*limits, "x-should-retry", "retry-after", "x-llmgate-cost"} <= set(exposed)


def test_a_mistake_of_a_client_is_not_the_state_of_a_deployment(gateways: Any, upstream: Any) -> None:
    def state() -> tuple[Any, Any]:
        (model,) = json.loads(gateway.ask("GET", "/readyz")[2])["models"]
        return model["last_outcome"], model["last_error"]

    gateways.write(upstream)
    gateway = gateways.start()
    assert gateway.chat(messages=None)[0] == 400
    assert state() == (None, None)
    assert gateway.chat()[0] == 200
    assert gateway.chat(messages=None)[0] == 400
    assert state() == ("finished", None)
    upstream.otherwise = Answer.json({"error": {"message": "no", "code": "down"}}, 500)
    assert gateway.chat()[0] == 500
    assert state() == ("failed", "down")
