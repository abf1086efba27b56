"""Match a requested name with a pattern, and put what its stars match into a model string.

Pure, and linear in the name's length.

Source: LiteLLM's wildcard routing: what the name's star matches takes the place of the model's star.
"""

from __future__ import annotations

__all__ = ["fill", "literal_length", "match"]


def literal_length(pattern: str) -> int:
    """Return the number of literal characters; the pattern with the most wins."""
    return len(pattern) - pattern.count("*")


def match(pattern: str, name: str) -> tuple[str, ...] | None:
    """Return what each star (at most two) of `pattern` matches in `name`, or None if it does not match.

    A star matches at least one character; the first of two matches as much as it can.
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
    """Return the model string for `name`, or None if the pattern does not match it.

    A name that already begins with what precedes the model's star does not get it twice.
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
