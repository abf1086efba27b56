"""The owner of a prefix's key, for a call that another distribution's plugin serves. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmgate_core.errors import ConfigError
from llmgate_core.settings.base_url import split_base_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmgate_core.contract.provider import ProviderInfo

__all__ = ["KeyOwner"]


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The owner of a prefix, to whose hosts its key goes.

    Attributes:
        prefix: the prefix of the call.
        distribution: the one whose plugin serves the call, and which does not own the prefix.
        infos: of the owner's plugins; empty: they are not installed or cannot be loaded.
    """

    prefix: str
    distribution: str
    infos: tuple[ProviderInfo, ...]

    def has_host(self, base_url: str) -> bool:
        """Return whether a base URL is on a host of the owner's."""
        try:
            return split_base_url(base_url)[0] in set(_origins(self.infos))
        except ConfigError:
            return False  # no URL, or one with options in it, is not known to be the owner's

    def has_variable(self, name: str) -> bool:
        """Return whether an environment variable may hold the owner's key or a secret; of an unknown owner any may."""
        return not self.infos or any(name in _variables(info) for info in self.infos)


def _variables(info: ProviderInfo) -> Iterable[str]:
    yield from info.key_variables
    for option in info.options:
        yield from option.env


def _origins(infos: Iterable[ProviderInfo]) -> Iterable[object]:
    for info in infos:
        try:
            yield split_base_url(info.base_url)[0]
        except ConfigError:
            continue  # a plugin without a usable address has no host
