"""Faults that users of other libraries have reported for Gemini: each must not happen here.

The others that concern Gemini are tested where they belong: lost signatures in `test_gemini_signatures.py`, a malformed
call as `stop` and equal ids of parallel calls in `test_gemini_response.py`, long names, a prompt of system messages
alone, empty text, the order of results and pictures in them in `test_gemini_request.py`.
"""

from __future__ import annotations

from typing import Any

import openai
import pytest

from llmgate_core import Client, ServiceUnavailableError, Settings, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import fault, said
from tests.support.running_gateway import running_gateway

MODEL = "gemini/gemini-3.8-flash"
TOOL = {"type": "function", "function": {"name": "look"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


def test_thinking_and_a_schema_force_no_tool(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "{}"}))
    client.completion(MODEL, "hi", reasoning_effort="high", response_format=SCHEMA)
    body = fake_upstream.received[-1]["json"]
    assert "tools" not in body
    assert body["generationConfig"].keys() == {"thinkingConfig", "responseMimeType", "responseJsonSchema"}


def test_thoughts_are_never_sent_as_content(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "secret thought", "thought": True}, {"text": "Hello"}))
    message = client.completion(MODEL, "hi").choices[0].message
    history = [{"role": "user", "content": "hi"}, message, {"role": "user", "content": "?"}]
    client.completion(MODEL, history)
    assert "secret thought" not in str(fake_upstream.received[-1]["json"])
    reply = client.responses(MODEL, "hi")
    assert reply.output_text == "Hello"


def test_cached_tokens_are_counted_once(client: Client, fake_upstream: FakeUpstream) -> None:
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 90, "candidatesTokenCount": 1, "totalTokenCount": 101}
    fake_upstream.otherwise = Answer.json(said({"text": "a"}, usage=counts))
    usage = client.completion(MODEL, "hi").usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.total_tokens) == (100, 101)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dropping_what_a_model_does_not_take_hides_no_error_of_the_server(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    fake_upstream.otherwise = Answer.json(fault(503, "UNAVAILABLE", "busy"), 503)
    with pytest.raises(ServiceUnavailableError):
        client.completion(MODEL, "hi", logit_bias={"1": 1}, drop_params=True)
    with pytest.raises(UnsupportedParamsError):
        client.completion(MODEL, "hi", logit_bias={"1": 1})


def test_a_stream_that_fails_at_first_is_tried_again(fake_upstream: FakeUpstream) -> None:
    busy = said(finish=None)
    busy.pop("candidates")
    fake_upstream.answers.append(Answer.sse([fault(503, "UNAVAILABLE", "busy")], done=False))
    fake_upstream.otherwise = Answer.sse([busy, said({"text": "Hello"})], done=False)
    base = f"{fake_upstream.origin}/v1beta"
    with Client(settings=Settings(), api_key="k", api_base=base, max_retries=1) as client:
        assert "".join(client.completion(MODEL, "hi", stream=True).text()) == "Hello"
    assert len(fake_upstream.received) == 2


def test_both_level_and_budget_are_never_sent(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "a"}))
    budget: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 64}}
    with pytest.warns(UserWarning, match="reasoning_effort is set too"):
        client.completion(MODEL, "hi", reasoning_effort="low", **budget)
    config = fake_upstream.received[-1]["json"]["generationConfig"]["thinkingConfig"]
    assert config == {"thinkingLevel": "low", "includeThoughts": True}


def test_an_error_in_the_middle_of_a_stream_reaches_the_clients_of_a_gateway(fake_upstream: FakeUpstream) -> None:
    begun = said({"text": "So "}, finish=None)
    fake_upstream.otherwise = Answer.sse([begun, fault(503, "UNAVAILABLE", "busy")], done=False)
    params = {"model": MODEL, "api_key": "k", "api_base": f"{fake_upstream.origin}/v1beta"}
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True) as stream,
    ):
        pieces = (chunk.choices[0].delta.content or "" for chunk in stream)
        assert next(piece for piece in pieces if piece) == "So "
        with pytest.raises(openai.APIError):
            list(pieces)


def test_what_is_explained_is_what_is_sent(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(said({"text": "a"}))
    answer = client.completion(MODEL, "hi", tools=[TOOL], response_format=SCHEMA, reasoning_effort="none")
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [
        ("response_format", "bridged"),
        ("reasoning_effort", "emulated"),
    ]
    assert all(entry.source == "Gemini API reference" for entry in answer.ledger)
