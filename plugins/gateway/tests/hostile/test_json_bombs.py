"""Bodies that are no JSON, or too much of it: rows R9, S5 and S7."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
START = b'{"model":"m","messages":[{"role":"user","content":"hi"}]'
NO_JSON = {
    "deep lists": START + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": START + b',"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "an open end": b"[" * 100_000,
    "a long integer": START + b',"x":' + b"9" * 100_000 + b"}",
    "a long fraction": START + b',"x":' + b"1" * 100_000 + b".5}",
    "NaN": START + b',"x":NaN}',
    "Infinity": START + b',"x":-Infinity}',
    "a lone surrogate": START + b',"x":"\\ud800"}',
    "a lone surrogate as a name": START + b',"\\udfff":1}',
    "a surrogate in UTF-8": START + b',"x":"\xed\xa0\x80"}',
    "no UTF-8": START + b',"x":"\xff"}',
    "overlong UTF-8": START + b',"x":"\xc0\x80"}',
    "UTF-16": (START + b"}").decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + START + b"}",
    "a NUL": START + b',"x":"\x00"}',
    "text behind": START + b"} x",
    "a comment": START + b"} // x",
    "a comma": START + b",}",
    "half": START,
    "nothing": b"",
    "blanks": b"   ",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a form": b"model=m&messages=hi",
    "YAML": b"!!python/object/apply:os.system ['id']",
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
}


@pytest.mark.parametrize("name", NO_JSON)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/audio/transcriptions", "/explain"])
def test_what_is_no_json_object_is_a_400_at_once(gateway: Any, upstream: Any, name: str, path: str) -> None:
    reply = gateway.ask("POST", path, NO_JSON[name])
    assert (reply.status, reply.error["code"]) == (400, "invalid_json")
    assert len(reply.body) < 1000
    assert upstream.received == []


def test_odd_but_legal_json_goes_through_as_it_is(gateway: Any, upstream: Any) -> None:
    for more in (b"1e400", b"[" * 150 + b"]" * 150, b"9" * 4000, b'"\\u0000"', b'"\xf0\x9f\x98\x80"', b"-0", b"1.0"):
        content = START + b',"x":' + more + b"}"
        assert gateway.ask("POST", "/v1/chat/completions", content).status == 200
        assert upstream.received[-1]["body"] == content.replace(b'"m"', b'"gpt-4o"')


def test_of_two_models_the_upstream_gets_the_one_that_was_looked_at(gateway: Any, upstream: Any) -> None:
    for content in (b'{"model":"r","model":"m"', b'{"model":"r","\\u006dodel":"m"', b'{"\\u006dodel":"m"'):
        assert gateway.ask("POST", "/v1/chat/completions", content + START[12:] + b"}").status == 200
        sent = json.loads(upstream.received[-1]["body"], object_pairs_hook=list)
        assert [value for name, value in sent if name == "model"] == ["gpt-4o"]
    body = b'{"model":"m","model":"wild/gpt-4o"' + START[12:] + b"}"
    assert gateway.ask("POST", "/v1/chat/completions", body, key=gateway.narrow).status == 403


def test_200_000_names_in_one_body_are_no_bomb(gateway: Any) -> None:
    assert gateway.chat(**{str(number): 1 for number in range(200_000)}).status == 200
    assert max(map(len, gateway.err)) < 20_000


FORBIDDEN = {
    "api_base": "http://evil/v1",
    "base_url": "http://evil/v1",
    "api_key": "sk-x",
    "organization": "o",
    "project": "p",
    "extra_headers": {"authorization": "Bearer x"},
    "extra_body": {"model": "x"},
    "extra_query": {"a": "b"},
    "headers": {"host": "evil"},
    "proxy": "http://evil",
    "proxies": {"http": "http://evil"},
    "timeout": 1e9,
    "max_retries": 100,
    "num_retries": 100,
    "client_session": "x",
    "aclient_session": "x",
    "drop_params": True,
    "additional_drop_params": ["model"],
    "custom_llm_provider": "evil",
    "api_version": "1",
    "litellm_params": {},
    "litellm_metadata": {},
    "litellm_call_id": "x",
    "fake_stream": True,
    "use_chat_completions_api": True,
    "on_progress": "x",
    "wait": True,
    "default_headers": {},
    "http_client": "x",
}
PATHS = {
    "/v1/chat/completions": {"model": "m", "messages": HI},
    "/v1/responses": {"model": "r", "input": "x"},
    "/v1/completions": {"model": "t", "prompt": "x"},
    "/v1/embeddings": {"model": "e", "input": "x"},
    "/v1/audio/speech": {"model": "s", "input": "x", "voice": "alloy"},
    "/v1/images/generations": {"model": "i", "prompt": "x"},
    "/v1/moderations": {"model": "mod", "input": "x"},
}


@pytest.mark.parametrize("path", PATHS)
def test_what_the_config_says_no_request_says(gateway: Any, upstream: Any, path: str) -> None:
    for name, value in FORBIDDEN.items():
        reply = gateway.ask("POST", path, {**PATHS[path], name: value})
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "parameter_not_allowed", name)
        assert gateway.ask("POST", f"{path}?{name}=http://evil", PATHS[path]).status == 400
        escaped = json.dumps({**PATHS[path], name: value}).replace(name[0], f"\\u{ord(name[0]):04x}", 0)
        escaped = escaped.replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"')
        assert gateway.ask("POST", path, escaped.encode()).status == 400
    assert upstream.received == []


SPELLINGS = ("Api_Base", "API_KEY", "apiBase", "api-base", "BASE_URL", "baseUrl", "LiteLLM_Params", "extraHeaders")


@pytest.mark.parametrize("name", [*SPELLINGS, "Model", "MODEL", "mo_del", "model_"])
def test_nor_in_a_spelling_that_some_upstreams_take_for_it(gateway: Any, upstream: Any, name: str) -> None:
    for path, body in PATHS.items():
        reply = gateway.ask("POST", path, {**body, name: "gold"})
        assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "parameter_not_allowed", name)
    asked = {"body": {"model": "m", "messages": HI, name: "gold"}}
    assert gateway.ask("POST", "/explain", asked).error["code"] == "parameter_not_allowed"
    assert upstream.received == []


@pytest.mark.parametrize("name", ["models", "Models", "route", "fallbacks", "FALLBACKS"])
def test_a_key_with_a_list_names_its_model_in_one_way_only(gateway: Any, upstream: Any, name: str) -> None:
    body = {"model": "m", "messages": HI, name: ["gold"]}
    for path, asked in (("/v1/chat/completions", body), ("/explain", {"body": body})):
        reply = gateway.ask("POST", path, asked, key=gateway.narrow)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (403, "model_not_allowed", name)
    assert upstream.received == []
    assert gateway.ask("POST", "/v1/chat/completions", body).status == 200


def bomb(values: bytes, count: int) -> bytes:
    return START + b',"x":[' + b",".join([values] * count) + b"]}"


@pytest.mark.parametrize("values", [b"[]", b"{}", b"[[]]", b'{"a":1}'])
@pytest.mark.parametrize("key", ["master", "narrow"])
def test_a_body_of_many_values_is_refused_before_it_is_decoded(
    gateway: Any, upstream: Any, values: bytes, key: str
) -> None:
    gateway.forget_peak()
    before = gateway.memory_kib()
    content = bomb(values, 4_000_000 // (len(values) + 1) - 1000)
    replies = [gateway.ask("POST", path, content, key=getattr(gateway, key)) for path in PATHS]
    assert {(reply.status, reply.error["code"]) for reply in replies} == {(413, "too_many_values")}
    assert "limits.max_json_values" in replies[0].error["message"]
    assert gateway.peak_kib() - before < 64 * 1024
    assert upstream.received == []


def test_many_tokens_and_long_strings_are_no_bomb(gateway: Any, upstream: Any) -> None:
    tokens = {"model": "e", "input": [[100_000] * 2000] * 240}
    upstream.answers.append(Answer.json({"object": "list", "data": [], "model": "e"}))
    assert gateway.ask("POST", "/v1/embeddings", tokens).status == 200
    assert upstream.received[-1]["json"]["input"] == tokens["input"]
    code = [{"role": "user", "content": '[{"a": 1}, "b\\"],' * 150_000}]
    assert gateway.chat(messages=code).status == 200
    assert upstream.received[-1]["json"]["messages"] == code


def test_what_waits_for_an_upstream_costs_little_more_than_its_bytes(gateway: Any, upstream: Any) -> None:
    release = threading.Event()
    upstream.otherwise = Answer(200, b"{}", hold=release)
    content = bomb(b"[]", 200_000)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.master}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    sockets = []
    gateway.ask("GET", "/v1/models")
    before = gateway.memory_kib()
    for count in range(1, 9):
        sockets.append(gateway.connect())
        sockets[-1].sendall(head.encode() + content)
        upstream.wait_received(count)
    held = gateway.memory_kib() - before
    for sock in sockets:
        sock.close()
    release.set()
    assert held < 8 * 6 * 1024  # decoded, each takes about 14 MB


def test_the_same_names_further_inside_are_data(gateway: Any, upstream: Any) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": FORBIDDEN}}}
    messages = [{"role": "user", "content": "hi", **FORBIDDEN}]
    assert gateway.chat(tools=[tool], messages=messages, metadata=FORBIDDEN).status == 200
    sent = upstream.received[0]
    assert sent["json"]["tools"] == [tool]
    assert sent["json"]["messages"] == messages
    assert sent["headers"]["host"] == f"127.0.0.1:{upstream.port}"
    assert "Bearer x" not in str(sent["headers"])


FILES = [
    "/etc/passwd",
    "file:///etc/passwd",
    "../../etc/passwd",
    "http://127.0.0.1:9/x",
    ["/etc/passwd"],
    5,
    True,
    "@/etc/passwd",
]


@pytest.mark.parametrize("value", FILES)
def test_a_name_in_a_files_place_opens_nothing(gateway: Any, upstream: Any, value: Any) -> None:
    asked = [
        ("/v1/audio/transcriptions", {"model": "w", "file": value}),
        ("/v1/audio/translations", {"model": "w", "file": value}),
        ("/v1/images/edits", {"model": "i", "prompt": "x", "image": value}),
        ("/v1/images/edits", {"model": "i", "prompt": "x", "image": {"file_id": "f"}, "mask": value}),
        ("/v1/images/variations", {"model": "i", "image": value}),
        ("/v1/videos", {"model": "wild/sora-2", "prompt": "x", "input_reference": value}),
    ]
    for path, body in asked:
        reply = gateway.ask("POST", path, body)
        assert (reply.status, reply.error["code"]) == (400, "invalid_file"), (path, body)
    assert upstream.received == []


@pytest.mark.parametrize("value", FILES)
def test_explain_opens_nothing_either(gateway: Any, tmp_path: Path, value: Any) -> None:
    for path, name in (("transcriptions", "file"), ("translations", "file")):
        reply = gateway.ask("POST", "/explain", {"path": f"/v1/audio/{path}", "body": {"model": "w", name: value}})
        assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    for body in ({"image": value}, {"image": {"file_id": "f"}, "mask": value}):
        asked = {"path": "/v1/images/edits", "body": {"model": "i", "prompt": "x", **body}}
        assert gateway.ask("POST", "/explain", asked).error["code"] == "invalid_file"


def test_explain_takes_no_more_than_a_request_may_say(gateway: Any) -> None:
    for name, value in FORBIDDEN.items():
        reply = gateway.ask("POST", "/explain", {"body": {"model": "m", "messages": HI, name: value}})
        assert (reply.status, reply.error["code"]) == (400, "parameter_not_allowed"), name


def test_urls_in_a_request_are_data(gateway: Any, upstream: Any) -> None:
    url = f"http://127.0.0.1:{upstream.port}/fetched"
    for found in (url, "file:///etc/passwd", "http://169.254.169.254/latest/meta-data"):
        part = {"type": "image_url", "image_url": {"url": found}}
        reply = gateway.chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, part]}])
        assert reply.status == 200
        assert upstream.received[-1]["json"]["messages"][0]["content"][1] == part
        asked = {"model": "bridged", "messages": [{"role": "user", "content": [part]}]}
        gateway.ask("POST", "/v1/chat/completions", asked)
    assert [request["path"] for request in upstream.received if "fetched" in request["path"]] == []
