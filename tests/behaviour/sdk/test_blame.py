"""Errors and warnings name what is wrong: the key, the parameter, the argument, the caller's line; never a value."""

from __future__ import annotations

import asyncio
import inspect
import math
import warnings
from typing import Any

import openai
import pytest

import llmgate_core
from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.errors import BadRequestError, ConfigError
from llmgate_core.settings.foreign_arguments import RENAMED_ARGUMENTS
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
WHOLE = {"id": "c", "choices": [{"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}]}
KEY = "sk-canary-0123456789"


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = Answer.json(WHOLE)
    return fake_upstream


WAYS = ("argument", "client", "setting", "environment")


def ask(way: str, key: str, url: str) -> None:
    """Make a call with a key that is given in one of the ways."""
    settings = Settings(api_base=url, api_key=key if way == "setting" else None)
    with Client(settings=settings, api_key=key if way == "client" else None) as client:
        client.completion("gpt-4o", HI, api_key=key if way == "argument" else None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", [f"{KEY} ", f"\n{KEY}\r\n", f"\t{KEY}\u00a0"], ids=["blank", "lines", "tab"])
def test_white_space_around_a_key_is_removed_with_a_warning(
    way: str, key: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.warns(UserWarning, match="white space") as caught:
        ask(way, key, upstream.base_url)
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "mark", ["\n", "\u2013", "\ufeff", "\u200b", "\x7f"], ids=["line", "dash", "bom", "zero width", "del"]
)
def test_a_key_that_cannot_be_sent_is_blamed_and_not_shown(
    way: str, mark: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{KEY}{mark}{KEY}"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(BadRequestError, match="OPENAI_API_KEY" if way == "environment" else "api_key") as caught:
        ask(way, key, upstream.base_url)
    assert (caught.value.param, KEY in str(caught.value), upstream.received) == ("api_key", False, [])


def test_blanks_around_a_header_are_no_part_of_it(upstream: FakeUpstream) -> None:
    with Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY, organization="org ") as client:
        client.completion("gpt-4o", HI, extra_headers={"X-Label": " red\t"}, project=" p ")
    headers = upstream.received[0]["headers"]
    assert [headers[name] for name in ("x-label", "openai-organization", "openai-project")] == ["red", "org", "p"]


@pytest.mark.parametrize("transport", ["http1", "httpx"])
@pytest.mark.parametrize("seconds", [math.inf, 1e11, 10**400], ids=["inf", "float", "huge"])
def test_a_timeout_beyond_every_wait_is_endless(transport: Any, seconds: Any, upstream: FakeUpstream) -> None:
    with Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY, transport=transport) as client:
        client.completion("gpt-4o", HI, timeout=seconds)

    async def ask_async() -> None:
        async with AsyncClient(
            settings=Settings(), api_base=upstream.base_url, api_key=KEY, transport=transport
        ) as made:
            await made.completion("gpt-4o", HI, timeout=seconds)

    asyncio.run(ask_async())
    assert len(upstream.received) == 2


@pytest.mark.parametrize("seconds", [math.inf, math.nan, -1, 10**400, True, "1"])
def test_a_poll_that_cannot_be_waited_for_is_refused(seconds: Any, upstream: FakeUpstream) -> None:
    with (
        Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client,
        pytest.raises(ConfigError, match="poll_seconds"),
    ):
        client.responses("gpt-4o", "hi", background=True, wait=True, poll_seconds=seconds)


def test_a_mode_without_a_plugin_is_named(upstream: FakeUpstream) -> None:
    with (
        Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client,
        pytest.raises(BadRequestError, match="no plugin serves mode realtime") as caught,
    ):
        client.completion("gpt-realtime", HI)
    assert (caught.value.param, upstream.received) == ("model", [])


# --- arguments ---


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("temprature", "temperature"),
        ("maxTokens", "max_tokens"),
        ("top-p", "top_p"),
        ("max_token", "max_tokens"),
        ("tool", "tools"),
    ],
)
def test_a_near_miss_of_a_parameter_is_sent_warned_of_and_in_the_ledger(
    name: str, near: str, upstream: FakeUpstream
) -> None:
    with (
        Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client,
        pytest.warns(UserWarning, match=f"did you mean {near}") as caught,
    ):
        answer = client.completion("gpt-4o", HI, **{name: 1})
    assert upstream.received[0]["json"][name] == 1
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [(name, "forwarded")]
    assert caught[0].filename == __file__


OF_OTHER_HOSTS = (
    "top_k", "min_p", "top_a", "repetition_penalty", "guided_json", "chat_template_kwargs", "stop_token_ids",
    "min_tokens", "best_of", "ignore_eos", "prompt_logprobs", "safe_prompt", "random_seed", "thinking", "reasoning",
    "include_reasoning", "provider", "models", "route", "transforms", "plugins", "priority", "mirostat", "keep_alive",
    "num_ctx", "enable_thinking", "search_parameters", "max_new_tokens", "max_output_tokens", "logits_processors",
    "documents", "citation_options", "cache_prompt", "n_probs", "session_id", "presence", "disable_reasoning",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_OTHER_HOSTS)
def test_a_parameter_of_another_host_is_neither_refused_nor_warned_of(name: str, upstream: FakeUpstream) -> None:
    with Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client:
        answer = client.completion("openai/some-model", HI, **{name: 1})
    assert (upstream.received[0]["json"][name], answer.ledger) == (1, ())


@pytest.mark.parametrize("name", ["api_kee", "apikey", "extra_headrs", "timeouts", "organisation", "maxRetries"])
def test_a_near_miss_of_an_option_is_refused_since_it_may_be_a_key(name: str, upstream: FakeUpstream) -> None:
    with (
        Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client,
        pytest.raises(BadRequestError, match="did you mean") as caught,
    ):
        client.completion("gpt-4o", HI, **{name: "sk-other"})
    assert (caught.value.param, "sk-other" in str(caught.value), upstream.received) == (name, False, [])


@pytest.mark.parametrize("name", ["guardrails", "cache", "tags", "rpm", "deployment_id", "stream_timeout", "fallbacks"])
def test_an_argument_that_is_none_is_not_given(name: str, upstream: FakeUpstream) -> None:
    assert name in RENAMED_ARGUMENTS
    with Client(settings=Settings(), api_base=upstream.base_url, api_key=KEY) as client:
        client.completion("gpt-4o", HI, **{name: None})
    assert name not in upstream.received[0]["json"]


# --- addresses ---


def test_the_query_of_the_base_url_is_sent_with_every_request(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = f"{upstream.base_url}/?api-version=2024-10-21&key=k"
    with Client(settings=Settings(), api_base=base, api_key=KEY) as client:
        client.completion("gpt-4o", HI)
        upstream.otherwise = Answer.json({"object": "list", "data": []})
        client.list_input_items("resp_1", limit=3)
        assert "key=k" not in repr(client)
    monkeypatch.setenv("OPENAI_BASE_URL", base)
    with Client(settings=Settings(), api_key=KEY) as client:
        client.video_list()
    assert [request["path"] for request in upstream.received] == [
        "/v1/chat/completions?api-version=2024-10-21&key=k",
        "/v1/responses/resp_1/input_items?api-version=2024-10-21&key=k&limit=3",
        "/v1/videos?api-version=2024-10-21&key=k",
    ]


def test_the_hint_for_a_version_gives_an_address_that_works(upstream: FakeUpstream) -> None:
    example = RENAMED_ARGUMENTS["api_version"].rpartition(" ")[2]
    url = example.replace("https://your-host/v1", upstream.base_url)
    with Client(settings=Settings(), api_base=url, api_key=KEY) as client:
        client.completion("gpt-4o", HI)
    assert upstream.received[0]["path"].endswith("?api-version=2024-10-21")


# --- lines ---


def line_before() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno - 1


async def warned_async(client: AsyncClient) -> int:
    await client.completion("gpt-5", HI, temperature=0.2, drop_params=True)
    return line_before()


@pytest.mark.parametrize("way", ["client", "function", "async client", "async function"])
def test_a_warning_names_the_line_of_the_call(
    way: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llmgate_core, "api_base", upstream.base_url)
    monkeypatch.setattr(llmgate_core, "api_key", KEY)
    monkeypatch.setattr(llmgate_core, "drop_params", True)

    async def function() -> int:
        await llmgate_core.acompletion("gpt-5", HI, temperature=0.2, top_p=0.5)
        return line_before()

    async def method() -> int:
        async with AsyncClient() as client:
            return await warned_async(client)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if way == "client":
            with Client() as client:
                client.completion("gpt-5", HI, temperature=0.2)
                expected = line_before()
        elif way == "function":
            llmgate_core.completion("gpt-5", HI, temperature=0.3, logprobs=True)
            expected = line_before()
        else:
            expected = asyncio.run(function() if way == "async function" else method())
    if way.endswith("client"):  # the default clients may have warned before
        assert caught
    assert {(warning.filename, warning.lineno) for warning in caught} <= {(__file__, expected)}


def test_the_name_of_a_parameter_that_json_cannot_have_is_blamed_on_extra_body(upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError, match="name of a parameter") as caught, Client(api_key=KEY) as client:
        client.completion("openai/gpt-4o", HI, api_base=upstream.base_url, extra_body={"a\ud83d": 1})
    assert caught.value.param == "extra_body"


def test_what_another_sdk_calls_not_given_is_not_sent(upstream: FakeUpstream) -> None:
    with Client(api_key=KEY, api_base=upstream.base_url) as client:
        client.completion("openai/gpt-4o", HI, temperature=openai.NOT_GIVEN, tools=openai.omit)  # type: ignore[arg-type]
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI}


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("param", ["temperature", "n", "logit_bias", "stop", "messages"])
def test_a_number_beyond_a_float_is_the_callers_mistake(param: str, digits: int, upstream: FakeUpstream) -> None:
    number = 10**digits
    value: dict[str, Any] = {"logit_bias": {"1": number}, "stop": [[number]], "messages": [number]}
    arguments = {"messages": HI, "temperature": 1, param: value.get(param, number)}
    with pytest.raises(BadRequestError) as caught, Client(api_key=KEY, api_base=upstream.base_url) as client:
        client.completion("openai/gpt-4o", **arguments)
    assert caught.value.param == param
    assert not upstream.received
