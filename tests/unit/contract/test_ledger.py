"""The ledger of a conversion: what each kind of entry says, and what each policy makes of what has no counterpart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmgate_core import LedgerEntry, UnsupportedParamsError
from llmgate_core.plugin import Ledger, Route

ROUTE = Route("acme", "acme", "chat", "a-model", "https://acme.example.test/v1")
SOURCE = "the wire"


def ledger(policy: str = "error") -> Ledger:
    return Ledger(replace(ROUTE, param_policy=policy), SOURCE)


def test_each_kind_of_entry_says_what_was_done_and_whether_anything_was_lost() -> None:
    noted = ledger()
    noted.lost("a", "r1")
    noted.dropped("b", "r2")
    noted.bridged("c", "r3")
    noted.emulated("d", "r4")
    assert noted.entries == (
        LedgerEntry("a", "dropped", "r1", SOURCE, lossy=True),
        LedgerEntry("b", "dropped", "r2", SOURCE),
        LedgerEntry("c", "bridged", "r3", SOURCE),
        LedgerEntry("d", "emulated", "r4", SOURCE),
    )


def test_a_stream_that_repeats_itself_is_noted_once_in_the_order_of_the_first_time() -> None:
    noted = ledger()
    for _ in range(3):
        noted.lost("b", "why")
        noted.lost("a", "why")
        noted.lost("a", "another reason")
    assert [(entry.parameter, entry.reason) for entry in noted.entries] == [
        ("b", "why"),
        ("a", "why"),
        ("a", "another reason"),
    ]


def test_entries_handed_out_stay_as_they_were() -> None:
    noted = ledger()
    before = noted.entries
    noted.lost("a", "why")
    assert (before, len(noted.entries)) == ((), 1)


def test_under_the_policy_error_what_has_no_counterpart_is_refused_with_the_way_out() -> None:
    noted = ledger("error")
    with pytest.raises(UnsupportedParamsError) as caught:
        noted.unsupported("seed", "there is none")
    error = caught.value
    assert all(value in str(error) for value in ("seed", "'a-model'", "acme/", "there is none [the wire]"))
    assert "drop_params=True" in str(error)
    assert (error.status_code, error.code, error.param, error.attempts) == (400, "unsupported_parameter", "seed", 0)
    assert (error.provider, error.model, noted.entries) == ("acme", "a-model", ())


@pytest.mark.parametrize("policy", ["drop", "forward"])
def test_under_the_other_policies_it_is_left_out_and_noted_as_a_loss(policy: str) -> None:
    noted = ledger(policy)
    noted.unsupported("seed", "there is none")
    assert noted.entries == (LedgerEntry("seed", "dropped", "there is none", SOURCE, lossy=True),)


def test_only_the_policy_forward_sends_what_is_not_known_to_work() -> None:
    noted = ledger("forward")
    assert noted.forwards("seed", "not known")
    assert noted.entries == (LedgerEntry("seed", "forwarded", "not known", SOURCE),)

    noted = ledger("drop")
    assert not noted.forwards("seed", "not known")
    assert noted.entries == (LedgerEntry("seed", "dropped", "not known", SOURCE, lossy=True),)

    with pytest.raises(UnsupportedParamsError):
        ledger("error").forwards("seed", "not known")


@pytest.mark.parametrize("policy", ["error", "drop", "forward"])
def test_what_no_policy_lifts_is_refused_under_each(policy: str) -> None:
    error = ledger(policy).refuse("tools", "they cannot be sent")
    assert isinstance(error, UnsupportedParamsError)
    assert all(words in str(error) for words in ("tools", "they cannot be sent", "[the wire]"))
    assert (error.param, error.code, error.attempts, error.provider) == ("tools", "unsupported_parameter", 0, "acme")


def test_an_entry_reads_as_one_line_with_its_source() -> None:
    assert str(LedgerEntry("seed", "dropped", "there is none", SOURCE, lossy=True)) == (
        "seed dropped: there is none [the wire]"
    )
    assert str(LedgerEntry("seed", "kept local", "by design")) == "seed kept local: by design"
