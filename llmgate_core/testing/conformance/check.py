"""What a check is: a method that yields findings. Each is one sentence about what is wrong; without any it passes.

A check runs under pytest, where it is a test, and without pytest, for `llmgate plugin check`.
"""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from inspect import cleandoc
from typing import Any, Literal

__all__ = ["CheckResult", "ConformanceError", "Findings", "NotApplicableError", "check", "judged"]

Findings = Iterator[str]
Outcome = Literal["passed", "failed", "known failure", "not applicable"]
MAX_FINDINGS = 8


class NotApplicableError(Exception):
    """Raised by a check that has nothing to look at: a capability is not claimed, or there is no wire."""


class ConformanceError(AssertionError):
    """A check failed.

    Attributes:
        findings: what is wrong, one sentence each.
    """

    def __init__(self, message: str, findings: tuple[str, ...]) -> None:
        super().__init__(message)
        self.findings = findings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check.

    Attributes:
        check: the name of the method.
        purpose: the first line of its docstring.
        advice: the rest of it: what to do if it fails.
        reason: why it is a known failure, or does not apply.
    """

    check: str
    outcome: Outcome
    purpose: str
    advice: str
    findings: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        more = len(self.findings) - MAX_FINDINGS
        shown = [f"  - {finding}" for finding in self.findings[:MAX_FINDINGS]]
        rest = [f"  - and {more} more"] if more > 0 else []
        return "\n".join([f"{self.check}: {self.purpose}", *shown, *rest, self.advice]).strip()


def check(function: Callable[[Any], Findings]) -> Callable[[Any], None]:
    """Make a test of a method that yields findings."""

    @wraps(function)
    def run(self: Any) -> None:
        __tracebackhide__ = True  # pytest then shows the findings alone
        self.last_result = judged(self, function)  # pytest makes an instance for each test; the report reads it
        _deliver(self.last_result)

    run.is_check = True  # type: ignore[attr-defined]
    run.findings_of = function  # type: ignore[attr-defined]
    return run


def judged(case: Any, function: Callable[[Any], Findings]) -> CheckResult:
    """Run one check, without pytest."""
    name = function.__name__
    purpose, _, advice = cleandoc(function.__doc__ or "").partition("\n")
    known = case.known_failures.get(name, "")
    findings: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # losses are looked for in the ledger
            findings.extend(function(case))
    except NotApplicableError as error:
        return CheckResult(name, "not applicable", purpose, advice.strip(), reason=str(error))
    except Exception as error:  # noqa: BLE001  # whatever a plugin raises is a finding
        findings.append(f"{type(error).__name__} came out of it: {error}")
    outcome: Outcome = "failed" if findings else "passed"
    if known and findings:
        outcome = "known failure"
    elif known:
        outcome, findings = "failed", [f"it passes, but is listed in known_failures ({known}): take it out"]
    return CheckResult(name, outcome, purpose, advice.strip(), tuple(findings), known)


def _deliver(result: CheckResult) -> None:
    """Say to pytest what became of a check."""
    __tracebackhide__ = True
    if result.outcome == "failed":
        raise ConformanceError(str(result), result.findings)
    if result.outcome == "not applicable":
        raise unittest.SkipTest(result.reason)  # pytest takes it as its own
    if result.outcome == "known failure":
        import pytest

        pytest.xfail(result.reason)
