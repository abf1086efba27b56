"""Every snippet about the proxy on LiteLLM's OpenAI page runs against a real gateway and sends what the page says.

The gateway is a process in front of a loopback upstream that `OPENAI_BASE_URL` names; curl and the programs
are processes too. Only the address in a snippet is another one.

Source: docs.litellm.ai/docs/providers/openai; docs/internal/capabilities.md, A32 to A59, A88, A89 and A110.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from llmgate_core.testing import FakeUpstream
from tests.support.gateway_process import GatewayProcess, clean_environment, gateway_process
from tests.support.gateway_snippets import COMMANDS, CONFIGS, CURLS, PROGRAMS
from tests.support.multipart_form import read_form
from tests.support.openai_upstream import WAV, answered
from tests.support.page_runner import put_curl_on_path

KEY = "sk-page-0123456789"
ADDRESS = re.compile(r"http://0\.0\.0\.0:(?:4000|8000)")
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
PDF = base64.b64encode(b"%PDF-1.4 draconomicon").decode()
PATIENCE_SECONDS = 60
Serve = Callable[..., GatewayProcess]


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = answered
    return fake_upstream


@pytest.fixture
def serve(upstream: FakeUpstream, tmp_path: Path) -> Iterator[Serve]:
    """Return a function that runs a command of the page, with a config of the page, until the test's end."""
    (tmp_path / "gettysburg.wav").write_bytes(WAV)
    running = []

    def start(config: str | None = None, command: str = "a config") -> GatewayProcess:
        if config is not None:
            (tmp_path / "config.yaml").write_text(CONFIGS[config], "utf-8")
        environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": upstream.base_url}
        context = gateway_process(*COMMANDS[command].split()[1:], folder=tmp_path, environment=environment)
        running.append(context)
        return context.__enter__()

    yield start
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture
def curl(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a curl snippet against a gateway, and gives the JSON that comes back."""
    environment = clean_environment()
    put_curl_on_path(tmp_path, environment)

    def run(name: str, gateway: GatewayProcess, **filled: str) -> Any:
        snippet = ADDRESS.sub(gateway.url, CURLS[name])
        for placeholder, value in filled.items():
            assert placeholder in snippet
            snippet = snippet.replace(placeholder, value)
        done = subprocess.run(
            ["bash", "-e", "-c", snippet],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
        return json.loads(done.stdout)

    return run


def run_program(name: str, gateway: GatewayProcess) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ADDRESS.sub(gateway.url, PROGRAMS[name])],
        env=clean_environment(OPENAI_API_KEY="anything", LANGSMITH_TRACING="false"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def wire(upstream: FakeUpstream) -> list[tuple[str, Any]]:
    return [(request["path"], request["json"]) for request in upstream.received]


def item(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


# --- the configs ---


@pytest.mark.parametrize("name", list(CONFIGS))
def test_a_config_of_the_page_starts_the_gateway_and_says_where_it_listens(name: str, serve: Serve) -> None:
    gateway = serve(name)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", gateway.url)
    assert gateway.stop() == 0
    assert gateway.out == []


def test_the_prefixes_of_one_config_call_chat_and_completions(
    serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    gateway = serve("chat and text")
    curl("chat", gateway)
    curl("chat", gateway, **{"gpt-3.5-turbo": "gpt-3.5-turbo-instruct"})
    assert [(path, body["model"]) for path, body in wire(upstream)] == [
        ("/v1/chat/completions", "gpt-3.5-turbo"),
        ("/v1/completions", "gpt-3.5-turbo-instruct"),
    ]
    assert {request["headers"]["authorization"] for request in upstream.received} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("model", ["gpt-4", "gpt-3.5-turbo", "gpt-4-turbo-preview"])
def test_all_requests_go_through_the_one_route_of_the_wildcard(
    model: str, serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    assert curl("chat", serve("all models"), **{"gpt-3.5-turbo": model})["model"] == model
    assert [(path, body["model"]) for path, body in wire(upstream)] == [("/v1/chat/completions", model)]


# --- curl ---


@pytest.mark.parametrize("command", ["a config", "a model"])
def test_curl_without_a_key_is_answered(
    command: str, serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    gateway = serve("chat and text" if command == "a config" else None, command)
    answer = curl("chat", gateway)
    assert (answer["object"], answer["choices"][0]["message"]["content"]) == ("chat.completion", "Hello!")
    body = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "what llm are you"}]}
    assert wire(upstream) == [("/v1/chat/completions", body)]


def test_a_pdf_goes_up_under_the_providers_name_of_the_model(
    serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    data = f"data:application/pdf;base64,{PDF}"
    filled = {'f"data:application/pdf;base64,{base64_string}",': json.dumps(data)}
    assert curl("pdf", serve("pdf"), **filled)["choices"][0]["message"]["content"] == "Hello!"
    part = {"type": "file", "file": {"filename": "draconomicon.pdf", "file_data": data}}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [part]}]}
    assert wire(upstream) == [("/v1/chat/completions", body)]


def test_the_pages_pdf_request_as_it_stands_is_no_json_and_told_so(
    serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    error = curl("pdf", serve("pdf"))["error"]
    assert error["code"] == "invalid_json"
    assert "line 9" in error["message"]
    assert upstream.received == []


@pytest.mark.parametrize(
    ("name", "effort"),
    [
        ("reasoning", {"effort": "low"}),
        ("effort as text", {"effort": "high"}),
        ("effort as object", {"effort": "high", "summary": "auto"}),
    ],
)
def test_the_responses_prefix_sent_by_the_client_gives_the_pages_answer(
    name: str, effort: Any, serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    answer = curl(name, serve("all models"))
    body = {"model": "gpt-5-mini", "input": [item(CAPITAL[0]["content"])], "reasoning": effort}
    assert wire(upstream) == [("/v1/responses", body)]
    (choice,) = answer["choices"]
    message = {key: value for key, value in choice["message"].items() if value is not None}
    for extension in ("provider_specific_fields", "reasoning_items"):
        message.pop(extension, None)
    assert message == {"role": "assistant", "content": "Paris.", "reasoning_content": "France has one capital."}
    assert (choice["finish_reason"], choice["index"], answer["object"]) == ("stop", 0, "chat.completion")
    assert (answer["id"], answer["model"], answer.get("system_fingerprint")) == ("chatcmpl-1", "gpt-5-mini", None)
    assert isinstance(answer["created"], int)
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (18, 7, 25)


def test_verbosity_goes_up_as_it_is(serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream) -> None:
    curl("verbosity", serve("all models"))
    messages = [{"role": "user", "content": "Write a function to reverse a string"}]
    assert wire(upstream) == [("/v1/chat/completions", {"model": "gpt-5.1", "messages": messages, "verbosity": "low"})]


@pytest.mark.parametrize(
    ("alias", "model"), [("gpt-4o-with-tools", "gpt-4o"), ("o3-deep-research", "o3-deep-research-2025-06-26")]
)
def test_a_built_in_tool_goes_to_responses_by_prefix_and_by_mode(
    alias: str, model: str, serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    answer = curl("bridge", serve("bridge"), **{"gpt-4o-with-tools": alias})
    assert answer["choices"][0]["message"]["content"] == "Paris."
    asked = [item("What is the weather in Paris today?")]
    assert wire(upstream) == [
        ("/v1/responses", {"model": model, "input": asked, "tools": [{"type": "web_search_preview"}]})
    ]


def test_a_recording_is_uploaded_with_the_key_of_the_config(
    serve: Serve, curl: Callable[..., Any], upstream: FakeUpstream
) -> None:
    gateway = serve("transcription")
    assert curl("transcription", gateway)["text"] == "the quick brown fox"
    (request,) = upstream.received
    assert request["path"] == "/v1/audio/transcriptions"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    form = read_form(request["headers"]["content-type"], request["body"])
    assert sorted((part.name, part.content, part.filename) for part in form) == [
        ("file", WAV, "gettysburg.wav"),
        ("model", b"gpt-4o-transcribe", None),
    ]
    assert curl("transcription", gateway, **{"sk-1234": "sk-4321"})["error"]["code"] == "invalid_api_key"
    assert len(upstream.received) == 1


# --- the search models: the page has a config for them, and the requests are those of its SDK ---


def test_both_models_of_the_search_config_are_served_as_the_page_says(serve: Serve, upstream: FakeUpstream) -> None:
    client = openai.OpenAI(api_key="anything", base_url=serve("search").url)
    client.chat.completions.create(
        model="gpt-5-search-api", messages=CAPITAL, web_search_options={"search_context_size": "medium"}
    )
    tool: Any = {"type": "web_search_preview", "search_context_size": "low"}
    answer = client.responses.create(model="gpt-5", input=CAPITAL[0]["content"], tools=[tool])
    assert answer.output_text == "Paris."
    asked = {"messages": CAPITAL, "web_search_options": {"search_context_size": "medium"}}
    assert wire(upstream) == [
        ("/v1/chat/completions", {"model": "gpt-5-search-api", **asked}),
        ("/v1/responses", {"model": "gpt-5", "input": CAPITAL[0]["content"], "tools": [tool]}),
    ]


# --- programs ---


@pytest.mark.parametrize("command", ["a config", "a model"])
def test_the_openai_sdk_needs_another_address_and_nothing_else(
    command: str, serve: Serve, upstream: FakeUpstream
) -> None:
    printed = run_program("openai", serve("chat and text" if command == "a config" else None, command))
    assert "content='Hello!'" in printed
    messages = [{"role": "user", "content": "this is a test request, write a short poem"}]
    assert wire(upstream) == [("/v1/chat/completions", {"model": "gpt-3.5-turbo", "messages": messages})]


def test_a_gateway_of_one_model_answers_whatever_name_a_client_sends(serve: Serve, upstream: FakeUpstream) -> None:
    client = openai.OpenAI(api_key="anything", base_url=serve(command="a model").url)
    for name in ("gpt-3.5-turbo", "anything-else"):
        assert client.chat.completions.create(model=name, messages=CAPITAL).choices[0].message.content == "Hello!"
    assert [body["model"] for _, body in wire(upstream)] == ["gpt-3.5-turbo", "gpt-3.5-turbo"]


def test_langchain_needs_another_address_and_its_temperature_goes_up(serve: Serve, upstream: FakeUpstream) -> None:
    assert "content='Hello!'" in run_program("langchain", serve("chat and text"))
    ((path, body),) = wire(upstream)
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"]) == ("gpt-3.5-turbo", 0.1)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][1]["content"] == "test from litellm. tell me why it's amazing in 1 sentence"


def test_the_organization_goes_up_and_is_seen_in_the_debug_log_without_a_key(
    serve: Serve, upstream: FakeUpstream
) -> None:
    gateway = serve("organization", "a config, with debug")
    run_program("organization", gateway)
    (request,) = upstream.received
    assert request["headers"]["openai-organization"] == "my-special-org"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["json"] == {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "Hello world"}]}
    assert "organization='my-special-org'" in gateway.wait_line("my-special-org")
    assert gateway.stop() == 0
    written = "".join(gateway.out + gateway.err)
    assert [piece for piece in (KEY, "sk-1234", "Hello world") if piece in written] == []


def test_without_the_setting_the_organization_stays_here(serve: Serve, upstream: FakeUpstream) -> None:
    run_program("organization", serve("chat and text"))
    assert "openai-organization" not in upstream.received[0]["headers"]
