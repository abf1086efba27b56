"""Find the installed plugins without importing any of them.

Reads only the `entry_points.txt` of each distribution, through importlib-metadata, once per process.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from llmgate_core.endpoints.families import FAMILIES

__all__ = [
    "GROUP_PREFIX",
    "PluginEntryPoint",
    "claim_mistakes",
    "first_party",
    "installed_claims",
    "installed_distributions",
    "normalise",
    "shadowed_distributions",
    "unreadable_distributions",
]

GROUP_PREFIX = "llmgate."
SEGMENT = r"[a-z0-9][a-z0-9._-]*"
SEPARATORS = re.compile(r"[-_.]+")
PREFIX = re.compile(rf"{SEGMENT}(/{SEGMENT})*")
OBJECT = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?(\s*\[[\w\s.,-]*\])?")


class PluginEntryPoint(NamedTuple):
    """One entry point, with which a `distribution` claims that `value` serves `prefix` in `family`.

    For the groups `extensions`, `commands`, `models` and `sources`, `family` is the group and `prefix` the entry
    point's name.
    """

    family: str
    prefix: str
    distribution: str
    value: str
    version: str


def normalise(name: str) -> str:
    """Return a distribution's normalised name, for comparisons. Source: PEP 503."""
    return SEPARATORS.sub("-", name).lower()


def installed_claims() -> tuple[PluginEntryPoint, ...]:
    """Return every claim of every installed distribution, sorted and without duplicates.

    Reads the disk once per process and `sys.path`.
    """
    return _scan(tuple(sys.path)).claims


def unreadable_distributions() -> tuple[tuple[str, str], ...]:
    """Return each installed distribution whose entry points cannot be read, and why."""
    return _scan(tuple(sys.path)).unreadable


def shadowed_distributions() -> tuple[tuple[str, str, str], ...]:
    """Return (name, version that is used, version that is not) of distributions that are on the path twice."""
    return _scan(tuple(sys.path)).shadowed


def claim_mistakes() -> Mapping[PluginEntryPoint, str]:
    """Return what is wrong with the name or the value of each claim that can therefore not be served."""
    return _scan(tuple(sys.path)).mistakes


def installed_distributions() -> Mapping[str, Any]:
    """Return name -> `importlib_metadata.Distribution`, of those that have a claim."""
    return _scan(tuple(sys.path)).distributions


class _Scan(NamedTuple):
    claims: tuple[PluginEntryPoint, ...]
    mistakes: Mapping[PluginEntryPoint, str]
    distributions: Mapping[str, Any]
    shadowed: tuple[tuple[str, str, str], ...]
    unreadable: tuple[tuple[str, str], ...]


@lru_cache(maxsize=8)
def _scan(_path: tuple[str, ...]) -> _Scan:
    from importlib_metadata import distributions  # takes 45 ms, so it is imported at the first call

    claims: list[PluginEntryPoint] = []
    found: dict[str, Any] = {}
    versions: dict[str, str] = {}
    shadowed: set[tuple[str, str, str]] = set()
    unreadable: list[tuple[str, str]] = []
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or f"[{GROUP_PREFIX}" not in text:
                continue
            name, version = _name_and_version(distribution)
            if name not in found:  # the first copy on the path shadows later ones
                found[name], versions[name] = distribution, version
                claims += _parse(text, name, version)
            elif versions[name] != version:
                shadowed.add((name, versions[name], version))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with its files, others must not suffer
            folder = getattr(getattr(distribution, "_path", None), "name", "a distribution")
            unreadable.append((folder, f"{type(error).__name__}: {error}"))
    every = tuple(sorted(set(claims)))
    return _Scan(every, _mistakes(every), found, tuple(sorted(shadowed)), tuple(unreadable))


def _name_and_version(distribution: Any) -> tuple[str, str]:
    """Take both from the folder's name if it has them: reading the metadata takes 18 ms."""
    path = getattr(distribution, "_path", None)
    stem = getattr(path, "name", "")
    if stem.endswith(".dist-info") and stem.count("-") == 2:
        name, version = stem.removesuffix(".dist-info").split("-")
        return normalise(name), version
    return normalise(distribution.name), distribution.version


def _parse(text: str, distribution: str, version: str) -> Iterator[PluginEntryPoint]:
    """Yield the claims of an `entry_points.txt`. Of 200 plugins, `configparser` reads each 80 µs longer.

    Raises:
        ValueError: a line is neither a group nor `name = value`.

    Source: PyPA specifications, "Entry points", "File format".
    """
    family: str | None = None
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1].strip()
            family = group.removeprefix(GROUP_PREFIX) if group.startswith(GROUP_PREFIX) else None
        elif family is not None:
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"line {number} is not 'name = value'")
            yield PluginEntryPoint(family, name.strip().strip("/"), distribution, value.strip(), version)


def _mistakes(claims: tuple[PluginEntryPoint, ...]) -> Mapping[PluginEntryPoint, str]:
    """Return claim -> why it cannot be served, whatever its module has."""
    mistakes = {claim: reason for claim in claims if (reason := _mistake_of(claim)) is not None}
    if len({claim[:3] for claim in claims}) == len(claims):
        return MappingProxyType(mistakes)
    twice: dict[tuple[str, str, str], list[PluginEntryPoint]] = {}
    for claim in claims:
        twice.setdefault((claim.family, claim.prefix, claim.distribution), []).append(claim)
    for rivals in twice.values():
        if len(rivals) > 1:
            values = " and ".join(claim.value for claim in rivals)
            reason = f"its entry points have {rivals[0].prefix!r} twice in {_group(rivals[0])}, as {values}: keep one"
            mistakes.update(dict.fromkeys(rivals, reason))
    return MappingProxyType(mistakes)


def _mistake_of(claim: PluginEntryPoint) -> str | None:
    if not claim.prefix:
        return f"an entry point of {_group(claim)} has no name: write the prefix there, as in 'acme = {claim.value}'"
    if claim.family in FAMILIES and not _is_prefix(claim.prefix):
        lower = claim.prefix.lower()
        hint = f"write {lower!r}" if PREFIX.fullmatch(lower) else "write it like 'acme' or 'acme/fast'"
        return (
            f"the entry point {claim.prefix!r} of {_group(claim)} is not a prefix, which has small letters a to z, "
            f"digits, '.', '_' and '-', and perhaps '/' between such parts: {hint}"
        )
    if claim.family != "models" and not _is_object(claim.value):
        return f"the entry point {claim.prefix!r} of {_group(claim)} is {claim.value!r}: write it as 'module:object'"
    return None


@lru_cache(maxsize=1024)  # a distribution claims a prefix, and names an object, for several families
def _is_prefix(name: str) -> bool:
    return PREFIX.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _is_object(value: str) -> bool:
    return OBJECT.fullmatch(value) is not None


def _group(claim: PluginEntryPoint) -> str:
    return f"{GROUP_PREFIX}{claim.family}"


@cache
def first_party() -> Mapping[str, Mapping[str, str]]:
    """Return family -> prefix -> first-party distribution, read from `first_party.json` once."""
    path = Path(__file__).with_name("first_party.json")
    return MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
