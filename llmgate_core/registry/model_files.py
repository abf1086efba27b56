"""Read the files of models that plugins bring, and take from each what its distribution may say.

Imports no plugin. A file that cannot be used is left out alone, and so is a row.

Source: docs/plugins/facts-and-prices.md, "What is taken from it".
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.schema import usable_part
from llmgate_core.errors import ConfigError
from llmgate_core.json_codec import decode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.ownership import Ownership, shown

__all__ = ["MAX_BYTES", "add_models", "model_folder", "path_of_models", "read_models", "unreadable"]

MAX_BYTES = 8 * 1024 * 1024
MAX_FILES = 1000  # of a folder
MAX_NAMED_ROWS = 3


def model_folder(claim: PluginEntryPoint) -> Mapping[str, Path] | None:
    """Return provider -> its file, if an entry point names a folder, `package:folder/`; None: it names a file.

    Raises:
        ConfigError: there is no such folder in the package, or it has too many files. ImportError, ValueError: the
            name of the package is not one.
    """
    if not claim.value.endswith("/"):
        return None
    paths = list(islice(path_of_models(claim.value).glob("*.json"), MAX_FILES + 1))
    if not paths:
        raise ConfigError("there is no such folder, or it has no file that ends in .json")
    if len(paths) > MAX_FILES:
        raise ConfigError(f"the folder has more than {MAX_FILES} files")
    return {path.stem: path for path in sorted(paths)}


def add_models(catalogue: Catalogue, claim: PluginEntryPoint, ownership: Ownership) -> Iterator[PluginNotice]:
    """Add all models of one entry point to the catalogue, and yield what was left out of it."""
    try:
        folder = model_folder(claim)
    except (OSError, ValueError, ImportError, ConfigError) as error:
        yield unreadable(claim, error)
        return
    files: list[tuple[str | None, Path | None]] = [(None, None)] if folder is None else [*folder.items()]
    for provider, path in files:
        data, notices = read_models(claim, ownership, path, provider)
        if data is not None:
            catalogue.add_of_plugin(data)
        yield from notices


def unreadable(claim: PluginEntryPoint, error: Exception) -> PluginNotice:
    """Return the notice about an entry point whose file or folder cannot be read."""
    return PluginNotice("models", f"{_named(claim)} is left out: {error}", claim)


def _named(claim: PluginEntryPoint, path: Path | None = None) -> str:
    return f"{shown((claim,))}: its file of models {claim.value}{'' if path is None else path.name}"


def read_models(
    claim: PluginEntryPoint, ownership: Ownership, path: Path | None = None, provider: str | None = None
) -> tuple[Mapping[str, Any] | None, tuple[PluginNotice, ...]]:
    """Return what the catalogue takes of an entry point's file, None if nothing, and what was left out of it.

    `path` is the file of a folder, and `provider` the one whose rows it must have.
    """
    notices: list[PluginNotice] = []
    data = _read_models(claim, ownership, path, provider, notices)
    return data, tuple(notices)


def _read_models(
    claim: PluginEntryPoint, ownership: Ownership, path: Path | None, wanted: str | None, notices: list[PluginNotice]
) -> Mapping[str, Any] | None:
    who = _named(claim, path)

    def leave_out(reason: str) -> None:
        notices.append(PluginNotice("models", f"{who}{reason}", claim))

    try:
        data, mistakes = _usable_part_of(path_of_models(claim.value) if path is None else path)
    except (OSError, ValueError, ImportError, ConfigError) as error:
        leave_out(f" is left out: {error}")
        return None
    provider = data["provider"]
    if wanted is not None and provider != wanted:
        leave_out(f" is left out: its rows are of the provider {provider!r}, which is not its name")
        return None
    if not ownership.owns_provider(claim.distribution, provider):
        names = f"{len(data['models'])} rows of the provider {provider!r}"
        reason = f"{claim.distribution} does not own the prefix '{provider}/'"
        leave_out(f" is left out: it gives {names}, but {reason}")
        return None
    prefixes: dict[str, str] = {}
    for mode, prefix in (data.get("prefix_by_mode") or {}).items():
        if prefix and ownership.owns(claim.distribution, prefix.strip("/")):
            prefixes[mode] = prefix.strip("/")
        else:
            reason = f"{claim.distribution} does not own the prefix {prefix!r}"
            leave_out(f": prefix_by_mode.{mode} is left out: {reason}")
    if mistakes:
        more = f" (and {len(mistakes) - MAX_NAMED_ROWS} more)" if len(mistakes) > MAX_NAMED_ROWS else ""
        named = "; ".join(mistakes[:MAX_NAMED_ROWS])
        leave_out(f": rows are left out{more}: {named}")
    return {**data, "prefix_by_mode": prefixes}


def path_of_models(value: str) -> Path:
    """Return the file of `package:file.json`, or the folder of `package:folder/`, without importing the package.

    Raises:
        ConfigError: there is no such package, or the file is not inside it.
    """
    package, _, name = value.partition(":")
    top, *below = package.strip().split(".")
    spec = importlib.util.find_spec(top)  # of a name with dots it would import the package above
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise ConfigError(f"there is no package {top!r}; write it as 'package:file.json'")
    inside = PurePosixPath(*below, name.strip())
    if not name.strip() or inside.is_absolute() or ".." in inside.parts:
        raise ConfigError("the file must be inside the package; write it as 'package:file.json'")
    paths = [Path(folder, inside) for folder in folders]
    return next((path for path in paths if path.exists()), paths[0])


def _usable_part_of(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return what a file has, and its mistakes; a file that has not changed is read and checked once a process."""
    state = path.stat()
    return _read_once(path, state.st_mtime_ns, state.st_size)


@lru_cache(MAX_FILES)
def _read_once(path: Path, *_state: int) -> tuple[dict[str, Any], list[str]]:
    return usable_part(decode(_content(path)))


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise ConfigError("it is not a file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConfigError(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return content
