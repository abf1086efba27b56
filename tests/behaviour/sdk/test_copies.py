"""A copy or a pickle of an answer still knows its call: cost, ledger, headers, request id, attempts and class."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream

KEY = "sk-test-0123456789"
HI = [{"role": "user", "content": "hi"}]
HEADERS = [("content-type", "application/json"), ("x-request-id", "req-1")]
SAYS = '{"name": "Paris"}'
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SAYS}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAYS}]}],
    "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
}

pytestmark = pytest.mark.filterwarnings("ignore:.*temperature dropped")  # asked for, so that the ledger has an entry


class City(BaseModel):
    name: str


def pickled(answer: Any) -> Any:
    return pickle.loads(pickle.dumps(answer))


WAYS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    pickled,
    lambda answer: pickled(pickled(answer)),
    lambda answer: copy.deepcopy(pickled(answer)),
    lambda answer: answer.model_copy(),
    lambda answer: answer.model_copy(deep=True),
]


def asked(mode: str, upstream: FakeUpstream, family: str, **arguments: Any) -> Any:
    """Call a family with what makes its ledger and headers say something."""
    settings = Settings(max_retries=0, return_response_headers=True, drop_params=True)
    given: dict[str, Any] = {"api_base": upstream.base_url, "api_key": KEY, "settings": settings}
    if mode == "sync":
        with Client(**given) as made:
            return getattr(made, family)(**arguments)

    async def run() -> Any:
        async with AsyncClient(**given) as made:
            return await getattr(made, family)(**arguments)

    return asyncio.run(run())


def chat(mode: str, upstream: FakeUpstream, response_format: Any = City) -> Any:
    upstream.answers += [Answer(200, json.dumps(CHAT).encode(), HEADERS)]
    arguments = {"messages": HI, "temperature": 0.2, "response_format": response_format}
    return asked(mode, upstream, "completion", model="gpt-5", **arguments)


def told(answer: Any) -> tuple[Any, ...]:
    record = answer._get_record()
    return (
        answer.cost,
        answer.cost.breakdown,
        answer.ledger,
        dict(answer._response_headers),
        answer._response_headers.get_list("X-REQUEST-ID"),
        answer._request_id,
        (record.attempts, record.provider),
    )


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_chat_answer_knows_its_call(way: Callable[[Any], Any], mode: str, upstream: FakeUpstream) -> None:
    answer = chat(mode, upstream)
    made = way(answer)
    assert made == answer
    assert made is not answer
    assert told(made) == told(answer)
    assert (len(made.ledger), made.cost > 0, made._request_id) == (1, True, "req-1")
    assert made.parsed == made.choices[0].message.parsed == City(name="Paris")


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_response_knows_its_call(way: Callable[[Any], Any], upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, json.dumps(RESPONSE).encode(), HEADERS)]
    answer = asked("sync", upstream, "responses", model="gpt-5", input="hi", text_format=City)
    made = way(answer)
    assert (made, told(made)) == (answer, told(answer))
    assert made.output_parsed == City(name="Paris")


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("way", WAYS[:5])
def test_a_copy_of_bytes_knows_its_call(way: Callable[[Any], Any], mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, b"sound", [("content-type", "audio/mpeg"), ("x-request-id", "req-1")])]
    answer = asked(mode, upstream, "speech", model="tts-1", input="hi", voice="alloy")
    made = way(answer)
    assert (made.content, made.content_type, told(made)) == (b"sound", "audio/mpeg", told(answer))


def test_a_pickle_holds_no_key(upstream: FakeUpstream) -> None:
    answer = chat("sync", upstream)
    assert [KEY.encode() in pickle.dumps(it) for it in (answer, answer._get_record())] == [False, False]
    assert pickled(answer._get_record()).ledger == answer.ledger


def test_a_class_that_no_pickle_can_name_is_left_out_of_it(upstream: FakeUpstream) -> None:
    class Local(BaseModel):
        name: str

    answer = chat("sync", upstream, Local)
    assert (copy.deepcopy(answer).parsed, pickled(answer).parsed) == (Local(name="Paris"), None)
    assert told(pickled(answer)) == told(answer)


def test_a_part_is_copied_with_what_it_knows(upstream: FakeUpstream) -> None:
    message = chat("sync", upstream).choices[0].message
    assert [way(message).parsed for way in WAYS] == [City(name="Paris")] * len(WAYS)
    changed = message.model_copy(update={"content": '{"name": "Rome"}'})
    assert changed.parsed == City(name="Rome")


def test_an_answer_without_a_call_is_copied_too() -> None:
    from llmgate_core.types.binary import BinaryResponse
    from llmgate_core.types.chat import ChatCompletion

    bare = ChatCompletion.model_validate(CHAT)
    assert [(way(bare), way(bare).cost, way(bare).ledger) for way in WAYS] == [(bare, None, ())] * len(WAYS)
    assert [way(BinaryResponse(b"x")).content for way in WAYS[:5]] == [b"x"] * 5
