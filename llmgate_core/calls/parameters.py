"""Apply what a plugin and the catalogue know of a call's parameters and inputs, and keep the ledger of what was done.

Pure. Nothing is dropped silently: every drop, rename and replacement is an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.catalogue.rules import is_verified, source_of
from llmgate_core.catalogue.values import ValueRule
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.provider import ParamRule
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.openai import CATALOGUE_NAMES
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.settings.policy import Policy

__all__ = ["apply_params"]

NO_ENTRIES: tuple[LedgerEntry, ...] = ()


def apply_params(
    call: Call, route: Route, plugin: BoundPlugin, policy: Policy, *, judging: bool = True
) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the call with its parameters and inputs judged, and the ledger; the same call where nothing changed.

    A plugin judges all parameters, and of the inputs those that it declares, by what a model takes: of an operation
    without a model it judges none. Without `judging` only what the caller named in `additional_drop_params` is dropped.

    Raises:
        UnsupportedParamsError: the model does not serve the endpoint, or a parameter, input or value is known to be
            refused, and the policy does not allow for it.
        PluginError: `supports_param` returned something that the contract does not allow.
    """
    family = FAMILIES[call.family]
    entries = list(_judge_endpoint(call, route, policy)) if judging and call.family in CATALOGUE_NAMES else []
    judge = plugin.supports_param if judging and family.operations[call.operation].takes_model else None
    inputs, judged_inputs = family.inputs, plugin.inputs.get(call.family, ())
    body: dict[str, Any] | None = None
    for param, value in call.body.items():
        is_input = param in inputs
        if is_input and param not in judged_inputs:
            continue
        if param in policy.always_drop and not is_input and param != "stream":  # without it the call would be another
            reason = "named in additional_drop_params"
            outcome: Outcome | None = (_entry(param, "dropped", reason, "caller", lossy=True), {})
        else:
            verdict = None if judge is None else judge(route, param, value)
            if verdict is None or verdict is True:
                continue
            rule = _rule_of(plugin, route, param, verdict)
            outcome = _decide(call, route, param, replace(rule, droppable=False) if is_input else rule, policy)
        if outcome is None:
            continue
        entry, change = outcome
        entries.append(entry)
        if change is not None:
            body = dict(call.body) if body is None else body
            del body[param]
            body.update(change)
    if body is not None:
        call = replace(call, body=body)
    return call, tuple(entries) if entries else NO_ENTRIES


def _judge_endpoint(call: Call, route: Route, policy: Policy) -> tuple[LedgerEntry, ...]:
    """Refuse a model that the catalogue knows to serve other endpoints of its mode, or forward the call."""
    name, facts = CATALOGUE_NAMES[call.family][call.operation], route.facts
    served = None if facts is None else facts.get("endpoints")
    if facts is None or not served or name in served or not is_verified(facts, "endpoints"):
        return NO_ENTRIES
    reason, source = f"{route.model!r} does not serve {name}; it serves {', '.join(served)}", source_of(facts)
    if policy.unsupported == "forward":
        return (_entry("model", "forwarded", reason, source, lossy=False),)
    error = route.refuse("model", f"{reason} [{source}]")
    error.options = ("param_policy",)
    raise error


Outcome = tuple[LedgerEntry, "Mapping[str, Any] | None"]
"""The entry, and what replaces the parameter; None leaves it unchanged."""


def _decide(call: Call, route: Route, param: str, rule: ParamRule, policy: Policy) -> Outcome | None:
    if rule.applies is not None and not rule.applies(call.body):
        return None if rule.otherwise is None else _decide(call, route, param, rule.otherwise, policy)
    if not rule.supported:
        return _decide_unsupported(route, param, call.body[param], rule, policy, _documented(call, param))
    if rule.keep_local:
        return _entry(param, "kept local", rule.reason, rule.source, lossy=False), {}
    if rule.rename is not None:
        return _decide_rename(call.body, param, rule)
    if rule.replaces:
        action = "dropped" if rule.replace is None else "replaced"
        change = {} if rule.replace is None else {param: rule.replace}
        return _entry(param, action, rule.reason, rule.source, lossy=rule.lossy), change
    return None


def _decide_unsupported(
    route: Route, param: str, value: Any, rule: ParamRule, policy: Policy, documented: ValueRule | None
) -> Outcome:
    if policy.unsupported == "forward":
        return _entry(param, "forwarded", rule.reason, rule.source, lossy=False), None
    if documented is not None and documented.is_neutral(value):
        return _entry(param, "dropped", f"{value!r} asks for nothing; {rule.reason}", rule.source, lossy=False), {}
    is_droppable = rule.droppable and (documented is None or documented.may_leave_out(value))
    if policy.unsupported == "drop" and is_droppable:
        remainder = {param: rule.replace} if rule.replaces and rule.replace is not None else {}
        return _entry(param, "dropped", rule.reason, rule.source, lossy=True), remainder
    source = f" [{rule.source}]" if rule.source else ""
    options = ("drop_params", "param_policy") if is_droppable else ("param_policy",)
    raise route.unsupported(param, rule.reason + source, options=(rule.option, *options) if rule.option else options)


def _documented(call: Call, param: str) -> ValueRule | None:
    """Return what the OpenAI API documents of a parameter; None: it has no such parameter."""
    family = OPENAI_PARAMETERS.get(f"{call.family}.{call.operation}") or OPENAI_PARAMETERS.get(call.family)
    return None if family is None else family.get(param)


def _decide_rename(body: Mapping[str, Any], param: str, rule: ParamRule) -> Outcome:
    name = str(rule.rename)
    if name in body:
        reason = f"{name} is given too and wins"
        return _entry(param, "dropped", reason, rule.source, lossy=body[name] != body[param]), {}
    value = rule.replace if rule.replaces else body[param]
    return _entry(param, "renamed", f"sent as {name}: {rule.reason}", rule.source, lossy=rule.lossy), {name: value}


def _entry(param: str, action: str, reason: str, source: str, *, lossy: bool) -> LedgerEntry:
    return LedgerEntry(param, action, reason, source, lossy)


def _rule_of(plugin: BoundPlugin, route: Route, param: str, verdict: object) -> ParamRule:
    if isinstance(verdict, ParamRule):
        return verdict
    if verdict is False:
        return ParamRule(supported=False, reason=f"{route.provider} does not take it", source=f"plugin {plugin.name}")
    reason = (
        f"hook supports_param returned {type(verdict).__name__} for {param!r}, not a ParamRule, True, False or None"
    )
    raise plugin.error("supports_param", reason)
