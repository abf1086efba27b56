# Made from llmgate_core/calls/async_driver.py by tools/make_twins.py: edit that file, then run `make twins`.
"""Do the steps of a call, synchronously. Every rule is in the steps; here is only the waiting and the closing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from llmgate_core.calls.steps import AwaitFlight, Compute, Emit, OpenStream, Read, Send, Sleep, Steps
from llmgate_core.contract.transport import Transport, TransportResponse
from llmgate_core.reading.streams import StreamStop
from llmgate_core.reading.sync_stream import Stream

__all__ = ["run"]


def run(steps: Steps, transport: Transport) -> Any:
    """Return what the steps end with, or an open `Stream`.

    Raises:
        LLMGateError: as the steps.
    """
    response: TransportResponse | None = None
    advance: Any = steps.send
    reply: Any = None
    try:
        while True:
            step = advance(reply)
            if isinstance(step, OpenStream):
                stop = StreamStop(None if response is None else response.close)
                chunks = _chunks(steps, response, stop)
                response = None  # the stream closes it
                next(chunks)
                return Stream(chunks, step.family, step.model, step.record, step.partial, stop)
            try:
                if isinstance(step, Read) and response is not None:
                    reply = response.read_block(step.wait_seconds)
                else:
                    if response is not None:
                        response.close()
                    reply = response = None
                    if isinstance(step, Send):
                        reply = response = transport.send(step.request)
                    else:
                        reply = _reply_to(step)
                advance = steps.send
            except BaseException as error:  # noqa: BLE001  # the steps decide
                advance, reply = steps.throw, error
    except StopIteration as end:
        return end.value
    finally:
        reply = None  # a traceback of this error holds this frame
        if response is not None:
            response.close()


def _reply_to(step: Any) -> Any:
    """Do a step that neither sends nor reads."""
    if isinstance(step, Sleep):
        time.sleep(step.seconds)
    elif isinstance(step, AwaitFlight):
        step.flight.wait(step.wait_seconds)
    elif isinstance(step, Compute):
        return step.function()
    return None


def _chunks(steps: Steps, response: TransportResponse | None, stop: StreamStop) -> Iterator[Any]:
    """Yield the chunks of an open stream; a fake one has no response behind it."""
    advance: Any = steps.send
    reply: Any = None
    try:
        yield None  # begins this generator: one that has not begun does not close anything
        while True:
            step = advance(reply)
            try:
                if isinstance(step, Emit):
                    reply = None
                    yield from step.chunks
                elif isinstance(step, Read) and response is not None:
                    reply = response.read_block(step.wait_seconds)
                elif response is not None:
                    response.finish()
                advance = steps.send
            except BaseException as error:  # noqa: BLE001  # the steps decide
                if stop.is_set:
                    steps.close()
                    return
                advance, reply = steps.throw, error
    except StopIteration:
        return
    finally:
        reply = None
        if response is not None:
            response.close()
