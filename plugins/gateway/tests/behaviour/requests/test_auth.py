"""Whose request it is: rows S2 to S4."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.config import load_config_dict

from llmgate_core.testing import Answer

KEY = "sk-gateway-0123456789"
OTHER = "sk-gateway-9876543210"
KEYS = {"master_key": KEY, "keys": [{"name": "ci", "key": OTHER, "models": ["m", "wild/*"]}]}
ANSWER = Answer.json({"id": "x", "choices": []})
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
LENGTH = b"content-length: %d\r\n\r\n" % len(BODY)

WRONG = [
    b"",
    b"authorization: Bearer sk-wrong\r\n",
    b"authorization: Bearer\r\n",
    b"authorization: Bearer \r\n",
    b"authorization: \r\n",
    b"authorization: Basic " + KEY.encode() + b"\r\n",
    b"authorization: " + KEY.encode() + b"\r\n",
    b"authorization: Bearer " + KEY.encode() + b"x\r\n",
    b"authorization: Bearer " + KEY.encode()[:-1] + b"\r\n",
    b"authorization: Bearer " + KEY.upper().encode() + b"\r\n",
    b"authorization: Bearer " + b"k" * 20_000 + b"\r\n",
    b"authorization: Bearer \xff\xfe\xc3\xa9\r\n",
    b"authorization: Bearer ' OR 1=1 --\r\n",
    b"authorization: Bearer " + KEY.encode() + b", Bearer " + KEY.encode() + b"\r\n",
    b"authorization: Bearer " + KEY.encode() + b"\r\nauthorization: Bearer " + KEY.encode() + b"\r\n",
    b"authorization: Bearer sk-wrong\r\nauthorization: Bearer " + KEY.encode() + b"\r\n",
    b"x-api-key: Bearer " + KEY.encode() + b"\r\n",
    b"x-api-key: " + KEY.encode() + b"\r\nx-api-key: " + KEY.encode() + b"\r\n",
    b"x-api-key: " + KEY.encode() + b"\r\napi-key: sk-wrong\r\n",
    b"authorization: Bearer sk-wrong\r\nx-api-key: " + KEY.encode() + b"\r\n",
    b"authorization: Bearer \r\napi-key: " + KEY.encode() + b"\r\n",
    b"api-key: \r\n",
    b"proxy-authorization: Bearer " + KEY.encode() + b"\r\n",
    b"cookie: authorization=Bearer " + KEY.encode() + b"\r\n",
]


def without_date(reply: bytes) -> bytes:
    return b"\r\n".join(line for line in reply.split(b"\r\n") if not line.startswith(b"date:"))


def test_every_wrong_key_gets_the_same_401_byte_for_byte(serve: Any, upstream: Any) -> None:
    gateway = serve(general=KEYS)
    replies = {without_date(gateway.raw(HEAD + wrong + LENGTH + BODY)) for wrong in WRONG}
    assert len(replies) == 1
    reply = replies.pop()
    assert reply.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: Bearer\r\n" in reply
    error = json.loads(reply.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "invalid_api_key")
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/v1/chat/completions?api_key=" + KEY, "/v1/chat/completions?key=" + KEY])
def test_a_key_in_the_query_is_no_key(serve: Any, upstream: Any, path: str) -> None:
    assert serve(general=KEYS).post(path, BODY).status_code == 401


def test_a_right_key_opens_and_its_name_is_in_the_record(serve: Any, upstream: Any) -> None:
    gateway = serve(general=KEYS)
    upstream.otherwise = ANSWER
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert gateway.post("/v1/chat/completions", BODY, authorization=f"{scheme} {KEY}").status_code == 200
    assert gateway.post("/v1/chat/completions", BODY, authorization=f"Bearer {OTHER}").status_code == 200
    assert [record.client for record in gateway.wait_records(4)] == ["master", "master", "master", "ci"]


def test_without_keys_anything_is_accepted(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = ANSWER
    replies = [
        gateway.post("/v1/chat/completions", BODY),
        gateway.post("/v1/chat/completions", BODY, authorization="Bearer anything"),
    ]
    assert [reply.status_code for reply in replies] == [200, 200]


def test_a_key_may_ask_only_for_its_models(serve: Any, upstream: Any) -> None:
    gateway = serve(
        {"m": "openai/gpt-4o", "n": "openai/gpt-4o", "wild/*": "openai/*", "free/*": "openai/*"}, general=KEYS
    )
    upstream.otherwise = ANSWER
    status = {
        model: gateway.post(
            "/v1/chat/completions",
            {"model": model, "messages": [{"role": "user", "content": "x"}]},
            authorization=f"Bearer {OTHER}",
        ).status_code
        for model in ("m", "wild/x", "n", "free/x", "unknown")
    }
    assert status == {"m": 200, "wild/x": 200, "n": 403, "free/x": 403, "unknown": 403}
    listed = gateway.http.get("/v1/models", headers={"authorization": f"Bearer {OTHER}"}).json()["data"]
    assert [model["id"] for model in listed] == ["m", "wild/*"]


PROTECTED = [
    "GET /v1/models",
    "GET /models",
    "GET /metrics",
    "GET /docs",
    "GET /openapi.json",
    "GET /v1/models/m",
    "POST /v1/chat/completions",
    "POST /chat/completions",
    "POST /v1/responses",
    "GET /v1/responses/x",
    "DELETE /v1/responses/x",
    "POST /v1/audio/speech",
    "GET /v1/files",
    "GET /nowhere",
    "PUT /v1/chat/completions",
    "OPTIONS /v1/chat/completions",
    "GET //livez",
    "GET //v1/models",
    "GET /v1//models",
    "GET /livez/",
    "GET /livez/../v1/models",
    "GET /v1/../livez",
    "GET /%6civez",
    "GET /livez%2f..%2fv1/models",
    "GET /v1/%2e%2e/livez",
    "GET /.",
    "GET /LIVEZ",
    "GET /livez;/v1/models",
    "POST /livez",
    "POST /",
    "GET http://localhost/v1/models",
    "GET http://127.0.0.1/nowhere",
    "GET /v1/models?/livez",
    "GET /v1/models#/livez",
]


HOSTS = ["x", "localhost", "127.0.0.1:1/livez", "livez"]


def test_without_a_key_nothing_is_served_but_health_and_the_page(serve: Any) -> None:
    page = answer_of_a_page()
    gateway = serve(general=KEYS, options={"pages": dict.fromkeys(("/metrics", "/docs", "/openapi.json", "/"), page)})
    odd = "x-forwarded-for: 127.0.0.1\r\nx-original-url: /livez\r\n"
    odd += "x-http-method-override: GET\r\nx-rewrite-url: /livez\r\n"
    served = {}
    for line, host in product(PROTECTED, HOSTS):
        head = f"{line} HTTP/1.1\r\nhost: {host}\r\n{odd}connection: close\r\ncontent-length: 0\r\n\r\n"
        served[line, host] = gateway.raw(head.encode()).split(b" ")[1]
    assert {key: status for key, status in served.items() if status not in (b"401", b"400")} == {}
    plain = {key: status for key, status in served.items() if key[0].startswith("GET /v1/models") and "#" not in key[0]}
    assert set(plain.values()) == {b"401"}


def answer_of_a_page() -> Any:
    from llmgate_gateway.http.responses import Reply

    return lambda asked: Reply(200, b"a page", ((b"content-type", b"text/plain"),))


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/"])
def test_health_and_the_page_need_no_key(serve: Any, path: str) -> None:
    gateway = serve(general=KEYS, options={"pages": {"/": answer_of_a_page()}})
    assert gateway.http.get(path).status_code == 200
    assert gateway.http.head(path).status_code == 200


def test_a_page_of_ours_is_served_with_a_key(serve: Any) -> None:
    gateway = serve(
        general=KEYS, options={"pages": {"/metrics": answer_of_a_page(), "POST /explain": answer_of_a_page()}}
    )
    headers = {"authorization": f"Bearer {KEY}"}
    assert gateway.http.get("/metrics", headers=headers).text == "a page"
    assert gateway.http.post("/explain", headers=headers).text == "a page"
    assert gateway.http.get("/explain", headers=headers).status_code == 405


def test_readiness_tells_models_only_to_who_has_a_key(serve: Any) -> None:
    gateway = serve(general=KEYS)
    assert gateway.http.get("/readyz").json() == {"status": "ready"}
    shown = gateway.http.get("/readyz", headers={"authorization": f"Bearer {KEY}"}).json()
    assert shown == {
        "status": "ready",
        "models": [{"model": "m", "deployment": "m", "last_outcome": None, "last_error": None}],
    }


def test_the_key_is_nowhere_in_what_the_ring_shows() -> None:
    ring = KeyRing(
        load_config_dict(
            {"model_list": [{"model_name": "m", "params": {"model": "openai/x"}}], "general_settings": KEYS}
        )
    )
    assert KEY not in repr(ring)
    assert KEY not in str(vars(ring))


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": KEY},
        {"api_key": KEY},
        {"x_api_key": KEY, "api_key": KEY},
        {"authorization": f"Bearer {KEY}", "x_api_key": KEY},
        {"authorization": "Basic cHJveHk6cHJveHk=", "x_api_key": KEY},
    ],
)
def test_a_key_may_come_as_other_apis_send_it(serve: Any, upstream: Any, headers: dict[str, str]) -> None:
    gateway = serve(general=KEYS)
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    assert gateway.post("/v1/chat/completions", BODY, **headers).status_code == 200
    sent = upstream.received[0]["headers"]
    assert KEY not in str(sent)


@pytest.mark.parametrize("given", ["7f3c-client", "01J9ZK/step=2", "a" * 128])
def test_a_clients_request_id_comes_back_and_is_in_the_record(serve: Any, upstream: Any, given: str) -> None:
    gateway = serve()
    upstream.answers.append(Answer(200, b'{"id":"c","choices":[]}', {"x-request-id": "req_upstream"}))
    upstream.answers.append(Answer.json({"error": {"message": "m"}}, 400, x_request_id="req_upstream"))
    for _ in range(2):
        reply = gateway.post("/v1/chat/completions", BODY, x_request_id=given)
        assert reply.headers.get_list("x-request-id") == [given]
    records = gateway.wait_records(2)
    assert [(record.client_request_id, record.upstream_request_id) for record in records] == [
        (given, "req_upstream")
    ] * 2


@pytest.mark.parametrize("given", ["", "a" * 129, "a b", "<script>", "é", "-start"])
def test_an_odd_request_id_is_not_echoed(serve: Any, upstream: Any, given: str) -> None:
    gateway = serve()
    upstream.answers.append(Answer(200, b'{"id":"c","choices":[]}', {"x-request-id": "req_upstream"}))
    headers = {"content-type": "application/json", "x-request-id": given.encode("latin-1")}
    reply = gateway.http.post("/v1/chat/completions", content=BODY, headers=headers)
    assert reply.headers.get_list("x-request-id") == ["req_upstream"]
    assert gateway.wait_records(1)[0].client_request_id is None
