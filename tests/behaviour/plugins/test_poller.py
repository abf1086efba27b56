"""A provider that makes a job of each call: one job for one call, whatever fails, in every family and in every form."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AsyncClient,
    AsyncStream,
    BadRequestError,
    Client,
    InternalServerError,
    NotFoundError,
    PluginError,
    Settings,
    Stream,
)
from llmgate_core.plugin import Call, Exchange, LedgerEntry, Progress, Route, StreamAnswer, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support import sketch_poller
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway
from tests.support.sketch_poller import Poller

HI = [{"role": "user", "content": "hi"}]
HEAD = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
WHOLE = {
    **HEAD,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
PIECES = [
    {**HEAD, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
    for delta, end in (({"role": "assistant", "content": "hel"}, None), ({"content": "lo"}, "stop"))
]


class Jobs:
    """The provider. Attributes: made: how many jobs. fails: what answers the first requests to `/jobs`."""

    def __init__(self, *fails: Answer) -> None:
        self.made = 0
        self.fails = list(fails)
        self.polls = 0

    def __call__(self, request: ReceivedRequest) -> Answer:
        path = request["path"]
        if path == "/v1/jobs":
            self.made += 1
            if self.fails:
                return self.fails.pop(0)
            return Answer.json({"id": f"j{self.made}", "status": "running"})
        if path.endswith("/events"):
            return Answer.sse(PIECES)
        if path.endswith("/answer"):
            return Answer.json(WHOLE)
        self.polls += 1
        return Answer.json({"id": "j1", "status": "done" if self.polls > 1 else "running"})


@pytest.fixture
def jobs(upstream: FakeUpstream) -> Jobs:
    upstream.otherwise = jobs = Jobs()
    return jobs


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Callable[..., Any]:
    """Return a function that calls a plugin; of a stream it returns the chunks and the stream."""
    known: dict[str, Any] = {"api_base": upstream.base_url, "settings": Settings()}

    def ask_sync(function: str, *values: Any, plugin: Any = sketch_poller.plugin, **arguments: Any) -> Any:
        with Client(**known) as client:
            client.add_plugin(plugin, family="chat", prefix="poller")
            result = getattr(client, function)(*values, **arguments)
            return (list(result), result) if isinstance(result, Stream) else result

    async def ask_async(function: str, *values: Any, plugin: Any = sketch_poller.plugin, **arguments: Any) -> Any:
        async with AsyncClient(**known) as client:
            client.add_plugin(plugin, family="chat", prefix="poller")
            result = await getattr(client, function)(*values, **arguments)
            return ([chunk async for chunk in result], result) if isinstance(result, AsyncStream) else result

    is_sync = request.param == "sync"
    return ask_sync if is_sync else lambda *values, **arguments: asyncio.run(ask_async(*values, **arguments))


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def emulated(result: Any) -> list[str]:
    return [entry.reason for entry in result.ledger if entry.action == "emulated"]


# --- one job for one call ---

AFTER_THE_JOB_WAS_MADE = {
    "500": Answer.json({"error": {"message": "busy"}}, 500),
    "429": Answer.json({"error": {"message": "busy"}}, 429, retry_after="0"),
    "reset": Answer(close="rst", truncate_at=0),
    "closed": Answer(close="fin", truncate_at=0),
    "body cut": Answer(body=b'{"id": "j1"}', truncate_at=4),
    "timeout": Answer.json({}),
}


@pytest.mark.parametrize("failure", AFTER_THE_JOB_WAS_MADE)
@pytest.mark.parametrize("stream", [False, True])
def test_one_call_makes_one_job_whatever_fails(
    failure: str, stream: bool, ask: Callable[..., Any], upstream: FakeUpstream
) -> None:
    answer = AFTER_THE_JOB_WAS_MADE[failure]
    options: dict[str, Any] = {}
    if failure == "timeout":
        answer = Answer(hold=threading.Event())
        options["timeout"] = 0.2
    upstream.otherwise = jobs = Jobs(answer)
    with pytest.raises(APIError) as caught:
        ask("completion", "poller/live", HI, stream=stream, max_retries=3, **options)
    assert jobs.made == 1
    assert caught.value.attempts == 1


def test_a_request_that_may_be_repeated_is(ask: Callable[..., Any], upstream: FakeUpstream) -> None:
    upstream.otherwise = jobs = Jobs(AFTER_THE_JOB_WAS_MADE["429"])
    result = ask("completion", "poller/live", HI, max_retries=1, extra_headers={"idempotency-key": "k1"})
    assert jobs.made == 2
    assert result.attempts == len(upstream.received) == 5  # two tries to create it, two polls, the answer


def test_a_poll_is_repeated(ask: Callable[..., Any], jobs: Jobs, upstream: FakeUpstream) -> None:
    upstream.answers = [
        Answer.json({"id": "j1", "status": "running"}),
        Answer.json({"error": {"message": "busy"}}, 503, retry_after="0"),
    ]
    result = ask("completion", "poller/live", HI, max_retries=1)
    assert result.attempts == len(upstream.received) == 5


def test_a_kept_connection_that_has_died_does_not_make_a_second_job(jobs: Jobs, upstream: FakeUpstream) -> None:
    with Client(api_base=upstream.base_url, settings=Settings()) as client:
        client.add_plugin(sketch_poller.plugin, family="chat", prefix="poller")
        client.completion("poller/whole", HI)
        made, last = jobs.made, upstream.received[-1]["connection"]
        client.completion("poller/whole", HI)
        assert jobs.made == made + 1
        created = [request for request in upstream.received if request["path"] == "/v1/jobs"]
        assert created[-1]["connection"] > last


def test_a_refused_connection_is_tried_again(ask: Callable[..., Any], upstream: FakeUpstream) -> None:
    upstream.close()
    with pytest.raises(APIConnectionError) as caught:
        ask("completion", "poller/live", HI, max_retries=1)
    assert (caught.value.phase, caught.value.attempts) == ("connect", 2)


# --- the answer is carried to the family that was called ---


@pytest.mark.parametrize("model", ["live", "whole"])
def test_a_stream_ends_with_a_stream_or_a_burst(model: str, ask: Callable[..., Any], jobs: Jobs) -> None:
    chunks, stream = ask("completion", f"poller/{model}", HI, stream=True, stream_options={"include_usage": True})
    assert text_of(chunks) == "hello"
    assert chunks[0].object == "chat.completion.chunk"
    assert [bool(emulated(stream)), stream.attempts] == [model == "whole", 4]
    if model == "whole":
        assert "poller" in emulated(stream)[0]
        assert chunks[-1].usage.total_tokens == 3


def test_a_whole_answer_is_a_response_where_one_was_asked_for(ask: Callable[..., Any], jobs: Jobs) -> None:
    result = ask("responses", "poller/live", "hi")
    assert (result.object, result.output_text, result.usage.total_tokens) == ("response", "hello", 3)
    assert result.attempts == 4


@pytest.mark.parametrize("model", ["live", "whole"])
def test_a_stream_of_responses_has_their_events(model: str, ask: Callable[..., Any], jobs: Jobs) -> None:
    events, _ = ask("responses", f"poller/{model}", "hi", stream=True)
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[-1].response.output_text == "hello"


def test_a_provider_that_does_not_stream_is_asked_for_a_whole_answer(
    ask: Callable[..., Any], jobs: Jobs, upstream: FakeUpstream
) -> None:
    chunks, stream = ask("completion", "poller/m", HI, stream=True, plugin=sketch_poller.silent)
    assert text_of(chunks) == "hello"
    assert "stream" not in upstream.received[0]["json"]
    (reason,) = emulated(stream)
    assert "silent" in reason
    events, _ = ask("responses", "poller/m", "hi", stream=True, plugin=sketch_poller.silent)
    assert events[-1].response.output_text == "hello"


def test_a_whole_answer_of_a_provider_that_does_not_stream_needs_no_entry(ask: Callable[..., Any], jobs: Jobs) -> None:
    assert emulated(ask("completion", "poller/m", HI, plugin=sketch_poller.silent)) == []


# --- a stream that is refused at first ---

NOTE = LedgerEntry("messages", "emulated", "asked in other words")


class Rephrasing(Poller):
    """Asks for a stream, and where that is refused in other words, or as the test says."""

    def __init__(self, other: object = UpstreamRequest("GET", "/x/events", ledger=(NOTE,))) -> None:
        self.other = other
        self.errors: list[APIError] = []

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange:
        yield UpstreamRequest("GET", "/x/answer")
        return StreamAnswer(UpstreamRequest("POST", "/refused"), self.instead)

    def instead(self, error: APIError) -> UpstreamRequest | None:
        self.errors.append(error)
        return self.other  # type: ignore[return-value]


@pytest.fixture
def refusing(upstream: FakeUpstream, jobs: Jobs) -> None:
    refusal = Answer.json({"error": {"message": "not so"}}, 400)
    upstream.otherwise = lambda request: refusal if request["path"] == "/v1/refused" else jobs(request)


def test_a_refused_stream_is_asked_for_again_in_the_words_of_the_exchange(
    ask: Callable[..., Any], upstream: FakeUpstream, refusing: None
) -> None:
    plugin = Rephrasing()
    stream = ask("completion", "poller/m", HI, stream=True, plugin=plugin)
    assert stream is not None
    assert [request["path"] for request in upstream.received] == ["/v1/x/answer", "/v1/refused", "/v1/x/events"]
    assert [(type(error).__name__, error.attempts) for error in plugin.errors] == [("BadRequestError", 2)]


def test_what_the_other_request_changes_is_in_the_ledger(upstream: FakeUpstream, refusing: None) -> None:
    with Client(api_base=upstream.base_url, max_retries=0) as client:
        client.add_plugin(Rephrasing(), family="chat", prefix="poller", replace=True)
        stream = client.completion("poller/m", HI, stream=True)
        assert stream.whole().choices[0].message.content == "hello"
        assert NOTE in stream.ledger
        assert stream.attempts == 3


def test_a_refused_stream_ends_the_call_where_the_exchange_has_no_other_request(
    ask: Callable[..., Any], refusing: None
) -> None:
    with pytest.raises(BadRequestError):
        ask("completion", "poller/m", HI, stream=True, plugin=Rephrasing(None))
    with pytest.raises(PluginError, match="path"):
        ask("completion", "poller/m", HI, stream=True, plugin=Rephrasing(UpstreamRequest("GET", "x")))


# --- mistakes ---


class Ends(Poller):
    """Ends with what the test says."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange:
        yield UpstreamRequest("GET", "/x/answer")
        return self.value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("stream", "value", "words"),
    [
        (False, StreamAnswer(UpstreamRequest("GET", "/x/events")), "no stream"),
        (True, StreamAnswer({"path": "/x"}), "UpstreamRequest"),  # type: ignore[arg-type]
        (True, StreamAnswer(UpstreamRequest("GET", "x")), "path"),
        (False, None, "NoneType"),
        (True, "text", "str"),
        (True, [WHOLE], "list"),
    ],
)
def test_an_exchange_that_ends_with_something_else_is_told(
    stream: bool, value: Any, words: str, ask: Callable[..., Any], jobs: Jobs
) -> None:
    with pytest.raises(PluginError, match=words) as caught:
        ask("completion", "poller/m", HI, stream=stream, plugin=Ends(value))
    assert caught.value.hook == "exchange"


