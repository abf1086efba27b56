"""The sending loop: one call from its first request to its one end, as a generator of steps.

Pure but for the clock. What is decided here, in the order of a call: `before_call`, who answers, what the caller gets,
and the outcome that observers see. `tries.py` sends a request again, `exchanges.py` does the steps of a plugin's own.

Source: docs/decisions/one-call-loop.md; docs/reliability.md, rows R1, R14, R15, R17 and R26.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llmgate_core.calls.exchanges import exchange_of, exchange_steps
from llmgate_core.calls.observers import CallObservers, outcome_of
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.sending import whole_answer
from llmgate_core.calls.steps import Close, Compute, Emit, OpenStream, Steps
from llmgate_core.calls.streaming import StartedStream, open_stream, stream_steps
from llmgate_core.calls.tries import with_retries
from llmgate_core.errors import APIError, LLMGateError, without_frames
from llmgate_core.reading.upstream_errors import hide_secrets

__all__ = ["call_steps"]

LARGE_BYTES = 1024 * 1024
"""Above this, reading an answer could hold up an event loop for more than a few milliseconds."""


def call_steps(call: PreparedCall, reader: ResultReader, observers: CallObservers) -> Steps:
    """Send a call and read its answer. Returns the result, or after `OpenStream` emits the chunks of one.

    Raises:
        LLMGateError: the call failed; all retries are behind it.
    """
    is_let_through = False
    try:
        observers.before(call)
        is_let_through = True
        steps = _sent_steps if call.target.plugin.serve is None else _served_or_sent_steps
        answer = yield from steps(call, reader)
    except LLMGateError as error:
        failure = error
        hide_secrets(failure, call.secrets)
    except BaseException:
        observers.ended(call, "cancelled")
        raise
    else:
        if isinstance(answer, StartedStream):
            return (yield from stream_steps(call, answer, observers))
        observers.ended(call, "finished", answer=answer)
        is_burst = call.fake_stream or call.upstream_call.stream
        return (yield from _burst_steps(call, reader, answer)) if is_burst else answer
    if isinstance(failure, APIError):
        without_frames(failure)
    was_sent = is_let_through and getattr(failure, "attempts", None) != 0
    observers.ended(call, outcome_of(failure) if was_sent else "refused", error=failure)
    try:
        raise failure
    finally:
        del failure  # its traceback holds this frame


def _served_or_sent_steps(call: PreparedCall, reader: ResultReader) -> Steps:
    """Return a result or a `StartedStream`: of the plugin itself, else of an upstream."""
    from llmgate_core.calls.in_process import served_steps  # needed by plugins with a model of their own only

    answer = yield from served_steps(call, reader)
    return (yield from _sent_steps(call, reader)) if answer is None else answer


def _sent_steps(call: PreparedCall, reader: ResultReader) -> Steps:
    """Return the steps to a result or a `StartedStream`: of one request, or of the plugin's exchange."""
    if call.target.plugin.exchange is not None and (exchange := exchange_of(call)) is not None:
        return exchange_steps(call, reader, exchange)
    request = call.request
    if call.upstream_call.stream:

        def once(attempt: int, new_connection: bool) -> Steps:
            return open_stream(call, reader, request, attempt, new_connection)

    else:

        def once(attempt: int, new_connection: bool) -> Steps:
            response = yield from whole_answer(call, reader, request, new_connection=new_connection)
            if len(response.content) <= LARGE_BYTES:
                return reader.result(response, attempt)
            return (yield Compute(partial(reader.result, response, attempt)))

    return with_retries(call, request, once, is_repeatable=request.retry is not False)


def _burst_steps(call: PreparedCall, reader: ResultReader, result: Any) -> Steps:
    """Emit a whole answer as the chunks of a stream."""
    chunks, record = reader.burst(result), result._get_record()
    record.usage = getattr(result, "usage", record.usage)
    yield Close()  # the chunks are here, and the caller may take long
    yield OpenStream(call.family.name, call.original_call.model, record, None)
    yield Emit(chunks)
