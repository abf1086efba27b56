"""Every quirk of a parameter, against an upstream that refuses what the provider refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from llmgate_providers.rows import row_names, shipped_row

from llmgate_core import Client, Settings, UnprocessableEntityError, UnsupportedParamsError
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.provider_refusals import KNOW_ONLY_MAX_TOKENS, rules_of
from tests.support.refusing_upstream import refusing

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
FORCED = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
JSON = {"type": "json_object"}
VALUES: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "dimensions": 64,
    "frequency_penalty": 0.5,
    "function_call": "auto",
    "functions": [{"name": "f", "parameters": {}}],
    "logit_bias": {"1": 1},
    "logprobs": True,
    "max_completion_tokens": 5,
    "max_tokens": 5,
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "moderation": {"model": "omni"},
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.5,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"ttl": "1h"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": JSON,
    "safety_identifier": "s",
    "search_parameters": {"mode": "on"},
    "seed": 1,
    "service_tier": "flex",
    "stop": ["x"],
    "store": True,
    "temperature": 0.5,
    "tool_choice": "auto",
    "tools": [TOOL],
    "top_logprobs": 2,
    "top_p": 0.5,
    "user": "u",
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
}


class Refused(NamedTuple):
    """A parameter that is refused before anything is sent, by a row's quirk `do`."""

    row: str
    do: str
    param: str
    value: Any
    model: str = "some-model"
    beside: tuple[tuple[str, Any], ...] = ()
    is_droppable: bool = True


def refused(row: str, *names: str, do: str = "refuse", model: str = "some-model") -> list[Refused]:
    return [Refused(row, do, name, VALUES[name], model) for name in names]


