"""Every route in every odd spelling, without a key and with each: rows S2, S4 and S6."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
OPEN = {"/", "/livez", "/readyz"}
ODD_HEADERS = {
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": "localhost",
    "x-original-url": "/livez",
    "x-rewrite-url": "/livez",
    "x-http-method-override": "GET",
    "forwarded": "for=127.0.0.1",
}


def spellings(path: str) -> list[str]:
    """Return ways to write a path that some server takes for the same one."""
    return [
        path,
        f"/{path}",
        f"{path}/",
        f"{path}//",
        f"/.{path}",
        f"/x/..{path}",
        f"/v1/..{path}",
        f"/livez/..{path}",
        f"/livez%2f..{path}",
        f"/livez;{path}",
        f"{path}/.",
        f"{path}/..",
        f"{path}%2f",
        f"{path}%00",
        f"{path}%0d%0a",
        f"{path};x=1",
        f"{path}.json",
        f"{path}?x=1",
        f"{path}@evil",
        f"{path}%23",
        f"{path}#/livez",
        f"//evil{path}",
        f"http://evil:1{path}",
        path.replace("/", "/%2e/", 1),
        path.replace("e", "%65"),
        path.upper(),
        "\\" + path[1:],
    ]


def routes(gateway: Any) -> list[tuple[str, str]]:
    paths = gateway.ask("GET", "/openapi.json").json()["paths"]
    found = [(method.upper(), re.sub(r"{.*?}", "abc", path)) for path, methods in paths.items() for method in methods]
    assert len(found) > 35
    return found + [(method, path.removeprefix("/v1")) for method, path in found if path.startswith("/v1")]


def target(spelling: str) -> str:
    return re.sub(r"^http://[^/]*", "", spelling).partition("?")[0]


def test_without_a_good_key_nothing_is_served_but_health_and_the_page(gateway: Any, upstream: Any) -> None:
    served = {}
    for (method, path), key in product(routes(gateway), (None, "wrong")):
        for spelling in spellings(path):
            status = gateway.ask(method, spelling, key=key, **ODD_HEADERS).status
            if target(spelling) not in OPEN:
                served[method, spelling, key] = status
    assert len(served) > 2000
    assert {key: status for key, status in served.items() if status not in (400, 401)} == {}
    assert upstream.received == []


def test_with_a_good_key_an_odd_spelling_is_no_other_route(gateway: Any, upstream: Any) -> None:
    for method, path in routes(gateway):
        for spelling in spellings(path):
            reply = gateway.ask(method, spelling, key=gateway.narrow, **ODD_HEADERS)
            assert reply.status < 500 or upstream.received, (method, spelling)
            if reply.status == 404:
                error = reply.json()["error"]
                code = error.get("code") or error["details"]["error_code"]  # OpenAI's shape, or Anthropic's
                assert code in ("unknown_url", "model_not_found", "not_supported")
            for request in upstream.received:
                assert re.fullmatch(r"/v1/[a-z_/]+(/[A-Za-z0-9%.@_~-]+(/[a-z_]+)?)?", request["path"]), request["path"]
            upstream.received.clear()


WRONG = {
    "none": [],
    "empty": [""],
    "Basic": ["Basic {key}"],
    "no scheme": ["{key}"],
    "scheme alone": ["Bearer"],
    "another scheme": ["Token {key}"],
    "wrong": ["Bearer wrong"],
    "a piece": ["Bearer {piece}"],
    "longer": ["Bearer {key}x"],
    "lower case": ["Bearer {lower}"],
    "two in one": ["Bearer {key},{key}"],
    "twice": ["Bearer {key}", "Bearer {key}"],
    "twice, once wrong": ["Bearer wrong", "Bearer {key}"],
    "tab": ["Bearer\t{key}"],
    "inner tab": ["Bearer {key}\tx"],
    "non-ASCII": ["Bearer \xe9\xff"],
    "SQL": ["Bearer ' OR 1=1; --"],
    "template": ["Bearer {{{{7*7}}}}"],
    "huge": ["Bearer " + "x" * 30_000],
    "hash": ["Bearer e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
}


def test_every_wrong_key_gets_the_same_answer(gateway: Any) -> None:
    answers = set()
    for values in WRONG.values():
        words = [
            text.format(key=gateway.master, piece=gateway.master[:-1], lower=gateway.master.lower()) for text in values
        ]
        lines = "".join(f"authorization: {text}\r\n" for text in words)
        for path in ("/v1/models", "/v1/chat/completions", "/nowhere", "/metrics"):
            raw = gateway.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n".encode("latin-1"))
            answers.add(re.sub(rb"date: .*\r\n", b"", raw))
    assert len(answers) == 1, answers
    assert answers.pop().startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "line",
    ["x-goog-api-key: {key}", "apikey: {key}", "cookie: authorization={key}", "proxy-authorization: Bearer {key}"],
)
def test_a_key_in_another_place_is_no_key(gateway: Any, line: str) -> None:
    head = f"GET /v1/models?key={gateway.master}&api_key={gateway.master} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    assert gateway.statuses(f"{head}{line.format(key=gateway.master)}\r\n\r\n".encode()) == [401]


@pytest.mark.parametrize(
    "name",
    [
        "../m",
        "wild/../m",
        "wild/http://evil/v1",
        "wild//evil/v1",
        "wild/a b",
        "wild/a%2fb",
        "wild/a?b",
        "wild/a#b",
        "wild/a\u0000",
        "wild/a\u202e",
        "wild/a\r\nx: y",
        "wild/",
        "wild/*",
        "wild/x/",
        "openai/gpt-4o",
        "local/smollm2",
        "text-completion-openai/gpt-4o",
        "openai/responses/gpt-5-mini",
        "*",
        "m ",
        "M",
        "wild/" + "a" * 1_000_000,
        "a" * 1_000_000,
    ],
)
def test_a_name_that_the_config_does_not_route_is_a_404(gateway: Any, upstream: Any, name: str) -> None:
    reply = gateway.chat(model=name)
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert len(reply.body) < 4000
    assert upstream.received == []


@pytest.mark.parametrize("name", [None, 5, True, [], ["m"], {"m": 1}, ""])
def test_a_model_that_is_no_text_is_a_400(gateway: Any, upstream: Any, name: Any) -> None:
    reply = gateway.chat(model=name)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "missing_model", "model")
    assert upstream.received == []


@pytest.mark.parametrize(
    "ident",
    [
        "..",
        ".",
        "%2e%2e",
        "..%2f..%2fadmin",
        "a%2f..%2f..",
        "..%5cadmin",
        "a%00",
        "a%0d%0ax:y",
        "%ff",
        "%20",
        "",
        "a/b",
        "..;",
        "..;x",
        ".%2e;x",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%ef%bc%8e%ef%bc%8e",
    ],
)
def test_an_id_that_leaves_its_place_in_the_path_is_none(gateway: Any, upstream: Any, ident: str) -> None:
    for method in ("GET", "DELETE"):
        assert gateway.ask(method, f"/v1/responses/{ident}").status in (400, 404, 405)
    assert upstream.received == []


@pytest.mark.parametrize(
    ("ident", "sent"),
    [("a%3fx=y", "a%3Fx%3Dy"), ("a%23b", "a%23b"), ("a%250d", "a%250d"), ("a@b", "a%40b"), ("a;b", "a%3Bb")],
)
def test_an_odd_id_stays_one_part_of_the_path(gateway: Any, upstream: Any, ident: str, sent: str) -> None:
    upstream.otherwise = Answer.json({"id": "x", "object": "response", "output": []})
    assert gateway.ask("GET", f"/v1/responses/{ident}").status == 200
    assert upstream.received[0]["path"] == f"/v1/responses/{sent}"


def test_a_narrow_key_learns_of_its_own_models_only(gateway: Any, upstream: Any) -> None:
    def ask(method: str, path: str, body: Any = None) -> Any:
        return gateway.ask(method, path, body, key=gateway.narrow)

    assert [model["id"] for model in ask("GET", "/v1/models").json()["data"]] == ["m"]
    assert [model["model"] for model in ask("GET", "/readyz").json()["models"]] == ["m"]
    assert ask("GET", "/v1/models/r").status == 404
    for model in ("r", "wild/gpt-4o"):
        assert ask("POST", "/v1/chat/completions", {"model": model, "messages": HI}).status == 403
        assert ask("POST", "/explain", {"body": {"model": model, "messages": HI}}).status == 403
    near = ask("POST", "/v1/chat/completions", {"model": "bridge", "messages": HI})
    assert "bridged" not in near.body.decode()
    assert upstream.received == []
