"""The sending loop without a socket: the test is the driver, and says what each step comes to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from llmgate_core import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    Client,
    InternalServerError,
    LLMGateError,
    NotFoundError,
    PluginError,
    RateLimitError,
    Settings,
    StreamTruncatedError,
    Timeouts,
)
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.results import TypedReader
from llmgate_core.calls.steps import Emit, OpenStream, Read, Send, Sleep
from llmgate_core.contract.limits import Limits
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.plugin import OpenAICompatible, Progress, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.plugin import Sleep as ExchangeSleep

HI = [{"role": "user", "content": "Hi"}]
HEAD = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
ANSWER = json.dumps({**HEAD, "choices": [CHOICE]}).encode()


class Head(NamedTuple):
    """A started response, as a transport returns it."""

    status: int = 200
    raw_headers: tuple[tuple[bytes, bytes], ...] = ()


class Recorder:
    """An extension that keeps the end of each call."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @hookimpl
    def on_event(self, event: Any) -> None:
        self.events.append(event)


class Played:
    """The steps of one call, done by hand.

    Attributes:
        steps: those that were asked for. chunks: those that were emitted. outcomes: what observers saw.
    """

    def __init__(self, *, plugin: object = None, limits: Limits | None = None, **arguments: Any) -> None:
        recorder = Recorder()
        client = Client(settings=Settings(), api_key="sk-test", extensions=[recorder], limits=limits)
        model = "openai/gpt-4o"
        if plugin is not None:
            client.add_plugin(plugin, family="chat", prefix="acme")
            model = "acme/m"
        self.call = client.prepare("chat", model, {"messages": HI}, arguments)
        observers = client.preparer.observers
        self.generator = call_steps(self.call, TypedReader(self.call, observers), observers)
        self.events = recorder.events
        self.steps: list[Any] = []
        self.chunks: list[Any] = []

    def run(self, *replies: Any) -> Any:
        """Do the steps; each `Send` and `Read` takes the next reply, an exception is thrown in."""
        waiting, advance, reply = list(replies), self.generator.send, None
        while True:
            try:
                step = advance(reply)
            except StopIteration as end:
                assert waiting == []
                return end.value
            self.steps.append(step)
            advance, reply = self.generator.send, None
            if isinstance(step, Emit):
                try:
                    self.chunks.extend(step.chunks)
                except LLMGateError as error:
                    advance, reply = self.generator.throw, error
            elif isinstance(step, (Send, Read)):
                reply = waiting.pop(0)
                if isinstance(reply, BaseException):
                    advance = self.generator.throw

    @property
    def names(self) -> list[str]:
        return [type(step).__name__ for step in self.steps]

    @property
    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.events]


def sse(*events: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % (e.encode() if isinstance(e, str) else json.dumps(e).encode()) for e in events)


def chunk(content: str | None = None, finish_reason: str | None = None) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}


WHOLE = ["Send", "Read", "Read"]
FAILURE = (Head(503), b'{"error": {"message": "busy"}}', b"")


def test_a_whole_answer_is_sent_for_and_read_to_its_end() -> None:
    played = Played()
    result = played.run(Head(), ANSWER[:20], ANSWER[20:], b"")
    assert result.choices[0].message.content == "Hello"
    assert played.names == ["Send", "Read", "Read", "Read"]
    assert played.outcomes == ["finished"]


def test_a_failure_that_may_pass_is_tried_again_after_a_wait() -> None:
    played = Played(max_retries=2)
    played.run(*FAILURE, Head(429, ((b"retry-after", b"7"),)), b"", Head(), ANSWER, b"")
    assert played.names == [*("Send", "Read", "Read", "Close", "Sleep"), *("Send", "Read", "Close", "Sleep"), *WHOLE]
    assert played.steps[8] == Sleep(7.0)
    assert played.outcomes == ["finished"]


def test_the_last_failure_is_raised_with_the_number_of_its_tries() -> None:
    played = Played(max_retries=1)
    with pytest.raises(InternalServerError) as caught:
        played.run(*FAILURE, *FAILURE)
    assert (caught.value.attempts, caught.value.provider, caught.value.model) == (2, "openai", "gpt-4o")
    assert played.outcomes == ["failed"]


