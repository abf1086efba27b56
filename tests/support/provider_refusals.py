"""What each provider refuses, written by hand from what is known of it, and not from the rows that must know it too.

Source: the table of providers of the project's specification, with LiteLLM 1.110.2 and the providers' pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.support.refusing_upstream import (
    Rule,
    each_function,
    each_message,
    keys_of_schemas,
    no_fields,
    no_value,
    only_fields,
    within,
)

__all__ = ["KNOW_ONLY_MAX_TOKENS", "REFUSALS", "rules_of"]

KNOW_ONLY_MAX_TOKENS = (
    *("mistral", "codestral", "xai", "fireworks_ai", "cerebras", "sambanova", "nvidia_nim", "deepinfra", "moonshot"),
    *("zai", "bigmodel", "featherless_ai", "volcengine"),
    *("poe", "nano-gpt", "synthetic", "chutes", "xiaomi_mimo", "sarvam", "publicai", "crusoe", "libertai", "apertis"),
    *("llamagate", "charity_engine", "darkbloom", "neosantara", "empiriolabs", "pinstripes", "tensormesh", "scx-ai"),
)
"""Providers that refuse `max_completion_tokens`."""


def has_parts(message: dict[str, Any]) -> bool:
    """Return whether the content is a list of text parts."""
    content = message.get("content")
    return isinstance(content, list) and all(part.get("type") == "text" for part in content)


def thinks_silently(message: dict[str, Any]) -> bool:
    """Return whether a message calls tools without saying what the model thought."""
    return bool(message.get("tool_calls")) and not message.get("reasoning_content")


def is_named(message: dict[str, Any]) -> bool:
    """Return whether a message that is not a tool's has a name."""
    return "name" in message and message["role"] != "tool"


def says_nothing(message: dict[str, Any]) -> bool:
    """Return whether an assistant message has neither content nor calls."""
    return message["role"] == "assistant" and not message.get("content") and not message.get("tool_calls")


def has_odd_calls(message: dict[str, Any]) -> bool:
    """Return whether a tool call has other fields than Mistral knows."""
    return any(set(call) - {"id", "type", "function"} for call in message.get("tool_calls") or ())


def has_odd_ids(message: dict[str, Any]) -> bool:
    """Return whether an id of a tool call has not 9 letters and digits."""
    ids = [call["id"] for call in message.get("tool_calls") or ()]
    ids += [message["tool_call_id"]] if "tool_call_id" in message else []
    return any(len(name) != 9 or not name.isalnum() for name in ids)


def mistral_schema(function: dict[str, Any]) -> bool:
    """Return whether a tool's schema has a keyword that Mistral refuses."""
    return not {"$ref", "$id", "$schema", "additionalProperties"}.isdisjoint(keys_of_schemas(function["parameters"]))


def unless(pattern: str, rule: Rule) -> Rule:
    """Apply a rule only where the model's name does not have `pattern` in it."""
    return lambda body: None if pattern in body["model"] else rule(body)


def where(patterns: tuple[str, ...], rule: Rule) -> Rule:
    """Apply a rule only where the model's name has one of `patterns` in it."""
    return lambda body: rule(body) if any(pattern in body["model"] for pattern in patterns) else None


def together(name: str, *others: str) -> Rule:
    """Refuse a field together with one of the others."""
    return lambda body: (
        f"{name} and {others} do not go together" if name in body and any(body.get(it) for it in others) else None
    )


def structured_and_more(body: dict[str, Any]) -> str | None:
    """Refuse a JSON schema with tools or a stream."""
    is_schema = body.get("response_format", {}).get("type") == "json_schema"
    return "json_schema alone, please" if is_schema and (body.get("tools") or body.get("stream")) else None


def formats(*kinds: str) -> Rule:
    """Refuse a response_format of another type."""
    return lambda body: (
        f"response_format must be {kinds}"
        if body.get("response_format", {"type": kinds[0]})["type"] not in kinds
        else None
    )


MISTRAL = (
    no_fields("seed", "stream_options", "logit_bias", "logprobs", "top_logprobs", "user", "store", "service_tier"),
    no_fields("functions", "function_call", "verbosity", "web_search_options"),
    no_value("tool_choice", "required"),
    each_message(lambda message: None in message.values(), "a null"),
    each_message(is_named, "a name"),
    each_message(has_odd_calls, "a field of a tool call"),
    each_message(has_odd_ids, "an id of a tool call"),
    each_message(has_parts, "parts"),
    each_message(says_nothing, "an empty assistant message"),
    each_function(lambda function: "strict" in function, "strict"),
    each_function(mistral_schema, "a schema"),
)
ZAI = (
    only_fields(
        "max_tokens", "response_format", "temperature", "top_p", "stop", "tools", "tool_choice", "thinking", "user"
    ),
    where(("glm-4",), formats("text", "json_object")),
)
DASHSCOPE = (
    no_value("reasoning_effort", "none"),
    where(("qwq", "omni"), lambda body: None if body.get("stream") else "this model only streams"),
)

