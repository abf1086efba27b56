"""The short way to the cost of an ordinary answer comes to what the general way does, or leaves the answer to it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.prices import Cost, ModelPrices, cost_of
from llmgate_core.catalogue.prices.amounts import MAX_COUNT, NotKnownError
from llmgate_core.catalogue.prices.model import general_parts
from llmgate_core.catalogue.prices.text import TextPrices
from llmgate_core.catalogue.prices.tier import TierPrices
from llmgate_core.catalogue.prices.usage import TIERS, billed_tier
from tests.support.examples import examples

AS_OF = "2026-11-22"
SHIPPED = Catalogue.shipped()
ROWS = [row.facts for name in SHIPPED.names() if (row := SHIPPED.lookup("openai", name)) and row.facts.get("pricing")]
CHAT = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}


def mostly(usual: st.SearchStrategy[Any], *odd: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for usual values, and once in ten times for an odd one."""
    return st.integers(0, 9).flatmap(lambda number: usual if number < 9 else st.sampled_from(odd))


PRICES = mostly(st.sampled_from([0, 0.0, 1, 2.5, 1e-9]), 10**12, 10**13, -1.0, math.nan, math.inf, True, None)
EDGES = (128_000, 128_001, 200_000, 200_001, 272_000, 272_001, MAX_COUNT, MAX_COUNT + 1)
COUNTS = mostly(st.one_of(st.integers(0, 5), st.integers(0, 300_000)), *EDGES)
ODD = (None, -1, 1.5, 2.0, 10**400, math.nan, math.inf, "12", "", True, False, [], [1], {}, {"a": 1})
VALUES = mostly(COUNTS, *ODD)


def objects(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


LISTS = dict.fromkeys(("input", "output", "cached_input", "cache_write", "cache_write_12h"), PRICES)
THRESHOLDS = st.sampled_from([0, 3, 3.5, 200_000, -1, math.nan, "many", None])
LONG = st.one_of(st.none(), st.just({}), objects({}, {**LISTS, "above_input_tokens": THRESHOLDS}))
TIER_LISTS = objects({}, {**LISTS, "long_context": LONG})
KIND_LISTS = objects({}, {"input": PRICES, "output": PRICES, "cached_input": PRICES, "batch_input": PRICES})
ODD_ROWS = objects(
    {
        "pricing": objects(
            {"standard": TIER_LISTS},
            {
                "batch": TIER_LISTS,
                "priority": TIER_LISTS,
                "audio_tokens": st.one_of(st.none(), KIND_LISTS),
                "image_tokens": KIND_LISTS,
                "web_search_usd_per_call": st.sampled_from([{}, {"medium": 0.01}, {"medium": None}]),
                "regional_uplift": st.sampled_from([{"eu": 1.1}, {"eu": -1}]),
            },
        )
    },
    {
        "sources": st.sampled_from([[], ["openapi"], ["openapi", "seed"], ["elsewhere"]]),
        "endpoints": st.sampled_from([["chat"], ["responses", "chat"], []]),
        "modalities": st.sampled_from([{"input": ["audio"], "output": ["text"]}, {"output": ["image"]}]),
    },
)
"""Rows with missing prices, prices that make no sense, and thresholds at which input is long."""

NAMES = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "text_tokens", "reasoning_tokens")
SPLITS = objects({}, {"audio_tokens": VALUES, "image_tokens": VALUES, "text_tokens": VALUES})
COUNTED = objects({}, {**dict.fromkeys(NAMES, VALUES), "cached_tokens_details": SPLITS})
USUAL = objects({}, {"cached_tokens": st.integers(0, 3), "audio_tokens": st.just(0), "reasoning_tokens": COUNTS})
DETAILS = mostly(st.one_of(st.none(), USUAL, USUAL, COUNTED), *ODD)


def shape(read: str, written: str, details: str, written_details: str) -> st.SearchStrategy[dict[str, Any]]:
    return objects(
        {read: VALUES, written: VALUES}, {details: DETAILS, written_details: DETAILS, "total_tokens": VALUES}
    )


