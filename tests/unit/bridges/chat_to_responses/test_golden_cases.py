"""The golden bridge cases against the pure functions, by the comparison rules of tests/data/golden/README.md."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.contract.call import Call
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import UnsupportedParamsError
from llmgate_core.reading.accumulate.chunks import fold
from tests.support.bridge_data import route, without_nulls
from tests.support.paths import GOLDEN_CASES
from tests.support.sse_events import sse_events

CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(GOLDEN_CASES.glob("bridge-*.json"))}
IGNORED = {"provider_specific_fields", "reasoning_items", "service_tier", "system_fingerprint"}
NOT_BODY = {"model", "fake_stream"}
SENT = [name for name, case in CASES.items() if case["upstream"]]
STREAMED = [name for name in SENT if "sse" in CASES[name]["upstream"][0]["reply"]]
WHOLE = [name for name in SENT if CASES[name]["result"]["kind"] == "response"]


def call_of(case: dict[str, Any]) -> Call:
    kwargs = case["call"]["kwargs"]
    not_body = NOT_BODY | ({"stream", "stream_options"} if kwargs.get("fake_stream") else set())
    body = {name: value for name, value in kwargs.items() if name not in not_body}
    return Call("chat", kwargs["model"], body, bool(body.get("stream")))


def route_of(case: dict[str, Any]) -> Any:
    return route(case["call"]["kwargs"]["model"].removeprefix("openai/responses/"))


def matches(expected: Any, got: Any) -> bool:
    if isinstance(expected, dict) and list(expected) == ["$regex"]:
        return re.search(expected["$regex"], got) is not None
    if isinstance(expected, dict) and isinstance(got, dict):
        got = {key: value for key, value in got.items() if key in expected or key not in IGNORED}
        return expected.keys() == got.keys() and all(matches(expected[key], got[key]) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(matches, expected, got))
    return (expected == got and type(expected) is not bool) or expected is got


@pytest.mark.parametrize("name", SENT)
def test_the_request_is_the_golden_one(name: str) -> None:
    case = CASES[name]
    body, _ = ChatOverResponses.request_body(call_of(case), route_of(case))
    expected = case["upstream"][0]["expect"]["json"]
    assert matches(expected, body), body


@pytest.mark.parametrize("name", SENT)
def test_no_parameter_of_a_golden_case_is_refused(name: str) -> None:
    case = CASES[name]
    judged = {
        param: ChatOverResponses.supports_param(route_of(case), param, value)
        for param, value in call_of(case).body.items()
    }
    assert judged == dict.fromkeys(judged)


@pytest.mark.parametrize("name", WHOLE)
def test_the_completion_is_the_golden_one(name: str) -> None:
    case = CASES[name]
    reply = case["upstream"][0]["reply"]
    response = UpstreamResponse(reply["status"], (), json.dumps(reply["json"]).encode())
    got = ChatOverResponses.chat_completion(call_of(case), route_of(case), response).body
    assert matches(without_nulls(case["result"]["json"]), without_nulls(got)), got


@pytest.mark.parametrize("name", STREAMED)
def test_the_chunks_are_the_golden_ones(name: str) -> None:
    case = CASES[name]
    stream = ChatOverResponses.ChatStream(call_of(case), route_of(case))
    events = sse_events(case["upstream"][0]["reply"]["sse"].encode())
    chunks = [chunk for event in events for chunk in stream.feed(event)]
    assert list(stream.close()) == []
    assert matches(without_nulls(case["result"]["chunks"]), without_nulls(chunks)), chunks
    assert len({chunk["id"] for chunk in chunks}) == 1
    whole = fold("chat", chunks)
    choice = whole["choices"][0]
    aggregate = {name: choice["message"].get(name) for name in ("content", "reasoning_content", "tool_calls")}
    aggregate |= {"finish_reason": choice["finish_reason"], "usage": whole.get("usage")}
    assert matches(without_nulls(case["result"]["aggregate"]), without_nulls(aggregate)), aggregate


def test_gpt_5_pro_does_not_stream() -> None:
    case = CASES["bridge-015-gpt5-pro-stream-refused"]
    expected = case["result"]["error"]
    with pytest.raises(UnsupportedParamsError, match=expected["message_contains"]) as caught:
        ChatOverResponses.supports_param(route_of(case), "stream", True)
    assert (caught.value.status_code, caught.value.param) == (expected["status_code"], expected["param"])


def test_every_golden_case_is_run() -> None:
    assert len(CASES) == 15
    assert (len(SENT), len(STREAMED), len(WHOLE)) == (14, 2, 11)
