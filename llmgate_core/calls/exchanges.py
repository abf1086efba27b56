"""Do the steps of a plugin's exchange: several requests for one call, such as creating a job and polling it.

Pure but for the clock: generators of steps.

Source: docs/plugins/jobs.md; docs/reliability.md, row R14.
"""

from __future__ import annotations

from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.retry import may_be_repeated, requests_repeated
from llmgate_core.calls.sending import whole_answer
from llmgate_core.calls.steps import Sleep, Steps
from llmgate_core.calls.streaming import open_stream, whole_in_place_of_stream
from llmgate_core.calls.tries import with_retries
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Exchange, Progress, StreamAnswer, UpstreamRequest, UpstreamResponse
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import complete_error
from llmgate_core.registry.guards import guarded
from llmgate_core.registry.hook_results import of_other_request, of_request, of_step

__all__ = ["exchange_of", "exchange_steps"]

SINCE_1_1 = (1, 1)
"""The first version of the contract in which an exchange is asked for a stream too, and sees its requests' errors."""
MAX_STEPS = 1000
"""So many steps an exchange may do without a pause: what does more would hold up an event loop, or the upstream."""


def exchange_of(call: PreparedCall) -> Exchange | None:
    """Return the plugin's exchange for a call; None: one request, one answer."""
    plugin = call.target.plugin
    if plugin.exchange is None or (call.upstream_call.stream and plugin.info.api < SINCE_1_1):
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
    """Do the steps of an exchange. Returns what it returns.

    The error of a request is raised where the exchange has yielded it, so that a job that is gone can be made again.
    """
    plugin = call.target.plugin
    advance = guarded(plugin, "exchange", exchange.send, of_step, ends=True, verb="yielded")
    report = guarded(plugin, "exchange", exchange.throw, of_step, ends=True, verb="yielded")
    try:
        step = advance(None)
        steps = 0
        while True:
            steps = 0 if isinstance(step, Sleep) and step.seconds > 0 else steps + 1
            if steps > MAX_STEPS:
                reason = f"hook exchange did {MAX_STEPS} steps without a pause: yield Sleep(seconds) between requests"
                raise plugin.error("exchange", reason)
            try:
                reply = yield from _reply_steps(call, requests, step)
            except APIError as error:
                if not _is_for_the_plugin(call, error):
                    raise
                requests.complete(error)
                step = report(error)
            else:
                step = advance(reply)
    except StopIteration as end:
        return end.value


def _reply_steps(call: PreparedCall, requests: _Requests, step: UpstreamRequest | Sleep | Progress) -> Steps:
    """Do one step. Returns what the exchange receives for it."""
    if isinstance(step, Progress):
        requests.job = step.job
        _report_progress(call, step.job)
        return None
    if isinstance(step, Sleep):
        _check_sleep(call, step)
        yield step
        return None
    return (yield from requests.answer_to(step))


def _is_for_the_plugin(call: PreparedCall, error: APIError) -> bool:
    """Return whether the exchange may go on after an error: there is time left, and something that can be sent."""
    has_credential = call.credentials is None or error is not call.credentials.failure
    return (
        call.target.plugin.info.api >= SINCE_1_1 and error.phase != "total" and error.attempts != 0 and has_credential
    )


