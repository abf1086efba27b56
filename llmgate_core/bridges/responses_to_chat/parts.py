"""Convert the parts of an item's content to chat's parts, and record what chat has no place for.

Pure.

Source: OpenAI API reference, `InputContent` and `ChatCompletionRequestMessageContentPart`.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from llmgate_core.bridges.fields import listed, other_fields
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["OF_ITEMS", "Parts", "collapse"]

CHAT_PARTS = frozenset({"text", "image_url", "file", "input_audio", "refusal"})
OF_ITEMS = frozenset({"type", "id", "status", "created_by"})
"""Fields that name an item and say how far it is; they mean something to the server that stored it only."""
OF_ANSWERS = frozenset({"annotations", "logprobs"})
"""Fields of the text of an earlier answer, which the model does not need again."""
OF_TEXTS = OF_ANSWERS | {"type", "text", "prompt_cache_breakpoint"}


class Parts:
    """Converts the parts of one call's items.

    `left_out` receives the names of fields without which the parts say the same.
    """

    def __init__(self, ledger: Ledger, left_out: MutableMapping[str, None]) -> None:
        self._ledger = ledger
        self._left_out = left_out

    def note_others(self, fields: Mapping[str, Any], known: AbstractSet[str], owner: str) -> None:
        """Record the fields that chat has no place for, and the names of an item's own."""
        if lost := other_fields(fields, known):
            self._ledger.lost("input", f"{owner} has no {listed(lost)}")
        self._left_out.update(dict.fromkeys(other_fields(fields, fields.keys() - (OF_ITEMS & known) | {"type"})))

    def of(self, content: Any) -> list[JsonObject]:
        """Return the chat parts of a message's content or of a tool's output."""
        if content is not None and not isinstance(content, Sequence):
            raise bad_request(
                "input", f"input: content must be a string or a list of parts, not {type(content).__name__}"
            )
        chat_parts = (self._part(part) for part in content or ())
        return [part for part in chat_parts if part is not None]

    def _part(self, part: Any) -> JsonObject | None:
        if not isinstance(part, Mapping):
            raise bad_request("input", f"input: a part must be an object, not {type(part).__name__}")
        kind = part.get("type")
        if kind in ("input_text", "output_text"):
            self.note_others(part, OF_TEXTS, "chat's text")
            self._left_out.update(dict.fromkeys(other_fields(part, part.keys() - OF_ANSWERS)))
            return _with_breakpoint({"type": "text", "text": part.get("text") or ""}, part)
        if kind == "input_image":
            return self._image(part)
        if kind == "input_file":
            return self._file(part)
        if kind in CHAT_PARTS:
            return dict(part)
        self._ledger.unsupported("input", f"chat has no part of type {kind!r:.80}")
        return None

    def _image(self, part: Mapping[str, Any]) -> JsonObject | None:
        if part.get("image_url") is None:
            self._ledger.unsupported("input", "chat accepts images by URL or data URL, not by file_id")
            return None
        self.note_others(part, {"type", "image_url", "detail", "prompt_cache_breakpoint"}, "chat's image")
        image = {"url": part["image_url"]}
        if part.get("detail") is not None:
            image["detail"] = part["detail"]
        return _with_breakpoint({"type": "image_url", "image_url": image}, part)

    def _file(self, part: Mapping[str, Any]) -> JsonObject | None:
        file = {name: part[name] for name in ("file_id", "filename", "file_data") if part.get(name) is not None}
        if part.get("file_url") is not None:
            if not self._ledger.forwards("input", "chat accepts files by file_id or file_data, not by file_url"):
                return None
            file["file_url"] = part["file_url"]
        known = {"type", "file_id", "filename", "file_data", "file_url", "prompt_cache_breakpoint"}
        self.note_others(part, known, "chat's file")
        return _with_breakpoint({"type": "file", "file": file}, part)


def _with_breakpoint(chat_part: JsonObject, part: Mapping[str, Any]) -> JsonObject:
    if part.get("prompt_cache_breakpoint") is not None:
        chat_part["prompt_cache_breakpoint"] = part["prompt_cache_breakpoint"]
    return chat_part


def collapse(parts: list[JsonObject]) -> Any:
    """Return text-only parts as one string, which every chat upstream accepts."""
    if all(part.keys() == {"type", "text"} for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts
