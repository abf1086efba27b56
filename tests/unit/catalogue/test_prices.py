"""What calls cost: every kind of price in the shipped catalogue, every shape of usage, and when nobody knows."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic_core import to_json

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.prices import Cost, cost_of, units_of
from llmgate_core.types.base import Usage
from llmgate_core.types.binary import BinaryResponse
from llmgate_core.types.chat import ChatCompletion
from llmgate_core.types.image import ImagesResponse
from llmgate_core.types.record import CallRecord
from llmgate_core.types.responses import ResponseObject
from llmgate_core.types.video import Video

CATALOGUE = Catalogue.shipped()
AS_OF = "2026-11-22"
SOURCES = "LiteLLM's OpenAI page, LiteLLM's model list, OpenAI API reference"
CHAT = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 400, "audio_tokens": 0},
}


def facts(model: str) -> Mapping[str, Any]:
    row = CATALOGUE.lookup("openai", model)
    assert row is not None
    return row.facts


def cost(model: str, usage: Any = None, **known: Any) -> Cost | None:
    return cost_of(facts(model), usage, as_of=AS_OF, **known)


def parts(model: str, usage: Any = None, **known: Any) -> Any:
    """Return the breakdown in millionths of a dollar, after the check that it adds up to the cost."""
    found = cost(model, usage, **known)
    if found is None:
        return None
    assert math.isclose(found, sum(found.breakdown.values()), abs_tol=1e-15)
    return {name: round(usd * 1e6, 6) for name, usd in found.breakdown.items()}


def tokens(read: int, made: int, details: Any = None, made_details: Any = None) -> dict[str, Any]:
    usage = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    return {**usage, "input_tokens_details": details, "output_tokens_details": made_details}


# --- what a cost is ---


def test_a_cost_is_a_number_of_dollars_that_says_where_it_is_from() -> None:
    found = cost("gpt-4o", CHAT)
    assert found == 0.0075
    assert isinstance(found, float)
    assert (found.as_of, found.breakdown) == (AS_OF, {"input": 0.0025, "output": 0.005})
    assert found.source == f"catalogue ({SOURCES}), standard prices"
    assert repr(found) == (
        f"Cost(0.0075 USD: input 0.0025, output 0.005; catalogue ({SOURCES}), standard prices, prices of 2026-11-22)"
    )
    assert (f"{found}", f"{found:.2f}", json.dumps(found), to_json(found)) == ("0.0075", "0.01", "0.0075", b"0.0075")
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert (twin, repr(twin)) == (found, repr(found))


# --- tokens ---


def test_gpt_5_pro_costs_what_the_provider_page_says() -> None:
    million = tokens(1_000_000, 1_000_000)
    assert (cost("gpt-5-pro", million), cost("gpt-5-pro", million, tier="batch")) == (135.0, 67.5)
    assert parts("gpt-5-pro", tokens(1000, 100)) == {"input": 15_000, "output": 12_000}
    assert parts("gpt-5-pro", tokens(1000, 100), tier="batch") == {"input": 7_500, "output": 6_000}


@pytest.mark.parametrize("tier", [None, "auto", "default", "standard"])
def test_cached_tokens_have_their_own_price(tier: str | None) -> None:
    usage = {**CHAT, "prompt_tokens_details": {"cached_tokens": 400}}
    wanted = {"input": 600 * 2.5, "cached_input": 400 * 1.25, "output": 5_000}
    assert parts("gpt-4o", usage, tier=tier) == wanted
    assert parts("gpt-4o", tokens(1000, 500, {"cached_tokens": 400, "cache_write_tokens": 0}), tier=tier) == wanted
    assert parts("gpt-4o", Usage.model_validate(usage), tier=tier) == wanted


@pytest.mark.parametrize(
    ("model", "tier", "read", "cached", "made"),
    [
        ("gpt-5", "flex", 0.625, 0.0625, 5.0),
        ("gpt-4.1", "priority", 3.5, 0.875, 14.0),
        ("gpt-4.1", "fast", 3.5, 0.875, 14.0),
        ("gpt-6-astra", "ultrafast", 60.0, 6.0, 300.0),
        ("gpt-6-luna", "decisions", 0.1, 0.01, 0.0),
        ("ft:gpt-4.1-2025-04-14:org::id", "batch", None, 0.5, None),
    ],
)
def test_each_service_tier_has_its_own_prices(
    model: str, tier: str, read: float | None, cached: float, made: float | None
) -> None:
    prices = facts(model)["pricing"]["priority" if tier == "fast" else tier]
    assert (read or prices["input"], cached, made if made is not None else prices["output"]) == (
        prices["input"],
        prices["cached_input"],
        prices["output"],
    )
    wanted = {"input": 600 * prices["input"], "cached_input": 400 * cached, "output": 500 * prices["output"]}
    assert parts(model, tokens(1000, 500, {"cached_tokens": 400}), tier=tier) == pytest.approx(wanted)


def test_tokens_written_to_the_cache_have_their_own_price() -> None:
    usage = tokens(1000, 0, {"cached_tokens": 100, "cache_write_tokens": 200})
    prices = facts("gpt-5.6")["pricing"]["standard"]
    rest = {"input": 700 * prices["input"], "cached_input": 100 * prices["cached_input"]}
    for units in (None, {"cache_ttl": "30m"}):
        assert parts("gpt-5.6", usage, units=units) == pytest.approx({"cache_write": 200 * 5.0, **rest})
    assert parts("gpt-5.6", usage, units={"cache_ttl": "12h"}) == pytest.approx({"cache_write": 200 * 10.0, **rest})
    assert parts("gpt-5.6", usage, units={"cache_ttl": "99h"}) is None


def test_long_input_has_another_price_for_the_whole_call() -> None:
    row = facts("gpt-5.6")["pricing"]["standard"]
    edge, long = row["long_context"]["above_input_tokens"], row["long_context"]
    assert parts("gpt-5.6", tokens(edge, 10)) == {"input": edge * row["input"], "output": 10 * row["output"]}
    details = {"cached_tokens": 1, "cache_write_tokens": 2}
    assert parts("gpt-5.6", tokens(edge + 1, 10, details)) == pytest.approx(
        {
            "cache_write": 2 * long["cache_write"],
            "input": (edge - 2) * long["input"],
            "cached_input": long["cached_input"],
            "output": 10 * long["output"],
        }
    )
    stored = parts("gpt-5.6", tokens(edge + 1, 0, details), units={"cache_ttl": "12h"})
    assert stored["cache_write"] == 2 * long["cache_write_12h"]


def test_long_input_of_a_tier_without_a_price_for_it_is_not_known() -> None:
    priced = [tier for tier in ("priority", "flex") if tier in facts("gpt-5.4")["pricing"]]
    assert [parts("gpt-5.4", tokens(300_000, 1), tier=tier) is None for tier in priced] == [
        "long_context" not in facts("gpt-5.4")["pricing"][tier] for tier in priced
    ]
    assert "priority" in priced
    assert "long_context" not in facts("gpt-5.4")["pricing"]["priority"]


def test_a_region_adds_its_uplift() -> None:
    assert parts("gpt-5.4", tokens(100, 0), units={"region": "eu"}) == {"input": round(100 * 2.5 * 1.1, 6)}
    assert parts("gpt-5.4", tokens(100, 0), units={"region": "moon"}) is None
    assert parts("gpt-4o", tokens(100, 0), units={"region": "eu"}) is None


def test_audio_tokens_have_their_own_price() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 40},
    }
    wanted = {"input": 40 * 2.5, "audio_input": 60 * 32.0, "output": 10 * 10.0, "audio_output": 40 * 64.0}
    assert parts("gpt-audio", usage) == wanted
    assert parts("gpt-audio", {**usage, "prompt_tokens_details": None}) is None  # text or audio is not said
    assert parts("gpt-4o", {**usage, "completion_tokens_details": None}) is None  # no price for audio
    assert parts("gpt-audio", usage, tier="flex") is None


def test_cached_audio_and_image_tokens_have_their_own_price_where_it_is_said_which_they_are() -> None:
    split = {"text_tokens": 10, "audio_tokens": 20, "image_tokens": 5}
    details = {"cached_tokens": 35, "audio_tokens": 60, "image_tokens": 15, "cached_tokens_details": split}
    row = facts("gpt-realtime-mini")["pricing"]
    assert parts("gpt-realtime-mini", tokens(100, 0, details)) == pytest.approx(
        {
            "cached_audio_input": 20 * row["audio_tokens"]["cached_input"],
            "cached_image_input": 5 * row["image_tokens"]["cached_input"],
            "input": 15 * row["standard"]["input"],
            "cached_input": 10 * row["standard"]["cached_input"],
            "audio_input": 40 * row["audio_tokens"]["input"],
            "image_input": 10 * row["image_tokens"]["input"],
        }
    )
    assert parts("gpt-realtime-mini", tokens(100, 0, {**details, "cached_tokens_details": None})) is None
    only_audio = {"cached_tokens": 30, "audio_tokens": 100, "image_tokens": 0}
    assert parts("gpt-realtime-mini", tokens(100, 0, only_audio)) == pytest.approx(
        {
            "cached_audio_input": 30 * row["audio_tokens"]["cached_input"],
            "audio_input": 70 * row["audio_tokens"]["input"],
        }
    )


def test_what_a_model_sees_costs_as_what_it_reads_where_images_have_no_price() -> None:
    assert parts("gpt-4o", tokens(100, 0, {"image_tokens": 90, "text_tokens": 10})) == {"input": 250}


def test_an_embedding_costs_its_input() -> None:
    usage = {"prompt_tokens": 1000, "total_tokens": 1000}
    assert parts("text-embedding-3-small", usage) == {"input": 20}
    assert parts("text-embedding-3-small", {"prompt_tokens": 1000}) == {"input": 20}
    assert parts("text-embedding-3-small", usage, tier="batch") == {"input": 10}
    assert parts("gpt-4o", {"prompt_tokens": 1000}) is None  # the output is not said


def test_a_moderation_is_known_to_be_free() -> None:
    assert parts("omni-moderation-latest") == {}
    assert cost("omni-moderation-latest") == 0.0


# --- audio ---


def test_a_transcription_costs_by_the_second_or_by_tokens_as_its_usage_says() -> None:
    assert parts("whisper-1", {"type": "duration", "seconds": 3}) == {"audio": 300}
    assert parts("gpt-transcribe", {"type": "duration", "seconds": 2.5}) == {"audio": 187.5}
    assert parts("gpt-4o-transcribe", {"type": "duration", "seconds": 10}) == {"audio": 1000}
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 9, "total_tokens": 23}
    details = {"text_tokens": 0, "audio_tokens": 14}
    assert parts("gpt-4o-transcribe", {**usage, "input_token_details": details}) == {"audio_input": 35, "output": 90}
    assert parts("gpt-4o-transcribe", usage) == {"input": 35, "output": 90}  # audio and text cost the same
    assert parts("whisper-1", usage) is None
    assert parts("whisper-1") is None
    assert parts("whisper-1", units={"seconds": 3}) == {"audio": 300}


def test_speech_costs_by_its_characters_or_by_tokens() -> None:
    assert parts("tts-1", units={"characters": 1000}) == {"characters": 15_000}
    assert parts("tts-1-hd", units={"characters": 1000}) == {"characters": 30_000}
    assert parts("gpt-4o-mini-tts", tokens(10, 100)) == {"input": 6, "audio_output": 1200}


def test_the_seconds_of_speech_alone_are_no_cost_since_the_text_costs_too() -> None:
    assert facts("gpt-4o-mini-tts")["pricing"]["usd_per_audio_second_out"] == 0.00025
    assert parts("gpt-4o-mini-tts", units={"seconds": 10, "characters": 5}) is None


# --- images and videos ---


def test_images_cost_by_tokens() -> None:
    usage = tokens(110, 272, {"text_tokens": 10, "image_tokens": 100})
    assert parts("gpt-image-1", usage) == {"input": 50, "image_input": 1000, "image_output": 10_880}
    apart = tokens(10, 300, {"text_tokens": 10, "image_tokens": 0}, {"image_tokens": 272, "text_tokens": 28})
    assert parts("gpt-image-1.5", apart) == {"input": 50, "output": 280, "image_output": 8704}
    assert parts("gpt-image-1.5", {**apart, "output_tokens_details": None}) is None  # text or image is not said
    assert parts("gpt-image-1", tokens(110, 0, {"text_tokens": 10})) == {"input": 50, "image_input": 1000}
    cached = {"text_tokens": 0, "image_tokens": 100, "cached_tokens": 40}
    assert parts("gpt-image-1", tokens(100, 0, cached)) == {"cached_image_input": 100, "image_input": 600}


def test_the_batch_tier_has_a_price_for_images_read_and_none_for_images_made() -> None:
    details = {"text_tokens": 10, "image_tokens": 100}
    assert parts("gpt-image-1", tokens(110, 0, details), tier="batch") == {"input": 25, "image_input": 500}
    assert parts("gpt-image-1", tokens(110, 1, details), tier="batch") is None


def test_images_without_usage_cost_by_size_and_quality() -> None:
    high = {"size": "1024x1024", "quality": "high"}
    assert parts("gpt-image-1", units=high) == {"images": 167_000}
    assert parts("gpt-image-1", units={**high, "n": 3}) == {"images": 501_000}
    assert parts("gpt-image-1", units={**high, "size": "1x1"}) is None
    assert parts("gpt-image-1", units={"size": "1024x1024"}) is None
    assert parts("gpt-image-1.5", units={"size": "1024x1024", "quality": "auto"}) == {"images": 9_000}
    assert parts("gpt-image-1", units=high, tier="batch") is None


def test_a_price_by_the_pixel_stands_in_for_one_by_the_image() -> None:
    row = {"pricing": {"per_image": [{"size": "10x20", "quality": "low", "usd": None, "usd_per_pixel": 1e-6}]}}
    found = cost_of(row, None, as_of="", units={"size": "10x20", "quality": "low", "n": 2})
    assert found == pytest.approx(400e-6)
    assert cost_of({"pricing": {"per_image": 5}}, None, as_of="", units={"size": "10x20"}) is None


@pytest.mark.parametrize("seconds", [4, "4", 4.0])
def test_a_video_costs_by_the_second(seconds: Any) -> None:
    assert parts("sora-2", units={"seconds": seconds}) == {"video": 400_000}
    assert parts("sora-2-pro", units={"seconds": seconds, "size": "1280x720"}) == {"video": 1_200_000}
    assert parts("sora-2-pro", units={"seconds": seconds, "size": "1792x1024"}) is None  # has another price


# --- web searches ---


def test_a_usage_may_count_searches_and_name_its_region_itself() -> None:
    counted = {**tokens(0, 0), "web_search_calls": 3}
    assert parts("gpt-5", counted) == parts("gpt-5", tokens(0, 0), units={"web_search_calls": 3})
    assert parts("gpt-5", {**tokens(0, 0), "web_search_calls": 0}) == parts("gpt-5", tokens(0, 0))
    assert parts("gpt-5", {**tokens(1, 1), "region": "nowhere"}) is None


def test_web_searches_cost_by_the_call_where_they_are_counted() -> None:
    searched = parts("gpt-5", tokens(0, 0), units={"web_search_calls": 3})
    assert searched == {"web_search": 30_000}
    for size in ("low", "medium", "high"):
        units = {"web_search_calls": 1, "search_context_size": size}
        price = facts("gpt-4.1")["pricing"]["web_search_usd_per_call"][size]
        assert parts("gpt-4.1", tokens(0, 0), units=units) == {"web_search": price * 1e6}
    assert parts("gpt-4.1", tokens(0, 0), units={"web_search_calls": 1, "search_context_size": "odd"}) is None
    assert parts("gpt-3.5-turbo", tokens(0, 0), units={"web_search_calls": 1}) is None


def test_a_search_model_of_the_chat_endpoint_does_not_say_how_often_it_searched() -> None:
    assert parts("gpt-4o-search-preview", CHAT) is None
    assert parts("gpt-4o-search-preview", CHAT, units={"web_search_calls": 0}) == {"input": 2_500, "output": 5_000}


# --- every price there is ---


def priced_rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in CATALOGUE.names():
        row = CATALOGUE.lookup("openai", name)
        if row is not None and row.name == name and row.facts.get("pricing"):
            yield name, row.facts["pricing"]


def test_every_tier_and_token_price_of_the_catalogue_is_used() -> None:
    checked = 0
    for name, pricing in priced_rows():
        for tier in ("standard", "batch", "flex", "priority", "ultrafast", "decisions"):
            prices = pricing.get(tier) or {}
            for row in (prices, prices.get("long_context") or {}):
                for key in row.keys() - {"above_input_tokens", "long_context"}:
                    count = row.get("above_input_tokens", 0) + 1000
                    usage, units = usage_of(key, count)
                    got = parts(name, usage, tier=tier, units=units)
                    assert got is not None, (name, tier, key)
                    part = "cache_write" if key == "cache_write_12h" else key
                    assert got.get(part, 0) == pytest.approx(count * row[key]), (name, tier, key)
                    checked += 1
    assert checked > 1200


def usage_of(key: str, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return usage and units where `count` tokens have the price `key`, all of them text."""
    text = {"text_tokens": count, "audio_tokens": 0, "image_tokens": 0}
    counted = {"cached_input": "cached_tokens", "cache_write": "cache_write_tokens"}.get(key.removesuffix("_12h"))
    read = {**text, counted: count} if counted else text
    units = {"web_search_calls": 0, **({"cache_ttl": "12h"} if key.endswith("_12h") else {})}
    return tokens(count, count if key == "output" else 0, read, text), units


