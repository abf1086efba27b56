"""Send a prepared call and read its answer, synchronously. `arun.py` is its twin.

The only things here that the twin repeats are the waits; everything decided is in `pipeline.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from llmgate_core.calls.prepare import Pipeline
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.contract.call_event import Outcome
from llmgate_core.contract.limits import EventClock
from llmgate_core.contract.transport import Transport, TransportResponse
from llmgate_core.contract.upstream import Progress, Sleep, UpstreamRequest, UpstreamResponse
from llmgate_core.errors import APIConnectionError, APIError, LLMGateError, StreamTruncatedError, without_frames
from llmgate_core.reading.readers.base import StreamReader, is_document_start, start
from llmgate_core.reading.streams import Stream
from llmgate_core.registry.hooks import guarded
from llmgate_core.types.record import CallRecord

__all__ = ["run"]

ERROR_BODY_SECONDS = 5.0  # for an error's words, which are not worth a long wait


def run(pipeline: Pipeline, prepared: PreparedCall, transport: Transport) -> Any:
    """Return the typed result, or an open `Stream`.

    Raises:
        LLMGateError: the call failed; retries are behind it.
    """
    failure: LLMGateError
    try:
        pipeline.before(prepared)
        if prepared.call.stream:
            return _retried(prepared, lambda attempt: _open(pipeline, prepared, transport, attempt))
        result = _whole(prepared, transport)
    except LLMGateError as error:
        failure = error
    except BaseException:
        pipeline.ended(prepared, "cancelled")
        raise
    else:
        pipeline.ended(prepared, "finished", usage=getattr(result, "usage", None))
        if prepared.fake_stream:
            return Stream(iter(prepared.burst(result)), prepared.asked.family, result._get_record())
        return result
    if isinstance(failure, APIError):
        without_frames(failure)
    pipeline.ended(prepared, _outcome(failure), error=failure)
    raise failure


def _retried(prepared: PreparedCall, attempt_once: Callable[[int], Any]) -> Any:
    attempt = 0
    while True:
        attempt += 1
        try:
            return attempt_once(attempt)
        except APIError as error:
            wait = prepared.wait_after(error, attempt)
            if wait is None:
                raise
        time.sleep(wait)


def _whole(prepared: PreparedCall, transport: Transport) -> Any:
    plugin = prepared.target.plugin
    steps = plugin.exchange(prepared.call, prepared.route) if plugin.exchange is not None else None
    if steps is not None:
        return _exchanged(prepared, transport, guarded(plugin, "exchange", steps.send))
    return _retried(
        prepared,
        lambda attempt: prepared.result_of(_answer(prepared, _send(prepared, transport, prepared.request)), attempt),
    )


def _exchanged(prepared: PreparedCall, transport: Transport, advance: Callable[[UpstreamResponse | None], Any]) -> Any:
    """Do the steps of an exchange. Each request is tried again by itself: a job is never made twice."""
    response: UpstreamResponse | None = None

    def once(_: int) -> UpstreamResponse:
        return _answer(prepared, _send(prepared, transport, step))

    try:
        step = advance(None)
        while True:
            if isinstance(step, Progress):
                prepared.progress(step.job)
                step = advance(None)
            elif isinstance(step, Sleep):
                _sleep(prepared, step.seconds)
                step = advance(None)
            else:
                response = _retried(prepared, once)
                step = advance(response)
    except StopIteration as end:
        return prepared.exchanged(end.value, response, 1)
    except APIError as error:
        error.partial = prepared.job if error.partial is None else error.partial
        prepared.filled(error)
        raise


def _sleep(prepared: PreparedCall, seconds: float) -> None:
    remaining = prepared.deadline.remaining()
    if remaining is not None and seconds >= remaining:
        raise prepared.deadline.error("total")
    time.sleep(seconds)


def _send(prepared: PreparedCall, transport: Transport, request: UpstreamRequest) -> TransportResponse:
    auth = prepared.target.plugin.auth
    flow_of = auth(prepared.route) if auth is not None else None
    if flow_of is None:
        return transport.send(prepared.transport_request(request, bearer=True))
    advance = guarded(prepared.target.plugin, "auth", flow_of(request).send)
    outgoing = advance(None)
    while True:
        response = transport.send(prepared.transport_request(outgoing))
        head = UpstreamResponse(response.status, response.raw_headers, b"")
        try:
            if outgoing.path != request.path or response.status == 401:
                head.content = _beginning(prepared, response)
            outgoing = advance(head)
        except StopIteration:
            return response if not head.content else _Whole(head)
        except BaseException:
            response.close()
            raise
        response.close()


class _Whole:
    """An answer whose body the auth flow has read already."""

    def __init__(self, head: UpstreamResponse) -> None:
        self.status = head.status
        self.raw_headers = head.raw_headers
        self._content = head.content

    def read_block(self, wait_seconds: float | None) -> bytes:  # noqa: ARG002  # nothing to wait for
        content, self._content = self._content, b""
        return content

    def finish(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


def _answer(prepared: PreparedCall, response: TransportResponse) -> UpstreamResponse:
    """Read a whole answer.

    Raises:
        APIError: its status is 300 or above, or it is too large, late or cut short.
    """
    if response.status >= 300:
        raise prepared.error_of(_error_answer(prepared, response))
    return UpstreamResponse(response.status, response.raw_headers, _read(prepared, response, prepared.limits.body))


def _error_answer(prepared: PreparedCall, response: TransportResponse) -> UpstreamResponse:
    """Read the start of an error's body; one that breaks off or is endless is no further error."""
    limit, size, blocks = prepared.limits.error_body, 0, []
    ends = time.monotonic() + ERROR_BODY_SECONDS
    try:
        while size < limit:
            block = response.read_block(prepared.deadline.wait(max(0.0, ends - time.monotonic())))
            if not block:
                break
            size += len(block)
            blocks.append(block)
    except (TimeoutError, APIError):
        pass  # what came so far says enough
    finally:
        response.close()
    content = b"".join(blocks)[:limit]
    return UpstreamResponse(response.status, response.raw_headers, content)


