"""Fill in what real servers omit from their own Responses streams.

Pure. Changes nothing that is present, except the numbers after an added event, and never completes a stream that the
server did not end. A complete stream is unchanged, and so is an event that cannot be repaired: the reader judges it.

Source: OpenAI API reference, `ResponseStreamEvent`; the streams of llama.cpp and of transformers' server.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_shapes import SHAPE_ERRORS
from llmgate_core.bridges.responses_to_chat.output import Ids, echo
from llmgate_core.bridges.responses_to_chat.repair_items import OpenItem, complete_item, complete_part
from llmgate_core.bridges.responses_to_chat.values import SOURCE
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import APIResponseValidationError, StreamTruncatedError
from llmgate_core.json_codec import decode

__all__ = ["StreamRepair"]

ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
SNAPSHOTS = frozenset({"response.created", "response.in_progress", "response.queued", *ENDS})
REQUIRED_OF_RESPONSE = (
    "object",
    "created_at",
    "error",
    "incomplete_details",
    "instructions",
    "metadata",
    "model",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
)
STATUS_OF_EVENT: Mapping[str, str] = MappingProxyType(
    {
        "response.created": "in_progress",
        "response.in_progress": "in_progress",
        "response.queued": "queued",
        "response.completed": "completed",
        "response.incomplete": "incomplete",
        "response.failed": "failed",
    }
)
ITEM_OF_EVENT: Mapping[str, str] = MappingProxyType(
    {
        "response.output_text": "message",
        "response.refusal": "message",
        "response.content_part": "message",
        "response.reasoning_text": "reasoning",
        "response.reasoning_summary_text": "reasoning",
        "response.reasoning_summary_part": "reasoning",
        "response.function_call_arguments": "function_call",
        "response.custom_tool_call_input": "custom_tool_call",
    }
)
"""Start of an event's type -> the type of item that it belongs to."""