def test_no_key_of_the_prices_is_unheard_of() -> None:
    keys = {key for _, pricing in priced_rows() for key in pricing}
    assert keys == {
        *("standard", "batch", "flex", "priority", "ultrafast", "decisions", "audio_tokens", "image_tokens"),
        *("per_image", "regional_uplift", "web_search_usd_per_call", "usd_per_million_characters"),
        *("usd_per_audio_second", "usd_per_audio_second_in", "usd_per_audio_second_out", "usd_per_video_second"),
    }
    kinds = {
        f"{kind}.{key}"
        for _, pricing in priced_rows()
        for kind in pricing.keys() & {"audio_tokens", "image_tokens"}
        for key in pricing[kind]
    }
    assert kinds == {
        *("audio_tokens.input", "audio_tokens.output", "audio_tokens.cached_input"),
        *("image_tokens.input", "image_tokens.output", "image_tokens.cached_input", "image_tokens.batch_input"),
    }


# --- nobody knows ---


def test_what_is_not_known_has_no_cost() -> None:
    assert cost_of(None, CHAT, as_of=AS_OF) is None
    assert cost_of({}, CHAT, as_of=AS_OF) is None
    assert cost_of({"mode": "chat"}, CHAT, as_of=AS_OF) is None
    assert cost_of({"pricing": {}}, CHAT, as_of=AS_OF) is None
    assert cost_of({"pricing": {"standard": {"input": 1.0, "output": None}}}, CHAT, as_of=AS_OF) is None
    assert parts("o1-preview", CHAT) is None
    assert parts("gpt-4o") is None
    assert parts("gpt-4o", {}) is None
    assert parts("gpt-4o", {"total_tokens": 5}) is None
    assert parts("gpt-4o", "usage") is None
    assert parts("sora-2") is None
    assert parts("tts-1") is None
    assert parts("tts-1", units={"characters": 5}, tier="flex") is None


