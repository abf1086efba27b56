"""JSON values with one place that is missing, null or of another type. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["mutated"]

WRONG: tuple[Any, ...] = (None, 7, "odd", [None], {"odd": []})


def mutated(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield copies of a JSON value with one place changed, and a phrase for the change: each place, each wrong type.

    Of a list the first two items are changed, since the others are like them.
    """
    for path in _paths(value):
        if path:
            yield f"{_shown(path)} missing", _with(value, path, None, remove=True)
        for wrong in WRONG:
            if type(wrong) is not type(_at(value, path)):
                yield f"{_shown(path)} = {wrong!r}", _with(value, path, wrong)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = (
        value.items() if isinstance(value, Mapping) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield from _paths(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(value: Any, path: tuple[Any, ...], new: Any, *, remove: bool = False) -> Any:
    """Return a copy in which one place has a new value or is missing; the rest is shared."""
    if not path:
        return new
    key, *below = path
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    if remove and not below:
        del copy[key]
    else:
        copy[key] = _with(value[key], tuple(below), new, remove=remove)
    return copy


def _shown(path: tuple[Any, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".") or "the whole"
