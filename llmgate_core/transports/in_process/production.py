"""Run the function of one call, and hand over what it makes.

A function or generator runs in one thread from its beginning to its end, an asynchronous one in one task: what it
holds on to, such as a lock or a mode of its library, may belong to either.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import LLMGateError
from llmgate_core.transports.in_process.blocks import Blocks, is_asynchronous, is_whole
from llmgate_core.transports.in_process.channel import Channel, StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmgate_core.transports.in_process.request import InProcessRequest
    from llmgate_core.transports.in_process.workers import Workers

__all__ = ["Production"]

log = logging.getLogger("llmgate")


class Production:
    """A function at work.

    Args:
        request: what it is called with.
        workers: where it runs if it is synchronous.
        loop: returns the event loop on which it runs if it is asynchronous.

    Attributes:
        channel: what it has made. ended: done when it has ended and cleaned up.
    """

    def __init__(
        self, request: InProcessRequest, workers: Workers, loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        self.channel = Channel()
        self.ended: Future[None] = Future()
        self._request = request
        self._blocks = Blocks(request)
        self._workers = workers
        self._loop = loop
        self._task: asyncio.Task[bool] | None = None
        self._has_begun = False

    def start(self) -> None:
        """Call the function, where it belongs."""
        start = self._start_task if self._request.plugin.serves_async else self._start_thread
        try:
            start(None)
        except RuntimeError as error:  # there can be no more threads, or the client is being closed
            self._fail(self._blocks.error(f"could not be run: {error}"))
            self._end()

    def stop(self) -> None:
        """Want no more of it. A task is cancelled; a thread sees it when it hands over its next chunk."""
        self.channel.stop()
        task = self._task
        if task is not None and not task.done():
            with suppress(RuntimeError):  # its loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)

    def say_that_it_goes_on(self, *, is_late: bool) -> None:
        """Log that what has begun cannot be stopped, as a warning where the call ran out of time."""
        if not self._has_begun:
            return
        level = logging.WARNING if is_late else logging.INFO
        log.log(
            level,
            "%s: hook serve goes on after its call has ended: a thread cannot be stopped, and ends when the function "
            "returns or makes its next chunk",
            self._request.plugin.name,
        )

    def _start_thread(self, value: Any) -> None:
        context = contextvars.copy_context()
        self._workers.start(lambda: context.run(self._run, value))

    def _start_task(self, value: Any) -> None:
        loop = self._loop()
        if _is_running(loop):
            self._create_task(loop, value)
        else:
            loop.call_soon_threadsafe(self._create_task, loop, value)

    def _create_task(self, loop: asyncio.AbstractEventLoop, value: Any) -> None:
        self._task = loop.create_task(self._arun(value))
        self._task.add_done_callback(self._see_task_end)
        if self.channel.has_stopped():  # meanwhile
            self._task.cancel()

    def _see_task_end(self, task: asyncio.Task[bool]) -> None:
        if task.cancelled() or not task.result():
            self._end()

    def _call(self) -> Any:
        self._has_begun = True
        return self._request.plugin.serve(self._request.call, self._request.route)

    def _run(self, value: Any) -> None:
        """Run in a thread: the function, or the iterator that an asynchronous function has returned."""
        try:
            if self.channel.has_stopped():  # while it waited for its thread
                return self._end()
            value = self._call() if value is None else value
            if is_asynchronous(value):
                return self._start_task(value)
            self._produce(value)
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001  # it must reach the caller, not end the thread
            self._fail(error)
        return self._end()

    def _produce(self, value: Any) -> None:
        if value is None or is_whole(value):
            self._hand_over(value)
            return
        channel, blocks = self.channel, self._blocks
        iterator = iter(value)
        self._open_stream()
        try:
            for chunk in iterator:
                room = channel.put(blocks.chunk(chunk))
                self._open_document()
                if room is not None:
                    room.result()
            self._finish(blocks.rest())
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    async def _arun(self, value: Any) -> bool:
        """Run in a task: the function, or what a synchronous function has returned to be awaited.

        Returns whether a thread goes on with it.
        """
        try:
            value = self._call() if value is None else value
            while hasattr(value, "__await__"):
                value = await value
            if value is None or is_whole(value) or is_asynchronous(value):
                await self._aproduce(value)
                return False
            self._start_thread(value)
        except StoppedError:
            return False
        except BaseException as error:  # noqa: BLE001  # it must reach the caller, not asyncio's log
            self._fail(error)
            return False
        return True

    async def _aproduce(self, value: Any) -> None:
        if not is_asynchronous(value):
            self._hand_over(value)
            return
        channel, blocks = self.channel, self._blocks
        iterator = aiter(value)
        self._open_stream()
        try:
            async for chunk in iterator:
                room = channel.put(blocks.chunk(chunk))
                self._open_document()
                if room is not None:
                    await asyncio.wrap_future(room)
            self._finish(blocks.rest())
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    def _hand_over(self, answer: Any) -> None:
        """Hand over a whole answer, or say that the function has made no answer."""
        if answer is None:
            self.channel.open(None)
            return
        whole = self._blocks.whole(answer)
        self.channel.open(self._blocks.type_of_whole)
        self.channel.put(whole)

    def _open_stream(self) -> None:
        """Open a stream before its first chunk, for which there is a limit of its own."""
        if self._request.call.stream:
            self.channel.open(self._blocks.type_of_chunks)

    def _open_document(self) -> None:
        """Open a document that is made of chunks with the first of them."""
        self.channel.open(self._blocks.type_of_chunks)

    def _finish(self, rest: bytes) -> None:
        if rest:
            self.channel.put(rest)

    def _fail(self, error: BaseException) -> None:
        if self.channel.has_stopped():
            return
        if not isinstance(error, LLMGateError):
            problem = self._blocks.error(f"raised {type(error).__name__}: {error}")
            problem.__cause__ = error
            error = problem
        self.channel.end(error)

    def _end(self) -> None:
        self.channel.end()
        if not self.ended.done():
            self.ended.set_result(None)


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this thread runs the loop."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
