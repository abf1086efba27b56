"""Bridge a call of one family over another: Responses or Messages over an upstream that has only chat.

Pure. The conversions are in `responses_to_chat/` and `messages_to_chat/`, imported on first use; this module connects
them to the plugin's hooks, so that the plugin only sees a chat call.

Source: docs/guide/bridges.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Converted, StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import APIError, APIResponseValidationError
from llmgate_core.reading.readers.canonical import CanonicalParser
from llmgate_core.reading.readers.end_of_stream import DONE, EndOfStream
from llmgate_core.reading.upstream_errors import error_of_object, error_reported_by

if TYPE_CHECKING:
    from llmgate_core.contract.upstream import Framing, SSEEvent
    from llmgate_core.errors import LLMGateError

__all__ = ["bridge_call", "bridge_response", "bridge_stream"]

Takes = Callable[[str, Any], bool]


class _Conversion(NamedTuple):
    """The functions that convert a family to chat and back, in a package of this folder.

    Attributes:
        package: its name. whole, stream: its names for the function of whole answers and the class of streams.
        asks_plugin: converting a call depends on what the chat plugin says that it takes.
    """

    package: str
    whole: str
    stream: str
    asks_plugin: bool = False

    def load(self, name: str) -> Any:
        """Return a function or class of the package, which only bridged calls need."""
        return getattr(importlib.import_module(f"llmgate_core.bridges.{self.package}"), name)


CONVERSIONS: Mapping[str, _Conversion] = MappingProxyType(
    {
        "responses": _Conversion("responses_to_chat", "response_object", "ResponsesStream"),
        "messages": _Conversion("messages_to_chat", "message_object", "MessagesStream", asks_plugin=True),
    }
)
"""Family -> how its calls are converted to chat."""


def bridge_call(call: Call, route: Route, takes: Takes) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the chat call for `call`, and the ledger entries of the conversion.

    Args:
        call: of the family that was called.
        route: its route.
        takes: whether the chat plugin says that it takes a parameter which chat does not document.

    Raises:
        UnsupportedParamsError: a parameter has no counterpart and the policy is `error`, or it needs stored state.
    """
    conversion = CONVERSIONS[call.family]
    to_chat = conversion.load("to_chat")
    converted = to_chat(call, route, takes) if conversion.asks_plugin else to_chat(call, route)
    return cast("tuple[Call, tuple[LedgerEntry, ...]]", converted)


def bridge_response(
    original_call: Call, route: Route, answer: JsonObject | UpstreamResponse, response: UpstreamResponse
) -> Converted:
    """Return the answer of the family that was called for a chat completion, or for a count of tokens.

    Raises:
        APIError: the response is an error, or is not a chat completion.
    """
    chat = answer if isinstance(answer, dict) else response.json()
    if reported := error_reported_by(chat):
        raise error_of_object(reported, response.status, response.headers, route.all_secrets)
    if original_call.operation != "create" and isinstance(chat, dict):
        return Converted(chat)
    if not isinstance(chat, dict) or not isinstance(chat.get("choices"), list):
        raise APIResponseValidationError(
            f"HTTP {response.status}: the response is not a chat completion", status_code=response.status
        )
    conversion = CONVERSIONS[original_call.family]
    return cast(Converted, conversion.load(conversion.whole)(original_call, route, chat))


def bridge_stream(original_call: Call, route: Route, chat: StreamParser | None) -> StreamParser:
    """Return the parser that converts a chat stream to the family's events; `chat` is the plugin's parser, if any."""
    return BridgedStream(original_call, route, CanonicalParser() if chat is None else chat)


class BridgedStream:
    """Converts chat events to the events of the family that was called."""

    def __init__(self, original_call: Call, route: Route, chat: StreamParser) -> None:
        conversion = CONVERSIONS[original_call.family]
        self._chat = chat
        self._events = conversion.load(conversion.stream)(original_call, route)
        self._end = EndOfStream(FAMILIES["chat"])
        self.framing: Framing = getattr(chat, "framing", "sse")

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """The ledger entries of both conversions."""
        return (*getattr(self._chat, "ledger", ()), *getattr(self._events, "ledger", ()))

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        """Return the events for one chat event.

        Raises:
            APIError: the event is an error, or not a chat chunk.
        """
        if event.data == DONE:
            self._end.see_done()
        pieces = [piece for chunk in self._chat.feed(event) for piece in self._events.feed_chunk(chunk)]
        return [*pieces, *self.close()] if getattr(self._chat, "done", False) else pieces

    def close(self) -> list[JsonObject]:
        """Return the last events.

        Raises:
            StreamTruncatedError: the chat stream had no end marker.
        """
        pieces = [event for chunk in self._chat.close() for event in self._events.feed_chunk(chunk)]
        is_done = self._end.is_over or getattr(self._chat, "done", False)
        return [*pieces, *self._events.close(done=is_done)]

    def error(self, event: SSEEvent) -> LLMGateError | None:
        """Return the error that an event reports, if the chat's parser knows it."""
        report = getattr(self._chat, "error", None)
        return None if report is None else report(event)

    def failed(self, error: APIError) -> list[JsonObject]:
        """Return the events that report a failed upstream, with the response so far, where the family has any."""
        report = getattr(self._events, "failed", None)
        return [] if report is None else report(error)
