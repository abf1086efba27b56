"""Read how long an upstream asks us to wait.

Pure: headers in, seconds out. An upstream may send anything, so nothing here raises.

Source: RFC 9110, section 10.2.3, and the OpenAI SDK's `retry-after-ms`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timezone

__all__ = ["number_of_units", "retry_after_of"]

MAX_CHARACTERS = 64  # a longer value is neither a number nor a date
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,15})?")  # ASCII only: `float` also reads `1_0`, `nan` and other digits


def retry_after_of(headers: Mapping[str, str], wall_clock: float) -> float | None:
    """Return how many seconds the upstream asks us to wait; None if it asks for nothing readable.

    `headers` are looked up in lower case; `wall_clock` is the time now, for a Retry-After date.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (units := number_of_units(headers.get(name))) is not None:
            return units * scale
    date = _date_of(headers.get("retry-after"))
    return None if date is None else max(0.0, date - wall_clock)


def number_of_units(value: str | None) -> float | None:
    """Return the number in a header, not negative; None for anything else."""
    if value is None or len(value) > MAX_CHARACTERS:
        return None
    text = value.strip(" \t")
    return float(text) if NUMBER.fullmatch(text) else None


def _date_of(value: str | None) -> float | None:
    """Return the time of a date by the wall clock; without a time zone it is UTC, as HTTP's are."""
    if value is None or len(value) > MAX_CHARACTERS or not value.isascii():
        return None
    import email.utils  # imported here: few upstreams send a date, and it brings much along

    try:
        date = email.utils.parsedate_to_datetime(value)
        return (date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date).timestamp()
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return None  # the standard library's parser raises all of these for one malformed date or another
