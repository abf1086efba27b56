"""A plugin as it was written for contract 1.0, with every hook in its old form. It is kept as it is, and must run."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any

import pytest

from llmgate_core import Client
from llmgate_core.plugin import (
    Converted,
    Ledger,
    ParamRule,
    ProviderInfo,
    Sleep,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]


class Parser:
    """Makes chunks of `{"word": ...}`; the upstream ends with `{"end": true}`."""

    done = False

    def feed(self, event: Any) -> list[dict[str, Any]]:
        data = json.loads(event.data)
        if data.get("end"):
            self.done = True
            return [chunk({}, "stop")]
        return [chunk({"role": "assistant", "content": data["word"]}, None)]

    def close(self) -> list[dict[str, Any]]:
        if not self.done:
            raise errors.StreamTruncatedError("no end")
        return []


def chunk(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def whole(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}


class OldPlugin:
    """Everything that contract 1.0 had."""

    def __init__(self, base_url: str) -> None:
        self.info = ProviderInfo((1, 0), "old", base_url, "OLD_API_KEY")

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> UpstreamRequest:
        ledger = Ledger(route, "Old's page")
        if "seed" in call.body:
            ledger.lost("seed", "Old has none")
        body = {"engine": route.model, "prompt": call.body["messages"], "stream": call.stream}
        return UpstreamRequest("POST", "/generate", body, ledger=ledger.entries)

    @hookimpl
    def transform_response(self, response: UpstreamResponse) -> Converted:
        return Converted(whole(response.json()["text"]))

    @hookimpl
    def supports_param(self, param: str) -> ParamRule | None:
        return ParamRule(rename="limit", reason="Old says so") if param == "max_tokens" else None

    @hookimpl
    def stream_parser(self, call: Any, route: Any) -> StreamParser:
        return Parser()

    @hookimpl
    def auth(self, route: Any) -> Callable[[UpstreamRequest], Generator[UpstreamRequest, UpstreamResponse, None]]:
        def flow(request: UpstreamRequest) -> Generator[UpstreamRequest, UpstreamResponse, None]:
            token = yield UpstreamRequest("POST", "/token", {"key": route.api_key.reveal()})
            yield request.with_headers({"x-token": token.json()["token"]})

        return flow

    @hookimpl
    def map_error(self, call: Any, route: Any, response: UpstreamResponse) -> errors.LLMGateError | None:
        if response.status != 420:
            return None
        return errors.RateLimitError("calm down", status_code=420, code="calm_down")

    @hookimpl
    def exchange(self, call: Any, route: Any) -> Any:
        return self._job() if call.wait else None

    def _job(self) -> Any:
        job = yield UpstreamRequest("POST", "/jobs", {"a": 1})
        yield Sleep(0)
        result = yield UpstreamRequest("GET", f"/jobs/{job.json()['id']}")
        return whole(result.json()["text"])

    @hookimpl
    def list_models(self, route: Any) -> list[str]:
        return ["m"]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Callable[..., Any]:
    """Call the plugin's model; its upstream gives out the token first."""
    upstream.answers.append(Answer.json({"token": "t-1"}))

    def call(*answers: Answer, **more: Any) -> Any:
        upstream.answers.extend(answers)
        return ask(request.param, OldPlugin(upstream.base_url), "old", model="old/m", messages=HI, **more)

    return call


def test_a_whole_answer(call: Callable[..., Any], upstream: FakeUpstream) -> None:
    with pytest.warns(UserWarning, match="seed dropped"):
        answer = call(Answer.json({"text": "hello"}), max_tokens=3, seed=1)
    assert answer.choices[0].message.content == "hello"
    assert [str(entry) for entry in answer.ledger] == [
        "max_tokens renamed: sent as limit: Old says so",
        "seed dropped: Old has none [Old's page]",
    ]
    token, request = upstream.received
    assert (token["path"], token["json"]) == ("/v1/token", {"key": "sk-test"})
    assert request["json"] == {"engine": "m", "prompt": HI, "stream": False}
    assert request["headers"]["x-token"] == "t-1"
    assert "authorization" not in request["headers"]


def test_a_stream(call: Callable[..., Any]) -> None:
    chunks = call(Answer.sse([{"word": "a"}, {"word": "b"}, {"end": True}], done=False), stream=True)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["a", "b", None]


def test_a_stream_that_is_cut(call: Callable[..., Any]) -> None:
    with pytest.raises(errors.StreamTruncatedError):
        call(Answer.sse([{"word": "a"}], done=False), stream=True)


def test_an_error(call: Callable[..., Any]) -> None:
    with pytest.raises(errors.RateLimitError) as caught:
        call(Answer.json({}, 420))
    assert (caught.value.code, caught.value.provider) == ("calm_down", "old")


def test_a_job(call: Callable[..., Any], upstream: FakeUpstream) -> None:
    tokens = [Answer.json({"token": "t-2"}), Answer.json({"text": "done"})]
    answer = call(Answer.json({"id": "j1"}), *tokens, wait=True)
    assert answer.choices[0].message.content == "done"
    assert [request["path"] for request in upstream.received] == ["/v1/token", "/v1/jobs", "/v1/token", "/v1/jobs/j1"]


def test_models_are_listed(upstream: FakeUpstream) -> None:
    with Client() as client:
        client.add_plugin(OldPlugin(upstream.base_url), family="chat", prefix="old")
        assert client.resolve("chat", "old/m").plugin.info.name == "old"
