"""Which known name a misspelt one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["near_name", "similar_names"]

LEAST_RATIO = 0.85
"""As `difflib` counts. `top_k` and `top_p`, or `min_tokens` and `max_tokens`, which are no slips, have 0.8."""


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the name of `known` that differs from `name` in marks, case or a letter or two, or None."""
    names = sorted(known)
    bare = _without_marks(name)
    for candidate in names:
        if _without_marks(candidate) == bare or _are_swapped(name, candidate):
            return candidate
    import difflib  # only for names that are not known

    near = difflib.get_close_matches(name, names, 1, LEAST_RATIO)
    return near[0] if near else None


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three names of `known` that look like `name`, the most similar first; for error messages."""
    import difflib

    return difflib.get_close_matches(name.lower(), sorted(known), 3)


def _without_marks(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _are_swapped(name: str, candidate: str) -> bool:
    """Return whether two names differ by two neighbouring letters that changed places, as `regoin` and `region` do."""
    if len(name) != len(candidate):
        return False
    at = [index for index, pair in enumerate(zip(name, candidate, strict=True)) if pair[0] != pair[1]]
    return len(at) == 2 and at[1] - at[0] == 1 and name[at[0]] + name[at[1]] == candidate[at[1]] + candidate[at[0]]
