"""A provider with headers of its own and a key in a header of its own: facts, and no hook."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, Settings, errors
from llmgate_core.plugin import OpenAICompatible, Option, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
DELTA = {"index": 0, "delta": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [DELTA]}
OWN_NAMES = {"request_id": "acme-1", "acme_requests_left": "7", "x_request_id": "of-a-proxy"}
SECRET = "acme-secret-0123456789"


class Acme(OpenAICompatible):
    def __init__(self, upstream: FakeUpstream) -> None:
        self.info = ProviderInfo(
            api=(1, 1),
            name="acme",
            base_url=f"http://127.0.0.1:{upstream.port}/{{region}}/v1",
            env_key=("ACME_API_KEY", "ACME_KEY"),
            headers={"Acme-Version": "2026-11-01"},
            key_header="X-Api-Key",
            request_id_header="Request-Id",
            rate_limit_headers={"acme-requests-left": "x-ratelimit-remaining-requests"},
            options=(
                Option("region", env=("ACME_REGION",), default="us"),
                Option("secret_key", env=("ACME_SECRET",), secret=True),
            ),
        )


def answer(status: int = 200, value: Any = None) -> Answer:
    return Answer.json(ANSWER if value is None else value, status, **OWN_NAMES)


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_headers_and_the_key_are_sent_as_the_provider_wants_them(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(answer())
    result = ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI)
    (request,) = upstream.received
    assert request["path"] == "/us/v1/chat/completions"
    assert request["headers"]["acme-version"] == "2026-11-01"
    assert request["headers"]["x-api-key"] == "sk-test"
    assert "authorization" not in request["headers"]
    assert result._request_id == "acme-1"


def test_the_headers_of_the_caller_win_but_not_over_the_key(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(answer())
    ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, extra_headers={"acme-VERSION": "mine"})
    assert upstream.received[0]["headers"]["acme-version"] == "mine"
    for name in ("X-API-Key", "authorization"):
        with pytest.raises(errors.BadRequestError):
            ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, extra_headers={name: "mine"})
    assert len(upstream.received) == 1


def test_a_stream_a_bridged_call_and_an_error_name_the_request(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([CHUNK], **OWN_NAMES))
    ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, stream=True)
    upstream.answers.append(answer())
    bridged = ask(mode, Acme(upstream), "acme", "responses", model="acme/m", input="hi")
    assert (bridged.output_text, bridged._request_id) == ("hello", "acme-1")
    upstream.answers.append(answer(429, {"error": {"message": "slow down"}}))
    with pytest.raises(errors.RateLimitError) as caught:
        ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI)
    assert caught.value.request_id == "acme-1"
    assert caught.value.response_headers["x-ratelimit-remaining-requests"] == "7"
    assert {request["headers"]["x-api-key"] for request in upstream.received} == {"sk-test"}


def test_a_stream_knows_its_request_and_its_rate_limits(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([CHUNK], **OWN_NAMES))
    settings = Settings(return_response_headers=True)
    with Client(settings=settings, api_key="sk-test") as client:
        client.add_plugin(Acme(upstream), family="chat", prefix="acme")
        stream = client.completion("acme/m", HI, stream=True)
        list(stream)
    assert stream._request_id == "acme-1"
    assert stream.headers["x-ratelimit-remaining-requests"] == stream.headers["acme-requests-left"] == "7"


def test_the_first_variable_that_is_set_has_the_key(
    mode: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    with pytest.raises(errors.AuthenticationError, match="ACME_API_KEY or ACME_KEY"):
        ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, api_key=None, api_base="https://acme.invalid")
    monkeypatch.setenv("ACME_KEY", "sk-second")
    upstream.answers.append(answer())
    ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, api_key=None)
    assert upstream.received[0]["headers"]["x-api-key"] == "sk-second"


def test_an_option_comes_from_the_call_the_client_the_environment_or_the_plugin(
    upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.otherwise = answer()

    def path(client: Client, **arguments: Any) -> str:
        client.completion("acme/m", HI, **arguments)
        return upstream.received[-1]["path"].split("/")[1]

    monkeypatch.setenv("ACME_REGION", "env")
    with Client(settings=Settings(), api_key="sk-test", provider_options={"region": "client"}) as client:
        client.add_plugin(Acme(upstream), family="chat", prefix="acme")
        assert path(client) == "client"
        assert path(client, provider_options={"region": "call"}) == "call"
        assert path(client, provider_options={"region": None, "secret_key": SECRET}) == "client"
        own = client.with_options(provider_options={"region": "own"})
        assert path(own) == "own"
        assert path(own, provider_options={"secret_key": SECRET}) == "own"
        assert path(own.with_options(provider_options={"secret_key": SECRET})) == "own"
    with Client(settings=Settings(), api_key="sk-test") as client:
        client.add_plugin(Acme(upstream), family="chat", prefix="acme")
        assert path(client) == "env"
        monkeypatch.setenv("ACME_REGION", "env-2")
        assert path(client) == "env-2"
        monkeypatch.delenv("ACME_REGION")
        assert path(client) == "us"


@pytest.mark.parametrize(
    "region", ["evil.example/", "a@b", "a#", "a?b", "..", ".a", "a-", "a:80", "é", "a b", "%2e", "a\\"]
)
def test_an_option_cannot_leave_its_place_in_a_url(region: str, mode: str, upstream: FakeUpstream) -> None:
    with pytest.raises(errors.ConfigError, match="'region'"):
        ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, provider_options={"region": region})
    assert not upstream.received


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"regoin": "eu"}, errors.BadRequestError, "region"),
        ({"zone": "eu"}, errors.BadRequestError, "secret_key"),
        ({"region": 1}, errors.ConfigError, "region"),
        ("eu", errors.ConfigError, "mapping"),
    ],
)
def test_wrong_options_are_refused(
    given: Any, kind: type[Exception], says: str, mode: str, upstream: FakeUpstream
) -> None:
    with pytest.raises(kind, match=says):
        ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, provider_options=given)
    assert not upstream.received


def test_a_secret_option_shows_nowhere(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(answer(400, {"error": {"message": f"bad secret {SECRET}", "code": SECRET}}))
    with pytest.raises(errors.BadRequestError) as caught:
        ask(mode, Acme(upstream), "acme", model="acme/m", messages=HI, provider_options={"secret_key": SECRET})
    assert SECRET not in f"{caught.value} {caught.value.code} {caught.value.body} {vars(caught.value)}"
