"""Which known name a misspelt one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["near_name"]

LEAST_RATIO = 0.85
"""As `difflib` counts. `top_k` and `top_p`, or `min_tokens` and `max_tokens`, which are no slips, have 0.8."""


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the name of `known` that differs from `name` in marks, case or a letter or two, or None."""
    names = sorted(known)
    bare = _without_marks(name)
    for candidate in names:
        if _without_marks(candidate) == bare:
            return candidate
    import difflib  # only for names that are not known

    near = difflib.get_close_matches(name, names, 1, LEAST_RATIO)
    return near[0] if near else None


def _without_marks(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
