"""Requests that are forwarded as they are: below the base URL, with its key, one try, nothing judged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate_core import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    PluginError,
    Settings,
    StreamTruncatedError,
    Timeouts,
)
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.plugin import Credential, OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.serving import Secret
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

KEY = "sk-canary-7Gq2Zr9VtLx4WmPd"
NEVER = threading.Event()


@pytest.fixture(params=["httpx", "http1"])
def within(request: pytest.FixtureRequest, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs `use(client, target)` over one wire."""
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def run(use: Callable[[AsyncClient, Any], Awaitable[Any]], **options: Any) -> Any:
        async def main() -> Any:
            known = {"api_key": KEY, "api_base": upstream.base_url, "settings": Settings(), **options}
            async with AsyncClient(transport=request.param, **known) as client:
                return await use(client, client.resolve("chat", "openai/gpt-4o"))

        return asyncio.run(main())

    return run


@pytest.fixture
def forward(within: Any) -> Any:
    """Return a function that forwards a request, and reads its answer to the end."""

    def call(method: str, path: str, *, client: dict[str, Any] | None = None, **arguments: Any) -> Any:
        async def use(opened: AsyncClient, target: Any) -> Any:
            answer = await opened.forward(target, method, path, **{"headers": {}, **arguments})
            try:
                content = b"".join([block async for block in answer.blocks()])
            finally:
                await answer.aclose()
            return SimpleNamespace(answer=answer, content=content)

        return within(use, **(client or {}))

    return call


def test_a_request_goes_out_as_it_is_below_the_base_url_with_the_key(forward: Any, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, b"ok"))

    forward(
        "PATCH", "/files/a%2Fb", query="x=1&x=%20", headers={"X-Beta": "1", "content-type": "text/x"}, content=b"hi"
    )

    (request,) = upstream.received
    assert (request["method"], request["path"], request["body"]) == ("PATCH", "/v1/files/a%2Fb?x=1&x=%20", b"hi")
    headers = request["headers"]
    assert (headers["authorization"], headers["x-beta"], headers["content-type"]) == (f"Bearer {KEY}", "1", "text/x")
    assert [name for name, _ in request["raw_headers"]].count("content-type") == 1


def test_no_type_is_made_up_for_a_body_and_no_body_for_a_request(forward: Any, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(), Answer()]
    forward("POST", "/x", content=b"hi")
    forward("GET", "/x")
    assert ["content-type" in request["headers"] for request in upstream.received] == [False, False]
    assert [request["body"] for request in upstream.received] == [b"hi", b""]
    assert upstream.received[1]["path"] == "/v1/x"


@pytest.mark.parametrize("status", [201, 204, 301, 307, 400, 404, 429, 500, 503])
def test_no_status_is_judged_tried_again_or_followed(forward: Any, upstream: FakeUpstream, status: int) -> None:
    body = b"" if status == 204 else b"\x00anything\xff"
    upstream.answers.append(Answer(status, body, [("X-A", "1"), ("X-A", "2"), ("location", "/elsewhere")]))

    got = forward("GET", "/x", max_retries=3)

    assert (got.answer.status, got.content, len(upstream.received)) == (status, body, 1)
    assert got.answer.headers.get_list("x-a") == ["1", "2"]
    assert got.answer.secrets == (Secret(KEY),)
    assert KEY not in repr(got.answer)


def test_a_body_is_handed_on_block_by_block_while_it_comes(within: Any, upstream: FakeUpstream) -> None:
    go_on = threading.Event()
    upstream.answers.append(Answer(200, [b"first", b"second"], hold=go_on, hold_at=1))

    async def use(client: AsyncClient, target: Any) -> list[bytes]:
        answer = await client.forward(target, "GET", "/x", headers={})
        blocks = []
        async for block in answer.blocks():
            blocks.append(block)
            go_on.set()  # only now does the rest come
        await answer.aclose()
        return blocks

    assert within(use) == [b"first", b"second"]


class Upload:
    """A streamed body; counts how often it is read."""

    length = 6

    def __init__(self) -> None:
        self.readings = 0

    def blocks(self) -> Iterator[bytes]:
        raise AssertionError("read without the event loop")

    async def ablocks(self) -> AsyncIterator[bytes]:
        self.readings += 1
        for block in (b"abc", b"def"):
            yield block


def test_a_streamed_body_is_read_once_and_sent_with_its_length(forward: Any, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(500, b"no"))
    upload = Upload()

    forward("POST", "/x", content=upload, headers={"content-type": "text/x"})

    (request,) = upstream.received
    assert (request["body"], request["headers"]["content-length"], upload.readings) == (b"abcdef", "6", 1)


