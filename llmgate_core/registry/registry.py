"""The routing table of plugins: who claims which (family, prefix), and load the one that is asked for.

Nothing is imported until a call is routed to it. A plugin that fails keeps failing alone, with
the same error each time; every other route goes on working.
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
from llmgate_core.settings.environment import read
from llmgate_core.settings.settings import PluginPolicy

__all__ = ["PluginRegistry", "load_claim"]

ENVIRONMENT_LIST = "LLMGATE_PLUGINS"


class PluginRegistry:
    """Claims of one client, and the plugins bound so far. Thread-safe."""

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
        """Return (family, prefix) -> the claims that the policy lets through. Reads the disk once."""
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
        """Return every claim found, refused ones included."""
        self.claims()
        return self._all_claims

    def add_models_to(self, catalogue: Catalogue) -> None:
        """Add the facts that plugins bring along (group `llmgate.models`), importing none of them.

        Raises:
            PluginLoadError: such a file is missing or is no catalogue.
        """
        for claim in self.installed():
            if claim.family == "models" and self._allowed(claim):
                package, _, name = claim.value.partition(":")
                spec = importlib.util.find_spec(package)
                places = spec.submodule_search_locations if spec is not None else None
                try:
                    path = Path((places or [""])[0]) / name
                    catalogue.add(decode(path.read_bytes()), str(path))
                except (OSError, ValueError, ConfigError) as error:
                    why = f"{claim.value}: {error}"
                    raise load_error(
                        why, name=claim.value, distribution=claim.distribution, version=claim.version
                    ) from error

    def is_allowed(self, claim: PluginEntryPoint) -> bool:
        """Return whether the policy lets this claim through."""
        return self._allowed(claim)

    def prefixes(self, family: str) -> list[str]:
        """Return the prefixes that are served for `family`, sorted."""
        served = {prefix for known, prefix in (*self.claims(), *self._added) if known == family}
        return sorted(served)

    def knows(self, family: str, prefix: str) -> bool:
        """Return whether the prefix is claimed, or would be by a first-party distribution."""
        key = (family, prefix)
        return key in self._added or key in self.claims() or prefix in first_party().get(family, {})

    def add(self, plugin: object, family: str, prefix: str, *, replace: bool = False) -> BoundPlugin:
        """Bind a plugin object of this process to (family, prefix).

        Raises:
            ConfigError: no such family. PluginConflictError: taken, and `replace` is False.
            PluginLoadError: as for an installed one.
        """
        prefix = prefix.strip("/")
        if family not in FAMILIES:
            raise ConfigError(f"there is no endpoint family {family!r}; there are {', '.join(FAMILIES)}")
        with self._lock:
            if not replace and ((family, prefix) in self._added or (family, prefix) in self.claims()):
                raise PluginConflictError(f"{prefix!r} is served for {family} already; pass replace=True")
            bound = self._hooks.bind(plugin, name=type(plugin).__name__, distribution=None, version=None)
            self._added[family, prefix] = bound
            return bound

    def get(self, family: str, prefix: str) -> BoundPlugin:
        """Return the plugin for (family, prefix), importing it on first use.

        Raises:
            PluginNotInstalledError, PluginConflictError, PluginLoadError
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
            chosen = [claim for claim in claims if claim.distribution == preferred]
            if chosen:
                return chosen[0]
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
        refused = [claim for claim in self._all_claims if (claim.family, claim.prefix) == (family, prefix)]
        if refused:
            way_out = f"{refused[0].distribution} is switched off by {ENVIRONMENT_LIST} or the plugin settings"
        else:
            way_out = f"pip install {owner}"
        return PluginNotInstalledError(
            f"no plugin serves '{prefix}/' for {family}: {way_out}", distribution=owner, plugin=None
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
                self._failed[claim.value] = error  # not imported again at every call
                raise
        return self._bound[claim.value]

    def _allowed(self, claim: PluginEntryPoint) -> bool:
        policy = self._policy
        allowed = policy.allow is None or claim.distribution in policy.allow
        return allowed and claim.distribution not in policy.block

    def _add_extension(self, extension: Any) -> None:
        if isinstance(extension, str):
            found = [claim for claim in installed_claims() if (claim.family, claim.prefix) == ("extensions", extension)]
            if not found:
                raise ConfigError(f"no installed distribution has the extension {extension!r}")
            self._hooks.add_extension(load_claim(found[0]), extension)
        else:
            self._hooks.add_extension(extension, type(extension).__name__)


def load_claim(claim: PluginEntryPoint) -> Any:
    """Import what an entry point names.

    Raises:
        PluginLoadError: it does not import.
    """
    module, _, path = claim.value.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in filter(None, path.split(".")):
            found = getattr(found, attribute)
    except LLMGateError:
        raise
    except (Exception, SystemExit) as error:
        why = f"{claim.value} does not import: {type(error).__name__}: {error}"
        raise load_error(why, name=claim.value, distribution=claim.distribution, version=claim.version) from error
    return found


def _conflict(family: str, prefix: str, claims: Sequence[PluginEntryPoint], owner: str | None) -> PluginConflictError:
    names = " and ".join(f"{claim.distribution} {claim.version}" for claim in claims)
    belongs = f", which belongs to {owner}" if owner else ""
    return PluginConflictError(
        f"'{prefix}/' for {family}{belongs} is claimed by {names}; choose with "
        f"PluginPolicy(prefer={{'{family}:{prefix}': 'DISTRIBUTION'}}) or block one with {ENVIRONMENT_LIST}=-NAME",
        distribution=claims[0].distribution,
        plugin=claims[0].value,
        version=claims[0].version,
    )


def _with_environment(policy: PluginPolicy) -> PluginPolicy:
    """Narrow the policy by LLMGATE_PLUGINS: `a,b` allows only these, `-c` all but c."""
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
