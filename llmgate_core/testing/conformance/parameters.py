"""Checks of `supports_param`: its verdicts are true, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.values import ValueRule
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from llmgate_core.errors import BadRequestError, LLMGateError, UnsupportedParamsError
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import Sent, sent_by
from llmgate_core.testing.conformance.check import Findings, check
from llmgate_core.testing.conformance.malformed import callers_fault
from llmgate_core.testing.conformance.samples import WEATHER, WEATHER_FUNCTION

__all__ = ["ParameterChecks"]

NOT_JUDGED = frozenset({"stream", "stream_options", "functions", "function_call", "store", "stream_format"})
"""Parameters that core itself reads, or that are no longer used."""
UNKNOWN, MARK = "x_conformance_unknown", "mark-unknown"

VALUES: Mapping[str, Any] = MappingProxyType(
    {
        "audio": {"voice": "alloy", "format": "wav"},
        "conversation": "conv_1",
        "include": ["logprobs"],
        "logit_bias": {"50256": -10},
        "metadata": {"mark": "value"},
        "prediction": {"type": "content", "content": "mark"},
        "reasoning": {"effort": "low"},
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "text": {"verbosity": "low"},
        "tool_choice": "auto",
        "tools": [WEATHER],
        "user": "mark-user-1",
    }
)
"""Parameter -> a value of it, where a `ValueRule` does not say enough."""
TOGETHER: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "tool_choice": {"tools": [WEATHER]},
        "parallel_tool_calls": {"tools": [WEATHER]},
        "top_logprobs": {"logprobs": True},
        "best_of": {"n": 1},
        "audio": {"modalities": ["text", "audio"]},
        "timestamp_granularities": {"response_format": "verbose_json"},
    }
)
"""Parameter -> what it needs beside it."""
TEXT_FORMATS = ("transcription", "translation")


class ParameterChecks(Checks):
    """The request parameters of the family, one at a time, with each of the `models`."""

    @check
    def test_parameters(self) -> Findings:
        """A parameter that is not refused reaches the provider, or the ledger says what became of it.

        For what the provider does not have, `supports_param` returns False, or a `ParamRule` with the reason: then the
        caller's policy decides. In `transform_request`, record what you leave out with a `Ledger`.
        """
        for model, name, value, beside in self.cases():
            plain, _ = self.bench.outcome(self.samples[0], model=model, **beside)
            call, error = self.tried(model, {**beside, name: value})
            if error is not None:
                if not isinstance(error, BadRequestError):
                    yield f"{name}={value!r} ({model}): {callers_fault(error)}"
                continue
            if sent_by(call) == plain and not _is_noted(call, name):
                yield f"{name}={value!r} ({model}): not refused, not sent, and the ledger says nothing"

    @check
    def test_refused_parameters(self) -> Findings:
        """A refused parameter is left out or sent, as the caller's policy says, and nothing else changes.

        Core does this for what `supports_param` refuses. A hook that refuses itself must use a `Ledger`, which knows
        the policy.
        """
        for model, name, value, beside in self.cases():
            arguments = {**beside, name: value}
            _, error = self.tried(model, arguments)
            if not isinstance(error, UnsupportedParamsError):
                continue
            if error.param != name:
                if error.param not in beside:
                    yield f"{name}={value!r} ({model}): the error names {error.param!r}"
                continue
            plain, failed = self.bench.outcome(self.samples[0], model=model, **beside)
            if failed is None:
                yield from self.policies(error, model, name, arguments, plain)

    @check
    def test_unknown_parameters(self) -> Findings:
        """A parameter that your plugin does not know is sent, at the top of the request.

        Your users need the provider's own parameters on the day they appear. `supports_param` returns None for them,
        and `transform_request` copies what it does not convert.
        """
        sent, error = self.bench.outcome(self.samples[0], **{UNKNOWN: MARK})
        if error is not None:
            yield f"{UNKNOWN}: {type(error).__name__}: {error}"
        elif sent is not None and not (sent.holds(UNKNOWN) and sent.holds(MARK)):
            yield f"{UNKNOWN}={MARK!r} is not in the request"

    @check
    def test_neutral_values(self) -> Findings:
        """Null and values that ask for nothing (`logprobs=False`, `n=1`) pass, also of what is not supported.

        Clients send them by habit. `OpenAICompatible` lets them pass; a `supports_param` of your own should return
        None for them.
        """
        for model in self.models:
            for name, rule in self.rules():
                for value in (None, *rule.neutral):
                    _, error = self.tried(model, {name: value})
                    if error is not None:
                        yield f"{name}={value!r} ({model}): {type(error).__name__}: {str(error)[:160]}"

    @check
    def test_odd_values(self) -> Findings:
        """A value of another type is passed on, or is the caller's error.

        Check types in `supports_param` before you compare: it gets whatever the caller wrote.
        """
        for model in self.models:
            for name, _ in self.rules():
                for value in (7, -1.5, True, "odd", "", [], [None], {}, {"odd": [1]}, float("1e300"), 10**30):
                    _, error = self.tried(model, {name: value})
                    if wrong := callers_fault(error):
                        yield f"{name}={value!r} ({model}): {wrong}"

    # --- what the checks share ---

    def rules(self) -> Iterator[tuple[str, ValueRule]]:
        """Yield the parameters of the family that a plugin judges."""
        for name, rule in OPENAI_PARAMETERS[self.family].items():
            if name not in NOT_JUDGED:
                yield name, rule

    def cases(self) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
        """Yield a model, a parameter, a value that it takes, and what it needs beside it."""
        for model in self.models:
            for name, rule in self.rules():
                if self.family in TEXT_FORMATS and name == "response_format":
                    yield model, name, "verbose_json", {}
                    continue
                yield model, name, value_of(name, rule, self.family), dict(TOGETHER.get(name, {}))

    def tried(self, model: str, arguments: Mapping[str, Any]) -> tuple[Any, BaseException | None]:
        """Return a prepared call, or the error."""
        try:
            return self.bench.prepare(self.samples[0], model=model, **arguments), None
        except LLMGateError as error:
            return None, error
        except Exception as error:  # noqa: BLE001  # a bare error is what these checks look for
            return None, error

    def policies(
        self, error: UnsupportedParamsError, model: str, name: str, arguments: Mapping[str, Any], plain: Sent | None
    ) -> Iterator[str]:
        """Yield what is wrong with a refused parameter under the policies that lift the refusal."""
        case = f"{name}={arguments[name]!r} ({model})"
        if "drop_params" in error.options or not error.options:
            call, failed = self.tried(model, {**arguments, "param_policy": "drop"})
            if failed is not None:
                if "drop_params" in error.options:
                    yield f"{case}, policy drop: {type(failed).__name__}: {failed}"
            elif not _is_noted(call, name):
                yield f"{case}, policy drop: the ledger says nothing"
            elif not _is_like(sent_by(call), plain):
                yield f"{case}, policy drop: more than the parameter has changed"
        if "param_policy" in error.options:
            call, failed = self.tried(model, {**arguments, "param_policy": "forward"})
            if failed is not None:
                yield f"{case}, policy forward: {type(failed).__name__}: {failed}"
            elif sent_by(call) == plain:
                yield f"{case}, policy forward: it is not sent"


def value_of(name: str, rule: ValueRule, family: str) -> Any:
    """Return a value that a parameter takes, and that asks for something."""
    if name in VALUES and rule.allows(VALUES[name]):
        if family == "responses" and name == "tools":
            return [{"type": "function", **WEATHER_FUNCTION}]
        return VALUES[name]
    return _value_by(rule)


def _value_by(rule: ValueRule) -> Any:
    kind = rule.types[0]
    if kind == "boolean":
        return not rule.neutral[0] if rule.neutral else True
    if kind in ("integer", "number"):
        low, high = (0 if rule.low is None else rule.low), (64 if rule.high is None else rule.high)
        value = (low + 2 * high) / 3
        return int(value) if kind == "integer" else round(value, 2)
    if kind == "string":
        return (rule.choices or ("mark-string",))[-1]
    if kind == "list":
        item = "mark-item" if rule.items is None else _value_by(rule.items)
        return [item] * int(max(1, rule.low or 1))
    kinds = rule.kinds or ("mark-kind",)
    return {"type": kinds[0]}


def _is_noted(call: Any, name: str) -> bool:
    return any(entry.parameter.split(".")[0] == name for entry in call.ledger)


def _is_like(sent: Sent, plain: Sent | None) -> bool:
    """Return whether two requests are the same; forms may differ in their length."""
    return plain is not None and (sent.method, sent.target, sent.content) == (plain.method, plain.target, plain.content)