def test_a_stream_that_fails_after_the_job_says_how_many_requests_were_sent(
    ask: Callable[..., Any], upstream: FakeUpstream
) -> None:
    answers = iter(range(99))

    def fails_late(request: ReceivedRequest) -> Answer:
        if request["path"].endswith("/events"):
            return Answer.json({"error": {"message": "gone"}}, 500)
        return Answer.json({"id": "j1", "status": ["running", "done"][next(answers)]})

    upstream.otherwise = fails_late
    with pytest.raises(InternalServerError) as caught:
        ask("completion", "poller/live", HI, stream=True, max_retries=0)
    assert (caught.value.attempts, caught.value.partial) == (3, {"id": "j1", "status": "running"})


# --- the errors of its requests ---


class Patient(Poller):
    """Makes the job again when it is gone, and looks for its answer on another host."""

    def __init__(self, api: tuple[int, int], host: str = "") -> None:
        self.info = replace(Poller.info, api=api, hosts=(host,) if host else ())

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange:
        origin = next(iter(route.hosts), None)
        while True:
            job = (yield UpstreamRequest("POST", "/jobs", call.body)).json()
            try:
                return (yield UpstreamRequest("GET", f"/jobs/{job['id']}/answer", origin=origin)).json()
            except NotFoundError as error:
                yield Progress({"gone": error.attempts})


