"""The plugins of a client: which one claims which (family, prefix), loaded on first use.

No plugin is imported until a call is routed to it. A plugin that cannot be loaded raises the same
error each time and does not affect other routes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.providers import provider_info, shipped_providers
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError, LLMGateError, PluginConflictError, PluginError, PluginNotInstalledError
from llmgate_core.registry.entry_points import (
    GROUP_PREFIX,
    PluginEntryPoint,
    first_party,
    installed_claims,
    normalise,
    unreadable_distributions,
)
from llmgate_core.registry.hooks import BoundPlugin, HookBinder, load_error
from llmgate_core.registry.install_hints import install_command
from llmgate_core.registry.model_files import add_models
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.ownership import ENVIRONMENT_LIST, Ownership, dispute, shown
from llmgate_core.registry.process_lock import ProcessLock
from llmgate_core.settings.environment import read
from llmgate_core.settings.key_owner import KeyOwner
from llmgate_core.settings.settings import PluginPolicy

__all__ = ["PluginRegistry", "load_claim"]

OTHER_GROUPS = frozenset({"commands", "extensions", "models"})
"""Groups of entry points that core reads besides the families; those with a dot belong to other distributions."""


class PluginRegistry:
    """A client's claims, and the plugins bound so far. Thread-safe."""

    def __init__(self, policy: PluginPolicy, extensions: Sequence[Any] = ()) -> None:
        self._policy = _with_environment(policy)
        self._lock = ProcessLock()
        self._hooks = HookBinder()
        self._ownership: Ownership | None = None
        self._all_claims: tuple[PluginEntryPoint, ...] = ()
        self._of_models: tuple[PluginNotice, ...] = ()
        self._added: dict[tuple[str, str], BoundPlugin] = {}
        self._bound: dict[str, BoundPlugin] = {}
        self._failed: dict[str, PluginError] = {}
        for extension in extensions:
            self._add_extension(extension)
        self.before_call = self._hooks.extension_hooks("before_call")
        self.on_event = self._hooks.extension_hooks("on_event")

    def claims(self) -> Mapping[tuple[str, str], tuple[PluginEntryPoint, ...]]:
        """Return (family, prefix) -> the claims that are served: the policy allows them, and they own the prefix."""
        return self.ownership.served

    @property
    def ownership(self) -> Ownership:
        """The owners of prefixes, and the claims that are served. Reads the disk once."""
        ownership = self._ownership
        if ownership is None:
            with self._lock:
                self._all_claims = installed_claims()
                allowed = filter(self._allowed, self._all_claims)
                ownership = self._ownership = Ownership(allowed, self._policy.prefer)
        return ownership

    def installed(self) -> tuple[PluginEntryPoint, ...]:
        """Return every claim of every installed distribution, including those that the policy blocks."""
        self.claims()
        return self._all_claims

    def add_models_to(self, catalogue: Catalogue) -> None:
        """Add the models that plugins list (group `llmgate.models`) to the catalogue, without importing a plugin.

        What a file may not say, or says wrongly, is left out of it; `notices` names it.
        """
        notices: list[PluginNotice] = []
        for claim in self.installed():
            if claim.family == "models" and self._allowed(claim):
                notices += add_models(catalogue, claim, self.ownership)
        self._of_models = tuple(notices)

    def notices(self) -> tuple[PluginNotice, ...]:
        """Return what a user should know or decide about the installed plugins."""
        return (*self.ownership.notices(), *self._of_models, *self._of_groups(), *self._of_names(), *_of_files())

    def key_owner(self, family: str, prefix: str) -> KeyOwner | None:
        """Return the owner of a prefix's key; None if the plugin that serves the prefix may have it.

        Imports the owner's plugins, for their hosts, where another distribution serves the prefix.

        Raises:
            PluginError: as `get`.
        """
        if (family, prefix) in self._added:
            return None  # the program itself serves the prefix
        claim = self._choose(family, prefix)
        if self.ownership.owns(claim.distribution, prefix):
            return None
        root = self.ownership.root(prefix)
        if root in shipped_providers():
            return KeyOwner(prefix, claim.distribution, (provider_info(root),))
        infos = []
        for owned in self.ownership.claims_of_owner(prefix):
            try:
                with self._lock:
                    infos.append(self._load(owned).info)
            except PluginError:
                continue  # `llmgate plugins` shows why; its hosts are not known
        return KeyOwner(prefix, claim.distribution, tuple(infos))

    def _of_groups(self) -> Iterator[PluginNotice]:
        known = (*FAMILIES, *OTHER_GROUPS)
        for claim in self._all_claims:
            if claim.family not in known and "." not in claim.family:
                near = _nearest(claim.family, known)
                hint = f"; did its author mean {GROUP_PREFIX}{near}?" if near else ""
                group = f"{GROUP_PREFIX}{claim.family}"
                message = f"{shown((claim,))}: {claim.prefix!r} is never served: there is no group {group}{hint}"
                yield PluginNotice("group", message, claim)

    def _of_names(self) -> Iterator[PluginNotice]:
        """Yield the names of the policy that match no installed distribution."""
        installed = {claim.distribution for claim in self._all_claims}
        for name in sorted((self._policy.block | (self._policy.allow or frozenset())) - installed):
            near = _nearest(name, sorted(installed))
            hint = f"; did you mean {near!r}?" if near else ""
            message = (
                f"{ENVIRONMENT_LIST} or the plugin settings name {name!r}, but no plugin of that name is installed"
            )
            yield PluginNotice("name", f"{message}{hint}")

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
            PluginConflictError: several do, and none of them is known to own it.
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
        if not claims:
            raise self.not_served(family, prefix)
        if rivals := self.ownership.rivals(family, prefix):
            raise _conflict(family, prefix, rivals)
        return claims[0]

    def refusals(self, family: str, prefix: str) -> str:
        """Return why claims of other distributions on a prefix are not served; empty if all are."""
        refused = self.ownership.refused.get((family, prefix), ())
        return "; ".join(self.ownership.refusal(claim) for claim in refused)

    def not_served(self, family: str, prefix: str) -> PluginNotInstalledError:
        """Return the error for a prefix that nothing serves, with what would serve it."""
        owner = first_party().get(family, {}).get(prefix)
        claims = [claim for claim in self._all_claims if (claim.family, claim.prefix) == (family, prefix)]
        blocked = [claim for claim in claims if not self._allowed(claim)]
        if blocked:
            reason = f": {blocked[0].distribution} is switched off by {ENVIRONMENT_LIST} or the plugin settings"
        else:
            reason = f"; {owner} does: {install_command(owner)}" if owner else ""
        if refusals := self.refusals(family, prefix):
            reason = f"{reason}; {refusals}"
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
            allowed = filter(self._allowed, installed_claims())
            claims = [claim for claim in allowed if (claim.family, claim.prefix) == key]
            if not claims:
                raise ConfigError(f"no installed and allowed distribution has the extension {extension!r}")
            if len(claims) > 1:
                raise PluginConflictError(
                    f"the extension {extension!r} is claimed by {shown(claims)}; block one with "
                    f"{ENVIRONMENT_LIST}=-NAME",
                    distribution=claims[0].distribution,
                    plugin=claims[0].value,
                    version=claims[0].version,
                )
            self._hooks.add_extension(load_claim(claims[0]), extension)
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


def _nearest(name: str, names: Sequence[str]) -> str | None:
    import difflib  # only for a name that is wrong

    return next(iter(difflib.get_close_matches(name, names, 1)), None)


def _of_files() -> Iterator[PluginNotice]:
    for folder, reason in unreadable_distributions():
        yield PluginNotice("distribution", f"the entry points in {folder} are left out, they cannot be read: {reason}")


def _conflict(family: str, prefix: str, claims: Sequence[PluginEntryPoint]) -> PluginConflictError:
    is_own = (claims[0].family, claims[0].prefix) == (family, prefix)
    reason = dispute(tuple(claims))
    return PluginConflictError(
        reason if is_own else f"'{prefix}/' is not served for {family} while it is disputed: {reason}",
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
