"""The extensions of a client: given as objects or named, configured, and their hooks called so that a fault has a name.

A name is an entry point of the group `llmgate.extensions`. No extension is loaded unless it is given or named.

Source: docs/plugins/extensions.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from llmgate_core.errors import APIError, ConfigError, PluginError, PluginLoadError

__all__ = ["Extension", "ExtensionHook", "configured", "given_extension", "named_options"]

KEYS = frozenset({"name", "options"})


@dataclass(frozen=True, slots=True, eq=False)
class Extension:
    """A loaded extension: the object with the hooks, and where it came from."""

    object: Any
    name: str
    distribution: str | None = None
    version: str | None = None

    def error(self, hook: str | None, reason: str) -> PluginError:
        """Return a `PluginError` that names this extension."""
        return PluginError(
            f"extension {self._shown}: {reason}",
            plugin=self.name,
            distribution=self.distribution,
            version=self.version,
            hook=hook,
        )

    def load_error(self, reason: str) -> PluginLoadError:
        """Return the error for an extension that cannot be used."""
        return PluginLoadError(
            f"extension {self._shown} cannot be used: {reason}; leave it out of the extensions, or correct it",
            plugin=self.name,
            distribution=self.distribution,
            version=self.version,
        )

    def refusal(self, error: APIError, *, is_answered: bool) -> APIError:
        """Return what a hook has raised, marked as this extension's, so that it is not taken for the upstream's.

        The error of another call, which the hook made itself, stays that upstream's.

        Args:
            error: is marked itself.
            is_answered: the upstream has answered: another try would cost as much again.
        """
        if error.attempts is None and error.provider is None:
            error.extension = self.name
        if is_answered:
            error.retry = False
        return error

    @property
    def _shown(self) -> str:
        return f"{self.name!r} of {self.distribution} {self.version}" if self.distribution else repr(self.name)


@dataclass(frozen=True, slots=True)
class ExtensionHook:
    """A hook of one extension, with all the arguments of its specification."""

    extension: Extension
    name: str
    function: Callable[..., Any]

    def __call__(self, *values: Any) -> Any:
        """Call the hook."""
        return self.function(*values)


def named_options(given: object) -> tuple[str, Mapping[str, Any] | None] | None:
    """Return the name and the options of an extension that is not given as an object; None for an object.

    Options are None unless the entry has some.

    Raises:
        ConfigError: it is a mapping of another shape.
    """
    if isinstance(given, str):
        return given, None
    if not isinstance(given, Mapping):
        return None
    name, options = given.get("name"), given.get("options")
    if set(given) - KEYS or not isinstance(name, str) or not (options is None or isinstance(options, Mapping)):
        raise ConfigError(
            "an extension is an object, a name, or a mapping such as {'name': 'word-guard', 'options': {...}}; "
            f"this mapping has the keys {', '.join(sorted(map(str, given)))}"
        )
    return name, options


def given_extension(given: object) -> Extension:
    """Return an extension that was given as an object."""
    name = given.__name__ if isinstance(given, ModuleType) else type(given).__name__
    return Extension(given, name)


def configured(extension: Extension, options: Mapping[str, Any] | None) -> Extension:
    """Return a named extension as its `configure(options)` returns it, which is called without options too.

    So each client has an object of its own, and an extension can say which options it needs.

    Raises:
        PluginLoadError: it refuses the options, has no `configure` for them, or is a class.
    """
    loaded = extension.object
    if inspect.isclass(loaded):
        raise extension.load_error(f"its entry point names the class {loaded.__name__}; name an object of it")
    configure = getattr(loaded, "configure", None)
    if configure is None:
        if options:
            raise extension.load_error("it has no function configure(options), so it takes no options")
        return extension
    try:
        made = configure(dict(options or {}))
    except (Exception, SystemExit) as error:
        raise extension.load_error(f"configure raised {type(error).__name__}: {error}") from error
    if made is None or inspect.isclass(made):
        raise extension.load_error("configure did not return the configured extension, which is an object with hooks")
    return Extension(made, extension.name, extension.distribution, extension.version)
