"""A plugin that signs: its host checks each signature against the bytes that came, and refuses what does not hold."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.behaviour.plugins.signed import ACCESS_KEY, INFO, SECRET_KEY, SignedPlugin, SignedPoller, problem_of
from tests.support.openai_upstream import answered

HI: Any = [{"role": "user", "content": "grüß dich"}]
FAMILIES = ("chat", "embedding", "transcription")
Call = Callable[..., Any]


@pytest.fixture
def host() -> Iterator[FakeUpstream]:
    def checked(request: ReceivedRequest) -> Answer:
        problem = problem_of(request)
        return Answer.json({"error": {"message": problem}}, 403) if problem else answered(request)

    with fake_upstream() as running:
        running.otherwise = checked
        yield running


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, host: FakeUpstream) -> Call:
    """Call a function of the SDK with a plugin; of a stream return its chunks."""

    def run(plugin: object, function: str, *values: Any, api_base: str = "", **arguments: Any) -> Any:
        known: dict[str, Any] = {"api_key": ACCESS_KEY, "api_base": api_base or host.base_url, "max_retries": 1}
        arguments["provider_options"] = {"secret_key": SECRET_KEY}
        made = (Client if request.param == "sync" else AsyncClient)(settings=Settings(), **known)
        for family in FAMILIES:
            made.add_plugin(plugin, family=family, prefix="acme")
        if isinstance(made, Client):
            with made:
                got = getattr(made, function)(*values, **arguments)
                return list(got) if arguments.get("stream") else got

        async def main() -> Any:
            async with made:
                got = await getattr(made, function)(*values, **arguments)
                return [chunk async for chunk in got] if arguments.get("stream") else got

        return asyncio.run(main())

    return run


def test_whole_answers_streams_and_bridged_calls_are_signed_over_what_is_sent(call: Call, host: FakeUpstream) -> None:
    plugin = SignedPlugin()
    assert call(plugin, "completion", "acme/m", HI).choices
    assert len(call(plugin, "completion", "acme/m", HI, stream=True)) > 1
    assert call(plugin, "responses", "acme/m", "grüß dich").output_text
    assert call(plugin, "embedding", "acme/e", ["a", "b"]).data
    assert [problem_of(request) for request in host.received] == [None] * 4
    assert SECRET_KEY not in repr(host.received)


def test_the_query_of_a_base_url_and_the_callers_headers_are_part_of_what_is_signed(
    call: Call, host: FakeUpstream
) -> None:
    base = f"{host.base_url}/a%20b?version=1%2F2"
    host.otherwise = lambda request: (
        Answer.json({"error": {"message": "signature"}}, 403)
        if problem_of(request)
        else answered({**request, "path": "/v1/chat/completions"})
    )
    assert call(
        SignedPlugin(), "completion", "acme/m", HI, api_base=base, extra_headers={"content-type": "application/json"}
    )
    assert host.received[0]["path"] == "/v1/a%20b/chat/completions?version=1%2F2"


def test_each_try_is_signed_again(call: Call, host: FakeUpstream) -> None:
    host.answers.append(Answer.json({}, 503, retry_after="1"))
    assert call(SignedPlugin(), "completion", "acme/m", HI).choices
    dates = [request["headers"]["x-date"] for request in host.received]
    assert len(set(dates)) == 2
    assert problem_of(host.received[1]) is None


def test_every_request_of_an_exchange_is_signed_over_its_bytes(call: Call, host: FakeUpstream) -> None:
    def checked(request: ReceivedRequest) -> Answer:
        if problem := problem_of(request):
            return Answer.json({"error": {"message": problem}}, 403)
        if request["method"] == "POST":
            return Answer.json({"id": "j1"})
        return answered({**request, "method": "POST", "path": "/v1/chat/completions", "json": {"model": "m"}})

    host.otherwise = checked
    assert call(SignedPoller(), "completion", "acme/m", HI).choices[0].message.content == "Hello!"
    paths = [request["path"] for request in host.received]
    assert paths == ["/v1/jobs%20of%20mine?a=b+c%26d", "/v1/jobs%20of%20mine/j1"]


def test_a_form_is_signed_by_its_headers_and_its_body_is_a_form_with_a_length(call: Call, host: FakeUpstream) -> None:
    seen: list[UpstreamRequest] = []

    class Looking(SignedPlugin):
        @hookimpl
        def auth(self, request: UpstreamRequest, route: Any, credential: Any, now: float) -> Any:
            seen.append(request)
            return SignedPlugin.auth(self, request, route, credential, now)

    assert call(Looking(), "transcription", "acme/t", io.BytesIO(b"RIFF" + bytes(100)))
    (received,), (request,) = host.received, seen
    body: Any = request.body
    assert problem_of(received) is None
    assert not isinstance(body, bytes)
    assert body.length == len(received["body"])
    assert request.headers["content-type"] == received["headers"]["content-type"] == body.content_type
    assert b"".join(body.blocks()) == received["body"]


def test_the_hook_sees_every_header_that_is_sent_but_those_of_the_connection(call: Call, host: FakeUpstream) -> None:
    seen: list[UpstreamRequest] = []

    class Looking(SignedPlugin):
        @hookimpl
        def auth(self, request: UpstreamRequest) -> Any:
            seen.append(request)
            return request.with_headers({"authorization": "x"})

    host.otherwise = answered
    call(Looking(), "completion", "acme/m", HI, extra_headers={"x-mine": "1"})
    (received,) = host.received
    added = {"authorization", "host", "content-length", "connection"}
    assert {name: value for name, value in received["headers"].items() if name not in added} == seen[0].headers
    assert seen[0].headers["x-mine"] == "1"
    assert seen[0].headers["x-api-version"] == INFO.headers["x-api-version"]
    assert seen[0].url == f"http://127.0.0.1:{host.port}{received['path']}"
    assert seen[0].body == received["body"]
