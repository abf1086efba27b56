"""The lock of plugins: which distributions may run, with which files and claims, and the hosts that get their keys.

`refusals` compares it with what is installed before anything of a plugin is imported; `info_refusal` compares what a
plugin then says of its provider.

Source: docs/plugins/publishing.md, "The lock".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import ConfigError
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.registry.entry_points import PluginEntryPoint, installed_claims, installed_distributions
from llmgate_core.registry.installed_files import InstalledFiles, installed_files
from llmgate_core.settings.environment import read

__all__ = [
    "FILE_NAME",
    "FILE_VARIABLE",
    "SWITCH_VARIABLE",
    "LockedDistribution",
    "active_lock",
    "differences",
    "files_of",
    "info_refusal",
    "locked_distribution",
    "read_lock",
    "refusal_now",
    "refusals",
    "without_refused",
    "write_lock",
]

FILE_NAME = "plugins.lock"
FILE_VARIABLE = "LLMGATE_PLUGINS_LOCK"
SWITCH_VARIABLE = "LLMGATE_PLUGINS_LOCKED"
FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024
WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

Lock = Mapping[str, "LockedDistribution"]
"""Name of a distribution -> its record."""


@dataclass(frozen=True, slots=True)
class LockedDistribution:
    """The record of one distribution.

    Attributes:
        name: normalised.
        hash: of its files, see `InstalledFiles`.
        claims: group -> name -> value of its entry points.
        hosts: `base_url` and `hosts` of its providers.
        key_variables, option_variables, other_variables: the environment variables that its providers name; the last
            are those of base URLs, organizations and projects.
    """

    name: str
    version: str
    hash: str
    claims: Mapping[str, Mapping[str, str]]
    hosts: Sequence[str] = ()
    key_variables: Sequence[str] = ()
    option_variables: Sequence[str] = ()
    other_variables: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _InfoFacts:
    hosts: frozenset[str] = field(default=frozenset())
    key_variables: frozenset[str] = field(default=frozenset())
    option_variables: frozenset[str] = field(default=frozenset())
    other_variables: frozenset[str] = field(default=frozenset())


FACTS = {
    "hosts": "the host",
    "key_variables": "the variable of a key",
    "option_variables": "the variable of an option",
    "other_variables": "the variable",
}
"""Facts of `ProviderInfo` that a lock has, and what one of them is called."""


def _facts_of(info: ProviderInfo) -> _InfoFacts:
    return _InfoFacts(
        frozenset(host for host in (info.base_url, *info.hosts) if host),
        frozenset(info.key_variables),
        frozenset(name for option in info.options for name in option.env),
        frozenset((*info.env_base_url, *info.env_organization, *info.env_project)),
    )


def locked_distribution(
    name: str, version: str, claims: Iterable[PluginEntryPoint], infos: Iterable[ProviderInfo]
) -> LockedDistribution:
    """Return the record of an installed distribution."""
    claims = tuple(claims)
    facts = [_facts_of(info) for info in infos]

    def every(fact: str) -> list[str]:
        return sorted({value for each in facts for value in getattr(each, fact)})

    return LockedDistribution(
        name,
        version,
        files_of(name).hash,
        _by_group(claims),
        hosts=every("hosts"),
        key_variables=every("key_variables"),
        option_variables=every("option_variables"),
        other_variables=every("other_variables"),
    )


def files_of(name: str) -> InstalledFiles:
    """Return what is on the disk of an installed distribution, which is read once per process and `sys.path`."""
    return _files_of(tuple(sys.path), name)


@lru_cache(maxsize=1024)
def _files_of(_path: tuple[str, ...], name: str) -> InstalledFiles:
    return _read_files(name)


def _read_files(name: str) -> InstalledFiles:
    claims = [claim for claim in installed_claims() if claim.distribution == name]
    try:
        return installed_files(installed_distributions()[name], claims)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with its files, others must not suffer
        return InstalledFiles("", False, (), (f"RECORD cannot be used: {type(error).__name__}: {error}",))


def _by_group(claims: Iterable[PluginEntryPoint]) -> dict[str, dict[str, str]]:
    groups: dict[str, dict[str, str]] = {}
    for claim in claims:
        groups.setdefault(claim.family, {})[claim.prefix] = claim.value
    return groups


def active_lock() -> Path | None:
    """Return the lock that holds in this process; None: every installed plugin may run.

    `LLMGATE_PLUGINS_LOCK` names it. The author of the working directory is not trusted, so its `plugins.lock` counts
    unasked only where the running environment is in the same directory: then they chose the code as well.

    Raises:
        ConfigError: a lock is asked for, and none is named; or the switch is not a switch.
    """
    name, switch = read(FILE_VARIABLE), read(SWITCH_VARIABLE)
    is_on = name is not None if switch is None else WORDS.get(switch.strip().lower())
    if is_on is None:
        raise ConfigError(f"{SWITCH_VARIABLE} must be 1 or 0, not {switch!r}")
    if not is_on:
        return None
    if name is not None:
        return Path(name)
    here = Path.cwd()
    if Path(sys.prefix).resolve().parent == here.resolve() and (here / FILE_NAME).is_file():
        return here / FILE_NAME
    raise ConfigError(
        f"{SWITCH_VARIABLE} is set, and no lock is named: set {FILE_VARIABLE} to its path, or to {FILE_NAME!r} for the "
        f"one of the working directory, which is taken unasked only if the environment {sys.prefix} is in it"
    )


def read_lock(path: Path) -> Lock:
    """Return the records of a lock.

    Raises:
        ConfigError: it cannot be read, or is not a lock.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(0, "it is not a file")  # a pipe would be waited for
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"the lock of plugins {path} cannot be read: {reason}; {_way_out(path)}") from None
    return _parsed(str(path), content)