def gone_once(upstream: FakeUpstream) -> None:
    made = Answer.json({"id": "j1"})
    upstream.answers = [made, Answer.json({"error": {"message": "no such job"}}, 404), made, Answer.json(WHOLE)]


def test_an_exchange_may_react_to_the_error_of_a_request(ask: Callable[..., Any], upstream: FakeUpstream) -> None:
    gone_once(upstream)
    seen: list[Any] = []
    answer = ask("completion", "poller/m", HI, plugin=Patient((1, 1)), on_progress=seen.append)
    assert (answer.choices[0].message.content, answer.attempts, seen) == ("hello", 4, [{"gone": 2}])


def test_an_exchange_of_contract_1_0_ends_with_it(ask: Callable[..., Any], upstream: FakeUpstream) -> None:
    gone_once(upstream)
    with pytest.raises(NotFoundError) as caught:
        ask("completion", "poller/m", HI, plugin=Patient((1, 0)))
    assert (caught.value.attempts, len(upstream.received)) == (2, 2)


def test_a_call_whose_time_is_over_ends_whatever_the_exchange_catches(
    ask: Callable[..., Any], upstream: FakeUpstream
) -> None:
    class Stubborn(Poller):
        @hookimpl
        def exchange(self, call: Call, route: Route) -> Exchange:
            while True:
                with contextlib.suppress(APIError):
                    yield UpstreamRequest("GET", "/jobs/j1")

    gone = Answer.json({"error": {"message": "no such job"}}, 404)
    upstream.otherwise = replace(gone, delay_seconds=0.05)  # the time is over before the limit of steps is reached
    with pytest.raises(APITimeoutError) as caught:
        ask("completion", "poller/m", HI, plugin=Stubborn(), timeout=0.3)
    assert caught.value.phase == "total"


