"""Quirks of parameters: other names, other values, what is not taken, and what not together.

Pure. Each becomes a function that judges one parameter, whatever the catalogue knows of the model; core applies the
verdict by the caller's policy and writes the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import OPENAI_PARAMETERS, ParamRule, ValueRule, judge_value
from llmgate_providers.row import Quirk

__all__ = ["JUDGES", "Judge", "judges_of"]

Judge = Callable[[Any], ParamRule | None]
"""Takes a value that is not null; None: nothing is wrong with it."""

ANY_OTHER = "*"
NOT_JUDGED = frozenset({"stream", "stream_options"})
"""Parameters with which core asks for a stream; a list of what is accepted does not refuse them."""


def judges_of(quirk: Quirk, family: str) -> Mapping[str, Judge]:
    """Return parameter -> what judges it; empty: the quirk is not about parameters."""
    make = JUDGES.get(quirk.do)
    return {} if make is None else make(quirk, family)


def _rename(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    names: Mapping[str, str] = quirk.given["params"]
    return {
        name: _always(ParamRule(rename=new, reason=quirk.reason, source=quirk.source)) for name, new in names.items()
    }


def _refuse(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    return dict.fromkeys(quirk.given["params"], _always(_refusal(quirk)))


def _accept(quirk: Quirk, family: str) -> Mapping[str, Judge]:
    accepted = NOT_JUDGED.union(quirk.given["params"])
    refused = [name for name in OPENAI_PARAMETERS.get(family, ()) if name not in accepted]
    return dict.fromkeys(refused, _always(_refusal(quirk)))


def _leave_out(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    rule = ParamRule(replaces=True, reason=quirk.reason, source=quirk.source)
    return dict.fromkeys(quirk.given["params"], _always(rule))


def _refusal(quirk: Quirk) -> ParamRule:
    is_droppable = quirk.given.get("droppable", True)
    return ParamRule(supported=False, reason=quirk.reason, source=quirk.source, droppable=is_droppable)


def _allow(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    given = quirk.given
    param: str = given["param"]
    rule = _value_rule(given)
    above: Mapping[str, float] = given.get("when_above", {})

    def judge(value: Any) -> ParamRule | None:
        wrong = judge_value(param, value, rule, quirk.source)
        if wrong is None:
            return None
        return ParamRule(
            supported=False,
            reason=f"{quirk.reason}: {wrong.reason}",
            source=quirk.source,
            droppable=given.get("droppable", True),
            applies=_is_above(above) if above else None,
        )

    return {param: judge}


def _value_rule(given: Mapping[str, Any]) -> ValueRule:
    choices = given.get("choices")
    types = given.get("types") or (["string"] if choices else ["number"])
    return ValueRule(
        tuple(types),
        given.get("min"),
        given.get("max"),
        choices=None if choices is None else tuple(choices),
        kinds=None if "kinds" not in given else tuple(given["kinds"]),
    )


def _is_above(bounds: Mapping[str, float]) -> Callable[[Mapping[str, Any]], bool]:
    def is_above(body: Mapping[str, Any]) -> bool:
        return all(isinstance(body.get(name), (int, float)) and body[name] > bound for name, bound in bounds.items())

    return is_above


def _map(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    given = quirk.given
    values: Mapping[str, Any] = given["values"]
    to: str | None = given.get("to")

    def judge(value: Any) -> ParamRule | None:
        if not isinstance(value, str) or (value not in values and ANY_OTHER not in values):
            return None
        new = values[value] if value in values else values[ANY_OTHER]
        if to is not None and new is None:
            return ParamRule(replaces=True, reason=quirk.reason, source=quirk.source)
        lossy = given.get("lossy", False)
        return ParamRule(rename=to, replaces=True, replace=new, reason=quirk.reason, source=quirk.source, lossy=lossy)

    return {given["param"]: judge}


def _conflict(quirk: Quirk, _family: str) -> Mapping[str, Judge]:
    given = quirk.given
    others: list[str] = given["not_with"]
    kinds: list[str] | None = given.get("kinds")
    rule = ParamRule(
        supported=False,
        reason=quirk.reason,
        source=quirk.source,
        droppable=given.get("droppable", True),
        applies=lambda body: any(body.get(name) not in (None, False, []) for name in others),
    )

    def judge(value: Any) -> ParamRule | None:
        kind = value.get("type") if isinstance(value, Mapping) else None
        return rule if kinds is None or kind in kinds else None

    return {given["param"]: judge}


def _always(rule: ParamRule) -> Judge:
    return lambda _: rule


JUDGES: Mapping[str, Callable[[Quirk, str], Mapping[str, Judge]]] = MappingProxyType(
    {
        "rename": _rename,
        "refuse": _refuse,
        "leave_out": _leave_out,
        "accept": _accept,
        "allow": _allow,
        "map": _map,
        "conflict": _conflict,
    }
)
"""Name of a quirk -> what makes its judges."""
