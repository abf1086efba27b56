"""Check the files of a distribution against its RECORD, and make one hash of them all. Imports none of them.

A wheel that was installed lists its files and their hashes in RECORD. What the installer adds (`INSTALLER`, scripts,
compiled files) differs between machines and is not counted, so one wheel has one hash everywhere. Modules that RECORD
does not list, as of a checkout that is installed in place, are read themselves.

Source: PyPA specifications, "Recording installed projects".
"""

from __future__ import annotations

import csv
import hashlib
import importlib.machinery
import importlib.util
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llmgate_core.registry.entry_points import PluginEntryPoint

__all__ = ["InstalledFiles", "installed_files"]

OF_INSTALLER = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"})
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
    problems += [f"{name} is not in RECORD" for name in _unrecorded(base, recorded)]
    outside: list[PluginEntryPoint] = []
    for claim in claims:
        if _is_listed(claim, recorded):
            problems += _imported_from_elsewhere(base, claim)
        else:
            outside.append(claim)
    tops = dict.fromkeys(claim.value.partition(":")[0].split(".")[0].strip() for claim in outside)
    paths = [pair for top in tops for pair in _modules_of(top, problems)]
    paths += [pair for claim in outside if claim.family == "models" for pair in _models_of(claim)]
    hashes.update((name, _hash_of(path)) for name, path in paths)
    starts = tuple(name for name in recorded if name.endswith(".pth") and _runs_code(base / name))
    lines = "\n".join(f"{name} {value}" for name, value in sorted(hashes.items()))
    return InstalledFiles(f"sha256:{_digest_of(lines)}", not outside, starts, _shortened(problems))


def _recorded(text: str) -> Iterator[tuple[str, str]]:
    """Yield (path, hash) of the files in RECORD that every installer writes alike."""
    for row in csv.reader(text.splitlines()):
        path = PurePosixPath(row[0]) if row else None
        if path is None or path.is_absolute() or ".." in path.parts or len(row) < 2:
            continue
        of_installer = path.parent.suffix == ".dist-info" and path.name in OF_INSTALLER
        if not of_installer and "__pycache__" not in path.parts:
            yield str(path), row[1].removeprefix("sha256=")


def _unrecorded(base: Path, recorded: Iterable[str]) -> Iterator[str]:
    """Yield the modules that lie in a package of RECORD's and are not in it."""
    known = frozenset(recorded)
    packages = {name.rpartition("/")[0] for name in known if name.endswith("/__init__.py")}
    for top in sorted(package for package in packages if not any(package.startswith(f"{it}/") for it in packages)):
        for path in _modules_below(base / top):
            name = path.relative_to(base).as_posix()
            if name not in known:
                yield name


def _modules_below(folder: Path) -> Iterator[Path]:
    suffixes = tuple(importlib.machinery.all_suffixes())
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(place, name) for name in sorted(names) if name.endswith(suffixes))


def _is_listed(claim: PluginEntryPoint, recorded: Iterable[str]) -> bool:
    top = claim.value.partition(":")[0].split(".")[0].strip()
    return any(name.startswith((f"{top}/", f"{top}.")) and not name.endswith(".pth") for name in recorded)


def _imported_from_elsewhere(base: Path, claim: PluginEntryPoint) -> Iterator[str]:
    """Yield a problem if Python would import the module of a claim from another folder than the distribution's."""
    place = _place_of(claim)
    if place is None or not place.resolve().is_relative_to(base.resolve()):
        top = claim.value.partition(":")[0]
        yield f"{top} would be imported from {place or 'nowhere'}, not from {base}"


def _place_of(claim: PluginEntryPoint) -> Path | None:
    """Return the file or folder of the top package of a claim's module; of a namespace, of the package below it."""
    top, *below = claim.value.partition(":")[0].strip().split(".")
    spec = _spec_of(top)
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    name = below[0] if below else ""
    within = (path for folder in folders for path in (folder / name, folder / f"{name}.py") if path.exists())
    return next(within, None)


def _spec_of(top: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)  # of a name without dots, which imports nothing
    except (ImportError, ValueError):
        return None


def _modules_of(top: str, problems: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the name and the path of every module of a package or module that RECORD does not list."""
    spec = _spec_of(top)
    if spec is None:
        problems.append(f"{top} is missing")
        return
    folders = list(spec.submodule_search_locations or ())
    if not folders and spec.origin is not None:
        yield f"{top}{Path(spec.origin).suffix}", Path(spec.origin)
    for folder in folders:
        for count, path in enumerate(_modules_below(Path(folder))):
            if count >= MAX_FILES:
                problems.append(f"{top} has more than {MAX_FILES} modules")
                break
            yield f"{top}/{path.relative_to(folder).as_posix()}", path


def _models_of(claim: PluginEntryPoint) -> Iterator[tuple[str, Path]]:
    """Yield the file of models of a claim."""
    package, _, name = claim.value.partition(":")
    top, *below = package.strip().split(".")
    spec = _spec_of(top)
    inside = PurePosixPath(*below, name.strip())
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield f"{top}/{inside}", Path(folder, inside)


def _hash_of(path: Path) -> str:
    """Return the hash of a file as RECORD writes it; empty if it cannot be read."""
    digest = hashlib.sha256()
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
