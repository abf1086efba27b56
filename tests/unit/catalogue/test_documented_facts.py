"""The rows of the catalogue say what the API's description says of models, and agree with themselves.

The words of the description about models are in `DOCUMENTED`, its names and values come from the pruned description.

Source: OpenAI API reference, the schemas that each rule names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from llmgate_core.catalogue.models import SHIPPED_FILES
from llmgate_core.catalogue.rules import judge
from tests.support.openapi_description import description, properties_of
from tests.support.paths import ROOT

DATA = json.loads((ROOT / "llmgate_core" / "catalogue" / "data" / SHIPPED_FILES[0]).read_bytes())
ROWS: Mapping[str, Mapping[str, Any]] = DATA["models"]
TALKING = ("chat", "responses")
GPT_5_5_OR_LATER = r"gpt-(5\.[5-9]|[6-9])"


class Rule(NamedTuple):
    """What a schema of the description says of some models: they refuse a parameter, or this value of it."""

    schema: str
    modes: tuple[str, ...]
    models: str  # a regular expression for the beginning of the name
    param: str
    refused: Any
    accepted: Any = None


DOCUMENTED = (
    Rule("StopConfiguration", ("chat",), r"(ft:)?(o3|o4-mini)(-\d{4}-\d\d-\d\d)?$", "stop", ["a"]),
    Rule("ModelResponseProperties", TALKING, GPT_5_5_OR_LATER, "prompt_cache_retention", "in_memory", "24h"),
    Rule("CreateCompletionRequest", ("completion",), r"(?!.*instruct)", "suffix", "."),
    Rule("CreateSpeechRequest", ("audio_speech",), r"tts-1", "instructions", "Slowly."),
    Rule("CreateSpeechRequest", ("audio_speech",), r"tts-1", "stream_format", "sse", "audio"),
    Rule("CreateTranscriptionRequest", ("audio_transcription",), r".*-diarize", "prompt", "A talk."),
    Rule("CreateTranscriptionRequest", ("audio_transcription",), r".*-diarize", "timestamp_granularities", ["word"]),
    Rule("CreateTranscriptionRequest", ("audio_transcription",), r".*-diarize|whisper-1", "include", ["logprobs"]),
    Rule("CreateTranscriptionRequest", ("audio_transcription",), r"whisper-1", "stream", True),
    Rule("CreateImageRequest", ("image_generation",), r"(gpt|chatgpt)-image", "response_format", "url"),
    Rule("CreateImageRequest", ("image_generation",), r"(gpt|chatgpt)-image", "style", "vivid"),
    Rule("InputFidelity", ("image_generation",), r"gpt-image-1-mini", "input_fidelity", "high"),
)
"""The description's notes about single models, in our words."""


def covered() -> Iterator[Any]:
    for rule in DOCUMENTED:
        names = [name for name, row in ROWS.items() if row["mode"] in rule.modes and re.match(rule.models, name)]
        assert names, rule
        yield from (pytest.param(name, rule, id=f"{name}-{rule.param}") for name in names)


@pytest.mark.parametrize(("name", "rule"), list(covered()))
def test_what_the_description_says_of_a_model_is_in_its_row(name: str, rule: Rule) -> None:
    row = ROWS[name]
    refusal = judge(row, rule.param, rule.refused, judged=())
    assert refusal is not None
    if rule.accepted is not None:
        assert judge(row, rule.param, rule.accepted, judged=()) is None
    assert "openapi" in row["sources"]


@pytest.mark.parametrize("name", [name for name in ROWS if re.match(r"(ft:)?o\d", name)])
def test_models_of_the_o_series_take_max_completion_tokens(name: str) -> None:
    assert ROWS[name]["params"]["max_tokens_param"] == "max_completion_tokens"


REQUESTS_OF_MODE = {
    "chat": ("CreateChatCompletionRequest",),
    "responses": ("CreateChatCompletionRequest",),  # such rows name chat's parameters, which the bridge converts
    "completion": ("CreateCompletionRequest",),
    "embedding": ("CreateEmbeddingRequest",),
    "audio_transcription": ("CreateTranscriptionRequest",),
    "audio_speech": ("CreateSpeechRequest",),
    "image_generation": ("CreateImageRequest", "CreateImageEditRequest"),
    "moderation": ("CreateModerationRequest",),
}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("params")])
def test_every_parameter_that_a_row_names_is_one_of_its_endpoint(name: str) -> None:
    row = ROWS[name]
    params = row["params"]
    lists = ("unsupported", "ignored", "effort_none_only", "allowlist")
    named = {param for key in lists for param in params.get(key) or ()} | set(params.get("values") or ())
    assert named <= {param for schema in REQUESTS_OF_MODE[row["mode"]] for param in properties_of(schema)}