REFUSALS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "groq": (
            each_message(lambda message: message["role"] == "assistant" and None in message.values(), "a null"),
            no_fields("logit_bias", "logprobs", "top_logprobs"),
            no_value("n", 2),
            unless("compound", no_fields("web_search_options")),
            where(("llama-3",), no_fields("reasoning_effort")),
            where(("llama-3",), structured_and_more),
        ),
        "mistral": MISTRAL,
        "codestral": (lambda body: "no seed" if "seed" in body else None, *MISTRAL),
        "deepseek": (
            no_value("reasoning_effort", "none"),
            each_message(thinks_silently, "reasoning_content must be passed back"),
            lambda body: (
                "function tools only" if any(it["type"] != "function" for it in body.get("tools", ())) else None
            ),
        ),
        "xai": (
            each_function(lambda function: "strict" in function, "strict"),
            each_message(lambda message: "name" in message, "a name"),
            where(("grok-3-mini", "grok-4", "grok-code-fast"), no_fields("stop")),
            where(("grok-4", "grok-code-fast"), no_fields("frequency_penalty", "presence_penalty")),
            no_fields("web_search_options", "search_parameters"),
        ),
        "together_ai": (
            where(("gpt-oss",), no_value("reasoning_effort", "none", "minimal", "xhigh", "max")),
            no_value("reasoning_effort", "none"),
        ),
        "fireworks_ai": (
            lambda body: None if "/" in body["model"] else "no such model",
            no_value("tool_choice", "required"),
            together("reasoning_effort", "thinking"),
            each_function(lambda function: "strict" in function, "strict"),
        ),
        "openrouter": (no_value("reasoning_effort", "max"),),
        "perplexity": (
            no_fields("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
            no_fields("n", "logit_bias", "logprobs", "top_logprobs", "seed"),
        ),
        "cerebras": (
            only_fields(
                *(
                    "max_tokens",
                    "response_format",
                    "seed",
                    "stop",
                    "temperature",
                    "top_p",
                    "tool_choice",
                    "tools",
                    "user",
                ),
                *("reasoning_effort", "parallel_tool_calls", "logprobs", "top_logprobs", "service_tier", "prediction"),
            ),
        ),
        "sambanova": (
            only_fields(
                *("max_tokens", "response_format", "stop", "temperature", "top_p", "tools", "tool_choice"),
                *("parallel_tool_calls", "reasoning_effort"),
            ),
            each_message(has_parts, "parts"),
        ),
        "nvidia_nim": (
            where(("gemma-2",), only_fields("temperature", "top_p", "max_tokens", "stop", "seed")),
            lambda body: "input_type is missing" if "input" in body and "input_type" not in body else None,
        ),
        "deepinfra": (
            lambda body: None if body.get("tool_choice", "auto") in ("auto", "none") else "tool_choice",
            each_message(lambda it: it["role"] == "tool" and not isinstance(it["content"], str), "a tool's parts"),
        ),
        "moonshot": (
            where(("thinking",), no_fields("temperature")),
            within("temperature", 0, 1),
            lambda body: "temperature too low" if body.get("n", 1) > 1 and body.get("temperature", 1) < 0.3 else None,
            no_fields("functions", "function_call"),
            where(("thinking-preview",), no_fields("tools")),
            where(("thinking-preview",), no_fields("tool_choice")),
            no_value("tool_choice", "required"),
            each_message(has_parts, "parts"),
            where(("thinking",), each_message(thinks_silently, "reasoning_content is missing")),
        ),
        "dashscope": DASHSCOPE,
        "qwencloud": DASHSCOPE,
        "zai": ZAI,
        "bigmodel": ZAI,
        "featherless_ai": (
            lambda body: None if body.get("tool_choice", "auto") in ("auto", "none") else "tool_choice",
        ),
        "volcengine": (no_value("reasoning_effort", "none"),),
        "cohere": (
            no_fields("logit_bias", "top_logprobs", "n", "modalities", "prediction", "audio", "service_tier"),
            no_fields("parallel_tool_calls", "store", "metadata"),
        ),
        "voyage": (no_fields("dimensions", "user", "top_n"), no_value("encoding_format", "float")),
        "jina_ai": (no_fields("encoding_format", "user"),),
        "parasail": (lambda body: "store must be false" if body.get("store") is not False else None,),
        "publicai": (each_message(lambda message: isinstance(message.get("content"), list), "parts"),),
        "scx-ai": (within("temperature", 0, 1.99),),
        "streamlake": (no_fields("max_tokens"),),
        "lm_studio": (formats("text", "json_schema"),),
    }
)
"""Provider -> its rules."""


def rules_of(provider: str) -> tuple[Rule, ...]:
    """Return the rules of a provider."""
    of_tokens = (no_fields("max_completion_tokens"),) if provider in KNOW_ONLY_MAX_TOKENS else ()
    return (*of_tokens, *REFUSALS.get(provider, ()))
