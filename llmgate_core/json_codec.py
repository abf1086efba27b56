"""Encode and decode JSON: the only module that knows which codec is used.

Source: RFC 8259. NaN and Infinity, which JSON lacks, are rejected in both directions.
"""

from __future__ import annotations

import json
import operator
import re
from numbers import Real
from typing import Any, NoReturn

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["BOM", "decode", "decode_leniently", "encode", "has_more_values"]

BOM = b"\xef\xbb\xbf"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
HALF_A_CHARACTER = "a string contains a lone surrogate, which is half a character"
SLICE_BYTES = 256 * 1024
PLAIN_VALUES = 8
"""How many numbers, strings and the like take about as much memory as one array, object or member of an object."""
TOO_DEEP = re.compile("depth exceeded|Circular reference")
UNKNOWN_TYPE = re.compile(r"<class '([\w.]+)'>")


def decode(content: bytes | str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: `content` is not JSON, is nested too deeply, has a number that JSON lacks, or half a character.
    """
    try:
        return from_json(content, allow_inf_nan=False, cache_strings="keys")
    except TypeError:
        if isinstance(content, str):
            raise ValueError(HALF_A_CHARACTER) from None
        raise


def decode_leniently(content: bytes | str) -> tuple[Any, bool]:
    """Parse JSON after a byte order mark, and with lone surrogates, which become U+FFFD.

    Returns the value, and whether a surrogate was replaced.

    Raises:
        ValueError: `content` is not JSON all the same.
    """
    try:
        return decode(content), False
    except ValueError:
        pass
    text = content if isinstance(content, str) else content.removeprefix(BOM).decode()
    text = text.removeprefix("\ufeff")
    try:
        return decode(text), False
    except ValueError:
        pass
    try:
        joined = json.dumps(json.loads(text, parse_constant=_refuse_constant), ensure_ascii=False)
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
    repaired, count = LONE_SURROGATE.subn("\ufffd", joined)
    return decode(repaired), count > 0


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def has_more_values(content: bytes, limit: int) -> bool:
    """Return whether JSON holds more values than `limit`, without decoding it.

    A limit of bytes does not bound what decoding costs: an empty array takes three bytes of JSON and 64 of memory. An
    array, an object and a member of an object count as one value each; of numbers, strings and the like eight count
    as one, so that an array of a million tokens is no more than it costs. What a string holds does not count. Takes
    time linear in the bytes, and runs in steps between which other threads get their turn.
    """
    return len(content) > limit and _weight(content) > limit and _weight_beyond(content, limit)


def _weight_beyond(content: bytes, limit: int) -> bool:
    """Return whether what is outside of strings weighs more than `limit`."""
    weight, at, is_inside = 0.0, 0, False
    while at < len(content) and weight <= limit:
        piece = content[at : at + SLICE_BYTES]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        if backslashes % 2:  # the last one escapes what comes next
            piece = content[at : at + SLICE_BYTES + 1]
        at += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        weight += _weight(b"".join(parts[is_inside::2]))
        is_inside = is_inside == bool(len(parts) % 2)
    return weight > limit


def _weight(content: bytes) -> float:
    containers = content.count(b"[") + content.count(b"{")
    return containers + content.count(b":") + content.count(b",") / PLAIN_VALUES


def encode(value: Any) -> bytes:
    """Return `value` as compact JSON.

    Raises:
        ValueError: part of it cannot be written as JSON; the message does not repeat the value.
    """
    try:
        content = to_json(value, fallback=_number)
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise ValueError(_reason(error)) from None
    if b"NaN" in content or b"Infinity" in content:
        _check_finite(content)
    return content


def _check_finite(content: bytes) -> None:
    try:
        from_json(content, allow_inf_nan=False)  # the words may be part of a string
    except ValueError:
        raise ValueError("JSON has no NaN and no Infinity") from None


def _number(value: Any) -> int | float:
    """Convert a number of another library, such as numpy, to a Python number.

    Raises:
        TypeError: `value` is not a number.
    """
    try:
        return operator.index(value)
    except TypeError:
        if isinstance(value, Real):
            return float(value)
        raise TypeError(f"<class {type(value).__name__!r}>") from None


def _reason(error: Exception) -> str:
    if "surrogates not allowed" in str(error):
        return HALF_A_CHARACTER
    if isinstance(error, RecursionError) or TOO_DEEP.search(str(error)):
        return "the value is nested too deeply"
    if "utf-8" in str(error):
        return "JSON has no type for bytes"
    if match := UNKNOWN_TYPE.search(str(error)):
        return f"JSON has no type for {match[1]}"
    return type(error).__name__
