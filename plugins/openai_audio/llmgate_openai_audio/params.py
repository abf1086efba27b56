"""What the audio endpoints take of a model: by the value table, the catalogue's row, and what goes together.

Pure. A model that the catalogue does not hold is not judged at all, and null, which stands for the default, never is.

Source: OpenAPI 2.3.0, `CreateTranscriptionRequest`, `CreateTranslationRequest`, `CreateSpeechRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    ParamRule,
    Route,
    hookimpl,
    judge_by_catalogue,
    judge_value,
)
from llmgate_openai_audio.values import SOURCE, VALUES


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of an audio call."""
    facts = route.facts
    if facts is None or value is None:
        return None
    known = VALUES[route.family]
    return (
        judge_value(param, value, known.get(param), SOURCE)
        or judge_by_catalogue(facts, param, value, judged=frozenset(known))
        or (_TOGETHER.get(param) if route.family == "transcription" else None)
    )


def _only_with(reason: str, formats: tuple[str | None, ...]) -> ParamRule:
    def asks_another(body: Mapping[str, Any]) -> bool:
        return body.get("response_format") not in formats

    return ParamRule(supported=False, reason=reason, source=SOURCE, applies=asks_another)


_TOGETHER: Mapping[str, ParamRule] = MappingProxyType(
    {
        "include": _only_with("logprobs come only with response_format='json'", (None, "json")),
        "timestamp_granularities": _only_with(
            "timestamps come only with response_format='verbose_json'", ("verbose_json",)
        ),
    }
)
"""Parameter -> what must be asked for together with it."""
