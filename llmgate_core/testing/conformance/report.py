"""The report of a run as JSON: what a list of plugins may show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from llmgate_core.contract.call import API_VERSION
from llmgate_core.testing.conformance.base import Checks, loaded_plugin
from llmgate_core.testing.conformance.check import CheckResult

__all__ = ["report_of", "row_of", "subject_of"]

SCHEMA = 1


def subject_of(cls: type[Checks]) -> dict[str, Any]:
    """Return what a class of checks is about: plugin, distribution, version, API."""
    info: Any = None
    with suppress(Exception):  # the checks say what is wrong with a plugin that does not load
        info = getattr(loaded_plugin(cls.plugin), "info", None)
    return {
        "plugin": cls.plugin if isinstance(cls.plugin, str) else type(cls.plugin).__name__,
        "family": cls.family,
        "distribution": cls.distribution,
        "version": _version_of(cls.distribution),
        "api": list(getattr(info, "api", ())),
        "capabilities": [name for name in cls.capabilities.__slots__ if getattr(cls.capabilities, name)],
    }


def _version_of(distribution: str | None) -> str | None:
    from importlib_metadata import PackageNotFoundError, version

    try:
        return None if distribution is None else version(distribution)
    except PackageNotFoundError:
        return None


def report_of(runs: Iterable[tuple[Mapping[str, Any], list[dict[str, Any]]]]) -> dict[str, Any]:
    """Return the report of several classes of checks, with how many checks ended how.

    `runs` has for each class its subject and a row for each check.
    """
    listed = [{**subject, "checks": rows} for subject, rows in runs]
    outcomes = [row["outcome"] for run in listed for row in run["checks"]]
    counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    return {
        "schema": SCHEMA,
        "core_api": list(API_VERSION),
        "core": _version_of("llmgate-core"),
        "counts": counts,
        "runs": listed,
    }


def row_of(result: CheckResult) -> dict[str, Any]:
    """Return what became of one check."""
    row: dict[str, Any] = {"check": result.check, "outcome": result.outcome, "purpose": result.purpose}
    if result.findings:
        row["findings"] = list(result.findings)
    return {**row, "reason": result.reason} if result.reason else row
