"""Say why a claim cannot be used, from what is installed alone: a lock refuses it, or its group or name is wrong.

Imports no plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.registry.entry_points import GROUP_PREFIX, PluginEntryPoint, claim_mistakes
from llmgate_core.settings.near_name import near_name

__all__ = ["is_meant", "nearest", "unusable_claims"]

KNOWN_GROUPS = (*FAMILIES, "commands", "extensions", "models", "sources")
"""Groups of entry points that core reads; those with a dot belong to other distributions."""


def unusable_claims(
    claims: Sequence[PluginEntryPoint], locked_out: Mapping[str, str]
) -> Mapping[PluginEntryPoint, str]:
    """Return claim -> why it cannot be used.

    Args:
        claims: those of every installed distribution.
        locked_out: distribution -> why the lock of plugins refuses it.
    """
    mistakes = claim_mistakes()
    groups = {family: _is_mistaken(family) for family in {claim.family for claim in claims}}
    unusable: dict[PluginEntryPoint, str] = {}
    for claim in claims:
        if reason := locked_out.get(claim.distribution) or mistakes.get(claim):
            unusable[claim] = reason
        elif groups[claim.family]:
            unusable[claim] = _mistaken_group(claim)
    return unusable


def _is_mistaken(group: str) -> bool:
    return group not in KNOWN_GROUPS and "." not in group


def _mistaken_group(claim: PluginEntryPoint) -> str:
    near = near_name(claim.family, KNOWN_GROUPS)
    hint = f"; did its author mean {GROUP_PREFIX}{near}?" if near else f"; the groups are {', '.join(KNOWN_GROUPS)}"
    return f"{claim.prefix!r} is never served: there is no group {GROUP_PREFIX}{claim.family}{hint}"


def is_meant(claim: PluginEntryPoint, family: str, prefix: str) -> bool:
    """Return whether the author of a claim meant it for a route, although it is misspelt."""
    meant = claim.family if claim.family in KNOWN_GROUPS else near_name(claim.family, KNOWN_GROUPS)
    return meant == family and prefix in (claim.prefix, claim.prefix.lower())


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that a misspelt one may mean."""
    import difflib  # only for a name that is wrong

    return next(iter(difflib.get_close_matches(name, names, 1)), None)