def test_closing_early_hangs_up_on_the_upstream(within: Any, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, [b"first"], hold=NEVER, hold_at=1))

    async def use(client: AsyncClient, target: Any) -> bytes:
        answer = await client.forward(target, "GET", "/x", headers={})
        blocks = answer.blocks()
        first = await anext(blocks)
        await answer.aclose()
        return first

    assert within(use) == b"first"
    upstream.wait_disconnect()


@pytest.mark.parametrize(("hold_at", "phase"), [(None, "first_event"), (1, "idle")])
def test_silence_is_a_timeout_with_its_phase(
    forward: Any, upstream: FakeUpstream, hold_at: int | None, phase: str
) -> None:
    upstream.answers.append(Answer(200, [b"x"], hold=NEVER, hold_at=hold_at))
    with pytest.raises(APITimeoutError) as caught:
        forward("GET", "/x", timeout=Timeouts(first_event=0.2, idle=0.2))
    assert (caught.value.phase, len(upstream.received)) == (phase, 1)


def test_a_body_that_breaks_off_is_truncated(forward: Any, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, b"x" * 100, truncate_at=10, close="fin"))
    with pytest.raises(StreamTruncatedError):
        forward("GET", "/x")


def test_an_upstream_that_is_not_there_is_a_connection_error(forward: Any, upstream: FakeUpstream) -> None:
    with fake_upstream() as gone:
        base_url = gone.base_url
    with pytest.raises(APIConnectionError) as caught:
        forward("GET", "/x", api_base=base_url)
    assert (caught.value.phase, upstream.received) == ("connect", [])


def test_the_calls_own_arguments_say_where_to_and_with_which_key(forward: Any, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer())
    base_url = upstream.base_url.replace("/v1", "/other")
    got = forward("GET", "/x", api_key="sk-another-1234567", api_base=base_url, extra_headers={"x-a": "1"}, client={
        "api_base": "http://127.0.0.1:9/v1",
    })  # fmt: skip
    (request,) = upstream.received
    assert (request["path"], request["headers"]["x-a"]) == ("/other/x", "1")
    assert request["headers"]["authorization"] == "Bearer sk-another-1234567"
    assert got.answer.secrets == (Secret("sk-another-1234567"),)


@pytest.mark.parametrize("path", ["x", "//evil.example/x", "", "http://evil.example/"])
def test_no_path_leaves_the_base_url(forward: Any, upstream: FakeUpstream, path: str) -> None:
    with pytest.raises(ConfigError):
        forward("GET", path)
    assert upstream.received == []


def test_an_illegal_header_is_refused_and_not_shown(forward: Any, upstream: FakeUpstream) -> None:
    for value in ("a\r\nx-evil: 1", "a\nb", "\x00", "\x7f"):
        with pytest.raises(BadRequestError) as caught:
            forward("GET", "/x", headers={"x-a": value})
        assert value not in str(caught.value)
    assert upstream.received == []


def test_without_a_key_nothing_is_sent(forward: Any, upstream: FakeUpstream) -> None:
    with pytest.raises(AuthenticationError, match="openai"):
        forward("GET", "/x", client={"api_key": None})
    assert upstream.received == []


class Signing(OpenAICompatible):
    """A provider that signs its requests, by repeating what it saw."""

    info = ProviderInfo(api=(1, 1), name="signing", base_url="http://127.0.0.1:9/v1")

    @hookimpl
    def auth(self, request: UpstreamRequest) -> Any:
        return request.with_headers({"x-signed": f"{request.method} {request.url} {request.body!r}"})


class Flow(OpenAICompatible):
    """The same in contract 1.0."""

    info = ProviderInfo(api=(1, 0), name="signing", base_url="http://127.0.0.1:9/v1")

    @hookimpl
    def auth(self, route: Any) -> Any:
        def flow(request: UpstreamRequest) -> Iterator[Any]:
            yield request

        return flow


class Tokens(OpenAICompatible):
    """A provider that wants a token, from its own host."""

    info = ProviderInfo(api=(1, 1), name="tokens", base_url="http://127.0.0.1:9/v1")

    @hookimpl
    def credentials(self) -> Iterator[Any]:
        answer = yield UpstreamRequest("POST", "/token", b"")
        return Credential(answer.json()["token"])


@pytest.fixture
def forward_to(within: Any) -> Any:
    """Return a function that forwards requests to a plugin, one after another; it returns their statuses."""

    def call(plugin: object, *contents: Any, path: str = "/x", query: str = "") -> list[int]:
        async def use(client: AsyncClient, _: Any) -> list[int]:
            client.add_plugin(plugin, family="chat", prefix="mine")
            target, statuses = client.resolve("chat", "mine/m"), []
            for content in contents:
                answer = await client.forward(target, "POST", path, query=query, headers={"x-a": "1"}, content=content)
                statuses.append(answer.status)
                await answer.aclose()
            return statuses

        statuses: list[int] = within(use)
        return statuses

    return call