NOT_OF_CEREBRAS = (
    *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "metadata", "modalities", "moderation"),
    *("n", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    *("safety_identifier", "store", "verbosity", "web_search_options"),
)
NOT_OF_SAMBANOVA = (
    *NOT_OF_CEREBRAS,
    *("logprobs", "prediction", "seed", "service_tier", "top_logprobs", "user"),
)
NOT_OF_ZAI = (*sorted({*NOT_OF_SAMBANOVA} - {"user"}), "parallel_tool_calls")
NOT_OF_GEMMA = ("frequency_penalty", "n", "response_format", "tools", "tool_choice", "user", "reasoning_effort")
MISTRAL = (
    *("logit_bias", "logprobs", "top_logprobs", "user", "store", "service_tier", "functions", "function_call"),
    *("verbosity", "web_search_options"),
)
CASES = [
    *refused("groq", "logit_bias", "logprobs", "top_logprobs", "web_search_options"),
    *refused("groq", "reasoning_effort", model="llama-3.3-70b-versatile"),
    Refused("groq", "allow", "n", 2),
    Refused("groq", "conflict", "response_format", SCHEMA, "llama-3.3-70b-versatile", (("tools", [TOOL]),)),
    *refused("mistral", *MISTRAL),
    *refused("codestral", *MISTRAL),
    *refused("xai", "stop", model="grok-4-fast"),
    *refused("xai", "stop", model="grok-3-mini"),
    *refused("xai", "frequency_penalty", "presence_penalty", model="grok-code-fast-1"),
    *refused("xai", "web_search_options", "search_parameters"),
    Refused("fireworks_ai", "conflict", "reasoning_effort", "low", "m", (("thinking", {"type": "enabled"}),)),
    *refused("perplexity", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
    *refused("perplexity", "n", "logit_bias", "logprobs", "top_logprobs", "seed"),
    *refused("cerebras", *NOT_OF_CEREBRAS, do="accept"),
    *refused("sambanova", *NOT_OF_SAMBANOVA, do="accept"),
    *refused("nvidia_nim", *NOT_OF_GEMMA, do="accept", model="google/gemma-2-9b-it"),
    Refused("deepinfra", "allow", "tool_choice", "required", beside=(("tools", [TOOL]),)),
    Refused("deepinfra", "allow", "tool_choice", FORCED, beside=(("tools", [TOOL]),)),
    Refused("featherless_ai", "allow", "tool_choice", "required", beside=(("tools", [TOOL]),)),
    *refused("moonshot", "temperature", model="kimi-k2-thinking"),
    *refused("moonshot", "functions", "function_call"),
    *refused("moonshot", "tools", "tool_choice", model="kimi-thinking-preview"),
    Refused("moonshot", "allow", "temperature", 1.5),
    Refused("moonshot", "allow", "temperature", 0.1, beside=(("n", 2),)),
    *refused("zai", *NOT_OF_ZAI, do="accept"),
    *refused("bigmodel", *NOT_OF_ZAI, do="accept"),
    Refused("zai", "allow", "response_format", SCHEMA, "glm-4.5", is_droppable=False),
    Refused("bigmodel", "allow", "response_format", SCHEMA, "glm-4.5", is_droppable=False),
    *refused("cohere", "logit_bias", "top_logprobs", "n", "modalities", "prediction", "audio", "service_tier"),
    *refused("cohere", "parallel_tool_calls", "store", "metadata"),
    Refused("scx-ai", "allow", "temperature", 2),
    Refused("lm_studio", "allow", "response_format", JSON, is_droppable=False),
    *refused("voyage", "user"),
    *refused("jina_ai", "user"),
]


class Changed(NamedTuple):
    """A parameter that is sent in another way, by a row's quirk `do`."""

    row: str
    do: str
    param: str
    value: Any
    action: str
    sent: tuple[tuple[str, Any], ...] = ()
    model: str = "some-model"
    beside: tuple[tuple[str, Any], ...] = ()


OFF = {"type": "disabled"}
TOOLS = (("tools", [TOOL]),)
CHANGED = [
    *(
        Changed(row, "rename", "max_completion_tokens", 5, "renamed", (("max_tokens", 5),))
        for row in KNOW_ONLY_MAX_TOKENS
    ),
    Changed("mistral", "rename", "seed", 1, "renamed", (("random_seed", 1),)),
    Changed("codestral", "rename", "seed", 1, "renamed", (("random_seed", 1),)),
    Changed("mistral", "map", "tool_choice", "required", "replaced", (("tool_choice", "any"),), beside=TOOLS),
    Changed("codestral", "map", "tool_choice", "required", "replaced", (("tool_choice", "any"),), beside=TOOLS),
    Changed("mistral", "leave_out", "stream_options", {"include_usage": True}, "dropped", beside=(("stream", True),)),
    Changed("codestral", "leave_out", "stream_options", {"include_usage": True}, "dropped", beside=(("stream", True),)),
    Changed("deepseek", "map", "reasoning_effort", "none", "renamed", (("thinking", OFF),)),
    Changed(
        "together_ai",
        "map",
        "reasoning_effort",
        "none",
        "replaced",
        (("reasoning_effort", "low"),),
        "openai/gpt-oss-20b",
    ),
    Changed("together_ai", "map", "reasoning_effort", "none", "renamed", (("reasoning", {"enabled": False}),)),
    Changed("fireworks_ai", "map", "tool_choice", "required", "replaced", (("tool_choice", "any"),), beside=TOOLS),
    Changed("openrouter", "map", "reasoning_effort", "max", "replaced", (("reasoning_effort", "xhigh"),)),
    Changed("dashscope", "map", "reasoning_effort", "none", "renamed", (("enable_thinking", False),)),
    Changed("qwencloud", "map", "reasoning_effort", "none", "renamed", (("enable_thinking", False),)),
    Changed("zai", "map", "reasoning_effort", "none", "renamed", (("thinking", OFF),)),
    Changed("zai", "map", "reasoning_effort", "high", "renamed", (("thinking", {"type": "enabled"}),)),
    Changed("bigmodel", "map", "reasoning_effort", "low", "renamed", (("thinking", {"type": "enabled"}),)),
    Changed("bigmodel", "map", "reasoning_effort", "none", "renamed", (("thinking", OFF),)),
    Changed("volcengine", "map", "reasoning_effort", "none", "renamed", (("thinking", OFF),)),
    Changed("streamlake", "rename", "max_tokens", 5, "renamed", (("max_completion_tokens", 5),)),
    Changed("voyage", "rename", "dimensions", 64, "renamed", (("output_dimension", 64),)),
    Changed("voyage", "map", "encoding_format", "float", "dropped"),
    Changed("voyage", "rename", "top_n", 1, "renamed", (("top_k", 1),)),
    Changed("jina_ai", "rename", "encoding_format", "float", "renamed", (("embedding_type", "float"),)),
]
ABOUT_PARAMETERS = frozenset({"rename", "refuse", "leave_out", "accept", "allow", "map", "conflict"})


@pytest.fixture(scope="module")
def server() -> Iterator[FakeUpstream]:
    with fake_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: FakeUpstream) -> Iterator[Client]:
    with Client(settings=Settings(), api_key="sk-test", api_base=server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def upstream(server: FakeUpstream) -> FakeUpstream:
    server.received.clear()
    return server


def call(client: Client, row: str, param: str, model: str, **arguments: Any) -> Any:
    """Call what takes the parameter: chat, or for those that have no chat embeddings or reranking."""
    families = shipped_row(row).families
    if "chat" in families:
        return client.completion(f"{row}/{model}", HI, **arguments)
    if param == "top_n":
        return client.rerank(f"{row}/{model}", "q", ["d"], **arguments)
    return client.embedding(f"{row}/{model}", "hi", **arguments)


def ids(cases: list[Any]) -> list[str]:
    return [f"{case.row}-{case.param}-{number}" for number, case in enumerate(cases)]


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
class TestRefused:
    def test_it_is_refused_before_anything_is_sent(self, case: Refused, client: Client, upstream: FakeUpstream) -> None:
        upstream.otherwise = refusing(*rules_of(case.row))
        with pytest.raises(UnsupportedParamsError) as raised:
            call(client, case.row, case.param, case.model, **{case.param: case.value, **dict(case.beside)})
        assert raised.value.param == case.param
        assert raised.value.code == "unsupported_parameter"
        assert not upstream.received

    def test_the_provider_would_refuse_it(self, case: Refused, client: Client, upstream: FakeUpstream) -> None:
        upstream.otherwise = refusing(*rules_of(case.row))
        arguments = {case.param: case.value, **dict(case.beside), "param_policy": "forward"}
        with pytest.raises(UnprocessableEntityError) as raised:
            call(client, case.row, case.param, case.model, **arguments)
        assert raised.value.status_code == 422

    def test_it_may_be_left_out(self, case: Refused, client: Client, upstream: FakeUpstream) -> None:
        upstream.otherwise = refusing(*rules_of(case.row))
        arguments = {case.param: case.value, **dict(case.beside), "drop_params": True}
        if not case.is_droppable:
            with pytest.raises(UnsupportedParamsError):
                call(client, case.row, case.param, case.model, **arguments)
            return
        with pytest.warns(UserWarning, match=case.param):
            answer = call(client, case.row, case.param, case.model, **arguments)
        (entry,) = [entry for entry in answer.ledger if entry.parameter == case.param]
        assert (entry.action, bool(entry.reason), bool(entry.source)) == ("dropped", True, True)
        assert case.param not in upstream.received[-1]["json"]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", CHANGED, ids=ids(CHANGED))
class TestChanged:
    def test_it_is_sent_as_the_provider_takes_it(self, case: Changed, client: Client, upstream: FakeUpstream) -> None:
        upstream.otherwise = refusing(*rules_of(case.row))
        answer = call(client, case.row, case.param, case.model, **{case.param: case.value, **dict(case.beside)})
        list(answer if dict(case.beside).get("stream") else ())
        (entry,) = [entry for entry in answer.ledger if entry.parameter == case.param]
        assert (entry.action, bool(entry.reason), bool(entry.source)) == (case.action, True, True)
        body = upstream.received[-1]["json"]
        assert {name: body.get(name) for name, _ in case.sent} == dict(case.sent)
        assert case.param not in body or case.param in dict(case.sent)

    def test_the_provider_would_refuse_it_as_it_is(self, case: Changed, client: Client, upstream: FakeUpstream) -> None:
        upstream.otherwise = refusing(*rules_of(case.row))
        beside = {name: value for name, value in case.beside if name == "stream"}
        same = {case.param: case.value, **beside}
        body = {"model": case.model, "messages": HI, **same}
        answer = refusing(*rules_of(case.row))({"json": body, "path": "/v1/chat/completions"})  # type: ignore[typeddict-item]
        assert answer.status == 422


def covered() -> set[tuple[str, str, str]]:
    return {(case.row, case.do, case.param) for case in (*CASES, *CHANGED)}


@pytest.mark.parametrize("name", row_names())
def test_every_quirk_has_a_case(name: str) -> None:
    wanted = set()
    for quirk in shipped_row(name).quirks:
        if quirk.do not in ABOUT_PARAMETERS or (name == "codestral" and quirk.families != ("chat",)):
            continue
        given = quirk.given.get("params") or [quirk.given["param"]]
        if quirk.do != "accept":
            wanted |= {(name, quirk.do, param) for param in given}
        else:
            assert any(case[:2] == (name, "accept") for case in CASES)
    assert wanted - covered() == set()
