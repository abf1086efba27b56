"""What the video endpoints take. Pure.

A model that the catalogue does not hold is not judged at all, and null, which stands for the default, never is.

Source: OpenAPI 2.3.0, `CreateVideoJsonBody`, `CreateVideoMultipartBody`, `VideoContentVariant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import ParamRule, Route, ValueRule, hookimpl, judge_by_catalogue, judge_value

SOURCE = "OpenAPI 2.3.0"

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "seconds": ValueRule(("string",), choices=("4", "8", "12")),
        "size": ValueRule(("string",), choices=("720x1280", "1280x720", "1024x1792", "1792x1024")),
        "variant": ValueRule(("string",), choices=("video", "thumbnail", "spritesheet")),
        "limit": ValueRule(("integer",), 0, 100),
        "order": ValueRule(("string",), choices=("asc", "desc")),
        "after": ValueRule(("string",)),
    }
)

PROMPT = ValueRule(("string",), longest=32_000)


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a video call."""
    if route.facts is None or value is None:
        return None
    if param == "seconds" and isinstance(value, int) and not isinstance(value, bool):
        return _judge_number_of_seconds(value)
    return judge_value(param, value, VALUES.get(param), SOURCE) or judge_by_catalogue(
        route.facts, param, value, judged=frozenset(VALUES)
    )


def _judge_number_of_seconds(value: int) -> ParamRule | None:
    """A whole number means the same as its text, which is what the wire has."""
    return judge_value("seconds", str(value), VALUES["seconds"], SOURCE) or ParamRule(
        replaces=True, replace=str(value), reason=f"the wire has it as text: {str(value)!r}", source=SOURCE
    )
