"""Every SDK snippet of LiteLLM's OpenAI page runs as it is printed, and the wire carries what the page says.

Source: docs.litellm.ai/docs/providers/openai.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import trustme

import llmgate_core
from llmgate_core import APIConnectionError, BadRequestError, Settings, UnsupportedParamsError
from llmgate_core.client.functions import default_client
from llmgate_core.testing import FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.model_names import CHAT_MODELS, FINE_TUNED, RESPONSES_MODELS
from tests.support.multipart_form import read_form
from tests.support.openai_upstream import answered
from tests.support.sdk_snippets import SNIPPETS

HOW_ARE_YOU = [{"content": "Hello, how are you?", "role": "user"}]
HI = [{"role": "user", "content": "hi"}]
CAPITAL = "What is the capital of France?"
WEATHER = "What is the weather in Paris today?"
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
FLAT_FUNCTION = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}
SEARCH = {"type": "web_search_preview"}
PDF = b"%PDF-1.4 draconomicon"
MP3 = b"ID3 audio"
GIVEN = {"model": "gpt-3.5-turbo", "messages": HI, "tools": [FUNCTION], "completion": llmgate_core.completion}
"""What a snippet takes for given: the page has said it before."""

Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeUpstream]:
    (tmp_path / "draconomicon.pdf").write_bytes(PDF)
    (tmp_path / "audio.mp3").write_bytes(MP3)
    monkeypatch.chdir(tmp_path)
    with fake_upstream() as running:
        running.otherwise = answered
        monkeypatch.setenv("OPENAI_API_KEY", "sk-page-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_ORGANIZATION", "")
        yield running
        for setting in fields(Settings):
            delattr(llmgate_core, setting.name)
        default_client().close()


@pytest.fixture
def run(upstream: FakeUpstream) -> Run:
    """Run a snippet, with values for what the page leaves to the reader, and return its names."""
    filled = {
        "https://your_host/v1": upstream.base_url,
        "/path/to/audio.mp3": "audio.mp3",
        "tools=[...]": "tools=tools",
        '= ""\n': '= "sk-the-readers-own"\n',
    }

    def run(name: str) -> dict[str, Any]:
        code = SNIPPETS[name]
        for placeholder, value in filled.items():
            code = code.replace(placeholder, value)
        namespace = {**GIVEN, "llmgate_core": llmgate_core, "__name__": "page"}
        exec(compile(code, f"the page: {name}", "exec"), namespace)
        return namespace

    return run


def item(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


Wire = list[tuple[str, dict[str, Any]]]

WIRES: dict[str, Wire] = {
    "usage": [("/chat/completions", {"model": "gpt-4o", "messages": HOW_ARE_YOU})],
    "metadata": [("/chat/completions", {"model": "gpt-4o", "messages": HI})],
    "search model": [
        (
            "/chat/completions",
            {
                "model": "gpt-5-search-api",
                "messages": user(CAPITAL),
                "web_search_options": {"search_context_size": "medium"},
            },
        )
    ],
    "search tool": [
        ("/responses", {"model": "gpt-5", "input": CAPITAL, "tools": [{**SEARCH, "search_context_size": "low"}]})
    ],
    "vision": [
        (
            "/chat/completions",
            {
                "model": "gpt-4-vision-preview",
                "messages": user(
                    [
                        {"type": "text", "text": "What's in this image?"},
                        {"type": "image_url", "image_url": {"url": "https://host.example/picture.png"}},
                    ]
                ),
            },
        )
    ],
    "pdf": [
        (
            "/chat/completions",
            {
                "model": "gpt-4o",
                "messages": user(
                    [
                        {
                            "type": "file",
                            "file": {
                                "filename": "draconomicon.pdf",
                                "file_data": "data:application/pdf;base64,JVBERi0xLjQgZHJhY29ub21pY29u",
                            },
                        },
                        {"type": "text", "text": "What is the first dragon in the book?"},
                    ]
                ),
            },
        )
    ],
    "reasoning content": [
        ("/responses", {"model": "gpt-5-mini", "input": [item(CAPITAL)], "reasoning": {"effort": "low"}})
    ],
    "effort as text or object": [
        ("/responses", {"model": "gpt-5-mini", "input": [item(CAPITAL)], "reasoning": {"effort": "high"}}),
        (
            "/responses",
            {"model": "gpt-5-mini", "input": [item(CAPITAL)], "reasoning": {"effort": "high", "summary": "auto"}},
        ),
    ],
    "verbosity": [
        (
            "/chat/completions",
            {"model": "gpt-5.1", "messages": user("Write a function to reverse a string"), "verbosity": "low"},
        ),
        (
            "/chat/completions",
            {"model": "gpt-5.1", "messages": user("Explain how neural networks work"), "verbosity": "high"},
        ),
    ],
    "tools and effort": [
        (
            "/responses",
            {
                "model": "gpt-5.4",
                "input": [item("What's the weather?")],
                "tools": [FLAT_FUNCTION],
                "reasoning": {"effort": "low"},
            },
        )
    ],
    "built-in tool by prefix": [("/responses", {"model": "gpt-4o", "input": [item(WEATHER)], "tools": [SEARCH]})],
    "mode responses": [
        (
            "/responses",
            {
                "model": "o3-deep-research-2025-06-26",
                "input": [item(CAPITAL)],
                "tools": [SEARCH, {"type": "code_interpreter", "container": {"type": "auto"}}],
            },
        )
    ],
    "mode chat": [("/responses", {"model": "gpt-4o", "input": [item(WEATHER)], "tools": [SEARCH]})],
    "headers": [("/chat/completions", {"model": "gpt-4o-mini", "messages": HI})],
    "headers of a stream": [("/chat/completions", {"model": "gpt-4o-mini", "stream": True, "messages": HI})],
    "headers of an embedding": [("/embeddings", {"model": "text-embedding-ada-002", "input": "hello"})],
    "organization": [("/chat/completions", {"model": "gpt-3.5-turbo", "messages": HOW_ARE_YOU})],
    "organization of a call": [("/chat/completions", {"model": "gpt-3.5-turbo", "messages": HI})],
    "organization of the module": [("/chat/completions", {"model": "gpt-3.5-turbo", "messages": HI})],
    "proxy": [("/chat/completions", {"model": "your-model-name", "messages": HOW_ARE_YOU})],
    "api_base of a call": [("/chat/completions", {"model": "your-model-name", "messages": HI})],
    "gpt-5-pro": [
        ("/responses", {"model": "gpt-5-pro", "input": [item("Solve this complex reasoning problem...")]}),
    ],
}
"""Snippet -> path and body of each request. Those that need more than that have a test of their own."""

OF_THEIR_OWN = {
    "optional keys",
    "built-in tool on chat",
    "transcription",
    "parallel function calling",
    "extra headers",
    "ssl_verify",
    "ssl_verify, async",
}


def wire(received: list[ReceivedRequest]) -> Wire:
    return [(request["path"].removeprefix("/v1"), request["json"]) for request in received]


def test_every_snippet_has_a_test() -> None:
    assert sorted([*WIRES, *OF_THEIR_OWN]) == sorted(SNIPPETS)


@pytest.mark.parametrize("name", list(WIRES))
def test_a_snippet_sends_what_the_page_says_and_nothing_unasked(name: str, run: Run, upstream: FakeUpstream) -> None:
    run(name)
    assert wire(upstream.received) == WIRES[name]


def test_metadata_goes_upstream_with_the_flag_of_the_page(run: Run, upstream: FakeUpstream) -> None:
    llmgate_core.enable_preview_features = True
    run("metadata")
    assert upstream.received[0]["json"]["metadata"] == {"custom_meta_key": "value"}


def test_the_optional_keys_are_read_at_the_time_of_the_call(run: Run, upstream: FakeUpstream) -> None:
    run("optional keys")
    run("usage")
    (request,) = upstream.received
    assert request["headers"]["openai-organization"] == "your-org-id"
    assert request["headers"]["authorization"] == "Bearer your-api-key"


@pytest.mark.parametrize("name", ["organization", "organization of a call", "organization of the module"])
def test_an_organization_may_be_set_in_three_ways(name: str, run: Run, upstream: FakeUpstream) -> None:
    run(name)
    wanted = "your-org-id" if name == "organization" else "your-organization-id"
    assert [request["headers"]["openai-organization"] for request in upstream.received] == [wanted]


def test_the_reasoning_of_the_bridged_answer_has_the_shape_of_the_page(run: Run) -> None:
    answer = run("reasoning content")["response"].model_dump(exclude_none=True)
    (choice,) = answer.pop("choices")
    extensions = {name: choice["message"].pop(name) for name in ("reasoning_items", "provider_specific_fields")}
    assert choice == {
        "finish_reason": "stop",
        "index": 0,
        "message": {"content": "Paris.", "role": "assistant", "reasoning_content": "France has one capital."},
    }
    assert extensions["provider_specific_fields"] == answer.pop("provider_specific_fields") == {"response_id": "resp_1"}
    usage = answer.pop("usage")
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (18, 7, 25)
    assert answer == {"id": "chatcmpl-1", "created": 1, "model": "gpt-5-mini", "object": "chat.completion"}


def test_the_snippet_that_the_page_says_will_fail_fails_before_sending_and_names_the_prefix(
    run: Run, upstream: FakeUpstream
) -> None:
    with pytest.raises(UnsupportedParamsError, match="openai/responses/") as caught:
        run("built-in tool on chat")
    assert (caught.value.param, upstream.received) == ("tools", [])


def test_the_pages_header_with_a_space_is_refused_by_name_before_sending(run: Run, upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError, match="AI-Resource Group"):
        run("extra headers")
    assert upstream.received == []


def test_a_recording_is_transcribed(run: Run, upstream: FakeUpstream, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("transcription")
    names["audio_file"].close()
    (request,) = upstream.received
    form = read_form(request["headers"]["content-type"], request["body"])
    assert request["path"] == "/v1/audio/transcriptions"
    assert [(part.name, part.content, part.filename) for part in form] == [
        ("model", b"gpt-4o-transcribe", None),
        ("file", MP3, "audio.mp3"),
    ]
    assert names["response"].text == "the quick brown fox"
    assert capsys.readouterr().out.startswith("response: text='the quick brown fox'")


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_the_pages_table_of_audio_models_calls_completion_with_a_file(model: str, upstream: FakeUpstream) -> None:
    with open("audio.mp3", "rb") as audio_file:
        response: Any = llmgate_core.completion(model=model, file=audio_file)
    assert response.text == "the quick brown fox"
    assert [request["path"] for request in upstream.received] == ["/v1/audio/transcriptions"]


def test_tool_calls_come_back_as_the_page_reads_them(run: Run, upstream: FakeUpstream) -> None:
    names = run("parallel function calling")
    assert upstream.received[0]["json"] == {
        "model": "gpt-3.5-turbo-1106",
        "messages": names["messages"],
        "tools": names["tools"],
        "tool_choice": "auto",
    }
    (call,) = names["tool_calls"]
    assert (call.id, call.type, call.function.name) == ("call_1", "function", "get_weather")
    assert isinstance(call.function.arguments, str)
    assert names["response_message"] is names["response"].choices[0].message


@pytest.mark.parametrize(
    ("snippet", "name"),
    [
        ("headers", "response"),
        ("headers of a stream", "response"),
        ("headers of an embedding", "embedding_response"),
    ],
)
def test_response_headers_are_there_as_the_page_says(snippet: str, name: str, run: Run) -> None:
    headers = run(snippet)[name]._response_headers
    assert [headers[known] for known in ("x-request-id", "openai-model", "openai-processing-ms")] == [
        "req-1",
        "a-model",
        "12",
    ]


@pytest.fixture
def untrusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    """Return an upstream whose certificate nobody vouches for, as the one of `OPENAI_BASE_URL`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with fake_upstream(tls=tls) as running:
        running.otherwise = answered
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        yield running