@pytest.mark.parametrize("tier", ["scale", "flex", "audio_tokens", "", 5, ["standard"], "per_image"])
def test_an_unknown_tier_has_no_cost(tier: Any) -> None:
    assert cost("gpt-4o", CHAT, tier=tier) is None


def test_tokens_written_to_a_cache_that_has_no_price_are_no_guess() -> None:
    assert parts("gpt-4o", tokens(1000, 1, {"cache_write_tokens": 1})) is None
    assert parts("gpt-5-pro", tokens(1000, 1, {"cache_write_tokens": 1})) is None


def test_a_price_list_without_a_price_for_the_cache_gives_no_discount() -> None:
    cached = tokens(1000, 1, {"cached_tokens": 400})
    assert parts("gpt-5-pro", cached) == {"input": 600 * 15.0, "cached_input": 400 * 15.0, "output": 120.0}
    assert parts("gpt-5-pro", cached, tier="batch") == {"input": 600 * 7.5, "cached_input": 400 * 7.5, "output": 60.0}
    assert parts("gpt-4o-2024-05-13", cached, tier="priority") == {
        "input": 600 * 8.75,
        "cached_input": 400 * 8.75,
        "output": 26.25,
    }
    long = parts("gpt-5.4-pro", tokens(300_000, 0, {"cached_tokens": 100_000}))
    price = facts("gpt-5.4-pro")["pricing"]["standard"]["long_context"]["input"]
    assert long == pytest.approx({"input": 200_000 * price, "cached_input": 100_000 * price})


