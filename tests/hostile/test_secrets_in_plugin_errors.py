"""Hooks that put a key, a secret option or a token into an error: it is masked wherever the error shows."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import BadRequestError, ConfigError, LLMGateError
from llmgate_core.plugin import (
    Call,
    Credential,
    OpenAICompatible,
    Option,
    ProviderInfo,
    Route,
    Secret,
    UpstreamRequest,
    hookimpl,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import chain_of
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]
KEY = "acme-key-canary-Zq81LmPw4d"
SECRET = "acme-secret-canary-Hn53RjQe6f"
TOKEN = "acme-token-canary-Vb72KxTy9c"
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}


def text_of(route: Route, credential: Credential | None = None) -> str:
    token = "" if credential is None else credential.token.reveal()
    assert route.api_key is not None
    return f"bad value {route.api_key.reveal()} {route.secrets['secret'].reveal()} {token}"


def fails(route: Route, credential: Credential | None = None, kind: Callable[[str], Exception] = ValueError) -> Any:
    raise kind(text_of(route, credential))


def bad_request(text: str) -> BadRequestError:
    return BadRequestError(text, status_code=400, code=KEY)


def exchange(self: Any, call: Call, route: Route) -> Iterator[Any]:
    yield UpstreamRequest("GET", "/jobs")
    fails(route)


def credentials(self: Any, route: Route) -> Iterator[Any]:
    yield UpstreamRequest("POST", "/token", {})
    return Credential(Secret(TOKEN), expires_in=3600.0)


class Parser:
    def __init__(self, route: Route, framing: str = "sse") -> None:
        self.route = route
        self.framing = framing

    def feed(self, event: Any) -> list[Any]:
        return [fails(self.route)]

    def close(self) -> list[Any]:
        return []


MISTAKES: dict[str, tuple[str, Callable[..., Any]]] = {
    "transform_request": ("transform_request", lambda self, call, route: fails(route)),
    "auth": ("auth", lambda self, request, route, credential: fails(route, credential)),
    "transform_response": ("transform_response", lambda self, call, route, response: fails(route)),
    "map_error": ("map_error", lambda self, call, route, response: fails(route)),
    "stream_parser": ("stream_parser", lambda self, call, route: fails(route)),
    "feed": ("stream_parser", lambda self, call, route: Parser(route)),
    "framing": ("stream_parser", lambda self, call, route: Parser(route, text_of(route))),
    "exchange": ("exchange", exchange),
    "serve": ("serve", lambda self, call, route: fails(route)),
    "supports_param": ("supports_param", lambda self, route, param, value: fails(route)),
    "an error of llmgate's": ("transform_request", lambda self, call, route: fails(route, kind=bad_request)),
    "a ConfigError": ("transform_request", lambda self, call, route: fails(route, kind=ConfigError)),
}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(("hook", "function"), MISTAKES.values(), ids=MISTAKES)
def test_a_secret_that_a_hook_puts_into_an_error_is_masked(
    mode: str,
    hook: str,
    function: Callable[..., Any],
    fake_upstream: FakeUpstream,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    streams, status = hook == "stream_parser", 500 if hook == "map_error" else 200
    whole = Answer.json({"error": {"message": "no"}} if status == 500 else {"id": "c", "choices": []}, status)
    fake_upstream.otherwise = lambda request: Answer.sse([CHUNK]) if streams else whole
    option = Option("secret", secret=True)
    members: dict[str, Any] = {
        "info": ProviderInfo(api=(1, 1), name="acme", base_url=fake_upstream.base_url, options=(option,)),
        hook: hookimpl(function),
    }
    if hook == "auth":
        members["credentials"] = hookimpl(credentials)
    plugin = type("Acme", (OpenAICompatible,), members)()
    given = {"api_key": KEY, "provider_options": {"secret": SECRET}, "temperature": 0.5, "stream": streams}
    with pytest.raises(LLMGateError) as caught:
        ask(mode, plugin, "acme", model="acme/m", messages=HI, **given)
    error = caught.value
    shown = pickle.dumps(error).decode("latin-1") + caplog.text
    shown += "".join(f"{link!r} {link} {vars(link)}" for link in chain_of(error))
    assert "***" in str(error)
    for secret in (KEY, SECRET, TOKEN):
        assert secret[-12:] not in shown
