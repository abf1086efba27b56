"""`llmgate plugins lock` and `llmgate plugins verify`: write down which plugins may run, and compare."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError, LLMGateError
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.loading import import_claim
from llmgate_core.registry.plugin_lock import (
    FILE_NAME,
    FILE_VARIABLE,
    LockedDistribution,
    differences,
    files_of,
    locked_distribution,
    read_lock,
    write_lock,
)
from llmgate_core.registry.registry import allowed_claims
from llmgate_core.settings.environment import read
from llmgate_core.settings.settings import module_settings
from llmgate_core.terminal import say, say_error

__all__ = ["lock", "verify"]

Row = tuple[str, str, str, str]
"""What happened, the distribution, its version, and what changed."""


def lock(given: argparse.Namespace) -> int:
    """Write the lock of what is installed, and print what changed; imports the plugins, to read their hosts.

    A distribution that cannot be read is left out, and the exit status is 1.
    """
    path = _path(given)
    old = {}
    if path.exists():
        try:
            old = dict(read_lock(path))
        except ConfigError as error:
            say_error(f"llmgate: it is replaced: {error}")
    records: list[LockedDistribution] = []
    status = 0
    for name, claims in _claims_by_distribution().items():
        try:
            records.append(_record(name, claims))
        except LLMGateError as error:
            status = 1
            say_error(f"llmgate: {name} is left out: {error}")
    try:
        write_lock(path, records)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None
    if in_place := [record.name for record in records if not files_of(record.name).is_recorded]:
        say_error(f"llmgate: of {', '.join(in_place)} the modules were hashed themselves, as no RECORD lists them")
    _print(_changes(old, {record.name: record for record in records}), given)
    say_error(f"wrote {path}; {FILE_VARIABLE}={path.resolve()} lets nothing else run")
    return status


def verify(given: argparse.Namespace) -> int:
    """Print how what is installed differs from the lock; imports no plugin. The exit status is 1 if it does."""
    path = _path(given)
    locked = read_lock(path)
    installed = _claims_by_distribution()
    rows: list[Row] = []
    for name, claims in installed.items():
        rows += [("differs", name, claims[0].version, reason) for reason in differences(locked, name)]
    missing = [record for record in locked.values() if record.name not in installed]
    rows += [("missing", record.name, record.version, "is locked, and is not installed") for record in missing]
    _print(sorted(rows), given)
    if rows:
        say_error(f"llmgate: what is installed is not what {path} allows; if you trust it: llmgate plugins lock {path}")
        return 1
    say_error(f"the {len(installed)} distributions with plugins are as {path} says")
    return 0


def _path(given: argparse.Namespace) -> Path:
    return Path(given.file or read(FILE_VARIABLE) or FILE_NAME)


def _claims_by_distribution() -> Mapping[str, list[PluginEntryPoint]]:
    found: dict[str, list[PluginEntryPoint]] = {}
    for claim in allowed_claims(module_settings().plugins):
        found.setdefault(claim.distribution, []).append(claim)
    return dict(sorted(found.items()))


def _record(name: str, claims: list[PluginEntryPoint]) -> LockedDistribution:
    """Return the record of a distribution, whose plugins are imported.

    Raises:
        PluginLoadError: one of them cannot be imported. ConfigError: its files are not what it says.
    """
    files = files_of(name)
    if files.problems:
        raise ConfigError(f"its files cannot be trusted: {'; '.join(files.problems)}; install it again")
    for start in files.start_files:
        say_error(f"llmgate: {name} brings {start}, whose code Python runs at every start: no lock can prevent that")
    return locked_distribution(name, claims[0].version, claims, _infos(claims))


def _infos(claims: Iterable[PluginEntryPoint]) -> Iterator[ProviderInfo]:
    for claim in claims:
        if claim.family in FAMILIES:
            info = getattr(import_claim(claim), "info", None)
            if isinstance(info, ProviderInfo):
                yield info


def _changes(old: Mapping[str, LockedDistribution], new: Mapping[str, LockedDistribution]) -> list[Row]:
    rows: list[Row] = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if after is None:
            rows.append(("removed", name, old[name].version, ""))
        elif before is None:
            rows.append(("added", name, after.version, "; ".join(_shown(after))))
        elif before != after:
            version = after.version if before.version == after.version else f"{before.version} -> {after.version}"
            lost, gained = set(_shown(before)) - set(_shown(after)), set(_shown(after)) - set(_shown(before))
            parts = [*(f"no more {part}" for part in sorted(lost)), *(f"now {part}" for part in sorted(gained))]
            rows.append(("changed", name, version, "; ".join(parts) or "files"))
        else:
            rows.append(("same", name, after.version, ""))
    return rows


def _shown(record: LockedDistribution) -> Iterator[str]:
    """Yield what a record allows, part by part, for a person to read."""
    for group, names in record.claims.items():
        yield from (f"{group} {name}" for name in names)
    for item in fields(record):
        if item.name.endswith(("hosts", "variables")):
            yield from getattr(record, item.name)


def _print(rows: Iterable[Row], given: argparse.Namespace) -> None:
    for what, name, version, change in rows:
        if given.json:
            say(encode({"what": what, "distribution": name, "version": version, "change": change}).decode())
        else:
            say(f"{what:<8} {name:<28} {version:<18} {change}".rstrip())