class StreamRepair:
    """One object per stream: `feed` each event, then `close`.

    A server may omit the numbers and ids that tie events to items, the events that open and close an item, and the
    response fields that echo the request, which are taken from the call.
    """

    def __init__(self, call: Call, route: Route) -> None:
        self._call = call
        self._route = route
        self._ledger = Ledger(route, SOURCE)
        self._number = -1  # of the last event
        self._pending: list[JsonObject] = []
        self._echo: JsonObject | None = None
        self._ids = Ids(None)
        self._created = False
        self._is_unnumbered = False
        self._ended = False
        self._items: list[OpenItem] = []
        self._by_id: dict[str, OpenItem] = {}

    @property
    def ledger(self) -> list[LedgerEntry]:
        """Entries for what was filled in, without repetition."""
        return list(self._ledger.entries)

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        """Return the completed event, preceded by the events that the server omitted.

        Raises:
            APIResponseValidationError: the data is not a JSON object.
        """
        if event.data.strip() == "[DONE]":
            return []
        data = self._decode(event.data)
        try:
            self._feed(event, data)
        except SHAPE_ERRORS:
            self._put(self._as_received(event))
        events, self._pending = self._pending, []
        return events

    def _as_received(self, event: SSEEvent) -> JsonObject:
        """Return an event with an unexpected shape without repairs, so that a repair never makes anything worse."""
        data = self._decode(event.data)
        if not _is_event(data.get("type")) and event.event != "message":
            data["type"] = event.event
        self._ended = self._ended or data.get("type") in ENDS
        self._ledger.emulated("stream", "an event without the documented shape was passed on as it came")
        return data

    def _feed(self, event: SSEEvent, data: JsonObject) -> None:
        kind = data.get("type")
        if event.event == "error" or kind == "error" or ("error" in data and not _is_event(kind)):
            self._ended = True
            self._put(_flat_error(data))
        else:
            if not _is_event(kind):
                data["type"] = event.event
            self._repair(data["type"], data)

    def close(self) -> list[JsonObject]:
        """Return nothing: omitted events were added before the event that ended the stream.

        Raises:
            StreamTruncatedError: no event has ended the stream.
        """
        if not self._ended:
            raise StreamTruncatedError(
                "the Responses stream ended without response.completed, .incomplete or .failed",
                code="closed",
                provider=self._route.provider,
                model=self._route.model,
            )
        return []

    def _decode(self, text: str) -> JsonObject:
        try:
            data = decode(text)
        except ValueError as error:
            data, reason = None, str(error)
        else:
            reason = f"it is {type(data).__name__}"
        if isinstance(data, dict):
            return data
        raise APIResponseValidationError(
            f"an event of the Responses stream is not a JSON object: {reason}",
            status_code=200,
            provider=self._route.provider,
            model=self._route.model,
        ) from None

    def _repair(self, kind: str, data: JsonObject) -> None:
        if kind == "keepalive":
            self._put(data)
            return
        if kind in SNAPSHOTS:
            self._repair_snapshot(kind, data)
            return
        if not self._created:
            self._announce_response({})
        if kind == "response.output_item.added":
            self._add_item(data)
        elif kind == "response.output_item.done":
            self._finish_item(data)
        else:
            self._repair_piece(kind, data)

    def _put(self, event: JsonObject) -> None:
        """Number the event: keep its number unless an added event has taken it."""
        number = event.get("sequence_number")
        if number is None and not self._is_unnumbered:
            self._is_unnumbered = True
            self._ledger.emulated("stream", "the server does not number events, so llmgate numbered them")
        if not isinstance(number, int) or number <= self._number:
            number = self._number + 1
            event["sequence_number"] = number
        self._number = number
        self._pending.append(event)

    def _add(self, type: str, **fields: Any) -> None:
        self._ledger.emulated("stream", f"the server omitted {type}")
        self._put({"type": type, **fields, "sequence_number": self._number + 1})

    # -- the response as a whole

    def _repair_snapshot(self, kind: str, data: JsonObject) -> None:
        response = data.get("response")
        if response is None:
            response = data["response"] = {}
        if not isinstance(response, dict):
            raise TypeError("no object")
        if not self._created and kind != "response.created":
            self._announce_response(response)
        self._created = True
        if kind in ENDS:
            self._close_items(response)
            self._ended = True
        self._complete_response(kind, response)
        self._put(data)

    def _announce_response(self, snapshot: Mapping[str, Any]) -> None:
        self._created = True
        response = {name: snapshot[name] for name in ("id", "created_at", "model") if snapshot.get(name) is not None}
        self._complete_response("response.created", response)
        self._add("response.created", response=response)

    def _complete_response(self, kind: str, response: JsonObject) -> None:
        if self._echo is None:
            self._echo = echo(self._call, self._route)
            self._echo["id"] = response.get("id") or self._ids.response
        for name in ("created_at", "model"):
            if response.get(name) is not None:
                self._echo[name] = response[name]
        if not response.get("id"):
            response["id"] = self._echo["id"]
        for name in REQUIRED_OF_RESPONSE:
            if name not in response:
                response[name] = self._echo[name]
        response.setdefault("status", STATUS_OF_EVENT[kind])
        if response.get("output") is None:
            response["output"] = [item.finished for item in self._items if item.finished] if kind in ENDS else []
        for index, item in enumerate(response["output"]):
            if isinstance(item, dict):
                complete_item(item, self._ids, index, status=response["status"])
        if isinstance(response.get("usage"), dict):
            _complete_usage(response["usage"])

    # -- its items

    def _add_item(self, data: JsonObject) -> None:
        item = data.get("item")
        if not isinstance(item, dict):
            item = data["item"] = {}
        index = data.setdefault("output_index", len(self._items))
        complete_item(item, self._ids, index, status="in_progress")
        self._remember(OpenItem(item, index))
        self._put(data)

    def _remember(self, opened: OpenItem) -> None:
        self._items.append(opened)
        self._by_id[opened.id] = opened
        if opened.call_id:
            self._by_id.setdefault(opened.call_id, opened)

    def _item_of(self, kind: str, data: Mapping[str, Any]) -> OpenItem:
        """Return the item of an event, and add it if the server has not."""
        index = data.get("output_index")
        item = self._by_id.get(str(data.get("item_id")))
        if item is None and isinstance(index, int):
            item = next((item for item in self._items if item.index == index), None)
        if item is None:
            item = next((item for item in reversed(self._items) if item.kind == kind and not item.finished), None)
        return item or self._open_item(kind, data)

    def _open_item(self, kind: str, data: Mapping[str, Any]) -> OpenItem:
        item: JsonObject = {"type": kind}
        if data.get("item_id"):
            item["id"] = data["item_id"]
        if data.get("name"):
            item["name"] = data["name"]
        return self._announce_item(item, data.get("output_index", len(self._items)))

    def _announce_item(self, item: JsonObject, index: int) -> OpenItem:
        complete_item(item, self._ids, index, status="in_progress")
        self._add("response.output_item.added", output_index=index, item=item)
        opened = OpenItem(item, index)
        self._remember(opened)
        return opened

    def _finish_item(self, data: JsonObject) -> None:
        item = data.get("item")
        if not isinstance(item, dict):
            item = data["item"] = {}
        open_item = self._by_id.get(str(item.get("id"))) or self._by_id.get(str(item.get("call_id")))
        if open_item is None and isinstance(data.get("output_index"), int):
            open_item = next((one for one in self._items if one.index == data["output_index"]), None)
        if open_item is None:
            open_item = self._announce_item(_beginning_of(item), data.get("output_index", len(self._items)))
        item.setdefault("id", open_item.id)
        data.setdefault("output_index", open_item.index)
        complete_item(item, self._ids, open_item.index, status="completed")
        for missing_type, fields in open_item.missing(item):
            self._add(missing_type, **fields)
        open_item.finished = item
        self._put(data)

    def _close_items(self, response: Mapping[str, Any]) -> None:
        """Add the events that are still missing for the items; the response has their final state."""
        ends = {str(item.get("id")): item for item in response.get("output") or () if isinstance(item, dict)}
        for open_item in self._items:
            if not open_item.finished:
                item = dict(ends.get(open_item.id) or open_item.so_far())
                for missing_type, fields in open_item.missing(item):
                    self._add(missing_type, **fields)
                open_item.finished = item
                self._add("response.output_item.done", output_index=open_item.index, item=item)

    def _repair_piece(self, type: str, data: JsonObject) -> None:
        start, _, step = type.rpartition(".")
        kind = ITEM_OF_EVENT.get(start)
        if kind is None and start == "response.output_text.annotation":
            kind = "message"
        if kind is None:
            self._put(data)  # of a built-in tool, or of a type newer than this table
            return
        item = self._item_of(kind, data)
        data["item_id"] = item.id
        data.setdefault("output_index", item.index)
        for missing_type, fields in item.before(start, step, data):
            self._add(missing_type, **fields)
        if type in ("response.output_text.delta", "response.output_text.done"):
            data.setdefault("logprobs", [])
        elif type == "response.function_call_arguments.done":
            data.setdefault("name", item.name)
        if isinstance(data.get("part"), dict):
            complete_part(data["part"])
        item.record(start, step, data)
        self._put(data)


