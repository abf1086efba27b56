"""The rows that are shipped: one JSON file for each provider, named after it.

Read one at a time, and only when a call goes there: `entry_points.txt` has what discovery needs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from llmgate_core.plugin import decode, errors
from llmgate_providers.row import Row, row_of

__all__ = ["attribute_of", "row_names", "shipped_row"]

FOLDER = Path(__file__).parent
LIKE = "like"


@cache
def row_names() -> tuple[str, ...]:
    """Return the names of the rows that are shipped, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def shipped_row(name: str) -> Row:
    """Return a row that is shipped.

    Raises:
        ConfigError: there is none of this name, or its file is damaged.
    """
    return row_of(_document(name), f"rows/{name}.json", is_shipped=True)


def attribute_of(name: str) -> str:
    """Return the name under which `plugins.py` has a row: a prefix may have `-` and `.`, an attribute may not."""
    return name.replace("-", "_").replace(".", "_")


def _document(name: str) -> dict[str, Any]:
    """Return a row's JSON; of one that is `like` another, what it does not say itself is the other's."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise errors.ConfigError(f"there is no row {name!r}; there are {', '.join(row_names())}")
    document: dict[str, Any] = decode(path.read_bytes())
    if LIKE not in document:
        return document
    other = _document(document[LIKE])
    own = {key: value for key, value in document.items() if key != LIKE}
    return {**{key: value for key, value in other.items() if key != "aliases"}, **own}
