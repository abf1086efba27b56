"""Do the steps of a plugin's exchange: several requests for one call, such as creating a job and polling it.

Pure but for the clock: generators of steps.

Source: docs/plugins/jobs.md; docs/reliability.md, row R14.
"""

from __future__ import annotations

from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.retry import may_be_repeated
from llmgate_core.calls.sending import whole_answer
from llmgate_core.calls.steps import Sleep, Steps
from llmgate_core.calls.streaming import open_stream, whole_in_place_of_stream
from llmgate_core.calls.tries import with_retries
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.upstream import Exchange, Progress, StreamAnswer, UpstreamRequest, UpstreamResponse
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import complete_error
from llmgate_core.registry.hook_results import of_request, of_step
from llmgate_core.registry.hooks import guarded

__all__ = ["exchange_of", "exchange_steps"]

STREAMS_SINCE = (1, 1)
"""The first version of the contract in which an exchange is asked for a stream too."""


def exchange_of(call: PreparedCall) -> Exchange | None:
    """Return the plugin's exchange for a call; None: one request, one answer."""
    plugin = call.target.plugin
    if plugin.exchange is None or (call.upstream_call.stream and plugin.info.api < STREAMS_SINCE):
        return None
    exchange: Exchange | None = plugin.exchange(call.upstream_call, call.route)
    return exchange


def exchange_steps(call: PreparedCall, reader: ResultReader, exchange: Exchange) -> Steps:
    """Do the steps of an exchange. Returns a result, or a `StartedStream` if it ends with a `StreamAnswer`.

    Raises:
        APIError: a request failed, or the job that it waited for. PluginError: the exchange breaks the contract.
    """
    requests = _Requests(call, reader)
    try:
        ended_with = yield from _steps_to_end(call, requests, exchange)
        return (yield from _end_steps(call, reader, requests, ended_with))
    except APIError as error:
        requests.complete(error)
        raise


def _steps_to_end(call: PreparedCall, requests: _Requests, exchange: Exchange) -> Steps:
    """Do the steps of an exchange. Returns what it returns."""
    advance = guarded(call.target.plugin, "exchange", exchange.send, of_step, ends=True)
    try:
        step = advance(None)
        while True:
            reply: UpstreamResponse | None = None
            if isinstance(step, Progress):
                requests.job = step.job
                _report_progress(call, step.job)
            elif isinstance(step, Sleep):
                _check_sleep(call, step)
                yield step
            else:
                reply = yield from requests.answer_to(step)
            step = advance(reply)
    except StopIteration as end:
        return end.value


class _Requests:
    """The requests of one exchange. Each is tried again by itself, and only if that cannot make a second job.

    Attributes:
        sent: how many were sent, all tries included.
        last: the answer to the last one.
        job: its state, for the error.
        has_made_a_job: a request was answered that must not be repeated, and so must not the whole call.
    """

    def __init__(self, call: PreparedCall, reader: ResultReader) -> None:
        self._call = call
        self._reader = reader
        self.sent = 0
        self.last: UpstreamResponse | None = None
        self.job: JsonObject | None = None
        self.has_made_a_job = False

    def answer_to(self, request: UpstreamRequest) -> Steps:
        """Send a request and return its whole answer."""
        encoded, is_repeatable = self._call.builder.encoded(request), may_be_repeated(self._call, request)

        def once(_: int, new_connection: bool) -> Steps:
            self.sent += 1
            return whole_answer(self._call, self._reader, encoded, new_connection=new_connection)

        self.last = yield from with_retries(self._call, once, is_repeatable=is_repeatable)
        self.has_made_a_job = self.has_made_a_job or not is_repeatable
        return self.last

    def stream_of(self, request: UpstreamRequest) -> Steps:
        """Send a request and return its answer as a `StartedStream`."""
        encoded = self._call.builder.encoded(request)

        def once(_: int, new_connection: bool) -> Steps:
            self.sent += 1
            return open_stream(self._call, self._reader, encoded, self.sent, new_connection)

        return with_retries(self._call, once, is_repeatable=may_be_repeated(self._call, request))

    def complete(self, error: APIError) -> None:
        """Add to an error how many requests were sent, whose they were, and the job so far."""
        if error.attempts != 0 or self.sent > 1:  # 0: refused before it was sent
            error.attempts = self.sent
        error.partial = self.job if error.partial is None else error.partial
        if self.has_made_a_job:
            error.retry = False
        complete_error(error, self._call.route, self._call.secrets)


def _end_steps(call: PreparedCall, reader: ResultReader, requests: _Requests, ended_with: object) -> Steps:
    """Return what the caller gets of the value that an exchange has returned."""
    plugin = call.target.plugin
    if isinstance(ended_with, dict):
        last = requests.last or UpstreamResponse(200, (), b"")
        return reader.canonical_result(ended_with, last, requests.sent, whole_in_place_of_stream(call))
    if not isinstance(ended_with, StreamAnswer):
        kind = type(ended_with).__name__
        raise plugin.error("exchange", f"hook exchange ended with {kind}, not a dict or a StreamAnswer")
    if not call.upstream_call.stream:
        raise plugin.error(
            "exchange", "hook exchange ended with a StreamAnswer, but the call asks for no stream: return a dict"
        )
    if (problem := of_request(ended_with.request)) is not None:
        raise plugin.error("exchange", f"hook exchange ended with a StreamAnswer of {problem}")
    return (yield from requests.stream_of(ended_with.request))


def _report_progress(call: PreparedCall, job: JsonObject) -> None:
    on_progress = call.options.passed.get("on_progress")
    if on_progress is not None:
        on_progress(job)


def _check_sleep(call: PreparedCall, step: Sleep) -> None:
    """Raise now where the call's deadline would end during the sleep."""
    remaining = call.deadline.remaining()
    if remaining is not None and step.seconds >= remaining:
        raise call.deadline.error("total")
