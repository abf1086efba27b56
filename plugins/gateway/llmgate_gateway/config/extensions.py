"""Extensions of the gateway: what is installed, and loading one that the config names. Loads no other.

They are entry points of other distributions, found without importing any of them.

Source: docs/gateway/extend.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Any, Final

from llmgate_core.serving import (
    Extension,
    PluginEntryPoint,
    allowed_claims,
    errors,
    load_claim,
    load_extensions,
    without_refused,
)
from llmgate_gateway.config.routes import plugin_policy
from llmgate_gateway.config.schema.file_schema import CallSettings, ConfigFile, PluginChoice
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.config.yaml.document import Node
from llmgate_gateway.config.yaml.problems import Path, Problems

__all__ = [
    "BUILTIN_DIALECTS",
    "DIALECTS",
    "MIDDLEWARE",
    "STORES",
    "check_extensions",
    "extensions_of",
    "load_extension",
]

MIDDLEWARE: Final = "middleware"
STORES: Final = "stores"
DIALECTS: Final = "dialects"
"""The groups of entry points, without `llmgate.gateway.` before them."""
BUILTIN_DIALECTS: Final = ("openai", "anthropic")
WHAT_IS_NEEDED: Final = MappingProxyType(
    {
        MIDDLEWARE: ("a function that returns a middleware", ("__call__",)),
        STORES: ("a function that returns a store", ("__call__",)),
        DIALECTS: ("a dialect", ("name", "routes", "decode", "encode", "error_reply", "stream_tail")),
    }
)
CORE_GROUP: Final = "llmgate.extensions"


def load_extension(kind: str, name: str, plugins: PluginChoice) -> Any:
    """Return the object that an entry point names.

    Raises:
        ConfigError: it is not installed, or blocked. PluginConflictError: several distributions have it.
        PluginLoadError: it cannot be imported, the lock of plugins forbids it, or it is no such extension.
    """
    found = without_refused([entry for entry in _installed(kind, plugins) if entry.prefix == name])
    if not found:
        raise errors.ConfigError(_not_installed(kind, name))
    if len(found) > 1:
        raise errors.PluginConflictError(
            _conflict(name, found), distribution=found[0].distribution, plugin=found[0].value, version=found[0].version
        )
    return _loaded(kind, found[0])


def _loaded(kind: str, entry: PluginEntryPoint) -> Any:
    """Return the object of an entry point, which may still refuse its options.

    Raises:
        PluginLoadError: as `load_extension`.
    """
    loaded = load_claim(entry)
    what, needed = WHAT_IS_NEEDED[kind]
    if missing := [name for name in needed if not hasattr(loaded, name)]:
        raise errors.PluginLoadError(
            f"{entry.value} of {entry.distribution} {entry.version} is not {what}: it has no {missing[0]}",
            plugin=entry.value,
            distribution=entry.distribution,
            version=entry.version,
        )
    return loaded


def extensions_of(settings: CallSettings, plugins: PluginChoice) -> tuple[Extension, ...]:
    """Return the extensions of `settings.extensions`, loaded and configured.

    Raises:
        LLMGateError: one is not installed or not allowed, several have it, or it does not load or take its options.
    """
    given = [{"name": entry.name, "options": entry.options} for entry in settings.extensions]
    return load_extensions(given, plugin_policy(plugins))


def check_extensions(file: ConfigFile, root: Node, problems: Problems, *, loads: bool) -> None:
    """Put every extension that the config names, and that not one distribution has, into `problems`.

    With `loads` also those that do not load, which the lock of plugins may forbid, and those of `settings.extensions`
    that do not take their options. No middleware is made and no store is opened.
    """
    general, plugins = file.general_settings, file.plugins
    _check_core_extensions(file.settings, plugins, root, problems, loads=loads)
    for path, kind, name in _extensions_of(general):
        entries = _installed(kind, plugins)
        found = without_refused([entry for entry in entries if entry.prefix == name])
        installed = [entry.prefix for entry in entries]
        place, written = root.find(("general_settings", *path))
        if not found:
            near = problems.did_you_mean(name, [*installed, *BUILTIN_DIALECTS] if kind == DIALECTS else installed)
            problems.add(place, written, _not_installed(kind, name) + near)
        elif len(found) > 1:
            problems.add(place, written, _conflict(name, found))
        elif loads:
            try:
                _loaded(kind, found[0])
            except errors.LLMGateError as error:
                problems.add(place, written, str(error))


def _check_core_extensions(
    settings: CallSettings, plugins: PluginChoice, root: Node, problems: Problems, *, loads: bool
) -> None:
    installed = _installed(CORE_GROUP, plugins)
    for index, entry in enumerate(settings.extensions):
        place, written = root.find(("settings", "extensions", index))
        if all(claim.prefix != entry.name for claim in installed):
            near = problems.did_you_mean(entry.name, [claim.prefix for claim in installed])
            problems.add(place, written, _not_installed(CORE_GROUP, entry.name) + near)
        elif loads:
            try:
                extensions_of(settings.model_copy(update={"extensions": (entry,)}), plugins)
            except errors.LLMGateError as error:
                problems.add(place, written, str(error))


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


def _installed(kind: str, plugins: PluginChoice) -> list[PluginEntryPoint]:
    """Return the entry points of a kind, of the distributions that the config and the environment allow."""
    group = _group(kind)
    return [entry for entry in allowed_claims(plugin_policy(plugins)) if f"llmgate.{entry.family}" == group]


def _group(kind: str) -> str:
    return kind if kind == CORE_GROUP else f"llmgate.gateway.{kind}"


def _conflict(name: str, found: Iterable[PluginEntryPoint]) -> str:
    owners = " and ".join(f"{entry.distribution} {entry.version}" for entry in found)
    return f"{name!r} is an extension of {owners}; block all but one in plugins.block"


def _not_installed(kind: str, name: str) -> str:
    return f"nothing installed and allowed has {name!r} among its entry points of the group {_group(kind)}"
