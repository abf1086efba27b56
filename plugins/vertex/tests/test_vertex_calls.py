"""Where calls go and what they hold, next to what Google's and Anthropic's own SDKs send for the same call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import anthropic
import pytest
from google import genai
from google.oauth2.credentials import Credentials

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.running_gateway import running_gateway

HI: Any = [{"role": "user", "content": "hi"}]
TOKEN = "token-canary-of-google-4Rt"
PLACE = {"vertex_project": "my-project", "vertex_location": "europe-west4"}
PREFIX = "/v1/projects/my-project/locations/europe-west4"
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello!"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
CHAT = {"id": "c-1", "choices": [{"index": 0, "message": {"content": "Hello!"}, "finish_reason": "stop"}]}
VECTOR = {"predictions": [{"embeddings": {"values": [0.5, 1.0], "statistics": {"token_count": 2}}}]}


def answered(request: ReceivedRequest) -> Answer:
    path = request["path"]
    if "anthropic" in path:
        return Answer.json({"input_tokens": 7} if "count-tokens" in path else MESSAGE)
    if ":predict" in path:
        rows = len(request["json"]["instances"])
        return Answer.json({"predictions": VECTOR["predictions"] * rows})
    return Answer.json(CHAT if "openapi" in path else GEMINI)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


def known(upstream: FakeUpstream, **options: str) -> dict[str, Any]:
    return {
        "api_key": TOKEN,
        "api_base": upstream.origin,
        "provider_options": {**PLACE, **options},
        "max_retries": 0,
        "settings": Settings(),
    }


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[Client]:
    with Client(**known(upstream)) as made:
        yield made


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        (None, "aiplatform.googleapis.com"),
    ],
)
def test_a_location_has_its_host_as_in_anthropics_sdk(location: str | None, host: str) -> None:
    options = {"vertex_project": "p", **({"vertex_location": location} if location else {})}
    with Client(api_key="k", settings=Settings()) as client:
        target = client.resolve("chat", "vertex_ai/gemini-3.8-flash")
        base = client.destination(target, provider_options=options).base_url
    sdk = anthropic.AnthropicVertex(region=location or "global", project_id="p", access_token="t")
    assert base == f"https://{host}/v1/projects/p/locations/{location or 'global'}"
    assert base.startswith(str(sdk.base_url).rstrip("/"))


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://proxy.example", f"https://proxy.example{PREFIX}"),
        ("https://proxy.example/v1beta1", f"https://proxy.example{PREFIX.replace('/v1/', '/v1beta1/')}"),
        ("https://proxy.example/v1/projects/x/locations/y", "https://proxy.example/v1/projects/x/locations/y"),
        ("https://proxy.example/a?k=v", f"https://proxy.example/a{PREFIX}?k=v"),
    ],
)
def test_another_address_keeps_its_host(base: str, expected: str) -> None:
    with Client(api_key="k", settings=Settings()) as client:
        target = client.resolve("chat", "vertex_ai/gemini-3.8-flash")
        assert client.destination(target, api_base=base, provider_options=PLACE).base_url == expected


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"vertex_project": "a/b"}, "vertex_project"),
        ({"vertex_project": ""}, "vertex_project"),
        ({"vertex_project": "p", "vertex_location": "Mars_1"}, "vertex_location"),
    ],
)
def test_a_place_that_is_malformed_is_named(
    options: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with Client(api_key="k", settings=Settings()) as client, pytest.raises(errors.ConfigError) as caught:
        client.completion("vertex_ai/gemini-3.8-flash", HI, provider_options=options)
    assert word in caught.value.message


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.8-flash", "/publishers/google/models/gemini-3.8-flash:generateContent"),
        ("publishers/google/models/gemini-3.8-flash", "/publishers/google/models/gemini-3.8-flash:generateContent"),
        ("1234567890", "/endpoints/1234567890:generateContent"),
        ("endpoints/1234567890", "/endpoints/1234567890:generateContent"),
        ("claude-sonnet-4-5@20250929", "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"),
        ("anthropic/claude-opus-5", "/publishers/anthropic/models/claude-opus-5:rawPredict"),
        ("meta/llama-4-maas", "/endpoints/openapi/chat/completions"),
        ("google/gemini-3.8-flash", "/endpoints/openapi/chat/completions"),
    ],
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_models_name_says_which_wire_it_speaks(mode: str, model: str, path: str, upstream: FakeUpstream) -> None:
    if mode == "sync":
        with Client(**known(upstream)) as client:
            answer = client.completion(f"vertex_ai/{model}", HI, max_tokens=5)
    else:

        async def main() -> Any:
            async with AsyncClient(**known(upstream)) as client:
                return await client.completion(f"vertex_ai/{model}", HI, max_tokens=5)

        answer = asyncio.run(main())
    assert answer.choices[0].message.content == "Hello!"
    (sent,) = upstream.received
    assert unquote(sent["path"]) == PREFIX + path
    assert sent["headers"]["authorization"] == f"Bearer {TOKEN}"
    if "openapi" in path:
        assert sent["json"]["model"] == model


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.8-flash", "/publishers/google/models/gemini-3.8-flash:generateContent"),
        ("meta/llama-4", "/endpoints/openapi/chat/completions"),
        ("anthropic/claude-opus-5", "/publishers/anthropic/models/claude-opus-5:rawPredict"),
    ],
)
def test_messages_of_other_models_than_claude_are_converted(
    client: Client, upstream: FakeUpstream, model: str, path: str
) -> None:
    said = client.messages(f"vertex_ai/{model}", HI, max_tokens=5)
    assert said.content[0].text == "Hello!"
    assert upstream.received[0]["path"].endswith(path)


def test_tokens_of_other_models_than_claude_are_not_counted_by_anthropics_counter(client: Client) -> None:
    counted = client.count_message_tokens("vertex_ai/gemini-3.8-flash", HI)
    assert (counted.is_estimate, counted.input_tokens > 0) == (True, True)


def test_claude_gets_what_anthropics_own_sdk_sends(client: Client, upstream: FakeUpstream) -> None:
    sdk = anthropic.AnthropicVertex(
        region="europe-west4",
        project_id="my-project",
        access_token=TOKEN,
        base_url=f"{upstream.origin}/v1",
        max_retries=0,
    )
    sdk.messages.create(model="claude-sonnet-5-5", messages=HI, max_tokens=5)
    client.messages("vertex_ai/claude-sonnet-5-5", HI, max_tokens=5)
    client.completion("vertex_ai/claude-sonnet-5-5", HI, max_tokens=5)
    theirs, relayed, converted = upstream.received
    assert theirs["path"] == relayed["path"] == converted["path"]
    assert relayed["json"]["anthropic_version"] == "vertex-2023-10-16"  # Google's; the SDK sends Anthropic's own
    assert {**theirs["json"], "anthropic_version": "vertex-2023-10-16"} == relayed["json"]
    assert {**converted["json"], "messages": HI} == relayed["json"]
    assert theirs["headers"]["authorization"] == relayed["headers"]["authorization"]


def test_counting_and_streaming_have_paths_of_their_own(client: Client, upstream: FakeUpstream) -> None:
    sdk = anthropic.AnthropicVertex(
        region="europe-west4", project_id="my-project", access_token=TOKEN, base_url=f"{upstream.origin}/v1"
    )
    sdk.messages.count_tokens(model="claude-sonnet-5-5", messages=HI)
    client.count_message_tokens("vertex_ai/claude-sonnet-5-5", HI)
    theirs, ours = upstream.received
    assert (ours["path"], ours["json"]["model"]) == (theirs["path"], theirs["json"]["model"])
    events = [
        ("message_start", {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}),
        (
            "content_block_start",
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        ),
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello!"}},
        ),
        ("content_block_stop", {"type": "content_block_stop", "index": 0}),
        (
            "message_delta",
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        ),
        ("message_stop", {"type": "message_stop"}),
    ]
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events).encode()
    upstream.answers.append(Answer(200, body, {"content-type": "text/event-stream"}))
    chunks = list(client.completion("vertex_ai/claude-sonnet-5-5", HI, stream=True, max_tokens=5))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello!"
    sent = upstream.received[-1]
    assert sent["path"].endswith("/publishers/anthropic/models/claude-sonnet-5-5:streamRawPredict")
    assert (sent["json"]["stream"], sent["json"]["anthropic_version"]) == (True, "vertex-2023-10-16")


def test_gemini_gets_what_googles_own_sdk_sends(client: Client, upstream: FakeUpstream) -> None:
    sdk = genai.Client(
        vertexai=True,
        project="my-project",
        location="europe-west4",
        credentials=Credentials(TOKEN),  # type: ignore[no-untyped-call]
        http_options={"base_url": upstream.origin, "api_version": "v1"},
    )
    sdk.models.generate_content(
        model="gemini-2.5-pro", contents="hi", config={"temperature": 0.5, "max_output_tokens": 5, "seed": 1}
    )
    client.completion("vertex_ai/gemini-2.5-pro", HI, temperature=0.5, max_tokens=5, seed=1)
    upstream.answers += [Answer.sse([GEMINI], done=False)] * 2
    list(sdk.models.generate_content_stream(model="gemini-2.5-pro", contents="hi"))
    list(client.completion("vertex_ai/gemini-2.5-pro", HI, stream=True))
    sdk.models.embed_content(model="text-embedding-005", contents="hi", config={"output_dimensionality": 2})
    client.embedding("vertex_ai/text-embedding-005", ["hi"], dimensions=2)
    for theirs, ours in zip(upstream.received[::2], upstream.received[1::2], strict=True):
        assert unquote(ours["path"]) == unquote(theirs["path"])
        assert ours["json"] == theirs["json"]
        assert ours["headers"]["authorization"] == theirs["headers"]["authorization"]


def test_many_texts_are_sent_in_batches(client: Client, upstream: FakeUpstream) -> None:
    many = client.embedding("vertex_ai/text-embedding-005", [str(number) for number in range(600)])
    assert [len(request["json"]["instances"]) for request in upstream.received] == [250, 250, 100]
    assert [row.index for row in many.data] == list(range(600))
    assert many.model_dump()["usage"]["prompt_tokens"] == 1200
    upstream.received.clear()
    client.embedding("vertex_ai/gemini-embedding-001", ["a", "b"], extra_body={"input_type": "search_query"})
    assert [request["json"]["instances"] for request in upstream.received] == [
        [{"content": text, "task_type": "RETRIEVAL_QUERY"}] for text in "ab"
    ]


def test_labels_and_the_quota_project_are_sent(upstream: FakeUpstream) -> None:
    with Client(**known(upstream, vertex_quota_project="another-project")) as client:
        client.completion("vertex_ai/gemini-3.8-flash", HI, extra_body={"labels": {"team": "search"}})
    (sent,) = upstream.received
    assert sent["headers"]["x-goog-user-project"] == "another-project"
    assert sent["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert sent["json"]["labels"] == {"team": "search"}


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "claude-sonnet-5-5", "meta/llama-4"])
def test_an_error_of_googles_is_typed_whatever_the_wire(model: str, client: Client, upstream: FakeUpstream) -> None:
    said = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
    upstream.otherwise = Answer.json(said, 429)
    with pytest.raises(errors.RateLimitError) as caught:
        client.completion(f"vertex_ai/{model}", HI, max_tokens=5)
    assert caught.value.type == "RESOURCE_EXHAUSTED"
    said = {"error": {"code": 404, "message": "Publisher Model was not found", "status": "NOT_FOUND"}}
    upstream.otherwise = Answer.json(said, 404)
    with pytest.raises(errors.NotFoundError):
        client.completion(f"vertex_ai/{model}", HI, max_tokens=5)


def test_an_error_of_anthropics_is_typed_too(client: Client, upstream: FakeUpstream) -> None:
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}
    upstream.otherwise = Answer.json(said, 400)
    with pytest.raises(errors.ContextWindowExceededError):
        client.completion("vertex_ai/claude-sonnet-5-5", HI, max_tokens=5)


def test_litellms_config_is_served(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    params = {
        "model": "vertex_ai/gemini-3.8-flash",
        "api_key": "os.environ/MY_TOKEN",
        "api_base": upstream.origin,
        "vertex_project": "my-project",
        "vertex_location": "europe-west4",
    }
    with running_gateway({"model_list": [{"model_name": "m", "litellm_params": params}]}) as gateway:
        answer = gateway.chat(vertex_project="stolen")
    assert answer.json()["choices"][0]["message"]["content"] == "Hello!"
    assert upstream.received[0]["path"].startswith(PREFIX)
