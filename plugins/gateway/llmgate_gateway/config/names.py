"""Find the deployments that a requested model name refers to. Never a guess, never another host.

Pure. An entry of exactly that name comes before aliases, and those before patterns; of the patterns that match, the one
with the most literal characters wins. A longer prefix inside the name counts if it is below the prefix of the pattern
(`openai/responses/gpt-5-mini` under `openai/*`); any other finds nothing.

Source: docs/gateway/configure.md, "Names and stars"; row S6 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from llmgate_gateway.config.patterns import fill, literal_length, match
from llmgate_gateway.config.schema.deployment import Deployment
from llmgate_gateway.config.schema.fields import MAX_NAME_CHARACTERS
from llmgate_gateway.config.schema.model import GatewayConfig

__all__ = ["Group", "Member", "ModelNames", "allows"]

FORBIDDEN = frozenset("*\\?#%<>\"'` ")


@dataclass(frozen=True, slots=True)
class Member:
    """One deployment of a group, and the model string for the requested name."""

    deployment: Deployment
    model: str


@dataclass(frozen=True, slots=True)
class Group:
    """What a requested name refers to.

    Attributes:
        name: the `model_name` that matched. members: its deployments in the file's order, at least one;
            of a pattern exactly one.
    """

    name: str
    members: tuple[Member, ...]


class ModelNames:
    """The names that a config serves. Immutable.

    Args:
        prefixes: every prefix that an installed plugin claims; default: looked up.
    """

    def __init__(self, config: GatewayConfig, prefixes: Collection[str] | None = None) -> None:
        if prefixes is None:
            from llmgate_gateway.config.routes import installed_prefixes  # reads the disk

            prefixes = installed_prefixes(config)
        self._prefixes = frozenset(prefix.strip("/") for prefix in prefixes)
        self._groups = _groups(config.deployments)
        patterns = {d.model_name: d for d in reversed(config.deployments) if d.is_pattern}  # the first of a name wins
        order = {name: position for position, name in enumerate(d.model_name for d in reversed(config.deployments))}
        self._patterns = sorted(
            patterns.values(), key=lambda d: (literal_length(d.model_name), order[d.model_name]), reverse=True
        )
        self._aliases = {alias: target.model for alias, target in config.aliases.items()}
        self._hidden = frozenset(alias for alias, target in config.aliases.items() if target.hidden)

    def find(self, requested: str) -> Group | None:
        """Return the group for a name that a client sent, or None if the config serves no such name."""
        if len(requested) > MAX_NAME_CHARACTERS:
            return None
        name = self._aliases.get(requested, requested)
        group = self._groups.get(name)
        return group if group is not None else self._by_pattern(name)

    def names(self) -> tuple[str, ...]:
        """Return what `/v1/models` lists: names, aliases that are not hidden, and patterns as the config has them."""
        shown = [alias for alias in self._aliases if alias not in self._hidden]
        patterns = [deployment.model_name for deployment in reversed(self._patterns)]
        return tuple(dict.fromkeys([*self._groups, *shown, *patterns]))

    def _by_pattern(self, requested: str) -> Group | None:
        if not _is_plausible(requested):
            return None
        for deployment in self._patterns:
            model = fill(deployment.model_name, deployment.params.model, requested)
            if model is not None:
                if self._asks_for_other_plugin(deployment, requested):
                    return None
                return Group(deployment.model_name, (Member(deployment, model),))
        return None

    def _asks_for_other_plugin(self, deployment: Deployment, requested: str) -> bool:
        """Return whether the name's prefix belongs to another plugin than the pattern's."""
        before = deployment.params.model.partition("*")[0]
        pattern_prefix = before.rpartition("/")[0]
        stars = match(deployment.model_name, requested) or ()
        if "*" not in deployment.params.model:
            return False
        if not pattern_prefix:
            return any("/" in star for star in stars)
        if not deployment.model_name.startswith("*"):
            return False
        prefix = self._longest_prefix(requested)
        return prefix is not None and prefix != pattern_prefix and not prefix.startswith(f"{pattern_prefix}/")

    def _longest_prefix(self, name: str) -> str | None:
        cut = name.rfind("/")
        while cut > 0:
            if name[:cut] in self._prefixes:
                return name[:cut]
            cut = name.rfind("/", 0, cut)
        return None


def allows(models: Iterable[str] | None, requested: str) -> bool:
    """Return whether a key's list of models covers a name as the client wrote it; None covers all."""
    return models is None or any(match(model, requested) is not None for model in models)


def _groups(deployments: Iterable[Deployment]) -> dict[str, Group]:
    members: dict[str, tuple[Member, ...]] = {}
    for deployment in deployments:
        if not deployment.is_pattern:
            member = Member(deployment, deployment.params.model)
            members[deployment.model_name] = (*members.get(deployment.model_name, ()), member)
    return {name: Group(name, group) for name, group in members.items()}


def _is_plausible(name: str) -> bool:
    """Return whether a name that only a pattern matches can be the name of a model."""
    segments = name.split("/")
    is_malformed = not name.isprintable() or not FORBIDDEN.isdisjoint(name) or "://" in name
    return not is_malformed and all(segments) and "." not in segments and ".." not in segments
