"""Open a stream and emit its chunks until it has ended in exactly one way.

Pure but for the clock: generators of steps. Opening includes the first event, so that an error as first event is a
failed request, which may be tried again.

Source: docs/reliability.md, rows R1 to R5, R11 to R13 and R17.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmgate_core.calls.answers import Answer, read_body, read_error
from llmgate_core.calls.observers import CallObservers, outcome_of
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.sending import send
from llmgate_core.calls.steps import Emit, Finish, OpenStream, Read, Steps
from llmgate_core.contract.call_event import Outcome
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import EventClock
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import APIConnectionError, APIError, LLMGateError, without_frames
from llmgate_core.reading.readers.base import StreamReader, is_document_start, with_first
from llmgate_core.reading.upstream_errors import complete_error
from llmgate_core.types.record import CallRecord

__all__ = ["StartedStream", "open_stream", "started_stream", "stream_steps", "whole_in_place_of_stream"]


@dataclass(slots=True)
class StartedStream:
    """A stream whose first chunks are here."""

    answer: Answer
    reader: StreamReader
    clock: EventClock
    first_chunks: Iterator[Any]
    record: CallRecord


def open_stream(
    call: PreparedCall, results: ResultReader, request: UpstreamRequest, attempt: int, new_connection: bool
) -> Steps:
    """Open the stream that a request is answered with, up to its first chunks. Returns a `StartedStream`.

    Raises:
        APIError: an error status, an error as first event, a whole document, or nothing in time.
    """
    clock = EventClock(call.deadline)  # one wait over head and first event
    answer = yield from send(call, request, new_connection=new_connection)
    if answer.head.status >= 300:
        yield from read_error(call, answer)
        raise results.error_of(answer.head)
    return (yield from started_stream(call, results, answer, results.stream_reader(answer.head), clock, attempt))


def started_stream(
    call: PreparedCall, results: ResultReader, answer: Answer, reader: StreamReader, clock: EventClock, attempt: int
) -> Steps:
    """Read a stream up to its first chunks. Returns a `StartedStream`.

    Raises:
        APIError: as `open_stream`.
    """
    first_chunks = yield from _first_chunks(call, results, answer, reader, clock)
    return StartedStream(answer, reader, clock, first_chunks, results.record(answer.head, attempt))


def whole_in_place_of_stream(call: PreparedCall) -> tuple[LedgerEntry, ...]:
    """Return the ledger's entry for a whole answer that the caller, who asked for a stream, gets as one burst."""
    if not call.upstream_call.stream:
        return ()
    reason = f"{call.route.provider} answers this call as a whole: returned as one burst"
    return (LedgerEntry("stream", "emulated", reason, f"plugin {call.target.plugin.name}"),)


def _first_chunks(
    call: PreparedCall, results: ResultReader, answer: Answer, reader: StreamReader, clock: EventClock
) -> Steps:
    life = reader.signs_of_life
    block = yield from _next_block(answer, reader, clock)
    if reader.rejects_documents and is_document_start(block):
        yield from read_body(call, answer, call.limits.body)
        answer.head.content = block + answer.head.content
        results.result(answer.head, 1)  # raises the error that the document is
        raise results.not_a_stream(answer.head)
    while block:
        if (chunks := with_first(reader.feed(block))) is not None:
            return chunks
        if reader.end.is_over:
            return iter(())
        if reader.signs_of_life != life:
            life = reader.signs_of_life
            clock.saw_comment()
        block = yield from _next_block(answer, reader, clock)
    return with_first(reader.close()) or iter(())


def _next_block(answer: Answer, reader: StreamReader, clock: EventClock) -> Steps:
    """Read a block; what an `auth` flow has read already comes first.

    Raises:
        APITimeoutError, StreamTruncatedError: with the answer so far.
    """
    if answer.is_read:
        block, answer.head.content = answer.head.content, b""
        return block
    try:
        return (yield Read(clock.wait()))
    except (TimeoutError, APIConnectionError) as cut:
        error = _read_error(reader, clock, cut)
    raise error


def _read_error(reader: StreamReader, clock: EventClock, cut: Exception) -> APIError:
    """Return the error of a read that failed, with the answer so far."""
    error = reader.truncated(cut.message) if isinstance(cut, APIConnectionError) else clock.error()
    error.partial = reader.partial()
    return error


def stream_steps(call: PreparedCall, stream: StartedStream, observers: CallObservers) -> Steps:
    """Emit the chunks of a started stream until it has ended in exactly one way.

    Raises:
        LLMGateError: the stream failed or broke off, after the chunks that came before.
    """
    answer, reader, clock, record = stream.answer, stream.reader, stream.clock, stream.record
    outcome: Outcome = "cancelled"
    failure: LLMGateError | None = None
    try:
        yield OpenStream(call.family.name, call.original_call.model, record, reader.partial)
        yield Emit(stream.first_chunks)
        clock.saw_event()
        while not reader.end.is_over:
            seen, life = reader.count, reader.signs_of_life
            try:  # not `_next_block`, since this runs for every token that comes alone
                block = b"" if answer.is_read else (yield Read(clock.wait()))
            except (TimeoutError, APIConnectionError) as cut:
                raise _read_error(reader, clock, cut) from None
            yield Emit(reader.feed(block) if block else reader.close())
            if reader.count != seen:
                clock.saw_event()
            elif reader.signs_of_life != life:
                clock.saw_comment()
        yield Finish()
        outcome = "finished"
    except LLMGateError as error:
        failure, outcome = error, outcome_of(error)
        complete_error(error, call.route, call.secrets)
        if isinstance(error, APIError):
            without_frames(error)
        yield Emit(reader.failed(error))
        raise error  # on Python 3.10 a bare `raise` brings back the frames that were dropped
    finally:
        usage, ledger = reader.usage, reader.ledger
        record.end(usage=usage, tier=reader.end.tier, reading_losses=ledger, answer=reader.answer, events=reader.count)
        observers.warn(call.route, ledger)
        observers.ended(call, outcome, record=record, chunks=reader.count, error=failure)
        failure, block = None, b""  # on Python 3.10 the error's traceback keeps them: a cycle, and bytes of the answer
