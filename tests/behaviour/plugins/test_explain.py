"""`llmgate explain` shows what is really sent: the printed commands send the same as the calls that they explain."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Settings, errors
from llmgate_core.cli import main
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.plugin_site import PluginSite

KEY = "acme-key-canary-0123456789"
SECRET = "acme-secret-canary-0123456789"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
HEAD = """
import base64, hashlib, hmac
from llmgate_core.plugin import (
    Credential, OpenAICompatible, Option, ProviderInfo, Secret, UpstreamRequest, hookimpl
)
class Acme(OpenAICompatible):
    info = ProviderInfo(
        api=(1, 1), name="acme", base_url="http://127.0.0.1:PORT/{region}/v1", env_key="ACME_API_KEY",
        headers={"acme-version": "2026-11-01"}, FACTS
        options=(
            Option("region", default="eu"), Option("secret_key", env=("ACME_SECRET",), secret=True, required=True),
        ),
    )
"""
KEY_HEADER = 'key_header="x-api-key",'
SIGNS = """
    @hookimpl
    def auth(self, request, route, now):
        digest = hmac.new(route.secrets["secret_key"].reveal().encode(), request.body, hashlib.sha256).hexdigest()
        own = {"x-signature": digest, "x-date": f"{now:.0f}", "x-id": route.api_key.reveal(), "x-kind": "hmac"}
        return request.with_headers(own)
"""
FETCHES = """
    @hookimpl
    def credentials(self, route):
        body = {"secret": route.secrets["secret_key"].reveal()}
        answer = yield UpstreamRequest("POST", "/token", body)
        return Credential(Secret(answer.json()["token"]))
"""
JOBS = """
    @hookimpl
    def exchange(self, call, route):
        secret = route.secrets["secret_key"].reveal()
        job = yield UpstreamRequest("PUT", "/jobs", {"prompt": "it's $HOME", "key": secret})
        return job.json()
"""
OLD_FLOW = """
    @hookimpl
    def auth(self, route):
        def flow(request):
            token = yield UpstreamRequest("POST", "/token", {"a": 1})
            yield request.with_headers({"x-token": token.json()["token"]})
        return flow
"""
BREAKS = """
    @hookimpl
    def auth(self, request, route):
        return request.with_headers({"x-a": str(base64.b64decode(route.secrets["secret_key"].reveal(), validate=True))})
"""
USES_ALL = """
    @hookimpl
    def auth(self, request, route, credential):
        session = hashlib.sha256(credential.secrets["session"].reveal().encode()).hexdigest()
        own = f"{credential.details['account']}/{credential.token.reveal()}"
        return request.with_headers({"x-id": own, "x-session": session})
"""
SERVES = """
    @hookimpl
    def serve(self, call, route):
        raise AssertionError("a model would run")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> Callable[..., None]:
    """Install a plugin of Acme's, whose variables are set."""
    monkeypatch.setenv("ACME_API_KEY", KEY)
    monkeypatch.setenv("ACME_SECRET", SECRET)
    upstream.otherwise = lambda request: Answer.json({"token": "t-1"} if "token" in request["path"] else ANSWER)

    def install(hooks: str = "", facts: str = "") -> None:
        source = HEAD.replace("PORT", str(upstream.port)).replace("FACTS", facts) + hooks + "\nplugin = Acme()\n"
        PluginSite(tmp_path, monkeypatch).install("llmgate-acme", {"chat:acme": "plugin"}, source=source)

    return install


