"""Which of OpenAI's parameters Gemini takes, and in which values. Data, and the hook that reads it.

Pure. A parameter that is in no table here is not known, and is sent as it is.

Source: Gemini API reference, `GenerationConfig`, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    ParamRule,
    Route,
    ValueRule,
    judge_by_catalogue,
    judge_metadata,
    judge_parallel_calls,
    judge_value,
)
from llmgate_gemini.wire.dialect import Dialect

__all__ = ["TASK_TYPES", "UNSUPPORTED", "supports_param"]

CHAT = OPENAI_PARAMETERS["chat"]
UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "logit_bias": "Gemini has no biases of tokens",
        "moderation": "Gemini has safety_settings instead",
        "prediction": "Gemini takes no predicted output",
        "verbosity": "Gemini has no verbosity; ask for it in the prompt",
    }
)
"""Parameter without a counterpart -> why it is refused; core lets neutral values pass."""
MANY_CALLS = "Gemini cannot be kept from calling several functions at once"
KEPT_LOCAL: Mapping[str, str] = MappingProxyType(
    {
        "user": "the API has no field for an end user; observers see it",
        "safety_identifier": "the API has no field for an end user; observers see it",
    }
)
WITHOUT_EFFECT: Mapping[str, str] = MappingProxyType(
    {
        "prompt_cache_key": "Gemini caches prefixes by itself",
        "prompt_cache_options": "Gemini caches prefixes by itself",
        "prompt_cache_retention": "Gemini decides how long it caches; a cache of your own is cached_content",
        "store": "the API stores no answers",
    }
)
"""Parameter that changes no answer -> why it is left out."""
VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "audio": CHAT["audio"],
        "frequency_penalty": CHAT["frequency_penalty"],
        "functions": CHAT["functions"],
        "logprobs": CHAT["logprobs"],
        "max_completion_tokens": CHAT["max_completion_tokens"],
        "max_tokens": CHAT["max_tokens"],
        "modalities": ValueRule(("list",), items=ValueRule(("string",), choices=("text", "audio", "image", "video"))),
        "n": ValueRule(("integer",), 1, 8),
        "presence_penalty": CHAT["presence_penalty"],
        "reasoning_effort": CHAT["reasoning_effort"],
        "response_format": CHAT["response_format"],
        "seed": ValueRule(("integer",), -(2**31), 2**31 - 1),
        "stop": ValueRule(("string", "list"), 0, 5, items=ValueRule(("string",))),
        "temperature": CHAT["temperature"],
        "tool_choice": CHAT["tool_choice"],
        "top_logprobs": CHAT["top_logprobs"],
        "top_p": CHAT["top_p"],
        "web_search_options": CHAT["web_search_options"],
    }
)
TASK_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "query": "RETRIEVAL_QUERY",
        "search_query": "RETRIEVAL_QUERY",
        "document": "RETRIEVAL_DOCUMENT",
        "passage": "RETRIEVAL_DOCUMENT",
        "search_document": "RETRIEVAL_DOCUMENT",
        "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
        "similarity": "SEMANTIC_SIMILARITY",
        "semantic_similarity": "SEMANTIC_SIMILARITY",
        "question_answering": "QUESTION_ANSWERING",
        "fact_verification": "FACT_VERIFICATION",
        "code_retrieval": "CODE_RETRIEVAL_QUERY",
    }
)
"""`input_type` of other providers -> `taskType`. Source: Gemini API reference, `TaskType`."""


def supports_param(route: Route, param: str, value: Any, dialect: Dialect) -> ParamRule | bool | None:
    """Judge one parameter of a call; None: it is taken, or not known.

    Raises:
        BadRequestError: `metadata` is malformed.
    """
    if param == "metadata" and route.family == "chat":
        return judge_metadata(route, value)
    if value is None:
        return None
    if route.family == "chat" and (rule := _judge_chat(param, value, dialect)) is not None:
        return rule
    if route.family == "embedding" and (rule := _judge_embedding(param, value, dialect)) is not None:
        return rule
    return _judge_by_row(route, param, value)


def _judge_chat(param: str, value: Any, dialect: Dialect) -> ParamRule | None:
    if param == "parallel_tool_calls":
        return judge_parallel_calls(value, MANY_CALLS, dialect.source)
    if param in UNSUPPORTED:
        return ParamRule(supported=False, reason=UNSUPPORTED[param], source=dialect.source)
    if param in KEPT_LOCAL:
        return ParamRule(keep_local=True, reason=KEPT_LOCAL[param], source=dialect.source)
    if param in WITHOUT_EFFECT:
        return ParamRule(replaces=True, reason=WITHOUT_EFFECT[param], source=dialect.source)
    if param == "service_tier":
        tiers = ("auto", *dialect.service_tiers)
        return judge_value(param, value, ValueRule(("string",), choices=tiers), dialect.source)
    return judge_value(param, value, VALUES.get(param), dialect.source)


def _judge_embedding(param: str, value: Any, dialect: Dialect) -> ParamRule | None:
    if param == "user":
        return ParamRule(keep_local=True, reason=KEPT_LOCAL[param], source=dialect.source)
    if param == "input_type" and not (isinstance(value, str) and (value.lower() in TASK_TYPES or value.isupper())):
        reason = f"input_type must be one of {', '.join(TASK_TYPES)}"
        return ParamRule(supported=False, reason=reason, source=dialect.source)
    return judge_value(param, value, OPENAI_PARAMETERS["embedding"].get(param), dialect.source)


def _judge_by_row(route: Route, param: str, value: Any) -> ParamRule | None:
    """Judge by the model's row in the catalogue; efforts are judged by the traits."""
    if route.facts is None or param == "reasoning_effort":
        return None
    return judge_by_catalogue(route.facts, param, value, judged=OPENAI_PARAMETERS[route.family])
