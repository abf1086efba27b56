"""Find the installed plugins without importing any of them.

Reads only the `entry_points.txt` of each distribution, through importlib-metadata, once per process.
"""

from __future__ import annotations

import configparser
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from llmgate_core.endpoints.families import FAMILIES

__all__ = [
    "GROUP_PREFIX",
    "PluginEntryPoint",
    "first_party",
    "installed_claims",
    "normalise",
    "unreadable_distributions",
]

GROUP_PREFIX = "llmgate."


@dataclass(frozen=True, slots=True, order=True)
class PluginEntryPoint:
    """One entry point, with which a `distribution` claims that `value` serves `prefix` in `family`.

    For the groups `extensions`, `commands` and `models`, `family` is the group and `prefix` the entry point's name.
    """

    family: str
    prefix: str
    distribution: str
    value: str
    version: str


def normalise(name: str) -> str:
    """Return a distribution's normalised name, for comparisons. Source: PEP 503."""
    return name.lower().replace("_", "-").replace(".", "-")


def installed_claims() -> tuple[PluginEntryPoint, ...]:
    """Return every claim of every installed distribution, sorted and without duplicates.

    Reads the disk once per process and `sys.path`.
    """
    return _scan(tuple(sys.path)).claims


def unreadable_distributions() -> tuple[tuple[str, str], ...]:
    """Return each installed distribution whose entry points cannot be read, and why."""
    return _scan(tuple(sys.path)).unreadable


class _Scan(NamedTuple):
    claims: tuple[PluginEntryPoint, ...]
    unreadable: tuple[tuple[str, str], ...]


@lru_cache(maxsize=8)
def _scan(_path: tuple[str, ...]) -> _Scan:
    from importlib_metadata import distributions  # takes 45 ms, so it is imported at the first call

    claims: set[PluginEntryPoint] = set()
    seen: set[str] = set()
    unreadable: list[tuple[str, str]] = []
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or f"[{GROUP_PREFIX}" not in text:
                continue
            name, version = _name_and_version(distribution)
            if name not in seen:  # the first copy on the path shadows later ones
                seen.add(name)
                claims.update(_parse(text, name, version))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with its files, others must not suffer
            folder = getattr(getattr(distribution, "_path", None), "name", "a distribution")
            unreadable.append((folder, f"{type(error).__name__}: {error}"))
    return _Scan(tuple(sorted(claims)), tuple(unreadable))


def _name_and_version(distribution: Any) -> tuple[str, str]:
    """Take both from the folder's name if it has them: reading the metadata takes 18 ms."""
    path = getattr(distribution, "_path", None)
    stem = getattr(path, "name", "")
    if stem.endswith(".dist-info") and stem.count("-") == 2:
        name, version = stem.removesuffix(".dist-info").split("-")
        return normalise(name), version
    return normalise(distribution.name), distribution.version


def _parse(text: str, distribution: str, version: str) -> Iterable[PluginEntryPoint]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # entry-point names keep their case
    parser.read_string(text, source="entry_points.txt")
    for group in parser.sections():
        if group.startswith(GROUP_PREFIX):
            family = group.removeprefix(GROUP_PREFIX)
            for name, value in parser.items(group):
                # a dot may stand for a slash, because some build tools reject slashes
                prefix = name.replace(".", "/") if family in FAMILIES else name
                yield PluginEntryPoint(family, prefix.strip("/"), distribution, value.strip(), version)


@cache
def first_party() -> Mapping[str, Mapping[str, str]]:
    """Return family -> prefix -> first-party distribution, read from `first_party.json` once."""
    path = Path(__file__).with_name("first_party.json")
    return MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
