"""What POST /embeddings takes. Pure.

Source: OpenAPI 2.3.0, `CreateEmbeddingRequest`. A model that the catalogue does not hold is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import ParamRule, Route, ValueRule, judge_by_catalogue, judge_value

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "dimensions": ValueRule(("integer",), 1),
        "encoding_format": ValueRule(("string",), choices=("float", "base64")),
        "user": ValueRule(("string",)),
    }
)


def judge(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of an embedding call."""
    if route.facts is None:
        return None
    return judge_value(param, value, VALUES.get(param), "OpenAPI 2.3.0") or judge_by_catalogue(
        route.facts, param, value, judged=frozenset(VALUES)
    )