def explain(*options: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = main(["explain", "acme/m", "--message", 'it\'s $HOME \\ `x` "y"', *options])
    return status, out.getvalue()


def explanation() -> dict[str, Any]:
    status, out = explain("--json")
    assert status == 0
    assert SECRET not in out
    assert KEY not in out
    found: dict[str, Any] = json.loads(out)
    return found


def sent_by_call(upstream: FakeUpstream) -> list[ReceivedRequest]:
    before = len(upstream.received)
    with Client(settings=Settings()) as client:
        client.completion("acme/m", 'it\'s $HOME \\ `x` "y"')
    return upstream.received[before:]


def sent_by_curl(command: str, upstream: FakeUpstream) -> ReceivedRequest:
    environment = {**os.environ, "ACME_TOKEN": "t-1", "no_proxy": "*"}
    subprocess.run(["sh", "-c", f"{command} -sS"], check=True, capture_output=True, env=environment, timeout=30)
    return upstream.received[-1]


def compared(request: ReceivedRequest) -> tuple[Any, ...]:
    own = {name: value for name, value in request["headers"].items() if name != "connection"}
    return request["method"], request["path"], own, request["body"]


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@needs_curl
@pytest.mark.parametrize(
    ("hooks", "facts", "count"),
    [
        ("", "", 1),
        ("", KEY_HEADER, 1),
        ("", 'key_prefix="Key ",', 1),
        (FETCHES, "", 2),
        (FETCHES, KEY_HEADER, 2),
        (JOBS, KEY_HEADER, 1),
    ],
)
def test_the_printed_commands_send_what_a_call_sends(
    hooks: str, facts: str, count: int, install: Callable[..., None], upstream: FakeUpstream
) -> None:
    install(hooks, facts)
    commands = [request["curl"] for request in explanation()["requests"]]
    called = sent_by_call(upstream)
    assert len(commands) == len(called) == count
    for command, request in zip(commands, called, strict=True):
        assert compared(sent_by_curl(command, upstream)) == compared(request)


@needs_curl
def test_what_a_hook_computes_is_said_and_the_rest_is_shown(
    install: Callable[..., None], upstream: FakeUpstream
) -> None:
    install(SIGNS)
    command = explanation()["curl"]
    (called,) = sent_by_call(upstream)
    got = sent_by_curl(command, upstream)
    computed = {"x-signature", "x-date"}
    for name in computed:
        assert got["headers"].pop(name) == "(computed by the plugin's auth)"
        assert called["headers"].pop(name)
    assert compared(got) == compared(called)
    assert got["headers"]["x-id"] == KEY
    assert got["headers"]["x-kind"] == "hmac"


def test_a_flow_of_contract_1_0_shows_its_first_request(install: Callable[..., None]) -> None:
    install(OLD_FLOW)
    token, call = explanation()["requests"]
    assert "/eu/v1/token" in token["curl"]
    assert "auth" in token["purpose"]
    assert "x-token" not in call["curl"]


def test_a_hook_that_needs_the_real_secret_is_named(install: Callable[..., None]) -> None:
    install(BREAKS)
    told = explanation()
    (request,) = told["requests"]
    assert "/eu/v1/chat/completions" in request["curl"]
    assert "x-a:" not in request["curl"]
    assert "what the plugin's auth adds cannot be shown without the secrets" in told["notes"][0]


def test_what_came_with_a_credential_is_called_like_a_variable(install: Callable[..., None]) -> None:
    install(FETCHES + USES_ALL)
    token, call = explanation()["requests"]
    assert '"x-id: $ACME_ACCOUNT/$ACME_TOKEN"' in call["curl"]
    assert "-H 'x-session: (computed by the plugin'" in call["curl"]
    assert "$ACME_SECRET" in token["curl"]


def test_a_plugin_that_may_serve_says_so_and_is_not_run(install: Callable[..., None]) -> None:
    install(SERVES)
    (note,) = explanation()["notes"]
    assert "serve" in note


def test_a_plugin_without_a_url_is_answered_in_this_process(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = "info = ProviderInfo(api=(1, 1), name='acme', env_key='ACME_API_KEY')"
    install(f"\n    {info}{SERVES}")
    for command in (["explain", "acme/m"], ["plugins"], ["doctor"]):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert main(command) == 0
        assert command != ["explain", "acme/m"] or "answered in this process" in out.getvalue()
    monkeypatch.delenv("ACME_API_KEY")
    with Client(settings=Settings(bind_key_to_host=True)) as client:
        with pytest.raises(errors.AuthenticationError) as caught:
            client.completion("acme/m", "hi")
        assert caught.value.code == "missing_api_key"
        monkeypatch.setenv("ACME_API_KEY", KEY)
        with pytest.raises(errors.PluginError, match="a model would run"):
            client.completion("acme/m", "hi")


def test_without_variables_their_names_are_shown_all_the_same(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(FETCHES)
    monkeypatch.delenv("ACME_SECRET")
    told = explanation()
    assert told["options"] == {"region": "eu", "secret_key": "$ACME_SECRET"}
    assert "$ACME_SECRET" in told["requests"][0]["curl"]
    assert "$ACME_TOKEN" in told["requests"][1]["curl"]


def test_people_read_the_same(install: Callable[..., None]) -> None:
    install(FETCHES, KEY_HEADER)
    status, out = explain()
    assert status == 0
    assert "option      region: eu" in out
    assert "option      secret_key: $ACME_SECRET" in out
    assert 'x-api-key: $ACME_TOKEN"' in out
