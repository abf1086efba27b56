"""What a plugin may make of an error, what core makes of one in a 200, and what a gateway's client sees of either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Settings, errors
from llmgate_core.plugin import ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway

HI = [{"role": "user", "content": "hi"}]
INFO = ProviderInfo(api=(1, 1), name="mapped", base_url="https://mapped.example", env_key_optional=True)
GOOD = {"text": "hello"}


class Plugin:
    """Answers are `{"text": ...}`; errors are what `mapped(error, response)` makes of them."""

    info = INFO

    def __init__(self, mapped: Any = None) -> None:
        self._mapped = mapped
        self.seen: list[bytes] = []

    @hookimpl
    def transform_request(self) -> UpstreamRequest:
        return UpstreamRequest("POST", "/x", {})

    @hookimpl
    def transform_response(self, response: Any) -> dict[str, Any]:
        self.seen.append(response.content)
        return {"choices": [{"message": {"content": response.json()["text"]}, "finish_reason": "stop"}]}

    @hookimpl
    def map_error(self, response: Any, error: Any) -> Any:
        return None if self._mapped is None else self._mapped(error, response)


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def failure(mode: str, upstream: FakeUpstream, plugin: Plugin, *answers: Answer, **arguments: Any) -> Any:
    upstream.answers.extend(answers)
    with pytest.raises(errors.LLMGateError) as caught:
        ask(mode, plugin, "mapped", model="mapped/m", api_base=upstream.origin, messages=HI, **arguments)
    return caught.value


REFUSAL = Answer.json({"error": {"message": "slow down"}}, 429, retry_after="7", acme_id="r-1")


def with_request_id(error: Any, response: Any) -> Any:
    error.request_id = response.headers["acme-id"]
    return error


@pytest.mark.parametrize("stream", [False, True])
def test_the_default_error_is_changed_and_returned(mode: str, upstream: FakeUpstream, stream: bool) -> None:
    error = failure(mode, upstream, Plugin(with_request_id), REFUSAL, stream=stream)
    assert type(error) is errors.RateLimitError
    assert (error.request_id, error.retry_after, error.message, error.body is not None) == (
        "r-1",
        7.0,
        "slow down",
        True,
    )
    assert (error.provider, error.attempts) == ("mapped", 1)


def test_none_is_the_default_error(mode: str, upstream: FakeUpstream) -> None:
    assert failure(mode, upstream, Plugin(lambda error, response: None), REFUSAL).retry_after == 7.0


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_that_is_no_failed_call_is_raised_as_it_is(mode: str, upstream: FakeUpstream, stream: bool) -> None:
    plugin = Plugin(lambda error, response: errors.ConfigError("set ACME_TENANT"))
    error = failure(mode, upstream, plugin, REFUSAL, stream=stream, max_retries=2)
    assert (type(error), str(error)) == (errors.ConfigError, "set ACME_TENANT")
    assert len(upstream.received) == 1


def with_retry(retry: bool | None) -> Any:
    def mapped(error: Any, response: Any) -> Any:
        error.retry, error.retry_after = retry, 0.001
        return error

    return mapped


@pytest.mark.parametrize(
    ("status", "retry", "requests"), [(400, True, 3), (400, None, 1), (503, False, 1), (503, None, 3)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_plugin_says_whether_another_try_may_succeed(
    mode: str, upstream: FakeUpstream, status: int, retry: bool | None, requests: int, stream: bool
) -> None:
    upstream.otherwise = Answer.json({"message": "overloaded"}, status)
    error = failure(mode, upstream, Plugin(with_retry(retry)), max_retries=2, stream=stream)
    assert (error.retry, error.attempts, len(upstream.received)) == (retry, requests, requests)


# --- an error in a 200 ---


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such model", "code": "model_not_found"}},
        {"error": {"message": "no such model", "code": 404}, "choices": [{}], "id": "x"},
        {"object": "error", "message": "no such model", "code": "model_not_found"},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_raised_before_the_hook_runs(mode: str, upstream: FakeUpstream, body: Any, stream: bool) -> None:
    plugin = Plugin()
    error = failure(mode, upstream, plugin, Answer.json(body), stream=stream)
    assert (type(error), error.message) == (errors.NotFoundError, "no such model")
    assert plugin.seen == []


@pytest.mark.parametrize("body", [{**GOOD, "error": None}, {**GOOD, "error": ""}, {"id": "1", **GOOD, "error": "late"}])
def test_an_answer_that_is_none_is_the_plugins(mode: str, upstream: FakeUpstream, body: Any) -> None:
    upstream.answers.append(Answer.json(body))
    answer = ask(mode, Plugin(), "mapped", model="mapped/m", api_base=upstream.origin, messages=HI)
    assert answer.choices[0].message.content == "hello"


class Lines:
    """Its answers are not JSON."""

    info = INFO

    @hookimpl
    def transform_request(self) -> UpstreamRequest:
        return UpstreamRequest("POST", "/x", {})

    @hookimpl
    def transform_response(self, response: Any) -> dict[str, Any]:
        return {"choices": [{"message": {"content": response.content.decode()}}]}


def test_an_answer_that_is_not_json_reaches_the_hook_as_it_came(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(200, b'no "error" here'))
    answer = ask(mode, Lines(), "mapped", model="mapped/m", api_base=upstream.origin, messages=HI)
    assert answer.choices[0].message.content == 'no "error" here'


# --- what a gateway's client sees ---


def by_class(error: Any, response: Any) -> Any:
    kind = getattr(errors, response.headers["acme-class"])
    return kind(error.message, status_code=response.status)


plugin = Plugin(by_class)


class Vectors:
    info = INFO

    @hookimpl
    def transform_request(self) -> UpstreamRequest:
        return UpstreamRequest("POST", "/vectors", {})

    @hookimpl
    def transform_response(self, response: Any) -> dict[str, Any]:
        return {"data": [{"embedding": row} for row in response.json()], "usage": {"prompt_tokens": 2}}


vectors = Vectors()


@pytest.fixture
def gateway(upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    source = "from tests.behaviour.plugins.test_mapped_errors import plugin, vectors\n"
    entry_points = {"chat:mapped": "plugin", "embedding:mapped": "vectors"}
    PluginSite(tmp_path, monkeypatch).install("llmgate-mapped", entry_points, source=source)
    params = {"model": "mapped/m", "api_base": upstream.origin, "max_retries": 0}
    entries = [
        {"model_name": "m", "params": params},
        {"model_name": "v", "params": params, "model_info": {"mode": "embedding"}},
    ]
    with running_gateway({"model_list": entries}) as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("RateLimitError", 429, "rate_limit_exceeded"),
        ("ContextWindowExceededError", 400, "context_length_exceeded"),
        ("ContentPolicyViolationError", 400, "content_policy_violation"),
        ("BadRequestError", 400, None),
        ("InternalServerError", 500, None),
    ],
)
def test_the_class_of_an_error_without_a_code_is_its_code(
    gateway: Any, upstream: FakeUpstream, kind: str, status: int, code: str | None
) -> None:
    upstream.answers.append(Answer.json({"message": "no"}, status, acme_class=kind))
    answer = gateway.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_vectors_are_packed_if_the_client_asks_for_base64(gateway: Any, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json([[0.5, -0.25], [1.0, 0.0]])
    asked = {"model": "v", "input": ["a", "b"]}
    plain = gateway.post("/v1/embeddings", asked).json()
    assert [row["embedding"] for row in plain["data"]] == [[0.5, -0.25], [1.0, 0.0]]
    packed = gateway.post("/v1/embeddings", {**asked, "encoding_format": "base64"}).json()
    assert packed["data"] == [
        {"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL4="},
        {"object": "embedding", "index": 1, "embedding": "AACAPwAAAAA="},
    ]
    assert (packed["object"], packed["model"], packed["usage"]) == (
        "list",
        "m",
        {"prompt_tokens": 2, "total_tokens": 2},
    )


def test_vectors_are_numbers_or_base64_as_the_program_asks(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json([[0.5, -0.25]])
    with Client(settings=Settings(), api_base=upstream.origin, max_retries=0) as client:
        client.add_plugin(vectors, family="embedding", prefix="mapped")
        assert client.embedding("mapped/m", "a").data[0].embedding == [0.5, -0.25]
        packed = client.embedding("mapped/m", "a", encoding_format="base64")
        assert packed.data[0].embedding == "AAAAPwAAgL4="
        assert [list(row) for row in packed.vectors] == [[0.5, -0.25]]
