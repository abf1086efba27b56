"""What differs between models, by their names. Data.

The first row whose pattern matches counts. A Gemini model without a row of its own is taken for one of the newest.

Sources, 2026-11-28: https://ai.google.dev/gemini-api/docs/thinking and /thought-signatures; Vertex AI, "Thinking";
LiteLLM 1.110.2, `model_prices_and_context_window_backup.json` and the defaults of its `reasoning_effort`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

__all__ = ["EFFORTS", "Thinking", "Traits", "traits_of"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The values of `reasoning_effort`, least first."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model is asked to think.

    Attributes:
        field: `thinkingLevel` or `thinkingBudget` of `thinkingConfig`; a model takes one of them.
        values: effort -> its value. An effort that is missing is sent as the next lower one, else the next higher.
        can_stop: the value of `none` switches thinking off; else it is the least that the model does.
    """

    field: str
    values: Mapping[str, str | int]
    can_stop: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """What one kind of model takes.

    Attributes:
        thinking: None: the model does not think, or cannot be asked to.
        needs_signatures: a function call of the current turn without its signature is a 400.
        json_schema: schemas are JSON Schema, in `parametersJsonSchema` and `responseJsonSchema`; else the subset of
            OpenAPI's schemas, in `parameters` and `responseSchema`.
        json_with_tools: JSON output and functions go together.
        mixes_tools: functions and the provider's own tools go together.
        part_resolution: a part may have a `mediaResolution`.
        result_parts: the result of a function may have pictures.
        strict_calls: the mode VALIDATED holds calls to their schemas.
        reads_https: files may be public https addresses.
        speaks_only: the answer is sound alone.
    """

    thinking: Thinking | None = None
    needs_signatures: bool = False
    json_schema: bool = True
    json_with_tools: bool = True
    mixes_tools: bool = True
    part_resolution: bool = True
    result_parts: bool = True
    strict_calls: bool = True
    reads_https: bool = True
    speaks_only: bool = False


def _levels(*levels: str) -> Thinking:
    """Return the thinking of a model that takes these levels; `none` asks for the least of them."""
    return Thinking("thinkingLevel", MappingProxyType({"none": levels[0], **{level: level for level in levels}}))


def _budgets(*, none: int, minimal: int) -> Thinking:
    """Return the thinking of a model with budgets in tokens. Source: LiteLLM's DEFAULT_REASONING_EFFORT_*."""
    values = {"none": none, "minimal": minimal, "low": 1024, "medium": 2048, "high": 4096}
    return Thinking("thinkingBudget", MappingProxyType(values), can_stop=none == 0)


_NEWEST = Traits(_levels("low", "medium", "high"), needs_signatures=True)
_FLASH = Traits(_levels("minimal", "low", "medium", "high"), needs_signatures=True)
_IMAGE = Traits(_levels("minimal", "high"), json_with_tools=False, mixes_tools=False)
_SPEAKING = Traits(json_with_tools=False, mixes_tools=False, speaks_only=True)


def _generation_2_5(thinking: Thinking | None) -> Traits:
    return Traits(thinking, json_with_tools=False, mixes_tools=False, part_resolution=False, result_parts=False)


_OLD = Traits(
    json_schema=False,
    json_with_tools=False,
    mixes_tools=False,
    part_resolution=False,
    result_parts=False,
    strict_calls=False,
    reads_https=False,
)

ROWS: tuple[tuple[str, Traits], ...] = (
    (r"-tts(-|$)|^lyria-", _SPEAKING),
    (r"^gemini-(1\.|2\.0)|^learnlm-|^gemini-exp-|gemma-[123]", _OLD),
    (r"^gemma-", Traits(_levels("minimal", "high"), mixes_tools=False, result_parts=False)),
    (r"^gemini-2\.5-flash-image", _generation_2_5(None)),
    (r"^gemini-2\.5-flash-lite", _generation_2_5(_budgets(none=0, minimal=512))),
    (r"^gemini-2\.5-flash", _generation_2_5(_budgets(none=0, minimal=1))),
    (r"^gemini-2\.5-", _generation_2_5(_budgets(none=128, minimal=128))),
    (r"-image(-|$)|banana", _IMAGE),
    (r"^gemini-3-pro", Traits(_levels("low", "high"), needs_signatures=True)),
    (r"^gemini-3(\.\d+)?-pro|^gemini-pro-latest", _NEWEST),
    (r"^gemini-3\.[78]-flash$|^gemini-flash-latest", _NEWEST),
    (r"^gemini-(3(\.\d+)?-)?flash", _FLASH),
    (r"^gemini-4-hydrogen", Traits(_levels("low", "medium", "high", "xhigh"), needs_signatures=True)),
    (r"^gemini-", _NEWEST),
)
OTHERS = Traits()
"""Of a name that says nothing, such as that of a tuned model or of a deployment."""
_PATTERNS = tuple((re.compile(pattern), traits) for pattern, traits in ROWS)


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Return the traits of a model by the last part of its name, `gemini-3-flash` of `models/gemini-3-flash`."""
    name = model.rpartition("/")[2].lower()
    return next((traits for pattern, traits in _PATTERNS if pattern.search(name)), OTHERS)
