"""Parameters of a call, drawn from a table of documented values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st


def as_sent(value: Any) -> Any:
    """Return a file as `Sent` shows it, by its name; anything else as it is."""
    if isinstance(value, tuple):
        return value[0]
    return [as_sent(item) for item in value] if isinstance(value, list) else value


@st.composite
def parameters(draw: st.DrawFn, table: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Draw some of a table's parameters, in any order, with one of their values each."""
    names = draw(st.lists(st.sampled_from(sorted(table)), unique=True)) if table else []
    return {name: draw(st.sampled_from(table[name])) for name in names}
