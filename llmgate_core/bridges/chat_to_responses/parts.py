"""Convert a chat message's content parts to the input parts of POST /responses.

Pure; does not modify the parts. A part without a counterpart is never converted to text.

Source: OpenAI API reference, `InputContent` and the content parts of `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["input_parts", "is_plain_text", "shown_kind"]

MESSAGES = "messages"
WEB = ("http://", "https://")


def input_parts(parts: Iterable[Any], ledger: Ledger) -> list[Any]:
    """Return content parts in the form of POST /responses.

    Raises:
        UnsupportedParamsError: a part has no counterpart and the policy is `error`.
        BadRequestError: a part is malformed.
    """
    converted = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        convert = _CONVERT.get(kind) if isinstance(kind, str) else None
        if convert is not None:
            converted.append(convert(part))
        elif _is_input_part(kind) or ledger.forwards(MESSAGES, _no_counterpart(part, kind)):
            converted.append(part)
    return converted


def is_plain_text(content: Any) -> bool:
    """Return whether `content` can be written as a plain string without losing anything."""
    if isinstance(content, str):
        return True
    if not isinstance(content, (list, tuple)):
        return False
    return all(
        isinstance(part, Mapping)
        and part.get("type") == "text"
        and isinstance(part.get("text"), str)
        and len(part) == 2  # a cache breakpoint needs a part
        for part in content
    )


def shown_kind(part: Any) -> str:
    """Return the name of a part for an error message: its type, or its Python type if it is not an object."""
    return f"{part.get('type')!r:.80}" if isinstance(part, Mapping) else f"{type(part).__name__} instead of an object"


def _is_input_part(kind: Any) -> bool:
    return isinstance(kind, str) and kind.startswith("input_") and kind != "input_audio"


def _no_counterpart(part: Any, kind: Any) -> str:
    if kind == "input_audio":
        return "POST /responses does not accept audio parts (input_audio)"
    return f"POST /responses has no counterpart for a content part of type {shown_kind(part)}"


def _input_text(part: Mapping[str, Any]) -> JsonObject:
    return {**part, "type": "input_text"}


def _input_image(part: Mapping[str, Any]) -> JsonObject:
    image = part.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    if not isinstance(image, Mapping) or not isinstance(image.get("url"), str):
        raise bad_request(MESSAGES, "a content part of type 'image_url' needs image_url: {'url': ...}")
    rest = {name: value for name, value in image.items() if name != "url" and value is not None}
    image = {"type": "input_image", "image_url": image["url"], "detail": "auto", **rest}
    return _with_rest(image, part, "image_url")


def _input_file(part: Mapping[str, Any]) -> JsonObject:
    source = part.get("file")
    if not isinstance(source, Mapping):
        raise bad_request(MESSAGES, "a content part of type 'file' needs file: {'file_id': ...} or {'file_data': ...}")
    file = {"type": "input_file", **{name: value for name, value in source.items() if value is not None}}
    data = file.get("file_data")
    if isinstance(data, str) and data.startswith(WEB):
        del file["file_data"]
        file.setdefault("file_url", data)
    return _with_rest(file, part, "file")


def _with_rest(converted: JsonObject, part: Mapping[str, Any], inner: str) -> JsonObject:
    """Keep the siblings of the nested object, such as a cache breakpoint."""
    if len(part) > 2:
        converted.update({name: value for name, value in part.items() if name not in ("type", inner)})
    return converted


_CONVERT: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = MappingProxyType(
    {"text": _input_text, "image_url": _input_image, "file": _input_file}
)
