"""What POST /embeddings takes. Pure; a model that the catalogue does not hold is not judged.

Source: OpenAPI 2.3.0, CreateEmbeddingRequest.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.plugin import ParamRule, Route, ValueRule, hookimpl, judge_by_catalogue, judge_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["supports_param"]

SOURCE = "OpenAPI 2.3.0"
VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "encoding_format": ValueRule(("string",), choices=("float", "base64")),
        "dimensions": ValueRule(("integer",), 1),
        "user": ValueRule(("string",)),
    }
)
JUDGED = frozenset(VALUES)


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter; None: not known, or fine as it is."""
    if route.facts is None:
        return None
    rule = judge_value(param, value, VALUES.get(param), SOURCE)
    return rule or judge_by_catalogue(route.facts, param, value, judged=JUDGED)
