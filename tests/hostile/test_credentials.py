"""Hosts that give out or take tokens and mean harm, and plugins that send requests where they may not.

What went over the wire decides: a stranger receives nothing, and no error, log or repr has a token or a key.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from llmgate_core import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    Client,
    InternalServerError,
    PluginError,
    Settings,
)
from llmgate_core.plugin import Credential, OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.caller import CANARY, HI, PIECES, Caller, assert_clean, chat, chunk

KEY = "client-secret-0123456789"
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}


@pytest.fixture
def login() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[FakeUpstream]:
    """A host that nobody declares."""
    with fake_upstream() as running:
        running.otherwise = Answer.json({"token": "stranger's"})
        yield running


def origin_of(upstream: FakeUpstream) -> str:
    return f"http://127.0.0.1:{upstream.port}"


class Tokens(OpenAICompatible):
    def __init__(self, login: str, **info: Any) -> None:
        known: dict[str, Any] = {"api": (1, 1), "name": "acme", "base_url": "https://acme.example/v1"}
        self.info = ProviderInfo(**known, hosts=(login,), **info)

    @hookimpl
    def credentials(self, route: Any) -> Iterator[Any]:
        secret = route.api_key.reveal()
        answer = yield UpstreamRequest("POST", "/token", secret.encode(), origin=route.hosts[0])
        return Credential(answer.json()["token"])


Fail = Callable[..., Any]


@pytest.fixture
def failure(caller: Caller, upstream: FakeUpstream, login: FakeUpstream) -> Fail:
    """Return a function that makes a call, and returns its error after the checks that hold for every one."""

    def fail(plugin: object = None, *, frames: bool = True, **arguments: Any) -> Any:
        plugin = plugin or Tokens(origin_of(login))
        caller.client().add_plugin(plugin, family="chat", prefix="acme", replace=True)
        known = {"model": "acme/m", "api_key": KEY, **arguments}
        error = caller.unchecked_failure(upstream, **known)
        assert_clean(error, frames=frames)
        return error

    return fail


# --- tokens that a host repeats ---

FORMS = {
    "whole": CANARY,
    "a slice": CANARY[4:24],
    "base64": base64.b64encode(f"Bearer {CANARY}".encode()).decode(),
    "percent-encoded": "".join(f"%{byte:02x}" for byte in CANARY.encode()),
}


def echoed(text: str) -> dict[str, tuple[bool, Answer]]:
    """Return the places where a host may put what it was sent: is it a stream, and the answer."""
    error = {"error": {"message": f"bad {text}", "code": text, "type": text, "param": text}}
    event = f"data: {json.dumps(error)}\n\n".encode()
    good = f"data: {json.dumps(chunk('a'))}\n\n".encode()
    return {
        "an error": (False, Answer(400, json.dumps(error).encode(), {**JSON, "x-echo": text, "x-request-id": text})),
        "an error in a 200": (False, Answer(200, json.dumps(error).encode(), {**JSON, "x-echo": text})),
        "an error without JSON": (False, Answer(500, f"<p>{text}</p>".encode())),
        "another shape": (False, Answer.json({"choices": text})),
        "the first event": (True, Answer(200, [event], SSE)),
        "a later event": (True, Answer(200, [good, event], SSE)),
        "a redirect": (False, Answer(302, b"", {"location": f"https://{text}.example/{text}"})),
    }


@pytest.mark.parametrize("place", list(echoed("")))
def test_a_token_that_the_api_repeats_is_in_no_error_and_no_log(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    login.otherwise = Answer.json({"token": CANARY})
    with caplog.at_level(logging.DEBUG):
        for text in FORMS.values():
            is_stream, answer = echoed(text)[place]
            upstream.answers.append(answer)
            failure(stream=is_stream)
    assert [piece for piece in PIECES if piece in caplog.text] == []


def test_a_token_that_is_refused_and_repeated_is_in_no_error(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream
) -> None:
    login.answers += [Answer.json({"token": CANARY}), Answer.json({"token": "another-token-77"})]
    upstream.otherwise = Answer.json({"error": {"message": f"{CANARY} and another-token-77"}}, 401)
    error = failure()
    assert error.message == "*** and ***"  # of both, also the one that was replaced


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_the_host_of_the_tokens_repeats_is_in_no_error_and_no_log(
    failure: Fail, login: FakeUpstream, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"error": CANARY, "error_description": f"not {CANARY}", "token": None}).encode()
    login.otherwise = Answer(status, body, {**JSON, "x-echo": CANARY})
    with caplog.at_level(logging.DEBUG):
        error = failure(api_key=CANARY)
    assert [piece for piece in PIECES if piece in caplog.text] == []
    assert isinstance(error, PluginError if status == 200 else APIStatusError)


def test_a_page_with_the_key_in_the_place_of_a_token_does_not_show_it(failure: Fail, login: FakeUpstream) -> None:
    login.otherwise = Answer(200, f"<html>{CANARY}</html>".encode(), {"content-type": "text/html"})
    assert isinstance(failure(api_key=CANARY), APIResponseValidationError)


def test_an_exception_of_the_hook_does_not_show_the_answer(failure: Fail, login: FakeUpstream) -> None:
    class Careless(Tokens):
        @hookimpl
        def credentials(self, route: Any) -> Iterator[Any]:
            answer = yield UpstreamRequest("POST", "/token", origin=route.hosts[0])
            raise ValueError(f"what is {answer.json()}?")

    login.otherwise = Answer.json({"access_token": CANARY})
    error = failure(Careless(origin_of(login)))
    assert (type(error), error.hook) == (PluginError, "credentials")


def test_a_token_with_a_line_break_is_sent_nowhere(failure: Fail, upstream: FakeUpstream, login: FakeUpstream) -> None:
    login.otherwise = Answer.json({"token": f"{CANARY}\r\nx-injected: 1"})
    assert "characters" in failure().message
    assert upstream.received == []


def test_a_token_is_in_no_repr_of_a_client_a_call_or_a_result(upstream: FakeUpstream, login: FakeUpstream) -> None:
    login.otherwise = Answer.json({"token": CANARY})
    upstream.otherwise = Answer.json(chat())
    with Client(settings=Settings(), api_key=KEY, api_base=upstream.base_url) as client:
        client.add_plugin(Tokens(origin_of(login)), family="chat", prefix="acme")
        result = client.completion("acme/m", HI)
        prepared = client.prepare("chat", "acme/m", {"messages": HI}, {})
        shown = repr(
            [client, vars(client), vars(client.preparer), prepared, result, vars(result), prepared.credentials]
        )
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {CANARY}"
    assert [piece for piece in PIECES if piece in shown] == []


# --- a host of tokens that does not give one ---


def test_a_host_that_hangs_is_given_up_at_the_deadline_of_the_call(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream
) -> None:
    login.otherwise = Answer(hold=threading.Event())
    error = failure(timeout=0.3)
    assert (type(error), error.phase, error.host) == (APITimeoutError, "total", f"127.0.0.1:{login.port}")
    assert "credential" in error.message
    assert upstream.received == []


def test_a_token_of_ten_megabytes_is_not_read(failure: Fail, upstream: FakeUpstream, login: FakeUpstream) -> None:
    login.otherwise = Answer(200, (b"x" * 65_536 for _ in range(160)), JSON)
    error = failure()
    assert (type(error), error.phase) == (APIResponseValidationError, "credentials")
    assert "larger than 1048576 bytes" in error.message
    assert upstream.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_a_stranger_is_not_followed(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream, stranger: FakeUpstream, status: int
) -> None:
    login.otherwise = Answer(status, b"", {"location": f"{origin_of(stranger)}/token"})
    error = failure(api_key=CANARY)
    assert (error.status_code, error.phase) == (status, "credentials")
    assert "not followed" in error.message
    assert (stranger.connections, upstream.received) == (0, [])


def test_a_host_that_resets_is_tried_again_and_then_an_error_of_the_connection(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream
) -> None:
    login.otherwise = Answer(200, b"{}", JSON, truncate_at=0, close="rst")
    error = failure(max_retries=1)
    assert isinstance(error, APIConnectionError)
    assert (error.phase, error.attempts) == ("credentials", 2)
    assert (len(login.received), upstream.received) == (2, [])


def test_a_host_that_is_busy_is_tried_as_often_as_a_call(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream
) -> None:
    login.otherwise = Answer(503, b"busy")
    error = failure(max_retries=1)
    assert isinstance(error, InternalServerError)
    assert (error.status_code, error.attempts) == (503, 2)
    assert (len(login.received), upstream.received) == (2, [])


# --- requests to hosts that are not declared ---


def elsewhere(stranger: FakeUpstream) -> UpstreamRequest:
    return UpstreamRequest("POST", "/token", b"{}", origin=origin_of(stranger))


def plugins(login: FakeUpstream, stranger: FakeUpstream) -> dict[str, OpenAICompatible]:
    """Return a plugin for each hook that tries to reach the stranger."""
    home = origin_of(login)
    request = elsewhere(stranger)

    class ByCredentials(Tokens):
        @hookimpl
        def credentials(self, route: Any) -> Iterator[Any]:
            answer = yield request
            return Credential(answer.json()["token"])

    class ByRequest(OpenAICompatible):
        info = Tokens(home).info

        @hookimpl
        def transform_request(self, call: Any, route: Any) -> Any:
            return request.with_headers({"x-key": route.api_key.reveal()})

    class ByExchange(OpenAICompatible):
        info = Tokens(home).info

        @hookimpl
        def exchange(self, route: Any) -> Iterator[Any]:
            yield request.with_headers({"x-key": route.api_key.reveal()})

    class ByAuth(OpenAICompatible):
        info = Tokens(home).info

        @hookimpl
        def auth(self, request: UpstreamRequest, route: Any) -> Any:
            signed = elsewhere(stranger)
            return signed.with_headers({"authorization": route.api_key.reveal()})

    class ByFlow(OpenAICompatible):
        info = Tokens(home).info

        @hookimpl
        def auth(self, route: Any) -> Any:
            def flow(request: UpstreamRequest) -> Iterator[Any]:
                yield elsewhere(stranger)

            return flow

    return {
        "credentials": ByCredentials(home),
        "transform_request": ByRequest(),
        "exchange": ByExchange(),
        "auth": ByAuth(),
        "auth 1.0": ByFlow(),
    }


@pytest.mark.parametrize("hook", ["credentials", "transform_request", "exchange", "auth", "auth 1.0"])
def test_a_request_to_a_host_that_is_not_declared_is_sent_nowhere(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream, stranger: FakeUpstream, hook: str
) -> None:
    error = failure(plugins(login, stranger)[hook], api_key=CANARY)
    assert (type(error), error.hook) == (PluginError, hook.split(maxsplit=1)[0])
    assert origin_of(stranger) in error.message
    assert origin_of(login) in error.message
    assert [running.connections for running in (stranger, login, upstream)] == [0, 0, 0]


@pytest.mark.parametrize(
    "origin",
    [
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1:{port}/path",
        "http://127.0.0.1:{port}?q=1",
        "http://127.0.0.1:{port}@stranger.example",
        "http://me:pw@127.0.0.1:{port}",
        "http://127.0.0.1:{port}.stranger.example",
        "127.0.0.1:{port}",
        "//127.0.0.1:{port}",
        "file:///etc/passwd",
        "http://127.0.0.1:{port}\r\nx: y",
        "",
    ],
)
def test_only_the_very_origin_that_is_declared_will_do(
    failure: Fail, upstream: FakeUpstream, login: FakeUpstream, origin: str
) -> None:
    class Near(Tokens):
        @hookimpl
        def credentials(self) -> Iterator[Any]:
            yield UpstreamRequest("POST", "/token", origin=origin.format(port=login.port))

    error = failure(Near(origin_of(login)))
    assert (type(error), error.hook) == (PluginError, "credentials")
    assert (login.connections, upstream.connections) == (0, 0)


@pytest.mark.parametrize(
    "path", ["//stranger.example/token", "https://stranger.example/", "@stranger.example/", "token"]
)
def test_a_path_leads_to_no_other_host(failure: Fail, upstream: FakeUpstream, login: FakeUpstream, path: str) -> None:
    class Odd(Tokens):
        @hookimpl
        def credentials(self, route: Any) -> Iterator[Any]:
            yield UpstreamRequest("POST", path, origin=route.hosts[0])

    error = failure(Odd(origin_of(login)))
    assert (type(error), error.hook) == (PluginError, "credentials")
    assert (login.connections, upstream.connections) == (0, 0)


def test_a_request_of_an_exchange_to_a_declared_host_has_no_key_and_none_of_the_callers_headers(
    failure: Fail, caller: Caller, upstream: FakeUpstream, login: FakeUpstream
) -> None:
    class Fetching(OpenAICompatible):
        info = ProviderInfo(
            api=(1, 1), name="acme", base_url="https://acme.example/v1", hosts=(origin_of(login),),
            organization_header="acme-org", headers={"x-version": "1"},
        )  # fmt: skip

        @hookimpl
        def exchange(self, route: Any) -> Iterator[Any]:
            yield UpstreamRequest("POST", "/jobs", {})
            answer = yield UpstreamRequest("GET", "/results/1", origin=route.hosts[0])
            return answer.json()

    upstream.otherwise = Answer.json({"id": "1"})
    login.otherwise = Answer.json(chat())
    caller.client().add_plugin(Fetching(), family="chat", prefix="acme")
    options = {"model": "acme/m", "extra_headers": {"x-mine": "1"}, "organization": "org-1"}
    assert caller.complete(upstream, **options).choices[0].message.content == "ok"
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {CANARY}"
    there = login.received[0]["headers"]
    assert {"authorization", "x-mine", "acme-org", "x-version"}.isdisjoint(there)
    assert CANARY not in repr(there)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_what_a_callers_own_http_client_adds_for_its_host_goes_to_no_other(
    upstream: FakeUpstream, login: FakeUpstream, library: Any
) -> None:
    login.otherwise = Answer.json({"token": "t-1"})
    upstream.otherwise = Answer.json(chat())
    own = {"headers": {"x-own": CANARY, "authorization": CANARY}, "params": {"own": CANARY}, "auth": ("me", CANARY)}
    with library.Client(**own, cookies={"own": CANARY}) as session:
        known: dict[str, Any] = {"api_key": KEY, "api_base": upstream.base_url, "client_session": session}
        client = Client(settings=Settings(), **known)
        client.add_plugin(Tokens(origin_of(login)), family="chat", prefix="acme")
        client.completion("acme/m", HI)
        client.close()
    (asked,), (sent,) = login.received, upstream.received
    assert (asked["path"], asked["body"]) == ("/token", KEY.encode())
    assert CANARY not in repr(asked)
    assert "authorization" not in asked["headers"]
    assert sent["headers"]["x-own"] == CANARY  # which is where the caller wants it
