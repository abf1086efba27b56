"""Bodies that come slowly, but come: their rate over all, and the key that was revoked meanwhile."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from llmgate_gateway.config import load_config_dict

from llmgate_core.testing import Answer
from tests.support.running_gateway import read_all

WHOLE = Answer.json({"id": "c", "object": "chat.completion", "choices": []})
KEY = "sk-client-0123456789abcdef"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "pad": "x" * 400_000}).encode()
ENTRY = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", "api_key": KEY}}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_below_the_least_rate_is_a_408(serve: Any, upstream: Any, framing: str) -> None:
    """4.2 kB at a time are progress for `timeouts.body` alone."""
    gateway = serve(general={"timeouts": {"body": 0.5}, "limits": {"min_body_rate": 200_000}})
    with gateway.connect() as sock:
        head = b"content-length: %d" % len(BODY) if framing == "length" else b"transfer-encoding: chunked"
        sock.sendall(HEAD + head + b"\r\n\r\n")
        for at in range(0, len(BODY), 4200):
            part = BODY[at : at + 4200]
            try:
                sock.sendall(part if framing == "length" else b"%x\r\n%b\r\n" % (len(part), part))
            except OSError:
                break
            time.sleep(0.1)
        assert read_all(sock).startswith(b"HTTP/1.1 408")
    assert gateway.wait_records(1)[0].error_code == "request_timeout"
    assert upstream.received == []


def test_a_fast_enough_body_may_take_longer(serve: Any, upstream: Any) -> None:
    upstream.answers.append(WHOLE)
    gateway = serve(general={"timeouts": {"body": 0.3}, "limits": {"min_body_rate": 1000}})
    with gateway.connect() as sock:
        sock.sendall(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        for at in range(0, len(BODY), 40_000):
            sock.sendall(BODY[at : at + 40_000])
            time.sleep(0.1)
        assert read_all(sock).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("stays", [True, False])
def test_a_key_that_was_revoked_while_the_body_came_is_a_401(serve: Any, upstream: Any, stays: bool) -> None:
    general = {"keys": [{"name": "a", "key": KEY}, {"name": "b", "key": KEY[::-1]}]}
    upstream.otherwise = WHOLE
    gateway = serve(general=general)
    with gateway.connect() as sock:
        head = HEAD + f"authorization: Bearer {KEY}\r\nconnection: close\r\n".encode()
        sock.sendall(head + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:1000])
        ends = time.monotonic() + 20
        while gateway.app.in_flight == 0:
            assert time.monotonic() < ends
            time.sleep(0.01)
        time.sleep(1.2)  # a shorter wait needs no second look
        if not stays:
            keys = [entry for entry in general["keys"] if entry["name"] == "b"]
            config = load_config_dict({"model_list": [ENTRY], "general_settings": {"keys": keys}})
            gateway.app.take_snapshot(gateway.app.prepare(config))
        sock.sendall(BODY[1000:])
        assert read_all(sock).startswith(b"HTTP/1.1 200" if stays else b"HTTP/1.1 401")
    assert len(upstream.received) == (1 if stays else 0)
