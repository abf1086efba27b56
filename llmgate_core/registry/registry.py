"""The plugins of a client: which one claims which (family, prefix), loaded on first use.

No plugin is imported until a call is routed to it. A plugin that cannot be loaded raises the same
error each time and does not affect other routes.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError, LLMGateError, PluginConflictError, PluginError, PluginNotInstalledError
from llmgate_core.json_codec import decode
from llmgate_core.registry.entry_points import PluginEntryPoint, first_party, installed_claims, normalise
from llmgate_core.registry.hooks import BoundPlugin, HookBinder, load_error
from llmgate_core.registry.install_hints import install_command
from llmgate_core.settings.environment import read
from llmgate_core.settings.settings import PluginPolicy

__all__ = ["PluginRegistry", "load_claim"]

ENVIRONMENT_LIST = "LLMGATE_PLUGINS"


class PluginRegistry:
    """A client's claims, and the plugins bound so far. Thread-safe."""

    def __init__(self, policy: PluginPolicy, extensions: Sequence[Any] = ()) -> None:
        self._policy = _with_environment(policy)
        self._lock = threading.RLock()
        self._hooks = HookBinder()
        self._claims: Mapping[tuple[str, str], tuple[PluginEntryPoint, ...]] | None = None
        self._all_claims: tuple[PluginEntryPoint, ...] = ()
        self._added: dict[tuple[str, str], BoundPlugin] = {}
        self._bound: dict[str, BoundPlugin] = {}
        self._failed: dict[str, PluginError] = {}
        for extension in extensions:
            self._add_extension(extension)
        self.before_call = self._hooks.extension_hooks("before_call")
        self.on_event = self._hooks.extension_hooks("on_event")

    def claims(self) -> Mapping[tuple[str, str], tuple[PluginEntryPoint, ...]]:
        """Return (family, prefix) -> the claims that the policy allows. Reads the disk once."""
        if self._claims is None:
            with self._lock:
                self._all_claims = installed_claims()
                table: dict[tuple[str, str], tuple[PluginEntryPoint, ...]] = {}
                for claim in filter(self._allowed, self._all_claims):
                    if claim.family in FAMILIES:
                        key = (claim.family, claim.prefix)
                        table[key] = (*table.get(key, ()), claim)
                self._claims = table
        return self._claims

    def installed(self) -> tuple[PluginEntryPoint, ...]:
        """Return every claim of every installed distribution, including those that the policy blocks."""
        self.claims()
        return self._all_claims

    def add_models_to(self, catalogue: Catalogue) -> None:
        """Add the models that plugins list (group `llmgate.models`) to the catalogue, without importing a plugin.

        Raises:
            PluginLoadError: such a file is missing or is not a catalogue.
        """
        for claim in self.installed():
            if claim.family == "models" and self._allowed(claim):
                package, _, name = claim.value.partition(":")
                spec = importlib.util.find_spec(package)
                folders = spec.submodule_search_locations if spec is not None else None
                try:
                    if not folders:  # a relative path would be one of the working directory
                        raise ConfigError(f"there is no package {package}")
                    path = Path(folders[0]) / name
                    catalogue.add(decode(path.read_bytes()), str(path))
                except (OSError, ValueError, ConfigError) as error:
                    reason = f"{claim.value}: {error}"
                    raise load_error(
                        reason, name=claim.value, distribution=claim.distribution, version=claim.version
                    ) from error

    def is_allowed(self, claim: PluginEntryPoint) -> bool:
        """Return whether the policy allows this claim."""
        return self._allowed(claim)

    def prefixes(self, family: str) -> list[str]:
        """Return the prefixes served for `family`, sorted."""
        return sorted({prefix for served, prefix in (*self.claims(), *self._added) if served == family})

    def knows(self, family: str, prefix: str) -> bool:
        """Return whether the prefix is claimed, or belongs to a first-party distribution that may not be installed."""
        key = (family, prefix)
        return key in self._added or key in self.claims() or prefix in first_party().get(family, {})

    def add(self, plugin: object, family: str, prefix: str, *, replace: bool = False) -> BoundPlugin:
        """Bind a plugin object to (family, prefix), without an entry point.

        Raises:
            ConfigError: there is no such family.
            PluginConflictError: the prefix is already served, and `replace` is False.
            PluginLoadError: as for an installed plugin.
        """
        prefix = prefix.strip("/")
        if family not in FAMILIES:
            raise ConfigError(f"there is no endpoint family {family!r}; known families: {', '.join(FAMILIES)}")
        with self._lock:
            if not replace and ((family, prefix) in self._added or (family, prefix) in self.claims()):
                raise PluginConflictError(f"{prefix!r} is already served for {family}; pass replace=True to replace it")
            bound = self._hooks.bind(plugin, name=type(plugin).__name__, distribution=None, version=None)
            self._added[family, prefix] = bound
            return bound

    def get(self, family: str, prefix: str) -> BoundPlugin:
        """Return the plugin for (family, prefix), importing it on first use.

        Raises:
            PluginNotInstalledError: no installed and allowed distribution claims the prefix.
            PluginConflictError: several do, or one claims a first-party prefix.
            PluginLoadError: the plugin cannot be imported or used.
        """
        if (added := self._added.get((family, prefix))) is not None:
            return added
        claim = self._choose(family, prefix)
        if (bound := self._bound.get(claim.value)) is not None:
            return bound
        with self._lock:
            return self._load(claim)

    def _choose(self, family: str, prefix: str) -> PluginEntryPoint:
        claims: Sequence[PluginEntryPoint] = self.claims().get((family, prefix), ())
        owner = first_party().get(family, {}).get(prefix)
        preferred = self._preferred(family, prefix)
        if preferred is not None:
            chosen = next((claim for claim in claims if claim.distribution == preferred), None)
            if chosen is not None:
                return chosen
        if not claims:
            raise self._not_installed(family, prefix, owner)
        first = claims[0]
        if len(claims) > 1 or (owner is not None and first.distribution != owner):
            raise _conflict(family, prefix, claims, owner)
        return first

    def _preferred(self, family: str, prefix: str) -> str | None:
        for spelling in (f"{family}:{prefix}", f"{family}:{prefix}/"):
            if (name := self._policy.prefer.get(spelling)) is not None:
                return normalise(name)
        return None

    def _not_installed(self, family: str, prefix: str, owner: str | None) -> PluginNotInstalledError:
        blocked = [claim for claim in self._all_claims if (claim.family, claim.prefix) == (family, prefix)]
        if blocked:
            reason = f": {blocked[0].distribution} is switched off by {ENVIRONMENT_LIST} or the plugin settings"
        else:
            reason = f"; {owner} does: {install_command(owner)}" if owner else ""
        return PluginNotInstalledError(
            f"no plugin serves '{prefix}/' for {family}{reason}", distribution=owner, plugin=None
        )

    def _load(self, claim: PluginEntryPoint) -> BoundPlugin:
        if claim.value in self._failed:
            raise self._failed[claim.value]
        if claim.value not in self._bound:
            try:
                plugin = load_claim(claim)
                self._bound[claim.value] = self._hooks.bind(
                    plugin, name=claim.value, distribution=claim.distribution, version=claim.version
                )
            except PluginError as error:
                self._failed[claim.value] = error  # so that it is not imported again at every call
                raise
        return self._bound[claim.value]

    def _allowed(self, claim: PluginEntryPoint) -> bool:
        policy = self._policy
        allowed = policy.allow is None or claim.distribution in policy.allow
        return allowed and claim.distribution not in policy.block

    def _add_extension(self, extension: Any) -> None:
        if isinstance(extension, str):
            key = ("extensions", extension)
            claim = next((claim for claim in installed_claims() if (claim.family, claim.prefix) == key), None)
            if claim is None:
                raise ConfigError(f"no installed distribution has the extension {extension!r}")
            self._hooks.add_extension(load_claim(claim), extension)
        else:
            self._hooks.add_extension(extension, type(extension).__name__)


