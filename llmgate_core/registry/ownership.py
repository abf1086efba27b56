"""Decide which distribution owns a prefix, and which claims are served. Pure: claims in, a table out.

A key that is given for a prefix must not reach a stranger, and no plugin may be imported to find out. So ownership
follows from the claims alone. A prefix, and all prefixes below it, belong to the distribution that claims its root; if
several do for different families, to the one with the first of them in `FAMILIES`. If several claim that same family,
they dispute the prefix, and nothing below it is served until the user decides. Our own prefixes belong to our
distributions, which are one owner. A claim of any other distribution is served only if the user prefers it.

Source: docs/plugins/ownership.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from llmgate_core.catalogue.providers import shipped_providers
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.registry.entry_points import PluginEntryPoint, first_party, normalise
from llmgate_core.registry.notices import PluginNotice

__all__ = ["ENVIRONMENT_LIST", "Ownership", "dispute", "our_distributions", "our_roots", "shown"]

ENVIRONMENT_LIST = "LLMGATE_PLUGINS"
Claims = tuple[PluginEntryPoint, ...]
FamilyAndPrefix = tuple[str, str]


@cache
def our_distributions() -> frozenset[str]:
    """Return the distributions that the first-party data names: one owner."""
    return frozenset(name for prefixes in first_party().values() for name in prefixes.values())


@cache
def our_roots() -> frozenset[str]:
    """Return the first segments of the prefixes that belong to our distributions."""
    return frozenset(prefix.split("/")[0] for prefixes in first_party().values() for prefix in prefixes)


class Ownership:
    """Which claims are served, and which are refused because the prefix belongs to another distribution.

    Args:
        claims: those that the policy allows.
        prefer: `family:prefix` -> the distribution that serves it, as the user decided.

    Attributes:
        served: (family, prefix) -> the claims that may serve it; several are a conflict.
        refused: (family, prefix) -> the claims of distributions that do not own the prefix.
    """

    def __init__(self, claims: Iterable[PluginEntryPoint], prefer: Mapping[str, str]) -> None:
        self._prefer = prefer
        by_route: dict[FamilyAndPrefix, Claims] = {}
        self._claimed: dict[str, dict[str, Claims]] = {}
        for claim in claims:
            if claim.family in FAMILIES:
                key = (claim.family, claim.prefix)
                by_route[key] = (*by_route.get(key, ()), claim)
                self._claimed.setdefault(claim.prefix, {})[claim.family] = by_route[key]
        self.served: dict[FamilyAndPrefix, Claims] = {}
        self.refused: dict[FamilyAndPrefix, Claims] = {}
        for (family, prefix), claimed in by_route.items():
            self._decide(family, prefix, claimed)

    def owners(self, prefix: str) -> frozenset[str]:
        """Return the distributions that own a prefix: none if it is not claimed, several if they dispute it."""
        root = self.root(prefix)
        if root in our_roots():
            return our_distributions()
        claims = self._first_claims(root)
        claimants = frozenset(claim.distribution for claim in claims)
        preferred = self.preferred(claims[0].family, root) if claims else None
        return claimants if preferred is None or preferred not in claimants else frozenset({preferred})

    def _first_claims(self, root: str) -> Claims:
        """Return the claims on a root for the first family for which there is one."""
        claims = self._claimed.get(root, {})
        return next((claims[family] for family in FAMILIES if family in claims), ())

    def owns(self, distribution: str, prefix: str) -> bool:
        """Return whether a prefix belongs to a distribution, undisputed."""
        return distribution in self.owners(prefix) and not self.is_disputed(prefix)

    def owns_provider(self, distribution: str, provider: str) -> bool:
        """Return whether a distribution may give facts and prices of a provider: it owns the prefix of that name."""
        if provider in shipped_providers():
            return distribution in our_distributions()
        return self.owns(distribution, provider)

    def is_disputed(self, prefix: str) -> bool:
        """Return whether several distributions, which are not one owner, claim the root of a prefix alike."""
        owners = self.owners(prefix)
        return len(owners) > 1 and owners != our_distributions()

    def rivals(self, family: str, prefix: str) -> Claims:
        """Return the claims between which the user must choose before a route is served; empty: it is decided."""
        claims = self.served.get((family, prefix), ())
        if len(claims) > 1:
            return claims
        if not claims or not self.is_disputed(prefix) or self.preferred(family, prefix) == claims[0].distribution:
            return ()
        return self._first_claims(self.root(prefix))

    def root(self, prefix: str) -> str:
        """Return the shortest prefix that is claimed, or ours, and that `prefix` is or is below."""
        segments = prefix.split("/")
        if segments[0] in our_roots():
            return segments[0]
        above = ("/".join(segments[:count]) for count in range(1, len(segments)))
        return next((candidate for candidate in above if candidate in self._claimed), prefix)

    def claims_of_owner(self, prefix: str) -> Claims:
        """Return the claims of a prefix's owner on its root, of every family; none, if the prefix is disputed."""
        owners = frozenset[str]() if self.is_disputed(prefix) else self.owners(prefix)
        claims = self._claimed.get(self.root(prefix), {}).values()
        return tuple(claim for claimed in claims for claim in claimed if claim.distribution in owners)

    def preferred(self, family: str, prefix: str) -> str | None:
        """Return the distribution that the user chose for a prefix, normalised."""
        for spelling in (f"{family}:{prefix}", f"{family}:{prefix}/"):
            if (name := self._prefer.get(spelling)) is not None:
                return normalise(name)
        return None

    def refusal(self, claim: PluginEntryPoint) -> str:
        """Return why a claim is not served, and what would serve it."""
        family, prefix = claim.family, claim.prefix
        served = self.served.get((family, prefix), ())
        instead = f"it is served by {shown(served)}" if served else "the claim is not served"
        return (
            f"{shown((claim,))} claims '{prefix}/' for {family}, but '{self.root(prefix)}/' belongs to "
            f"{self._owner_of(family, prefix)}: {instead}; PluginPolicy(prefer={{'{family}:{prefix}': "
            f"'{claim.distribution}'}}) lets it serve, {ENVIRONMENT_LIST}=-{claim.distribution} switches it off"
        )

    def notices(self) -> Iterator[PluginNotice]:
        """Yield what is refused, disputed, or served by a choice of the user's."""
        for claims in self.refused.values():
            for claim in claims:
                yield PluginNotice("prefix", self.refusal(claim), claim)
        for (family, prefix), claims in self.served.items():
            if rivals := self.rivals(family, prefix):
                message = f"'{prefix}/' for {family} is not served: {dispute(rivals)}"
                yield PluginNotice("prefix", message, claims[0], is_raised=True)
            elif not self.owns(claims[0].distribution, prefix):
                message = (
                    f"'{prefix}/' for {family} is served by {shown(claims)} because you prefer it; a key that is given "
                    f"for '{prefix}/' is kept back from it, because that belongs to {self._owner_of(family, prefix)}"
                )
                yield PluginNotice("key", message, claims[0], is_decided=True, is_raised=True)
        for route, name in self._prefer.items():
            family, _, prefix = route.partition(":")
            claims = self._claimed.get(prefix.rstrip("/"), {}).get(family, ())
            if normalise(name) not in {claim.distribution for claim in claims}:
                message = f"prefer names {name!r} for {route!r}, but no distribution of that name claims it"
                yield PluginNotice("name", message)

    def _decide(self, family: str, prefix: str, claims: Claims) -> None:
        if self._prefer and (preferred := self.preferred(family, prefix)) is not None:
            chosen = tuple(claim for claim in claims if claim.distribution == preferred)
            if chosen:
                self.served[family, prefix] = chosen
                return
        owners = self.owners(prefix)
        if len(claims) == 1 and claims[0].distribution in owners:
            self.served[family, prefix] = claims
            return
        owned = tuple(claim for claim in claims if claim.distribution in owners)
        if owned:
            self.served[family, prefix] = owned
        if len(owned) < len(claims):
            self.refused[family, prefix] = tuple(claim for claim in claims if claim not in owned)

    def _owner_of(self, family: str, prefix: str) -> str:
        """Return the owner's name for a message: of several distributions of one owner, the one for this family."""
        ours = first_party().get(family, {})
        name = ours.get(prefix) or ours.get(self.root(prefix))
        return name or shown(self.claims_of_owner(prefix)) or "another distribution"


def dispute(rivals: Claims) -> str:
    """Return the distributions that dispute a route, and how to decide."""
    route = f"{rivals[0].family}:{rivals[0].prefix}"
    return (
        f"'{rivals[0].prefix}/' for {rivals[0].family} is claimed by {shown(rivals)}; choose one with "
        f"PluginPolicy(prefer={{'{route}': 'DISTRIBUTION'}}) or block one with {ENVIRONMENT_LIST}=-NAME"
    )


def shown(claims: Iterable[PluginEntryPoint]) -> str:
    """Return the distributions of claims with their versions, for a message."""
    return " and ".join(dict.fromkeys(f"{claim.distribution} {claim.version}" for claim in claims))
