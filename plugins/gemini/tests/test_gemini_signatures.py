"""Thought signatures come back on the part that they were on: over chat, over responses, and through the gateway.

The upstream answers 400 where one is missing or changed, as Google does, so a loop that ends has lost none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from llmgate_gemini.wire.signatures import carried_in_id, plain_id

from llmgate_core import BadRequestError, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import DUMMY, SAID, answer_signed, fault, said
from tests.support.running_gateway import running_gateway

MODEL = "gemini/gemini-3.8-flash"
NAMES = ("look", "listen", "touch")
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in NAMES]
RESPONSE_TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in NAMES]
ASKED = {"role": "user", "content": "Where is it?"}
AGAIN = {"role": "user", "content": "Are you sure?"}


@pytest.fixture(autouse=True)
def signing(fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = answer_signed


def results(message: Any) -> list[dict[str, Any]]:
    """Return the results of a message's calls, the last one first."""
    return [{"role": "tool", "tool_call_id": call.id, "content": "seen"} for call in reversed(message.tool_calls)]


def loop(complete: Callable[[list[Any]], Any], sent_back: Callable[[Any], Any]) -> str:
    """Make three turns and a fourth, with the messages as `sent_back` makes them; return the last text."""
    messages: list[Any] = [ASKED]
    message = complete(messages)
    while message.tool_calls:
        messages += [sent_back(message), *results(message)]
        message = complete(messages)
    text: str = message.content
    messages += [sent_back(message), AGAIN]
    complete(messages)
    return text


def as_object(message: Any) -> Any:
    return message


def as_dump(message: Any) -> Any:
    return message.model_dump()


def as_json(message: Any) -> Any:
    return json.loads(message.model_dump_json(exclude_unset=True))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sent_back", [as_object, as_dump, as_json])
def test_a_chat_keeps_the_signatures(ask: Callable[..., Any], sent_back: Any, stream: bool) -> None:
    def complete(messages: list[Any]) -> Any:
        answer = ask("completion", model=MODEL, messages=messages, tools=TOOLS, stream=stream)
        return answer.choices[0].message

    assert loop(complete, sent_back) == "It is there."


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_responses_keep_the_signatures(ask: Callable[..., Any], stream: bool) -> None:
    items: list[Any] = [ASKED]
    for _ in range(4):
        answer = ask("responses", model=MODEL, input=items, tools=RESPONSE_TOOLS, stream=stream)
        answer = getattr(answer, "response", answer)
        items += answer.output
        calls = [item for item in answer.output if item.type == "function_call"]
        items += [{"type": "function_call_output", "call_id": call.call_id, "output": "seen"} for call in calls]
        if not calls:
            items.append(AGAIN)
    assert answer.output_text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_messages_keep_the_signatures(client: Client, fake_upstream: FakeUpstream, stream: bool) -> None:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in NAMES]
    said_so_far: list[Any] = [ASKED]
    for _ in range(4):
        answer = client.messages(MODEL, said_so_far, 1000, tools=tools, stream=stream)
        content = (answer.whole() if stream else answer).model_dump(exclude_unset=True)["content"]
        used = [block["id"] for block in content if block["type"] == "tool_use"]
        outputs = [{"type": "tool_result", "tool_use_id": call_id, "content": "seen"} for call_id in used]
        said_so_far += [{"role": "assistant", "content": content}, {"role": "user", "content": outputs or "Sure?"}]
    assert DUMMY not in str(fake_upstream.received[-1]["json"])


@pytest.fixture
def outside(fake_upstream: FakeUpstream, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    """Return OpenAI's own client of a gateway; with the mark's argument as provider options of the deployment."""
    base = f"{fake_upstream.origin}/v1beta"
    params = {"model": MODEL, "api_key": "k-1", "api_base": base, **getattr(request, "param", {})}
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as made,
    ):
        yield made


def test_the_gateway_keeps_the_signatures(outside: openai.OpenAI) -> None:
    def complete(messages: list[Any]) -> Any:
        return outside.chat.completions.create(model="m", messages=messages, tools=TOOLS).choices[0].message  # type: ignore[arg-type]

    assert loop(complete, as_dump) == "It is there."


def test_the_gateway_keeps_the_signatures_of_a_stream(outside: openai.OpenAI) -> None:
    def complete(messages: list[Any]) -> Any:
        with outside.chat.completions.stream(model="m", messages=messages, tools=TOOLS) as events:  # type: ignore[arg-type]
            return events.get_final_completion().choices[0].message

    assert loop(complete, as_dump) == "It is there."


# --- clients that drop unknown fields ---


