"""JSON to and from bytes, at the one place that knows which codec does it.

Source: RFC 8259. NaN and Infinity, which JSON does not have, are refused in both directions.
"""

from __future__ import annotations

import operator
import re
from numbers import Real
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["decode", "encode"]

UNKNOWN_TYPE = re.compile(r"<class '([\w.]+)'>")


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
        content = to_json(value, fallback=_number)
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise ValueError(f"no JSON form: {_why(error)}") from None
    if b"NaN" in content or b"Infinity" in content:
        _check_finite(content)
    return content


def _check_finite(content: bytes) -> None:
    try:
        from_json(content, allow_inf_nan=False)  # the words may stand inside a text
    except ValueError:
        raise ValueError("no JSON form: NaN and Infinity are no numbers of JSON") from None


def _number(value: Any) -> int | float:
    """Return a number of another library's type, such as numpy's, as one of Python's.

    Raises:
        TypeError: it is none.
    """
    try:
        return operator.index(value)
    except TypeError:
        if isinstance(value, Real):
            return float(value)
        raise TypeError(f"<class {type(value).__name__!r}>") from None


def _why(error: Exception) -> str:
    if "surrogates not allowed" in str(error):
        return "a text has half a character in it (a lone surrogate)"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if found := UNKNOWN_TYPE.search(str(error)):
        return f"{found[1]} is no type that JSON has"
    return type(error).__name__
