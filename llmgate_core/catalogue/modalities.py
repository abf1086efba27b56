"""Judge the input of a Responses call by the kinds of input that the model takes, such as no audio for gpt-5-pro.

Pure. A fact that is missing or unverified refuses nothing.

Source: `modalities.input` of the catalogue's row; OpenAI API reference, content parts of input messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.catalogue.rules import is_verified, source_of
from llmgate_core.contract.provider import ParamRule

if TYPE_CHECKING:
    from llmgate_core.contract.call import ModelFacts

__all__ = ["judge_input"]

MODALITY_OF_PART: Mapping[str, str] = MappingProxyType(
    {"input_audio": "audio", "input_image": "image", "input_video": "video"}
)


def judge_input(facts: ModelFacts, items: Any) -> ParamRule | None:
    """Return a refusal where a part of `items` is of a kind that the model does not take."""
    accepted = (facts.get("modalities") or {}).get("input")
    if not accepted or not is_verified(facts, "modalities.input"):
        return None
    for kind in _part_types(items):
        modality = MODALITY_OF_PART.get(kind)
        if modality is not None and modality not in accepted:
            reason = f"this model takes {', '.join(accepted)} as input, not {modality}"
            return ParamRule(supported=False, reason=reason, source=source_of(facts))
    return None


def _part_types(items: Any) -> Iterator[str]:
    for item in items if isinstance(items, list) else ():
        content = item.get("content") if isinstance(item, Mapping) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping):
                yield str(part.get("type"))
