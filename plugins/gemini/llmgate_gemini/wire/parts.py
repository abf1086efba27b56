"""Convert the parts of a message's content: text, pictures, sound, video and files.

Pure. Nothing is fetched: what is not in the message itself goes as an address that Google's servers read.

Source: Gemini API reference, `Part`, `Blob`, `FileData`; OpenAI API reference, content parts of a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, given_object, given_string
from llmgate_gemini.wire.dialect import Dialect
from llmgate_gemini.wire.traits import Traits

__all__ = ["Parts"]

DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w.=+-]+)*;base64,(?P<data>[A-Za-z0-9+/_=\s-]*)", re.ASCII)
FILE_ID = re.compile(r"files/[A-Za-z0-9_-]+")
SHOWN_CHARACTERS = 40

AUDIO_TYPES: Mapping[str, str] = MappingProxyType({"mp3": "audio/mp3", "mpeg": "audio/mpeg", "m4a": "audio/mp4"})
"""Format of an `input_audio` -> its media type, where that is not `audio/FORMAT`."""
TYPES_BY_ENDING: Mapping[str, str] = MappingProxyType(
    {
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
        "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain",
        "md": "text/markdown", "csv": "text/csv", "html": "text/html", "json": "application/json", "mp4": "video/mp4",
        "mov": "video/quicktime",
        "webm": "video/webm", "mpeg": "video/mpeg", "mp3": "audio/mp3", "wav": "audio/wav", "ogg": "audio/ogg",
        "flac": "audio/flac", "aac": "audio/aac", "aiff": "audio/aiff",
    }
)  # fmt: skip
RESOLUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "low": "MEDIA_RESOLUTION_LOW",
        "medium": "MEDIA_RESOLUTION_MEDIUM",
        "high": "MEDIA_RESOLUTION_HIGH",
        "ultra_high": "MEDIA_RESOLUTION_ULTRA_HIGH",
    }
)
"""`detail` of a picture -> `mediaResolution.level`; `auto` asks for nothing."""


class Parts:
    """Converts the parts of one call."""

    def __init__(self, route: Route, ledger: Ledger, dialect: Dialect, traits: Traits) -> None:
        self._route = route
        self._ledger = ledger
        self._dialect = dialect
        self._traits = traits

    def of(self, content: Any) -> list[JsonObject]:
        """Return the parts of a content; empty strings are left out, since the API refuses them.

        Raises:
            BadRequestError: it is neither a string nor a list of parts, or a part is malformed.
            UnsupportedParamsError: a part has no counterpart, or needs a fetch.
        """
        if isinstance(content, str):
            return [{"text": content}] if content else []
        if not isinstance(content, (list, tuple)):
            raise self._route.bad_request("messages", "messages: content must be a string or a list of parts")
        return [made for part in content for made in self._of_part(part)]

    def text(self, content: Any) -> list[str]:
        """Return the strings of a content that may have nothing but text.

        Raises:
            BadRequestError: it has something else.
        """
        parts = self.of(content)
        if any("text" not in part for part in parts):
            raise self._route.bad_request("messages", "messages: a system message must be text")
        return [part["text"] for part in parts]

    def _of_part(self, part: Any) -> Sequence[JsonObject]:
        kind = given_string(part, "type", self._route)
        convert = _CONVERT.get(kind)
        if convert is None:
            known = ", ".join(_CONVERT)
            raise self._route.bad_request("messages", f"messages: no part has the type {kind!r:.40}; types: {known}")
        if part.get("cache_control") is not None:
            self._ledger.dropped("messages", "Gemini caches by itself; cache_control marks are not sent")
        return convert(self, part)

    def _text(self, part: Mapping[str, Any]) -> Sequence[JsonObject]:
        text = given_string(part, "text", self._route)
        return [{"text": text}] if text else ()

    def _refusal(self, part: Mapping[str, Any]) -> Sequence[JsonObject]:
        self._ledger.lost("messages", "a refusal is sent as plain text")
        return [{"text": given_string(part, "refusal", self._route)}]

    def _media(self, part: Mapping[str, Any]) -> Sequence[JsonObject]:
        kind = part["type"]
        inside = {"url": part[kind]} if isinstance(part.get(kind), str) else given_object(part, kind, self._route)
        made = self._of_url(given_string(inside, "url", self._route), inside)
        return [self._with_resolution(made, inside.get("detail"))]

    def _audio(self, part: Mapping[str, Any]) -> Sequence[JsonObject]:
        inside = given_object(part, "input_audio", self._route)
        data, form = given_string(inside, "data", self._route), given_string(inside, "format", self._route)
        if data.startswith("data:"):
            return [self._of_url(data, inside)]
        return [{"inlineData": {"mimeType": AUDIO_TYPES.get(form, f"audio/{form}"), "data": data}}]

    def _file(self, part: Mapping[str, Any]) -> Sequence[JsonObject]:
        inside = given_object(part, "file", self._route)
        if inside.get("file_id") is not None:
            return [self._of_file_id(given_string(inside, "file_id", self._route), inside)]
        data = given_string(inside, "file_data", self._route)
        if data.startswith("data:") or "://" in data[:16]:
            return [self._of_url(data, inside)]
        kind = _stated_type(inside) or _type_by_ending(inside.get("filename"))
        if kind is None:
            raise self._route.bad_request(
                "messages", "messages: file_data must be a data URL, or filename say its type"
            )
        return [{"inlineData": {"mimeType": kind, "data": data}}]

    def _of_file_id(self, file_id: str, inside: Mapping[str, Any]) -> JsonObject:
        if FILE_ID.fullmatch(file_id) and self._dialect.files_base:
            return self._file_data(self._dialect.files_base + file_id, _stated_type(inside))
        return self._of_url(file_id, inside)

    def _of_url(self, url: str, inside: Mapping[str, Any]) -> JsonObject:
        """Return the part for a data URL, or for an address that Google's servers read."""
        if url.startswith("data:"):
            found = DATA_URL.fullmatch(url)
            if found is None:
                raise self._route.bad_request("messages", "messages: a data URL must be data:TYPE;base64,DATA")
            return {"inlineData": {"mimeType": found["type"], "data": found["data"]}}
        if not url.startswith(self._dialect.file_uris):
            raise self._route.refuse("messages", f"{self._dialect.name} reads data URLs and {self._readable()} only")
        is_own = bool(self._dialect.files_base) and url.startswith(self._dialect.files_base)
        if url.startswith("https://") and not is_own and not _is_youtube(url) and not self._traits.reads_https:
            raise self._route.refuse(
                "messages", "this model reads no https addresses: upload the file, or send its data"
            )
        kind = _stated_type(inside) or (None if is_own or _is_youtube(url) else _type_by_ending(url))
        return self._file_data(url, kind)

    def _readable(self) -> str:
        return " and ".join(f"{start}…" for start in self._dialect.file_uris)

    def _file_data(self, uri: str, kind: str | None) -> JsonObject:
        return {"fileData": {"fileUri": uri, **({"mimeType": kind} if kind else {})}}

    def _with_resolution(self, part: JsonObject, detail: Any) -> JsonObject:
        if detail is None or detail == "auto":
            return part
        level = RESOLUTIONS.get(detail) if isinstance(detail, str) else None
        if level is None:
            known = ", ".join(RESOLUTIONS)
            raise self._route.bad_request("messages", f"messages: detail must be auto, {known}")
        if not self._traits.part_resolution:
            self._ledger.lost("messages", "this model has no resolution for each picture; detail is not sent")
            return part
        return {**part, "mediaResolution": {"level": level}}


def _is_youtube(url: str) -> bool:
    return url.startswith(("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/"))


def _stated_type(inside: Mapping[str, Any]) -> str | None:
    """Return the media type that the caller has stated; LiteLLM's users call it `format`."""
    for name in ("mime_type", "format", "media_type"):
        value = inside.get(name)
        if isinstance(value, str) and "/" in value:
            return value
    return None


def _type_by_ending(name: Any) -> str | None:
    if not isinstance(name, str):
        return None
    path = re.split(r"[?#]", name, maxsplit=1)[0]
    return TYPES_BY_ENDING.get(path.rpartition("/")[2].rpartition(".")[2].lower())


_CONVERT: Mapping[str, Callable[[Parts, Mapping[str, Any]], Sequence[JsonObject]]] = MappingProxyType(
    {
        "text": Parts._text,
        "refusal": Parts._refusal,
        "image_url": Parts._media,
        "video_url": Parts._media,
        "audio_url": Parts._media,
        "input_audio": Parts._audio,
        "file": Parts._file,
    }
)
