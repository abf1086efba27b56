"""Which slips of a name are recognised, and which two names are different things."""

from __future__ import annotations

import pytest

from llmgate_core.settings.near_name import near_name


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("Max-Tokens", ["max_tokens", "top_p"], "max_tokens"),
        ("temprature", ["temperature"], "temperature"),
        ("regoin", ["project", "region"], "region"),
        ("caht", ["chat"], "chat"),
        ("top_k", ["top_p"], None),
        ("min_tokens", ["max_tokens"], None),
        ("abcd", ["badc"], None),
        ("", ["region"], None),
    ],
)
def test_a_slip_has_a_near_name_and_another_word_has_none(name: str, known: list[str], near: str | None) -> None:
    assert near_name(name, known) == near
