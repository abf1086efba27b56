"""Check the files of a distribution against its RECORD, and make one hash of them all. Imports none of them.

A wheel that was installed lists its files and their hashes in RECORD. What the installer adds (`INSTALLER`, scripts,
compiled files) differs between machines and is not counted, so one wheel has one hash everywhere. Modules that RECORD
does not list, as of a checkout that is installed in place, are read themselves.

Source: PyPA specifications, "Recording installed projects".
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from llmgate_core.errors import ConfigError
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.model_files import model_folder, path_of_models

__all__ = ["InstalledFiles", "installed_files"]

OF_INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"})
SUFFIXES = tuple(importlib.machinery.all_suffixes())
MAX_FILES = 20_000
MAX_NAMED = 3
BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class InstalledFiles:
    """What was found on the disk of one distribution.

    Attributes:
        hash: of every file's path and content.
        is_recorded: RECORD lists all of its modules; False for a checkout that is installed in place.
        start_files: `.pth` files with code, which Python runs when it starts, before llmgate does.
        problems: what differs from RECORD, or would be imported from elsewhere.
    """

    hash: str
    is_recorded: bool
    start_files: tuple[str, ...]
    problems: tuple[str, ...]


def installed_files(distribution: Any, claims: Iterable[PluginEntryPoint]) -> InstalledFiles:
    """Read the files of a distribution.

    Args:
        distribution: an `importlib_metadata.Distribution`.
        claims: its claims, whose modules belong to it.
    """
    base = Path(str(distribution.locate_file("")))
    recorded = dict(_recorded(distribution.read_text("RECORD") or ""))
    hashes: dict[str, str] = {"entry_points.txt": _digest_of(distribution.read_text("entry_points.txt") or "")}
    problems: list[str] = []
    for name, expected in recorded.items():
        hashes[name] = found = _hash_of(base / name)
        if found != expected:
            problems.append(f"{name} {'is missing' if not found else 'differs from RECORD'}")
    roots = _roots(recorded)
    problems += [f"{name} is not in RECORD" for name in _unrecorded(base, recorded, roots)]
    problems += [problem for root in roots for problem in _imported_from_elsewhere(base, root, recorded)]
    claims = tuple(claims)
    modules = dict.fromkeys(claim.value.partition(":")[0].strip() for claim in claims)
    outside = [module for module in modules if not any(f"{module}.".startswith(f"{root}.") for root in roots)]
    for name, path in _modules_of(outside, problems).items():
        hashes[name] = _hash_of(path)
        if not hashes[name]:
            problems.append(f"{name} cannot be read")
    hashes.update((claim.value, _hash_of_models(claim)) for claim in claims if claim.family == "models")
    starts = tuple(name for name in recorded if name.endswith(".pth") and _runs_code(base / name))
    found_hash = _digest_of(json.dumps(sorted(hashes.items())))
    return InstalledFiles(f"sha256:{found_hash}", not outside, starts, _shortened(problems))


def _recorded(text: str) -> Iterator[tuple[str, str]]:
    """Yield (path, hash) of the files in RECORD that every installer writes alike."""
    import csv  # only where there is a lock

    for row in csv.reader(text.splitlines()):
        path = PurePosixPath(row[0]) if row else None
        if path is None or path.is_absolute() or ".." in path.parts or len(row) < 2:
            continue
        of_installer = path.parent.suffix == ".dist-info" and path.name in OF_INSTALLER
        if not of_installer and "__pycache__" not in path.parts:
            yield str(path), row[1].removeprefix("sha256=")


def _roots(recorded: Mapping[str, str]) -> tuple[str, ...]:
    """Return the outermost packages and modules of RECORD, with dots: of a namespace, what is below it."""
    roots: dict[str, None] = {}
    for path in map(PurePosixPath, recorded):
        if not path.name.endswith(SUFFIXES):
            continue
        folders = path.parent.parts
        within = (folders[: count + 1] for count in range(len(folders)))
        package = next((parts for parts in within if f"{'/'.join(parts)}/__init__.py" in recorded), None)
        parts = package or (*folders, path.name.partition(".")[0])
        if all(map(str.isidentifier, parts)):
            roots[".".join(parts)] = None
    return tuple(roots)


def _unrecorded(base: Path, recorded: Mapping[str, str], roots: Iterable[str]) -> Iterator[str]:
    """Yield the modules that lie in a package of RECORD's and are not in it."""
    for root in sorted(roots):
        folder = root.replace(".", "/")
        if f"{folder}/__init__.py" not in recorded:
            continue
        for path in _modules_below(base / folder):
            name = path.relative_to(base).as_posix()
            if name not in recorded:
                yield name


