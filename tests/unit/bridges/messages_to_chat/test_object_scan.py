"""The end of a JSON object that arrives in pieces: found wherever the pieces are cut, at its last character."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.messages_to_chat.object_scan import ObjectScan
from tests.support.examples import examples

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\{}[]é\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a"\\{}'), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(alphabet='a"\\{}[]'), VALUES, max_size=4), size=st.integers(1, 9))
@examples(60)
def test_an_object_ends_with_its_last_character(value: dict[str, object], size: int) -> None:
    text = json.dumps(value)
    scan = ObjectScan()
    for at in range(0, len(text), size):
        assert not scan.is_over
        scan.feed(text[at : at + size])
    assert scan.is_over
