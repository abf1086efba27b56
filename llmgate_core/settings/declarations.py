"""Providers that a user declares as data: those of the settings, and those of a file, which is read here.

What a declaration may say is known to the distribution that makes plugins of it, not here.

Source: docs/plugins/sources.md.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmgate_core.errors import ConfigError
from llmgate_core.settings.environment import read

__all__ = ["FILE_VARIABLE", "REPLACE", "Declaration", "declarations", "default_file", "named_file", "read_file"]

FILE_VARIABLE = "LLMGATE_PROVIDERS"
IN_SETTINGS = "the setting providers"
FOLDER, FILE_NAME = "llmgate", "providers.json"
MAX_BYTES = 1024 * 1024
REPLACE = "replace"
SUPERUSER = 0


@dataclass(frozen=True, slots=True)
class Declaration:
    """One provider as a user declares it.

    Attributes:
        name: the key of the declaration.
        content: what the source of plugins reads; not in the repr.
        where: the file, or `the setting providers`.
        replaces: it may take routes from installed plugins.
    """

    name: str
    content: Mapping[str, Any] = field(repr=False)
    where: str
    replaces: bool = False

    @property
    def is_setting(self) -> bool:
        """Whether it is of the setting, not of a file."""
        return self.where == IN_SETTINGS


def declarations(
    providers: Mapping[str, Any], providers_file: str | None, *, reads_default: bool = True
) -> tuple[Declaration, ...]:
    """Return what the settings and the file declare; the settings win over the file.

    Args:
        providers: name -> declaration.
        providers_file: the setting; None: the variable, then the file in the user's config directory, if it exists.
        reads_default: False: only a file that is named counts.

    Raises:
        ConfigError: a file that is named is missing; or one cannot be read, or is not a mapping of mappings.
    """
    found = {name: _declaration(name, content, IN_SETTINGS) for name, content in _mapping(providers, IN_SETTINGS)}
    path = named_file(providers_file)
    if path is None and reads_default:
        path = default_file()
        path = path if path is not None and _is_usable(path) else None
    if path is not None:
        for name, content in read_file(path).items():
            found.setdefault(name, _declaration(name, content, str(path)))
    return tuple(found.values())


def named_file(setting: str | None = None) -> Path | None:
    """Return the file that the setting or the variable names."""
    name = setting or read(FILE_VARIABLE)
    return None if name is None else Path(name)


def default_file() -> Path | None:
    """Return `llmgate/providers.json` in the user's config directory; None if there is no such directory.

    Source: XDG Base Directory Specification; on Windows the folder for application data.
    """
    base = read("APPDATA") if os.name == "nt" else read("XDG_CONFIG_HOME")
    if base is not None and Path(base).is_absolute():
        return Path(base, FOLDER, FILE_NAME)
    try:
        return Path.home().joinpath(".config", FOLDER, FILE_NAME)
    except RuntimeError:  # a process without a home
        return None


def read_file(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return name -> declaration of a file.

    Raises:
        ConfigError: it cannot be read, or is not a JSON object of objects.
    """
    where = f"the file of providers {path}"
    try:
        if path.exists() and not path.is_file():
            raise OSError(0, "it is not a file")  # a pipe would be waited for
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{where} cannot be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{where} is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        parsed = json.loads(content, object_pairs_hook=_without_repeats)
    except _RepeatedKeyError as error:
        raise ConfigError(f"{where}: {error}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{where} is not UTF-8 JSON") from None
    return dict(_mapping(parsed, where))


class _RepeatedKeyError(ValueError):
    """An object has a key twice, and readers differ in which of the values counts."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise _RepeatedKeyError(f"the key {repeated[:80]!r} is there twice in one object")
    return found


def _mapping(value: object, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and content of each declaration."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: it must be an object of name and declaration, not {type(value).__name__}")
    for name, content in value.items():
        if not isinstance(name, str) or not isinstance(content, Mapping):
            raise ConfigError(f"{where}: the declaration of {str(name)[:80]!r} must be an object")
        yield name, content


def _declaration(name: str, content: Mapping[str, Any], where: str) -> Declaration:
    replaces = content.get(REPLACE, False)
    if not isinstance(replaces, bool):
        raise ConfigError(f"{where}: {name[:80]!r}: {REPLACE} must be true or false")
    rest = {key: value for key, value in content.items() if key != REPLACE}
    return Declaration(name, rest, where, replaces)


def _is_usable(path: Path) -> bool:
    """Return whether the file that is read unasked exists.

    Raises:
        ConfigError: another user can write it, or put another one in its place, and so could send keys elsewhere.
    """
    try:
        found = ((path, path.stat()), (path.parent, path.parent.stat()))
    except (OSError, ValueError):
        return False
    if os.name == "posix":
        for each, facts in found:
            if facts.st_mode & stat.S_IWOTH:
                reason = f"every user of this machine can write {each}, and so choose where keys go"
                raise ConfigError(f"{reason}: chmod o-w it")
            if facts.st_uid not in (os.geteuid(), SUPERUSER):
                reason = f"{each} belongs to another user, who could choose where keys go"
                raise ConfigError(f"{reason}; if that is right, name the file in {FILE_VARIABLE}")
    return True
