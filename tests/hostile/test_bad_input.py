"""Bad input: typed, names the value and the way out, and found before the network where that can be."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import httpx
import pytest

import llmgate_core
from llmgate_core import (
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    Client,
    ConfigError,
    LLMGateError,
    PluginNotInstalledError,
    PluginPolicy,
    Settings,
    Timeouts,
    UnknownModelError,
    UnsupportedParamsError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import CANARY, HI, Caller, chat, chunk


def refused(caller: Caller, upstream: FakeUpstream, kind: type[LLMGateError], **arguments: Any) -> Any:
    """Return the error of a call that must be refused before anything is sent."""
    error = caller.failure(upstream, max_retries=2, **arguments)
    assert type(error) is kind, repr(error)
    assert (upstream.connections, upstream.received) == (0, [])
    return error


def test_a_missing_key_names_its_variable(caller: Caller, upstream: FakeUpstream) -> None:
    error = refused(caller, upstream, AuthenticationError, api_key=None)
    assert (error.status_code, error.attempts) == (401, 0)
    assert "OPENAI_API_KEY" in str(error)
    assert "api_key" in str(error)


def test_an_empty_key_is_a_missing_key(caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert "OPENAI_API_KEY" in str(refused(caller, upstream, AuthenticationError, api_key=""))


def test_an_unknown_prefix_lists_the_installed_ones(caller: Caller, upstream: FakeUpstream) -> None:
    error = refused(caller, upstream, UnknownModelError, model="opnai/gpt-5")
    assert (error.status_code, error.attempts) == (404, 0)
    assert "'opnai/gpt-5'" in str(error)
    assert "openai/" in str(error)


def test_an_unknown_bare_name_lists_near_ones(caller: Caller, upstream: FakeUpstream) -> None:
    error = refused(caller, upstream, UnknownModelError, model="gpt-4oo")
    assert "'gpt-4oo'" in str(error)
    assert "gpt-4o" in str(error).replace("gpt-4oo", "")


def test_a_missing_distribution_comes_with_its_command(upstream: FakeUpstream) -> None:
    nothing = PluginPolicy(allow=frozenset({"llmgate-openai-chat"}))  # as if the others were not installed
    client = Client(settings=Settings(), plugins=nothing, api_key=CANARY, api_base=upstream.base_url)
    with pytest.raises(LLMGateError, match="llmgate-text-completion"):
        client.text_completion("text-completion-openai/gpt-3.5-turbo-instruct", "hi")
    assert issubclass(PluginNotInstalledError, LLMGateError)
    assert upstream.connections == 0


@pytest.mark.parametrize("model", [None, 5, "", " ", "/", "openai/", "/gpt-4o", b"gpt-4o", "a" * 100_000])
def test_what_is_no_model_string_is_refused(caller: Caller, upstream: FakeUpstream, model: object) -> None:
    error = caller.failure(upstream, model=model)
    assert isinstance(error, (BadRequestError, UnknownModelError)), repr(error)
    assert "model" in str(error) or "plugin" in str(error)
    assert upstream.connections == 0


MESSAGES = {
    "bytes": b"hi",
    "an object": {"role": "user", "content": "hi"},
    "None": None,
    "a number": 5,
    "empty": [],
    "a text inside": ["hi"],
    "None inside": [None],
    "no role": [{"content": "hi"}],
    "role None": [{"role": None, "content": "hi"}],
    "role a number": [{"role": 1, "content": "hi"}],
    "content a number": [{"role": "user", "content": 5}],
    "content an object": [{"role": "user", "content": {"text": "hi"}}],
    "content bytes": [{"role": "user", "content": b"hi"}],
}


@pytest.mark.parametrize("messages", MESSAGES)
def test_malformed_messages_are_refused(caller: Caller, upstream: FakeUpstream, messages: str) -> None:
    error = refused(caller, upstream, BadRequestError, messages=MESSAGES[messages])
    assert (error.status_code, error.param, error.attempts) == (400, "messages", 0)
    assert "messages" in str(error)


def test_the_malformed_message_is_named(caller: Caller, upstream: FakeUpstream) -> None:
    assert "messages[1]" in str(refused(caller, upstream, BadRequestError, messages=[*HI, {"content": "x"}]))


WRONG_VALUES: list[tuple[str, str, object, str]] = [
    ("gpt-5", "reasoning_effort", "bogus", "minimal"),
    ("gpt-5", "reasoning_effort", "xhigh", "high"),
    ("gpt-5", "reasoning_effort", {"effort": "bogus"}, "minimal"),
    ("gpt-5", "verbosity", "loud", "low"),
    ("gpt-4o-search-preview", "web_search_options", {"search_context_size": "huge"}, "medium"),
    ("gpt-4o-search-preview", "web_search_options", "low", "object"),
    ("gpt-5", "temperature", 0.2, "temperature"),
    ("gpt-4o", "tools", [{"type": "web_search_preview"}], "openai/responses/"),
]


@pytest.mark.parametrize(("model", "parameter", "value", "word"), WRONG_VALUES)
def test_a_value_the_model_does_not_take_is_refused(
    caller: Caller, upstream: FakeUpstream, model: str, parameter: str, value: object, word: str
) -> None:
    error = refused(caller, upstream, UnsupportedParamsError, model=model, **{parameter: value})
    assert (error.status_code, error.param, error.provider, error.attempts) == (400, parameter, "openai", 0)
    assert word in str(error)


class NoJson:
    def __repr__(self) -> str:
        return "NoJson()"  # without an address: a test has the same name in every process


@pytest.mark.parametrize(
    "value", [NoJson(), {"a": NoJson()}, math.nan, math.inf, {"x": [math.nan]}, "\ud800", {NoJson()}], ids=repr
)
def test_what_has_no_json_form_names_its_parameter(caller: Caller, upstream: FakeUpstream, value: object) -> None:
    error = refused(caller, upstream, BadRequestError, some_parameter=value)
    assert (error.status_code, error.param, error.attempts) == (400, "some_parameter", 0)


def test_a_message_with_a_lone_surrogate_is_refused(caller: Caller, upstream: FakeUpstream) -> None:
    error = refused(caller, upstream, BadRequestError, messages=[{"role": "user", "content": "a\ud800"}])
    assert error.param == "messages"


def test_a_body_that_contains_itself_is_refused(caller: Caller, upstream: FakeUpstream) -> None:
    knot: dict[str, Any] = {}
    knot["self"] = knot
    assert refused(caller, upstream, BadRequestError, some_parameter=knot).param == "some_parameter"


def test_metadata_that_is_no_text_is_refused_by_its_key(caller: Caller, upstream: FakeUpstream) -> None:
    caller.client().settings.enable_preview_features = True
    error = refused(caller, upstream, BadRequestError, metadata={"team": 5})
    assert "team" in str(error)


OURS: list[tuple[str, object]] = [
    ("timeout", 0), ("timeout", -1), ("timeout", "5"), ("timeout", True), ("timeout", math.nan), ("timeout", []),
    ("max_retries", -1), ("max_retries", 1.5), ("max_retries", True), ("max_retries", "2"),
    ("api_base", "nonsense"), ("api_base", "ftp://h/v1"), ("api_base", "http://"), ("api_base", "http://["),
    ("api_base", "http://h:99999/v1"), ("api_base", "http://h:port/v1"), ("api_base", "http://a b/v1"),
    ("api_base", "http://hé/v1"), ("api_base", "http://h/\r\nx: 1"), ("api_base", 5),
    ("param_policy", "ignore"),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "value"), OURS)
def test_an_argument_of_ours_that_says_nothing_is_refused(
    caller: Caller, upstream: FakeUpstream, argument: str, value: object
) -> None:
    with pytest.raises(ConfigError, match=argument):
        caller.complete(upstream, **{argument: value})
    assert upstream.connections == 0


@pytest.mark.parametrize("key", [5, b"sk-bytes-1234567890", ["sk"]])
def test_a_key_that_is_no_text_is_refused_and_not_shown(caller: Caller, upstream: FakeUpstream, key: object) -> None:
    error = refused(caller, upstream, ConfigError, api_key=key)
    assert "api_key" in str(error)
    assert "sk" not in str(error)


def test_extra_body_that_is_no_object_is_refused(caller: Caller, upstream: FakeUpstream) -> None:
    assert refused(caller, upstream, BadRequestError, extra_body=[1]).param == "extra_body"


@pytest.mark.parametrize("session", [object(), "client", 5])
def test_a_session_that_is_no_client_is_refused(caller: Caller, upstream: FakeUpstream, session: object) -> None:
    name = "client_session" if caller.mode == "sync" else "aclient_session"
    assert name in str(refused(caller, upstream, ConfigError, **{name: session}))


def test_a_client_of_the_other_kind_is_refused(caller: Caller, upstream: FakeUpstream) -> None:
    if caller.mode == "sync":
        other = httpx.AsyncClient()
        assert "client_session" in str(refused(caller, upstream, ConfigError, client_session=other))
        asyncio.run(other.aclose())
    else:
        with httpx.Client() as client:
            assert "aclient_session" in str(refused(caller, upstream, ConfigError, aclient_session=client))


def test_a_misspelt_setting_suggests_the_right_one() -> None:
    with pytest.raises((ConfigError, AttributeError), match="drop_params"):
        llmgate_core.drop_param = True


@pytest.mark.parametrize("options", [{"transport": "quic"}, {"api_key": 5}, {"no_such_option": 1}])
def test_a_client_refuses_what_it_does_not_know(options: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, TypeError), match=next(iter(options))):
        Client(settings=Settings(), **options)


@pytest.mark.parametrize("name", ["total", "connect", "pool", "first_event", "idle"])
@pytest.mark.parametrize("value", [0, -1, math.nan, "5", True])
def test_timeouts_refuse_what_is_no_time(upstream: FakeUpstream, name: str, value: Any) -> None:
    client = Client(settings=Settings(), api_key=CANARY, api_base=upstream.base_url)
    with pytest.raises(ConfigError, match=name):
        client.completion("openai/gpt-4o", HI, timeout=Timeouts(**{name: value}))
    assert upstream.connections == 0


def test_waiting_for_a_free_connection_ends_with_its_limit(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse([chunk("a"), chunk("b", "stop")], done=True)
    upstream.answers.append(
        Answer(200, [b'data: {"choices": []}\n\n'] * 2, {"content-type": "text/event-stream"}, pause_seconds=60)
    )
    with httpx.Client(limits=httpx.Limits(max_connections=1)) as session:
        client = Client(settings=Settings(), client_session=session, api_key=CANARY, api_base=upstream.base_url)
        with client.completion("openai/gpt-4o", HI, stream=True) as stream:
            next(stream)
            with pytest.raises(APITimeoutError) as caught:
                client.completion("openai/gpt-4o", HI, timeout=Timeouts(pool=0.3), max_retries=0)
    assert (caught.value.phase, caught.value.attempts) == ("pool", 1)


def test_unknown_parameters_go_upstream_as_they_are(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    caller.complete(upstream, brand_new={"deep": [1, None, "é"]}, none_at_all=None)
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI, "brand_new": {"deep": [1, None, "é"]}}
