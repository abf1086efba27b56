"""Refuse input of a kind that the model is known not to take, such as audio for gpt-5-pro. Pure.

Source: the catalogue's row, `modalities.input`; a model that the catalogue does not hold is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import Call, Route, errors, is_verified

__all__ = ["check_input"]

MODALITY_OF_PART: Mapping[str, str] = MappingProxyType(
    {"input_audio": "audio", "input_image": "image", "input_video": "video"}
)


def check_input(call: Call, route: Route) -> None:
    """Look at the parts of a Responses call's input.

    Raises:
        UnsupportedParamsError: one is of a kind that the model does not take, unless the policy forwards it.
    """
    facts = route.facts or {}
    taken = (facts.get("modalities") or {}).get("input")
    if not taken or route.param_policy == "forward" or not is_verified(facts, "modalities.input"):
        return
    for kind in _part_types(call.body.get("input")):
        modality = MODALITY_OF_PART.get(kind)
        if modality is not None and modality not in taken:
            raise errors.UnsupportedParamsError(
                f"input: {route.model!r} takes {', '.join(taken)}, and no {modality}",
                status_code=400,
                code="unsupported_parameter",
                param="input",
                provider=route.provider,
                model=route.model,
                attempts=0,
            )


def _part_types(items: Any) -> Iterator[str]:
    if not isinstance(items, list):
        return
    for item in items:
        content = item.get("content") if isinstance(item, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping):
                yield str(part.get("type"))
