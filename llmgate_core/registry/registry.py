"""The plugins of a client: which one claims which (family, prefix), loaded on first use.

No plugin is imported until a call is routed to it. A plugin that cannot be loaded raises the same
error each time and does not affect other routes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.providers import provider_info, shipped_providers
from llmgate_core.contract.source import PluginSource
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import (
    ConfigError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotInstalledError,
)
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.claim_problems import is_meant, nearest, unusable_claims
from llmgate_core.registry.declared import DeclaredPlugins, source_claim
from llmgate_core.registry.entry_points import (
    PluginEntryPoint,
    first_party,
    installed_claims,
    normalise,
    shadowed_distributions,
    unreadable_distributions,
)
from llmgate_core.registry.extensions import Extension, configured, given_extension, named_options
from llmgate_core.registry.hooks import HookBinder
from llmgate_core.registry.install_hints import install_command
from llmgate_core.registry.loading import check_info, load_claim, refused
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.ownership import ENVIRONMENT_LIST, Ownership, dispute, shown
from llmgate_core.registry.plugin_lock import refusals, without_refused
from llmgate_core.registry.plugin_models import PluginModels
from llmgate_core.registry.process_lock import ProcessLock
from llmgate_core.settings.declarations import Declaration
from llmgate_core.settings.environment import read
from llmgate_core.settings.key_owner import KeyOwner
from llmgate_core.settings.settings import PluginPolicy

__all__ = ["PluginRegistry", "allowed_claims", "load_extensions", "load_source", "register_extensions"]


class PluginRegistry:
    """A client's claims, and the plugins bound so far. Thread-safe."""

    def __init__(
        self, policy: PluginPolicy, extensions: Sequence[Any] = (), declarations: Sequence[Declaration] = ()
    ) -> None:
        self._policy = _with_environment(policy)
        self._lock = ProcessLock()
        self._hooks = HookBinder()
        self._ownership: Ownership | None = None
        self._all_claims: tuple[PluginEntryPoint, ...] = ()
        self._unusable: Mapping[PluginEntryPoint, str] = {}
        self._locked_out: Mapping[str, str] = {}
        self._models = PluginModels()
        self._added: dict[tuple[str, str], BoundPlugin] = {}
        self._declared = DeclaredPlugins(declarations)
        self._bound: dict[str, BoundPlugin] = {}
        self._failed: dict[str, PluginError] = {}
        for extension in extensions:
            self._add_extension(extension)
        self.extension_hooks = self._hooks.extension_hooks

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The client's extensions, in the order in which they were enabled."""
        return self._hooks.extensions

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
                self._locked_out = refusals()
                self._unusable = unusable_claims(self._all_claims, self._locked_out)
                usable = [claim for claim in self._all_claims if claim not in self._unusable and self._allowed(claim)]
                ownership = Ownership(usable, self._policy.prefer)
                self._declared.register(usable, self._hooks.bind)
                self._ownership = ownership
        return ownership

    @property
    def declared(self) -> DeclaredPlugins:
        """The plugins of providers that the user declares as data."""
        self.claims()
        return self._declared

    def problem(self, claim: PluginEntryPoint) -> str | None:
        """Return why an allowed claim cannot be used, whatever its module has: its name is wrong, or a lock forbids it.

        Raises:
            ConfigError: the lock of plugins cannot be read.
        """
        self.claims()
        reason = self._unusable.get(claim)
        return None if reason is None else f"{shown((claim,))}: {reason}"

    def unusable(self, family: str, prefix: str) -> PluginLoadError | None:
        """Return the error of the claim that would serve a route, if it could be used; None: there is no such claim."""
        for claim in self.installed():
            if claim in self._unusable and self._allowed(claim) and is_meant(claim, family, prefix):
                return refused(claim, self._unusable[claim])
        return None

    def installed(self) -> tuple[PluginEntryPoint, ...]:
        """Return every claim of every installed distribution, including those that the policy blocks."""
        self.claims()
        return self._all_claims

    def add_models_to(self, catalogue: Catalogue) -> None:
        """Add the models that plugins list (group `llmgate.models`) to the catalogue, without importing a plugin."""
        claims = (claim for claim in self.installed() if self._allowed(claim) and claim not in self._unusable)
        self._models.add_to(catalogue, claims, self.ownership)

    def notices(self) -> tuple[PluginNotice, ...]:
        """Return what a user should know or decide about the installed plugins."""
        ownership = self.ownership.notices()
        return (
            *ownership,
            *self._models.notices,
            *self._of_claims(),
            *self._of_names(),
            *self._declared.notices(),
            *_of_files(),
        )

    def key_owner(self, family: str, prefix: str) -> KeyOwner | None:
        """Return the owner of a prefix's key; None if the plugin that serves the prefix may have it.

        Imports the owner's plugins, for their hosts, where another distribution serves the prefix.

        Raises:
            PluginError: as `get`.
        """
        if (family, prefix) in self._added or self.declared.knows(family, prefix):
            return None  # the program itself serves the prefix, or the user declares it
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

    def _of_claims(self) -> Iterator[PluginNotice]:
        """Yield why claims cannot be used: of a locked distribution only once."""
        said = set[tuple[str, str]]()
        for claim, reason in self._unusable.items():
            if self._allowed(claim) and (claim.distribution, reason) not in said:
                said.add((claim.distribution, reason))
                is_raised = claim.distribution in self._locked_out
                yield PluginNotice("claim", f"{shown((claim,))}: {reason}", claim, is_raised=is_raised)

    def _of_names(self) -> Iterator[PluginNotice]:
        """Yield the names of the policy that match no installed distribution."""
        installed = {claim.distribution for claim in self._all_claims}
        for name in sorted((self._policy.block | (self._policy.allow or frozenset())) - installed):
            near = nearest(name, sorted(installed))
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
        declared = ((served, prefix) for served, prefix, _ in self.declared.routes())
        return sorted({prefix for served, prefix in (*self.claims(), *declared, *self._added) if served == family})

    def knows(self, family: str, prefix: str) -> bool:
        """Return whether the prefix is claimed, or belongs to a first-party distribution that may not be installed."""
        key = (family, prefix)
        if key in self._added or key in self.claims() or prefix in first_party().get(family, {}):
            return True
        return self._declared.knows(family, prefix)

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
        if (declared := self.declared.get(family, prefix)) is not None:
            return declared
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

    def not_served(self, family: str, prefix: str) -> PluginError:
        """Return the error for a prefix that nothing serves, with what would serve it."""
        if (unusable := self.unusable(family, prefix)) is not None:
            return unusable
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
                check_info(claim, getattr(plugin, "info", None))
                self._bound[claim.value] = self._hooks.bind(
                    plugin, name=claim.value, distribution=claim.distribution, version=claim.version
                )
            except PluginError as error:
                self._failed[claim.value] = error  # so that it is not imported again at every call
                raise
        return self._bound[claim.value]

    def _allowed(self, claim: PluginEntryPoint) -> bool:
        return _allows(self._policy, claim)

    def _add_extension(self, given: Any) -> None:
        named = named_options(given)
        if named is None:
            self._hooks.add_extension(given if isinstance(given, Extension) else given_extension(given))
            return
        name, options = named
        claim = self._claim_of_extension(name)
        loaded = Extension(load_claim(claim), name, claim.distribution, claim.version)
        self._hooks.add_extension(configured(loaded, options))

    def _claim_of_extension(self, name: str) -> PluginEntryPoint:
        allowed = filter(self._allowed, installed_claims())
        claims: Sequence[PluginEntryPoint] = [claim for claim in allowed if _key(claim) == ("extensions", name)]
        if not claims:
            raise ConfigError(f"no installed and allowed distribution has the extension {name!r}")
        claims = without_refused(claims)
        if len(claims) > 1:
            raise PluginConflictError(
                f"the extension {name!r} is claimed by {shown(claims)}; block one with {ENVIRONMENT_LIST}=-NAME",
                distribution=claims[0].distribution,
                plugin=claims[0].value,
                version=claims[0].version,
            )
        return claims[0]


