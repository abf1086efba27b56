"""Typed results of the moderation family.

Pure. Categories keep the API's names, some with a slash or a dash: `categories["self-harm/intent"]`.
Only `results` is required.

Source: OpenAI API reference, `CreateModerationResponse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmgate_core.types.base import Response, Result

__all__ = ["Categories", "ModerationResponse", "ModerationResult"]


class Categories(Result):
    """A value for each category, by its name, or as an attribute with `_` in place of slash and dash.

    Iterating it gives (name, value) pairs.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            extra = self.__pydantic_extra__ or {}
            if name in extra:
                return extra[name]
            for category, value in extra.items():
                if category.replace("/", "_").replace("-", "_") == name:
                    return value
            return super().__getattr__(name)  # for pydantic's own error

    else:

        def __getattr__(self, name: str) -> Any: ...


class ModerationResult(Result):
    """The verdict on one input: whether it is flagged, and the verdict, score and input types of each category."""

    flagged: bool | None = None
    categories: Categories | None = None
    category_scores: Categories | None = None
    category_applied_input_types: Categories | None = None


class ModerationResponse(Response):
    """The verdicts on all inputs, in order."""

    id: str | None = None
    model: str | None = None
    results: list[ModerationResult]
