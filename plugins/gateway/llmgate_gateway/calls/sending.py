"""Send an answer to the client, as fast as the client reads, and record how it ended.

What the client does not read is not read from the upstream either.

Source: rows R1, R3 and R20 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from llmgate_core.serving import errors
from llmgate_gateway.calls.contract import Answer
from llmgate_gateway.http.errors import STOPPING, error_facts, record_failure
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import ErrorFacts

__all__ = ["StreamTail", "send_answer"]

StreamTail = Callable[[ErrorFacts, int], bytes]
"""Returns the last bytes of an event stream that broke, given the error and how many events were sent before."""


async def send_answer(request: ClientRequest, answer: Answer, stream_tail: StreamTail | None = None) -> None:
    """Send a whole answer, or a stream as it comes.

    A stream of events that breaks ends with `stream_tail`. Of any other the end is left out, by which the client sees
    that it was cut.
    """
    record, body = request.record, answer.body
    record.stream = answer.is_events
    if isinstance(body, bytes):
        record.outcome = "finished"
        await request.send_whole(answer.status, answer.headers, body)
        return
    error = await _send_blocks(request, answer, body)
    if error is None:
        await request.send({"type": "http.response.body", "body": b"", "more_body": False})
    elif answer.is_events and stream_tail is not None:
        events = 0 if answer.record is None else answer.record.events
        is_reported = isinstance(error, errors.APIError) and error.is_reported
        tail = b"" if is_reported else stream_tail(error_facts(error), events)
        await request.send({"type": "http.response.body", "body": tail, "more_body": False})


async def _send_blocks(
    request: ClientRequest, answer: Answer, body: AsyncIterator[bytes]
) -> errors.LLMGateError | None:
    """Send the head and the blocks; return what broke the stream."""
    record = request.record
    try:
        await request.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        async for block in body:
            record.events += 1
            await request.send_block(block)
    except errors.LLMGateError as error:
        record_failure(record, error)
        return error
    except asyncio.CancelledError:
        if request.stopped_by != "shutdown" or not request.was_stopped():
            raise
        record.outcome, record.error_code = "failed", STOPPING.code
        return STOPPING
    record.outcome = "finished"
    return None
