"""Convert the parts that a model has said to the pieces of a chat message.

Pure. Whole answers and streams share it: one reader reads the parts of one candidate, in order.

Source: Gemini API reference, `Part`, `FunctionCall`; google-genai 3.6.1, `PartialArg`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from llmgate_core.plugin import JsonObject, ToolNames, string_of
from llmgate_gemini.wire.fields import table
from llmgate_gemini.wire.partial_calls import PartialCall
from llmgate_gemini.wire.signatures import part_item, signed_call, text_item

__all__ = ["CandidateReader"]


class CandidateReader:
    """Reads the parts of one candidate.

    Attributes:
        spoken: the text of each part so far that is not a thought, for citations.
        calls: how many functions were called so far.
    """

    def __init__(self, names: ToolNames, answer_id: str, index: int, *, signs_ids: bool) -> None:
        self.spoken: list[str] = []
        self.calls = 0
        self._names = names
        self._base = f"{answer_id or uuid4().hex}_{index}"
        self._signs_ids = signs_ids
        self._characters = 0
        self._ids: set[str] = set()
        self._partial: PartialCall | None = None

    def read(self, part: JsonObject) -> JsonObject:
        """Return what a part adds to the message, in the fields of a delta; calls have their index."""
        signature = string_of(part.get("thoughtSignature"))
        if "functionCall" in part:
            return self._call(table(part.get("functionCall")), signature)
        if self._partial is not None:
            return {**self.end_call(), **self.read(part)}
        if isinstance(part.get("text"), str) and "inlineData" not in part:
            return self._text(part, part["text"], signature)
        return self._inline(part, table(part["inlineData"]), signature) if "inlineData" in part else self._other(part)

    def end_call(self) -> JsonObject:
        """Return the arguments of a call that has come in pieces, as far as they have come; nothing without one."""
        partial, self._partial = self._partial, None
        if partial is None:
            return {}
        return {"tool_calls": [{"index": partial.index, "function": {"arguments": partial.arguments()}}]}

    @property
    def _at(self) -> tuple[int, int]:
        return self._characters, self.calls

    def _text(self, part: JsonObject, text: str, signature: str) -> JsonObject:
        if part.get("thought") is True:
            self.spoken.append("")
            signed = {"reasoning_items": [part_item(self._at, part)]} if signature else {}
            return {**({"reasoning_content": text} if text else {}), **signed}
        delta: JsonObject = {"content": text} if text else {}
        if signature:
            delta["reasoning_items"] = [text_item(self._at, len(text), signature)]
        self.spoken.append(text)
        self._characters += len(text)
        return delta

    def _inline(self, part: JsonObject, blob: JsonObject, signature: str) -> JsonObject:
        self.spoken.append("")
        kind, data = string_of(blob.get("mimeType")), string_of(blob.get("data"))
        if part.get("thought") is True:  # a draft of a picture
            return {"provider_specific_fields": {"thought_images": [_picture(kind, data, "")]}}
        if kind.startswith("audio/"):
            return {"audio": {"id": f"audio_{self._base}", "data": data, "transcript": "", "expires_at": 0}}
        return {"images": [_picture(kind, data, signature)]}

    def _other(self, part: JsonObject) -> JsonObject:
        """Keep a part that chat has no field for, for the caller and for the next turn."""
        self.spoken.append("")
        if not any(name != "thoughtSignature" and value is not None for name, value in part.items()):
            signature = string_of(part.get("thoughtSignature"))
            return {"reasoning_items": [text_item(self._at, 0, signature)]} if signature else {}
        fields = {} if part.get("thought") is True else {"provider_specific_fields": {"parts": [part]}}
        return {**fields, "reasoning_items": [part_item(self._at, part)]}

    def _call(self, said: JsonObject, signature: str) -> JsonObject:
        self.spoken.append("")
        if self._partial is not None and not self._partial.is_left_for(said):
            self._partial.add(said)
            return {} if said.get("willContinue") is True else self.end_call()
        before = self.end_call().get("tool_calls", [])
        begun = self._begin_call(said, signature)
        return {"tool_calls": [*before, *begun]} if before or begun else {}

    def _begin_call(self, said: JsonObject, signature: str) -> list[JsonObject]:
        name = string_of(said.get("name"))
        if not name:
            return []
        index, call_id = self.calls, self._unique(string_of(said.get("id")))
        self.calls += 1
        call = signed_call({"id": call_id, "type": "function"}, signature, in_id=self._signs_ids)
        function: JsonObject = {"name": self._names.given(name), "arguments": ""}
        if said.get("willContinue") is True:
            self._partial = PartialCall(said, index)
        else:
            function["arguments"] = PartialCall(said, index).arguments()
        return [{"index": index, **call, "function": function}]

    def _unique(self, call_id: str) -> str:
        """Return an id that no other call of this answer has: some answers have none, or the same one twice."""
        call_id = call_id or f"call_{self._base}_{self.calls}"
        while call_id in self._ids:
            call_id = f"{call_id}_{self.calls}"
        self._ids.add(call_id)
        return call_id


def _picture(kind: str, data: str, signature: str) -> Any:
    picture: JsonObject = {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
    return {**picture, "extra_content": {"google": {"thought_signature": signature}}} if signature else picture