def test_a_whole_body_is_signed_with_the_query_and_the_headers(forward_to: Any, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer()
    assert forward_to(Signing(), b"body", b"", path="/a%2Fb", query="q=1&after=f%2F1") == [200, 200]
    url = f"{upstream.base_url}/a%2Fb?q=1&after=f%2F1"
    signed = [request["headers"]["x-signed"] for request in upstream.received]
    assert signed == [f"POST {url} b'body'", f"POST {url} None"]
    assert [request["body"] for request in upstream.received] == [b"body", b""]
    assert upstream.received[0]["path"] == "/v1/a%2Fb?q=1&after=f%2F1"
    assert {request["headers"].get("authorization") for request in upstream.received} == {None}


@pytest.mark.parametrize("plugin", [Signing(), Flow()], ids=["a streamed body", "a flow"])
def test_what_cannot_be_signed_is_not_forwarded(forward_to: Any, upstream: FakeUpstream, plugin: object) -> None:
    with pytest.raises(PluginError) as caught:
        forward_to(plugin, Upload() if isinstance(plugin, Signing) else b"body")
    assert caught.value.hook == "auth"
    assert upstream.received == []


def test_a_token_that_is_refused_is_replaced_and_a_whole_body_sent_again(
    forward_to: Any, upstream: FakeUpstream
) -> None:
    upstream.answers += [Answer.json({"token": "t-1"}), Answer(401), Answer.json({"token": "t-2"}), Answer(), Answer()]
    assert forward_to(Tokens(), b"body", b"more") == [200, 200]
    sent = [request["headers"].get("authorization") for request in upstream.received]
    assert sent == [None, "Bearer t-1", None, "Bearer t-2", "Bearer t-2"]
    assert [request["body"] for request in upstream.received] == [b"", b"body", b"", b"body", b"more"]


def test_a_streamed_body_is_not_sent_again_but_the_next_request_has_another_token(
    forward_to: Any, upstream: FakeUpstream
) -> None:
    upstream.answers += [Answer.json({"token": "t-1"}), Answer(401), Answer.json({"token": "t-2"}), Answer()]
    uploads = [Upload(), Upload()]
    assert forward_to(Tokens(), *uploads) == [401, 200]
    assert [upload.readings for upload in uploads] == [1, 1]
    assert [request["headers"].get("authorization") for request in upstream.received][1::2] == [
        "Bearer t-1",
        "Bearer t-2",
    ]


def test_a_token_that_the_upstream_repeats_is_masked_and_told_to_who_passes_the_answer_on(
    within: Any, upstream: FakeUpstream
) -> None:
    upstream.answers += [Answer.json({"token": "token-canary-6677"}), Answer(200, b"", {"x-echo": "token-canary-6677"})]

    async def use(client: AsyncClient, _: Any) -> Any:
        client.add_plugin(Tokens(), family="chat", prefix="mine")
        answer = await client.forward(client.resolve("chat", "mine/m"), "GET", "/x", headers={})
        await answer.aclose()
        return answer

    answer = within(use)
    assert answer.headers["x-echo"] == "***"
    assert answer.secrets == (Secret(KEY), Secret("token-canary-6677"))


class StaleOnce(OpenAICompatible):
    """A provider whose first request of each kind finds its connection closed."""

    info = ProviderInfo(api=(1, 0), name="stale", base_url="http://127.0.0.1:9/v1", env_key_optional=True)

    def __init__(self) -> None:
        self.new_connections: list[bool] = []

    @hookimpl
    def transport(self, route: Any, inner: Any) -> Any:
        async def asend(request: Any) -> Any:
            self.new_connections.append(request.new_connection)
            if not request.new_connection:
                raise StaleConnectionError from APIConnectionError("closed", code="reset")
            return await inner.asend(request)

        return SimpleNamespace(asend=asend)


def test_a_kept_connection_that_was_closed_is_replaced_where_the_body_can_be_sent_again(
    within: Any, upstream: FakeUpstream
) -> None:
    plugin = StaleOnce()

    async def use(client: AsyncClient, _: Any, content: Any) -> int:
        client.add_plugin(plugin, family="chat", prefix="stale", replace=True)
        target = client.resolve("chat", "stale/m")
        answer = await client.forward(target, "POST", "/x", headers={}, content=content)
        await answer.aclose()
        return answer.status

    upstream.answers.append(Answer.json({}))
    assert within(lambda client, target: use(client, target, b"{}")) == 200
    assert (plugin.new_connections, len(upstream.received)) == ([False, True], 1)
    plugin.new_connections.clear()
    with pytest.raises(APIConnectionError) as caught:
        within(lambda client, target: use(client, target, Upload()))
    assert (type(caught.value), caught.value.code) == (APIConnectionError, "reset")
    assert (plugin.new_connections, len(upstream.received)) == ([False], 1)
