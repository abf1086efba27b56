"""What makes plugins of providers that a user declares as data. Shapes and a protocol, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["DeclaredPlugin", "Mistake", "PluginSource"]

Mistake = tuple[tuple[str | int, ...], str]
"""Where in a declaration something is wrong, as keys and indices from its top, and what is wrong."""


@dataclass(frozen=True, slots=True)
class DeclaredPlugin:
    """A plugin object and the route that it serves.

    Attributes:
        plugin: as for `Client.add_plugin`.
        family: what it serves, such as `chat`.
        prefix: without its last slash.
    """

    plugin: object
    family: str
    prefix: str


class PluginSource(Protocol):
    """The object of an entry point of the group `llmgate.sources`; it is imported only if a user declares a provider.

    A declaration is a mapping, as JSON or YAML has it, under the provider's name. Core knows nothing of its content but
    the key `replace`, which it takes out.
    """

    def mistakes(self, name: str, declared: Mapping[str, Any]) -> Sequence[Mistake]:
        """Return what is wrong with a declaration; none: `plugins` can make plugins of it."""
        ...

    def plugins(self, name: str, declared: Mapping[str, Any]) -> Sequence[DeclaredPlugin]:
        """Return the plugins of a declaration in which nothing is wrong, one for each family and prefix."""
        ...

    def declaration(self, *, base_url: str, key_variables: Sequence[str], families: Sequence[str]) -> Mapping[str, Any]:
        """Return the declaration of a provider of which nothing else is known, for `llmgate provider add`."""
        ...
