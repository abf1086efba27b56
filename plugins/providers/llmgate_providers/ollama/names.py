"""What Ollama calls things: data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = [
    "API",
    "COMPATIBLE",
    "DEFAULTS",
    "EFFORTS",
    "FINISH_REASONS",
    "HARMLESS",
    "IN_OPTIONS",
    "NATIVE_OPTIONS",
    "OWN",
    "TOP_LEVEL",
    "UNSUPPORTED",
]

API = "Ollama's API documentation, docs/api.md"
COMPATIBLE = "Ollama's documentation of its OpenAI compatibility, docs/openai.md"

NATIVE_OPTIONS = frozenset(
    {
        "draft_num_predict",
        "main_gpu",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "penalize_newline",
        "repeat_last_n",
        "repeat_penalty",
        "tfs_z",
        "top_k",
        "typical_p",
        "use_mmap",
    }
)
"""What `options` of Ollama's own API may hold and the OpenAI API does not have."""

TOP_LEVEL = frozenset({"keep_alive", "think", "format", "truncate", "shift"})
"""Parameters of Ollama's own API beside `options`."""

OWN = NATIVE_OPTIONS | TOP_LEVEL | {"options"}
"""Parameters by which a call goes to Ollama's own API: the compatible paths ignore them."""

IN_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "top_p",
        "seed": "seed",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
        "max_tokens": "num_predict",
        "stop": "stop",
    }
)
"""A parameter of the OpenAI API -> its name in `options`."""

EFFORTS: Mapping[str, str | bool] = MappingProxyType(
    {"none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}
)
"""`reasoning_effort` -> `think`."""

FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
)
"""`done_reason` -> `finish_reason`."""

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "audio": "Ollama does not speak",
        "function_call": "Ollama reads tools only",
        "functions": "Ollama reads tools only",
        "logit_bias": "Ollama ignores it",
        "prediction": "Ollama ignores it",
        "verbosity": "Ollama ignores it",
        "web_search_options": "Ollama ignores it",
    }
)
"""Parameters that change an answer and that Ollama ignores -> why they are refused."""

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"n": 1, "tool_choice": "auto", "parallel_tool_calls": True, "modalities": ["text"]}
)
"""Parameters that Ollama ignores -> the value that asks for what it does anyway."""

HARMLESS = frozenset(
    {
        "encoding_format",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream_options",
        "user",
    }
)
"""Parameters without a counterpart in Ollama's own API that do not change an answer."""
