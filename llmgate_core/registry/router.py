"""Decide which plugin serves a call: by the longest prefix, or else by the catalogue. Never guess.

Pure, except for loading the chosen plugin. No provider is named here: prefixes come from entry
points, modes and their prefixes from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.models import Catalogue, ModelRow
from llmgate_core.catalogue.rules import effort_of
from llmgate_core.endpoints.families import FAMILIES, FAMILY_OF_MODE
from llmgate_core.errors import BadRequestError, PluginError, UnknownModelError, bad_request
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.settings.key_owner import KeyOwner
from llmgate_core.settings.near_name import similar_names

__all__ = ["ResolvedModel", "Router", "may_reroute", "split_prefix"]

MAX_CACHED_TARGETS = 4096  # bounded, because callers choose the model strings
MAX_CACHED_CHARACTERS = 200
MAX_NAMED = 4
MAX_LISTED_PREFIXES = 12
FUNCTION_OF_FAMILY = MappingProxyType(
    {"chat": "completion()", "image": "image_generation()", "video": "video_generation()"}
)  # the other functions have the family's name


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The plugin and model for a model string: the part of a route that is the same for every call.

    `family` is the family that the plugin serves; it differs from the caller's family if the call is bridged.
    `key_owner` is set if the plugin's distribution does not own the prefix, and the key is kept back from it.
    """

    plugin: BoundPlugin
    family: str
    prefix: str
    model: str
    row: ModelRow | None
    reason: str
    key_owner: KeyOwner | None = None


