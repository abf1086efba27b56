"""What HTTP asks: clients of HTTP/1.0, compressed bodies, HEAD, names with slashes, and the shape of our own 4xx."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from llmgate_gateway.access.limits import Admission
from llmgate_gateway.http.responses import RefusedError

from llmgate_core.testing import Answer

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
DELTA = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}
OLD = (
    b"POST /v1/chat/completions HTTP/1.0\r\nhost: x\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s"
)


def old_request(more: bytes = b"", **extra: Any) -> bytes:
    body = json.dumps({**CHAT, **extra}).encode()
    return OLD % (more, len(body), body)


@pytest.mark.parametrize("more", [b"", b"connection: keep-alive\r\n", b"connection: upgrade\r\nupgrade: h2c\r\n"])
def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_its_connection(
    gateway: Any, upstream: Any, more: bytes
) -> None:
    upstream.answers.append(Answer.sse([DELTA]))
    head, _, body = gateway.raw(old_request(more, stream=True)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    events = body.split(b"\n\n")
    assert json.loads(events[0].removeprefix(b"data: "))["choices"] == DELTA["choices"]
    assert events[-2:] == [b"data: [DONE]", b""]
    assert gateway.wait_records(1)[0].outcome == "finished"


def test_a_whole_answer_to_http_1_0_has_its_length(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    head, _, body = gateway.raw(old_request()).partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["id"] == "c"


def test_relayed_blocks_reach_http_1_0_as_they_are(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"passthrough": "m"})
    upstream.answers.append(Answer(200, [b"a" * 100_000, b"b" * 100_000], {"content-type": "a/b"}))
    reply = gateway.raw(b"GET /v1/files/f/content HTTP/1.0\r\nhost: x\r\n\r\n")
    assert reply.partition(b"\r\n\r\n")[2] == b"a" * 100_000 + b"b" * 100_000


KINDS = {
    "/v1/chat/completions": "application/json",
    "/v1/audio/transcriptions": "multipart/form-data; boundary=b",
    "/v1/files": "application/octet-stream",
    "/explain": "application/json",
}


@pytest.mark.parametrize(
    ("path", "encoding"),
    [
        *((path, encoding) for path in KINDS for encoding in ("identity, br", "gzip, gzip", "deflate")),
        *((path, encoding) for path in KINDS if "form" in KINDS[path] or path == "/v1/files" for encoding in ("GZIP",)),
    ],
)
def test_a_compressed_body_is_refused_by_its_encoding(serve: Any, upstream: Any, path: str, encoding: str) -> None:
    gateway = serve(general={"passthrough": "m"}, options={"pages": {"POST /explain": lambda _: None}})
    body = gzip.compress(json.dumps(CHAT).encode())
    reply = gateway.post(path, body, content_type=KINDS[path], content_encoding=encoding)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (415, "unsupported_content_encoding")
    assert encoding.lower() in error["message"]
    assert reply.headers["accept-encoding"]
    assert upstream.received == []


def test_identity_is_no_compression(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    assert gateway.post("/v1/chat/completions", CHAT, content_encoding="Identity").status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/m", "/v1/models/a/b", "/metrics"])
def test_head_is_get_without_its_body(serve: Any, path: str) -> None:
    from llmgate_gateway.http.responses import Reply

    gateway = serve(
        {"m": "openai/gpt-4o", "a/b": "openai/gpt-4o"}, options={"pages": {"/metrics": lambda _: Reply(200, b"x")}}
    )
    whole, head = gateway.http.get(path), gateway.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.content))


def test_head_calls_no_upstream(gateway: Any, upstream: Any) -> None:
    assert gateway.http.head("/v1/responses/resp_1").status_code == 405
    assert gateway.http.head("/nowhere").status_code == 404
    assert upstream.received == []


def test_the_name_of_a_model_may_have_slashes(serve: Any) -> None:
    gateway = serve({"openai/gpt-4o": "openai/gpt-4o"})
    for path in ("/v1/models/openai/gpt-4o", "/models/openai/gpt-4o", "/v1/models/openai%2Fgpt-4o"):
        assert gateway.http.get(path).json()["id"] == "openai/gpt-4o"
    assert gateway.http.get("/v1/models/openai/none").json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["a//b", "a/", "/a", "a/../b", "a/%2e%2e/b", "a/%00", "a/.", "a%2f../b"])
def test_no_step_hides_in_the_name_of_a_model(gateway: Any, path: str) -> None:
    reply = gateway.raw(f"GET /v1/models/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 404")
    assert b"unknown_url" in reply


def test_a_client_with_too_much_under_way_gets_openais_type(gateway: Any) -> None:
    admission = Admission()
    admission.enter("a", gateway.app.config.general.limits, 1)
    with pytest.raises(RefusedError) as caught:
        admission.enter("a", gateway.app.config.general.limits, 1)
    error = caught.value.error
    assert (error.status, error.kind, error.code) == (429, "requests", "concurrency_limit_exceeded")
    assert (b"retry-after", b"1") in error.headers


@pytest.mark.parametrize("asked", [{"path": "/nowhere"}, {"path": "/v1/models"}, {"path": 1}])
def test_explain_of_another_path_has_a_code(serve: Any, asked: dict[str, Any]) -> None:
    from llmgate_gateway.server.operations import _explain_page

    gateway = serve(options={"pages": {"POST /explain": _explain_page}})
    reply = gateway.post("/explain", {"body": {"model": "m"}, **asked})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_explain")
