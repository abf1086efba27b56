"""What a request's body may be: rows R9, R21, S5 and S7, and "Bad input" of the gateway."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import Any

import pytest
from llmgate_gateway.http.body import FORBIDDEN

from llmgate_core.serving import OPTION_NAMES
from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
CHAT = {"model": "m", "messages": HI}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
ANSWER = Answer.json({"id": "x", "choices": []})


def error_of(reply: Any) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return reply.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b'{"model":"m","messages":[],"temperature":NaN}',
        b'{"model":"m","messages":[],"temperature":Infinity}',
        b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"model":"m","x":"\xff"}',
        b'{"model":"m","x":"\x00"}',
        b'{"model":"m"} trailing',
        b'{"a":1,}',
    ],
)
def test_a_body_that_is_no_json_object_is_a_400(gateway: Any, upstream: Any, body: bytes) -> None:
    assert error_of(gateway.post("/v1/chat/completions", body)) == (400, "invalid_json", None)
    assert upstream.received == []


def test_a_number_of_100_000_digits_harms_nobody(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":' + b"9" * 100_000 + b"}"
    assert gateway.post("/v1/chat/completions", body).status_code in (200, 400)
    assert gateway.chat().status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/vnd.x+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=utf-16", 415),
    ],
)
def test_json_routes_take_json(gateway: Any, upstream: Any, kind: str, status: int) -> None:
    upstream.otherwise = ANSWER
    assert gateway.post("/v1/chat/completions", CHAT, content_type=kind).status_code == status


def test_a_missing_content_type_is_tolerated(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    body = json.dumps(CHAT).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    assert gateway.raw(head + body).startswith(b"HTTP/1.1 200")


def test_what_the_config_decides_cannot_be_set_in_a_body_or_query(gateway: Any, upstream: Any) -> None:
    for name in sorted(FORBIDDEN | {"litellm_params", "litellm_call_id"}):
        reply = gateway.post("/v1/chat/completions", {**CHAT, name: "http://127.0.0.1:1/"})
        assert error_of(reply) == (400, "parameter_not_allowed", name)
        reply = gateway.post(f"/v1/chat/completions?{name}=x", CHAT)
        assert error_of(reply) == (400, "parameter_not_allowed", name)
    assert upstream.received == []


def test_every_own_argument_of_the_core_is_forbidden() -> None:
    assert OPTION_NAMES <= FORBIDDEN


def test_the_same_names_further_inside_are_data(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"timeout": {}, "api_base": {}}}}}
    ]
    extra = {"tools": tools, "metadata": {"api_key": "x", "base_url": "y"}}
    assert gateway.chat(**extra).status_code == 200
    assert upstream.received[0]["json"]["tools"] == tools


def test_a_second_model_in_the_body_never_reaches_the_upstream(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    messages = '"messages":[{"role":"user","content":"hi"}]'
    for body in (f'{{"model":"other","model":"m",{messages}}}', f'{{"mod\\u0065l":"other",{messages},"model":"m"}}'):
        assert gateway.post("/v1/chat/completions", body.encode()).status_code == 200
    assert [request["body"].count(b"other") for request in upstream.received] == [0, 0]
    assert [request["json"]["model"] for request in upstream.received] == ["gpt-4o", "gpt-4o"]


@pytest.mark.parametrize("model", [None, "", 7, ["m"], {"a": 1}])
def test_a_missing_model_is_a_400(gateway: Any, model: Any) -> None:
    assert error_of(gateway.post("/v1/chat/completions", {"model": model, "messages": HI})) == (
        400,
        "missing_model",
        "model",
    )


def test_an_unknown_model_is_a_404_with_near_names_and_no_more(serve: Any) -> None:
    gateway = serve({"gpt-4o": "openai/gpt-4o"})
    reply = gateway.chat(model="gpt-4p")
    assert error_of(reply) == (404, "model_not_found", "model")
    assert "gpt-4o" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "model",
    [
        "../x",
        "http://127.0.0.1/",
        "openai/gpt-4o",
        "x" * 1_000_000,
        "*",
        "m*",
        "m\n",
        "m ",
        " m",
        "M",
        "os.environ/HOME",
        "\u202em",
    ],
)
def test_odd_model_names_are_not_served(gateway: Any, upstream: Any, model: str) -> None:
    reply = gateway.chat(model=model)
    assert reply.status_code == 404
    assert len(reply.content) < 3000
    assert upstream.received == []


@pytest.mark.parametrize(
    "model", ["openai/../x", "responses/../../x", "a b", "https://evil/x", "x?y=z", "x#y", "x%2fy", "elsewhere/x"]
)
def test_a_wildcard_lets_no_name_choose_a_host_or_path(serve: Any, upstream: Any, model: str) -> None:
    gateway = serve({"*": "openai/*"})
    upstream.otherwise = ANSWER
    reply = gateway.chat(model=model)
    assert reply.status_code in (200, 400, 404)
    assert all(request["path"] == "/v1/chat/completions" for request in upstream.received)


def test_a_model_of_another_mode_is_a_clear_400(serve: Any, upstream: Any) -> None:
    gateway = serve({"w": {"model": "openai/whisper-1", "info": {"mode": "audio_transcription"}}})
    reply = gateway.chat(model="w")
    assert error_of(reply) == (400, "model_mode_mismatch", "model")
    assert "POST /v1/audio/transcriptions" in reply.json()["error"]["message"]


def test_a_body_above_the_limit_is_refused_before_it_is_read(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"limits": {"max_json_body": 1000}})
    head = HEAD + b"content-length: 100000000\r\n\r\n"
    reply = gateway.raw(head)
    assert reply.startswith(b"HTTP/1.1 413")
    assert b"connection: close\r\n" in reply
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_too_large"


def test_a_chunked_body_without_an_end_is_refused_at_the_limit(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"limits": {"max_json_body": 100_000, "max_body": 1_000_000}})
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    sent = 0
    sock = gateway.connect()
    try:
        sock.sendall(head)
        while sent < 50_000_000:
            sock.sendall(chunk * 16)
            sent += 65_536
    except OSError:
        pass
    finally:
        sock.close()
    assert sent < 50_000_000
    record = gateway.wait_records(1)[0]
    assert (record.status, record.error_code) == (413, "request_too_large")


def test_a_413_is_read_by_a_client_that_is_still_sending(serve: Any) -> None:
    gateway = serve(general={"limits": {"max_json_body": 1000}})
    assert gateway.post("/v1/chat/completions", b"x" * 8_000_000).status_code == 413


def test_a_client_that_stops_sending_gets_a_408(serve: Any) -> None:
    gateway = serve(general={"timeouts": {"body": 0.2}})
    head = HEAD + b"content-length: 100\r\n\r\n{"
    reply = gateway.raw(head)
    assert reply.startswith(b"HTTP/1.1 408")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


def test_a_client_that_drips_its_body_gets_a_408_too(serve: Any) -> None:
    gateway = serve(general={"timeouts": {"body": 0.3}})
    with closing(gateway.connect()) as sock:
        sock.sendall(HEAD + b"content-length: 100000\r\n\r\n")
        sock.settimeout(0.02)
        reply, sent = b"", 0
        while not reply and sent < 200:
            sock.sendall(b"x")
            sent += 1
            with suppress(TimeoutError):
                reply = sock.recv(1000)
    assert reply.startswith(b"HTTP/1.1 408")


def test_too_many_headers_and_too_large_ones_are_a_431(serve: Any) -> None:
    gateway = serve(general={"limits": {"max_headers": 20, "max_header": "4KiB"}})
    many = b"".join(b"x-%d: y\r\n" % number for number in range(30))
    assert gateway.raw(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431")
    large = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: " + b"y" * 5000 + b"\r\n\r\n"
    assert gateway.raw(large).startswith(b"HTTP/1.1 431")


def test_unknown_fields_of_the_query_are_left_out_and_said_so(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    reply = gateway.post("/v1/chat/completions?beta=1", CHAT)
    ledger = json.loads(reply.headers["x-llmgate-ledger"])
    assert [(entry["parameter"], entry["action"]) for entry in ledger] == [("query beta", "dropped")]
    assert upstream.received[0]["path"] == "/v1/chat/completions"


def test_nothing_in_a_request_is_read_from_the_environment(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    gateway.chat(user="os.environ/HOME", messages=[{"role": "user", "content": "os.environ/HOME ${HOME}"}])
    assert upstream.received[0]["json"]["user"] == "os.environ/HOME"


def test_the_worker_serves_on_after_many_bad_requests(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    for number in range(200):
        gateway.post("/v1/chat/completions", b"{" * (number + 1))
    assert gateway.chat().status_code == 200
    gateway.wait_idle()
