"""Extensions of the gateway: what is installed, and loading one that the config names. Loads no other.

They are entry points of other distributions, found without importing any of them.

Source: docs/gateway/extend.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from llmgate_core.serving import PluginEntryPoint, errors, installed_claims, load_claim
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = ["BUILTIN_DIALECTS", "DIALECTS", "MIDDLEWARE", "STORES", "check_extensions", "load_extension"]

MIDDLEWARE: Final = "middleware"
STORES: Final = "stores"
DIALECTS: Final = "dialects"
"""The groups of entry points, without `llmgate.gateway.` before them."""
BUILTIN_DIALECTS: Final = ("openai",)


def load_extension(kind: str, name: str) -> Any:
    """Return the object that an entry point names.

    Raises:
        ConfigError: it is not installed. PluginLoadError: it cannot be imported.
    """
    entry = next((entry for entry in _installed(kind) if entry.prefix == name), None)
    if entry is None:
        raise errors.ConfigError(_not_installed(kind, name))
    return load_claim(entry)


def check_extensions(general: GeneralSettings, root: Node, problems: Problems) -> None:
    """Put every extension that the config names and that is not installed into `problems`."""
    for path, kind, name in _extensions_of(general):
        installed = [entry.prefix for entry in _installed(kind)]
        if name not in installed:
            near = problems.did_you_mean(name, [*installed, *BUILTIN_DIALECTS] if kind == DIALECTS else installed)
            place, written = root.find(("general_settings", *path))
            problems.add(place, written, _not_installed(kind, name) + near)


def _extensions_of(general: GeneralSettings) -> Iterator[tuple[Path, str, str]]:
    """Yield the place, the kind and the name of every extension of a config."""
    for index, entry in enumerate(general.middleware):
        yield (MIDDLEWARE, index), MIDDLEWARE, entry.name
    for use, store in general.stores:
        if store is not None:
            yield (STORES, use), STORES, store.name
    for index, name in enumerate(general.dialects):
        if name not in BUILTIN_DIALECTS:
            yield (DIALECTS, index), DIALECTS, name


def _installed(kind: str) -> list[PluginEntryPoint]:
    return [entry for entry in installed_claims() if entry.family == f"gateway.{kind}"]


def _not_installed(kind: str, name: str) -> str:
    return f"nothing installed has {name!r} among its entry points of the group llmgate.gateway.{kind}"
