"""Judge a parameter's value by a table of types and ranges, and by the other parameters of the request.

Pure. The tables are data, from core or from a plugin. As in JSON, true is not 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Literal

from llmgate_core.contract.form import FilePart
from llmgate_core.contract.provider import ParamRule

__all__ = ["Requires", "ValueRule", "judge_requirement", "judge_value", "shown"]

MAX_SHOWN_CHARACTERS = 80
NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "number": "a number",
        "integer": "an integer",
        "boolean": "a boolean",
        "string": "a string",
        "list": "a list",
        "object": "an object",
        "file": "a file",
    }
)
PLURALS: Mapping[str, str] = MappingProxyType({kind: f"{kind}s" for kind in NOUNS})


@dataclass(frozen=True, slots=True)
class ValueRule:
    """The values that a parameter takes.

    Attributes:
        types: JSON types: `number`, `integer`, `boolean`, `string`, `list`, `object`; and `file`.
        low, high: bounds of a number, or of the length of a list, both inclusive.
        choices: the only allowed strings; None: any.
        max_length: the most characters that a string may have; None: any number.
        kinds: the allowed values of an object's `type`; None: any.
        items: the rule for each item of a list, or each value of an object; None: any value.
        neutral: values that ask for nothing: a request means the same without the parameter. Null always does.
        limit: the parameter bounds what a call costs, so a malformed value is never left out. `ceiling`: without it
            there is no bound, so it is not left out at all; `amount`: the default is no more than what was asked for.
    """

    types: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    max_length: int | None = None
    kinds: tuple[str, ...] | None = None
    items: ValueRule | None = None
    neutral: tuple[Any, ...] = ()
    limit: Literal["amount", "ceiling"] | None = None

    def is_neutral(self, value: Any) -> bool:
        """Return whether `value` asks for nothing."""
        if isinstance(value, tuple):
            value = list(value)
        return value is None or any(
            value == neutral and isinstance(value, bool) == isinstance(neutral, bool) for neutral in self.neutral
        )

    def may_leave_out(self, value: Any) -> bool:
        """Return whether a call without `value` still costs no more than was asked for."""
        return self.limit is None or value is None or (self.limit == "amount" and self.allows(value))

    def allows(self, value: Any) -> bool:
        """Return whether `value` may be sent."""
        for kind in self.types:  # a loop, not `any`: this runs for every parameter of every call
            if _is(value, kind):
                break
        else:
            return False
        if isinstance(value, (bool, FilePart)):
            return True
        if isinstance(value, str):
            return _fits(len(value), None, self.max_length) and (self.choices is None or value in self.choices)
        if isinstance(value, Mapping):
            return self._allows_items(value.values()) and (self.kinds is None or value.get("type") in self.kinds)
        if isinstance(value, (list, tuple)):
            return _fits(len(value), self.low, self.high) and self._allows_items(value)
        return _fits(value, self.low, self.high)

    def _allows_items(self, items: Any) -> bool:
        return self.items is None or all(self.items.allows(item) for item in items)

    def __str__(self) -> str:
        return self._describe(NOUNS)

    def _describe(self, nouns: Mapping[str, str]) -> str:
        return " or ".join(self._describe_type(kind, nouns[kind]) for kind in self.types)

    def _describe_type(self, kind: str, noun: str) -> str:
        amount = _amount(self.low, self.high)
        if kind == "string":
            length = f" of at most {self.max_length} characters" if self.max_length else ""
            return " or ".join(map(repr, self.choices)) if self.choices else f"{noun}{length}"
        if kind == "object":
            values = f" of {self.items._describe(PLURALS)}" if self.items else ""
            return f"{noun} with type {' or '.join(map(repr, self.kinds))}" if self.kinds else f"{noun}{values}"
        if kind == "list":
            items = self.items._describe(PLURALS) if self.items else "items" if amount else ""
            return " ".join([noun, *(["of"] if items else []), *filter(None, (amount, items))])
        if not amount or kind == "boolean":
            return noun
        return f"{noun} {'of' if self.low is None or self.high is None else 'from'} {amount}"


@dataclass(frozen=True, slots=True)
class Requires:
    """A parameter works only with certain values of another one.

    Attributes:
        parameter: the other parameter; its value is None if it is absent.
        values: its allowed values; empty: all except `other_than`.
        other_than: its forbidden values.
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
    """Return a refusal that applies unless the request has what `value` requires; None if it requires nothing."""
    if required is None or value in required.unless or (required.when is not None and value not in required.when):
        return None
    return ParamRule(
        supported=False, reason=required.reason, source=source, applies=lambda body: not required.is_met(body)
    )


def judge_value(param: str, value: Any, rule: ValueRule | None, source: str) -> ParamRule | None:
    """Return a refusal if `rule` does not allow `value`; None if it does, or if there is no rule.

    JSON's null means the default and is never judged.
    """
    if rule is None or value is None or rule.allows(value):
        return None
    is_wrong_length = isinstance(value, (list, tuple)) and not _fits(len(value), rule.low, rule.high)
    given = f"{len(value)} items" if is_wrong_length else shown(value)
    return ParamRule(supported=False, reason=f"{param} must be {rule}, not {given}", source=source)


def shown(value: Any) -> str:
    """Return a value for an error message: its repr, truncated."""
    try:
        text = repr(value)
    except ValueError:  # a number with more digits than Python writes
        return f"{type(value).__name__} with too many digits"
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."


def _fits(size: float, low: float | None, high: float | None) -> bool:
    """Return whether a number is within the bounds; NaN never is, and a whole number may be beyond a float's range."""
    return (-math.inf if low is None else low) <= size <= (math.inf if high is None else high)


def _amount(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"at most {high:g}"
    return f"{low:g} or more" if high is None else f"{low:g} to {high:g}"


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
