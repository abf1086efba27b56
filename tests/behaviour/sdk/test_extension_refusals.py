"""Refusals of extensions and of upstreams differ; what a hook may not change in place; ids of any header."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate_core import APIError, BadRequestError, Client, PluginError, Settings
from llmgate_core.plugin import LedgerEntry, OpenAICompatible, ProviderInfo, errors, hookimpl
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
SAYS = {"id": "c", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
CHAT = {**SAYS, "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
CHUNK = {**SAYS, "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}


class Hooks:
    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            setattr(self, name, hookimpl(function))


def client(upstream: FakeUpstream, *extensions: Any) -> Client:
    return Client(
        settings=Settings(max_retries=1),
        api_key="sk-test-0123456789",
        api_base=upstream.base_url,
        extensions=extensions,
    )


def refuse(*_: Any) -> Any:
    raise errors.PermissionDeniedError("not for you", status_code=403, code="no_entry")


REFUSING = {
    "rewrite_call": lambda call: refuse(),
    "before_call": lambda call: refuse(),
    "rewrite_answer": lambda answer: refuse(),
    "rewrite_stream": lambda call: refuse(),
    "feed": lambda: SimpleNamespace(feed=refuse, close=list),
    "close": lambda: SimpleNamespace(feed=lambda chunk: [chunk], close=refuse),
}


@pytest.mark.parametrize("hook", REFUSING)
def test_a_refusal_of_an_extension_has_its_name(hook: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = lambda request: Answer.sse([CHUNK]) if request["json"].get("stream") else Answer.json(CHAT)
    name = "rewrite_stream" if hook in ("feed", "close") else hook
    with client(upstream, Hooks(**{name: REFUSING[hook]})) as made, pytest.raises(APIError) as caught:
        list(made.completion("openai/gpt-4o", HI, stream=name == "rewrite_stream"))
    assert (caught.value.extension, caught.value.code) == ("Hooks", "no_entry")
    assert "refused by the extension 'Hooks'" in str(caught.value)
    assert len(upstream.received) == (hook not in ("rewrite_call", "before_call"))


def test_an_upstreams_refusal_names_no_extension(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "no"}}, 403)]
    with client(upstream, Hooks(rewrite_answer=lambda answer: None)) as made, pytest.raises(APIError) as caught:
        made.completion("openai/gpt-4o", HI)
    assert caught.value.extension is None


def test_the_failure_of_a_call_that_a_hook_makes_is_its_upstreams(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "no"}}, 401)]
    with client(upstream) as moderating:
        guard = Hooks(before_call=lambda call: moderating.moderation("text", model="openai/omni-moderation-latest"))
        with client(upstream, guard) as made, pytest.raises(APIError) as caught:
            made.completion("openai/gpt-4o", HI)
    assert (caught.value.extension, caught.value.status_code) == (None, 401)


def in_place(value: dict[str, Any]) -> None:
    value["user"] = "changed"


@pytest.mark.parametrize(
    ("hook", "function", "changed"),
    [
        ("rewrite_call", lambda call: in_place(call.body), "call.body"),
        ("rewrite_call", lambda call: call.body["messages"].append(HI[0]), "call.body"),
        ("before_call", lambda call: in_place(call.body), "call.body"),
        ("rewrite_answer", lambda answer: in_place(answer), "the answer"),  # noqa: PLW0108  # its argument's name
    ],
)
def test_a_change_in_place_is_found_where_plugins_are_checked(
    hook: str, function: Any, changed: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMGATE_CHECK_PLUGINS", "1")
    upstream.otherwise = lambda request: Answer.json(CHAT)
    with (
        client(upstream, Hooks(**{hook: function})) as made,
        pytest.raises(PluginError, match=f"{hook} changed {changed}"),
    ):
        made.completion("openai/gpt-4o", list(HI))


def test_hooks_that_change_nothing_pass_the_check(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATE_CHECK_PLUGINS", "1")
    upstream.otherwise = lambda request: Answer.json(CHAT)
    hooks = Hooks(rewrite_call=lambda call: {**call.body, "user": "u"}, rewrite_answer=lambda answer: {**answer})
    with client(upstream, hooks) as made:
        made.completion("openai/gpt-4o", HI)
    assert upstream.received[0]["json"]["user"] == "u"


@pytest.mark.parametrize("ledger", [1, ["text"], "text"])
def test_a_rewriters_ledger_of_other_things_names_the_extension(ledger: Any, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse([CHUNK])]
    rewriter = SimpleNamespace(feed=lambda chunk: [chunk], close=list, ledger=ledger)
    with client(upstream, Hooks(rewrite_stream=lambda: rewriter)) as made, pytest.raises(PluginError, match="ledger"):
        list(made.completion("openai/gpt-4o", HI, stream=True))


def test_a_rewriters_ledger_is_that_of_the_stream(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse([CHUNK])]
    entry = LedgerEntry("names", "dropped", "they are private")
    rewriter = SimpleNamespace(feed=lambda chunk: [chunk], close=list, ledger=[entry])
    with client(upstream, Hooks(rewrite_stream=lambda: rewriter)) as made:
        stream = made.completion("openai/gpt-4o", HI, stream=True)
        list(stream)
    assert list(stream.ledger) == [entry]


class OtherHeader(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="other", base_url="http://127.0.0.1:1/v1", request_id_header="request-id")


@pytest.mark.parametrize("kind", ["whole", "stream", "error"])
def test_an_event_has_the_request_id_of_another_header(kind: str, upstream: FakeUpstream) -> None:
    ids = {"request_id": "theirs", "x_request_id": "of a proxy"}
    answers = {
        "whole": Answer.json(CHAT, **ids),
        "stream": Answer.sse([CHUNK], **ids),
        "error": Answer.json({"error": {"message": "no"}}, 400, **ids),
    }
    upstream.answers += [answers[kind]]
    seen: list[Any] = []
    watch = Hooks(on_event=lambda event: seen.append(event))  # noqa: PLW0108  # its argument's name
    with client(upstream, watch) as made, suppress(BadRequestError):
        made.add_plugin(OtherHeader(), family="chat", prefix="other")
        list(made.completion("other/m", HI, stream=kind == "stream"))
    assert [event.request_id for event in seen] == ["theirs"]
