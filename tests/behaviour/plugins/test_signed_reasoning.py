"""A tool loop with a model that signs its reasoning: over chat, over responses, and through the gateway.

The upstream answers 400 where a signature is missing or changed, so a loop that ends has lost none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from llmgate_core import AsyncClient, BadRequestError, Client
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway
from tests.support.signed_provider import SAID, answer_signed

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
CHAT_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
ASKED = {"role": "user", "content": "Where is it?"}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": []}
Items = list[Any]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> PluginSite:
    upstream.otherwise = answer_signed
    made = PluginSite(tmp_path, monkeypatch)
    source = "from tests.support.signed_provider import plugin\n"
    made.install("llmgate-signed", {"chat:signed": "plugin"}, source=source)
    return made


Respond = Callable[..., Any]
"""Calls `responses` or its like with an input, and returns the whole response, also of a stream."""


def sdk_sync(upstream: FakeUpstream) -> Iterator[Respond]:
    with Client(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as client:

        def respond(items: Items, *, stream: bool, model: str = "m", **more: Any) -> Any:
            answer = client.responses(f"signed/{model}", items, tools=[TOOL], stream=stream, **more)
            return list(answer)[-1].response if stream else answer

        yield respond


def sdk_async(upstream: FakeUpstream) -> Iterator[Respond]:
    async def ask(items: Items, *, stream: bool, model: str = "m", **more: Any) -> Any:
        async with AsyncClient(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as client:
            answer = await client.responses(f"signed/{model}", items, tools=[TOOL], stream=stream, **more)
            return [event async for event in answer][-1].response if stream else answer

    yield lambda items, **more: asyncio.run(ask(items, **more))


def gateway(upstream: FakeUpstream) -> Iterator[Respond]:
    params = {"api_key": "sk-test", "api_base": upstream.base_url}
    models = [{"model_name": name, "params": {"model": f"signed/{name}", **params}} for name in ("m", "at-once")]
    with (
        running_gateway({"model_list": models}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
    ):

        def respond(items: Items, *, stream: bool, model: str = "m", **more: Any) -> Any:
            if not stream:
                return client.responses.create(model=model, input=items, tools=[TOOL], **more)
            with client.responses.stream(model=model, input=items, tools=[TOOL], **more) as events:
                return events.get_final_response()

        yield respond


@pytest.fixture(params=[sdk_sync, sdk_async, gateway])
def respond(request: pytest.FixtureRequest, site: PluginSite, upstream: FakeUpstream) -> Iterator[Respond]:
    """Return each way to call responses."""
    yield from request.param(upstream)


def as_they_are(items: Items) -> Items:
    return items


def of_known_fields(items: Items) -> Items:
    """The items as a client passes them on that only knows the fields of the API."""
    known = {
        "reasoning": ("type", "id", "summary", "encrypted_content"),
        "message": ("type", "role", "content"),
        "function_call": ("type", "call_id", "name", "arguments"),
    }
    items = [item if isinstance(item, dict) else item.model_dump() for item in items]
    return [{name: item[name] for name in known[item["type"]]} for item in items]


@pytest.mark.parametrize(("stream", "model"), [(False, "m"), (True, "m"), (True, "at-once")])
@pytest.mark.parametrize("kept", [as_they_are, of_known_fields])
def test_a_tool_loop_over_responses_loses_no_signature(
    stream: bool, model: str, kept: Callable[[Items], Items], respond: Respond, upstream: FakeUpstream
) -> None:
    history: Items = [ASKED]
    for _ in SAID:
        answer = respond(history, model=model, stream=stream, store=False, include=["reasoning.encrypted_content"])
        history += kept(answer.output)
        calls = [item for item in answer.output if item.type == "function_call"]
        history += [{"type": "function_call_output", "call_id": call.call_id, "output": "here"} for call in calls]
    assert answer.output_text == "It is there."
    roles = [turn["role"] for turn in upstream.received[-1]["json"]["turns"]]
    assert roles == ["user", "assistant", "user", "user", "assistant", "user", "user"]


def test_calls_whose_results_come_at_once_stay_in_one_turn(respond: Respond, upstream: FakeUpstream) -> None:
    history: Items = [ASKED]
    for _ in SAID:
        for item in respond(history, stream=True).output:
            history.append(item)
            if item.type == "function_call":
                history.append({"type": "function_call_output", "call_id": item.call_id, "output": "here"})
    assert len(upstream.received) == len(SAID)


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_answer_has_the_same_items(stream: bool, respond: Respond) -> None:
    first, again = (respond([ASKED], stream=stream).output for _ in range(2))
    assert [item.model_dump() for item in first] == [item.model_dump() for item in again]
    sealed = [item.encrypted_content for item in first if item.type == "reasoning"]
    assert all(content.startswith("llmgate:signed:") for content in sealed)


@pytest.mark.parametrize(
    "spoilt",
    [
        "llmgate:other:eyJpdGVtcyI6W119",
        "llmgate:signed:%%%",
        "llmgate:signed:eyJpdGVtcyI6W119eyJ",
        "llmgate:signed:WzFd",
        "llmgate:signed:" + "A" * (4 * 1024 * 1024 + 4),
        "gAAAAABopenai",
    ],
    ids=["another provider's", "not base64", "not JSON", "not an object", "too long", "OpenAI's"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_not_this_providers_is_left_out_and_told(spoilt: str, site: PluginSite, upstream: FakeUpstream) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": spoilt}
    with Client(api_base=upstream.base_url, api_key="sk-test") as client:
        answer = client.responses("signed/m", [ASKED, item, {"role": "user", "content": "Well?"}])
    turns = upstream.received[0]["json"]["turns"]
    assert [turn["blocks"] for turn in turns] == [
        [{"type": "text", "text": text}] for text in ("Where is it?", "Well?")
    ]
    assert "reasoning" in " ".join(entry.reason for entry in answer.ledger if entry.parameter == "input")


def test_a_changed_signature_is_the_upstreams_400(site: PluginSite, upstream: FakeUpstream) -> None:
    with Client(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as client:
        message = client.completion("signed/m", [ASKED], tools=[CHAT_TOOL]).choices[0].message.model_dump()
        message["reasoning_items"][0]["signature"] = "changed"
        with pytest.raises(BadRequestError, match="turn 0"):
            client.completion("signed/m", [ASKED, message, *results(message)])


def results(message: Any) -> Items:
    calls = message["tool_calls"] if isinstance(message, dict) else message.tool_calls or ()
    ids = [call["id"] if isinstance(call, dict) else call.id for call in calls]
    return [{"role": "tool", "tool_call_id": call_id, "content": "here"} for call_id in ids]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_over_completion_keeps_message_objects(
    stream: bool, site: PluginSite, upstream: FakeUpstream
) -> None:
    messages: Items = [ASKED]
    with Client(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as client:
        for _ in SAID:
            answer = client.completion("signed/m", messages, tools=[CHAT_TOOL], stream=stream)
            message = (answer.whole() if stream else answer).choices[0].message
            messages += [message, *results(message)]
    assert message.content == "It is there."


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_over_chat_through_the_gateway(stream: bool, site: PluginSite, upstream: FakeUpstream) -> None:
    params = {"model": "signed/at-once", "api_key": "sk-test", "api_base": upstream.base_url}
    messages: Items = [ASKED]
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
    ):
        asked: dict[str, Any] = {"model": "m", "messages": messages, "tools": [CHAT_TOOL]}
        for _ in SAID:
            message: Any
            if stream:
                with client.chat.completions.stream(**asked) as events:
                    message = events.get_final_completion().choices[0].message
            else:
                message = client.chat.completions.create(**asked).choices[0].message
            messages += [message, *results(message)]
    assert message.content == "It is there."


def test_reasoning_of_a_plugin_never_goes_to_a_responses_api(site: PluginSite, upstream: FakeUpstream) -> None:
    with Client(api_base=upstream.base_url, api_key="sk-test", max_retries=0) as client:
        output = client.responses("signed/m", [ASKED], tools=[TOOL]).output
        message = client.completion("signed/m", [ASKED]).choices[0].message
        upstream.received.clear()
        upstream.otherwise = Answer.json(RESPONSE)
        answer = client.responses("openai/gpt-5-mini", [ASKED, *output])
        chat = client.completion("openai/responses/gpt-5-mini", [ASKED, message, *results(message)])
    for request in upstream.received:
        assert "reasoning" not in [item.get("type") for item in request["json"]["input"]]
        assert b"llmgate:" not in request["body"]
    for told in (answer, chat):
        assert "another provider" in " ".join(entry.reason for entry in told.ledger)
