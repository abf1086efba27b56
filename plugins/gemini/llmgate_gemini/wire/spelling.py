"""Google's field names in both of their spellings. Pure.

Source: https://protobuf.dev/programming-guides/json: parsers take `lowerCamelCase` and the original `snake_case`.
"""

from __future__ import annotations

import re
from typing import Any

from llmgate_core.plugin import JsonObject

__all__ = ["camel", "camel_keys", "snake"]

UPPER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def camel(name: Any) -> str:
    """Return a field's name in the spelling of JSON: `safetySettings` for `safety_settings`."""
    head, *others = str(name).split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in others)


def camel_keys(value: JsonObject) -> JsonObject:
    """Return an object with its own field names, not those inside of it, in the spelling of JSON."""
    return {camel(name): item for name, item in value.items()}


def snake(name: str) -> str:
    """Return a field's name as Python writes it: `safety_ratings` for `safetyRatings`."""
    return UPPER.sub("_", name).lower()
