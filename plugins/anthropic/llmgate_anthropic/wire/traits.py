"""What differs between Claude models, by pattern. Data, and its look-up.

A model's name may come with the decorations of a cloud (`us.anthropic.claude-…-v1:0`, `claude-…@20250929`), which say
nothing of the model. A model that no row knows is taken for one of the newest, and its parameters are not judged. A row
of a catalogue may correct each trait, under `x-<provider>`.

Source: the model pages of platform.claude.com, LiteLLM's model list 1.110.2, the types of the SDK `anthropic` 2.14.0;
read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from llmgate_core.plugin import Route

__all__ = ["Traits", "base_name", "traits_of"]

Thinking = Literal["adaptive", "budget", "none"]


@dataclass(frozen=True, slots=True)
class Traits:
    """What one model takes.

    Attributes:
        known: a row says so; else nothing is refused because of it.
        thinking: `adaptive`: the model decides how much, by an effort; `budget`: a number of tokens; `none`.
        thinks_by_default: it thinks unless it is asked not to.
        off: the type of `thinking` with which it does not think; None: it always thinks.
        efforts: the values of `output_config.effort`; empty: it has no such field.
        sampling: it takes `temperature`, `top_p` and `top_k`.
        one_of_temperature_and_top_p: it takes the two, but not both in one request.
        structured: it has `output_config.format`.
        system_turns: a system message may come between two turns.
        forced_tools: `tool_choice` may be `any`, or name a tool.
        max_output: the most tokens that one answer may have; None: not known.
        source: the document.
    """

    known: bool = True
    thinking: Thinking = "adaptive"
    thinks_by_default: bool = False
    off: Literal["disabled", "between_tools"] | None = "disabled"
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    sampling: bool = False
    one_of_temperature_and_top_p: bool = False
    structured: bool = True
    system_turns: bool = False
    forced_tools: bool = True
    max_output: int | None = 128_000
    source: str = "Anthropic's model pages"


_UNKNOWN = Traits(known=False, sampling=True, max_output=None)
_FABLE = Traits(thinks_by_default=True, off=None, system_turns=True)
_FABLE_5_1 = replace(_FABLE, forced_tools=False)
_SONNET_5_5 = replace(_FABLE_5_1, off="between_tools")
_OPUS_5 = replace(_FABLE, off="disabled")
_SONNET_5 = replace(_OPUS_5, system_turns=False)
_OPUS_4_8 = Traits(system_turns=True)
_OPUS_4_7 = Traits()
_OF_4_6 = Traits(efforts=("low", "medium", "high", "max"), sampling=True)
_OF_4_5 = Traits(thinking="budget", efforts=(), sampling=True, one_of_temperature_and_top_p=True, max_output=64_000)
_OPUS_4_5 = replace(_OF_4_5, efforts=("low", "medium", "high"))
_OPUS_4_1 = replace(_OF_4_5, max_output=32_000)
_OF_4 = replace(_OF_4_5, one_of_temperature_and_top_p=False, structured=False)
_OPUS_4 = replace(_OF_4, max_output=32_000)
_OF_3 = replace(_OF_4, thinking="none", max_output=4_096)

ROWS: tuple[tuple[str, Traits], ...] = (
    (r"(fable|mythos)-5-\d|mythos-preview|opus-5-5", _FABLE_5_1),
    (r"(fable|mythos)-5", _FABLE),
    (r"sonnet-5-5", _SONNET_5_5),
    (r"opus-5", _OPUS_5),
    (r"sonnet-5|haiku-5(-5)?", _SONNET_5),
    (r"opus-4-8", _OPUS_4_8),
    (r"opus-4-7", _OPUS_4_7),
    (r"(opus|sonnet)-4-6", _OF_4_6),
    (r"opus-4-5", _OPUS_4_5),
    (r"(sonnet|haiku)-4-5", _OF_4_5),
    (r"opus-4-1", _OPUS_4_1),
    (r"opus-4(-0)?", _OPUS_4),
    (r"sonnet-4(-0)?", _OF_4),
    (r"3-7-sonnet", _OF_4),
    (r"3-5-(sonnet|haiku)", replace(_OF_3, max_output=8_192)),
    (r"3-(opus|sonnet|haiku)", _OF_3),
)
"""What comes behind `claude-`, whole -> the traits. The first row that matches."""

_NAMED = re.compile(r"claude-([a-z0-9.-]+)")
_DECORATIONS = re.compile(r"(-20\d{6}|-latest|-fast)?(-v\d+)?$")
"""What a vendor adds behind the name; a colon, an `@` or a bracket ends the name in any case."""

_COMPILED = tuple((re.compile(pattern), traits) for pattern, traits in ROWS)
_NAMES = frozenset(field.name for field in fields(Traits))
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def traits_of(route: Route, lacks: Collection[str] = ()) -> Traits:
    """Return the traits of a route's model, corrected by what its row of the catalogue has under `x-<provider>`.

    `lacks` names traits that the platform lacks whatever the model, such as `system_turns`.
    """
    traits = _by_name(route.model)
    if lacks:
        missing: dict[str, Any] = dict.fromkeys(lacks, False)
        traits = replace(traits, **missing)
    own = (route.facts or _NOTHING).get(f"x-{route.provider}")
    if not isinstance(own, Mapping):
        return traits
    corrected = {name: value for name, value in own.items() if name in _NAMES}
    if isinstance(corrected.get("efforts"), list):
        corrected["efforts"] = tuple(corrected["efforts"])
    return replace(traits, **corrected) if corrected else traits


def base_name(model: str) -> str | None:
    """Return what comes behind `claude-` in a model's name, without dates and vendors' decorations; None: no Claude."""
    names: list[str] = _NAMED.findall(model.lower())
    return _DECORATIONS.sub("", names[-1].replace(".", "-")) if names else None


@lru_cache(maxsize=256)
def _by_name(model: str) -> Traits:
    name = base_name(model)
    if name is not None:
        for pattern, traits in _COMPILED:
            if pattern.fullmatch(name):
                return traits
    return _UNKNOWN
