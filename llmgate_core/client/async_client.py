"""The asynchronous client: an isolated instance with its own settings, plugins and connections.

The module-level functions in `functions.py` use a default client.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from llmgate_core.calls.async_driver import arun
from llmgate_core.calls.call_request import CallRequest
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.results import TypedReader
from llmgate_core.client.async_media_calls import AsyncMediaCalls
from llmgate_core.client.async_message_calls import AsyncMessageCalls
from llmgate_core.client.async_score_calls import AsyncScoreCalls
from llmgate_core.client.async_text_calls import AsyncTextCalls
from llmgate_core.client.relay_calls import RelayCalls  # sync: from llmgate_core.client.base import BaseClient
from llmgate_core.transports.selection import AsyncTransportSelector

__all__ = ["AsyncClient"]


class AsyncClient(
    RelayCalls,  # sync: BaseClient,
    AsyncTextCalls,
    AsyncMessageCalls,
    AsyncScoreCalls,
    AsyncMediaCalls,
):
    """An asynchronous client. Each event loop has its own connections; as a context manager it closes them."""

    def _open(self) -> None:
        self._transports = AsyncTransportSelector()

    async def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: Any,
        *,
        operation: str = "create",
    ) -> Any:
        preparer = self.preparer
        call = preparer.prepare(CallRequest(family, model, inputs, arguments, operation))
        observers = preparer.observers
        return await arun(call_steps(call, TypedReader(call, observers), observers), self._transports.choose(call))

    async def aclose(self) -> None:
        """Close the connections of the running event loop. Your own HTTP client stays open."""
        await self._transports.aclose()
        await self._drain_events()  # async only

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