def test_what_may_not_pass_is_not_tried_again() -> None:
    played = Played(max_retries=2)
    with pytest.raises(NotFoundError):
        played.run(Head(404), b"{}", b"")


def test_a_wait_beyond_the_deadline_raises_at_once() -> None:
    played = Played(max_retries=2, timeout=5.0)
    with pytest.raises(RateLimitError) as caught:
        played.run(Head(429, ((b"retry-after", b"30"),)), b"")
    assert caught.value.attempts == 1


def stale() -> StaleConnectionError:
    error = StaleConnectionError()
    error.__cause__ = APIConnectionError("the upstream closed the connection", code="reset")
    return error


def sent_anew(played: Played) -> list[bool]:
    return [step.request.new_connection for step in played.steps if isinstance(step, Send)]


@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_a_stale_connection_is_replaced_at_once(max_retries: int) -> None:
    played = Played(max_retries=max_retries)
    played.run(stale(), Head(), ANSWER, b"")
    assert played.names == ["Send", "Send", "Read", "Read"]
    assert sent_anew(played) == [False, True]


@pytest.mark.parametrize(("max_retries", "sent"), [(0, 2), (1, 2), (2, 3)])
def test_the_replay_counts_as_one_of_the_tries(max_retries: int, sent: int) -> None:
    played = Played(max_retries=max_retries)
    with pytest.raises(InternalServerError) as caught:
        played.run(stale(), *FAILURE * (sent - 1))
    assert (len(sent_anew(played)), caught.value.attempts) == (sent, sent)


def test_where_no_try_is_left_a_stale_connection_is_a_connection_error() -> None:
    played = Played(max_retries=1)
    with pytest.raises(APIConnectionError) as caught:
        played.run(*FAILURE, stale())
    assert (type(caught.value), caught.value.code, caught.value.attempts) == (APIConnectionError, "reset", 2)


def test_a_stream_is_opened_on_a_new_connection_too() -> None:
    played = Played(stream=True, max_retries=0)
    played.run(stale(), Head(), sse(chunk("Hi", "stop"), "[DONE]"))
    assert sent_anew(played) == [False, True]
    assert len(played.chunks) == 1


def test_of_an_errors_body_no_more_than_its_limit_is_read() -> None:
    played = Played(max_retries=0, limits=Limits(error_body=8))
    with pytest.raises(InternalServerError) as caught:
        played.run(Head(500), b"12345", b"67890")
    assert caught.value.body == "12345678"
    assert played.names == ["Send", "Read", "Read", "Close"]


def test_an_errors_body_is_waited_for_five_seconds_at_most_and_may_break_off() -> None:
    played = Played(max_retries=0)
    with pytest.raises(InternalServerError) as caught:
        played.run(Head(500), b"sorry", TimeoutError())
    waits = [step.wait_seconds for step in played.steps if isinstance(step, Read)]
    assert caught.value.body == "sorry"
    assert max(waits) <= 5.0


def test_a_body_beyond_the_limit_is_refused() -> None:
    played = Played(max_retries=0, limits=Limits(body=10))
    with pytest.raises(APIResponseValidationError, match="10 bytes"):
        played.run(Head(), b"123456", b"789012")


