# Made from llmgate_core/client/async_client.py by tools/make_twins.py: edit that file, then run `make twins`.
"""The synchronous client: an isolated instance with its own settings, plugins and connections.

The module-level functions in `functions.py` use a default client.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from llmgate_core.calls.call_request import CallRequest
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.results import TypedReader
from llmgate_core.calls.sync_driver import run
from llmgate_core.client.base import BaseClient
from llmgate_core.client.media_calls import MediaCalls
from llmgate_core.client.message_calls import MessageCalls
from llmgate_core.client.score_calls import ScoreCalls
from llmgate_core.client.text_calls import TextCalls
from llmgate_core.transports.selection import TransportSelector

__all__ = ["Client"]


class Client(
    BaseClient,
    TextCalls,
    MessageCalls,
    ScoreCalls,
    MediaCalls,
):
    """A synchronous client. Threads share its connections; as a context manager it closes them."""

    def _open(self) -> None:
        self._transports = TransportSelector()

    def _call(
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
        return run(call_steps(call, TypedReader(call, observers), observers), self._transports.choose(call))

    def close(self) -> None:
        """Close the connections of this client. Your own HTTP client stays open."""
        self._transports.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