def test_kinds_of_tokens_without_a_price_for_the_cache_cost_in_full_whichever_were_cached() -> None:
    sound = {"audio_tokens": 60, "cached_tokens": 30}
    whole = {"input": 40 * 2.5, "audio_input": 60 * 32.0}
    assert parts("gpt-audio", tokens(100, 0, sound)) == whole
    split = {**sound, "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20}}
    assert sum(parts("gpt-audio", tokens(100, 0, split)).values()) == sum(whole.values())
    assert parts("gpt-audio", tokens(100, 0, {**sound, "cached_tokens": 101})) is None
    pictures = {"image_tokens": 60, "cached_tokens": 30}
    assert parts("gpt-image-2", tokens(100, 0, pictures)) is None  # it has two discounts


@pytest.mark.parametrize("name", ["ft:gpt-5.2:org::id", "ft:gpt-5-mini-2025-08-07", "ft:gpt-4o-2099-01-01:org::id"])
def test_a_fine_tuned_model_without_prices_of_its_own_has_no_cost(name: str) -> None:
    assert cost(name, CHAT) is None
    assert facts(name)["limits"]
    assert facts(name).keys().isdisjoint({"status", "shutdown_date", "announce_shutdown"})


def test_a_fine_tuned_model_with_prices_of_its_own_costs_these() -> None:
    assert parts("ft:gpt-4o-2024-11-20:org::id", tokens(100, 10, {"cached_tokens": 40})) == {
        "input": 60 * 3.75,
        "cached_input": 40 * 1.875,
        "output": 10 * 15.0,
    }


ODD = [-1, 1.5, 10**30, 10**400, math.nan, math.inf, "12", True, [], {}, b"1"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:8])
def test_odd_counts_have_no_cost_and_raise_nothing(odd: Any) -> None:
    for name in ("prompt_tokens", "completion_tokens"):
        assert cost("gpt-4o", {**CHAT, name: odd}) is None
    for name in ("input_tokens", "output_tokens"):
        assert cost("gpt-4o", {**tokens(5, 5), name: odd}) is None
    if odd not in ([], {}):
        for name in ("cached_tokens", "audio_tokens", "cache_write_tokens"):
            assert cost("gpt-4o", tokens(5, 5, {name: odd})) is None
            assert cost("gpt-audio", tokens(5, 5, {"audio_tokens": 0, name: odd}, {"audio_tokens": 0})) is None
    if not isinstance(odd, dict):
        assert cost("gpt-4o", tokens(5, 5, odd)) is None
    assert cost("text-embedding-3-small", {"prompt_tokens": 5, "total_tokens": odd}) is None
    if odd != 1.5:
        assert cost("whisper-1", {"type": "duration", "seconds": odd}) is None or odd == "12"
        assert cost("sora-2", units={"seconds": odd}) is None or odd == "12"
    assert cost("tts-1", units={"characters": odd}) is None
    assert cost("gpt-image-1", units={"size": "1024x1024", "quality": "high", "n": odd}) is None
    for name in ("size", "quality", "region", "cache_ttl", "search_context_size", "web_search_calls"):
        for model in ("gpt-image-1", "gpt-5.6", "sora-2"):
            cost(model, tokens(5, 5, {"cache_write_tokens": 1}), units={name: odd, "web_search_calls": 1})
            cost(model, units={name: odd, "seconds": 4})


