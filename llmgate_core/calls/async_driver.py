"""Do the steps of a call, asynchronously. Every rule is in the steps; here is only the waiting and the closing."""

from __future__ import annotations

import asyncio  # sync: import time
from collections.abc import AsyncIterator
from typing import Any

from llmgate_core.calls.steps import AwaitFlight, Compute, Emit, OpenStream, Read, Send, Sleep, Steps
from llmgate_core.contract.transport import AsyncTransport, AsyncTransportResponse
from llmgate_core.reading.async_stream import AsyncStream
from llmgate_core.reading.streams import StreamStop

__all__ = ["arun"]


async def arun(steps: Steps, transport: AsyncTransport) -> Any:
    """Return what the steps end with, or an open `AsyncStream`.

    Raises:
        LLMGateError: as the steps.
    """
    response: AsyncTransportResponse | None = None
    advance: Any = steps.send
    reply: Any = None
    try:
        while True:
            step = advance(reply)
            if isinstance(step, OpenStream):
                # sync: stop = StreamStop(None if response is None else response.close)
                stop = StreamStop(None if response is None else response.abort)  # async only
                chunks = _chunks(steps, response, stop)
                response = None  # the stream closes it
                await anext(chunks)
                return AsyncStream(chunks, step.family, step.model, step.record, step.partial, stop)
            try:
                if isinstance(step, Read) and response is not None:
                    reply = await response.aread_block(step.wait_seconds)
                else:
                    if response is not None:
                        await response.aclose()
                    reply = response = None
                    if isinstance(step, Send):
                        reply = response = await transport.asend(step.request)
                    else:
                        reply = await _reply_to(step)
                advance = steps.send
            except BaseException as error:  # noqa: BLE001  # the steps decide
                advance, reply = steps.throw, error
    except StopIteration as end:
        return end.value
    finally:
        reply = None  # a traceback of this error holds this frame
        if response is not None:
            await response.aclose()


async def _reply_to(step: Any) -> Any:
    """Do a step that neither sends nor reads."""
    if isinstance(step, Sleep):
        await asyncio.sleep(step.seconds)  # sync: time.sleep(step.seconds)
    elif isinstance(step, AwaitFlight):
        await step.flight.await_end(step.wait_seconds)
    elif isinstance(step, Compute):
        return await asyncio.to_thread(step.function)  # sync: return step.function()
    return None


async def _chunks(steps: Steps, response: AsyncTransportResponse | None, stop: StreamStop) -> AsyncIterator[Any]:
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
                    for chunk in step.chunks:  # sync: yield from step.chunks
                        yield chunk  # async only
                elif isinstance(step, Read) and response is not None:
                    reply = await response.aread_block(step.wait_seconds)
                elif response is not None:
                    await response.afinish()
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
            await response.aclose()
