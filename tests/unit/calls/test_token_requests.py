"""Fetching a credential without a socket: the test is the driver of one call or of several, and says what comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from llmgate_core import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    AuthenticationError,
    Client,
    InternalServerError,
    LLMGateError,
    PluginError,
    Settings,
)
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.results import TypedReader
from llmgate_core.calls.steps import AwaitFlight, Emit, Read, Send, Sleep
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.plugin import (
    Credential,
    OpenAICompatible,
    Progress,
    ProviderInfo,
    Secret,
    UpstreamRequest,
    hookimpl,
)

HI = [{"role": "user", "content": "Hi"}]
LOGIN = "https://login.acme.example"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
ANSWER = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}).encode()
CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
EVENTS = (
    b"data: %s\n\ndata: [DONE]\n\n"
    % json.dumps({**CHUNK, "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()
)


class Head(NamedTuple):
    status: int = 200
    raw_headers: tuple[tuple[bytes, bytes], ...] = ()


class Tokens(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", hosts=(LOGIN,))

    @hookimpl
    def credentials(self) -> Iterator[Any]:
        answer = yield UpstreamRequest("POST", "/token", b"grant=1", origin=LOGIN)
        return Credential(answer.json()["token"], expires_in=3600)


class Polled(Tokens):
    @hookimpl
    def exchange(self) -> Iterator[Any]:
        job = yield UpstreamRequest("POST", "/jobs", {})
        yield Progress(job.json())
        answer = yield UpstreamRequest("GET", "/jobs/1")
        return answer.json()


class Family:
    """A client whose calls are played side by side."""

    def __init__(self, plugin: object = None) -> None:
        self.client = Client(settings=Settings(), api_key="key-canary-3Rw8", max_retries=0)
        self.client.add_plugin(plugin or Tokens(), family="chat", prefix="acme")

    def call(self, **arguments: Any) -> Played:
        return Played(self.client, arguments)


class Played:
    """One call. `next(reply)` goes on to the next step; an exception as reply is thrown in."""

    def __init__(self, client: Client, arguments: dict[str, Any]) -> None:
        self.prepared = client.prepare("chat", "acme/m", {"messages": HI}, arguments)
        observers = client.preparer.observers
        self.steps = call_steps(self.prepared, TypedReader(self.prepared, observers), observers)
        self.sent: list[Any] = []
        self.result: Any = None

    def next(self, reply: Any = None) -> Any:
        """Return the next step that waits for something; None: the call has ended."""
        advance: Callable[[Any], Any] = self.steps.throw if isinstance(reply, BaseException) else self.steps.send
        try:
            step = advance(reply)
            while not isinstance(step, (Send, Read, Sleep, AwaitFlight)):
                step = self.steps.send(list(step.chunks) if isinstance(step, Emit) else None)
        except StopIteration as end:
            self.result = end.value
            return None
        if isinstance(step, Send):
            self.sent.append(step.request)
        return step

    def play(self, *replies: Any) -> Any:
        """Give each reply in turn, and return the step after the last."""
        step: Any = None
        for reply in replies:
            step = self.next(reply)
        return step

    @property
    def places(self) -> list[str]:
        return [f"{request.method} {request.origin.host}{request.target}" for request in self.sent]

    @property
    def authorizations(self) -> list[str | None]:
        return [dict(request.headers).get("authorization") for request in self.sent]


def token(value: str) -> tuple[Any, ...]:
    return Head(), json.dumps({"token": value}).encode(), b""


TOKEN = "POST login.acme.example/token"
CHAT = "POST api.acme.example/v1/chat/completions"


def test_the_token_is_fetched_before_the_first_request_and_sent_in_the_place_of_the_key() -> None:
    family = Family()
    first, second = family.call(extra_headers={"x-caller": "1"}), family.call()
    first.play(None, *token("t-1"), Head(), ANSWER, b"")
    second.play(None, Head(), ANSWER, b"")
    assert first.places == [TOKEN, CHAT]
    assert first.authorizations == [None, "Bearer t-1"]
    assert second.authorizations == ["Bearer t-1"]
    asking, asked = (dict(request.headers) for request in first.sent)
    assert "x-caller" not in asking
    assert asked["x-caller"] == "1"
    assert first.result.choices[0].message.content == "Hello"


def test_a_stream_fetches_it_too() -> None:
    played = Family().call(stream=True)
    played.play(None, *token("t-1"), Head(), EVENTS)
    assert played.authorizations == [None, "Bearer t-1"]


def test_others_wait_for_the_one_that_fetches_and_use_its_token() -> None:
    family = Family()
    leader, *followers = (family.call() for _ in range(4))
    assert isinstance(leader.next(), Send)
    waiting = [follower.next() for follower in followers]
    assert all(isinstance(step, AwaitFlight) for step in waiting)
    leader.play(*token("t-1"))
    for follower in followers:
        follower.play(None)
        assert follower.authorizations == ["Bearer t-1"]


def test_clients_made_by_with_options_share_the_token_and_another_key_does_not() -> None:
    family = Family()
    family.call().play(None, *token("t-1"))
    shares = Played(family.client.with_options(timeout=5), {})
    shares.play(None)
    other = family.call(api_key="another-key")
    other.play(None)
    assert (shares.authorizations, other.places) == (["Bearer t-1"], [TOKEN])


@pytest.mark.parametrize("end", [KeyboardInterrupt(), GeneratorExit()], ids=["cancelled", "dropped"])
def test_if_the_one_that_fetches_is_cancelled_one_that_waits_takes_over(end: BaseException) -> None:
    family = Family()
    leader, second, third = (family.call() for _ in range(3))
    leader.next()
    second.next()
    third.next()
    if isinstance(end, GeneratorExit):
        leader.steps.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            leader.next(end)
    assert isinstance(second.next(None), Send)
    assert isinstance(third.next(None), AwaitFlight)
    second.play(*token("t-2"))
    third.play(None)
    assert (second.authorizations, third.authorizations) == ([None, "Bearer t-2"], ["Bearer t-2"])


def test_if_the_deadline_of_the_one_that_fetches_ends_one_that_waits_takes_over() -> None:
    family = Family()
    leader, second = family.call(timeout=0.001), family.call()
    leader.next()
    second.next()
    with pytest.raises(APITimeoutError) as caught:
        leader.next(APITimeoutError("no answer within 0.001 s in total", phase="total"))
    assert caught.value.phase == "total"
    assert isinstance(second.next(None), Send)


def test_one_that_waits_keeps_its_own_deadline() -> None:
    family = Family()
    leader, second = family.call(), family.call(timeout=3.0)
    leader.next()
    step = second.next()
    assert 0 < step.wait_seconds <= 3.0
    with pytest.raises(APITimeoutError) as caught:
        second.next(TimeoutError())
    assert (caught.value.phase, caught.value.provider, caught.value.model) == ("total", "acme", "m")


def test_one_that_waits_for_a_call_that_is_lost_fetches_it_itself() -> None:
    family = Family()
    lost, second, third = family.call(timeout=0.001), family.call(), family.call()
    lost.next()
    flight = second.next().flight
    third.next()
    while flight.ends > time.monotonic():
        pass
    assert isinstance(second.next(TimeoutError()), Send)
    assert isinstance(third.next(None), AwaitFlight)
    second.play(*token("t-2"))
    third.play(None)
    assert third.authorizations == ["Bearer t-2"]


def test_if_it_cannot_be_fetched_all_that_wait_get_an_error_of_their_own() -> None:
    family = Family()
    calls = [family.call() for _ in range(3)]
    for call in calls:
        call.next()
    errors: list[Any] = []
    refusal = (Head(401, ((b"x-request-id", b"r-1"),)), b'{"error": "invalid_client", "error_description": "no"}', b"")
    for call, replies in zip(calls, [refusal, [None], [None]], strict=True):
        with pytest.raises(AuthenticationError) as caught:
            call.play(*replies)
        errors.append(caught.value)
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert (error.status_code, error.phase, error.code) == (401, "credentials", "credential_not_fetched")
        assert (error.host, error.provider, error.model, error.request_id) == ("login.acme.example", "acme", "m", "r-1")
        assert error.message == "the credential could not be fetched: no"
    assert [len(call.sent) for call in calls] == [1, 0, 0]
    assert isinstance(family.call().next(), Send)  # and a later call fetches it


def test_a_failure_that_may_pass_is_tried_again_by_the_rules_of_a_call_and_the_call_is_not() -> None:
    played = Family().call(max_retries=2)
    busy = (Head(503), b"busy", b"")
    assert isinstance(played.play(None, *busy), Sleep)
    played.play(None, *token("t-1"), Head(), ANSWER, b"")
    assert played.places == [TOKEN, TOKEN, CHAT]

    played = Family().call(max_retries=2)
    with pytest.raises(InternalServerError) as caught:
        played.play(None, *busy, None, *busy, None, *busy)
    assert (caught.value.attempts, played.places) == (3, [TOKEN] * 3)


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    stale = StaleConnectionError()
    stale.__cause__ = APIConnectionError("closed", code="closed")
    played = Family().call()
    played.play(None, stale, *token("t-1"))
    assert [request.new_connection for request in played.sent] == [False, True, False]


REFUSED = (Head(401), b'{"error": {"message": "expired"}}', b"")


def test_a_token_that_is_refused_is_replaced_once_and_the_call_is_sent_again() -> None:
    family = Family()
    played = family.call()
    played.play(None, *token("t-1"), Head(401), *token("t-2"), Head(), ANSWER, b"")
    assert played.places == [TOKEN, CHAT, TOKEN, CHAT]
    assert played.authorizations == [None, "Bearer t-1", None, "Bearer t-2"]
    assert played.result.choices[0].message.content == "Hello"
    later = family.call()
    later.play(None)
    assert later.authorizations == ["Bearer t-2"]


def test_a_second_refusal_is_the_error_of_the_call() -> None:
    played = Family().call(max_retries=2)
    with pytest.raises(AuthenticationError) as caught:
        played.play(None, *token("t-1"), Head(401), *token("t-2"), *REFUSED)
    assert caught.value.message == "expired"
    assert caught.value.phase is None
    assert len(played.sent) == 4


def test_a_stream_that_is_refused_is_opened_again() -> None:
    played = Family().call(stream=True)
    played.play(None, *token("t-1"), Head(401), *token("t-2"), Head(), EVENTS)
    assert played.authorizations[1::2] == ["Bearer t-1", "Bearer t-2"]


def test_a_request_of_an_exchange_that_is_refused_is_sent_again_by_itself_and_only_once_in_the_call() -> None:
    played = Family(Polled()).call()
    job = (Head(), b'{"id": "1"}', b"")
    played.play(None, *token("t-1"), *job, Head(401), *token("t-2"))
    assert [place.split("/", 1)[1] for place in played.places] == [
        "token",
        "v1/jobs",
        "v1/jobs/1",
        "token",
        "v1/jobs/1",
    ]
    with pytest.raises(AuthenticationError):
        played.play(*REFUSED)


def test_a_token_that_another_call_has_replaced_already_is_used_and_not_dropped() -> None:
    family = Family()
    family.call().play(None, *token("t-1"))
    first, second = family.call(), family.call()
    first.next()
    second.next()
    first.play(Head(401), *token("t-2"))
    second.play(Head(401))
    assert second.authorizations == ["Bearer t-1", "Bearer t-2"]


def test_a_hook_that_returns_none_leaves_the_key_and_a_401_is_an_error() -> None:
    class Sometimes(Tokens):
        @hookimpl
        def credentials(self) -> Any:
            return None

    played = Family(Sometimes()).call()
    with pytest.raises(AuthenticationError):
        played.play(None, *REFUSED)
    assert played.authorizations == ["Bearer key-canary-3Rw8"]


# --- what a hook may do wrong ---


def with_hook(hook: Callable[..., Any]) -> Family:
    kind = type("Wrong", (Tokens,), {"credentials": hookimpl(hook)})
    return Family(kind())


def ends_with_text(self: Any) -> Iterator[Any]:
    yield UpstreamRequest("POST", "/token", origin=LOGIN)
    return "t-1"


def yields_text(self: Any) -> Iterator[Any]:
    yield "https://login.acme.example/token"


def yields_a_stranger(self: Any) -> Iterator[Any]:
    yield UpstreamRequest("POST", "/token", origin="https://stranger.example")


def raises_with_a_secret(self: Any) -> Iterator[Any]:
    answer = yield UpstreamRequest("POST", "/token", origin=LOGIN)
    raise ValueError(answer.json())


def misses_a_field(self: Any) -> Iterator[Any]:
    answer = yield UpstreamRequest("POST", "/token", origin=LOGIN)
    return Credential(answer.json()["access_token"])


def returns_a_token(self: Any) -> Any:
    return Credential("t-1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hook", "sent", "said"),
    [
        (ends_with_text, 1, "ended with str, not a Credential"),
        (yields_text, 0, "str, not an UpstreamRequest"),
        (yields_a_stranger, 0, "'https://stranger.example', which ProviderInfo.hosts does not declare"),
        (raises_with_a_secret, 1, "ValueError"),
        (misses_a_field, 1, "KeyError: 'access_token'"),
        (returns_a_token, 0, "Credential, not a generator"),
    ],
)
def test_a_wrong_result_is_an_error_that_names_the_hook_and_no_token(
    hook: Callable[..., Any], sent: int, said: str
) -> None:
    family = with_hook(hook)
    played = family.call(max_retries=2)
    with pytest.raises(PluginError) as caught:
        played.play(None, *token("canary-token-77"))
    assert caught.value.hook == "credentials"
    assert said in caught.value.message
    assert "canary" not in repr(caught.value) + str(caught.value.__cause__) + str(caught.value.__context__)
    assert len(played.sent) == sent


def test_a_page_in_the_place_of_a_token_is_the_fault_of_the_upstream() -> None:
    played = Family().call(max_retries=2)
    with pytest.raises(APIResponseValidationError) as caught:
        played.play(None, Head(200, ((b"content-type", b"text/html"),)), b"<html>", b"")
    assert (caught.value.phase, caught.value.status_code) == ("credentials", 200)
    assert len(played.sent) == 1


def test_a_token_that_is_too_large_is_refused() -> None:
    played = Family().call()
    with pytest.raises(APIResponseValidationError, match="larger") as caught:
        played.play(None, Head(), b"x" * 700_000, b"x" * 700_000)
    assert caught.value.phase == "credentials"


def test_the_token_and_what_came_with_it_are_masked_in_errors_and_in_headers_that_repeat_them() -> None:
    class More(Tokens):
        @hookimpl
        def credentials(self) -> Iterator[Any]:
            answer = yield UpstreamRequest("POST", "/token", b"", origin=LOGIN)
            return Credential(answer.json()["token"], secrets={"session": Secret("session-canary-5566")})

    family = Family(More())
    token_text = "token-canary-8899"
    played = family.call()
    echo = json.dumps({"error": {"message": f"bad {token_text} session-canary-5566", "code": token_text}}).encode()
    with pytest.raises(LLMGateError) as caught:
        played.play(None, *token(token_text), Head(400, ((b"x-echo", token_text.encode()),)), echo, b"")
    error: Any = caught.value
    assert "canary" not in repr([error, str(error), vars(error), dict(error.response_headers), error.args])
    family.client.settings.return_response_headers = True
    good = family.call()
    good.play(None, Head(200, ((b"x-echo", token_text.encode()),)), ANSWER, b"")
    assert dict(good.result._response_headers) == {"x-echo": "***"}