def test_more_cached_tokens_than_tokens_are_no_cost() -> None:
    assert cost("gpt-4o", tokens(5, 5, {"cached_tokens": 6})) is None
    assert cost("gpt-audio", tokens(5, 5, {"audio_tokens": 6}, {"audio_tokens": 0})) is None
    assert cost("gpt-audio", tokens(5, 5, {"audio_tokens": 5}, {"audio_tokens": 6})) is None


# --- requests and results ---


def test_a_request_says_what_usage_does_not() -> None:
    assert units_of("speech", {"input": "hello", "voice": "alloy"}) == {"characters": 5}
    assert units_of("speech", {}) == {}
    assert units_of("video", {"prompt": "sea", "seconds": "8", "size": "1280x720"}) == {
        "seconds": "8",
        "size": "1280x720",
    }
    assert units_of("image", {"prompt": "sea", "size": "1024x1024", "quality": "low", "n": 2, "user": "u"}) == {
        "size": "1024x1024",
        "quality": "low",
        "n": 2,
    }
    body = {"tools": [{"type": "web_search", "search_context_size": "high"}, 5], "prompt_cache_options": {"ttl": "12h"}}
    assert units_of("responses", body) == {"search_context_size": "high", "cache_ttl": "12h"}
    assert units_of("chat", {"web_search_options": {"search_context_size": "low"}}) == {"search_context_size": "low"}
    assert units_of("chat", {"tools": "odd", "prompt_cache_options": 5, "web_search_options": 7}) == {}


