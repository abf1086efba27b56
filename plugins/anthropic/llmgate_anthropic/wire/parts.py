"""Convert the parts of chat messages to content blocks.

Pure; fetches nothing: a URL of the caller's goes to the upstream as a URL. Blocks in the upstream's own shape pass as
given. Empty text is left out, since the upstream refuses it.

Source: Anthropic API reference, `ContentBlockParam`; OpenAI API reference, the content parts of messages.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, given_list, given_string, object_at

__all__ = ["NATIVE_BLOCKS", "PartReader", "is_blank"]

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"
NATIVE_BLOCKS = frozenset(
    {
        "image",
        "document",
        "search_result",
        "container_upload",
        "tool_use",
        "tool_result",
        "tool_reference",
        "thinking",
        "redacted_thinking",
        "server_tool_use",
        "browser_state",
    }
)
"""Types of blocks that only this API has, and that pass as given; so do those that end with `_tool_result`."""

KEPT = ("cache_control", "citations", "title", "context", "transformations")
"""Fields of a part that only this API has, which pass to the part's block."""

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "input_audio": "the Messages API takes no audio",
        "video_url": "the Messages API takes no video",
        "input_video": "the Messages API takes no video",
    }
)


class PartReader:
    """Converts the parts of one call's messages."""

    def __init__(self, route: Route, ledger: Ledger) -> None:
        self._route = route
        self._ledger = ledger

    def blocks(self, message: Mapping[str, Any], place: str) -> list[JsonObject]:
        """Return the content of a message, a string or a list of parts, as blocks; None has none.

        Raises:
            BadRequestError: a part is malformed. UnsupportedParamsError: the upstream has no such part.
        """
        if isinstance(message.get("content"), str):
            return self._text({"text": message["content"]}, f"{place}.content")
        found: list[JsonObject] = []
        for index, part in enumerate(given_list(message, "content", self._route, place)):
            found += self._of_part(part, f"{place}.content[{index}]")
        return found

    def _of_part(self, part: Any, place: str) -> list[JsonObject]:
        if isinstance(part, str):  # a list may hold plain strings
            return self._text({"text": part}, place)
        kind = given_string(part, "type", self._route, place)
        if kind in NATIVE_BLOCKS or kind.endswith("_tool_result"):
            return [dict(part)]
        if kind in UNSUPPORTED:
            raise self._ledger.refuse("messages", f"{place}: {UNSUPPORTED[kind]}")
        convert = _CONVERT.get(kind)
        if convert is None:
            raise self._route.bad_request("messages", f"{place} has a type that is not known: {kind!r:.40}")
        return convert(self, part, place)

    def _text(self, part: Mapping[str, Any], place: str) -> list[JsonObject]:
        text = given_string(part, "text", self._route, place)
        if is_blank(text):
            self._ledger.dropped("messages", "an empty text is left out: the Messages API refuses it")
            return []
        return [{"type": "text", "text": text, **kept(part)}]

    def _refusal(self, part: Mapping[str, Any], place: str) -> list[JsonObject]:
        return self._text({"text": given_string(part, "refusal", self._route, place)}, place)

    def _picture(self, part: Mapping[str, Any], place: str) -> list[JsonObject]:
        image = part.get("image_url")
        if isinstance(image, str):
            image = {"url": image}
        image = object_at(f"{place}.image_url", image, self._route)
        if image.get("detail") not in (None, "auto"):
            self._ledger.lost("messages", "the detail of a picture cannot be chosen in the Messages API")
        url = given_string(image, "url", self._route, f"{place}.image_url")
        return [{"type": "image", "source": self._picture_source(url, place), **kept(part)}]

    def _picture_source(self, url: str, place: str) -> JsonObject:
        if not url.startswith("data:"):
            return self._url_source(url, place)
        kind, data = self._data_url(url, place)
        if kind not in PICTURES:
            raise self._route.bad_request("messages", f"{place} must be one of {', '.join(sorted(PICTURES))}")
        return {"type": "base64", "media_type": kind, "data": data}

    def _url_source(self, url: str, place: str) -> JsonObject:
        if not url.startswith(("https://", "http://")):
            raise self._route.bad_request("messages", f"{place} must have an http, https or data URL")
        return {"type": "url", "url": url}

    def _file(self, part: Mapping[str, Any], place: str) -> list[JsonObject]:
        file = object_at(f"{place}.file", part.get("file"), self._route)
        where = f"{place}.file"
        if file.get("file_id") is not None:
            return [
                self._document(file, part, self._file_source(given_string(file, "file_id", self._route, where), place))
            ]
        data = given_string(file, "file_data", self._route, where)
        if not data.startswith("data:"):
            raise self._route.bad_request("messages", f"{where}.file_data must be a data URL")
        kind, content = self._data_url(data, where)
        if kind in PICTURES:
            return [{"type": "image", "source": {"type": "base64", "media_type": kind, "data": content}, **kept(part)}]
        return [self._document(file, part, self._document_source(kind, content, where))]

    def _file_source(self, file_id: str, place: str) -> JsonObject:
        if file_id.startswith(("https://", "http://")):
            return self._url_source(file_id, place)
        return {"type": "file", "file_id": file_id}

    def _document_source(self, kind: str, content: str, place: str) -> JsonObject:
        if kind == PDF:
            return {"type": "base64", "media_type": PDF, "data": content}
        if not kind.startswith("text/"):
            raise self._route.bad_request(
                "messages", f"{place} must be a PDF, a picture or plain text, not {kind!r:.60}"
            )
        try:
            text = b64decode(content, validate=True).decode()
        except (binascii.Error, ValueError):
            raise self._route.bad_request("messages", f"{place} must be text in UTF-8, as base64") from None
        return {"type": "text", "media_type": "text/plain", "data": text}

    def _document(self, file: Mapping[str, Any], part: Mapping[str, Any], source: JsonObject) -> JsonObject:
        name = file.get("filename")
        title = {"title": name} if isinstance(name, str) and name else {}
        return {"type": "document", "source": source, **title, **kept(file), **kept(part)}

    def _data_url(self, url: str, place: str) -> tuple[str, str]:
        """Return the media type and the base64 of a data URL."""
        head, comma, data = url.partition(",")
        kind, *flags = head.removeprefix("data:").split(";")
        if not comma or "base64" not in flags:
            raise self._route.bad_request("messages", f"{place} must have a data URL with base64")
        return _ALIASES.get(kind.lower(), kind.lower()), data


def kept(part: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a part that pass to its block."""
    return {name: part[name] for name in KEPT if part.get(name) is not None}


def is_blank(text: str) -> bool:
    """Return whether the upstream refuses a block with this text."""
    return not text or text.isspace()


_ALIASES: Mapping[str, str] = MappingProxyType({"image/jpg": "image/jpeg"})

_CONVERT: Mapping[str, Callable[[PartReader, Mapping[str, Any], str], list[JsonObject]]] = MappingProxyType(
    {
        "text": PartReader._text,
        "input_text": PartReader._text,
        "output_text": PartReader._text,
        "refusal": PartReader._refusal,
        "image_url": PartReader._picture,
        "file": PartReader._file,
    }
)
