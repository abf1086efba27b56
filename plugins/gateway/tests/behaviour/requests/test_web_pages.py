"""What a web page makes a browser send to a gateway without keys reaches no upstream; programs notice nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llmgate_gateway.access.browsers import check_page
from llmgate_gateway.config.schema.general import Cors
from llmgate_gateway.http.responses import RefusedError

from llmgate_core.testing import Answer

CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
ANSWER = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": []}
FOREIGN = "https://evil.example"
KEY = "sk-master-of-this-test"
FORM = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nw\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n'
)


def code_of(reply: Any) -> str | None:
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    code: str | None = reply.json()["error"]["code"]
    return code


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://127.0.0.1:1", "http://localhost", "chrome-extension://abc"]
)
def test_a_foreign_page_calls_nothing_without_keys(serve: Any, upstream: Any, origin: str) -> None:
    gateway = serve({"m": "openai/gpt-4o", "w": "openai/whisper-1"}, general={"passthrough": "m"})
    form = {"content-type": "multipart/form-data; boundary=b", "origin": origin}
    replies = [
        gateway.http.post("/v1/audio/transcriptions", content=FORM, headers=form),
        gateway.http.post("/v1/chat/completions", content=CHAT, headers={"origin": origin}),
        gateway.http.post("/v1/files", content=FORM, headers=form),
        gateway.http.post("/nowhere", content=FORM, headers=form),
        *(gateway.http.get(path, headers={"origin": origin}) for path in ("/v1/models", "/v1/files/f/content")),
    ]
    assert [(reply.status_code, code_of(reply)) for reply in replies] == [(403, "origin_not_allowed")] * 6
    assert all("x-llmgate-request-id" in reply.headers for reply in replies)
    assert upstream.received == []


def test_a_request_that_a_browser_calls_cross_site_is_a_pages(serve: Any, upstream: Any) -> None:
    gateway = serve()
    cross = gateway.http.get("/v1/models", headers={"sec-fetch-site": "cross-site"})
    assert (cross.status_code, code_of(cross)) == (403, "origin_not_allowed")
    for site in ("none", "same-origin", "same-site"):
        assert gateway.http.get("/v1/models", headers={"sec-fetch-site": site}).status_code == 200


def test_what_is_open_stays_open(gateway: Any) -> None:
    for path in ("/livez", "/readyz"):
        headers = {"origin": FOREIGN, "sec-fetch-site": "cross-site", "host": "evil.example"}
        assert gateway.http.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "gateway", "a.localhost", "host.docker.internal"])
def test_the_gateways_own_page_and_programs_may_call(gateway: Any, upstream: Any, name: str) -> None:
    upstream.otherwise = Answer.json(ANSWER)
    host = f"{name}:{gateway.port}"
    json_type = {"content-type": "application/json", "host": host}
    for more in ({}, {"origin": f"http://{host}"}, {"origin": f"https://{host}"}):
        reply = gateway.http.post("/v1/chat/completions", content=CHAT, headers={**json_type, **more})
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("listed", [[FOREIGN], ["*"]])
def test_a_listed_page_may_call(serve: Any, upstream: Any, listed: list[str]) -> None:
    upstream.answers.append(Answer.json(ANSWER))
    gateway = serve(general={"cors": {"allow_origins": listed}})
    headers = {"origin": FOREIGN, "sec-fetch-site": "cross-site"}
    assert gateway.http.post("/v1/chat/completions", content=CHAT, headers=headers).status_code == 200
    other = gateway.http.get("/v1/models", headers={"origin": "https://b.example"})
    assert other.status_code == (200 if listed == ["*"] else 403)


def test_with_keys_the_key_decides(serve: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json(ANSWER)
    gateway = serve(general={"master_key": KEY})
    page = {"origin": FOREIGN, "sec-fetch-site": "cross-site", "host": "evil.example"}
    good = {**page, "authorization": f"Bearer {KEY}"}
    assert gateway.http.post("/v1/chat/completions", content=CHAT, headers=good).status_code == 200
    assert gateway.http.post("/v1/chat/completions", content=CHAT, headers=page).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4000", "127.0.0.1.evil.example", "localhost.evil."])
@pytest.mark.parametrize("own", [{}, {"sec-fetch-site": "same-origin"}])
def test_a_name_that_a_stranger_points_here_is_refused(
    gateway: Any, upstream: Any, host: str, own: dict[str, str]
) -> None:
    for origin in ({}, {"origin": f"http://{host}"}):
        reply = gateway.http.post("/v1/chat/completions", content=CHAT, headers={"host": host, **own, **origin})
        assert "evil" not in reply.text
        assert (reply.status_code, code_of(reply)) == (403, "host_not_allowed")
    assert upstream.received == []


@pytest.mark.parametrize(
    "general",
    [{"cors": {"allow_origins": ["https://llm.example"]}}, {"allowed_hosts": ["llm.example", "*.own.example"]}],
)
def test_a_listed_name_is_known(serve: Any, general: dict[str, Any]) -> None:
    gateway = serve(general=general)
    for host in ("llm.example", "LLM.example"):
        assert gateway.http.get("/v1/models", headers={"host": host}).status_code == 200
    for host in ("evil.example", "llm.example.evil.example", "own.example", "xllm.example"):
        assert gateway.http.get("/v1/models", headers={"host": host}).status_code == 403
    below = gateway.http.get("/v1/models", headers={"host": "a.own.example:80"}).status_code
    assert below == (200 if "allowed_hosts" in general else 403)


OURS = {"extensions": {"llmgate.client": {}}}


@pytest.mark.parametrize(
    ("scope", "headers", "code"),
    [
        ({}, {b"host": b"app.example"}, None),  # mounted in another app
        ({}, {b"host": b"testserver"}, None),
        ({}, {b"host": b"app.example", b"origin": b"https://app.example"}, None),
        ({}, {b"host": b"app.example", b"origin": b"https://evil.example"}, "origin_not_allowed"),
        ({}, {b"origin": b"http://"}, "origin_not_allowed"),
        (OURS, {}, None),
        (OURS, {b"host": b"a.example"}, "host_not_allowed"),
        ({**OURS, "server": ("::1", 4000)}, {b"host": b"a.example"}, "host_not_allowed"),
        ({**OURS, "server": ("10.0.0.5", 4000)}, {b"host": b"llm.default.svc"}, "host_not_allowed"),
        ({**OURS, "server": ("10.0.0.5", 4000)}, {b"host": b"llm.default.svc.cluster.local"}, None),
        ({**OURS, "server": ("192.168.1.10", 4000)}, {b"host": b"evil.example:4000"}, "host_not_allowed"),
        ({**OURS, "server": ("::ffff:127.0.0.1", 4000)}, {b"host": b"evil.example:4000"}, "host_not_allowed"),
        (
            {**OURS, "server": ("10.0.0.5", 4000)},
            {b"host": b"a.example", b"origin": b"http://a.example"},
            "host_not_allowed",
        ),
        ({**OURS, "server": ("10.0.0.5", 4000)}, {b"host": b"10.0.0.5:4000", b"origin": b"http://10.0.0.5:4000"}, None),
        ({**OURS, "server": ("127.0.0.1", 4000)}, {b"host": b"127.1:4000"}, None),
        ({**OURS, "server": ("::1", 4000)}, {b"host": b"[::ffff:127.0.0.1]:4000"}, None),
        ({**OURS, "server": ("127.0.0.1", 4000)}, {b"host": b"LOCALHOST.:4000"}, None),
    ],
)
def test_the_rules(scope: dict[str, Any], headers: dict[bytes, bytes], code: str | None) -> None:
    refused: str | None = None
    try:
        check_page(scope, headers, Cors())
    except RefusedError as refusal:
        refused = refusal.code
    assert refused == code


def test_a_mounted_app_checks_names_once_it_lists_some() -> None:
    check_page({}, {b"host": b"app.example"}, Cors())
    check_page({}, {b"host": b"app.example"}, Cors(), ("app.example",))
    check_page({}, {b"host": b"any.example"}, Cors(), ("*",))
    with pytest.raises(RefusedError):
        check_page({}, {b"host": b"evil.example"}, Cors(), ("app.example",))


def test_every_response_but_our_pages_is_sandboxed(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json(ANSWER)
    for reply in (
        gateway.chat(),
        gateway.http.get("/nowhere"),
        gateway.http.get("/livez"),
        gateway.http.get("/v1/models"),
        gateway.http.get("/v1/models", headers={"host": "evil.example"}),
    ):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_null_cannot_be_listed_and_is_any_page() -> None:
    with pytest.raises(ValueError, match="origins"):
        Cors(allow_origins=("null",))
    check_page({}, {b"host": b"localhost", b"origin": b"null"}, Cors(allow_origins=("*",)))


def test_what_the_browser_calls_the_same_origin_is_so_behind_a_proxy_that_changes_the_host() -> None:
    headers = {b"host": b"127.0.0.1:4000", b"origin": b"https://llm.example", b"sec-fetch-site": b"same-origin"}
    check_page({"server": ("127.0.0.1", 4000), "extensions": {"llmgate.client": {}}}, headers, Cors())
