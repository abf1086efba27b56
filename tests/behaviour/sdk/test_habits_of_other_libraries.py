"""What callers bring from other libraries: arguments of theirs, numbers of numpy's, odd servers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from llmgate_core import Client, Settings, fold_chunks
from llmgate_core.errors import BadRequestError, ContextWindowExceededError, UnsupportedParamsError
from llmgate_core.json_codec import encode
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.foreign_arguments import RENAMED_ARGUMENTS
from llmgate_core.testing import Answer, FakeUpstream
from llmgate_core.types.chat import ChatCompletionChunk

HI = [{"role": "user", "content": "hi"}]
WHOLE = {"id": "c", "choices": [{"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}]}


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = Answer.json(WHOLE)
    return fake_upstream


@pytest.fixture
def client(upstream: FakeUpstream) -> Iterator[Client]:
    with Client(settings=Settings(), api_key="sk-test-0123456789", api_base=upstream.base_url, max_retries=0) as made:
        yield made


class Count:
    """A whole number of another library's type."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.mark.parametrize("name", sorted(RENAMED_ARGUMENTS))
def test_an_argument_of_another_library_is_refused_with_the_way_out(
    name: str, client: Client, upstream: FakeUpstream
) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completion("gpt-4o", HI, **{name: "x"})
    assert (caught.value.param, caught.value.attempts) == (name, 0)
    assert RENAMED_ARGUMENTS[name] in str(caught.value)
    assert upstream.received == []
    client.completion("gpt-4o", HI, extra_body={name: "x"})
    assert upstream.received[0]["json"][name] == "x"


def test_no_argument_of_ours_is_foreign() -> None:
    assert not OPTION_NAMES & set(RENAMED_ARGUMENTS)


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert encode({"n": Count(3)}) == b'{"n":3}'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a\ud800", "lone surrogate"),
        (object(), "object"),
        (float("nan"), "NaN"),
    ],
)
def test_what_has_no_json_form_is_said_in_words(value: Any, why: str, client: Client) -> None:
    with pytest.raises(BadRequestError, match=why) as caught:
        client.completion("openai/some-model", HI, some_parameter=value)
    assert caught.value.param == "some_parameter"


def test_a_decimal_is_what_pydantic_makes_of_it() -> None:
    assert encode({"a": Decimal("1.5")}) == b'{"a":"1.5"}'


def test_the_way_out_stands_apart_from_the_message(client: Client) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        client.completion("o3-mini", HI, temperature=0.2)
    assert "drop_params=True" in str(caught.value)
    assert "drop_params" not in caught.value.message


def test_a_context_that_is_too_long_for_llama_cpp_has_its_own_class(client: Client, upstream: FakeUpstream) -> None:
    words = {"code": 400, "message": "the request exceeds the context", "type": "exceed_context_size_error"}
    upstream.answers.append(Answer.json({"error": words}, status=400))
    with pytest.raises(ContextWindowExceededError):
        client.completion("openai/some-model", HI)


def _piece(id: str | None, name: str | None, arguments: str) -> ChatCompletionChunk:
    call = {"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    delta = {"tool_calls": [call]}
    return ChatCompletionChunk.model_validate({"id": "c", "choices": [{"index": 0, "delta": delta}]})


def test_calls_that_share_an_index_are_told_apart_by_id_and_name() -> None:
    pieces = [_piece("a", "f", "{"), _piece(None, None, "}"), _piece("b", "g", "{"), _piece("b", None, '"x":1}')]
    calls = fold_chunks(pieces).choices[0].message.tool_calls
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("a", "f", "{}"),
        ("b", "g", '{"x":1}'),
    ]


def test_what_an_answer_has_for_its_caller_does_not_go_back(client: Client, upstream: FakeUpstream) -> None:
    told = {"role": "assistant", "content": "hello", "provider_specific_fields": {"response_id": "resp_1"}}
    answer = client.completion("gpt-4o", [*HI, told, *HI])
    assert upstream.received[0]["json"]["messages"][1] == {"role": "assistant", "content": "hello"}
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("messages", "dropped")]
