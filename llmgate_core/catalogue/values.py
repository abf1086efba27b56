"""Judge a parameter's value by a table of types and ranges, and by the parameters beside it.

Pure. The tables are data, of the OpenAI API or of a plugin; this module only reads them. As in JSON, true is not 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from llmgate_core.contract.form import FilePart
from llmgate_core.contract.provider import ParamRule

__all__ = ["Requires", "ValueRule", "judge_requirement", "judge_value", "shown"]

MAX_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What values a parameter takes.

    Attributes:
        types: JSON types: `number`, `integer`, `boolean`, `string`, `list`, `object`; and `file`.
        low, high: bounds of a number, or of the length of a list, both inclusive.
        choices: the only strings allowed; None: any.
        longest: the most characters that a string may have; None: any number.
        kinds: what an object's `type` may be; None: anything.
        items: what each item of a list, or each value of an object, must be; None: anything.
    """

    types: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    longest: int | None = None
    kinds: tuple[str, ...] | None = None
    items: ValueRule | None = None

    def allows(self, value: Any) -> bool:
        """Return whether `value` may be sent."""
        for kind in self.types:  # a loop, since this runs for every parameter of every call
            if _is(value, kind):
                break
        else:
            return False
        if isinstance(value, (bool, FilePart)):
            return True
        if isinstance(value, str):
            return _fits(len(value), None, self.longest) and (self.choices is None or value in self.choices)
        if isinstance(value, Mapping):
            return self._allows_items(value.values()) and (self.kinds is None or value.get("type") in self.kinds)
        if isinstance(value, (list, tuple)):
            return _fits(len(value), self.low, self.high) and self._allows_items(value)
        return _fits(value, self.low, self.high)

    def _allows_items(self, items: Any) -> bool:
        return self.items is None or all(self.items.allows(item) for item in items)

    def __str__(self) -> str:
        return " or ".join(self._described(kind) for kind in self.types)

    def _described(self, kind: str) -> str:
        each = f" of {self.items}" if self.items else ""
        if kind == "string":
            length = f" of at most {self.longest} characters" if self.longest else ""
            return " or ".join(map(repr, self.choices)) if self.choices else f"string{length}"
        if kind == "object":
            return f"object with type {' or '.join(map(repr, self.kinds))}" if self.kinds else f"object{each}"
        if kind == "list":
            return f"list{_bounds(self.low, self.high, ' with')}{each}"
        return f"{kind}{_bounds(self.low, self.high, ' from') if kind != 'boolean' else ''}"


@dataclass(frozen=True, slots=True)
class Requires:
    """A parameter works only beside certain values of another one.

    Attributes:
        parameter: the other parameter; None stands for its absence.
        values: what its value must be one of; empty: anything but `other_than`.
        other_than: what its value must not be.
        reason: why, and the way out; shown to the caller.
        when: only these values of the parameter itself require it; None: every value.
        unless: these values of the parameter itself do not require it.
    """

    parameter: str
    values: tuple[Any, ...] = ()
    other_than: tuple[Any, ...] = ()
    reason: str = ""
    when: tuple[Any, ...] | None = None
    unless: tuple[Any, ...] = ()

    def is_met(self, body: Mapping[str, Any]) -> bool:
        """Return whether the rest of the request is as required."""
        value = body.get(self.parameter)
        return value in self.values if self.values else value not in self.other_than


def judge_requirement(value: Any, required: Requires | None, source: str) -> ParamRule | None:
    """Return a refusal that applies while the request lacks what `value` requires; None: it requires nothing."""
    if required is None or value in required.unless or (required.when is not None and value not in required.when):
        return None
    return ParamRule(
        supported=False, reason=required.reason, source=source, applies=lambda body: not required.is_met(body)
    )


def judge_value(param: str, value: Any, rule: ValueRule | None, source: str) -> ParamRule | None:
    """Return a refusal where `rule` does not allow `value`; None where it does or says nothing.

    JSON's null stands for the default everywhere and is never judged.
    """
    if rule is None or value is None or rule.allows(value):
        return None
    is_wrong_length = isinstance(value, (list, tuple)) and not _fits(len(value), rule.low, rule.high)
    given = f"{len(value)} items" if is_wrong_length else shown(value)
    return ParamRule(supported=False, reason=f"{param} must be {rule}, not {given}", source=source)


def shown(value: Any) -> str:
    """Return a value as an error message shows it: its repr, cut."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."


def _fits(size: float, low: float | None, high: float | None) -> bool:
    return not math.isnan(size) and (low is None or size >= low) and (high is None or size <= high)


def _bounds(low: float | None, high: float | None, lead: str) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"{lead} {low:g} or more"
    return f"{lead} at most {high:g}" if low is None else f"{lead} {low:g} to {high:g}"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, (int, Integral)) or (isinstance(value, float) and value.is_integer())
    if kind == "number":
        return isinstance(value, (int, float, Real))
    if kind == "string":
        return isinstance(value, str)
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "file":
        return isinstance(value, FilePart)
    return kind == "object" and isinstance(value, Mapping)
