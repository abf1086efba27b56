"""`llmgate provider list` and `show`: what is declared and what is served. Sends nothing, and shows no key."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from llmgate_core.cli.plugins import client_without_warnings
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError, LLMGateError
from llmgate_core.json_codec import encode
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.settings.near_name import similar_names
from llmgate_core.terminal import say, say_error

__all__ = ["run_list", "run_show"]


def run_list(given: argparse.Namespace) -> int:
    """Print a line for each prefix; the exit status is 1 if a declared one cannot be used."""
    registry = client_without_warnings().preparer.plugins
    rows = [*_declared(registry), *(_installed(registry) if given.all else ())]
    for row in rows:
        if given.json:
            say(encode(row).decode())
        else:
            say(f"{row['prefix'] + '/':<26} {row['from']:<40} {row['state']}")
    if not rows:
        say_error("no provider is declared; llmgate provider add --help, and llmgate provider list --all")
    return 1 if registry.declared.problems else 0


def run_show(given: argparse.Namespace) -> int:
    """Print what is known of a prefix.

    Raises:
        ConfigError: nothing serves the prefix.
    """
    registry = client_without_warnings().preparer.plugins
    name = given.name.strip("/")
    families = [family for family in FAMILIES if registry.knows(family, name)]
    shown: dict[str, Any] = {"prefix": name, "families": {}}
    for family in families:
        try:
            shown["families"][family] = _facts(registry, family, name)
        except LLMGateError as error:
            shown["families"][family] = {"error": str(error)}
    for declaration in registry.declared.declarations:
        if declaration.name == name:
            shown |= {"declared in": declaration.where, "declaration": dict(declaration.content)}
    if not families:
        known = {prefix for family in FAMILIES for prefix in registry.prefixes(family)}
        near = similar_names(name, known)
        hint = f"; did you mean {' or '.join(f'{it}/' for it in near)}?" if near else ""
        raise ConfigError(f"nothing serves '{name}/'; llmgate provider list --all lists what does{hint}")
    say(encode(shown).decode() if given.json else json.dumps(shown, indent=2, ensure_ascii=False))
    return 1 if all("error" in facts for facts in shown["families"].values()) else 0


def _declared(registry: PluginRegistry) -> Iterator[dict[str, str]]:
    served: dict[str, list[str]] = {}
    where: dict[str, str] = {}
    for family, prefix, declaration in registry.declared.routes():
        served.setdefault(prefix, []).append(family)
        where[prefix] = declaration.where
    for prefix, families in served.items():
        yield {"prefix": prefix, "from": where[prefix], "state": ", ".join(families)}
    for problem in registry.declared.problems:
        yield {"prefix": problem.declaration.name, "from": problem.declaration.where, "state": str(problem)}


def _installed(registry: PluginRegistry) -> Iterator[dict[str, str]]:
    served: dict[str, list[str]] = {}
    distributions: dict[str, str] = {}
    for (family, prefix), claims in registry.claims().items():
        served.setdefault(prefix, []).append(family)
        distributions[prefix] = f"{claims[0].distribution} {claims[0].version}"
    for prefix, families in sorted(served.items()):
        yield {"prefix": prefix, "from": distributions[prefix], "state": ", ".join(families)}


def _facts(registry: PluginRegistry, family: str, prefix: str) -> dict[str, Any]:
    plugin = registry.get(family, prefix)
    info = plugin.info
    return {
        "provider": info.name,
        "plugin": plugin.distribution or plugin.name,
        "base_url": info.base_url,
        "base_url_variables": {name: _state_of(name) for name in info.env_base_url},
        "key_variables": {name: _state_of(name) for name in info.key_variables},
        "needs_key": bool(info.key_variables) and not info.env_key_optional,
    }


def _state_of(variable: str) -> str:
    return "set" if os.environ.get(variable) else "not set"