def _beginning(prepared: PreparedCall, response: TransportResponse) -> bytes:
    """Return what an auth flow is shown of an answer: a token, or why it is refused."""
    if response.status >= 300:
        return _error_answer(prepared, response).content
    return _read(prepared, response, prepared.limits.error_body)


def _read(prepared: PreparedCall, response: TransportResponse, limit: int) -> bytes:
    deadline, size, blocks = prepared.deadline, 0, []
    try:
        while block := response.read_block(deadline.wait(deadline.timeouts.idle)):
            size += len(block)
            if size > limit:
                raise prepared.too_large(UpstreamResponse(response.status, response.raw_headers, b""), limit)
            blocks.append(block)
    except TimeoutError:
        raise deadline.error("idle") from None
    except APIConnectionError as cut:
        raise StreamTruncatedError(cut.message, code=cut.code, phase="body") from None
    finally:
        response.close()
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def _open(pipeline: Pipeline, prepared: PreparedCall, transport: Transport, attempts: int) -> Stream[Any]:
    """Open a stream up to its first chunks, so that an error as first event is a failed request."""
    clock = EventClock(prepared.deadline)  # one wait over head and first event
    response = _send(prepared, transport, prepared.request)
    if response.status >= 300:
        raise prepared.error_of(_error_answer(prepared, response))
    head = UpstreamResponse(response.status, response.raw_headers, b"")
    try:
        reader = prepared.reader(head)
        first = _first_chunks(prepared, response, reader, clock)
    except BaseException:
        response.close()
        raise
    record = prepared.record(head, attempts)
    chunks = _chunks(pipeline, prepared, response, reader, clock, first, record)
    next(chunks)  # begins it, so that a stream that is never read ends properly too
    return Stream(chunks, prepared.asked.family, record, reader.partial)


def _first_chunks(
    prepared: PreparedCall, response: TransportResponse, reader: StreamReader, clock: EventClock
) -> Iterator[Any]:
    block = _next_block(response, reader, clock)
    if reader.rejects_documents and is_document_start(block):
        rest = _read(prepared, response, prepared.limits.body)
        whole = UpstreamResponse(response.status, response.raw_headers, block + rest)
        prepared.result_of(whole, 1)  # raises the error that the document is
        raise prepared.not_a_stream(whole)
    while block:
        if (chunks := start(reader.feed(block))) is not None:
            return chunks
        if reader.done:
            return iter(())
        block = _next_block(response, reader, clock)
    return start(reader.end()) or iter(())


def _next_block(response: TransportResponse, reader: StreamReader, clock: EventClock) -> bytes:
    try:
        return response.read_block(clock.wait())
    except TimeoutError:
        error: APIError = clock.error()
    except APIConnectionError as cut:
        error = reader.truncated(cut.message)
    error.partial = reader.partial()
    raise error


def _chunks(
    pipeline: Pipeline,
    prepared: PreparedCall,
    response: TransportResponse,
    reader: StreamReader,
    clock: EventClock,
    chunks: Iterator[Any],
    record: CallRecord,
) -> Iterator[Any]:
    """Hand out chunks until the stream has ended in exactly one way."""
    outcome: Outcome = "cancelled"
    failure: LLMGateError | None = None
    try:
        yield None  # for the one who made it
        yield from chunks
        while not reader.done:
            clock.saw_event()
            seen = reader.count
            while reader.count == seen and not reader.done:
                block = _next_block(response, reader, clock)
                yield from reader.feed(block) if block else reader.end()
        outcome = "finished"
    except LLMGateError as error:
        failure, outcome = prepared.filled(error), _outcome(error)
        if isinstance(error, APIError):
            without_frames(error)
        yield from reader.failed(error)
        raise
    finally:
        response.finish() if outcome == "finished" else response.close()
        record.end(usage=reader.usage, tier=reader.tier, late=reader.ledger, answer=reader.answer, events=reader.count)
        pipeline.warn(prepared.route, reader.ledger)
        pipeline.ended(prepared, outcome, chunks=reader.count, usage=reader.usage, error=failure)


def _outcome(error: LLMGateError) -> Outcome:
    return "truncated" if isinstance(error, StreamTruncatedError) else "failed"
