"""Stream a client's body upstream as it arrives. Asyncio only.

Source: `llmgate_core.serving.StreamedContent`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from llmgate_core.serving import errors
from llmgate_gateway.http.request import ClientRequest

__all__ = ["RequestContent"]


class RequestContent:
    """`StreamedContent` of a client's body, sent on as it arrives.

    Only its first block is kept: enough to retry once on a fresh connection.
    """

    def __init__(self, request: ClientRequest, length: int) -> None:
        self._request = request
        self._length = length
        self._first: bytes | None = None
        self._is_past_first = False

    @property
    def length(self) -> int:
        """The number of bytes, as the client gave it."""
        return self._length

    def blocks(self) -> Iterator[bytes]:
        """Never called: the gateway runs on asyncio."""
        raise NotImplementedError

    async def ablocks(self) -> AsyncIterator[bytes]:
        """Yield the body.

        Raises:
            APIConnectionError: it has been sent before. ClientGoneError: the client disconnected.
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