def test_an_error_names_the_host_that_the_request_went_to(ask: Callable[..., Any], upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json({"id": "j1"})
    with fake_upstream() as other:
        other.otherwise = Answer.json({"error": {"message": "busy"}}, 500)
        host = f"127.0.0.1:{other.port}"
        with pytest.raises(InternalServerError) as caught:
            ask("completion", "poller/m", HI, plugin=Patient((1, 1), f"http://{host}"), max_retries=0)
    assert caught.value.host == host


# --- the gateway ---


@pytest.mark.parametrize("failure", ["500", "429", "reset", "poll"])
def test_a_client_of_the_gateway_is_told_not_to_make_a_second_job(
    failure: str, upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(sketch_poller.__file__).read_text("utf-8")
    PluginSite(tmp_path, monkeypatch).install("stranger-poller", {"chat:poller": "plugin"}, source=source)
    params = {"model": "poller/m", "api_base": upstream.base_url, "api_key": "k", "max_retries": 0}
    upstream.otherwise = jobs = Jobs(*([] if failure == "poll" else [AFTER_THE_JOB_WAS_MADE[failure]]))
    if failure == "poll":
        upstream.answers = [Answer.json({"id": "j1", "status": "running"}), Answer.json({}, 500)]
    with running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as gateway:
        reply = gateway.chat()
        assert reply.status_code in (429, 500, 502)
        assert reply.headers["x-should-retry"] == "false"
    assert jobs.made == (0 if failure == "poll" else 1)


def test_the_gateway_answers_in_the_family_that_was_called(
    jobs: Jobs, upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(sketch_poller.__file__).read_text("utf-8")
    entry_points = {"chat:poller": "plugin", "chat:silent": "silent"}
    PluginSite(tmp_path, monkeypatch).install("stranger-poller", entry_points, source=source)
    models = [
        {"model_name": name, "params": {"model": f"{name}/{model}", "api_base": upstream.base_url, "api_key": "k"}}
        for name, model in (("poller", "live"), ("silent", "m"))
    ]
    with running_gateway({"model_list": models}) as gateway:
        for model in ("poller", "silent"):
            chat = gateway.chat(model=model).json()
            assert (chat["object"], chat["choices"][0]["message"]["content"]) == ("chat.completion", "hello")
            answer = gateway.post("/v1/responses", {"model": model, "input": "hi"}).json()
            assert (answer["object"], answer["output"][0]["content"][0]["text"]) == ("response", "hello")
            stream = gateway.chat(model=model, stream=True)
            pieces = [json.loads(data) for data in re.findall(r"^data: (\{.*)$", stream.text, re.MULTILINE)]
            assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces) == "hello"
            assert stream.text.rstrip().endswith("data: [DONE]")
            assert ("emulated" in stream.headers.get("x-llmgate-ledger", "")) is (model == "silent")
            events = gateway.post("/v1/responses", {"model": model, "input": "hi", "stream": True}).text
            assert re.findall(r"^event: (.*)$", events, re.MULTILINE)[-1] == "response.completed"
    assert jobs.made == 8
