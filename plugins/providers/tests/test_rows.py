"""Every row is served: it registers, resolves, sends the key to its host and no other, and costs nothing until then."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from urllib.parse import urlsplit

import pytest
from llmgate_providers import plugins
from llmgate_providers.row_plugin import plugin_of_row
from llmgate_providers.rows import attribute_of, row_names, shipped_row

from llmgate_core import AsyncClient, AuthenticationError, BadRequestError, Client, ConfigError, Settings
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.paths import ROOT
from tests.support.refusing_upstream import refusing

HI = [{"role": "user", "content": "hi"}]
FIRST = {
    **{"databricks": {"host": "acme.example"}, "openai_compatible": {"host": "acme.example"}},
    **{"snowflake": {"account_id": "acme"}, "cloudflare": {"account_id": "a1"}},
}
"""Row -> options without which it has no URL."""
PLACES = [(name, family) for name in row_names() for family in shipped_row(name).families]
CALLS_OF = {"chat": ("completion", (HI,)), "embedding": ("embedding", ("hi",))}
"""Family -> a function and its arguments."""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(settings=Settings(), api_key="sk-test", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(("name", "family"), PLACES)
def test_each_prefix_goes_to_the_host_of_its_row(name: str, family: str, client: Client) -> None:
    row = shipped_row(name)
    options = FIRST.get(name, {})
    for prefix in row.prefixes:
        target = client.resolve(family, f"{prefix}/some/model:free")
        assert (target.plugin.info.name, target.family, target.model) == (name, family, "some/model:free")
        destination = client.destination(target, provider_options=options)
        wanted = (row.families[family].base_url or row.base_url).format_map(options)
        assert destination.base_url == wanted
        assert destination.is_provider_host


@pytest.mark.parametrize("name", row_names())
def test_the_key_comes_from_the_variables_of_the_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = shipped_row(name)
    function, arguments = CALLS_OF[next(iter(row.families))]
    for variable in (*row.env_key, *row.env_base_url):
        monkeypatch.delenv(variable, raising=False)
    with Client(settings=Settings()) as client:
        target = client.resolve(next(iter(row.families)), f"{name}/m")
        options = FIRST.get(name, {})
        if not row.key_optional:
            with pytest.raises(AuthenticationError) as raised:
                getattr(client, function)(f"{name}/m", *arguments, provider_options=options)
            assert row.env_key[0] in str(raised.value)
        for variable in reversed(row.env_key):
            monkeypatch.setenv(variable, f"key of {variable}")
            key = client.destination(target, provider_options=options).api_key
            assert key is not None
            assert key.reveal() == f"key of {variable}"


@pytest.mark.parametrize("name", row_names())
def test_a_row_says_where_it_is_from(name: str) -> None:
    row = shipped_row(name)
    assert row.source
    assert row.checked
    assert row.tier in ("documented", "unverified"), "nothing was called live yet"
    assert row.is_local == (urlsplit(row.base_url).scheme == "http")
    assert row.key_optional or not row.is_local
    for quirk in row.quirks:
        assert quirk.reason
        assert quirk.source


def test_the_entry_points_are_those_of_the_rows() -> None:
    script = [sys.executable, str(ROOT / "tools" / "make_rows.py"), "--check"]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    served = {point.name for point in distribution("llmgate-providers").entry_points if point.group == "llmgate.chat"}
    assert {
        prefix for name in row_names() if "chat" in shipped_row(name).families for prefix in shipped_row(name).prefixes
    } <= served


PROGRAM = """
import sys
from llmgate_core import Client, Settings
client = Client(settings=Settings(), api_key="k")
before = [name for name in sys.modules if name.startswith("llmgate_providers")]
client.resolve("chat", "openai/m")
before += [name for name in sys.modules if name.startswith("llmgate_providers")]
client.resolve("chat", "groq/m")
from llmgate_providers.rows import shipped_row
print(before, shipped_row.cache_info().currsize)
"""


def test_nothing_is_imported_until_a_call_goes_there_and_then_one_row_is_read() -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.split() == ["[]", "1"]


def test_a_provider_is_one_object_and_one_more_for_each_other_base_url() -> None:
    assert plugins.deepseek is plugins.deepseek
    assert plugins.deepseek__messages.info.base_url == "https://api.deepseek.com/anthropic/v1"
    assert plugins.deepseek__messages.info.key_header == "x-api-key"
    assert "nano_gpt" in dir(plugins)
    with pytest.raises(AttributeError):
        plugins.no_such_provider  # noqa: B018


def test_a_row_without_edits_has_no_hooks_of_its_own(client: Client) -> None:
    bound = client.resolve("chat", "poe/m").plugin
    assert bound.transform_response is None
    assert bound.stream_parser is None
    assert client.resolve("chat", "xai/m").plugin.transform_request is not None


@pytest.mark.parametrize(
    ("name", "family", "path"),
    [
        ("perplexity", "chat", "/chat/completions"),
        ("cohere", "rerank", "/v2/rerank"),
        ("codestral", "text_completion", "/fim/completions"),
        ("inception", "text_completion", "/fim/completions"),
    ],
)
def test_other_paths(name: str, family: str, path: str, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing()
    if family == "rerank":
        client.rerank(f"{name}/m", "q", ["d"], api_base=upstream.origin)
    elif family == "chat":
        client.completion(f"{name}/m", HI, api_base=upstream.origin)
    else:
        client.text_completion(f"{name}/m", "x", api_base=upstream.origin)
    assert upstream.received[-1]["path"] == path


def test_openrouters_headers_come_from_options(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = refusing()
    monkeypatch.setenv("OR_APP_NAME", "my program")
    monkeypatch.delenv("OR_SITE_URL", raising=False)
    with Client(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
        client.completion("openrouter/m", HI)
        first = upstream.received[-1]["headers"]
        client.completion(
            "openrouter/m", HI, provider_options={"site_url": "https://a.example", "app_name": "{site_url}"}
        )
    second = upstream.received[-1]["headers"]
    assert first["x-title"] == "my program"
    assert "http-referer" not in first
    assert second["http-referer"] == "https://a.example"
    assert second["x-title"] == "{site_url}"


def test_sarvams_key_has_a_header_of_its_own(upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing()
    with Client(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
        client.completion("sarvam/m", HI)
    headers = upstream.received[-1]["headers"]
    assert headers["api-subscription-key"] == "k"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("name", "option"), [("cloudflare", "account_id"), ("snowflake", "account_id"), ("databricks", "host")]
)
def test_an_option_in_the_url_is_needed_and_may_not_leave_the_host(
    name: str, option: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in next(it for it in shipped_row(name).options if it.name == option).env:
        monkeypatch.delenv(variable, raising=False)
    target = client.resolve("chat", f"{name}/m")
    for options in ({}, {option: "evil.example/x"}, {option: "a@evil.example"}):
        with pytest.raises(ConfigError):
            client.destination(target, provider_options=options)


def test_a_prefix_without_chat_says_what_it_serves(client: Client) -> None:
    with pytest.raises(BadRequestError) as raised:
        client.completion("voyage/voyage-3", HI)
    assert "embedding" in str(raised.value)


def test_a_plugin_can_be_made_of_any_row() -> None:
    row = shipped_row("groq")
    assert plugin_of_row(row).row is row
    assert attribute_of("nano-gpt") == "nano_gpt"


@pytest.mark.parametrize("row", ["poe", "mistral", "hosted_vllm"])
def test_a_relayed_body_that_needs_no_change_is_sent_byte_by_byte(row: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing()
    content = b'{ "messages" : [{"role":"user","content":"hi"}],"model":"alias",  "temperature":0.50 }'

    async def relay() -> None:
        async with AsyncClient(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
            await client.relay("chat", f"{row}/m", json.loads(content), content=content)

    asyncio.run(relay())
    assert upstream.received[-1]["body"] == content.replace(b"alias", b"m")


@pytest.mark.parametrize("name", ["deepseek", "minimax"])
def test_anthropics_messages_go_to_a_place_of_their_own(name: str, upstream: FakeUpstream) -> None:
    message = {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": "end_turn",
    }
    upstream.otherwise = Answer.json({**message, "usage": {"input_tokens": 1, "output_tokens": 1}})
    with Client(settings=Settings(), api_key="k", api_base=upstream.base_url) as client:
        assert client.messages(f"{name}/m", HI, max_tokens=5).id == "1"
    request = upstream.received[-1]
    assert request["path"] == "/v1/messages"
    assert (request["headers"]["x-api-key"], request["headers"]["anthropic-version"]) == ("k", "2023-06-01")
    assert "authorization" not in request["headers"]


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("xai", {"responses.retrieve", "responses.delete"}),
        ("hosted_vllm", {"responses.retrieve", "responses.cancel"}),
        ("llamacpp", {"messages.count_tokens"}),
        ("groq", set()),
    ],
)
def test_operations_besides_create(name: str, operations: set[str]) -> None:
    assert shipped_row(name).info().operations == operations
