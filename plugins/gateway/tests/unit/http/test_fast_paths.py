"""A faster path refuses what the slow one refuses: both are driven with the same inputs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway.access.authenticate import _caller_of
from llmgate_gateway.access.keys import OTHER_HEADERS, KeyRing
from llmgate_gateway.access.limits import check_head
from llmgate_gateway.config import allows, load_config_dict
from llmgate_gateway.config.schema.general import Limits
from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.dialects.openai.routes import openai_routes
from llmgate_gateway.http.body import FORBIDDEN, HARMLESS, check_names, read_whole
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import (
    SLICE_BYTES,
    RefusedError,
    Reply,
    passed_headers,
    passed_raw_headers,
    send_reply,
)
from llmgate_gateway.http.routes import Routes, builtin_route, request_path
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core.serving import Headers, Secret
from tests.support.examples import examples

ROUTES = Routes([*openai_routes("openai"), builtin_route("GET", "/livez"), builtin_route("GET", "/")])
LINES = [(route.method, path) for route in ROUTES for path in (route.path, *route.aliases)]
METHODS = st.sampled_from(["GET", "POST", "HEAD", "DELETE", "OPTIONS", "post", ""])
KEY, OTHER = b"sk-gateway-0123456789", b"sk-gateway-9876543210"
KEYS = {"master_key": KEY.decode(), "keys": [{"name": "ci", "key": OTHER.decode()}]}
MODEL = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
RING = KeyRing(load_config_dict({"model_list": [MODEL], "general_settings": KEYS}))


@st.composite
def request_lines(draw: st.DrawFn) -> tuple[str, bytes]:
    """A method and a path of a route, as they are or changed in one place."""
    method, path = draw(st.sampled_from(LINES))
    if draw(st.booleans()):
        return method, path.encode("latin-1")
    at = draw(st.integers(0, len(path)))
    added = draw(st.sampled_from(["", "/", "//", "%2f", "%2e%2e", ".", "..", ";x", "?x=1", "#", "\u00ff"]))
    return draw(METHODS), (path[:at] + added + path[at:]).encode("latin-1")


@examples(500)
@given(request_lines(), st.sampled_from([None, "", "/", "/gw", "/v1", "/v1/"]), st.booleans())
def test_a_path_that_is_found_as_it_was_sent_is_the_route_of_the_search(
    line: tuple[str, bytes], root: str | None, has_raw: bool
) -> None:
    method, raw = line
    scope: dict[str, Any] = {"method": method, "path": raw.decode("latin-1")}
    if root is not None:
        scope["root_path"] = root
    if has_raw:
        scope["raw_path"] = raw
    path, match = ROUTES.of_request(scope)
    assert path == request_path(scope)
    assert match == ROUTES.find(method, path)


SCHEMES = st.sampled_from(
    [b"Bearer ", b"bearer ", b"BEARER  ", b"Bearer", b"Basic ", b"Digest ", b" Bearer ", b"Bearer\t", b""]
)
TOKENS = st.sampled_from([KEY, OTHER, KEY + b" ", KEY + b"x", KEY.upper(), KEY + b", Bearer " + KEY, b"", b"\xff"])
VALUES = st.builds(lambda scheme, token: scheme + token, SCHEMES, TOKENS)
NAMES = st.sampled_from([b"authorization", b"x-api-key", b"api-key", b"proxy-authorization", b"cookie"])


@examples(500)
@given(st.lists(st.tuples(NAMES, VALUES | TOKENS), max_size=3))
def test_the_caller_is_the_same_however_few_headers_there_are(headers: list[tuple[bytes, bytes]]) -> None:
    async def callers() -> tuple[Caller | None, Caller | None]:
        request = request_with(headers)
        every = [request.values(name) for name in sorted(OTHER_HEADERS)]
        return await _caller_of(request, RING), await RING.caller_of(request.values(b"authorization"), every)

    fast, slow = asyncio.run(callers())
    assert fast == slow


def spellings(name: str) -> list[str]:
    return [name, name.upper(), name.replace("_", ""), name.replace("_", "-"), f"_{name}", name.title(), f"{name}x"]


BODY_NAMES = st.sampled_from(sorted(HARMLESS | FORBIDDEN | {"model", "models", "fallbacks", "route", "litellm_x"}))


@examples(500)
@given(st.lists(BODY_NAMES.flatmap(lambda name: st.sampled_from(spellings(name))), max_size=5), st.booleans())
def test_names_that_are_known_to_be_harmless_are_those_that_the_comparison_lets_through(
    names: list[str], has_model_list: bool
) -> None:
    body = dict.fromkeys(names)
    assert refusal(body, has_model_list) == refusal({"no-parameter-of-openai": None, **body}, has_model_list)


def refusal(body: dict[str, None], has_model_list: bool) -> tuple[int, str | None, str | None] | None:
    try:
        check_names(body, has_model_list=has_model_list)
    except RefusedError as refused:
        return refused.error.status, refused.error.code, refused.error.param
    return None


NAME_PARTS = st.text(st.sampled_from("ab*/.-"), max_size=8)


@examples(1000)
@given(st.lists(NAME_PARTS, max_size=4), NAME_PARTS)
def test_the_rights_of_a_key_are_those_of_its_patterns(models: list[str], requested: str) -> None:
    listed = [model for model in models if model and model.count("*") <= 2]  # as the config takes them
    for name in (requested, *listed):
        assert Caller("a", tuple(listed)).may_use(name) == allows(listed, name)


@examples(200)
@given(st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=30)), max_size=8), st.integers(1, 200))
def test_a_head_is_refused_by_the_sum_of_its_bytes(headers: list[tuple[bytes, bytes]], limit: int) -> None:
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    limits = Limits(max_header=max(limit, 1), max_headers=100)
    if size > limits.max_header:
        with pytest.raises(RefusedError):
            check_head(headers, limits)
    else:
        check_head(headers, limits)


@examples(200)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.integers(1, 60))
def test_a_body_in_one_piece_is_limited_as_one_in_many(blocks: list[bytes], limit: int) -> None:
    whole = b"".join(blocks)
    expected = whole if len(whole) <= limit else 413
    assert asyncio.run(read(blocks, limit)) == expected
    assert asyncio.run(read([whole], limit)) == expected


async def read(blocks: list[bytes], limit: int) -> bytes | int:
    try:
        return await read_whole(request_with([], blocks), limit)
    except RefusedError as refused:
        return refused.error.status


@pytest.mark.parametrize("size", [0, 1, SLICE_BYTES, SLICE_BYTES + 1])
@pytest.mark.parametrize("client_id", [None, "mine"])
def test_a_whole_response_is_sent_as_one_in_parts(size: int, client_id: str | None) -> None:
    assert asyncio.run(sent(size, client_id, whole=True)) == asyncio.run(sent(size, client_id, whole=False))


async def sent(size: int, client_id: str | None, *, whole: bool) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append((message, request.head_sent, request.finished, request.waiting_for))

    request = request_with([], send=send)
    request.record.client_request_id = client_id
    request.extra_headers.append((b"x-extra", b"1"))
    reply = Reply(418, b"x" * size, ((b"content-type", b"text/plain"), (b"x-request-id", b"theirs")))
    if whole:
        await request.send_whole(reply.status, reply.headers, reply.body)
    else:
        await send_reply(request.send, reply)
    return [*messages, request.finished, request.waiting_for, request.record.status]


def request_with(
    headers: list[tuple[bytes, bytes]], blocks: list[bytes] | None = None, *, send: Any = None
) -> ClientRequest:
    """Return a request that has these headers and blocks, in the running event loop."""
    left = list(blocks or [b""])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def no_send(_message: Any) -> None: ...

    scope = {"type": "http", "headers": headers, "method": "POST", "path": "/"}
    return ClientRequest(scope, receive, send or no_send, RequestRecord("req_1", 0.0, "POST"), error_reply)


NAMES_OF_HEADERS = st.sampled_from(
    [b"Retry-After", b"retry-after", b"x-ratelimit-a", b"X-RateLimit-A", b"x-ratelimit-\xc0", b"x-ratelimit", b"server"]
)
VALUES_OF_HEADERS = st.sampled_from([b"1", b"", b"a\x01b", b"\xff", OTHER, b"v" * 300, b"x" * 513])


@examples(300)
@given(st.lists(st.tuples(NAMES_OF_HEADERS, VALUES_OF_HEADERS), max_size=5))
def test_headers_as_they_came_pass_like_those_that_were_decoded(raw: list[tuple[bytes, bytes]]) -> None:
    key_leaks = KeyLeakDetector([Secret(OTHER.decode())])
    assert passed_raw_headers(raw, key_leaks) == passed_headers(Headers(raw), key_leaks)