def load_claim(claim: PluginEntryPoint) -> Any:
    """Import the object that an entry point names.

    Raises:
        PluginLoadError: it cannot be imported.
    """
    module, _, path = claim.value.partition(":")
    try:
        target: Any = importlib.import_module(module)
        for attribute in filter(None, path.split(".")):
            target = getattr(target, attribute)
    except LLMGateError:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{claim.value} cannot be imported: {type(error).__name__}: {error}"
        raise load_error(reason, name=claim.value, distribution=claim.distribution, version=claim.version) from error
    return target


def _conflict(family: str, prefix: str, claims: Sequence[PluginEntryPoint], owner: str | None) -> PluginConflictError:
    names = " and ".join(f"{claim.distribution} {claim.version}" for claim in claims)
    belongs = f", which belongs to {owner}" if owner else ""
    return PluginConflictError(
        f"'{prefix}/' for {family}{belongs} is claimed by {names}; choose one with "
        f"PluginPolicy(prefer={{'{family}:{prefix}': 'DISTRIBUTION'}}) or block one with {ENVIRONMENT_LIST}=-NAME",
        distribution=claims[0].distribution,
        plugin=claims[0].value,
        version=claims[0].version,
    )


def _with_environment(policy: PluginPolicy) -> PluginPolicy:
    """Narrow the policy by LLMGATE_PLUGINS: `a,b` allows only a and b, `-c` blocks c."""
    text = read(ENVIRONMENT_LIST)
    allow = None if policy.allow is None else {normalise(name) for name in policy.allow}
    block = {normalise(name) for name in policy.block}
    if text is not None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        block |= {normalise(name[1:]) for name in names if name.startswith("-")}
        listed = {normalise(name) for name in names if not name.startswith("-")}
        if listed:
            allow = listed if allow is None else allow & listed
    return PluginPolicy(None if allow is None else frozenset(allow), frozenset(block), policy.prefer)
