"""The plugins of providers that a user declares as data, made by the source that a distribution brings.

A source is imported only if something is declared. A declaration that cannot be used raises the same error for each
call of its prefix, and does not affect other routes.

Source: docs/plugins/sources.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.source import DeclaredPlugin, Mistake
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import ConfigError, LLMGateError, PluginConflictError, PluginError, PluginNotInstalledError
from llmgate_core.registry.bound_plugin import BoundPlugin, load_error
from llmgate_core.registry.entry_points import PREFIX, PluginEntryPoint
from llmgate_core.registry.install_hints import install_command
from llmgate_core.registry.loading import load_claim
from llmgate_core.registry.notices import PluginNotice
from llmgate_core.registry.ownership import shown
from llmgate_core.registry.plugin_lock import active_lock, without_refused
from llmgate_core.settings.declarations import Declaration, declarations

if TYPE_CHECKING:
    from llmgate_core.settings.settings import Settings

__all__ = ["DeclaredPlugins", "DeclaredProblem", "declarations_of", "source_claim"]

SOURCES = "sources"
SOURCE_NAME = "providers"
SOURCE_DISTRIBUTION = "llmgate-providers"
"""The group and the name of the entry point that makes plugins of declarations, and what to install for it."""

Bind = Callable[..., BoundPlugin]
Route = tuple[str, str]


def declarations_of(settings: Settings) -> tuple[Declaration, ...]:
    """Return what is declared; where a lock of plugins holds, a file counts only if it is named.

    Raises:
        ConfigError: the lock or a file cannot be read.
    """
    return declarations(settings.providers, settings.providers_file, reads_default=active_lock() is None)


@dataclass(frozen=True, slots=True)
class DeclaredProblem:
    """Why a declaration cannot be used, and where in it that is."""

    declaration: Declaration
    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        place = ".".join(map(str, (self.declaration.name, *self.path)))
        return f"{self.declaration.where}: {place}: {self.message}"


class DeclaredPlugins:
    """(family, prefix) -> the plugin that a declaration makes, and why others cannot be used."""

    def __init__(self, declared: Sequence[Declaration] = ()) -> None:
        self.declarations = tuple(declared)
        self.problems: tuple[DeclaredProblem, ...] = ()
        self._plugins: dict[Route, tuple[BoundPlugin, Declaration]] = {}
        self._failed: dict[str, LLMGateError] = {}

    def register(self, claims: Sequence[PluginEntryPoint], bind: Bind) -> None:
        """Make the plugins of every declaration.

        Args:
            claims: what the policy allows and nothing forbids.
            bind: `HookBinder.bind`.
        """
        if not self.declarations:
            return
        try:
            claim = source_claim(claims)
            source = load_claim(claim)
        except LLMGateError as error:
            self._fail_all(error)
            return
        for declaration in self.declarations:
            problems = tuple(self._add(declaration, source, claim, claims, bind))
            if problems:
                self.problems += problems
                self._failed.setdefault(declaration.name, ConfigError("; ".join(map(str, problems))))

    def routes(self) -> Iterator[tuple[str, str, Declaration]]:
        """Yield the family and prefix of each plugin, and what declares it."""
        for (family, prefix), (_, declaration) in self._plugins.items():
            yield family, prefix, declaration

    def knows(self, family: str, prefix: str) -> bool:
        """Return whether a prefix is declared for a family, or declared wrongly."""
        return (family, prefix) in self._plugins or prefix in self._failed

    def get(self, family: str, prefix: str) -> BoundPlugin | None:
        """Return the plugin of a declaration; None if there is none for the route.

        Raises:
            LLMGateError: the prefix is declared, and the declaration cannot be used.
        """
        if prefix in self._failed:
            raise self._failed[prefix]
        found = self._plugins.get((family, prefix))
        return None if found is None else found[0]

    def notices(self) -> Iterator[PluginNotice]:
        """Yield why declarations cannot be used; a call raises the same."""
        for message in dict.fromkeys(str(error) for error in self._failed.values()):
            yield PluginNotice("provider", message, is_raised=True)

    def _fail_all(self, error: LLMGateError) -> None:
        self.problems = tuple(DeclaredProblem(each, (), str(error)) for each in self.declarations)
        self._failed = {each.name: error for each in self.declarations}

    def _add(
        self,
        declaration: Declaration,
        source: Any,
        claim: PluginEntryPoint,
        claims: Sequence[PluginEntryPoint],
        bind: Bind,
    ) -> Iterator[DeclaredProblem]:
        """Make the plugins of one declaration, all or none; yield why it cannot be used."""
        try:
            mistakes, made = _asked(source, claim, declaration)
            bound = {
                (each.family, each.prefix): bind(
                    each.plugin, name=declaration.name, distribution=claim.distribution, version=claim.version
                )
                for each in made
            }
        except PluginError as error:
            yield DeclaredProblem(declaration, (), str(error))
            return
        yield from (DeclaredProblem(declaration, path, message) for path, message in mistakes)
        if mistakes:
            return
        reasons = dict.fromkeys(filter(None, (self._taken(route, declaration, claims) for route in bound)))
        if not reasons:
            self._plugins.update({route: (plugin, declaration) for route, plugin in bound.items()})
            return
        for reason in reasons:
            yield DeclaredProblem(declaration, (), reason)
            for _, prefix in bound:
                self._failed.setdefault(prefix, PluginConflictError(str(DeclaredProblem(declaration, (), reason))))

    def _taken(self, route: Route, declaration: Declaration, claims: Sequence[PluginEntryPoint]) -> str | None:
        """Return why a declaration may not have a route; None if it may."""
        family, prefix = route
        if family not in FAMILIES or not PREFIX.fullmatch(prefix):
            return f"{prefix[:80]!r} for {family[:80]!r} is not a prefix and a family"
        if (other := self._plugins.get(route)) is not None:
            return f"'{prefix}/' is declared as {other[1].name!r} too: keep one"
        root = prefix.split("/")[0]
        rivals = [each for each in claims if each.family in FAMILIES and each.prefix.split("/")[0] == root]
        if not rivals or declaration.replaces:
            return None
        return (
            f"'{prefix}/' is served by {shown(rivals)}: give the provider another name, or write \"replace\": true "
            "into the declaration, which takes the declared families from it"
        )


def source_claim(claims: Sequence[PluginEntryPoint]) -> PluginEntryPoint:
    """Return the entry point that makes plugins of declarations.

    Raises:
        PluginNotInstalledError: there is none. PluginConflictError: several distributions have one.
    """
    found = [claim for claim in claims if (claim.family, claim.prefix) == (SOURCES, SOURCE_NAME)]
    if not found:
        message = (
            f"declared providers need {SOURCE_DISTRIBUTION}, which is not installed or not allowed: "
            f"{install_command(SOURCE_DISTRIBUTION)}"
        )
        raise PluginNotInstalledError(message, distribution=SOURCE_DISTRIBUTION, plugin=None)
    first, *others = without_refused(found)
    if others:
        raise PluginConflictError(
            f"declared providers are claimed by {shown(found)}: block one with LLMGATE_PLUGINS=-NAME",
            plugin=first.value,
            distribution=first.distribution,
            version=first.version,
        )
    return first


def _asked(
    source: Any, claim: PluginEntryPoint, declaration: Declaration
) -> tuple[Sequence[Mistake], Sequence[DeclaredPlugin]]:
    """Return the mistakes of a declaration, or its plugins.

    Raises:
        PluginLoadError: the source itself fails.
    """
    content: Mapping[str, Any] = declaration.content
    try:
        mistakes = tuple(source.mistakes(declaration.name, content))
        return mistakes, () if mistakes else tuple(source.plugins(declaration.name, content))
    except LLMGateError as error:
        return (((), str(error)),), ()
    except Exception as error:
        reason = f"it cannot read {declaration.name!r}: {type(error).__name__}: {error}"
        raise load_error(reason, name=claim.value, distribution=claim.distribution, version=claim.version) from error
