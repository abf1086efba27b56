"""Who decides on base URL, key and organization: call, client, module attribute, environment, default."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import llmgate_core
from llmgate_core import AuthenticationError, BadRequestError, Client, ConfigError, Settings
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}
TEXT = {"object": "text_completion", "choices": [{"index": 0, "text": "hello"}]}
VECTORS = {"data": [{"index": 0, "embedding": [0.5]}]}
FAMILIES: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "chat": ("openai/gpt-4o", {"messages": HI}, CHAT, "/chat/completions"),
    "text_completion": ("text-completion-openai/gpt-3.5-turbo-instruct", {"prompt": "hi"}, TEXT, "/completions"),
    "embedding": ("openai/text-embedding-3-small", {"input": "hi"}, VECTORS, "/embeddings"),
}
"""Family -> model, inputs, answer, path."""
FUNCTION = {"chat": "completion", "text_completion": "text_completion", "embedding": "embedding"}
LEVELS = ("call", "client", "module", "environment")
VARIABLE = {"api_base": "OPENAI_BASE_URL", "api_key": "OPENAI_API_KEY", "organization": "OPENAI_ORGANIZATION"}
DEFAULT = {"api_base": "https://api.openai.com/v1", "api_key": None, "organization": None}
ALL_COMBINATIONS = [
    tuple(level for level, chosen in zip(LEVELS, bits, strict=True) if chosen)
    for bits in itertools.product((True, False), repeat=4)
]

each_family = pytest.mark.parametrize("family", list(FAMILIES))
each_setting = pytest.mark.parametrize("name", list(VARIABLE))


def value_of(name: str, level: str) -> str:
    return f"https://{level}.example/v1" if name == "api_base" else f"sk-of-the-{level}-0123456789"


def decided(made: Client, family: str, name: str, arguments: dict[str, Any]) -> Any:
    model, inputs, _, _ = FAMILIES[family]
    route = made.prepare(family, model, inputs, arguments).route
    found = {"api_base": route.base_url, "api_key": route.api_key, "organization": route.organization}[name]
    return found.reveal() if name == "api_key" and found is not None else found


def answers(upstream: FakeUpstream, count: int = 1) -> None:
    upstream.answers += [Answer.json(CHAT)] * count


def keys_on(upstream: FakeUpstream) -> list[str | None]:
    return [request["headers"].get("authorization") for request in upstream.received]


@pytest.mark.parametrize("levels", ALL_COMBINATIONS, ids=lambda levels: "+".join(levels) or "none")
@each_setting
@each_family
def test_the_first_level_that_says_something_decides(
    family: str, name: str, levels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "module" in levels:
        monkeypatch.setattr(llmgate_core, name, value_of(name, "module"))
    if "environment" in levels:
        monkeypatch.setenv(VARIABLE[name], value_of(name, "environment"))
    made = Client(**({name: value_of(name, "client")} if "client" in levels else {}))
    arguments = {name: value_of(name, "call")} if "call" in levels else {}

    wanted = value_of(name, levels[0]) if levels else DEFAULT[name]
    assert decided(made, family, name, arguments) == wanted


@each_family
def test_what_decided_is_what_goes_on_the_wire(
    family: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, inputs, answer, path = FAMILIES[family]
    upstream.answers += [Answer.json(answer)]
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_ORGANIZATION", "org-environment")
    monkeypatch.setattr(llmgate_core, "api_key", "sk-module")
    getattr(llmgate_core, FUNCTION[family])(model, *inputs.values(), organization="org-call")

    (request,) = upstream.received
    headers = request["headers"]
    assert (request["method"], request["path"]) == ("POST", f"/v1{path}")
    assert (headers["authorization"], headers["openai-organization"]) == ("Bearer sk-module", "org-call")


@each_family
def test_the_module_attribute_api_base_is_used(
    family: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, inputs, answer, path = FAMILIES[family]
    upstream.answers += [Answer.json(answer)]
    monkeypatch.setattr(llmgate_core, "api_base", upstream.base_url)
    getattr(llmgate_core, FUNCTION[family])(model, *inputs.values(), api_key="sk-call")
    assert [request["path"] for request in upstream.received] == [f"/v1{path}"]


def test_a_calls_api_base_holds_for_that_call_only() -> None:
    made = Client(settings=Settings())
    once = decided(made, "chat", "api_base", {"api_base": "https://once.example/v1/"})
    assert (once, decided(made, "chat", "api_base", {})) == ("https://once.example/v1", DEFAULT["api_base"])


def test_the_organization_of_the_environment_goes_in_its_header(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(upstream)
    monkeypatch.setenv("OPENAI_ORGANIZATION", "org-environment")
    with Client(api_base=upstream.base_url, api_key="sk-x") as made:
        made.completion("gpt-4o", HI)
    assert upstream.received[0]["headers"]["openai-organization"] == "org-environment"


def test_the_key_of_the_environment_is_read_at_the_time_of_each_call(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(upstream, 2)
    with Client(api_base=upstream.base_url) as made:
        for key in ("sk-first", "sk-second"):
            monkeypatch.setenv("OPENAI_API_KEY", key)
            made.completion("gpt-4o", HI)
    assert keys_on(upstream) == ["Bearer sk-first", "Bearer sk-second"]


@pytest.mark.parametrize("value", [None, ""])
@each_family
def test_a_missing_key_names_its_variable_and_nothing_is_sent(
    family: str, value: str | None, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("OPENAI_API_KEY", value)
    model, inputs, _, _ = FAMILIES[family]
    with pytest.raises(AuthenticationError) as caught:
        getattr(llmgate_core, FUNCTION[family])(model, *inputs.values(), api_base=upstream.base_url)
    assert all(name in str(caught.value) for name in ("openai", "OPENAI_API_KEY", "api_key="))
    assert (caught.value.status_code, caught.value.code, caught.value.attempts) == (401, "missing_api_key", 0)
    assert upstream.connections == 0


def test_a_model_of_this_machine_needs_no_key(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    answers(upstream)
    with Client(api_base=upstream.base_url, settings=Settings()) as made:
        made.completion("openai/llama3", HI)
    assert "authorization" not in upstream.received[0]["headers"]


def test_white_space_around_the_key_of_the_environment_is_cut_with_a_warning(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(upstream)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-copied\n")
    with Client(api_base=upstream.base_url) as made, pytest.warns(UserWarning, match="OPENAI_API_KEY"):
        made.completion("gpt-4o", HI)
    assert keys_on(upstream) == ["Bearer sk-copied"]


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(upstream: FakeUpstream) -> None:
    with (
        Client(api_base=upstream.base_url, api_key="sk-canary\r\nx: y") as made,
        pytest.raises(BadRequestError) as caught,
    ):
        made.completion("gpt-4o", HI)
    assert "canary" not in f"{caught.value} {caught.value!r}"
    assert upstream.connections == 0


@pytest.mark.parametrize("url", ["", "ftp://h/v1", "no-scheme", "http://user:word@h/v1", "http://h:port/v1"])
def test_a_base_url_that_is_none_is_refused_before_sending(url: str) -> None:
    with Client(settings=Settings(), api_key="sk-x") as made:
        if not url:  # an empty one counts as not set, as in the environment
            assert decided(made, "chat", "api_base", {"api_base": url}) == DEFAULT["api_base"]
            return
        with pytest.raises(ConfigError, match="api_base"):
            made.completion("gpt-4o", HI, api_base=url)


def test_two_clients_of_one_process_share_neither_key_nor_host(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(upstream, 2)
    monkeypatch.setattr(llmgate_core, "organization", "org-of-the-module")
    isolated = {"api_base": upstream.base_url, "settings": Settings()}
    with Client(api_key="sk-one", **isolated) as one, Client(api_key="sk-two", **isolated) as two:
        two.completion("gpt-4o", HI)
        one.completion("gpt-4o", HI)
    assert keys_on(upstream) == ["Bearer sk-two", "Bearer sk-one"]
    assert [name for request in upstream.received for name in request["headers"] if "organization" in name] == []


def test_a_bound_key_of_the_environment_stays_with_the_providers_host(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(upstream)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    settings = Settings(bind_key_to_host=True)
    with Client(settings=settings, api_base=upstream.base_url) as made:
        with pytest.raises(AuthenticationError) as caught:
            made.completion("gpt-4o", HI)
        assert (caught.value.code, upstream.connections) == ("key_bound_to_host", 0)
        made.completion("gpt-4o", HI, api_key="sk-given")
    assert keys_on(upstream) == ["Bearer sk-given"]
    assert decided(Client(settings=settings), "chat", "api_key", {}) == "sk-environment"
