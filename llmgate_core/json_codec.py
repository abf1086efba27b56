"""JSON to and from bytes, at the one place that knows which codec does it.

Source: RFC 8259. NaN and Infinity, which JSON does not have, are refused in both directions.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["decode", "encode"]


def decode(content: bytes | str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: not JSON, nested too deeply, or a number that JSON does not have.
    """
    return from_json(content, allow_inf_nan=False, cache_strings="keys")


def encode(value: Any) -> bytes:
    """Return `value` as compact JSON.

    Raises:
        ValueError: something in it has no JSON form; the text does not repeat the value.
    """
    try:
        content = to_json(value)
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"no JSON form: {type(error).__name__}") from None
    if b"NaN" in content or b"Infinity" in content:
        from_json(content, allow_inf_nan=False)  # raises unless the words stand inside a text
    return content
