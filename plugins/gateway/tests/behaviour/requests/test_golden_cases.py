"""The golden cases of the gateway; their fields and rules are in `tests/data/golden/README.md`."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer

FOLDER = Path(__file__).parents[5] / "tests" / "data" / "golden"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("gateway-*.json"))}


def matches(expected: Any, got: Any, *, subset: bool = False) -> bool:
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)).startswith("$"):
        ((name, value),) = expected.items()
        found = {
            "$any": lambda: got is not None,
            "$contains": lambda: value in got,
            "$regex": lambda: re.search(value, got),
        }
        return bool(found[name]())
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = expected.keys() <= got.keys() if subset else expected.keys() == got.keys()
        return keys and all(matches(expected[key], got[key], subset=subset) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(
            matches(*pair, subset=subset) for pair in zip(expected, got, strict=True)
        )
    return bool(expected == got)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def answer_of(reply: dict[str, Any]) -> Answer:
    body = reply["sse"].encode() if "sse" in reply else json.dumps(reply["json"]).encode()
    return Answer(
        reply["status"], [body] if "sse" in reply else body, reply["headers"], drip=7 if "sse" in reply else None
    )


def send(gateway: Any, asked: dict[str, Any]) -> Any:
    options: dict[str, Any] = {"headers": asked["headers"]}
    if "multipart" in asked:
        options["data"] = dict(asked["multipart"]["fields"])
        options["files"] = [
            (file["name"], (file["filename"], base64.b64decode(file["base64"]), file["content_type"]))
            for file in asked["multipart"]["files"]
        ]
    else:
        options["json"] = asked["json"]
    return gateway.http.request(asked["method"], asked["path"], **options)


def check_request(expected: dict[str, Any], got: Any) -> None:
    assert got["method"] == expected["method"]
    assert "https://api.openai.com" + got["path"] == expected["url"]
    for name, value in expected["headers"].items():
        assert matches(value, got["headers"].get(name)), (name, got["headers"])
    if "json" in expected:
        assert got["json"] == expected["json"]
    else:
        for name, value in expected["multipart"]["fields"]:
            assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in got["body"]
        for file in expected["multipart"]["files"]:
            assert f'name="{file["name"]}"; filename="{file["filename"]}"'.encode() in got["body"]
            assert base64.b64decode(file["base64"]) in got["body"]


def check_reply(expected: dict[str, Any], got: Any) -> None:
    assert got.status_code == expected["status"]
    for name, value in expected.get("headers", {}).items():
        assert matches(value, got.headers.get(name)), (name, got.headers)
    if "json" in expected:
        subset = expected.get("compare") == "subset"
        assert matches(without_nulls(expected["json"]), without_nulls(got.json()), subset=subset), got.json()
    if "sse_json" in expected:
        data = [event.removeprefix("data: ") for event in got.text.split("\n\n") if event]
        assert [without_nulls(json.loads(event)) for event in data if event != "[DONE]"] == without_nulls(
            expected["sse_json"]
        )
        assert (data[-1] == "[DONE]") is expected["sse_done"]


@pytest.mark.parametrize("name", CASES)
def test_the_case_comes_out_as_written(
    name: str, upstream: Any, serve_document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    for variable in ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {**case["env"], "OPENAI_BASE_URL": upstream.base_url}.items():
        monkeypatch.setenv(variable, value)
    upstream.answers += [answer_of(exchange["reply"]) for exchange in case["upstream"]]
    reply = send(serve_document(case["config"]), case["call"]["http"])
    check_reply(case["result"], reply)
    assert len(upstream.received) == len(case["upstream"])
    for exchange, received in zip(case["upstream"], upstream.received, strict=True):
        check_request(exchange["expect"], received)