def enum_of(schema: str) -> set[str]:
    (branch,) = [each for each in description()["components"]["schemas"][schema]["anyOf"] if "enum" in each]
    return set(branch["enum"])


REASONING = {name: row["reasoning"] for name, row in ROWS.items() if row.get("reasoning")}


@pytest.mark.parametrize("name", list(REASONING))
def test_efforts_and_their_default_are_the_description_s(name: str) -> None:
    reasoning = REASONING[name]
    efforts = {
        effort
        for key in ("efforts", "efforts_only_in_litellm", "efforts_contested")
        for effort in reasoning.get(key) or ()
    }
    assert efforts <= enum_of("ReasoningEffort")
    default = reasoning.get("default_effort")
    assert default in {*efforts, None, "adaptive"}  # the last is the provider page's word for codex models
    assert set(reasoning.get("summaries") or ()) <= {"auto", "concise", "detailed"}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row["mode"] in TALKING])
def test_a_parameter_that_needs_the_effort_none_needs_it_in_words_where_the_default_is_another(name: str) -> None:
    row = ROWS[name]
    params, reasoning = row["params"], row.get("reasoning") or {}
    depending = [param for param in ("temperature", "top_p") if params[param] == "free_when_effort_none"]
    depending += [param for param in params.get("effort_none_only") or () if param not in depending]
    for param in depending:
        rule = judge(row, param, 0.2, judged=())
        assert rule is not None
        assert rule.applies is not None
        assert rule.applies({}) is (reasoning.get("default_effort") != "none")
        assert not rule.applies({"reasoning_effort": "none"})
    assert not depending or "none" in reasoning["efforts"]


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("verbosity")])
def test_verbosity_has_the_values_of_the_description(name: str) -> None:
    assert set(ROWS[name]["verbosity"].get("values") or ()) <= enum_of("Verbosity")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("snapshot_of")])
def test_a_snapshot_takes_what_its_model_takes(name: str) -> None:
    row, base = ROWS[name], ROWS[ROWS[name]["snapshot_of"]]
    for key in ("mode", "params"):
        assert row.get(key) == base.get(key)
    for key in ("reasoning", "verbosity"):
        assert without_sources(row.get(key)) == without_sources(base.get(key))


def without_sources(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: fact for name, fact in (facts or {}).items() if not name.endswith("source")}


@pytest.mark.parametrize("name", list(ROWS))
def test_a_model_is_retired_on_the_day_of_its_end_and_deprecated_before(name: str) -> None:
    row = ROWS[name]
    end = row.get("shutdown_date")
    if end is None:
        assert row["status"] not in ("retired", "deprecated")
    else:
        assert row["status"] == ("retired" if end <= DATA["as_of"] else "deprecated")


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("pricing")])
def test_prices_are_in_the_order_that_their_names_promise(name: str) -> None:
    pricing = ROWS[name]["pricing"]
    standard = pricing.get("standard") or {}
    for tier in ("standard", "batch", "flex", "priority", "ultrafast"):
        for prices in (pricing.get(tier) or {}, (pricing.get(tier) or {}).get("long_context") or {}):
            assert_ordered(prices.get("cached_input"), prices.get("input"), prices.get("cache_write"))
        for kind in ("input", "output", "cached_input"):
            price = (pricing.get(tier) or {}).get(kind)
            cheaper, dearer = (price, standard.get(kind)) if tier in ("batch", "flex") else (standard.get(kind), price)
            assert_ordered(cheaper, dearer)
    for rates in (pricing.get("audio_tokens") or {}, pricing.get("image_tokens") or {}):
        assert_ordered(rates.get("cached_input"), rates.get("input"))


def assert_ordered(*prices: float | None) -> None:
    known = [price for price in prices if price is not None]
    assert known == sorted(known)
