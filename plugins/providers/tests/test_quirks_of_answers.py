"""Every quirk of answers and streams: what a provider sends, and what the caller gets, whole, streamed and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from llmgate_providers.quirks.answers import ANSWER_EDITS
from llmgate_providers.rows import row_names, shipped_row

from llmgate_core import APIError, AsyncClient, Client, Settings, StreamTruncatedError
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.refusing_upstream import USAGE

HI = [{"role": "user", "content": "hi"}]
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"role": "assistant", "content": "Hello!", "reasoning": "Be kind."}
PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
    {"type": "text", "text": "Hello!"},
]
THINK_APART = {
    "prompt_tokens": 3,
    "completion_tokens": 1,
    "total_tokens": 9,
    "completion_tokens_details": {"reasoning_tokens": 5},
}


class Odd(NamedTuple):
    """What a provider says in its own way, and what the caller reads.

    `words` are the fields of a message, and of a delta of a stream; `fields` those of the answer or of the last chunk.
    """

    row: str
    do: str
    words: dict[str, Any] = {}  # noqa: RUF012  # never changed
    fields: dict[str, Any] = {}  # noqa: RUF012
    finish: str = "stop"
    read: dict[str, Any] = {}  # noqa: RUF012


KIND = {"reasoning_content": "Be kind."}
CACHED = {**USAGE, "prompt_cache_hit_tokens": 2}
CASES = [
    *(
        Odd(row, "name_reasoning", THOUGHT, read=KIND)
        for row in ("groq", "together_ai", "openrouter", "cerebras", "hosted_vllm", "ollama")
    ),
    Odd("mistral", "split_thinking", {"content": PARTS}, read={**KIND, "content": "Hello!"}),
    Odd("codestral", "split_thinking", {"content": PARTS}, read={**KIND, "content": "Hello!"}),
    Odd("groq", "copy", fields={"x_groq": {"id": "r", "usage": USAGE}}, read={"usage.total_tokens": 4}),
    Odd("deepseek", "copy", fields={"usage": CACHED}, read={"usage.prompt_tokens_details.cached_tokens": 2}),
    Odd(
        "xai",
        "name_finish",
        {"content": None, "tool_calls": [{**CALL, "index": 0}]},
        finish="",
        read={"finish": "tool_calls"},
    ),
    Odd("xai", "count_reasoning", fields={"usage": THINK_APART}, read={"usage.completion_tokens": 6}),
]
TESTED_BELOW = frozenset(
    {
        *(("openrouter", "raise_choice_errors"), ("codestral", "complete_text")),
        *(("fireworks_ai", "copy"), ("voyage", "copy")),
    }
)
IDS = [f"{case.row}-{case.do}" for case in CASES]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeUpstream]:
    with fake_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: FakeUpstream) -> Iterator[Client]:
    with Client(settings=Settings(), api_key="sk-test", api_base=server.base_url, max_retries=0) as client:
        yield client


def whole(case: Odd) -> Answer:
    message = {"role": "assistant", "content": "Hello!", **case.words}
    choice = {"index": 0, "message": message, "finish_reason": case.finish}
    return Answer.json(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **case.fields}
    )


def streamed(case: Odd) -> Answer:
    """Return the same as a stream: what is said, then why it ended, then the rest."""
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    delta = {"role": "assistant", "content": "Hello!", **case.words}
    empty = "" if case.finish == "" else None
    chunks = [
        {
            **head,
            "choices": [{"index": 0, "delta": delta, "finish_reason": empty}],
        },
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": case.finish or "tool_calls"}], **case.fields},
    ]
    return Answer.sse(chunks)


def value_at(answer: Any, path: str) -> Any:
    choice = answer["choices"][0]
    if path == "finish":
        return choice["finish_reason"]
    value = choice["message"] if "." not in path and path != "usage" else answer
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def check(case: Odd, answer: Any, ledger: Any) -> None:
    assert {path: value_at(answer, path) for path in case.read} == case.read
    quirk = next(it for it in shipped_row(case.row).quirks if it.do == case.do)
    assert [(it.action, it.source) for it in ledger if it.reason == quirk.reason] == [("bridged", quirk.source)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_whole_answer(case: Odd, client: Client, server: FakeUpstream) -> None:
    server.otherwise = whole(case)
    answer = client.completion(f"{case.row}/m", HI)
    check(case, answer.model_dump(), answer.ledger)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_stream_adds_up_to_the_same(case: Odd, client: Client, server: FakeUpstream) -> None:
    server.otherwise = streamed(case)
    stream = client.completion(f"{case.row}/m", HI, stream=True)
    answer = stream.whole().model_dump()
    check(case, answer, stream.ledger)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_so_it_is_asynchronously(case: Odd, server: FakeUpstream) -> None:
    server.otherwise = whole(case)

    async def call() -> Any:
        async with AsyncClient(settings=Settings(), api_key="sk-test", api_base=server.base_url) as client:
            return await client.completion(f"{case.row}/m", HI)

    answer = asyncio.run(call())
    check(case, answer.model_dump(), answer.ledger)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_answer_as_openai_sends_it_stays_as_it_is(case: Odd, client: Client, server: FakeUpstream) -> None:
    server.otherwise = whole(Odd(case.row, case.do, fields={"usage": USAGE}))
    answer = client.completion(f"{case.row}/m", HI)
    assert answer.choices[0].message.content == "Hello!"
    quirk = next(it for it in shipped_row(case.row).quirks if it.do == case.do)
    assert quirk.reason not in {entry.reason for entry in answer.ledger}


@pytest.mark.parametrize("name", row_names())
def test_every_quirk_has_a_case(name: str) -> None:
    wanted = {(name, quirk.do) for quirk in shipped_row(name).quirks if quirk.do in ANSWER_EDITS}
    assert wanted - {(case.row, case.do) for case in CASES} - TESTED_BELOW == set()


ERROR = {"code": 502, "message": "the upstream is gone", "metadata": {"provider_name": "Acme"}}


@pytest.mark.parametrize("words", ["message", "delta"])
def test_an_error_inside_a_choice_is_raised(words: str, client: Client, server: FakeUpstream) -> None:
    choice = {"index": 0, words: {"role": "assistant", "content": ""}, "finish_reason": "error", "error": ERROR}
    said = {"id": "1", "created": 1, "model": "m", "choices": [choice]}
    is_stream = words == "delta"
    server.otherwise = Answer.sse([said]) if is_stream else Answer.json({**said, "object": "chat.completion"})
    with pytest.raises(APIError) as raised:
        list(client.completion("openrouter/m", HI, stream=is_stream))
    assert "the upstream is gone" in str(raised.value)
    assert not isinstance(raised.value, StreamTruncatedError)


def test_openrouters_cost_is_the_cost_and_its_comments_are_passed_over(client: Client, server: FakeUpstream) -> None:
    case = Odd("openrouter", "name_reasoning", fields={"usage": {**USAGE, "cost": 0.0125}})
    server.otherwise = whole(case)
    answer = client.completion("openrouter/m", HI)
    assert answer.cost == 0.0125
    parts = [part if isinstance(part, bytes) else bytes(part) for part in streamed(case).body]
    body = b"".join(b": OPENROUTER PROCESSING\n\n" + part for part in parts)
    server.otherwise = Answer(200, body, {"content-type": "text/event-stream"})
    stream = client.completion("openrouter/m", HI, stream=True)
    assert "".join(stream.text()) == "Hello!"
    assert stream.cost == 0.0125


def test_perplexitys_sources_survive(client: Client, server: FakeUpstream) -> None:
    fields = {"citations": ["https://a.example"], "search_results": [{"title": "A", "url": "https://a.example"}]}
    server.otherwise = whole(Odd("perplexity", "", fields=fields))
    answer = client.completion("perplexity/sonar", HI, web_search_options={}, search_mode="academic").model_dump()
    assert {name: answer[name] for name in fields} == fields
    assert server.received[-1]["json"]["search_mode"] == "academic"


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_completion_of_codestral_is_a_text_completion(is_stream: bool, client: Client, server: FakeUpstream) -> None:
    case = Odd("codestral", "complete_text", {"content": "return 1"})
    server.otherwise = streamed(case) if is_stream else whole(case)
    answer = client.text_completion("codestral/codestral-latest", "def f():", suffix="x", stream=is_stream, seed=1)
    choices = [chunk.choices[0] for chunk in answer] if is_stream else answer.choices
    assert "".join(choice.text for choice in choices) == "return 1"
    request = server.received[-1]
    assert request["path"] == "/v1/fim/completions"
    assert request["json"]["suffix"] == "x"
    assert request["json"]["random_seed"] == 1


@pytest.mark.parametrize("row", ["fireworks_ai", "voyage"])
def test_the_results_of_a_reranking_may_be_called_data(row: str, client: Client, server: FakeUpstream) -> None:
    results = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.5}]
    server.otherwise = Answer.json({"object": "list", "model": "m", "data": results, "usage": {"total_tokens": 4}})
    answer = client.rerank(f"{row}/m", "q", ["a", "b"])
    assert [(result.index, result.relevance_score) for result in answer.results] == [(1, 0.75), (0, 0.5)]


def test_voyage_counts_the_total_only(client: Client, server: FakeUpstream) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
    server.otherwise = Answer.json({"object": "list", "model": "m", "data": [vector], "usage": {"total_tokens": 4}})
    answer = client.embedding("voyage/m", "hi", input_type="document")
    assert answer.usage.prompt_tokens == 4
    assert server.received[-1]["json"]["input_type"] == "document"
