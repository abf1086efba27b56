"""Rows S8, S9, S15, S16 and S25: keys stay where they belong, and importing does nothing."""

from __future__ import annotations

import base64
import json
import logging
import os
import pickle
import subprocess
import sys
import textwrap

import pytest

from llmgate_core import (
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Client,
    LLMGateError,
    Settings,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import CANARY, HI, MODEL, PIECES, Caller, assert_clean, chat, chunk

JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
ECHOES = {
    "whole": CANARY,
    "bearer": f"Bearer {CANARY}",
    "front": CANARY[:20],
    "back": CANARY[-15:],
    "middle": f"x{CANARY[5:25]}x",
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 of the header": base64.b64encode(f"Bearer {CANARY}".encode()).decode(),
    "base64url of a password": base64.urlsafe_b64encode(f":{CANARY}".encode()).decode(),
    "hex": CANARY.encode().hex(),
    "upper case": CANARY.upper(),
    "percent-encoded": "".join(f"%{byte:02x}" for byte in CANARY.encode()),
    "twice": f"{CANARY} {CANARY}",
}


def echoed(text: str) -> dict[str, tuple[bool, Answer]]:
    """Return every place where an upstream may put what it was sent: is it a stream, and the answer."""
    error = {"error": {"message": f"bad key {text}", "code": text, "type": text, "param": text}}
    event = f"data: {json.dumps(error)}\n\n".encode()
    good = f"data: {json.dumps(chunk('a'))}\n\n".encode()
    return {
        "an error": (False, Answer.json(error, 401)),
        "an error without JSON": (False, Answer(500, f"<p>{text}</p>".encode())),
        "an error in a 200": (False, Answer.json(error)),
        "no answer": (False, Answer(200, f'{{"sent": "{text}"'.encode(), JSON)),
        "another shape": (False, Answer.json({"authorization": text, "choices": text})),
        "the first event": (True, Answer(200, [event], SSE)),
        "a later event": (True, Answer(200, [good, event], SSE)),
        "an event that is no chunk": (True, Answer(200, [good, f"data: {{{text}\n\n".encode()], SSE)),
        "an event's name": (True, Answer(200, [good, f"event: {text}\ndata: {{\n\n".encode()], SSE)),
        "the request id": (False, Answer(500, b"{}", {"x-request-id": text})),
        "the content type": (False, Answer(200, b"<", {"content-type": text})),
        "a redirect": (False, Answer(302, b"", {"location": f"https://{text}.evil.test/{text}"})),
        "a broken head": (False, Answer(raw=f"HTTP/1.1 {text}\r\n\r\n".encode(), close="fin")),
        "a header": (False, Answer(429, b"{}", {"retry-after": text, "x-should-retry": text})),
        "partial": (True, Answer(200, [f"data: {json.dumps(chunk(text))}\n\n".encode()], SSE)),
        "a cut body": (False, Answer(200, f'{{"x": "{text}"}}'.encode() + b" " * 50, JSON, truncate_at=90)),
    }


@pytest.mark.parametrize("place", list(echoed("")))
def test_a_key_that_the_upstream_echoes_is_in_no_error_and_no_log(
    caller: Caller, upstream: FakeUpstream, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for text in ECHOES.values():
            is_stream, answer = echoed(text)[place]
            upstream.answers.append(answer)
            error = caller.unchecked_failure(upstream, stream=is_stream)
            if place == "partial":  # the model's own words are the answer: they are not ours to change
                error.partial = None
            assert_clean(error, frames=place != "partial")
    logged = "".join(record.getMessage() for record in caplog.records)
    assert [piece for piece in PIECES if piece in logged] == []


def test_a_key_is_in_no_log_of_a_call_that_works(
    caller: Caller, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answers += [Answer.json(chat()), Answer.sse([chunk("a", "stop")])]
    with caplog.at_level(logging.DEBUG):
        caller.complete(upstream)
        caller.read(upstream)
    assert [piece for piece in PIECES if piece in caplog.text] == []


def test_neither_prompt_nor_answer_is_logged(
    caller: Caller, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answers.append(Answer.json(chat("canary-answer")))
    with caplog.at_level(logging.DEBUG):
        caller.complete(upstream, messages=[{"role": "user", "content": "canary-prompt"}])
    assert "canary" not in caplog.text


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_does_not_show_its_key(kind: type) -> None:
    made = kind(api_key=CANARY, settings=Settings())
    shown = f"{made!r} {made} {vars(made)} {vars(made)['_options']!r}"
    assert [piece for piece in PIECES if piece in shown] == []
    try:
        pickled = pickle.dumps(made)
    except TypeError:
        pickled = b""
    assert CANARY.encode() not in pickled


def test_settings_do_not_show_their_key() -> None:
    settings = Settings(api_key=CANARY)
    assert [piece for piece in PIECES if piece in f"{settings!r} {settings}"] == []


def test_a_result_does_not_hold_the_key(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    result = caller.complete(upstream)
    assert CANARY.encode() not in pickle.dumps(result)
    assert CANARY not in f"{result!r} {vars(result)} {result.ledger}"


# --- S16: keys in URLs and proxies ---


def test_a_base_url_with_a_password_is_refused_and_not_shown(caller: Caller, upstream: FakeUpstream) -> None:
    url = upstream.base_url.replace("://", f"://me:{CANARY}@")
    error = caller.unchecked_failure(url, api_key="sk-test-1234567890")
    assert_clean(error, frames=False)  # the caller's own arguments stand in the frames
    assert "user name" in str(error)
    assert upstream.connections == 0


@pytest.mark.parametrize("path", [f"/v1?key={CANARY}", f"/v1#{CANARY}", f"/{CANARY}/v1"])
def test_a_key_in_a_base_url_is_in_no_error(caller: Caller, upstream: FakeUpstream, path: str) -> None:
    upstream.otherwise = Answer(500, b"")
    for host in (upstream.base_url.removesuffix("/v1"), "http://does-not-exist.invalid"):
        error = caller.unchecked_failure(host + path, api_key="sk-test-1234567890")
        assert_clean(error, frames=False)  # the caller's own arguments stand in the frames


def test_a_password_of_a_proxy_is_in_no_error(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{CANARY}@127.0.0.1:9")
    with caplog.at_level(logging.DEBUG):
        error = caller.unchecked_failure("http://llm.example.test/v1", api_key="sk-test-1234567890")
    assert_clean(error, frames=False)
    assert [piece for piece in PIECES if piece in caplog.text] == []


# --- S8: bind_key_to_host ---


def test_a_bound_key_of_the_environment_stays_with_its_host(
    caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    caller.client().settings.bind_key_to_host = True
    error = caller.failure(upstream, api_key=None)
    assert type(error) is AuthenticationError
    assert (error.status_code, error.attempts) == (401, 0)
    assert "bind_key_to_host" in str(error)
    assert upstream.connections == 0


def test_a_bound_key_is_bound_by_the_base_url_of_the_environment_too(
    caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    caller.client().settings.bind_key_to_host = True
    assert type(caller.failure(upstream, api_key=None, api_base=None)) is AuthenticationError
    assert upstream.connections == 0


def test_a_key_of_the_call_goes_where_the_call_says(
    caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    upstream.answers += [Answer.json(chat()), Answer.json(chat())]
    caller.complete(upstream, api_key=None)  # the caller is trusted unless the setting says otherwise
    caller.client().settings.bind_key_to_host = True
    caller.complete(upstream, api_key="sk-other-1234567890")
    sent = [request["headers"]["authorization"] for request in upstream.received]
    assert sent == [f"Bearer {CANARY}", "Bearer sk-other-1234567890"]


# --- S9: what may not be in a header ---

ILLEGAL = ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\x1bb", "✓ no latin-1", "\ud800"]


@pytest.mark.parametrize("value", ILLEGAL)
@pytest.mark.parametrize("argument", ["extra_headers", "organization", "project", "api_key"])
def test_a_value_no_header_can_have_is_refused_before_sending(
    caller: Caller, upstream: FakeUpstream, argument: str, value: str
) -> None:
    secret = f"{value}-hidden-value"
    given = {"x-a": secret} if argument == "extra_headers" else secret
    error = caller.failure(upstream, **{argument: given})
    assert isinstance(error, BadRequestError)
    assert (error.status_code, error.attempts) == (400, 0)
    assert "hidden-value" not in f"{error} {vars(error)}"
    assert upstream.connections == 0


@pytest.mark.parametrize("name", ["AI-Resource Group", "", "a:b", "a\r\nb", "é", "x\0", 5, None])
def test_a_name_no_header_can_have_is_named_and_refused(caller: Caller, upstream: FakeUpstream, name: object) -> None:
    error = caller.failure(upstream, extra_headers={name: "1"}, max_retries=2)
    assert type(error) is BadRequestError
    assert (error.status_code, error.param, error.attempts) == (400, "extra_headers", 0)
    assert repr(name) in str(error)
    assert upstream.connections == 0


@pytest.mark.parametrize("name", ["authorization", "Authorization", "HOST", "content-length", "Transfer-Encoding"])
def test_headers_that_are_ours_cannot_be_set(caller: Caller, upstream: FakeUpstream, name: str) -> None:
    error = caller.failure(upstream, extra_headers={name: "1"})
    assert type(error) is BadRequestError
    assert name in str(error)
    assert upstream.connections == 0


@pytest.mark.parametrize("headers", ["x-a: 1", ["x-a"], 5])
def test_extra_headers_that_are_no_mapping_are_refused(caller: Caller, upstream: FakeUpstream, headers: object) -> None:
    error = caller.failure(upstream, extra_headers=headers)
    assert isinstance(error, LLMGateError)
    assert "extra_headers" in str(error)
    assert upstream.connections == 0


def test_white_space_around_a_key_of_the_environment_is_cut(
    caller: Caller, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {CANARY}\r\n")
    upstream.answers.append(Answer.json(chat()))
    with pytest.warns(UserWarning, match="OPENAI_API_KEY") as caught:
        caller.complete(upstream, api_key=None)
    assert upstream.received[0]["headers"]["authorization"] == f"Bearer {CANARY}"
    assert [piece for piece in PIECES if piece in str(caught[0].message)] == []


def test_a_legal_latin_1_value_goes_out(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(chat()))
    caller.complete(upstream, extra_headers={"X-Team": "é \t~", "user-agent": "mine"})
    headers = upstream.received[0]["headers"]
    assert (headers["x-team"], headers["user-agent"]) == ("é \t~", "mine")


# --- S25: importing does nothing ---


def python(code: str) -> str:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout


WATCH = """
    import sys
    seen = []
    starts = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "_thread.start_new_thread")
    def hook(event, arguments):
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if writes or event.startswith(starts):
            seen.append(event)
    sys.addaudithook(hook)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import llmgate_core",
        "from llmgate_core import completion, acompletion, Client, AsyncClient, Timeouts",
        "import llmgate_core; llmgate_core.Client(); llmgate_core.drop_params = True; dir(llmgate_core)",
        f"from llmgate_core import Client; Client().prepare('chat', {MODEL!r}, {{'messages': {HI!r}}}, {{}})",
        "import llmgate_core.testing",
    ],
)
def test_importing_and_discovery_touch_no_network_file_process_or_thread(statement: str) -> None:
    assert python(f"{WATCH}\n    {statement}\n    print(seen)") == "[]\n"


def test_importing_loads_nothing_that_is_heavy() -> None:
    heavy = ["httpx", "httpx2", "yaml", "pydantic", "asyncio", "ssl", "llmgate_openai_chat", "typing", "pluggy"]
    code = "import sys; before = set(sys.modules); import llmgate_core; print(sorted(set(sys.modules) - before))"
    assert [name for name in heavy if f"'{name}'" in python(code)] == []
