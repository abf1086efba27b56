"""Do the work that a large body takes, such as decoding it, in a thread, one body at a time.

One at a time, because Python would run two of them by turns anyway: both would take longer, and the memory of both
would be needed at once.

Source: rows R10, R21 and R27 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from llmgate_gateway.http.responses import refuse

__all__ = ["LARGE_BYTES", "LargeWork"]

LARGE_BYTES: Final = 256 * 1024
"""Above this the work on a body could hold up the event loop for more than a few milliseconds."""
WAIT_SECONDS: Final = 30.0
RETRY_SOON = ((b"retry-after", b"1"),)

ResultT = TypeVar("ResultT")
ParamsT = ParamSpec("ParamsT")


class LargeWork:
    """The thread of one gateway for large bodies: started when the first one comes, ended with this object."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llmgate-large-body")
        self._wait_seconds = wait_seconds

    async def run(
        self, size: int, function: Callable[ParamsT, ResultT], *values: ParamsT.args, **named: ParamsT.kwargs
    ) -> ResultT:
        """Return what a function returns; for a body of `size` bytes that is large it runs in the thread.

        Raises:
            RefusedError: 503: the bodies before this one take too long.
        """
        if size <= LARGE_BYTES:
            return function(*values, **named)
        work = asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *values, **named))
        try:
            return await asyncio.wait_for(work, self._wait_seconds)
        except asyncio.TimeoutError:
            message = "The gateway has too many large requests to read at present. Try again shortly."
            raise refuse(503, message, code="overloaded", headers=RETRY_SOON) from None
