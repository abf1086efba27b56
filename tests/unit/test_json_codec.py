"""JSON is counted without being decoded: what its strings hold does not count."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.json_codec import PLAIN_VALUES, SLICE_BYTES, encode, has_more_values
from tests.support.examples import examples

TEXT = st.text(alphabet='\\"a[]{}:,é', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=40,
)


def weight_of(value: Any) -> float:
    """Return what a value counts as: by its definition, from the decoded tree."""
    if isinstance(value, dict):
        return 1 + len(value) + max(0, len(value) - 1) / PLAIN_VALUES + sum(map(weight_of, value.values()))
    if isinstance(value, list):
        return 1 + max(0, len(value) - 1) / PLAIN_VALUES + sum(map(weight_of, value))
    return 0


@examples(1000)
@given(VALUES, st.booleans())
def test_the_count_is_that_of_the_decoded_tree(value: Any, ascii_only: bool) -> None:
    content, weight = json.dumps(value, ensure_ascii=ascii_only).encode(), int(weight_of(value))
    assert not has_more_values(content, weight + 1)
    assert weight < 2 or has_more_values(content, weight - 1)


@pytest.mark.parametrize("shift", range(12))
@pytest.mark.parametrize("text", ['"[[[{{{,,,:::', '\\"[', "\\\\", "\\" * 7 + '"['])
def test_a_string_is_one_wherever_the_content_is_cut(shift: int, text: str) -> None:
    filler = text * (2 * SLICE_BYTES // len(text))
    content = b" " * shift + json.dumps({"a": filler, "b": [[], []]}).encode()
    assert not has_more_values(content, 7)
    assert has_more_values(content, 6)


def test_an_array_of_many_tokens_is_no_bomb_and_one_of_arrays_is() -> None:
    tokens = json.dumps({"model": "m", "input": [[100_000] * 8192] * 200}).encode()
    assert not has_more_values(tokens, 250_000)
    assert has_more_values(b'{"x":[' + b"[]," * 300_000 + b"[]]}", 250_000)
    assert not has_more_values(json.dumps({"x": "[]," * 3_000_000}).encode(), 250_000)


@pytest.mark.parametrize("level", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_what_is_nested_too_deeply_is_named_so(level: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(400):
        value = level(value)
    with pytest.raises(ValueError, match="is nested too deeply"):
        encode(value)