def _is_event(kind: object) -> bool:
    return isinstance(kind, str) and (kind.startswith("response.") or kind == "keepalive")


def _flat_error(data: JsonObject) -> JsonObject:
    """Return an error event in flat form; some servers nest it or use numeric codes."""
    nested = data.get("error")
    error: Mapping[str, Any] = nested if isinstance(nested, Mapping) else data
    message = error.get("message") or (nested if isinstance(nested, str) else None)
    code = error.get("code") or (error.get("type") if error.get("type") != "error" else None)
    event: JsonObject = dict(data) if data.get("type") == "error" and error is data else {}
    event.update(
        type="error",
        code=None if code is None else str(code),
        message=str(message or "the server sent an error without a message"),
        param=error.get("param"),
    )
    if "sequence_number" in data:
        event["sequence_number"] = data["sequence_number"]
    return event


def _beginning_of(item: Mapping[str, Any]) -> JsonObject:
    """Return an item as its `added` event would have it: its identity without its content."""
    return {name: item[name] for name in ("id", "type", "call_id", "name", "namespace", "role") if name in item}


def _complete_usage(usage: JsonObject) -> None:
    for name in ("input_tokens", "output_tokens"):
        usage.setdefault(name, 0)
    usage.setdefault("total_tokens", usage["input_tokens"] + usage["output_tokens"])
    for name, zeros in (
        ("input_tokens_details", ("cached_tokens", "cache_write_tokens")),
        ("output_tokens_details", ("reasoning_tokens",)),
    ):
        details = usage.get(name)
        if not isinstance(details, dict):
            details = usage[name] = {}
        for zero in zeros:
            details.setdefault(zero, 0)