def stripped(message: Any) -> Any:
    """Return a message as a client sends it that knows OpenAI's fields only."""
    calls = [
        {"id": call.id, "type": "function", "function": call.function.model_dump(include={"name", "arguments"})}
        for call in message.tool_calls or ()
    ]
    return {"role": "assistant", "content": message.content, **({"tool_calls": calls} if calls else {})}


IN_IDS = {"signature_in_tool_call_id": "true"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_ids_carry_the_signatures_where_the_option_says_so(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    messages: list[Any] = [ASKED]
    for _ in range(2):
        options = {"tools": TOOLS, "provider_options": IN_IDS, "stream": stream}
        message = ask("completion", model=MODEL, messages=messages, **options).choices[0].message
        messages += [stripped(message), *results(message)]
    assert carried_in_id(message.tool_calls[0].id) == "c2lnLTI+Pz8/"
    answer = ask("completion", model=MODEL, messages=messages, tools=TOOLS)  # recognized without the option too
    assert answer.choices[0].message.content == "It is there."
    assert answer.ledger == ()
    sent = fake_upstream.received[-1]["json"]["contents"]
    assert [part["functionResponse"]["id"] for part in sent[2]["parts"]] == ["id-look", "id-listen"]


@pytest.mark.parametrize("outside", [IN_IDS], indirect=True)
def test_ids_carry_the_signatures_through_the_gateway(outside: openai.OpenAI) -> None:
    def complete(messages: list[Any]) -> Any:
        return outside.chat.completions.create(model="m", messages=messages, tools=TOOLS).choices[0].message  # type: ignore[arg-type]

    messages: list[Any] = [ASKED]
    for _ in range(2):
        message = complete(messages)
        messages += [stripped(message), *results(message)]
    assert complete(messages).content == "It is there."


def test_an_id_is_the_same_without_its_signature() -> None:
    assert plain_id("call_1~sig~YQ..") == plain_id("call_1__thought__YQ==") == plain_id("call_1") == "call_1"
    assert carried_in_id("call_1~sig~YQ..") == carried_in_id("call_1__thought__YQ==") == "YQ=="
    assert carried_in_id("call_1") is None


def test_histories_of_litellm_keep_their_signatures(client: Client, fake_upstream: FakeUpstream) -> None:
    call = {"id": "id-look", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}
    other = {"id": "id-listen", "type": "function", "function": {"name": "listen", "arguments": '{"at":2}'}}
    call["provider_specific_fields"] = {"thought_signature": "c2lnLTE="}
    message = {"role": "assistant", "content": "Let me look.", "tool_calls": [call, other]}
    outputs = [{"role": "tool", "tool_call_id": name, "content": "seen"} for name in ("id-look", "id-listen")]
    client.completion(MODEL, [ASKED, message, *outputs], tools=TOOLS)
    assert fake_upstream.received[-1]["json"]["contents"][1]["parts"] == SAID[0]


# --- a signature that is missing, or another server's ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_missing_signature_is_replaced_by_the_documented_dummy(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    first = ask("completion", model=MODEL, messages=[ASKED], tools=TOOLS).choices[0].message
    history = [ASKED, stripped(first), *results(first)]
    answer = ask("completion", model=MODEL, messages=history, tools=TOOLS, stream=stream)
    assert answer.choices[0].message.tool_calls[0].function.name == "touch"
    parts = fake_upstream.received[-1]["json"]["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, DUMMY, None]
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("messages", "emulated")]


def test_only_the_current_turn_gets_the_dummy_and_only_where_the_model_wants_it(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "Yes."}))
    first = {"role": "assistant", "tool_calls": [call_of("call_1", "look")]}
    history = [ASKED, first, result_of("call_1"), {"role": "assistant", "content": "There."}, AGAIN]
    client.completion(MODEL, history, tools=TOOLS)
    assert DUMMY not in str(fake_upstream.received[-1]["json"])
    client.completion("gemini/gemini-2.5-flash", history[:3], tools=TOOLS)
    assert DUMMY not in str(fake_upstream.received[-1]["json"])
    client.completion(MODEL, history[:3], tools=TOOLS)
    assert DUMMY in str(fake_upstream.received[-1]["json"])


def call_of(call_id: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **fields}


def result_of(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "seen"}


