"""What the image endpoints take of a model: by the catalogue's row, the value table, and what goes together.

Pure. A model that the catalogue does not hold is not judged at all, and null, which stands for the default, never is.

Source: OpenAPI 2.3.0, `CreateImageRequest`, `CreateImageEditRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmgate_core.plugin import (
    ParamRule,
    Route,
    hookimpl,
    judge_by_catalogue,
    judge_value,
)
from llmgate_openai_images.values import SOURCE, VALUES

JUDGED = frozenset(VALUES)


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of an image call."""
    facts = route.facts
    if facts is None or value is None:
        return None
    return (
        judge_value(param, value, VALUES.get(param), SOURCE)
        or judge_by_catalogue(facts, param, value, judged=JUDGED)
        or _judge_together(param, value)
    )


def _judge_together(param: str, value: Any) -> ParamRule | None:
    """Refuse what another parameter of the same call rules out."""
    if param == "partial_images" and value:
        return _unless("partial images come only with stream=True", lambda body: bool(body.get("stream")))
    if param == "background" and value == "transparent":
        return _unless(
            "a JPEG has no transparency: ask for output_format='png' or 'webp'",
            lambda body: body.get("output_format") != "jpeg",
        )
    if param == "output_compression" and value != 100:
        return _unless(
            "a PNG is not compressed with loss: ask for output_format='jpeg' or 'webp'",
            lambda body: body.get("output_format") in ("jpeg", "webp"),
        )
    return None


def _unless(reason: str, is_fine: Callable[[Mapping[str, Any]], bool]) -> ParamRule:
    return ParamRule(supported=False, reason=reason, source=SOURCE, applies=lambda body: not is_fine(body))