class _Requests:
    """The requests of one exchange. Each is tried again by itself, and only if that cannot make a second job.

    Attributes:
        sent: how many were sent, all tries included.
        last: the answer to the last one.
        job: its state, for the error.
        has_made_a_job: a request was answered that must not be repeated, and so must not the whole call.
        ledger: what the requests say that was lost or changed, and the call's own does not.
    """

    def __init__(self, call: PreparedCall, reader: ResultReader) -> None:
        self._call = call
        self._reader = reader
        self.sent = 0
        self.last: UpstreamResponse | None = None
        self.job: JsonObject | None = None
        self.has_made_a_job = False
        self.ledger: tuple[LedgerEntry, ...] = ()

    def answer_to(self, request: UpstreamRequest) -> Steps:
        """Send a request and return its whole answer."""
        self._note(request)
        encoded, is_repeatable = self._call.builder.encoded(request), may_be_repeated(self._call, request)

        def once(_: int, new_connection: bool) -> Steps:
            self.sent += 1
            return whole_answer(self._call, self._reader, encoded, new_connection=new_connection)

        self.last = yield from with_retries(self._call, request, once, is_repeatable=is_repeatable)
        self.has_made_a_job = self.has_made_a_job or not is_repeatable
        return self.last

    def stream_of(self, request: UpstreamRequest) -> Steps:
        """Send a request and return its answer as a `StartedStream`."""
        self._note(request)
        encoded = self._call.builder.encoded(request)

        def once(_: int, new_connection: bool) -> Steps:
            self.sent += 1
            return open_stream(self._call, self._reader, encoded, self.sent, new_connection)

        started = yield from with_retries(self._call, request, once, is_repeatable=may_be_repeated(self._call, request))
        started.record.note(self.ledger)
        return started

    def _note(self, request: UpstreamRequest) -> None:
        self.ledger += tuple(
            entry for entry in request.ledger if entry not in self.ledger and entry not in self._call.ledger
        )

    def complete(self, error: APIError) -> None:
        """Add to an error how many requests were sent, whose they were, and the job so far."""
        if error.attempts != 0 or self.sent > 1:  # 0: refused before it was sent
            error.attempts = self.sent + requests_repeated(self._call)
        error.partial = self.job if error.partial is None else error.partial
        if self.has_made_a_job:
            error.retry = False
        complete_error(error, self._call.route, self._call.secrets)


def _end_steps(call: PreparedCall, reader: ResultReader, requests: _Requests, ended_with: object) -> Steps:
    """Return what the caller gets of the value that an exchange has returned."""
    plugin = call.target.plugin
    if isinstance(ended_with, dict):
        last = requests.last or UpstreamResponse(200, (), b"")
        losses = (*requests.ledger, *whole_in_place_of_stream(call))
        return reader.canonical_result(ended_with, last, requests.sent, losses)
    if not isinstance(ended_with, StreamAnswer):
        kind = type(ended_with).__name__
        raise plugin.error("exchange", f"hook exchange ended with {kind}, not a dict or a StreamAnswer")
    if not call.upstream_call.stream:
        raise plugin.error(
            "exchange", "hook exchange ended with a StreamAnswer, but the call asks for no stream: return a dict"
        )
    if (problem := of_request(ended_with.request)) is not None:
        raise plugin.error("exchange", f"hook exchange ended with a StreamAnswer of {problem}")
    try:
        stream = yield from requests.stream_of(ended_with.request)
    except APIError as error:
        other = _request_instead(call, requests, ended_with, error)
        if other is None:
            raise
    else:
        return stream
    return (yield from requests.stream_of(other))


def _request_instead(
    call: PreparedCall, requests: _Requests, answer: StreamAnswer, error: APIError
) -> UpstreamRequest | None:
    """Return the request to send in place of one that was not answered with a stream; None: there is none."""
    if answer.instead is None or not _is_for_the_plugin(call, error):
        return None
    requests.complete(error)
    plugin = call.target.plugin
    made: UpstreamRequest | None = guarded(plugin, "exchange", answer.instead, of_other_request)(error)
    return made


def _report_progress(call: PreparedCall, job: JsonObject) -> None:
    on_progress = call.options.passed.get("on_progress")
    if on_progress is not None:
        on_progress(job)


def _check_sleep(call: PreparedCall, step: Sleep) -> None:
    """Raise now where the call's deadline would end during the sleep."""
    remaining = call.deadline.remaining()
    if remaining is not None and step.seconds >= remaining:
        raise call.deadline.error("total")
