"""Pictures, documents, films and sounds of a message as blocks of Converse. Nothing is fetched.

Pure.

Source: service model `bedrock-runtime`, `ImageBlock`, `DocumentBlock`, `VideoBlock`, `AudioBlock`; RFC 2397 for data
URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Route, given_object, given_string

__all__ = ["DocumentNames", "audio_block", "file_block", "image_block", "video_block"]

MESSAGES = "messages"
IMAGES = MappingProxyType({"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"})
DOCUMENTS = MappingProxyType(
    {
        **{name: name for name in ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")},
        **{"plain": "txt", "markdown": "md", "htm": "html", "msword": "doc", "vnd.ms-excel": "xls"},
        "vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    }
)
VIDEOS = MappingProxyType(
    {
        **{name: name for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")},
        **{"quicktime": "mov", "x-matroska": "mkv", "x-flv": "flv", "x-ms-wmv": "wmv", "3gpp": "three_gp"},
        "3gp": "three_gp",
    }
)
AUDIO_FORMATS = frozenset(
    {
        *("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga"),
        *("pcm", "webm"),
    }
)
DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
S3 = "s3://"
NAME_CHARACTERS = 200
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\s\-()\[\]]+")
SPACES = re.compile(r"\s+")


class DocumentNames:
    """Gives each document of a call the name that Bedrock requires, no two the same."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def name(self, filename: Any) -> str:
        """Return a name made of a file's name, in the characters that Bedrock takes."""
        readable = NOT_IN_NAMES.sub(" ", filename) if isinstance(filename, str) else ""
        wanted = SPACES.sub(" ", readable).strip()[: NAME_CHARACTERS - 10] or "document"
        name, number = wanted, 1
        while name in self._used:
            number += 1
            name = f"{wanted} {number}"
        self._used.add(name)
        return name


def image_block(part: Mapping[str, Any], route: Route) -> JsonObject:
    """Return a part `image_url` as a block.

    Raises:
        BadRequestError: it is neither a data URL nor an object of S3, or has a format that Bedrock does not take.
    """
    kind, source = _source(_url_of(part, "image_url", route), IMAGES, "a picture", route)
    return {"image": {"format": kind, "source": source}}


def video_block(part: Mapping[str, Any], route: Route) -> JsonObject:
    """Return a part `video_url` as a block.

    Raises:
        BadRequestError: as of a picture.
    """
    kind, source = _source(_url_of(part, "video_url", route), VIDEOS, "a video", route)
    return {"video": {"format": kind, "source": source}}


def audio_block(part: Mapping[str, Any], route: Route) -> JsonObject:
    """Return a part `input_audio` as a block.

    Raises:
        BadRequestError: the data is not base64, or Bedrock does not take the format.
    """
    audio = given_object(part, "input_audio", route)
    data, kind = given_string(audio, "data", route), given_string(audio, "format", route)
    if kind not in AUDIO_FORMATS:
        raise route.bad_request(MESSAGES, f"Bedrock takes no sound of the format {kind!r:.40}")
    return {"audio": {"format": kind, "source": {"bytes": _base64(data, "a sound", route)}}}


def file_block(part: Mapping[str, Any], names: DocumentNames, route: Route) -> JsonObject:
    """Return a part `file` as a document, or as a picture or film where its media type says so.

    Raises:
        BadRequestError: it has neither data nor the address of an object of S3, or an unknown format.
    """
    file = given_object(part, "file", route)
    data = file.get("file_data")
    url = data if data is not None else file.get("file_id")
    if not isinstance(url, str):
        raise route.bad_request(MESSAGES, "a file needs file_data with a data URL, or file_id with an s3:// address")
    kind = _media_type(url)
    if kind.startswith("image/"):
        return image_block({"image_url": {"url": url}}, route)
    if kind.startswith("video/"):
        return video_block({"video_url": {"url": url}}, route)
    form, source = _source(url, DOCUMENTS, "a document", route, filename=file.get("filename"))
    document: JsonObject = {"format": form, "name": names.name(file.get("filename")), "source": source}
    if isinstance(file.get("citations"), Mapping):
        document["citations"] = dict(file["citations"])
    return {"document": document}


def _url_of(part: Mapping[str, Any], name: str, route: Route) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else given_string(given_object(part, name, route), "url", route)


def _media_type(url: str) -> str:
    match = DATA_URL.match(url)
    return match[1].lower() if match else ""


def _source(
    url: str, formats: Mapping[str, str], what: str, route: Route, filename: Any = None
) -> tuple[str, JsonObject]:
    """Return the format, and where the bytes are."""
    match = DATA_URL.match(url)
    if match is not None:
        kind = match[1].lower().rpartition("/")[2]
        source: JsonObject = {"bytes": _base64(url[match.end() :], what, route, is_base64="base64" in match[2].lower())}
    elif url.startswith(S3):
        kind, source = url.rpartition(".")[2].lower(), {"s3Location": {"uri": url}}
    else:
        raise route.bad_request(MESSAGES, f"{what} must be a data URL or an s3:// address: Bedrock fetches no other")
    if kind not in formats and isinstance(filename, str):
        kind = filename.rpartition(".")[2].lower()
    if kind not in formats:
        taken = ", ".join(sorted(set(formats.values())))
        raise route.bad_request(MESSAGES, f"Bedrock takes {what} as {taken}, not as {kind!r:.60}")
    return formats[kind], source


def _base64(data: str, what: str, route: Route, *, is_base64: bool = True) -> str:
    if not is_base64 or BASE64.fullmatch(data) is None:
        raise route.bad_request(MESSAGES, f"the data of {what} must be base64")
    return data
