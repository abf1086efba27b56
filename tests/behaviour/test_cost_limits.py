"""No policy leaves out a parameter that bounds what a call costs, because its value is malformed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.errors import BadRequestError
from tests.support.examples import examples
from tests.support.prepared_requests import prepared

HI = [{"role": "user", "content": "Hi"}]
CALLS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("chat", "openai/gpt-4o", {"messages": HI}, {"n": 2, "max_tokens": 5, "max_completion_tokens": 5}),
    ("chat", "openai/gpt-5", {"messages": HI}, {"n": 2, "max_tokens": 5, "max_completion_tokens": 5}),
    ("chat", "openai/responses/gpt-5", {"messages": HI}, {"n": 1, "max_tokens": 5, "max_completion_tokens": 5}),
    (
        "chat",
        "text-completion-openai/gpt-3.5-turbo-instruct",
        {"messages": HI},
        {"n": 2, "max_tokens": 5, "max_completion_tokens": 5},
    ),
    ("responses", "openai/gpt-4o", {"input": "Hi"}, {"max_output_tokens": 50, "max_tool_calls": 3}),
    (
        "text_completion",
        "text-completion-openai/gpt-3.5-turbo-instruct",
        {"prompt": "Hi"},
        {"n": 2, "best_of": 3, "max_tokens": 5},
    ),
    ("embedding", "openai/text-embedding-3-small", {"input": "Hi"}, {"dimensions": 256}),
    ("image", "openai/gpt-image-1", {"prompt": "a cat"}, {"n": 2, "partial_images": 1, "stream": True}),
    ("video", "openai/sora-2", {"prompt": "a cat"}, {"seconds": "4"}),
)
LIMITS = [
    (family, model, inputs, name) for family, model, inputs, params in CALLS for name in params if name != "stream"
]
MALFORMED = st.one_of(
    st.text(max_size=5),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.integers(max_value=-1),
    st.integers(min_value=10**6),
)


@pytest.mark.parametrize("policy", ["drop", "forward", "error"])
@pytest.mark.parametrize(("family", "model", "inputs", "name"), LIMITS, ids=lambda value: str(value)[:40])
@examples(25)
@given(value=MALFORMED)
def test_a_malformed_limit_is_refused_or_kept(
    policy: str, family: str, model: str, inputs: dict[str, Any], name: str, value: Any
) -> None:
    try:
        sent = prepared(family, model, inputs, {name: value, "param_policy": policy})
    except BadRequestError:
        return
    assert _holds(sent.body, value), sent.ledger


def test_a_malformed_limit_of_built_in_tools_is_refused_where_there_are_none() -> None:
    arguments = {"use_chat_completions_api": True, "param_policy": "drop"}
    sent = prepared("responses", "openai/gpt-4o", {"input": "Hi"}, {**arguments, "max_tool_calls": 3})
    assert "max_tool_calls" in sent.noted
    with pytest.raises(BadRequestError) as caught:
        prepared("responses", "openai/gpt-4o", {"input": "Hi"}, {**arguments, "max_tool_calls": "3"})
    assert caught.value.param == "max_tool_calls"


@pytest.mark.parametrize(("family", "model", "inputs", "params"), CALLS, ids=lambda value: str(value)[:40])
def test_a_well_formed_limit_is_sent(family: str, model: str, inputs: dict[str, Any], params: dict[str, Any]) -> None:
    sent = prepared(family, model, inputs, {**params, "param_policy": "drop"})
    assert not any(entry.lossy for entry in sent.ledger), sent.ledger


def _holds(body: Any, value: Any) -> bool:
    """Return whether a request has the value under any name, as JSON or as a field of a form."""
    return any(sent == value or str(sent) == str(value) for sent in body.values())