@lru_cache(maxsize=4)
def _parsed(path: str, content: bytes) -> Lock:
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
        data = json.loads(content)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"it has no 'format': {FORMAT}")
        records = [_record(item) for item in data["distributions"]]
        if len({record.name for record in records}) < len(records):
            raise ValueError("it has two records of one distribution")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{path} is not a lock of plugins: {reason}; {_way_out(Path(path))}") from None
    return MappingProxyType({record.name: record for record in records})


def _record(item: Any) -> LockedDistribution:
    strings = {name: item[name] for name in ("name", "version", "hash")}
    lists = {name: item[name] for name in FACTS}
    claims = item["claims"]
    are_lists = all(isinstance(values, list) for values in lists.values())
    if not (are_lists and isinstance(claims, dict) and all(isinstance(names, dict) for names in claims.values())):
        raise TypeError(f"a record has a value of a wrong type: {str(strings['name'])[:80]!r}")
    named = [*strings.values(), *chain(*lists.values()), *chain(*(names.values() for names in claims.values()))]
    if not all(isinstance(text, str) for text in named):
        raise TypeError(f"a record has a value of a wrong type: {str(strings['name'])[:80]!r}")
    return LockedDistribution(**strings, claims=claims, **lists)


def write_lock(path: Path, records: Iterable[LockedDistribution]) -> None:
    """Write a lock in one step, sorted."""
    rows = [asdict(record) for record in sorted(records, key=lambda record: record.name)]
    text = json.dumps({"format": FORMAT, "distributions": rows}, indent=2, sort_keys=True)
    with AtomicFile(path) as file:
        file.write(f"{text}\n".encode())


def refusals() -> Mapping[str, str]:
    """Return distribution -> why none of its code may run, for this process. Imports none of them.

    Raises:
        ConfigError: as `active_lock` and `read_lock`.
    """
    path = active_lock()
    if path is None:
        return MappingProxyType({})
    lock = read_lock(path)
    return MappingProxyType(
        {
            name: f"{'; '.join(found)}; {_way_out(path)}"
            for name in installed_distributions()
            if (found := differences(lock, name))
        }
    )


def refusal_now(name: str) -> str | None:
    """Return why no code of a distribution may be loaded, by its files as they are now, which are read again.

    Raises:
        ConfigError: as `active_lock` and `read_lock`.
    """
    path = active_lock()
    if path is None:
        return None
    found = differences(read_lock(path), name, files_by=_read_files)
    return f"{'; '.join(found)}; {_way_out(path)}" if found else None


def without_refused(claims: Sequence[PluginEntryPoint]) -> Sequence[PluginEntryPoint]:
    """Return those of several claims to one name that may run: what is refused takes no name from others.

    All of them, if none may run: loading one says why.

    Raises:
        ConfigError: as `active_lock` and `read_lock`.
    """
    if len(claims) < 2:
        return claims
    refused = refusals()
    return [claim for claim in claims if claim.distribution not in refused] or claims


def differences(lock: Lock, name: str, *, files_by: Callable[[str], InstalledFiles] = files_of) -> tuple[str, ...]:
    """Return how an installed distribution differs from a lock; empty: it is as it was locked."""
    claims = [claim for claim in installed_claims() if claim.distribution == name]
    version = claims[0].version if claims else ""
    record = lock.get(name)
    if record is None:
        return (f"{name} {version} is not in the lock of plugins",)
    files = files_by(name)
    found = [f"its file {problem}" if " would be " not in problem else problem for problem in files.problems]
    if version != record.version:
        found.append(f"its version is {version}, and {record.version} is locked")
    found += _new_claims(record, claims)
    if not found and files.hash != record.hash:
        found.append("its files are not those that were locked")
    return tuple(found)


def _new_claims(record: LockedDistribution, claims: Iterable[PluginEntryPoint]) -> list[str]:
    return [
        f"its claim {group} {name} = {value} is not locked"
        for group, names in _by_group(claims).items()
        for name, value in names.items()
        if record.claims.get(group, {}).get(name) != value
    ]


def info_refusal(distribution: str, info: ProviderInfo) -> str | None:
    """Return why a plugin that was loaded may not be used: a host or a variable that is not locked for it.

    Raises:
        ConfigError: as `active_lock` and `read_lock`.
    """
    path = active_lock()
    record = None if path is None else read_lock(path).get(distribution)
    if path is None or record is None:
        return None
    facts = _facts_of(info)
    new = [
        f"{what} {value!r} is not locked"
        for fact, what in FACTS.items()
        for value in sorted(getattr(facts, fact) - frozenset(getattr(record, fact)))
    ]
    return f"{'; '.join(new)}; {_way_out(path)}" if new else None


def _way_out(path: Path) -> str:
    return f"if you trust what is installed, accept it with `llmgate plugins lock {path}`"