def load_extensions(given: Sequence[Any], policy: PluginPolicy) -> tuple[Extension, ...]:
    """Return extensions, loaded and checked once, which several clients may be given.

    Args:
        given: as the argument `extensions` of a client.
        policy: which distributions may bring them.

    Raises:
        ConfigError: one is not installed, or not given as an extension can be. PluginLoadError: one cannot be used.
        PluginConflictError: several distributions have it.
    """
    return PluginRegistry(policy, given).extensions


def load_source(policy: PluginPolicy) -> PluginSource:
    """Return the object that makes plugins of declarations.

    Raises:
        PluginError: no installed and allowed distribution has one, several have, or it cannot be imported.
    """
    source: PluginSource = load_claim(source_claim(allowed_claims(policy)))
    return source


def register_extensions(extensions: Sequence[Extension], gateway: object) -> None:
    """Call the hook `register_gateway` of each extension that has it.

    Raises:
        PluginError: a hook failed; the message has the reason and the name of the extension.
    """
    for hook in PluginRegistry(PluginPolicy(), extensions).extension_hooks("register_gateway"):
        try:
            hook(gateway)
        except (Exception, SystemExit) as error:
            reason = f"hook {hook.name} raised {type(error).__name__}: {error}"
            raise hook.extension.error(hook.name, reason) from error


def _key(claim: PluginEntryPoint) -> tuple[str, str]:
    return claim.family, claim.prefix


def _of_files() -> Iterator[PluginNotice]:
    for name, used, ignored in shadowed_distributions():
        message = f"{name} is installed twice: {used} is used, {ignored} further down the path is not; uninstall one"
        yield PluginNotice("distribution", message, is_raised=True)
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


def allowed_claims(policy: PluginPolicy) -> list[PluginEntryPoint]:
    """Return the claims of every installed distribution that a policy and the environment allow."""
    narrowed = _with_environment(policy)
    return [claim for claim in installed_claims() if _allows(narrowed, claim)]


def _allows(policy: PluginPolicy, claim: PluginEntryPoint) -> bool:
    allowed = policy.allow is None or claim.distribution in policy.allow
    return allowed and claim.distribution not in policy.block


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
