"""`llmgate provider add` and `remove`: change the user's file of providers, in one step, after a check."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmgate_core.cli.provider.gateway_config import add_to_config
from llmgate_core.errors import ConfigError
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.registry.declared import DeclaredProblem
from llmgate_core.registry.registry import PluginRegistry, load_source
from llmgate_core.settings.declarations import REPLACE, Declaration, default_file, named_file, read_file
from llmgate_core.settings.settings import module_settings
from llmgate_core.terminal import say, say_error

__all__ = ["run_add", "run_remove", "users_file"]

Declarations = Mapping[str, Mapping[str, Any]]


def run_add(given: argparse.Namespace) -> int:
    """Check a provider, show its declaration, and write it.

    Raises:
        ConfigError: it is not a valid one, its prefix is taken, or the file cannot be written.
    """
    made = load_source(module_settings().plugins).declaration(
        base_url=given.base_url, key_variables=tuple(given.key_env), families=tuple(given.family or ["chat"])
    )
    declared = {given.name: {**made, REPLACE: True} if given.replace else dict(made)}
    _check(declared)
    shown = json.dumps(declared, indent=2)
    path = users_file() if given.config is None else Path(given.config)
    if given.config is not None:
        content = add_to_config(path, given.name, declared[given.name])
    else:
        present = read_file(path) if path.exists() else {}
        if given.name in present:
            raise ConfigError(f"{given.name!r} is in {path} already: llmgate provider remove {given.name}")
        content = _text_of({**present, **declared})
    say(shown)
    if given.dry_run:
        say_error(f"would be added to {path}")
        return 0
    _write(path, content)
    say_error(f"added to {path}")
    return 0


def run_remove(given: argparse.Namespace) -> int:
    """Take a provider out of the user's file.

    Raises:
        ConfigError: it is not there, or the file cannot be written.
    """
    path = users_file()
    present = dict(read_file(path)) if path.exists() else {}
    if given.name not in present:
        raise ConfigError(f"{given.name!r} is not in {path}, which has {', '.join(present) or 'nothing'}")
    removed = present.pop(given.name)
    _write(path, _text_of(present))
    say(json.dumps({given.name: removed}, indent=2))
    say_error(f"removed from {path}")
    return 0


def users_file() -> Path:
    """Return the file that the setting or the variable names, else the user's own, whether it exists or not.

    Raises:
        ConfigError: there is no place for it.
    """
    path = named_file(module_settings().providers_file) or default_file()
    if path is None:
        raise ConfigError("there is no home directory: name a file with LLMGATE_PROVIDERS")
    return path


def _check(declared: Declarations) -> None:
    """Raise if a declaration has a mistake or takes what it may not, whatever the user's file has."""
    given = [
        Declaration(name, {key: value for key, value in content.items() if key != REPLACE}, "", REPLACE in content)
        for name, content in declared.items()
    ]
    problems = PluginRegistry(module_settings().plugins, (), given).declared.problems
    if problems:
        raise ConfigError("; ".join(map(_shown, problems)))


def _shown(problem: DeclaredProblem) -> str:
    place = ".".join(map(str, (problem.declaration.name, *problem.path)))
    return f"{place}: {problem.message}"


def _text_of(declared: Declarations) -> str:
    return f"{json.dumps(declared, indent=2)}\n"


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with AtomicFile(path) as file:
            file.write(content.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or type(error).__name__}") from None
