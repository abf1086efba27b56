"""Other resources, relayed as they are to one deployment."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from llmgate_core.testing import Answer

GENERAL = {"passthrough": "m"}
FILE = {"id": "file-1", "object": "file"}


def test_it_is_off_by_default(gateway: Any, upstream: Any) -> None:
    assert gateway.http.get("/v1/files").status_code == 404
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/v1/files?limit=2&after=f%2F1", "/files?limit=2&after=f%2F1"])
def test_method_path_and_query_go_up_as_they_are_with_the_deployments_key(serve: Any, upstream: Any, path: str) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer.json({"data": []}, x_request_id="req_up", set_cookie="a=b"))
    reply = gateway.http.get(
        path, headers={"authorization": "Bearer sk-client", "openai-beta": "assistants=v2", "cookie": "a=b"}
    )
    assert (reply.status_code, reply.json(), reply.headers["x-request-id"]) == (200, {"data": []}, "req_up")
    assert "set-cookie" not in reply.headers
    received = upstream.received[0]
    assert (received["method"], received["path"]) == ("GET", "/v1/files?limit=2&after=f%2F1")
    assert received["headers"]["authorization"] == "Bearer sk-upstream-canary-000000"
    assert received["headers"]["openai-beta"] == "assistants=v2"
    assert "cookie" not in received["headers"]


def test_an_upload_is_streamed_as_it_is(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer.json(FILE))
    body = b"x" * 3_000_000
    reply = gateway.post("/v1/files", body, content_type="multipart/form-data; boundary=abc")
    assert reply.json() == FILE
    assert upstream.received[0]["body"] == body
    assert upstream.received[0]["headers"]["content-type"] == "multipart/form-data; boundary=abc"
    assert upstream.received[0]["headers"]["content-length"] == "3000000"


def test_a_body_without_a_length_is_sent_with_one(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer.json(FILE))
    blocks = (b"y" * 100_000 for _ in range(20))
    assert gateway.http.post("/v1/files", content=blocks, headers={"content-type": "a/b"}).json() == FILE
    assert upstream.received[0]["body"] == b"y" * 2_000_000
    assert upstream.received[0]["headers"]["content-length"] == "2000000"


def test_bytes_come_back_as_they_are(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer(200, [b"a" * 100_000, b"b" * 100_000], {"content-type": "application/x-jsonl"}))
    reply = gateway.http.get("/v1/files/file-1/content")
    assert reply.content == b"a" * 100_000 + b"b" * 100_000
    assert reply.headers["content-type"] == "application/x-jsonl"


def test_an_error_comes_back_with_its_status_and_without_the_key(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    error = {"error": {"message": "no key sk-upstream-canary-000000", "type": "t", "param": None, "code": "c"}}
    upstream.answers.append(Answer.json(error, 404))
    reply = gateway.http.get("/v1/files/file-1")
    assert reply.status_code == 404
    assert reply.json()["error"] == {"message": "no key ***", "type": "t", "param": None, "code": "c"}


def test_a_page_and_a_redirect_are_not_relayed(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers += [
        Answer(502, b"<html>internal host 10.0.0.1</html>", {"content-type": "text/html"}),
        Answer(302, b"", {"location": "http://10.0.0.1/"}),
    ]
    replies = [gateway.http.get("/v1/files") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [502, 502]
    assert all("10.0.0.1" not in reply.text + str(reply.headers) for reply in replies)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/organization/users",
        "/v1/filesystem",
        "/v1/files/../organization",
        "/v1/files/%2e%2e/organization",
        "/v1/files/..%2f..%2forganization",
        "/v1//files",
        "/v1/files//x",
        "/v1/files/",
        "/v2/files",
        "/v1files",
        "/v1/files/%00",
        "/v1/files/a%0d%0ab",
        "/v1/files/..;/..;/admin",
        "/v1/files/..%5c..%5cmodels",
        "/v1/files/.%2e;x/x",
        "/v1/files/%252e%252e/%252e%252e/admin",
        "/v1/files/%c0%ae%c0%ae/x",
        "/v1/files/a;b",
        "/v1/files/a%25",
        "/v1/batches",
        "/v1/models/gpt-4o",
    ],
)
def test_only_listed_plain_paths_are_relayed(serve: Any, upstream: Any, path: str) -> None:
    gateway = serve(general=GENERAL)
    reply = gateway.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert reply.split(b" ")[1] in (b"404", b"400")
    assert upstream.received == []


def test_a_query_cannot_say_what_the_config_says(serve: Any, upstream: Any) -> None:
    assert serve(general=GENERAL).http.get("/v1/files?api_base=x").status_code == 400
    assert upstream.received == []


KEYS = [
    {"name": "limited", "key": "sk-limited", "models": ["m"]},
    {"name": "trusted", "key": "sk-trusted", "models": ["m"], "passthrough": True},
    {"name": "all", "key": "sk-all"},
]


@pytest.mark.parametrize(
    ("key", "status"), [("sk-none", 401), ("sk-limited", 403), ("sk-trusted", 200), ("sk-all", 200), ("sk-master", 200)]
)
def test_a_key_with_a_list_of_models_needs_leave(serve: Any, upstream: Any, key: str, status: int) -> None:
    passthrough = {"deployment": "m", "paths": ["files", "batches"]}
    general = {"passthrough": passthrough, "master_key": "sk-master", "keys": KEYS}
    gateway = serve({"m": "openai/gpt-4o", "gold": "openai/gpt-4o"}, general=general)
    upstream.otherwise = Answer.json(FILE)
    batch = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "model": "gold"}
    headers = {"authorization": f"Bearer {key}"}
    for reply in (
        gateway.post("/v1/batches", batch, **headers),
        gateway.http.get("/v1/files", headers=headers),
        gateway.http.delete("/v1/models/ft:gpt-4o:org::1", headers=headers),
    ):
        assert reply.status_code == status
        if status == 403:
            assert reply.json()["error"]["code"] == "passthrough_not_allowed"
    assert bool(upstream.received) == (status == 200)


def test_what_is_stored_opens_as_no_page(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer(200, b"<script>1</script>", {"content-type": "text/html"}))
    headers = gateway.http.get("/v1/files/file-1/content").headers
    assert headers["content-disposition"] == "attachment"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_fine_tuned_model_is_deleted_where_passthrough_is_on(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.otherwise = Answer.json({"id": "ft:gpt-4o:org::1", "object": "model", "deleted": True})
    for written in ("ft:gpt-4o:org::1", "ft%3Agpt-4o:org::1"):
        assert gateway.http.delete(f"/v1/models/{written}").json()["deleted"] is True
    assert [request["path"] for request in upstream.received] == ["/v1/models/ft:gpt-4o:org::1"] * 2
    assert gateway.http.delete("/v1/models/gpt-4o").status_code == 405


def test_without_passthrough_the_refusal_names_it(gateway: Any, upstream: Any) -> None:
    reply = gateway.http.delete("/v1/models/ft:gpt-4o:org::1")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")
    assert "general_settings.passthrough" in reply.json()["error"]["message"]
    assert upstream.received == []


def test_an_upstream_that_is_down_is_a_502_without_its_address(serve: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-4o", "api_base": "http://127.0.0.1:9/v1"}}, general=GENERAL)
    reply = gateway.http.get("/v1/files")
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert "127.0.0.1" not in reply.text


def test_who_hangs_up_hangs_up_the_upstream(serve: Any, upstream: Any) -> None:
    gateway = serve(general=GENERAL)
    upstream.answers.append(Answer(200, b"x", hold=threading.Event()))
    sock = gateway.connect()
    sock.sendall(b"GET /v1/files HTTP/1.1\r\nhost: x\r\n\r\n")
    upstream.wait_received(1)
    sock.close()
    upstream.wait_disconnect()