def record(model: str) -> CallRecord:
    def price(usage: Any, tier: str | None, units: Mapping[str, Any] | None = None) -> Cost | None:
        return cost_of(facts(model), usage, as_of=AS_OF, tier=tier, units=units)

    return CallRecord(price=price)


def test_a_result_costs_what_its_usage_and_tier_say() -> None:
    answer = ChatCompletion.model_validate({"choices": [], "usage": CHAT, "service_tier": "priority"})
    assert answer.cost is None
    answer.attach(record("gpt-4o"))
    assert answer.cost == cost("gpt-4o", CHAT, tier="priority") != cost("gpt-4o", CHAT)
    assert "cost" not in answer.model_dump()


def test_a_response_costs_its_searches_too_and_is_not_known_with_other_tools_that_have_a_fee() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}
    opened = {"type": "web_search_call", "id": "ws_2", "action": {"type": "open_page", "url": "u"}}

    def cost_with(*output: Any) -> Any:
        answer = ResponseObject.model_validate({"output": output, "usage": tokens(1000, 100)})
        answer.attach(record("gpt-5"))
        return answer.cost and {name: round(usd * 1e6) for name, usd in answer.cost.breakdown.items()}

    spent = {"input": 1250, "output": 1000}
    assert cost_with() == cost_with({"type": "function_call"}, opened, 5) == spent
    assert cost_with(search, opened, search) == {**spent, "web_search": 20_000}
    assert cost_with({"type": "web_search_call"}) == {**spent, "web_search": 10_000}
    assert cost_with(search, {"type": "code_interpreter_call"}) is None


def test_images_and_videos_cost_what_they_say_of_themselves() -> None:
    image = {"data": [{"url": "u"}, {"url": "u"}], "size": "1024x1024", "quality": "low"}
    answer = ImagesResponse.model_validate(image)
    answer.attach(record("gpt-image-1"))
    assert answer.cost == 0.022
    counted = ImagesResponse.model_validate({**image, "usage": tokens(10, 0, {"text_tokens": 10, "image_tokens": 0})})
    counted.attach(record("gpt-image-1"))
    assert counted.cost == pytest.approx(50e-6)
    for status, usd in (("queued", 0.4), ("completed", 0.4), ("failed", None)):
        job = Video.model_validate({"id": "v", "seconds": "4", "status": status})
        job.attach(record("sora-2"))
        assert job.cost == usd


def test_bytes_cost_what_their_record_says() -> None:
    assert BinaryResponse(b"").cost is None
    given = CallRecord(price=lambda usage, tier: cost("tts-1", usage, tier=tier, units={"characters": 1000}))
    assert BinaryResponse(b"", record=given).cost == 0.015
