"""Who owns a prefix, and which claims are served: any set of claims is judged alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.ownership import Ownership, our_distributions, our_roots
from tests.support.examples import examples

OURS = sorted(our_distributions())
STRANGERS = ["llmgate-acme", "llmgate-aaa", "zzz"]
PREFIXES = ["openai", "openai/ft", "openai/responses", "local", "acme", "acme/deep", "acme/deep/er", "aaa"]

claims = st.builds(
    PluginEntryPoint,
    st.sampled_from(sorted(FAMILIES)),
    st.sampled_from(PREFIXES),
    st.sampled_from([*STRANGERS, *OURS[:2]]),
    st.just("package:plugin"),
    st.just("1.2"),
)
sets_of_claims = st.sets(claims, max_size=12).map(sorted)


def claim(family: str, prefix: str, distribution: str) -> PluginEntryPoint:
    return PluginEntryPoint(family, prefix, distribution, "package:plugin", "1.2")


@examples(200)
@given(sets_of_claims)
def test_every_claim_is_served_or_refused_and_only_owners_are_served(found: list[PluginEntryPoint]) -> None:
    ownership = Ownership(found, {})
    served = [each for group in ownership.served.values() for each in group]
    refused = [each for group in ownership.refused.values() for each in group]
    assert sorted(served + refused) == found
    for each in served:
        assert each.distribution in ownership.owners(each.prefix)
        if each.prefix.split("/")[0] in our_roots():
            assert each.distribution in our_distributions()
    assert {notice.claim for notice in ownership.notices()} >= set(refused)


@examples(200)
@given(sets_of_claims, claims)
def test_a_further_claim_takes_nothing_from_an_owner(found: list[PluginEntryPoint], late: PluginEntryPoint) -> None:
    """Unless it claims the root for an earlier family, or a prefix above it that was not claimed before."""
    before, after = Ownership(found, {}), Ownership(sorted({*found, late}), {})
    for each in found:
        if before.owners(each.prefix) == after.owners(each.prefix):
            assert (each in before.served.get((each.family, each.prefix), ())) == (
                each in after.served.get((each.family, each.prefix), ())
            )
    if late.prefix.split("/")[0] in our_roots() and late.distribution not in our_distributions():
        assert after.served == before.served


@examples(200)
@given(sets_of_claims, st.data())
def test_what_the_user_prefers_is_served_and_nothing_else_changes_hands(
    found: list[PluginEntryPoint], data: st.DataObject
) -> None:
    if not found:
        return
    chosen = data.draw(st.sampled_from(found))
    ownership = Ownership(found, {f"{chosen.family}:{chosen.prefix}": chosen.distribution})
    assert ownership.served[chosen.family, chosen.prefix] == (chosen,)
    for root in ("openai", "local"):
        assert ownership.owners(root) == our_distributions()


@examples(200)
@given(sets_of_claims, st.sampled_from(STRANGERS))
def test_a_stranger_never_owns_a_provider_of_ours(found: list[PluginEntryPoint], stranger: str) -> None:
    ownership = Ownership(found, {})
    for prefix in ("openai", "openai/ft", "local"):
        assert not ownership.owns(stranger, prefix)
        assert not ownership.owns_provider(stranger, prefix)
    assert not ownership.owns_provider(stranger, "unclaimed")


def test_the_first_family_decides_who_owns_a_root() -> None:
    ownership = Ownership([claim("responses", "acme", "zzz"), claim("chat", "acme", "llmgate-acme")], {})
    assert ownership.owners("acme") == ownership.owners("acme/deep") == {"llmgate-acme"}
    assert list(ownership.served) == [("chat", "acme")]
    assert list(ownership.refused) == [("responses", "acme")]


def test_prefixes_without_a_common_root_belong_to_those_who_claim_them() -> None:
    found = [claim("chat", "hub/one", "llmgate-aaa"), claim("chat", "hub/two", "zzz")]
    ownership = Ownership(found, {})
    assert (ownership.owners("hub/one"), ownership.owners("hub/two")) == ({"llmgate-aaa"}, {"zzz"})
    assert ownership.refused == {}


def test_a_disputed_prefix_gives_no_claimant_a_provider() -> None:
    ownership = Ownership([claim("chat", "acme", "llmgate-acme"), claim("chat", "acme", "zzz")], {})
    assert not ownership.owns_provider("llmgate-acme", "acme")
    decided = Ownership(
        [claim("chat", "acme", "llmgate-acme"), claim("chat", "acme", "zzz")], {"chat:acme": "llmgate_acme"}
    )
    assert decided.owns_provider("llmgate-acme", "acme")
    assert not decided.owns_provider("zzz", "acme")
