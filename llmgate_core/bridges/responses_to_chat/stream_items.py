"""The items of a Responses stream while they are being built, each with the events that it still has to send.

Pure. An item that was added is always done too, under the same id and index.

Source: OpenAI API reference, `ResponseStreamEvent`; Oaklight/llm-rosetta#56.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.fields import object_of
from llmgate_core.bridges.responses_to_chat.output import (
    Ids,
    call_item,
    call_parts,
    message_item,
    other_fields_of_call,
    reasoning_item,
    text_part,
)
from llmgate_core.bridges.responses_to_chat.tools import ToolNames
from llmgate_core.contract.call import JsonObject

__all__ = ["CallItem", "Events", "MessageItem", "ReasoningItem"]


class Events:
    """Collects events and numbers them from 0, without gaps."""

    __slots__ = ("_number", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[JsonObject] = []
        self._number = 0

    def add(self, type: str, **fields: Any) -> None:
        """Add the next event."""
        self._waiting.append({"type": type, **fields, "sequence_number": self._number})
        self._number += 1

    def drain(self) -> list[JsonObject]:
        """Return the events added since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting


class ReasoningItem:
    """The model's reasoning, as one summary part, which begins with the first text."""

    def __init__(self, events: Events, id: str, index: int) -> None:
        self._events = events
        self._id = id
        self._index = index
        self._at: JsonObject = {"item_id": id, "output_index": index}
        self._texts: list[str] = []
        events.add("response.output_item.added", output_index=index, item=reasoning_item(id, ""))

    def add(self, text: str) -> None:
        """Send a piece of text."""
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            self._events.add("response.reasoning_summary_part.added", **self._at, summary_index=0, part=part)
        self._texts.append(text)
        self._events.add("response.reasoning_summary_text.delta", **self._at, summary_index=0, delta=text)

    def snapshot(self) -> JsonObject:
        """Return the item so far."""
        return reasoning_item(self._id, "".join(self._texts))

    def close(self, sealed: str | None) -> JsonObject:
        """Send the remaining events and return the finished item; `sealed` is its encrypted content."""
        item = reasoning_item(self._id, "".join(self._texts), sealed)
        for part in item["summary"]:
            self._events.add("response.reasoning_summary_text.done", **self._at, summary_index=0, text=part["text"])
            self._events.add("response.reasoning_summary_part.done", **self._at, summary_index=0, part=part)
        self._events.add("response.output_item.done", output_index=self._index, item=item)
        return item


class MessageItem:
    """A message: parts of text and refusal, one open at a time."""

    def __init__(self, events: Events, id: str, index: int) -> None:
        self._events = events
        self._id = id
        self._index = index
        self._parts: list[JsonObject] = []
        self._is_refusal: bool | None = None  # of the open part; None: no part is open
        self._texts: list[str] = []
        self._annotations: list[JsonObject] = []
        self._logprobs: list[JsonObject] = []
        self._at: JsonObject = {}
        item = message_item(id, [], "in_progress")
        events.add("response.output_item.added", output_index=index, item=item)

    def add_text(self, text: str, logprobs: list[JsonObject]) -> None:
        """Send a piece of text with its tokens, in a text part."""
        if self._is_refusal is not False:
            self._open(is_refusal=False, part=text_part("", [], []))
        self._texts.append(text)
        if logprobs:
            self._logprobs += logprobs
        self._events.add("response.output_text.delta", **self._at, delta=text, logprobs=logprobs)

    def add_refusal(self, text: str) -> None:
        """Send a piece of a refusal, in a refusal part."""
        if self._is_refusal is not True:
            self._open(is_refusal=True, part={"type": "refusal", "refusal": ""})
        self._texts.append(text)
        self._events.add("response.refusal.delta", **self._at, delta=text)

    def add_annotation(self, annotation: JsonObject) -> bool:
        """Add an annotation to the open text part; return False if no text part is open."""
        if self._is_refusal is not False:
            return False
        self._events.add(
            "response.output_text.annotation.added",
            **self._at,
            annotation_index=len(self._annotations),
            annotation=annotation,
        )
        self._annotations.append(annotation)
        return True

    def add_logprobs(self, logprobs: list[JsonObject]) -> bool:
        """Add tokens that came without text to the open text part; return False if no text part is open."""
        if self._is_refusal is not False:
            return False
        self._logprobs += logprobs
        return True

    def snapshot(self) -> JsonObject:
        """Return the item so far."""
        open_part = [] if self._is_refusal is None else [self._open_part()]
        return message_item(self._id, [*self._parts, *open_part], "incomplete")

    def close(self, status: str) -> JsonObject:
        """Send the remaining events and return the finished item."""
        self._close_part()
        item = message_item(self._id, self._parts, status)
        self._events.add("response.output_item.done", output_index=self._index, item=item)
        return item

    def _open(self, *, is_refusal: bool, part: JsonObject) -> None:
        self._close_part()
        self._is_refusal = is_refusal
        self._texts, self._annotations, self._logprobs = [], [], []
        self._at = {"item_id": self._id, "output_index": self._index, "content_index": len(self._parts)}
        self._events.add("response.content_part.added", **self._at, part=part)

    def _open_part(self) -> JsonObject:
        text = "".join(self._texts)
        if self._is_refusal:
            return {"type": "refusal", "refusal": text}
        return text_part(text, self._annotations, self._logprobs)

    def _close_part(self) -> None:
        if self._is_refusal is None:
            return
        part = self._open_part()
        if self._is_refusal:
            self._events.add("response.refusal.done", **self._at, refusal=part["refusal"])
        else:
            self._events.add("response.output_text.done", **self._at, text=part["text"], logprobs=self._logprobs)
        self._events.add("response.content_part.done", **self._at, part=part)
        self._parts.append(part)
        self._is_refusal = None