CHATS = shape("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
RESPONSES = shape("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")
OTHERS = st.one_of(
    shape("input_tokens", "output_tokens", "input_token_details", "output_tokens_details"),
    objects({}, {"prompt_tokens": VALUES, "input_tokens": VALUES, "total_tokens": VALUES}),
    objects({"type": st.just("duration")}, {"seconds": VALUES}),
)
USAGES = mostly(st.one_of(CHATS, RESPONSES, OTHERS), None, {})
UNITS = st.one_of(
    st.none(),
    st.just({}),
    st.just({"web_search_calls": 0}),
    objects(
        {},
        {
            "region": st.sampled_from(["eu", "moon"]),
            "cache_ttl": st.sampled_from(["30m", "12h", "1y"]),
            "web_search_calls": VALUES,
            "search_context_size": st.sampled_from(["medium", "odd"]),
            "characters": VALUES,
            "seconds": VALUES,
        },
    ),
)
TIER_NAMES = st.one_of(st.just(None), st.just("default"), st.sampled_from([*TIERS, "scale", ""]))


def general_cost(facts: Any, usage: Any, tier: str | None, units: Any) -> Cost | None:
    """Return the cost by the general way alone."""
    name = TIERS.get(tier)
    if name is None:
        return None
    prices = TierPrices(facts, facts["pricing"], name)
    try:
        parts = general_parts(prices, usage, units or {})
    except NotKnownError:
        return None
    return Cost(sum(parts.values()), source=prices.source, as_of=AS_OF, breakdown=parts)


def shown(cost: Cost | None) -> Any:
    """Return all that a cost shows; as text where a price that is not a number would be unlike itself."""
    return cost and (repr(float(cost)), repr(dict(cost.breakdown)), cost.source, cost.as_of)


CALLS = st.lists(st.tuples(USAGES, TIER_NAMES, UNITS), min_size=3, max_size=6)


@examples(1_000)
@given(facts=st.one_of(st.sampled_from(ROWS), st.sampled_from(ROWS), ODD_ROWS), calls=CALLS)
@example(ROWS[0], [(CHAT, tier, None) for tier in TIERS])
def test_both_ways_come_to_the_same_cost(facts: Any, calls: list[tuple[Any, str | None, Any]]) -> None:
    prices = ModelPrices(facts, AS_OF)  # of several calls, since it keeps what it has read of a tier
    for usage, tier, units in calls:
        found = prices.cost_of(usage, tier=tier, units=units)
        assert shown(found) == shown(general_cost(facts, usage, tier, units))
        assert shown(found) == shown(cost_of(facts, usage, as_of=AS_OF, tier=tier, units=units))


@pytest.mark.parametrize(
    "usage",
    [
        CHAT,
        {**CHAT, "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": 400}},
        {**CHAT, "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0}},
        {"input_tokens": 1000, "output_tokens": 500, "input_tokens_details": {"cached_tokens": 0, "image_tokens": 9}},
    ],
)
def test_an_ordinary_answer_takes_the_short_way_with_most_models(usage: Any) -> None:
    taken = 0
    for facts in ROWS:
        prices = TierPrices(facts, facts["pricing"], "standard")
        try:
            parts = TextPrices(prices).parts(usage)
        except NotKnownError:
            continue
        taken += parts is not None
        assert parts == general_parts(prices, usage, {})
    assert taken > 100


@pytest.mark.parametrize("made", [{"audio_tokens": 5}, {"image_tokens": 5}, 5, "text", [1]])
def test_an_answer_that_is_not_only_text_has_no_cost_by_prices_of_text(made: Any) -> None:
    row = SHIPPED.lookup("openai", "gpt-4o")
    assert row is not None
    assert row.prices.cost_of({**CHAT, "completion_tokens_details": made}) is None
    assert row.prices.cost_of({**CHAT, "completion_tokens_details": {}}) == 0.0075


def test_input_is_long_by_the_same_threshold_either_way() -> None:
    checked = 0
    for facts in ROWS:
        long = facts["pricing"].get("standard", {}).get("long_context")
        if not long:
            continue
        for above in (0, 1):
            usage = {"prompt_tokens": long["above_input_tokens"] + above, "completion_tokens": 1}
            for tier in ("standard", "batch", "flex", "priority"):
                found = ModelPrices(facts, AS_OF).cost_of(usage, tier=tier, units={})
                assert shown(found) == shown(general_cost(facts, usage, tier, {}))
                checked += found is not None
    assert checked > 20


def test_a_row_without_prices_has_no_cost() -> None:
    for facts in ({}, {"pricing": None}, {"pricing": {}}):
        assert ModelPrices(facts, AS_OF).cost_of(CHAT) is None


@pytest.mark.parametrize(
    ("answered", "in_usage", "asked", "billed"),
    [
        ("priority", "flex", "batch", "priority"),
        (None, "flex", "batch", "flex"),
        ("", None, "batch", "batch"),
        (5, ["flex"], "batch", "batch"),
        (None, None, None, None),
        ("", "", "", None),
        (0, {}, 7, None),
    ],
)
def test_the_tier_that_is_billed_is_the_first_that_is_named(
    answered: Any, in_usage: Any, asked: Any, billed: str | None
) -> None:
    assert billed_tier(answered, {"service_tier": in_usage}, asked) == billed


def test_usage_that_is_no_object_names_no_tier() -> None:
    for usage in (None, 5, "flex", ["flex"]):
        assert billed_tier(None, usage, "batch") == "batch"
