"""Where a call goes is kept between calls; a client in use must decide as a new one would, whatever has changed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core import BadRequestError, Client, LLMGateError, Settings
from llmgate_core.calls.call_request import CallRequest
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
CHAT = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}
URLS = ("https://one.example/v1", "https://two.example/v1/", "http://127.0.0.1:9/v1", "no-scheme")
KEYS = ("sk-first-0123456789", "sk-second-0123456789", " sk-spaced-0123456789", "sk-\u2014dash")
ENVIRONMENT: dict[str, tuple[str, ...]] = {
    "OPENAI_API_KEY": KEYS,
    "OPENAI_BASE_URL": URLS,
    "OPENAI_API_BASE": URLS,
    "OPENAI_ORGANIZATION": ("org-one", "org\ntwo"),
    "OPENAI_ORG_ID": ("org-three",),
    "OPENAI_PROJECT_ID": ("proj-one",),
}
SETTINGS: dict[str, tuple[Any, ...]] = {
    "api_base": URLS,
    "api_key": KEYS,
    "organization": ("org-four", ""),
    "project": ("proj-two",),
    "timeout": (5.0, -1),
    "max_retries": (0, 3, "many"),
    "drop_params": (True, False),
    "additional_drop_params": (["user"], ("seed",), []),
    "enable_preview_features": (True,),
    "return_response_headers": (True,),
    "bind_key_to_host": (True, False),
    "store": (True, False),
}
MODELS = ("gpt-4o", "openai/gpt-4o", "openai/unknown-model")


def changes(kind: str, table: dict[str, tuple[Any, ...]]) -> st.SearchStrategy[tuple[str, str, Any]]:
    return st.sampled_from(sorted(table)).flatmap(
        lambda name: st.tuples(st.just(kind), st.just(name), st.sampled_from((None, *table[name])))
    )


def decided(client: Client, model: str, **arguments: Any) -> Any:
    """Return all that is decided of a call, or the error that refuses it."""
    request = CallRequest("chat", model, {"messages": HI}, arguments)
    try:
        call = client.preparer.prepare(request)
        outgoing = call.builder.transport_request(call.request, bearer=True)
    except LLMGateError as error:
        return type(error), str(error)
    return call.route, call.options, call.request, outgoing.target, outgoing.headers, outgoing.content


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    steps=st.lists(changes("environment", ENVIRONMENT) | changes("setting", SETTINGS), min_size=1, max_size=8),
    model=st.sampled_from(MODELS),
    options=st.fixed_dictionaries({}, optional={"max_retries": st.just(1), "organization": st.just("org-own")}),
)
def test_a_client_in_use_decides_as_a_new_one(
    steps: list[tuple[str, str, Any]], model: str, options: dict[str, Any]
) -> None:
    settings, defaults = Settings(), Settings()
    used = Client(settings=settings)
    used_with_options = used.with_options(**options)
    with pytest.MonkeyPatch.context() as patch:
        for name in ENVIRONMENT:
            patch.delenv(name, raising=False)
        for kind, name, value in steps:
            if kind == "setting":
                setattr(settings, name, getattr(defaults, name) if value is None else value)
            elif value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
            fresh = Client(settings=settings)
            assert decided(used, model) == decided(fresh, model)
            assert decided(used_with_options, model) == decided(fresh, model, **options)


def test_a_list_of_parameters_to_drop_may_be_changed_in_place() -> None:
    settings = Settings(api_key="sk-x", additional_drop_params=[])
    client = Client(settings=settings)
    assert "user" in client.prepare("chat", "gpt-4o", {"messages": HI}, {"user": "u-1"}).upstream_call.body
    settings.additional_drop_params.append("user")  # type: ignore[attr-defined]  # a list, as it was given
    with pytest.warns(UserWarning, match="user"):
        call = client.prepare("chat", "gpt-4o", {"messages": HI}, {"user": "u-1"})
    assert "user" not in call.upstream_call.body


def test_a_kept_header_is_no_list_that_two_requests_share(upstream: FakeUpstream) -> None:
    with Client(api_base=upstream.base_url, api_key="sk-x") as client:
        call = client.prepare("chat", "gpt-4o", {"messages": HI}, {})
        first = call.builder.transport_request(call.request, bearer=True)
        first.headers.append(("x-of-one", "1"))
        second = call.builder.transport_request(call.request, bearer=True)
    assert ("x-of-one", "1") not in second.headers


class TestWithOptions:
    def test_its_options_hold_for_every_call_and_a_call_may_say_otherwise(self, upstream: FakeUpstream) -> None:
        upstream.answers += [Answer.json(CHAT)] * 3
        with Client(api_base=upstream.base_url, api_key="sk-shared") as client:
            tenant = client.with_options(api_key="sk-tenant", organization="org-tenant", extra_headers={"x-team": "a"})
            tenant.completion("gpt-4o", HI)
            tenant.completion("gpt-4o", HI, organization="org-call")
            client.completion("gpt-4o", HI)
        seen = [request["headers"] for request in upstream.received]
        assert [headers["authorization"] for headers in seen] == ["Bearer sk-tenant"] * 2 + ["Bearer sk-shared"]
        assert [headers.get("openai-organization") for headers in seen] == ["org-tenant", "org-call", None]
        assert [headers.get("x-team") for headers in seen] == ["a", "a", None]
        assert upstream.connections == 1  # all of them share it

    def test_options_of_options_add_up(self) -> None:
        client = Client(settings=Settings()).with_options(api_key="sk-x", max_retries=7)
        options = (
            client.with_options(timeout=3, max_retries=None).prepare("chat", "gpt-4o", {"messages": HI}, {}).options
        )
        assert (options.max_retries, options.timeouts.total) == (7, 3)

    def test_a_plugin_that_either_adds_serves_both(self, upstream: FakeUpstream) -> None:
        class Acme(OpenAICompatible):
            info = ProviderInfo(api=(1, 0), name="acme", base_url=upstream.base_url)

        upstream.answers += [Answer.json(CHAT)] * 2
        with Client(settings=Settings()) as client:
            tenant = client.with_options(max_retries=0)
            tenant.add_plugin(Acme(), family="chat", prefix="acme")
            for each in (client, tenant):
                assert each.completion("acme/a", HI).choices[0].message.content == "hello"

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(BadRequestError, match="temperature"):
            Client().with_options(temperature=1)  # type: ignore[call-arg]  # the test's point

    def test_a_changed_setting_reaches_it(self) -> None:
        settings = Settings(api_key="sk-x")
        tenant = Client(settings=settings).with_options(max_retries=0)
        assert tenant.prepare("chat", "gpt-4o", {"messages": HI}, {}).options.return_headers is False
        settings.return_response_headers = True
        assert tenant.prepare("chat", "gpt-4o", {"messages": HI}, {}).options.return_headers is True


def test_threads_that_call_while_a_setting_changes_get_one_state_or_the_other() -> None:
    settings = Settings(api_key="sk-x", api_base="https://one.example/v1")
    client, seen, stop = Client(settings=settings), set[str](), threading.Event()

    def call() -> None:
        while not stop.is_set():
            seen.add(client.prepare("chat", "gpt-4o", {"messages": HI}, {}).route.base_url)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for count in range(200):
        settings.api_base = f"https://{('one', 'two')[count % 2]}.example/v1"
    stop.set()
    for thread in threads:
        thread.join(30)
    assert seen <= {"https://one.example/v1", "https://two.example/v1"}
    assert client.prepare("chat", "gpt-4o", {"messages": HI}, {}).route.base_url == settings.api_base