class Router:
    """Resolves model strings for one client, and caches the results."""

    def __init__(self, plugins: PluginRegistry, catalogue: Catalogue) -> None:
        self._plugins = plugins
        self._catalogue = catalogue
        self._targets: dict[tuple[str, str, bool], ResolvedModel] = {}
        self._based: dict[tuple[str, str, str, str], ResolvedModel] = {}

    def resolve(self, family: str, model: object, *, bridged: bool = False) -> ResolvedModel:
        """Return the target of a model string.

        Args:
            family: the endpoint family of the call.
            model: the model string as the caller wrote it.
            bridged: use the family that bridges this one, even if a plugin serves the family itself.

        Raises:
            BadRequestError: `model` is not a string, or is a model of another family.
            UnknownModelError: it has no known prefix and is not in the catalogue.
            PluginError: the plugin is missing, claimed twice, or cannot be loaded.
        """
        name = model if isinstance(model, str) else _check_model(model)
        bridged_over = FAMILIES[family].bridged_over if bridged else None
        target = self._targets.get((bridged_over or family, name, bridged))
        if target is None:
            target = self._resolve(bridged_over or family, _check_model(name), fixed_prefix=bridged)
            if len(self._targets) >= MAX_CACHED_TARGETS:
                self._targets.clear()
            if len(name) <= MAX_CACHED_CHARACTERS:
                self._targets[bridged_over or family, name, bridged] = target
        return target

    def resolve_prefix(self, family: str, model: object) -> ResolvedModel:
        """Return the target of a call that has no model: `model` is a prefix such as `openai/`, or None.

        Raises:
            BadRequestError: there is no such prefix. Otherwise as `resolve`.
        """
        if model is None:
            mode = next(mode for mode, name in FAMILY_OF_MODE.items() if name == family)
            prefix = self._catalogue.default_prefix(mode) or next(iter(self._plugins.prefixes(family)), "")
        else:
            prefix = _check_model(model).strip("/")
            if not self._plugins.knows(family, prefix):
                return self.resolve(family, model)
        plugin = self._plugins.get(family, prefix)
        return self._target(plugin, family, prefix, "", None, f"the call names the prefix {prefix}/")

    def based_on(self, target: ResolvedModel, base_model: str) -> ResolvedModel:
        """Return a target with the facts of the model that the caller names, which its own name does not tell.

        It is the target itself if the catalogue has no such model.
        """
        key = (target.family, target.prefix, target.model, base_model)
        based = self._based.get(key)
        if based is None:
            row = self._catalogue.base(target.plugin.info.name, base_model)
            based = target if row is None else replace(target, row=row)
            if len(self._based) >= MAX_CACHED_TARGETS:
                self._based.clear()
            self._based[key] = based
        return based

    def rerouted(self, target: ResolvedModel, body: Mapping[str, Any], called: str) -> ResolvedModel:
        """Return another target if this endpoint loses what the call needs: its reasoning, or tools with an effort.

        The rows of the models say so, and the family `called`; the caller checks that the host is the provider's own.
        """
        if not may_reroute(target):
            return target
        mode = FAMILIES[called].reasons_over if target.family != called else None
        if mode is not None and _keeps_reasoning(target, mode):
            reason = f"a {called} call of a model that reasons is carried by"
        elif _needs_bridge(target) and _reasons_with_functions(body):
            mode, reason = "responses", "function tools and reasoning can be combined only on"
        else:
            return target
        prefix = self._catalogue.prefix_for(target.plugin.info.name, mode)
        if prefix is None or prefix == target.prefix or not self._plugins.knows(target.family, prefix):
            return target
        reason = f"{reason} {prefix}/ for this model"
        plugin = self._plugins.get(target.family, prefix)
        return self._target(plugin, target.family, prefix, target.model, target.row, reason)

    def _target(
        self, plugin: BoundPlugin, family: str, prefix: str, model: str, row: ModelRow | None, reason: str
    ) -> ResolvedModel:
        key_owner = self._plugins.key_owner(family, prefix)
        if key_owner is not None:
            reason = f"{reason}; the key of '{prefix}/' is kept back from {key_owner.distribution}, which you prefer"
        return ResolvedModel(plugin, family, prefix, model, row, reason, key_owner)

    def forget(self) -> None:
        """Clear the cache, after a plugin was added."""
        self._targets.clear()
        self._based.clear()

    def _resolve(self, family: str, model: str, *, fixed_prefix: bool = False) -> ResolvedModel:
        bridged_over = FAMILIES[family].bridged_over
        for prefix, name in split_prefix(model):
            is_bridged = bridged_over is not None and self._plugins.knows(bridged_over, prefix)
            if self._plugins.knows(family, prefix) and not (is_bridged and self._is_foreign(family, prefix, name)):
                return self._by_prefix(family, prefix, name, fixed_prefix=fixed_prefix)
            if is_bridged and bridged_over is not None:
                is_fixed = fixed_prefix or FAMILIES[family].reasons_over is None
                return self._by_prefix(bridged_over, prefix, name, fixed_prefix=is_fixed)
            self._refuse_foreign_prefix(family, prefix, model)
        return self._by_catalogue(family, model, fixed_prefix=fixed_prefix)

    def _is_foreign(self, family: str, prefix: str, model: str) -> bool:
        """Return whether a plugin says that it does not serve a model in this family; `ProviderInfo.only_models`."""
        patterns = self._plugins.get(family, prefix).info.only_models.get(family)
        return patterns is not None and not any(fnmatchcase(model, pattern) for pattern in patterns)

    def _by_prefix(self, family: str, prefix: str, model: str, *, fixed_prefix: bool) -> ResolvedModel:
        may_move = family == "chat" and not fixed_prefix
        row = self._catalogue.lookup_by_prefix(prefix, "chat", model) if may_move else None
        reason = f"the model string has the prefix {prefix}/"
        if row and row.prefix and row.mode == "responses":
            prefix, reason = row.prefix, f"in the catalogue {row.name} has the mode responses"
        plugin = self._plugins.get(family, prefix)
        return self._target(plugin, family, prefix, model, self._catalogue.lookup(plugin.info.name, model), reason)

    def _by_catalogue(self, family: str, model: str, *, fixed_prefix: bool) -> ResolvedModel:
        row = self._catalogue.find(model)
        if row is None:
            raise self._unknown(family, model)
        if row.prefix is None:
            raise self._without_prefix(family, model, row)
        if row.mode not in FAMILIES[family].modes:
            raise BadRequestError(
                f"model {model!r} has the mode {row.mode} and does not serve {family}: call {_function_of(row.mode)}",
                status_code=400,
                param="model",
                model=model,
                attempts=0,
            )
        prefix = (fixed_prefix and self._catalogue.prefix_for(row.provider, family)) or row.prefix
        bridged_over = FAMILIES[family].bridged_over
        if bridged_over is not None and self._plugins.knows(bridged_over, prefix):
            is_served = self._plugins.knows(family, prefix) and not self._is_foreign(family, prefix, model)
            family = family if is_served else bridged_over
        plugin = self._plugins.get(family, prefix)
        reason = f"the model string has no prefix; in the catalogue it is {row.provider}, mode {row.mode}"
        return self._target(plugin, family, prefix, model, row, reason)

    def _without_prefix(self, family: str, model: str, row: ModelRow) -> BadRequestError:
        """Return the error for a bare name whose providers leave the choice to the caller, or are not installed."""
        is_served = row.mode in FAMILY_OF_MODE
        prefixes = [it for it in self._catalogue.owners(model) if is_served and self._plugins.knows(family, it)]
        if not prefixes:
            return bad_request("model", f"no plugin serves mode {row.mode} of {row.provider}, which {model!r} has")
        wanted = " or ".join(repr(f"{prefix}/{model}") for prefix in prefixes[:MAX_NAMED])
        more = f", or with {len(prefixes) - MAX_NAMED} other prefixes" if len(prefixes) > MAX_NAMED else ""
        return bad_request("model", f"{model!r} does not say whose model it is: write {wanted}{more}")

    def _refuse_foreign_prefix(self, family: str, prefix: str, model: str) -> None:
        """Raise if a longer prefix belongs to another family: a shorter one of this family must not match."""
        others = [other for other in FAMILIES if other != family and self._plugins.knows(other, prefix)]
        if others:
            if self._plugins.refusals(family, prefix):
                raise self._plugins.not_served(family, prefix)
            raise bad_request(
                "model", f"the prefix '{prefix}/' of {model!r} is served for {', '.join(others)}, not for {family}"
            )

    def _unknown(self, family: str, model: str) -> UnknownModelError | PluginError:
        for prefix, _ in split_prefix(model[:MAX_CACHED_CHARACTERS]):
            for served in (family, FAMILIES[family].bridged_over):
                if served is not None and (unusable := self._plugins.unusable(served, prefix)) is not None:
                    return unusable
        shown = repr(model if len(model) <= 200 else model[:200] + "...")
        if rivals := self._catalogue.rivals(model[:200]):
            return self._unknown_model(
                f"{shown} is a model of several plugins: write its prefix, {' or '.join(f'{it}/' for it in rivals)}",
                model,
            )
        if self._plugins.knows(family, model.strip("/")):
            prefix = f"{model.strip('/')}/"
            return self._unknown_model(
                f"{shown} names the prefix {prefix} and no model: write the name of a model behind it, as in "
                f"'{prefix}MODEL'",
                model,
            )
        prefixes = self._plugins.prefixes(family)
        prefix, slash, name = model[:MAX_CACHED_CHARACTERS].partition("/")
        if slash and (near := similar_names(prefix, prefixes)):
            hint = f"; did you mean {' or '.join(repr(f'{it}/{name}') for it in near)}?"
        else:
            similar = self._catalogue.near(model[:200])
            hint = f"; similar names: {', '.join(similar)}" if similar else ""
        return self._unknown_model(
            f"no plugin serves {shown} for {family}: it has no known prefix and is not in the catalogue; "
            f"{_installed(prefixes)}{hint}",
            model,
        )

    @staticmethod
    def _unknown_model(message: str, model: str) -> UnknownModelError:
        return UnknownModelError(
            message,
            status_code=404,
            code="model_not_found",
            param="model",
            model=model[:200],
            attempts=0,
        )


