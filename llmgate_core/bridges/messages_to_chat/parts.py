"""Convert the content blocks of a user's turn to chat's content parts.

Pure. Never fetches a URL, and never turns a picture or a file into text.

Source: Anthropic API reference, `ContentBlockParam`; OpenAI API reference, content parts of a user's message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate_core.bridges.fields import list_of, listed, object_of, other_fields, string_of
from llmgate_core.bridges.messages_to_chat.marks import CACHE_CONTROL, CacheMarks
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["PARAGRAPH", "Parts", "collapsed"]

MESSAGES = "messages"
PARAGRAPH = "\n\n"
TEXT_FIELDS = frozenset({"type", "text", CACHE_CONTROL})
SOURCE_FIELDS = frozenset({"type", "source", CACHE_CONTROL})
DOCUMENT_FIELDS = SOURCE_FIELDS | {"title"}


class Parts:
    """Converts the blocks of one call.

    Args:
        marks: what becomes of cache markers.
        ledger: of the conversion.
    """

    def __init__(self, marks: CacheMarks, ledger: Ledger) -> None:
        self._marks = marks
        self._ledger = ledger

    def of(self, path: str, blocks: Iterable[Any]) -> list[JsonObject]:
        """Return the parts of some blocks; `path` is where they are in the request, for errors.

        Raises:
            BadRequestError: a block is malformed. UnsupportedParamsError: chat has no such part, and the policy is
                `error`.
        """
        return [part for index, block in enumerate(blocks) for part in self._of_block(f"{path}[{index}]", block)]

    def _of_block(self, path: str, block: Any) -> Iterable[JsonObject]:
        if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
            raise bad_request(MESSAGES, f"{path} must be an object with a type")
        kind = block["type"]
        if kind == "text":
            return self._text(path, block)
        if kind == "image":
            return self._image(path, block)
        if kind == "document":
            return self._document(path, block)
        if kind == "search_result":
            return self._search_result(path, block)
        if self._ledger.forwards(MESSAGES, f"chat has no content part for a block of type {kind!r:.80}"):
            return [dict(block)]
        return []

    def _text(self, path: str, block: Mapping[str, Any]) -> list[JsonObject]:
        text = block.get("text")
        if not isinstance(text, str):
            raise bad_request(MESSAGES, f"{path}.text must be a string")
        self._note_others(block, TEXT_FIELDS, "text")
        return [self._marks.moved({"type": "text", "text": text}, block)] if text else []

    def _image(self, path: str, block: Mapping[str, Any]) -> list[JsonObject]:
        source = _source(path, block)
        self._note_others(block, SOURCE_FIELDS, "image")
        url = _url_of(path, source)
        if url is None:
            self._unsupported_file(source)
            return []
        return [self._marks.moved({"type": "image_url", "image_url": {"url": url}}, block)]

    def _document(self, path: str, block: Mapping[str, Any]) -> list[JsonObject]:
        source, title = _source(path, block), string_of(block.get("title"))
        others = other_fields(block, DOCUMENT_FIELDS)
        if others.get("citations") == {"enabled": False}:
            del others["citations"]
        if others:
            self._ledger.lost(MESSAGES, f"chat's file has no {listed(others)}")
        kind = source.get("type")
        if kind == "text":
            self._ledger.emulated(MESSAGES, "a document of plain text is sent as text")
            text = PARAGRAPH.join(filter(None, (title, string_of(source.get("data")))))
            return [self._marks.moved({"type": "text", "text": text}, block)] if text else []
        if kind == "content":
            self._ledger.emulated(MESSAGES, "the content of a document is sent as parts of the message")
            return self._content(path, source.get("content"), title)
        url = _url_of(path, source)
        if url is None:
            self._unsupported_file(source)
            return []
        if kind == "url" and not self._ledger.forwards(MESSAGES, "chat takes files as data, not by URL"):
            return []
        file = {"filename": title or "document.pdf", "file_data": url}
        return [self._marks.moved({"type": "file", "file": file}, block)]

    def _content(self, path: str, content: Any, title: str) -> list[JsonObject]:
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list_of(content)
        titled = [{"type": "text", "text": title}] if title else []
        return self.of(f"{path}.source.content", [*titled, *blocks])

    def _search_result(self, path: str, block: Mapping[str, Any]) -> list[JsonObject]:
        self._ledger.emulated(MESSAGES, "a search result is sent as text")
        head = PARAGRAPH.join(filter(None, (string_of(block.get("title")), string_of(block.get("source")))))
        parts = self.of(f"{path}.content", list_of(block.get("content")))
        return [*([{"type": "text", "text": head}] if head else []), *parts]

    def _unsupported_file(self, source: Mapping[str, Any]) -> None:
        kind = source.get("type")
        reason = "a file of the Anthropic Files API is not known there" if kind == "file" else f"source {kind!r:.80}"
        self._ledger.unsupported(MESSAGES, f"chat takes pictures and files as data or by URL: {reason}")

    def _note_others(self, block: Mapping[str, Any], known: frozenset[str], noun: str) -> None:
        if not known.issuperset(block) and (lost := other_fields(block, known)):
            self._ledger.lost(MESSAGES, f"chat's {noun} has no {listed(lost)}")


def collapsed(parts: list[JsonObject]) -> Any:
    """Return parts of plain text as one string, which every chat upstream takes, and any others as they are."""
    if all(part.keys() == {"type", "text"} for part in parts):
        return PARAGRAPH.join(part["text"] for part in parts)
    return parts


def _source(path: str, block: Mapping[str, Any]) -> Mapping[str, Any]:
    source = object_of(block.get("source"))
    if not isinstance(source.get("type"), str):
        raise bad_request(MESSAGES, f"{path}.source must be an object with a type")
    return source


def _url_of(path: str, source: Mapping[str, Any]) -> str | None:
    """Return a source as a URL; None: it has neither data nor a URL."""
    if source["type"] == "base64":
        media_type, data = source.get("media_type"), source.get("data")
        if not isinstance(media_type, str) or not isinstance(data, str):
            raise bad_request(MESSAGES, f"{path}.source must have media_type and data")
        return f"data:{media_type};base64,{data}"
    if source["type"] == "url":
        if not isinstance(source.get("url"), str):
            raise bad_request(MESSAGES, f"{path}.source must have a url")
        return str(source["url"])
    return None
