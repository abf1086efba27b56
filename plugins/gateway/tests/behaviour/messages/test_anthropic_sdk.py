"""The official Anthropic SDK against the gateway, over an upstream of the Messages API and over one of chat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from llmgate_core.testing import Answer
from tests.support.messages_upstream import failed, message, message_events, stream_of
from tests.support.running_gateway import RunningGateway

HI: Any = [{"role": "user", "content": "hi"}]
MASTER = "sk-client-0123456789abcdef"
NATIVE, ITSELF, BRIDGED = MODELS = ["claude-native", "claude-itself", "claude-bridged"]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
each_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture
def gateway(serve: Any) -> RunningGateway:
    running: RunningGateway = serve(general={"master_key": MASTER})
    return running


@pytest.fixture(params=["", "/anthropic"])
def client(gateway: RunningGateway, request: pytest.FixtureRequest) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.base_url + request.param, api_key=MASTER, max_retries=0) as client:
        yield client


@each_model
def test_a_message(client: anthropic.Anthropic, model: str) -> None:
    answer = client.messages.create(model=model, max_tokens=64, messages=HI)
    (block,) = answer.content
    assert (block.type, answer.stop_reason, answer.role) == ("text", "end_turn", "assistant")
    assert block.text == "Hello!"  # type: ignore[union-attr]
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer._request_id


@each_model
def test_a_bearer_token_does_as_well(gateway: RunningGateway, model: str) -> None:
    with anthropic.Anthropic(base_url=gateway.base_url, auth_token=MASTER, max_retries=0) as client:
        assert client.messages.create(model=model, max_tokens=64, messages=HI).content


@each_model
def test_a_stream(client: anthropic.Anthropic, model: str) -> None:
    events = list(client.messages.create(model=model, max_tokens=64, messages=HI, stream=True))
    assert [events[0].type, events[-1].type] == ["message_start", "message_stop"]
    assert [event.type for event in events].count("message_start") == 1


@each_model
def test_the_stream_helper(client: anthropic.Anthropic, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=64, messages=HI) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text  # type: ignore[union-attr]
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


@each_model
def test_a_tool_and_its_result(client: anthropic.Anthropic, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=64, messages=HI, tools=[WEATHER]) as stream:
        called = stream.get_final_message()
    (use,) = (block for block in called.content if block.type == "tool_use")
    assert (called.stop_reason, use.name, use.input) == ("tool_use", "get_weather", {"city": "Paris"})
    result: Any = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    turns: Any = [*HI, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
    answer = client.messages.create(model=model, max_tokens=64, messages=turns, tools=[WEATHER])
    assert answer.stop_reason == "end_turn"


@each_model
@pytest.mark.parametrize("streamed", [False, True])
def test_the_tool_runner(client: anthropic.Anthropic, model: str, *, streamed: bool) -> None:
    asked: list[str] = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: its name.
        """
        asked.append(city)
        return "sunny"

    runner: Any = client.beta.messages.tool_runner(
        model=model, max_tokens=64, messages=HI, tools=[get_weather], stream=streamed
    )
    answers = [turn.get_final_message() if streamed else turn for turn in runner]
    assert asked == ["Paris"]
    assert [answer.stop_reason for answer in answers] == ["tool_use", "end_turn"]


@each_model
def test_tokens_are_counted(client: anthropic.Anthropic, model: str) -> None:
    counted = client.messages.with_raw_response.count_tokens(model=model, messages=HI)
    assert counted.parse().input_tokens > 0
    assert counted.headers.get("x-llmgate-estimated") == ("true" if model == BRIDGED else None)


def test_models(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == MODELS
    assert [model.id for model in client.models.list(limit=1)] == MODELS
    assert client.models.retrieve(NATIVE).type == "model"
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nobody")


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (404, "not_found_error", anthropic.NotFoundError),
        (409, "conflict_error", anthropic.ConflictError),
        (422, "invalid_request_error", anthropic.UnprocessableEntityError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_errors_have_the_sdks_classes(
    client: anthropic.Anthropic, upstream: Any, status: int, kind: str, raised: type[anthropic.APIStatusError]
) -> None:
    upstream.answers.append(failed(status, kind, "slow down"))
    with pytest.raises(raised) as caught:
        client.messages.create(model=NATIVE, max_tokens=64, messages=HI)
    assert (caught.value.status_code, caught.value.request_id) == (status, "req_up")
    assert caught.value.body["error"]["message"] == "slow down"  # type: ignore[index]


def test_errors_of_the_gateways_own(client: anthropic.Anthropic, gateway: RunningGateway) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        client.messages.create(model="nobody", max_tokens=64, messages=HI)
    assert unknown.value.error_code == "model_not_found"
    with (
        anthropic.Anthropic(base_url=gateway.base_url, api_key="sk-wrong", max_retries=0) as other,
        pytest.raises(anthropic.AuthenticationError),
    ):
        other.messages.create(model=NATIVE, max_tokens=64, messages=HI)


def test_the_sdk_tries_again_where_that_can_help(gateway: RunningGateway, upstream: Any) -> None:
    upstream.answers += [failed(529, "overloaded_error", retry_after="0.01")] * 2
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=MASTER, max_retries=2) as client:
        assert client.messages.create(model=NATIVE, max_tokens=64, messages=HI).content
    assert len(upstream.received) == 3


def test_an_error_in_a_stream_is_raised(client: anthropic.Anthropic, upstream: Any) -> None:
    begun = message_events(message({"type": "text", "text": "Hi"}))[:4]
    broken = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstream.answers.append(Answer(200, stream_of([*begun, broken]), {"content-type": "text/event-stream"}))
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        list(client.messages.create(model=NATIVE, max_tokens=64, messages=HI, stream=True))


@each_model
def test_async(gateway: RunningGateway, model: str) -> None:
    async def run() -> tuple[Any, Any, int]:
        async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=MASTER, max_retries=0) as client:
            answer = await client.messages.create(model=model, max_tokens=64, messages=HI)
            async with client.messages.stream(model=model, max_tokens=64, messages=HI) as stream:
                final = await stream.get_final_message()
            counted = await client.messages.count_tokens(model=model, messages=HI)
            return answer.content[0], final.content[0], counted.input_tokens

    whole, streamed, tokens = asyncio.run(run())
    assert (whole.type, streamed.type) == ("text", "text")
    assert tokens > 0


@pytest.mark.parametrize("model", [NATIVE, ITSELF])
def test_betas_reach_an_upstream_of_the_same_api(client: anthropic.Anthropic, upstream: Any, model: str) -> None:
    betas = ["context-management-2025-06-27", "interleaved-thinking-2025-05-14"]
    client.beta.messages.create(model=model, max_tokens=64, messages=HI, betas=betas, context_management={"edits": []})
    sent = upstream.received[0]
    assert sent["headers"]["anthropic-beta"].split(",") == betas
    assert sent["json"]["context_management"] == {"edits": []}