def may_reroute(target: ResolvedModel) -> bool:
    """Return whether some requests of a model go to another endpoint of its provider; `Router.rerouted` says which."""
    modes = {family.reasons_over for family in FAMILIES.values() if family.reasons_over is not None}
    return _needs_bridge(target) or any(_keeps_reasoning(target, mode) for mode in modes)


def _needs_bridge(target: ResolvedModel) -> bool:
    params = target.row.facts.get("params", {}) if target.row else {}
    return bool(params.get("function_tools_with_reasoning_on_chat") == "bridge")


def _keeps_reasoning(target: ResolvedModel, mode: str) -> bool:
    """Return whether a model reasons, and an endpoint of this mode, which keeps the reasoning, serves it."""
    facts = target.row.facts if target.row else {}
    reasons = (facts.get("capabilities") or {}).get("reasoning") is True
    return reasons and (mode in (facts.get("endpoints") or ()) or facts.get("mode") == mode)


def _installed(prefixes: Sequence[str]) -> str:
    if len(prefixes) > MAX_LISTED_PREFIXES:
        return f"{len(prefixes)} prefixes are installed: `llmgate provider list --all` lists them"
    return f"installed prefixes: {', '.join(f'{prefix}/' for prefix in prefixes) or 'none'}"


def _function_of(mode: str) -> str:
    family = FAMILY_OF_MODE.get(mode, "another function")
    return FUNCTION_OF_FAMILY.get(family, f"{family}()" if family in FAMILIES else family)


def split_prefix(model: str) -> Iterator[tuple[str, str]]:
    """Yield (prefix, name) for every `/` at which a model string can be split, longest prefix first."""
    cut = model.rfind("/")
    while cut > 0:
        if cut < len(model) - 1:
            yield model[:cut], model[cut + 1 :]
        cut = model.rfind("/", 0, cut)


def _check_model(model: object) -> str:
    if isinstance(model, str) and model.strip() and model.isprintable():
        return model
    raise bad_request("model", f"model must be a string such as 'openai/gpt-4o', not {str(model)[:80]!r}")


def _reasons_with_functions(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    has_functions = isinstance(tools, (list, tuple)) and any(
        isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools
    )
    return has_functions and effort_of(body.get("reasoning_effort")) != "none"
