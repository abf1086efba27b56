"""Which chat parameters POST /messages takes of a model. Data, and the judgement by it.

Pure. A model that is not known is judged by what the endpoint has, and by nothing else.

Source: Anthropic API reference, `MessageCreateParams`; LiteLLM's Anthropic page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.reasoning import judge_effort
from llmgate_anthropic.wire.traits import Traits, traits_of
from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    ParamRule,
    Route,
    ValueRule,
    judge_by_catalogue,
    judge_metadata,
    judge_value,
)

__all__ = ["NO_COUNTERPART", "SOURCE", "supports_param"]

SOURCE = "Anthropic API reference"
CHAT = OPENAI_PARAMETERS["chat"]

NO_COUNTERPART: Mapping[str, str] = MappingProxyType(
    {
        "n": "POST /messages gives one answer a call",
        "audio": "the Messages API gives no audio",
        "modalities": "the Messages API gives text alone",
        "seed": "the Messages API has no seed",
        "logit_bias": "the Messages API has no logit_bias",
        "logprobs": "the Messages API gives no log probabilities",
        "top_logprobs": "the Messages API gives no log probabilities",
        "presence_penalty": "the Messages API has no penalties",
        "frequency_penalty": "the Messages API has no penalties",
        "prediction": "the Messages API takes no predicted output",
        "moderation": "the Messages API has no moderation parameter",
        "verbosity": "the Messages API has no verbosity",
        "store": "the Messages API stores no answers",
        "prompt_cache_options": "put cache_control into messages, parts and tools instead",
    }
)
"""Chat parameter -> why it cannot be converted, whatever the model."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = MappingProxyType({"store": (False,)})
"""Chat parameter -> values that ask for nothing here, besides those of the OpenAI API."""

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "temperature": ValueRule(("number",), 0, 1),
        "top_p": ValueRule(("number",), 0, 1),
        "top_k": ValueRule(("integer",), 0),
        "max_tokens": ValueRule(("integer",), limit="ceiling"),
        "max_completion_tokens": ValueRule(("integer",), limit="ceiling"),
        "stop": ValueRule(("string", "list"), items=ValueRule(("string",))),
        "user": ValueRule(("string",)),
        "safety_identifier": ValueRule(("string",)),
        "service_tier": ValueRule(("string",), choices=("auto", "default", "standard_only")),
        "prompt_cache_retention": ValueRule(("string",), choices=("in_memory", "in-memory", "24h", "1h", "5m")),
        "parallel_tool_calls": ValueRule(("boolean",)),
        "stream_options": ValueRule(("object",)),
        "thinking": ValueRule(("object",)),
        "output_config": ValueRule(("object",)),
    }
)
"""Chat parameter -> the values that are converted."""

SAMPLING = ("temperature", "top_p", "top_k")
WITHOUT_THINKING: Mapping[str, tuple[Any, ...]] = MappingProxyType({"temperature": (1,), "top_k": ()})
"""Parameter -> its values beside a thinking budget. Source: Anthropic API reference, extended thinking."""


def supports_param(route: Route, param: str, value: Any, *, lacks: Collection[str] = ()) -> ParamRule | None:
    """Judge one chat parameter.

    Raises:
        BadRequestError: metadata that is malformed.
    """
    if param == "metadata":
        return judge_metadata(route, value)
    if value is None:
        return None
    if param in NO_COUNTERPART:
        return _without_counterpart(param, value)
    traits = traits_of(route, lacks)
    refusal = judge_value(param, value, VALUES.get(param), SOURCE)
    judge = _JUDGES.get(param)
    if refusal is None and judge is not None:
        refusal = judge(traits, param, value)
    if refusal is None and route.facts is not None:
        refusal = judge_by_catalogue(route.facts, param, value, judged=CHAT)
    return refusal


def _without_counterpart(param: str, value: Any) -> ParamRule:
    reason = NO_COUNTERPART[param]
    if any(value is neutral for neutral in NEUTRAL.get(param, ())):
        return ParamRule(replaces=True, reason=reason, source=SOURCE)
    return ParamRule(supported=False, reason=reason, source=SOURCE)


def _judge_sampling(traits: Traits, param: str, value: Any) -> ParamRule | None:
    if not traits.sampling:
        neutral = CHAT[param].is_neutral(value) if param in CHAT else False
        refusal = ParamRule(supported=False, reason=f"this model takes no {param}", source=traits.source)
        return (
            replace(refusal, supported=True, replaces=True)
            if neutral or (param == "temperature" and value == 1)
            else refusal
        )
    if param == "top_p" and traits.one_of_temperature_and_top_p:
        return ParamRule(
            supported=False,
            reason="this model does not take both temperature and top_p",
            source=traits.source,
            applies=lambda body: body.get("temperature") is not None,
        )
    return _judge_beside_thinking(traits, param, value)


def _judge_beside_thinking(traits: Traits, param: str, value: Any) -> ParamRule | None:
    if traits.thinking != "budget" or value in WITHOUT_THINKING.get(param, (value,)):
        return None
    return ParamRule(
        supported=False,
        reason=f"a model that thinks takes no {param}" + (" but 1" if param == "temperature" else ""),
        source=SOURCE,
        applies=_thinks,
    )


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking, effort = body.get("thinking"), body.get("reasoning_effort")
    if isinstance(thinking, Mapping):
        return thinking.get("type") in ("enabled", "adaptive")
    return effort not in (None, "none")


def _judge_effort(traits: Traits, param: str, value: Any) -> ParamRule | None:
    return judge_effort(traits, value, traits.source)


def _judge_format(traits: Traits, param: str, value: Any) -> ParamRule | None:
    if not isinstance(value, Mapping) or value.get("type") != "json_object":
        return None
    reason = "the Messages API has no JSON mode without a schema: use the type json_schema"
    return ParamRule(supported=False, reason=reason, source=SOURCE)


def _judge_choice(traits: Traits, param: str, value: Any) -> ParamRule | None:
    if traits.forced_tools or not _forces_tool(value):
        return None
    reason = "this model cannot be made to call a tool: it takes auto and none"
    return ParamRule(supported=False, reason=reason, source=traits.source)


def _forces_tool(choice: Any) -> bool:
    if isinstance(choice, Mapping):
        return choice.get("type") not in ("auto", "none")
    return bool(choice == "required")


_JUDGES: Mapping[str, Callable[[Traits, str, Any], ParamRule | None]] = MappingProxyType(
    {
        **dict.fromkeys(SAMPLING, _judge_sampling),
        **dict.fromkeys(("tool_choice", "function_call"), _judge_choice),
        "reasoning_effort": _judge_effort,
        "response_format": _judge_format,
    }
)
