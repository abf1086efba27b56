"""`llmgate provider check`: run the calls, say how far it is, and print a report that can be sent to others.

The report has no key, no text of the model's, and of error messages only what is left after masking.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llmgate_core.cli.provider.calls import CALLS, CheckedCall, ProviderCalls, WrongAnswerError
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import APIStatusError, ConfigError, LLMGateError, UnsupportedParamsError
from llmgate_core.json_codec import encode
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.secrets import Secret, SecretFinder
from llmgate_core.settings.base_url import shown_base_url
from llmgate_core.terminal import one_line, say, say_error

__all__ = ["run_check"]

PASSED, FAILED, REFUSED, SKIPPED = "passed", "failed", "refused", "skipped"
MAX_DETAIL = 200
DECLINED = frozenset({"picture", "JSON schema", "tools", "tool loop", "usage in a stream"})
"""Calls that a provider may decline with a 400: not every model takes a picture."""


@dataclass(frozen=True)
class Result:
    """How one call ended."""

    name: str
    outcome: str
    seconds: float
    detail: str


def run_check(given: argparse.Namespace) -> int:
    """Run the calls and print the report; the exit status is 1 if one of them failed.

    Raises:
        ConfigError: nothing serves the prefix, no model is named, or there is no key.
    """
    prefix = given.name.strip("/")
    options = {} if given.api_base is None else {"api_base": given.api_base}
    with Client(timeout=given.timeout, max_retries=0, **options) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client.load()
        calls = ProviderCalls(client, prefix, _model(prefix, given.model), given.embedding_model)
        facts, secrets = _facts(client, calls)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a parameter that is dropped is in the ledger
            results = list(_results(calls, _families(client.preparer.plugins, prefix), SecretFinder(secrets)))
    report = {**facts, "model": calls.model, "embedding_model": calls.embedding_model}
    rows = [asdict(result) for result in results]
    say(encode({**report, "calls": rows}).decode() if given.json else _markdown(report, results))
    return 1 if any(result.outcome == FAILED for result in results) else 0


def _model(prefix: str, named: str | None) -> str:
    if named is not None:
        return named.removeprefix(f"{prefix}/")
    raise ConfigError(f"name a cheap model of {prefix}/: llmgate provider check {prefix} --model MODEL")


def _families(registry: PluginRegistry, prefix: str) -> frozenset[str]:
    served = {family for family, claimed in registry.claims() if claimed == prefix}
    return frozenset(served | {family for family, claimed, _ in registry.declared.routes() if claimed == prefix})


def _facts(client: Client, calls: ProviderCalls) -> tuple[dict[str, Any], Sequence[Secret | None]]:
    """Return the head of the report, and what it must not show.

    Raises:
        ConfigError: nothing serves the prefix for chat, or there is no key.
    """
    from importlib_metadata import version

    try:
        target = client.resolve("chat", f"{calls.prefix}/{calls.model}")
        destination = client.destination(target)
    except LLMGateError as error:
        raise ConfigError(str(error)) from None
    info = target.plugin.info
    if destination.api_key is None and info.key_variables and not info.env_key_optional:
        raise ConfigError(f"there is no key for {calls.prefix}/: set {' or '.join(info.key_variables)}")
    facts = {
        "provider": info.name,
        "prefix": calls.prefix,
        "plugin": f"{target.plugin.distribution} {target.plugin.version}",
        "base_url": str(shown_base_url(destination.base_url)),
        "llmgate_core": version("llmgate-core"),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    return facts, (destination.api_key, *destination.secrets.values())


def _results(calls: ProviderCalls, families: frozenset[str], secrets: SecretFinder) -> Iterator[Result]:
    for number, call in enumerate(CALLS, 1):
        result = _result(call, calls, families, secrets)
        say_error(f"{number}/{len(CALLS)} {result.name}: {result.outcome} {result.detail}".rstrip())
        yield result


def _result(call: CheckedCall, calls: ProviderCalls, families: frozenset[str], secrets: SecretFinder) -> Result:
    if call.family not in families:
        return Result(call.name, SKIPPED, 0.0, f"the plugin does not serve {call.family}")
    if call.family == "embedding" and calls.embedding_model is None:
        return Result(call.name, SKIPPED, 0.0, "name a model with --embedding-model")
    if call.name == "wrong key" and not _has_key(calls):
        return Result(call.name, SKIPPED, 0.0, "it needs no key")
    started = time.monotonic()
    outcome, detail = _ran(call, calls)
    shown = one_line(secrets.mask(detail))[:MAX_DETAIL]
    return Result(call.name, outcome, round(time.monotonic() - started, 2), shown)


def _has_key(calls: ProviderCalls) -> bool:
    target = calls.client.resolve("chat", f"{calls.prefix}/{calls.model}")
    return calls.client.destination(target).api_key is not None


def _ran(call: CheckedCall, calls: ProviderCalls) -> tuple[str, str]:
    """Return the outcome of a call, and its detail."""
    try:
        return PASSED, call.run(calls)
    except WrongAnswerError as error:
        return FAILED, str(error)
    except UnsupportedParamsError as error:
        return REFUSED, str(error)
    except APIStatusError as error:
        is_declined = error.status_code in (400, 422) and call.name in DECLINED
        return REFUSED if is_declined else FAILED, f"{type(error).__name__}, HTTP {error.status_code}: {error.message}"
    except LLMGateError as error:
        return FAILED, f"{type(error).__name__}: {error}"


def _markdown(report: dict[str, Any], results: Sequence[Result]) -> str:
    head = [f"- {name.replace('_', ' ')}: {value}" for name, value in report.items() if value is not None]
    rows = [
        f"| {result.name} | {result.outcome} | {result.seconds:.2f} | {result.detail.replace('|', '/')} |"
        for result in results
    ]
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in (PASSED, REFUSED, FAILED)}
    counted = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    table = ["| call | outcome | seconds | detail |", "|---|---|---|---|", *rows]
    return "\n".join([f"# llmgate provider check {report['prefix']}", "", *head, "", *table, "", counted])