def test_a_body_that_stops_coming_is_a_timeout_and_one_that_breaks_is_truncated() -> None:
    with pytest.raises(APITimeoutError) as late:
        Played(max_retries=0).run(Head(), b"{", TimeoutError())
    assert late.value.phase == "idle"
    played = Played(max_retries=0)
    with pytest.raises(StreamTruncatedError) as cut:
        played.run(Head(), b"{", APIConnectionError("broke", code="reset"))
    assert (cut.value.code, cut.value.phase) == ("reset", "body")
    assert played.outcomes == ["truncated"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_a_call_that_is_stopped_is_cancelled(error: BaseException) -> None:
    played = Played()
    with pytest.raises(type(error)):
        played.run(Head(), error)
    assert played.outcomes == ["cancelled"]


# streams


def test_a_stream_opens_with_its_first_event_and_finishes_at_its_end_marker() -> None:
    played = Played(stream=True)
    played.run(Head(), b": still thinking\n\n", sse(chunk("Hel")), sse(chunk("lo"), chunk(None, "stop"), "[DONE]"))
    assert played.names == ["Send", "Read", "Read", "OpenStream", "Emit", "Read", "Emit", "Finish"]
    assert "".join(piece.choices[0].delta.content or "" for piece in played.chunks) == "Hello"
    assert (played.outcomes, played.events[0].chunks) == (["finished"], 3)


def test_an_error_as_first_event_is_a_failed_request_and_tried_again() -> None:
    played = Played(stream=True, max_retries=1)
    failure = sse({"error": {"message": "busy", "type": "server_error"}})
    played.run(Head(), failure, Head(), sse(chunk("Hi", "stop"), "[DONE]"))
    assert played.names == ["Send", "Read", "Sleep", "Send", "Read", "OpenStream", "Emit", "Finish"]


def test_nothing_is_sent_again_after_the_first_event() -> None:
    played = Played(stream=True, max_retries=2)
    with pytest.raises(StreamTruncatedError) as caught:
        played.run(Head(), sse(chunk("Hel")), APIConnectionError("broke", code="reset"))
    assert caught.value.partial["choices"][0]["message"]["content"] == "Hel"
    assert (played.outcomes, len(played.chunks)) == (["truncated"], 1)


def test_a_body_that_ends_without_an_end_marker_is_truncated() -> None:
    played = Played(stream=True)
    with pytest.raises(StreamTruncatedError):
        played.run(Head(), sse(chunk("Hel")), b"")
    complete = Played(stream=True)
    complete.run(Head(), sse(chunk("Hel", "stop")), b"")
    assert complete.outcomes == ["finished"]


def test_the_clock_of_a_phase_counts_events_and_comments_not_bytes() -> None:
    played = Played(stream=True, timeout=Timeouts(first_event=20.0, idle=3.0))
    pieces = [b":", b" pi", b"ng", b"\n", b"\n"]
    played.run(Head(), *pieces, sse(chunk("Hel")), *pieces, sse(chunk("lo", "stop"), "[DONE]"))
    waits = [step.wait_seconds for step in played.steps if isinstance(step, Read)]
    for before_event, limit in ((waits[:6], 20.0), (waits[6:], 3.0)):
        assert all(wait <= limit for wait in before_event)
        assert before_event[:4] == sorted(before_event[:4], reverse=True)
        assert before_event[4] > before_event[3]  # the comment's line is whole
        assert before_event[5] < before_event[4]


def test_a_late_event_is_a_timeout_with_the_answer_so_far() -> None:
    played = Played(stream=True)
    with pytest.raises(APITimeoutError) as caught:
        played.run(Head(), sse(chunk("Hel")), TimeoutError())
    assert (caught.value.phase, caught.value.partial["choices"][0]["message"]["content"]) == ("idle", "Hel")
    assert played.outcomes == ["failed"]


def test_a_document_in_answer_to_a_stream_request_is_the_error_that_it_says() -> None:
    with pytest.raises(RateLimitError):
        Played(stream=True, max_retries=0).run(
            Head(), b'{"error": {"message": "slow", "code": "rate_lim', b'it_exceeded"}}', b""
        )
    with pytest.raises(APIResponseValidationError):
        Played(stream=True, max_retries=0).run(Head(), ANSWER, b"")


def opened(played: Played) -> Iterator[Any]:
    """Drive a stream up to its first chunk."""
    steps, replies = played.generator, iter([None, Head(), sse(chunk("Hel"))])
    step = steps.send(next(replies))
    while not isinstance(step, OpenStream):
        step = steps.send(next(replies))
    return iter(steps.send(None).chunks)


def test_a_stream_that_is_closed_is_cancelled_and_asks_for_nothing_more() -> None:
    played = Played(stream=True)
    next(opened(played))
    with pytest.raises(GeneratorExit):
        played.generator.throw(GeneratorExit())
    assert (played.outcomes, played.events[0].chunks) == (["cancelled"], 1)


def test_steps_that_are_dropped_end_without_a_driver() -> None:
    played = Played(stream=True)
    next(opened(played))
    played.generator.close()  # what the garbage collector does
    assert played.outcomes == ["cancelled"]


# exchanges and auth


class Jobs(OpenAICompatible):
    """Makes a job, polls it, and signs every request."""

    info = ProviderInfo(api=(1, 0), name="acme", base_url="http://127.0.0.1:9/v1")

    def __init__(self, *, sleeps: float = 0.5, retry: bool | None = None) -> None:
        self.sleeps = sleeps
        self.retry = retry
        self.signed: list[Any] = []

    @hookimpl
    def auth(self, route: Any) -> Any:
        def flow(request: UpstreamRequest) -> Any:
            self.signed.append(request.body)
            yield request.with_headers({"x-signature": str(len(request.body or b""))})

        return flow

    @hookimpl
    def exchange(self, call: Any, route: Any) -> Any:
        def steps() -> Any:
            job = (yield UpstreamRequest("POST", "/jobs", call.body)).json()
            while job["status"] != "done":
                yield Progress(job)
                yield ExchangeSleep(self.sleeps)
                job = (yield UpstreamRequest("POST", "/jobs/poll", {"id": job["id"]}, retry=self.retry)).json()
            return job["answer"]

        return steps()


STARTED = b'{"id": "j1", "status": "running"}'
DONE = json.dumps({"id": "j1", "status": "done", "answer": {**HEAD, "choices": [CHOICE]}}).encode()


def test_an_auth_flow_sees_the_bytes_of_every_request_of_an_exchange() -> None:
    plugin = Jobs()
    jobs: list[Any] = []
    played = Played(plugin=plugin, on_progress=jobs.append)
    played.run(Head(), STARTED, b"", Head(), DONE, b"")
    assert [json.loads(body) for body in plugin.signed] == [{"model": "m", "messages": HI}, {"id": "j1"}]
    sent = [step.request for step in played.steps if isinstance(step, Send)]
    assert [dict(request.headers)["x-signature"] for request in sent] == [str(len(body)) for body in plugin.signed]
    assert [request.content for request in sent] == plugin.signed
    assert jobs == [{"id": "j1", "status": "running"}]


def test_each_request_of_an_exchange_that_allows_it_is_tried_again_by_itself() -> None:
    played = Played(plugin=Jobs(retry=True), max_retries=1)
    result = played.run(Head(), STARTED, b"", *FAILURE, Head(), DONE, b"")
    sent = [step.request.target for step in played.steps if isinstance(step, Send)]
    assert sent == ["/v1/jobs", "/v1/jobs/poll", "/v1/jobs/poll"]
    assert result.attempts == 3


def test_an_exchange_of_contract_1_0_is_not_asked_for_a_stream() -> None:
    played = Played(plugin=Jobs(), stream=True)
    played.run(Head(), sse(chunk("Hello", "stop"), "[DONE]"))
    (sent,) = (step.request for step in played.steps if isinstance(step, Send))
    assert (sent.target, len(played.chunks)) == ("/v1/chat/completions", 1)


STALE = StaleConnectionError()
STALE.__cause__ = APIConnectionError("closed", code="closed")
AFTER_IT_WAS_SENT: dict[str, tuple[Any, ...]] = {
    "500": FAILURE,
    "429": (Head(429), b"{}", b""),
    "reset": (APIConnectionError("reset", code="reset", phase="first_event"),),
    "timeout": (APITimeoutError("slow", phase="first_event"),),
    "stale connection": (STALE,),
    "body cut": (Head(), APIConnectionError("reset", code="reset", phase="body")),
}


@pytest.mark.parametrize("failure", AFTER_IT_WAS_SENT)
def test_a_post_of_an_exchange_is_sent_once_on_a_new_connection(failure: str) -> None:
    played = Played(plugin=Jobs(), max_retries=3)
    with pytest.raises(LLMGateError):
        played.run(*AFTER_IT_WAS_SENT[failure])
    (sent,) = (step.request for step in played.steps if isinstance(step, Send))
    assert sent.new_connection


def test_a_post_of_an_exchange_that_reached_no_one_is_tried_again() -> None:
    refused = APIConnectionError("refused", code="connect", phase="connect")
    result = Played(plugin=Jobs(), max_retries=1).run(refused, Head(), STARTED, b"", Head(), DONE, b"")
    assert result.attempts == 3


@pytest.mark.parametrize(
    ("headers", "tries"), [({"Idempotency-Key": "k"}, 2), ({"x-idempotency-key": "k"}, 1), ({}, 1)]
)
def test_an_idempotency_key_allows_to_repeat_a_post(headers: dict[str, str], tries: int) -> None:
    played = Played(plugin=Jobs(), max_retries=1, extra_headers=headers)
    with pytest.raises(InternalServerError) as caught:
        played.run(*FAILURE * tries)
    assert caught.value.attempts == tries


class Once(OpenAICompatible):
    """Does not allow to repeat its only request."""

    info = ProviderInfo(api=(1, 1), name="acme", base_url="http://127.0.0.1:9/v1")

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> Any:
        return UpstreamRequest("POST", "/once", call.body, retry=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_request_may_forbid_to_be_repeated(stream: bool) -> None:
    played = Played(plugin=Once(), max_retries=3, stream=stream)
    with pytest.raises(InternalServerError):
        played.run(*FAILURE)
    assert [step.request.new_connection for step in played.steps if isinstance(step, Send)] == [True]


@pytest.mark.parametrize("odd", [ExchangeSleep(-1), ExchangeSleep(float("nan")), ExchangeSleep(None), Progress([])])  # type: ignore[arg-type]
def test_a_sleep_or_a_state_that_is_none_is_a_mistake_of_the_exchange(odd: Any) -> None:
    class Odd(Jobs):
        @hookimpl
        def exchange(self, call: Any, route: Any) -> Any:
            yield odd

    with pytest.raises(PluginError, match="exchange"):
        Played(plugin=Odd()).run()


def test_a_failed_exchange_says_how_far_its_job_was() -> None:
    played = Played(plugin=Jobs(), max_retries=0)
    with pytest.raises(InternalServerError) as caught:
        played.run(Head(), STARTED, b"", *FAILURE)
    assert caught.value.partial == {"id": "j1", "status": "running"}


def test_an_exchange_does_not_sleep_into_its_deadline() -> None:
    played = Played(plugin=Jobs(sleeps=60.0), timeout=5.0)
    with pytest.raises(APITimeoutError) as caught:
        played.run(Head(), STARTED, b"")
    assert caught.value.phase == "total"
    assert not any(isinstance(step, Sleep) for step in played.steps)


class Tokens(OpenAICompatible):
    """Asks for a token first."""

    info = ProviderInfo(api=(1, 0), name="acme", base_url="http://127.0.0.1:9/v1")

    @hookimpl
    def auth(self, route: Any) -> Any:
        def flow(request: UpstreamRequest) -> Any:
            token = yield UpstreamRequest("POST", "/token", {"grant": "key"})
            if token.status == 200:
                yield request.with_headers({"authorization": f"Token {token.json()['token']}"})

        return flow


def test_an_auth_flow_may_ask_for_a_token_whose_answer_is_closed_first() -> None:
    played = Played(plugin=Tokens())
    played.run(Head(), b'{"token": "t1"}', b"", Head(), ANSWER, b"")
    assert played.names == ["Send", "Read", "Read", "Close", "Send", "Read", "Read"]
    first, second = (step.request for step in played.steps if isinstance(step, Send))
    assert (first.target, first.content) == ("/v1/token", b'{"grant":"key"}')
    assert dict(second.headers)["authorization"] == "Token t1"


def test_a_refused_token_is_the_answer_and_its_body_is_not_read_twice() -> None:
    played = Played(plugin=Tokens(), max_retries=0)
    with pytest.raises(InternalServerError) as caught:
        played.run(Head(500), b"no token", b"")
    assert caught.value.body == "no token"
