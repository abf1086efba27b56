"""The quirks of one row as functions, chosen once: what judges parameters, edits bodies and edits answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, LedgerEntry, ParamRule, Route
from llmgate_providers.quirks.answers import ANSWER_EDITS, AnswerEdit
from llmgate_providers.quirks.body import BODY_EDITS
from llmgate_providers.quirks.edits import BodyEdit, MakeEdit
from llmgate_providers.quirks.messages import MESSAGE_EDITS
from llmgate_providers.quirks.params import Judge, judges_of
from llmgate_providers.quirks.tools import TOOL_EDITS
from llmgate_providers.row import Quirk

__all__ = ["FamilyQuirks", "chained", "quirks_by_family"]

MAKE_EDIT: Mapping[str, MakeEdit] = MappingProxyType({**MESSAGE_EDITS, **TOOL_EDITS, **BODY_EDITS})


@dataclass(frozen=True, slots=True)
class FamilyQuirks:
    """The quirks of one family of a row, in the row's order.

    Attributes:
        judges: parameter -> what judges it, each with its quirk.
        body_edits, answer_edits: each with its quirk.
    """

    judges: Mapping[str, tuple[tuple[Quirk, Judge], ...]]
    body_edits: tuple[tuple[Quirk, BodyEdit], ...]
    answer_edits: tuple[tuple[Quirk, AnswerEdit], ...]

    def judge(self, route: Route, param: str, value: Any) -> ParamRule | None:
        """Return the first verdict on a parameter, and where it depends on the other parameters the next one beside it.

        None: no quirk is about it.
        """
        if value is None:
            return None
        verdicts = [
            rule
            for quirk, judge in self.judges.get(param, ())
            if quirk.concerns(route) and (rule := judge(value)) is not None
        ]
        return chained(verdicts)

    def edited_body(self, body: JsonObject, route: Route) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        """Return a body with all edits, the same object where nothing changes, and what the ledger says of it.

        Raises:
            UnsupportedParamsError: it asks for what the provider does not take. BadRequestError: it is malformed.
        """
        entries: tuple[LedgerEntry, ...] = ()
        for quirk, edit in self.body_edits:
            if quirk.concerns(route):
                ledger = Ledger(route, quirk.source)
                body = edit(body, route, ledger)
                entries += ledger.entries
        return body, entries

    def edits_answers_of(self, route: Route) -> tuple[tuple[Quirk, AnswerEdit], ...]:
        """Return the edits of answers of a model."""
        return tuple((quirk, edit) for quirk, edit in self.answer_edits if quirk.concerns(route))


def chained(verdicts: Sequence[ParamRule | None]) -> ParamRule | None:
    """Return the first of several verdicts; if it holds for some requests only, the next one is for the others."""
    following: ParamRule | None = None
    for rule in reversed(verdicts):
        if rule is not None:
            following = rule if rule.applies is None else replace(rule, otherwise=following)
    return following


def quirks_by_family(quirks: tuple[Quirk, ...]) -> Mapping[str, FamilyQuirks]:
    """Return family -> its quirks; a family without any is missing."""
    families = dict.fromkeys(family for quirk in quirks for family in quirk.families)
    return {family: _made(tuple(it for it in quirks if family in it.families), family) for family in families}


def _made(quirks: Sequence[Quirk], family: str) -> FamilyQuirks:
    judges: dict[str, tuple[tuple[Quirk, Judge], ...]] = {}
    for quirk in quirks:
        for param, judge in judges_of(quirk, family).items():
            judges[param] = (*judges.get(param, ()), (quirk, judge))
    return FamilyQuirks(
        MappingProxyType(judges),
        tuple((quirk, MAKE_EDIT[quirk.do](quirk)) for quirk in quirks if quirk.do in MAKE_EDIT),
        tuple((quirk, ANSWER_EDITS[quirk.do](quirk)) for quirk in quirks if quirk.do in ANSWER_EDITS),
    )
