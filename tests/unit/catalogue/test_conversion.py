"""Public lists of models become rows of the catalogue: prices for a million tokens, limits, capabilities, ends."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core import ConfigError
from llmgate_core.catalogue.conversion.convert import Conversion, convert, merge_parts
from llmgate_core.catalogue.schema import check_file

DAY = date(2026, 11, 29)
LITELLM: dict[str, Any] = {
    "sample_spec": {"litellm_provider": "one of many", "mode": "chat"},
    "groq/llama": {
        "litellm_provider": "groq",
        "mode": "chat",
        "input_cost_per_token": 5.9e-07,
        "output_cost_per_token": 7.9e-07,
        "cache_read_input_token_cost": 1e-07,
        "input_cost_per_token_batches": 2.95e-07,
        "max_input_tokens": 131072,
        "max_output_tokens": 32768,
        "supports_function_calling": True,
        "supports_vision": False,
        "deprecation_date": "2027-01-31",
    },
    "claude-4": {
        "litellm_provider": "anthropic",
        "mode": "chat",
        "input_cost_per_token": 3e-06,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "output_cost_per_token_above_200k_tokens": 2.25e-05,
    },
    "bedrock/claude-4": {"litellm_provider": "bedrock_converse", "mode": "chat"},
    "mistral/embed": {"litellm_provider": "mistral", "mode": "embedding", "output_vector_size": 1024},
    "mistral/gone": {"litellm_provider": "mistral", "mode": "chat", "deprecation_date": "2026-11-29"},
    "mistral/ocr": {"litellm_provider": "mistral", "mode": "ocr"},
}
MODELS_DEV: dict[str, Any] = {
    "groq": {
        "id": "groq",
        "models": {
            "llama": {
                "id": "llama",
                "tool_call": True,
                "reasoning": False,
                "modalities": {"input": ["text", "image"], "output": ["text"]},
                "limit": {"context": 131072, "output": 32768},
                "cost": {"input": 0.59, "output": 0.79, "context_over_200k": {"input": 1.18, "output": 1.58}},
            },
            "painter": {"modalities": {"input": ["text"], "output": ["image"]}},
            "text-embed-1": {"limit": {"context": 8192, "output": 1536}},
        },
    },
    "google": {"models": {"gemini": {"status": "deprecated", "cost": {"cache_read": 0.1}}}},
}


def all_of(data: object) -> Conversion:
    conversion = convert(data, as_of=DAY, wanted=lambda _: True)
    for part in conversion.parts.values():
        check_file(part, "converted")
    return conversion


def test_prices_of_a_token_become_prices_of_a_million() -> None:
    rows = {name: part["models"] for name, part in all_of(LITELLM).parts.items()}
    assert rows["groq"]["llama"] == {
        "mode": "chat",
        "sources": ["litellm"],
        "shutdown_date": "2027-01-31",
        "limits": {"max_input_tokens": 131072, "max_output_tokens": 32768},
        "capabilities": {"function_calling": True},
        "pricing": {
            "standard": {"input": 0.59, "output": 0.79, "cached_input": 0.1},
            "batch": {"input": 0.295},
        },
    }
    assert rows["anthropic"]["claude-4"]["pricing"]["standard"] == {
        "input": 3.0,
        "cache_write": 3.75,
        "cache_write_1h": 6.0,
        "long_context": {"input": 6.0, "output": 22.5, "above_input_tokens": 200_000},
    }
    assert rows["mistral"] == {
        "embed": {"mode": "embedding", "sources": ["litellm"], "limits": {"embedding_dimensions": 1024}}
    }


def test_providers_get_our_names() -> None:
    assert set(all_of(LITELLM).parts) == {"groq", "anthropic", "bedrock", "mistral"}
    assert set(all_of(MODELS_DEV).parts) == {"groq", "gemini"}


def test_what_is_left_out_is_counted() -> None:
    assert all_of(LITELLM).left_out == {"retired by the date of the list": 1, "of the mode ocr": 1}
    wanted = convert(LITELLM, as_of=DAY, wanted=lambda name: name == "groq")
    assert set(wanted.parts) == {"groq"}
    assert wanted.left_out["of a provider that was not asked for"] == 4


def test_the_list_of_models_dev_is_read_too() -> None:
    conversion = all_of(MODELS_DEV)
    groq = conversion.parts["groq"]["models"]
    assert groq["llama"] == {
        "mode": "chat",
        "sources": ["models.dev"],
        "limits": {"context_window": 131072, "max_output_tokens": 32768},
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "capabilities": {"function_calling": True, "vision": True},
        "pricing": {
            "standard": {
                "input": 0.59,
                "output": 0.79,
                "long_context": {"input": 1.18, "output": 1.58, "above_input_tokens": 200_000},
            }
        },
    }
    assert groq["text-embed-1"]["mode"] == "embedding"
    assert conversion.parts["gemini"]["models"]["gemini"]["status"] == "deprecated"
    assert conversion.left_out == {"without text in its answers": 1}


@pytest.mark.parametrize("data", [None, [], {}, "x", {"a": 1}, {"a": {"b": 1}}, {"a": {"litellm": 1}, "b": {}}])
def test_a_file_of_another_shape_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError):
        all_of(data)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))
KEYS = st.sampled_from(
    [*LITELLM["groq/llama"], *LITELLM["claude-4"], *MODELS_DEV["groq"]["models"]["llama"], "supported_modalities"]
)
ENTRIES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=6)


@given(ENTRIES, ENTRIES)
def test_values_of_any_type_make_a_row_or_none(first: dict[str, Any], second: dict[str, Any]) -> None:
    litellm = {"x/a": {**first, "litellm_provider": "x"}, "b": {**second, "litellm_provider": "y", "mode": "chat"}}
    for data in (litellm, {"x": {"models": {"a": first, "b": second}}}):
        all_of(data)


def test_new_rows_are_merged_over_the_rows_of_a_file() -> None:
    old = [
        {"provider": "groq", "models": {"llama": {"mode": "chat", "notes": ["ours"]}, "own": {"mode": "chat"}}},
        {"provider": "acme", "models": {"x": {"mode": "chat"}}},
    ]
    new = {"provider": "groq", "as_of": "2026-11-29", "models": {"llama": {"mode": "chat", "status": "deprecated"}}}
    acme, groq = merge_parts(old, [new])
    assert acme == old[1]
    assert groq == {
        "provider": "groq",
        "as_of": "2026-11-29",
        "models": {"llama": {"mode": "chat", "notes": ["ours"], "status": "deprecated"}, "own": {"mode": "chat"}},
    }
