"""Match a requested name with a name that has stars, and put what the stars stand for into a model string.

Pure, and linear in the name's length.

Source: LiteLLM's wildcard routing: text of the name's star goes where the model's star is.
"""

from __future__ import annotations

__all__ = ["fill", "literal_length", "match"]


def literal_length(pattern: str) -> int:
    """Return how many characters of a pattern are no stars; the longest wins."""
    return len(pattern) - pattern.count("*")


def match(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what each star (two at most) of `pattern` stands for in `name`; None: no match.

    A star stands for at least one character; the first of two takes as much as it can.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return () if name == pattern else None
    last = rest[-1]
    end = len(name) - len(last)
    if not name.startswith(first) or not name.endswith(last) or end <= len(first):
        return None
    if len(rest) == 1:
        return (name[len(first) : end],)
    middle = rest[0]
    cut = name.rfind(middle, len(first) + 1, end - 1)
    if cut < 0:
        return None
    return name[len(first) : cut], name[cut + len(middle) : end]


def fill(pattern: str, model: str, name: str) -> str | None:
    """Return the model string for `name`, or None where the pattern does not match it.

    A name that already begins with what stands before the model's star is not given it twice.
    """
    stars = match(pattern, name)
    if stars is None:
        return None
    if "*" not in model:
        return model
    before, *rest = model.split("*")
    if len(rest) == 1 and not rest[0] and before.endswith("/") and name.startswith(before) and len(name) > len(before):
        return name
    if len(rest) != len(stars):
        return None
    return before + "".join(star + text for star, text in zip(stars, rest, strict=True))
