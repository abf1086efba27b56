"""A client's body, passed on upstream as it comes. Asyncio only.

Source: `llmgate_core.serving.StreamedContent`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from llmgate_core.serving import errors
from llmgate_gateway.http.request import ClientRequest

__all__ = ["RequestContent"]


class RequestContent:
    """`StreamedContent` of a client's body, passed on as it comes.

    Only its first block is kept, which is what a connection that turns out to be closed may have cost.
    """

    def __init__(self, request: ClientRequest, length: int) -> None:
        self._request = request
        self._length = length
        self._first: bytes | None = None
        self._is_past_first = False

    @property
    def length(self) -> int:
        """Bytes in all, as the client said."""
        return self._length

    def blocks(self) -> Iterator[bytes]:
        """Not for asyncio, so never called."""
        raise NotImplementedError

    async def ablocks(self) -> AsyncIterator[bytes]:
        """Yield the body.

        Raises:
            APIConnectionError: it has gone up before. ClientGoneError: the client hung up.
        """
        if self._is_past_first:
            raise errors.APIConnectionError("the upload was interrupted and cannot be sent again", code="closed")
        if self._first is None:
            self._first, _ = await self._request.read()
        yield self._first
        self._is_past_first = True
        while not self._request.is_read:
            block, _ = await self._request.read()
            yield block
