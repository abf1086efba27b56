"""Ollama: which API a call goes to, what its own API is sent, and what its answers become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llmgate_providers.ollama.names import OWN

from llmgate_core import Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.running_gateway import running_gateway

HI = [{"role": "user", "content": "hi"}]
STAMP = "2026-11-29T12:00:00.1Z"
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2, "total_duration": 9}
HEAD = {"model": "llama3.2", "created_at": STAMP}
OWN_PATHS = {"/api/chat", "/api/embed"}
COMPATIBLE_PATHS = {"/v1/chat/completions", "/v1/embeddings", "/v1/completions"}
GO_TYPES: dict[str, Any] = {
    "num_ctx": int,
    "num_predict": int,
    "temperature": (int, float),
    "stop": list,
    "top_p": (int, float),
}
PICTURE = "data:image/png;base64,aGk="
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
Ask = Callable[..., Any]


def server(request: ReceivedRequest) -> Answer:
    """Answer as Ollama does, and refuse what it refuses: other types of options, arguments as a string, URLs."""
    body, path = request["json"], request["path"]
    if path in COMPATIBLE_PATHS:
        assert not OWN & body.keys(), "the compatible paths ignore these"
        message = {"role": "assistant", "content": "compatible", "reasoning": "hm"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return Answer.json({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice]})
    if path not in OWN_PATHS:
        return Answer(404, b"404 page not found")
    for name, value in body.get("options", {}).items():
        if name not in GO_TYPES or not isinstance(value, GO_TYPES[name]):
            return Answer.json({"error": f"option {name!r} must be of another type"}, 400)
    if path == "/api/embed":
        return Answer.json({**HEAD, "embeddings": [[0.5, 1.0]], "prompt_eval_count": 4})
    for message in body["messages"]:
        calls = message.get("tool_calls", [])
        if not isinstance(message["content"], str) or any(
            not isinstance(call["function"]["arguments"], dict) for call in calls
        ):
            return Answer.json({"error": "json: cannot unmarshal"}, 400)
    said: dict[str, Any] = {"role": "assistant", "content": "own", "thinking": "hm"}
    if body.get("tools") and len(body["messages"]) == 1:
        call = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}  # without an id, as older ones
        said = {"role": "assistant", "content": "", "tool_calls": [call, call]}
    if not body["stream"]:
        return Answer.json({**HEAD, **END, "message": said})
    lines = [{**HEAD, "message": {"role": "assistant", name: text}, "done": False} for name, text in said.items()][1:]
    return Answer.lines([*lines, {**HEAD, **END, "message": {"role": "assistant", "content": ""}}])


@pytest.fixture(autouse=True)
def ollama(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    for name in ("OLLAMA_API_BASE", "OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    upstream.otherwise = server
    return upstream


@pytest.fixture
def ask(call: Ask, upstream: FakeUpstream) -> Ask:
    def asked(**more: Any) -> Any:
        given = {"messages": HI, "api_base": upstream.origin, **more}
        return call("completion", "ollama/llama3.2", **given)

    return asked


# --- which API ---


def test_a_call_goes_to_the_compatible_path(ask: Ask, upstream: FakeUpstream) -> None:
    answer = ask(temperature=0.5, max_completion_tokens=9)
    assert answer.choices[0].message.content == "compatible"
    assert answer.choices[0].message.reasoning_content == "hm"
    (sent,) = upstream.received
    assert sent["path"] == "/v1/chat/completions"
    assert (sent["json"]["temperature"], sent["json"]["max_tokens"]) == (0.5, 9)
    assert [entry.parameter for entry in answer.ledger][:1] == ["max_completion_tokens"]


@pytest.mark.parametrize("prefix", ["ollama", "ollama_chat"])
def test_options_of_ollama_go_to_its_own_api(prefix: str, call: Ask, upstream: FakeUpstream) -> None:
    given = {"num_ctx": 8192, "keep_alive": "10m", "max_tokens": 5, "stop": "x", "api_base": upstream.origin}
    answer = call("completion", f"{prefix}/llama3.2", HI, **given)
    (sent,) = upstream.received
    assert sent["path"] == "/api/chat"
    assert sent["json"] == {
        "model": "llama3.2",
        "messages": [{"role": "user", "content": "hi"}],
        "options": {"num_ctx": 8192, "num_predict": 5, "stop": ["x"]},
        "keep_alive": "10m",
        "stream": False,
    }
    message = answer.choices[0].message
    assert (message.content, message.reasoning_content) == ("own", "hm")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 2, 5)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.total_duration == 9
    assert any(entry.action == "bridged" and "/api/chat" in entry.reason for entry in answer.ledger)


def test_options_in_an_object_and_in_the_extra_body(ask: Ask, upstream: FakeUpstream) -> None:
    ask(options={"num_ctx": 4096}, temperature=0)
    ask(extra_body={"num_ctx": 4096})
    assert [sent["path"] for sent in upstream.received] == ["/api/chat", "/api/chat"]
    assert upstream.received[0]["json"]["options"] == {"num_ctx": 4096, "temperature": 0}


def test_two_values_of_one_option_are_an_error(ask: Ask, upstream: FakeUpstream) -> None:
    for given in ({"num_ctx": 1, "options": {"num_ctx": 2}}, {"think": True, "reasoning_effort": "none"}):
        with pytest.raises(errors.BadRequestError):
            ask(**given)
    assert upstream.received == []


def test_a_base_url_with_v1_serves_the_compatible_path_only(ask: Ask, upstream: FakeUpstream) -> None:
    assert ask(api_base=upstream.base_url).choices[0].message.content == "compatible"
    with pytest.raises(errors.BadRequestError) as caught:
        ask(api_base=upstream.base_url, num_ctx=4096)
    assert caught.value.param == "api_base"


@pytest.mark.parametrize("variable", ["OLLAMA_API_BASE", "OLLAMA_HOST"])
def test_the_variables_say_where_the_server_is(
    variable: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = upstream.origin if variable == "OLLAMA_API_BASE" else upstream.origin.removeprefix("http://")
    monkeypatch.setenv(variable, host)
    with Client(settings=Settings()) as client:
        assert client.completion("ollama/llama3.2", HI).choices
    assert "authorization" not in upstream.received[0]["headers"]


def test_the_key_is_sent_where_there_is_one(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "cloud-key")
    with Client(api_base=upstream.origin, settings=Settings()) as client:
        client.completion("ollama/gpt-oss:120b-cloud", HI, extra_body={"think": "high"})
    sent = upstream.received[0]
    assert (sent["headers"]["authorization"], sent["json"]["think"]) == ("Bearer cloud-key", "high")


# --- what is sent ---


@pytest.mark.parametrize(
    ("effort", "think", "changes"),
    [("none", False, False), ("low", "low", False), ("minimal", "low", True), ("xhigh", "high", True)],
)
def test_an_effort_becomes_think(effort: str, think: Any, changes: bool, ask: Ask, upstream: FakeUpstream) -> None:
    answer = ask(reasoning_effort=effort, num_ctx=1)
    assert upstream.received[0]["json"]["think"] == think
    assert any(entry.action == "emulated" for entry in answer.ledger) == changes


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, {"type": "object"}),
        ({"type": "text"}, None),
    ],
)
def test_a_response_format_becomes_a_format(wanted: Any, sent: Any, ask: Ask, upstream: FakeUpstream) -> None:
    ask(response_format=wanted, num_ctx=1)
    assert upstream.received[0]["json"].get("format") == sent


def test_messages_in_every_shape(ask: Ask, upstream: FakeUpstream) -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    called = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    turn = {"role": "assistant", "content": None, "tool_calls": [called], "reasoning_content": "hm"}
    result = {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]}
    answer = ask(
        messages=[{"role": "developer", "content": "be"}, {"role": "user", "content": parts}, turn, result], num_ctx=1
    )
    call = {"id": "c1", "function": {"name": "weather", "arguments": {"city": "Paris"}}}
    assert upstream.received[0]["json"]["messages"] == [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "see", "images": ["aGk="]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_call_id": "c1", "tool_name": "weather"},
    ]
    assert any("developer" in entry.reason for entry in answer.ledger)


@pytest.mark.parametrize(
    "message",
    [
        7,
        {"role": "function", "content": "x"},
        {"content": "x"},
        {"role": "user", "content": 7},
        {"role": "user", "content": [7]},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://acme.example/x.png"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": 7}]},
        {"role": "assistant", "tool_calls": [7]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "[]"}}]},
    ],
)
def test_a_malformed_message_is_the_callers_fault(message: Any, ask: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ask(messages=[message], num_ctx=1)
    assert caught.value.param == "messages"
    assert upstream.received == []


@pytest.mark.parametrize(
    "given",
    [{"response_format": 7}, {"response_format": {"type": "x"}}, {"reasoning_effort": "odd"}, {"options": 7}],
)
def test_a_malformed_parameter_is_the_callers_fault(given: Any, ask: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        ask(num_ctx=1, **given)
    assert caught.value.param in given
    assert upstream.received == []


@pytest.mark.parametrize("own", [{}, {"num_ctx": 1}])
@pytest.mark.parametrize("given", [{"n": 2}, {"tool_choice": "required"}, {"logit_bias": {"1": 1}}])
def test_what_ollama_ignores_is_refused_or_dropped(given: Any, own: Any, ask: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.UnsupportedParamsError) as caught:
        ask(**given, **own)
    assert caught.value.param in given
    with pytest.warns(UserWarning, match="ignores"):
        answer = ask(**given, **own, drop_params=True)
    assert [entry.parameter for entry in answer.ledger if entry.lossy] == list(given)
    assert not upstream.received[-1]["json"].keys() & given.keys()


@pytest.mark.parametrize("own", [{}, {"num_ctx": 1}])
def test_one_call_at_a_time_is_refused_beside_several_tools_only(own: Any, ask: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.UnsupportedParamsError):
        ask(parallel_tool_calls=False, tools=[WEATHER, WEATHER], **own)
    with pytest.warns(UserWarning, match="with one tool it is left out"):
        answer = ask(parallel_tool_calls=False, tools=[WEATHER], **own)
    assert [entry.parameter for entry in answer.ledger if entry.lossy] == ["parallel_tool_calls"]
    assert "parallel_tool_calls" not in upstream.received[-1]["json"]


def test_defaults_of_what_ollama_ignores_pass(ask: Ask) -> None:
    assert ask(n=1, tool_choice="auto", tools=[WEATHER], user="u").choices
    assert ask(n=1, tool_choice="auto", user="u", store=False, num_ctx=1).choices


# --- what comes back ---


def test_calls_of_functions_get_ids_and_go_back(ask: Ask, upstream: FakeUpstream) -> None:
    answer = ask(tools=[WEATHER], num_ctx=1)
    message = answer.choices[0].message
    first, second = message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert (first.function.name, first.function.arguments) == ("weather", '{"city":"Paris"}')
    assert first.id != second.id
    result = {"role": "tool", "tool_call_id": first.id, "content": "sunny"}
    assert ask(messages=[*HI, message, result], tools=[WEATHER], num_ctx=1).choices[0].message.content == "own"
    assert upstream.received[1]["json"]["messages"][2]["tool_name"] == "weather"


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_adds_up_to_the_whole_answer(usage: bool, ask: Ask) -> None:
    chunks, _ = ask(num_ctx=1, stream=True, stream_options={"include_usage": usage})
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "own"
    assert "".join(delta.reasoning_content or "" for delta in deltas) == "hm"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert [bool(chunk.usage) for chunk in chunks].count(True) == usage


def test_calls_in_a_stream(ask: Ask) -> None:
    chunks, _ = ask(num_ctx=1, stream=True, tools=[WEATHER])
    choices = [choice for chunk in chunks for choice in chunk.choices]
    calls = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert [(call.index, call.function.arguments) for call in calls] == [
        (0, '{"city":"Paris"}'),
        (1, '{"city":"Paris"}'),
    ]
    assert len({call.id for call in calls}) == 2
    assert choices[-1].finish_reason == "tool_calls"


def test_a_stream_that_breaks_off_and_one_with_an_error(ask: Ask, upstream: FakeUpstream) -> None:
    line = {**HEAD, "message": {"role": "assistant", "content": "a"}, "done": False}
    upstream.answers += [Answer.lines([line]), Answer.lines([line, {"error": "llama runner process has terminated"}])]
    with pytest.raises(errors.StreamTruncatedError):
        ask(num_ctx=1, stream=True)
    with pytest.raises(errors.APIError) as caught:
        ask(num_ctx=1, stream=True)
    assert "terminated" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "model 'x' not found", errors.NotFoundError),
        (400, "the input length exceeds the context length", errors.ContextWindowExceededError),
        (500, "llama runner process has terminated", errors.InternalServerError),
        (401, "unauthorized", errors.AuthenticationError),
    ],
)
@pytest.mark.parametrize("own", [{}, {"num_ctx": 1}])
def test_errors(status: int, message: str, kind: type, own: Any, ask: Ask, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": message}, status))
    with pytest.raises(kind) as caught:
        ask(**own)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"message": 7},
        {"message": {"content": 7}},
        {**END, "message": {"tool_calls": 7}},
        [],
        {**END, "message": {}, "eval_count": "x"},
    ],
)
def test_a_malformed_answer_is_the_upstreams_fault(answer: Any, ask: Ask, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(answer))
    with pytest.raises(errors.APIResponseValidationError):
        ask(num_ctx=1)


# --- embeddings, text, responses, gateway ---


def test_embeddings(call: Ask, upstream: FakeUpstream) -> None:
    given = {"input": ["a"], "num_ctx": 512, "truncate": False, "api_base": upstream.origin}
    answer = call("embedding", "ollama/nomic-embed-text", **given)
    (sent,) = upstream.received
    assert (sent["path"], sent["json"]["options"], sent["json"]["truncate"]) == ("/api/embed", {"num_ctx": 512}, False)
    assert answer.data[0].embedding == [0.5, 1.0]
    assert answer.usage.prompt_tokens == 4


def test_text_completion_refuses_options_of_the_own_api(call: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.UnsupportedParamsError):
        call("text_completion", "ollama/llama3.2", "hi", num_ctx=1, api_base=upstream.origin)


def test_responses_over_the_own_api(call: Ask, upstream: FakeUpstream) -> None:
    answer = call("responses", "ollama/llama3.2", "hi", api_base=upstream.origin, extra_body={"num_ctx": 512})
    assert answer.output_text == "own"


def test_a_gateway_sets_the_context_of_a_deployment(upstream: FakeUpstream) -> None:
    params = {"model": "ollama/llama3.2", "api_base": upstream.origin, "num_ctx": 16384}
    with running_gateway({"model_list": [{"model_name": "m", "litellm_params": params}]}) as gateway:
        said = gateway.chat().json()
        streamed = gateway.chat(stream=True)
    assert said["choices"][0]["message"]["content"] == "own"
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert {sent["json"]["options"]["num_ctx"] for sent in upstream.received} == {16384}