def _modules_below(folder: Path) -> Iterator[Path]:
    """Yield the modules in a folder and below, each folder once: links may lead back to one above."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(place, name) for name in sorted(names) if name.endswith(SUFFIXES))


def _imported_from_elsewhere(base: Path, root: str, recorded: Mapping[str, str]) -> Iterator[str]:
    """Yield a problem if Python would import another file for a package or module of RECORD's."""
    spec = _spec_of(root)
    place = None if spec is None or spec.origin is None else Path(spec.origin).parent.resolve() / Path(spec.origin).name
    if place is None or not place.is_relative_to(base.resolve()):
        yield f"{root} would be imported from {place or 'nowhere'}, not from {base}"
    elif (name := place.relative_to(base.resolve()).as_posix()) not in recorded:
        yield f"{name} is not in RECORD"


def _spec_of(module: str) -> importlib.machinery.ModuleSpec | None:
    """Return what Python would import first for a module: its outermost package that is not a namespace."""
    name, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(name)  # of a name without dots, which imports nothing
        while spec is not None and spec.origin is None and below:
            name = f"{name}.{below.pop(0)}"
            spec = importlib.machinery.PathFinder.find_spec(name, spec.submodule_search_locations)
    except (ImportError, ValueError):
        return None
    return spec


def _modules_of(claimed: Iterable[str], problems: list[str]) -> Mapping[str, Path]:
    """Return the name and the path of every module of packages and modules that RECORD does not list."""
    found: dict[str, Path] = {}
    specs = {}
    for module in claimed:
        if (spec := _spec_of(module)) is None:
            problems.append(f"{module} is missing")
        else:
            specs[spec.name] = spec
    for name, spec in specs.items():
        if spec.origin is not None:
            found[f"{name}/{Path(spec.origin).name}"] = Path(spec.origin)
        for folder in spec.submodule_search_locations or ():
            modules = list(islice(_modules_below(Path(folder)), MAX_FILES + 1))
            if len(modules) > MAX_FILES:
                problems.append(f"{name} has more than {MAX_FILES} modules")
            found.update((f"{name}/{path.relative_to(folder).as_posix()}", path) for path in modules)
    return found


def _hash_of_models(claim: PluginEntryPoint) -> str:
    """Return the hash of a claim's file of models, or of all files of its folder; empty without such a file."""
    try:
        folder = model_folder(claim)
        if folder is None:
            return _hash_of(path_of_models(claim.value))
        return _digest_of(json.dumps([(provider, _hash_of(path)) for provider, path in folder.items()]))
    except (ConfigError, ImportError, ValueError):
        return ""


def _hash_of(path: Path) -> str:
    """Return the hash of a file as RECORD writes it; empty if it cannot be read."""
    digest = hashlib.sha256()
    if not path.is_file():  # a pipe would never end
        return ""
    try:
        with open(path, "rb", buffering=0) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return ""
    return urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _runs_code(path: Path) -> bool:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(("import ", "import\t")) for line in lines)


def _shortened(problems: Sequence[str]) -> tuple[str, ...]:
    """Return the first few problems, and how many more there are."""
    each = tuple(dict.fromkeys(problems))
    more = (f"{len(each) - MAX_NAMED} more",) if len(each) > MAX_NAMED else ()
    return (*each[:MAX_NAMED], *more)
