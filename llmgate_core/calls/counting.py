"""Which plugin counts the tokens of a request: the model's own, over its own API or over chat, or our estimate.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from llmgate_core.calls.token_estimates import TokenEstimator
from llmgate_core.contract.provider import Option
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.hooks import HookBinder
from llmgate_core.registry.router import ResolvedModel

__all__ = ["TokenCounters"]

MAX_KEPT = 256  # bounded, since callers choose the models
COUNT = "count_tokens"


class TokenCounters:
    """Says where the counts of one client go."""

    def __init__(self) -> None:
        self._estimators: dict[tuple[Option, ...], BoundPlugin] = {}
        self._kept: dict[tuple[str, str, str], ResolvedModel] = {}

    def target_of(self, family: str, target: ResolvedModel) -> ResolvedModel:
        """Return the target of a count for calls of `family` that go to `target`; it may be the same."""
        if f"{target.family}.{COUNT}" in target.plugin.info.operations:
            return target
        key = (family, target.prefix, target.model)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            reason = f"{target.reason}; {target.prefix}/ does not count tokens, so they are estimated"
            kept = replace(
                target, plugin=self._bound(target.plugin.info.options), family=family, reason=reason, key_owner=None
            )
            self._kept[key] = kept
        return kept

    def is_estimate(self, target: ResolvedModel) -> bool:
        """Return whether a target is our estimate."""
        return any(target.plugin is estimator for estimator in self._estimators.values())

    def _bound(self, options: tuple[Option, ...]) -> BoundPlugin:
        """Return the estimate that knows the options of the provider in whose place it counts, and needs none."""
        if options not in self._estimators:
            known = tuple(Option(option.name, secret=option.secret) for option in options)
            estimator = HookBinder().bind(TokenEstimator(known), name="token estimate", distribution=None, version=None)
            self._estimators[options] = estimator
        return self._estimators[options]
