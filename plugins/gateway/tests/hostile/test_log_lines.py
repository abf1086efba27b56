"""Texts that would forge a line or drive a terminal, in every place that is logged: row S19."""

from __future__ import annotations

import json
import re
from typing import Any

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
ODD = 'x\r\n{"forged":true}\n\x1b[2J\x1b]0;pwned\x07\x00\x7f\x85\x9b\u2028\u2029\u202e\ufeff"\\%s{0}$(id)`id`'
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def test_whatever_comes_in_is_one_clean_line(gateway: Any, upstream: Any) -> None:
    first = len(gateway.lines())
    first_message = len(gateway.err)
    quoted = "".join(f"%{byte:02x}" for byte in ODD.encode())
    asked = 0
    for model in (ODD, ODD * 100, "m\n", "wild/" + ODD):
        assert gateway.chat(model=model).status == 404
        asked += 1
    for path in (f"/v1/{quoted}", f"/v1/responses/{quoted}", f"/v1/models/{quoted}", f"/v1/models?after={quoted}"):
        gateway.ask("GET", path)
        asked += 1
    for name in (
        "x-llmgate-model",
        "openai-organization",
        "traceparent",
        "user-agent",
        "x-request-id",
        "openai-project",
    ):
        gateway.ask("GET", "/v1/responses/abc", **{name: "a\x85b\x9b2J\xff"})
        asked += 1
    for body in ({ODD: 1}, {"tools": [{"type": ODD}]}, {"temperature": ODD}, {"messages": [{"role": ODD}]}):
        gateway.chat(**body)
        asked += 1
    error = {"message": ODD, "code": ODD, "type": ODD, "param": ODD}
    for answer in (
        Answer.json({"error": error}, 400),
        Answer.json({"error": error}),
        Answer(
            200, [b"data: " + json.dumps({"error": error}).encode() + b"\n\n"], {"content-type": "text/event-stream"}
        ),
        Answer(500, ODD.encode(), {"content-type": "text/html"}),
        Answer.json({"id": ODD, "choices": [], "model": ODD, "usage": {ODD: ODD}}),
        Answer(200, b'{"id":"x","choices":[]}', {"content-type": "application/json", "x-request-id": "a\x85b\xff"}),
    ):
        upstream.answers[:] = [answer]
        gateway.chat()
        asked += 1
    lines = gateway.lines()[first:]
    assert len(lines) == asked
    assert not [line for line in lines if line.get("forged")]
    for text in (*gateway.out[first:], *gateway.err[first_message:]):
        assert text.endswith("\n")
        assert CONTROL.search(text[:-1]) is None, text
        assert len(text) < 8000
        assert isinstance(json.loads(text), dict)


def test_odd_text_stands_in_no_header(gateway: Any, upstream: Any) -> None:
    for path in (f"/v1/responses/a?{name}=1" for name in ("%7f", "%0d%0ax:y", "%1b[2J", "%c2%85", "%e2%80%a8", "%00")):
        upstream.otherwise = Answer.json({"id": "x", "object": "response", "output": []})
        reply = gateway.ask("GET", path)
        assert reply.status == 200
        assert CONTROL.search(reply.raw_head.decode("latin-1").replace("\r\n", "")) is None
        assert json.loads(reply.headers["x-llmgate-ledger"])[0]["action"] == "dropped"