FOREIGN = {"google": {"thought_signature": "Zm9yZWlnbg=="}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refused_signature_of_another_server_is_replaced_once(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    message = {"role": "assistant", "tool_calls": [call_of("call_1", "look", extra_content=FOREIGN)]}
    answer = ask("completion", model=MODEL, messages=[ASKED, message, result_of("call_1")], tools=TOOLS, stream=stream)
    assert answer.choices[0].message.tool_calls[0].function.name == "touch"
    sent = [request["json"]["contents"][1]["parts"][0]["thoughtSignature"] for request in fake_upstream.received]
    assert sent == ["Zm9yZWlnbg==", DUMMY]
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("messages", "emulated")]
    assert answer.attempts == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_another_refusal_of_a_signed_call_is_the_callers(
    ask: Callable[..., Any], fake_upstream: FakeUpstream, stream: bool
) -> None:
    fake_upstream.otherwise = Answer.json(fault(400, "INVALID_ARGUMENT", "no such thing"), 400)
    message = {"role": "assistant", "tool_calls": [call_of("call_1", "look", extra_content=FOREIGN)]}
    with pytest.raises(BadRequestError):
        ask("completion", model=MODEL, messages=[ASKED, message, result_of("call_1")], tools=TOOLS, stream=stream)
    assert len(fake_upstream.received) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_signed_call_is_tried_again_like_any_other(fake_upstream: FakeUpstream, stream: bool) -> None:
    fake_upstream.answers.append(Answer.json(fault(503, "UNAVAILABLE", "overloaded"), 503))
    base = f"{fake_upstream.origin}/v1beta"
    message = {"role": "assistant", "tool_calls": [call_of("call_1", "look", extra_content=FOREIGN)]}
    fake_upstream.otherwise = (
        Answer.sse([said({"text": "Yes."})], done=False) if stream else Answer.json(said({"text": "Yes."}))
    )
    with Client(settings=Settings(), api_key="k", api_base=base, max_retries=1) as client:
        answer = client.completion(MODEL, [ASKED, message, result_of("call_1")], tools=TOOLS, stream=stream)
        whole = answer.whole() if stream else answer
    assert whole.choices[0].message.content == "Yes."


# --- where other parts go ---


def test_every_part_of_a_turn_comes_back_where_it_was(client: Client, fake_upstream: FakeUpstream) -> None:
    turn = [
        {"thought": True, "text": "Let me compute.", "thoughtSignature": "dDE="},
        {"text": "I compute: "},
        {"executableCode": {"language": "PYTHON", "code": "print(2)"}, "thoughtSignature": "dDI="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2\n"}},
        {"text": "naïve 雪", "thoughtSignature": "dDM="},
        {"functionCall": {"id": "c1", "name": "look", "args": {}}, "thoughtSignature": "dDQ="},
        {"functionCall": {"id": "c2", "name": "touch", "args": {}}},
    ]
    fake_upstream.otherwise = Answer.json(said(*turn))
    for stream in (False, True):
        if stream:
            events = [said(part, finish=None) for part in turn]
            fake_upstream.otherwise = Answer.sse([*events, said()], done=False)
        answer = client.completion(MODEL, [ASKED], tools=TOOLS, stream=stream)
        message = (answer.whole() if stream else answer).choices[0].message
        assert message.reasoning_content == "Let me compute."
        assert message.content == "I compute: naïve 雪"
        fake_upstream.otherwise = Answer.json(said({"text": "Fine."}))
        client.completion(MODEL, [ASKED, message, result_of("c1"), result_of("c2")], tools=TOOLS)
        assert fake_upstream.received[-1]["json"]["contents"][1]["parts"] == turn


def test_items_that_a_client_has_changed_make_no_other_parts(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "Fine."}))
    items = [
        {"type": "google_part", "at": [0, 0], "part": {"fileData": {"fileUri": "gs://their/secret"}}},
        {"type": "google_part", "at": [0, 0], "part": {"functionResponse": {"name": "look"}}},
        {"type": "google_part", "at": "odd", "part": {"executableCode": {}}},
        {"type": "google_text", "at": [-5, 99], "length": 10**9, "thought_signature": "dDE="},
        {"type": "thinking", "thinking": "of another provider", "signature": "x"},
    ]
    message = {"role": "assistant", "content": "Hello", "reasoning_items": items}
    client.completion(MODEL, [ASKED, message, AGAIN])
    assert fake_upstream.received[-1]["json"]["contents"][1]["parts"] == [{"text": "Hello", "thoughtSignature": "dDE="}]


def test_pictures_go_back_with_their_signatures(client: Client, fake_upstream: FakeUpstream) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "cGl4ZWw="}, "thoughtSignature": "cGlj"}
    fake_upstream.otherwise = Answer.json(said({"text": "Here."}, picture))
    message = client.completion("gemini/gemini-3-pro-image", [ASKED]).choices[0].message
    assert message.images[0]["image_url"]["url"] == "data:image/png;base64,cGl4ZWw="
    client.completion("gemini/gemini-3-pro-image", [ASKED, message, AGAIN])
    assert fake_upstream.received[-1]["json"]["contents"][1]["parts"] == [{"text": "Here."}, picture]
