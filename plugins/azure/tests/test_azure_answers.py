"""What Azure adds to answers, streams and errors, and what becomes of it: in the SDK and behind the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.running_gateway import running_gateway

HI: Any = [{"role": "user", "content": "hi"}]
SAFE = {"hate": {"filtered": False, "severity": "safe"}}
PROMPT = [{"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": False, "detected": False}}}]
SAID = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-2024-11-20", "system_fingerprint": "fp_1"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
WHOLE = {
    **SAID,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!"},
            "finish_reason": "stop",
            "content_filter_results": SAFE,
        }
    ],
    "prompt_filter_results": PROMPT,
    "usage": USAGE,
}
CHUNKS: list[dict[str, Any]] = [
    {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [],
        "prompt_filter_results": PROMPT,
    },
    *(
        {
            **SAID,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "content_filter_results": results}],
        }
        for delta, finish, results in (
            ({"role": "assistant", "content": ""}, None, {}),
            ({"content": "Hel"}, None, SAFE),
            ({"content": "lo!"}, None, SAFE),
            ({}, "stop", {}),
        )
    ),
    {**SAID, "object": "chat.completion.chunk", "choices": [], "usage": USAGE},
]
FOUND = {
    "hate": {"filtered": True, "severity": "high"},
    "jailbreak": {"filtered": False, "detected": True},
    "violence": {"filtered": False, "severity": "safe"},
}


def refused(outer: str, inner: str = "innererror", results: str = "content_filter_result") -> dict[str, Any]:
    return {
        "error": {
            "message": "The response was filtered.",
            "type": None,
            "param": "prompt",
            "code": outer,
            "status": 400,
            inner: {"code": "ResponsibleAIPolicyViolation", results: FOUND},
        }
    }


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[Client]:
    with Client(api_key="k", api_base=upstream.origin, max_retries=0, settings=Settings()) as made:
        yield made


def test_what_the_filter_said_survives_in_a_whole_answer(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(WHOLE)
    answer = client.completion("azure/dep", HI, base_model="gpt-4o")
    dumped = answer.model_dump(exclude_unset=True)
    assert (dumped["prompt_filter_results"], dumped["choices"][0]["content_filter_results"]) == (PROMPT, SAFE)
    assert answer.cost == pytest.approx(0.0125)
    assert answer.choices[0].message.content == "Hello!"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_first_chunk_without_choices_is_part_of_a_stream(mode: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(CHUNKS)
    known: Any = {"api_key": "k", "api_base": upstream.origin, "settings": Settings()}
    if mode == "sync":
        with Client(**known) as client:
            chunks = list(client.completion("azure/dep", HI, stream=True))
    else:

        async def main() -> list[Any]:
            async with AsyncClient(**known) as client:
                stream = await client.completion("azure/dep", HI, stream=True)
                return [chunk async for chunk in stream]

        chunks = asyncio.run(main())
    assert chunks[0].choices == []
    assert chunks[0].model_dump()["prompt_filter_results"] == PROMPT
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello!"
    assert [c.choices[0].model_dump()["content_filter_results"] for c in chunks if c.choices] == [{}, SAFE, SAFE, {}]


def test_a_stream_that_ends_early_is_truncated(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(CHUNKS[:4], done=False)
    with pytest.raises(errors.StreamTruncatedError):
        list(client.completion("azure/dep", HI, stream=True))


@pytest.mark.parametrize(
    "body",
    [
        refused("content_filter"),
        refused("contentFilter"),
        refused("content_policy_violation", "inner_error", "content_filter_results"),
    ],
)
def test_the_filters_error_is_typed_and_says_what_was_found(
    body: dict[str, Any], client: Client, upstream: FakeUpstream
) -> None:
    upstream.otherwise = Answer.json(body, 400, apim_request_id="apim-1")
    with pytest.raises(errors.ContentPolicyViolationError) as caught:
        client.completion("azure/dep", HI)
    error = caught.value
    assert (error.code, error.param, error.status_code, error.request_id) == ("content_filter", "prompt", 400, "apim-1")
    assert "hate high, jailbreak" in error.message
    assert "violence" not in error.message


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "content_filter", "message": "no"}},
        {"error": {"code": "content_filter", "innererror": "none"}},
        {"error": {"code": "content_filter", "innererror": {"content_filter_result": [1]}}},
        {"error": {"code": "content_filter", "innererror": {"content_filter_result": {"hate": 5, "sexual": {}}}}},
    ],
)
def test_a_malformed_report_of_the_filter_is_its_error_all_the_same(
    body: dict[str, Any], client: Client, upstream: FakeUpstream
) -> None:
    upstream.otherwise = Answer.json(body, 400)
    with pytest.raises(errors.ContentPolicyViolationError):
        client.completion("azure/dep", HI)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (404, {"error": {"code": "DeploymentNotFound", "message": "no"}}, errors.NotFoundError, "DeploymentNotFound"),
        (401, {"error": {"code": "401", "message": "Access denied"}}, errors.AuthenticationError, "401"),
        (
            400,
            {"error": {"code": "context_length_exceeded", "message": "long"}},
            errors.ContextWindowExceededError,
            "context_length_exceeded",
        ),
        (400, {"error": {"code": "OperationNotSupported", "message": "no"}}, errors.BadRequestError, None),
        (403, {"error": {"code": "403", "message": "Public access is disabled"}}, errors.PermissionDeniedError, None),
    ],
)
def test_other_errors_are_those_of_their_status_and_code(
    status: int, body: dict[str, Any], kind: type[Exception], code: str | None, client: Client, upstream: FakeUpstream
) -> None:
    upstream.otherwise = Answer.json(body, status)
    with pytest.raises(kind) as caught:
        client.completion("azure/dep", HI)
    assert code is None or getattr(caught.value, "code", None) == code


def test_a_rate_limit_says_in_milliseconds_when_to_try_again(client: Client, upstream: FakeUpstream) -> None:
    limited = {"error": {"code": "429", "message": "slow down"}}
    upstream.otherwise = Answer.json(limited, 429, retry_after_ms="1500", retry_after="2")
    with pytest.raises(errors.RateLimitError) as caught:
        client.completion("azure/dep", HI)
    assert caught.value.retry_after == pytest.approx(1.5)


def test_a_model_that_is_not_openais_is_called_in_the_same_way(client: Client, upstream: FakeUpstream) -> None:
    message = {"role": "assistant", "content": "4", "reasoning_content": "2 + 2"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    upstream.otherwise = Answer.json({**SAID, "model": "DeepSeek-R1", "choices": choices})
    answer = client.completion("azure/DeepSeek-R1", [*HI, message, *HI], extra_body={"top_k": 5})
    assert answer.choices[0].message.model_dump()["reasoning_content"] == "2 + 2"
    sent = upstream.received[0]["json"]
    assert (sent["top_k"], sent["model"], sent["messages"][1]["reasoning_content"]) == (5, "DeepSeek-R1", "2 + 2")


def test_parameters_are_judged_as_for_openai_where_the_model_is_known(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(WHOLE)
    with pytest.raises(errors.UnsupportedParamsError):
        client.completion("azure/dep", HI, base_model="o3-mini", temperature=0.5)
    client.completion("azure/dep", HI, temperature=0.5)
    renamed = client.completion("azure/dep", HI, base_model="gpt-5", max_tokens=5)
    assert [entry.action for entry in renamed.ledger] == ["renamed"]
    assert upstream.received[-1]["json"]["max_completion_tokens"] == 5
    with pytest.raises(errors.UnsupportedParamsError) as caught:
        client.completion("azure/dep", HI, base_model="gpt-4o", tools=[{"type": "web_search"}])
    assert "azure/responses/" in caught.value.message


def test_a_background_response_and_a_video_are_polled_at_their_place(client: Client, upstream: FakeUpstream) -> None:
    options: Any = {"provider_options": {"api_version": "2025-04-01-preview"}, "wait": True, "poll_seconds": 0}
    done = {"id": "j-1", "object": "response", "status": "completed", "output": [], "model": "m", "created_at": 1}
    upstream.answers += [Answer.json({**done, "status": "queued"}), Answer.json(done)]
    client.responses("azure/dep", "hi", background=True, **options)
    video = {"id": "j-1", "object": "video", "status": "completed", "model": "m", "created_at": 1, "progress": 100}
    upstream.answers += [Answer.json({**video, "status": "queued"}), Answer.json(video)]
    client.video_generation("azure/dep", "a cat", **options)
    version = "?api-version=2025-04-01-preview"
    assert [(request["method"], request["path"]) for request in upstream.received] == [
        ("POST", f"/openai/responses{version}"),
        ("GET", f"/openai/responses/j-1{version}"),
        ("POST", f"/openai/videos{version}"),
        ("GET", f"/openai/videos/j-1{version}"),
    ]


LITELLM: dict[str, Any] = {
    "model": "azure/my-deployment",
    "api_key": "os.environ/MY_AZURE_KEY",
    "api_version": "2024-10-21",
}


def test_litellms_config_is_served(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_AZURE_KEY", "key-canary-of-the-deployment")
    upstream.otherwise = Answer.json(WHOLE, apim_request_id="apim-1")
    entry = {
        "model_name": "m",
        "litellm_params": {**LITELLM, "api_base": upstream.origin},
        "model_info": {"base_model": "azure/gpt-4o"},
    }
    with running_gateway({"model_list": [entry]}) as gateway:
        answer = gateway.chat()
        (record,) = gateway.wait_records(1)
    assert answer.status_code == 200, answer.text
    assert answer.json()["prompt_filter_results"] == PROMPT
    assert answer.json()["choices"][0]["content_filter_results"] == SAFE
    (sent,) = upstream.received
    assert sent["path"] == "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    assert sent["headers"]["api-key"] == "key-canary-of-the-deployment"
    assert record.cost == pytest.approx(0.0125)


def test_a_stream_and_an_error_behind_the_gateway_keep_what_azure_says(upstream: FakeUpstream) -> None:
    params = {"model": "azure/dep", "api_key": "k", "api_base": upstream.origin}
    with running_gateway({"model_list": [{"model_name": "m", "litellm_params": params}]}) as gateway:
        upstream.answers += [Answer.sse(CHUNKS), Answer.json(refused("content_filter"), 400)]
        streamed = gateway.chat(stream=True)
        failed = gateway.chat()
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line.startswith("data: {")]
    assert json.loads(events[0])["prompt_filter_results"] == PROMPT
    assert failed.status_code == 400
    assert failed.json()["error"]["code"] == "content_filter"


def test_a_client_of_the_gateway_cannot_choose_how_to_sign_in(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(WHOLE)
    params = {"model": "azure/dep", "api_key": "k", "api_base": upstream.origin}
    with running_gateway({"model_list": [{"model_name": "m", "litellm_params": params}]}) as gateway:
        for name in ("api_version", "azure_ad_token", "base_model", "provider_options"):
            assert gateway.chat(**{name: "x"}).status_code == 400
        gateway.chat(client_secret="x", tenant_id="y", azure_credential="managed_identity")
    assert all(request["path"] == "/openai/v1/chat/completions" for request in upstream.received)
    assert all(request["headers"]["api-key"] == "k" for request in upstream.received)