def test_ssl_verify_is_switched_off_by_a_client_of_the_readers_own(run: Run, untrusted: FakeUpstream) -> None:
    with pytest.raises(APIConnectionError) as caught:
        llmgate_core.completion("gpt-3.5-turbo", HI, max_retries=0)
    assert caught.value.code == "tls_certificate"
    response = run("ssl_verify")["response"]
    assert not llmgate_core.client_session.is_closed
    llmgate_core.client_session.close()
    assert response.choices[0].message.content == "Hello!"
    assert wire(untrusted.received) == [("/chat/completions", {"model": "gpt-3.5-turbo", "messages": HI})]


def test_ssl_verify_is_switched_off_by_an_async_client_of_the_readers_own(run: Run, untrusted: FakeUpstream) -> None:
    response = run("ssl_verify, async")["response"]  # the page does not await it

    async def awaited() -> Any:
        try:
            return await response
        finally:
            await llmgate_core.aclient_session.aclose()

    assert asyncio.run(awaited()).choices[0].message.content == "Hello!"
    assert wire(untrusted.received) == [("/chat/completions", {"model": "gpt-3.5-turbo", "messages": HI})]


@pytest.mark.parametrize("model", [*CHAT_MODELS.split(), *RESPONSES_MODELS.split(), *FINE_TUNED.split()])
def test_every_row_of_the_pages_tables_of_models_answers(model: str, upstream: FakeUpstream) -> None:
    response = llmgate_core.completion(model=model, messages=HI)
    by_responses = model in RESPONSES_MODELS.split()
    assert response.choices[0].message.content == ("Paris." if by_responses else "Hello!")
    asked = {"input": [item("hi")]} if by_responses else {"messages": HI}
    path = "/responses" if by_responses else "/chat/completions"
    assert wire(upstream.received) == [(path, {"model": model, **asked})]
