"""The headers of an upstream's answer, in the names that they have here: OpenAI's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["in_our_names"]

RawHeaders = Sequence[tuple[bytes, bytes]]


def in_our_names(headers: RawHeaders, names: Mapping[bytes, bytes]) -> RawHeaders:
    """Return headers with those of `names` under both of their names.

    Everything that reads a request id or a rate limit then finds it, whatever the provider calls it. The provider's
    own header wins over one of our name, which may come from a proxy in between.
    """
    renamed = [(ours, value) for name, value in headers if (ours := names.get(name.lower())) is not None]
    if not renamed:
        return headers
    taken = {name for name, _ in renamed}
    return [*(header for header in headers if header[0].lower() not in taken), *renamed]
