"""`llmgate plugin check DISTRIBUTION`: the conformance kit for an installed plugin, without a test file.

Its entry points say what it serves. Where it inherits `OpenAICompatible`, its provider's answers are those of the
OpenAI API; else only what needs no answer is checked, and the output says so.
"""

from __future__ import annotations

import argparse
from typing import Any

from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint, installed_claims, normalise
from llmgate_core.terminal import say
from llmgate_core.testing.conformance.base import Checks, checks_of, loaded_plugin, results_of
from llmgate_core.testing.conformance.capabilities import Capabilities
from llmgate_core.testing.conformance.check import CheckResult
from llmgate_core.testing.conformance.families import CONFORMANCE
from llmgate_core.testing.conformance.packaging import PackagingChecks
from llmgate_core.testing.conformance.report import report_of, row_of, subject_of
from llmgate_core.testing.conformance.wire import Wire

__all__ = ["add_arguments", "run"]

NOT_CHECKED = "not checked: {count} checks need to know how the provider answers; {advice}"
LOADS = "test_loads"
ADVICE = "write a test file with a Wire, see docs/plugins/testing.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("distribution", metavar="DISTRIBUTION", help="an installed distribution, such as llmgate-acme")
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the report as one JSON object"
    )
    parser.add_argument("--verbose", action="store_true", help="also list the checks that passed or do not apply")


def run(given: argparse.Namespace) -> int:
    """Print what became of the checks; the exit status is 1 if any failed.

    Raises:
        ConfigError: no distribution of this name is installed, or it serves no family.
    """
    classes = [_class_for(claim) for claim in _claims_of(given.distribution)]
    runs = [(cls, results_of(cls, *_names_of(cls, is_first=cls is classes[0]))) for cls in classes]
    if getattr(given, "json", False):
        rows = [(subject_of(cls), [row_of(result) for result in results]) for cls, results in runs]
        say(encode(report_of(rows)).decode())
    else:
        for cls, results in runs:
            _print(cls, results, verbose=bool(getattr(given, "verbose", False)))
    return int(any(result.outcome == "failed" for _, results in runs for result in results))


def _claims_of(distribution: str) -> list[PluginEntryPoint]:
    """Return one claim for each family that the distribution serves."""
    name = normalise(distribution)
    claims = [claim for claim in installed_claims() if claim.distribution == name]
    by_family = {claim.family: claim for claim in claims if claim.family in FAMILIES}
    if not by_family:
        installed = sorted({claim.distribution for claim in installed_claims() if claim.family in FAMILIES})
        what = "has no entry point of a family" if claims else "is not installed, or has no entry point of llmgate's"
        raise ConfigError(f"{distribution!r} {what}; installed plugins: {', '.join(installed) or 'none'}")
    return list(by_family.values())


def _class_for(claim: PluginEntryPoint) -> type[Checks]:
    """Return the class of checks that an author would write, as far as the plugin itself says."""
    wire = Wire.canonical(claim.family) if _speaks_openai(claim) else None
    streams = wire is not None and wire.events is not None
    attributes: dict[str, Any] = {
        "__doc__": "The checks of an installed plugin.",
        "plugin": claim.value,
        "distribution": claim.distribution,
        "capabilities": Capabilities(streaming=streams),
        "wire": wire,
    }
    return type(f"Check{claim.family.title().replace('_', '')}", (CONFORMANCE[claim.family],), attributes)


def _names_of(cls: type[Checks], *, is_first: bool) -> list[str]:
    """Return the checks to run.

    Those of packaging run once, as they are about the whole distribution. Of a plugin that cannot be loaded nothing
    else is checked: every other check would say the same again.
    """
    (loads,) = results_of(cls, LOADS)
    names = [LOADS, *checks_of(PackagingChecks)] if loads.outcome == "failed" else checks_of(cls)
    return [name for name in names if is_first or not hasattr(PackagingChecks, name)]


def _speaks_openai(claim: PluginEntryPoint) -> bool:
    """Return whether the plugin leaves answers as they are, so that they are those of the OpenAI API."""
    try:
        plugin = loaded_plugin(claim.value)
    except Exception:  # noqa: BLE001  # the checks say what is wrong with it
        return False
    kind = type(plugin)
    own = ("transform_response", "stream_parser")
    return isinstance(plugin, OpenAICompatible) and not any(
        getattr(kind, hook) is not getattr(OpenAICompatible, hook) for hook in own
    )


def _print(cls: type[Checks], results: list[CheckResult], *, verbose: bool) -> None:
    passed = [result for result in results if result.outcome == "passed"]
    failed = [result for result in results if result.outcome == "failed"]
    left_out = [result for result in results if result.outcome == "not applicable"]
    say(f"{cls.distribution} ({cls.family}): {len(passed)} passed, {len(failed)} failed")
    for result in failed:
        say(f"FAILED  {result}")
    if verbose:
        for result in (*passed, *left_out):
            reason = f": {result.reason}" if result.reason else ""
            say(f"{result.outcome:<15} {result.check}{reason}")
    if cls.wire is None:
        needing = sum("wire" in result.reason for result in left_out)
        if needing:
            say(NOT_CHECKED.format(count=needing, advice=ADVICE))
    elif not verbose:
        say(f"not applicable: {len(left_out)} checks; --verbose says why")