class CallItem:
    """A tool call. It is added when its name is known, which may be a piece later than its id.

    The input of a custom tool that was sent as a function is inside its JSON arguments, so it is sent at the end.
    """

    def __init__(self, events: Events, ids: Ids, names: ToolNames, index: int) -> None:
        self._events = events
        self._ids = ids
        self._names = names
        self._index = index
        self._call_id: str | None = None
        self._name = ""
        self._other: JsonObject = {}
        self._is_custom = False
        self._pieces: list[str] = []
        self._unsent: list[str] = []
        self._at: JsonObject = {}  # empty: not added yet

    def add(self, piece: Mapping[str, Any]) -> None:
        """Add a piece of the call, from a chunk."""
        self._call_id = self._call_id or piece.get("id")
        self._is_custom = self._is_custom or bool(object_of(piece.get("custom")))
        if other := other_fields_of_call(piece):
            self._other = {**other, **self._other}
        name, arguments = call_parts(piece)
        self._name = self._name or name
        if arguments:
            self._pieces.append(arguments)
            self._unsent.append(arguments)
        if self._name and not self._at:
            self._announce()
        if self._at and not self._waits_for_end:
            self._send("".join(self._unsent))

    @property
    def call_id(self) -> str | None:
        """The id of the call; None: no piece had one yet."""
        return self._call_id

    @property
    def _waits_for_end(self) -> bool:
        return not self._is_custom and self._names.tool_of(self._name).is_custom

    def _item(self) -> JsonObject:
        return call_item(
            self._names,
            self._ids,
            self._index,
            call_id=self._call_id,
            name=self._name,
            arguments="".join(self._pieces),
            is_custom=self._is_custom,
            other=self._other,
        )

    def _announce(self) -> None:
        item = self._item()
        item["arguments" if item["type"] == "function_call" else "input"] = ""
        if "status" in item:
            item["status"] = "in_progress"
        self._at = {"item_id": item["id"], "output_index": self._index}
        self._call_id = item["call_id"]
        self._events.add("response.output_item.added", output_index=self._index, item=item)

    def _send(self, text: str) -> None:
        self._unsent = []
        if text:
            is_custom = self._is_custom or self._waits_for_end
            kind = "custom_tool_call_input" if is_custom else "function_call_arguments"
            self._events.add(f"response.{kind}.delta", **self._at, delta=text)

    def snapshot(self) -> JsonObject:
        """Return the item so far."""
        item = self._item()
        if "status" in item:
            item["status"] = "incomplete"
        return item

    def close(self, status: str) -> JsonObject:
        """Send the remaining events and return the finished item."""
        if not self._at:
            self._announce()
        item = self._item()
        if item["type"] == "custom_tool_call":
            self._send(item["input"] if self._waits_for_end else "".join(self._unsent))
            self._events.add("response.custom_tool_call_input.done", **self._at, input=item["input"])
        else:
            item["status"] = status
            self._send("".join(self._unsent))
            self._events.add(
                "response.function_call_arguments.done", **self._at, name=item["name"], arguments=item["arguments"]
            )
        self._events.add("response.output_item.done", output_index=self._index, item=item)
        return item
