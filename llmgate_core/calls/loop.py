"""The sending loop: one call from its first request to its one end, as a generator of steps.

Pure but for the clock. What is decided here, in the order of a call: `before_call`, the tries of each request, the
steps of a plugin's exchange, what the caller gets, and the outcome that observers see.

Source: docs/decisions/one-call-loop.md; docs/reliability.md, rows R1, R14, R15, R17 and R26.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llmgate_core.calls.answers import read_body, read_error
from llmgate_core.calls.observers import CallObservers, outcome_of
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.sending import send
from llmgate_core.calls.steps import Close, Compute, Emit, OpenStream, Sleep, Steps
from llmgate_core.calls.streaming import open_stream, stream_steps
from llmgate_core.calls.tries import Try, with_retries
from llmgate_core.contract.upstream import Exchange, Progress, UpstreamRequest, UpstreamResponse
from llmgate_core.errors import APIError, LLMGateError, without_frames
from llmgate_core.reading.upstream_errors import complete_error
from llmgate_core.registry.hook_results import of_step
from llmgate_core.registry.hooks import guarded

__all__ = ["call_steps"]

LARGE_BYTES = 1024 * 1024
"""Above this, reading an answer could hold up an event loop for more than a few milliseconds."""


def call_steps(call: PreparedCall, reader: ResultReader, observers: CallObservers) -> Steps:
    """Send a call and read its answer. Returns the result, or after `OpenStream` emits the chunks of one.

    Raises:
        LLMGateError: the call failed; all retries are behind it.
    """
    is_stream = call.upstream_call.stream
    try:
        observers.before(call)
        answer = yield from (_stream_opening(call, reader) if is_stream else _result_steps(call, reader))
    except LLMGateError as error:
        failure = error
    except BaseException:
        observers.ended(call, "cancelled")
        raise
    else:
        if is_stream:
            return (yield from stream_steps(call, answer, observers))
        observers.ended(call, "finished", usage=getattr(answer, "usage", None))
        return (yield from _burst_steps(call, reader, answer)) if call.fake_stream else answer
    if isinstance(failure, APIError):
        without_frames(failure)
    observers.ended(call, outcome_of(failure), error=failure)
    try:
        raise failure
    finally:
        del failure  # its traceback holds this frame


def _stream_opening(call: PreparedCall, reader: ResultReader) -> Steps:
    return with_retries(call, lambda attempt, new_connection: open_stream(call, reader, attempt, new_connection))


def _burst_steps(call: PreparedCall, reader: ResultReader, result: Any) -> Steps:
    """Emit a whole answer as the chunks of a fake stream."""
    chunks, record = reader.burst(result), result._get_record()
    record.usage = getattr(result, "usage", record.usage)
    yield Close()  # the chunks are here, and the caller may take long
    yield OpenStream(call.family.name, call.original_call.model, record, None)
    yield Emit(chunks)


def _result_steps(call: PreparedCall, reader: ResultReader) -> Steps:
    """Return the steps to a whole answer: one request, or those of the plugin's exchange."""
    plugin = call.target.plugin
    exchange = plugin.exchange(call.upstream_call, call.route) if plugin.exchange is not None else None
    if exchange is not None:
        return _exchange_steps(call, reader, exchange)

    def once(attempt: int, new_connection: bool) -> Steps:
        response = yield from _answer(call, reader, call.request, new_connection=new_connection)
        if len(response.content) <= LARGE_BYTES:
            return reader.result(response, attempt)
        return (yield Compute(partial(reader.result, response, attempt)))

    return with_retries(call, once)


def _answer(call: PreparedCall, reader: ResultReader, request: UpstreamRequest, *, new_connection: bool) -> Steps:
    """Send a request and read its whole answer. Returns an `UpstreamResponse`.

    Raises:
        APIError: its status is 300 or above, or it is too large, late or cut short.
    """
    answer = yield from send(call, request, new_connection=new_connection)
    if answer.head.status >= 300:
        yield from read_error(call, answer)
        raise reader.error_of(answer.head)
    yield from read_body(call, answer, call.limits.body)
    return answer.head


def _exchange_steps(call: PreparedCall, reader: ResultReader, exchange: Exchange) -> Steps:
    """Do the steps of an exchange. Each request is tried again by itself, so a job is never made twice."""
    advance = guarded(call.target.plugin, "exchange", exchange.send, of_step, ends=True)
    response: UpstreamResponse | None = None
    job: dict[str, Any] | None = None
    try:
        step = advance(None)
        while True:
            if isinstance(step, Progress):
                job = step.job
                _report_progress(call, job)
                step = advance(None)
            elif isinstance(step, Sleep):
                _check_sleep(call, step)
                yield step
                step = advance(None)
            else:
                response = yield from with_retries(call, _tries_of(call, reader, step))
                step = advance(response)
    except StopIteration as end:
        return reader.exchange_result(end.value, response)
    except APIError as error:
        error.partial = job if error.partial is None else error.partial
        complete_error(error, call.route, call.secrets)
        raise


def _tries_of(call: PreparedCall, reader: ResultReader, request: UpstreamRequest) -> Try:
    encoded = call.builder.encoded(request)
    return lambda _, new_connection: _answer(call, reader, encoded, new_connection=new_connection)


def _report_progress(call: PreparedCall, job: dict[str, Any]) -> None:
    on_progress = call.options.passed.get("on_progress")
    if on_progress is not None:
        on_progress(job)


def _check_sleep(call: PreparedCall, step: Sleep) -> None:
    """Raise now where the call's deadline would end during the sleep."""
    remaining = call.deadline.remaining()
    if remaining is not None and step.seconds >= remaining:
        raise call.deadline.error("total")
