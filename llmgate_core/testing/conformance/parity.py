"""Checks that one call ends the same in every way that it can go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.registry.entry_points import installed_claims, normalise
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.comparing import differences, expected, seen
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.ways import WAYS, Way, gateway_is_installed, synchronous, through_a_gateway
from llmgate_core.testing.fake_upstream import ReceivedRequest

__all__ = ["BridgeChecks", "ParityChecks"]


class ParityChecks(Checks):
    """Sync, async, each transport, a server's relay, the gateway: over real connections, to the fake upstream."""

    @check
    def test_all_ways_are_equal(self) -> Findings:
        """A call ends the same whether it is synchronous or not, over each transport, and through a server.

        Hooks are written once for all of them. Where this fails, a hook does something besides transforming data, or a
        `transport` of yours serves one kind of call only.
        """
        for sample, stream in self.parity_cases():
            wanted = expected(self.family, sample.reply, stream=stream)
            first: ReceivedRequest | None = None
            for name, way in WAYS.items():
                case = f"{sample.name}{', streamed' if stream else ''}, {name}"
                received, wrong = self.gone(way, sample, stream, wanted)
                yield from (f"{case}: {difference}" for difference in wrong)
                if first is not None and received is not None and not _is_same_request(first, received):
                    yield f"{case}: another request than the first way sends"
                first = first or received

    @check
    def test_errors_are_equal(self) -> Findings:
        """An error is of the same class in every way, and has the same status and message.

        As above. `map_error` gets the same response in all of them.
        """
        wire = self.the_wire
        for status in (400, 503):
            wanted: Any = None
            for name, way in WAYS.items():
                self.scripted(wire.failure(status, "conformance says no"))
                error: Any = way(self.bench, self.samples[0], False).error
                found = (type(error).__name__, getattr(error, "status_code", None), str(error))
                wanted = wanted or found
                if found != wanted:
                    yield f"{status}, {name}: {found} instead of {wanted}"

    @check
    def test_gateway_equals_sdk(self) -> Findings:
        """A gateway whose config names the plugin answers as the SDK does.

        This needs `distribution`, and the gateway (`pip install llmgate-gateway`).
        """
        prefix = self.installed_prefix()
        if self.bench.plugin.info.hosts:
            raise NotApplicableError("a gateway would send requests to the plugin's other hosts, not to the fake one")
        way = through_a_gateway(prefix, ENDPOINTS[self.family]["create"].path)
        for sample, stream in self.parity_cases():
            _, wrong = self.gone(way, sample, stream, expected(self.family, sample.reply, stream=stream))
            yield from (f"{sample.name}{', streamed' if stream else ''}: {difference}" for difference in wrong)

    # --- what the checks share ---

    def parity_cases(self) -> Iterator[tuple[Sample, bool]]:
        """Yield a few samples, whole and as a stream."""
        claimed = list(self.claimed_samples())
        chosen = {sample.name: sample for sample in (claimed[0], max(claimed, key=lambda s: len(s.reply.tool_calls)))}
        for sample in chosen.values():
            yield sample, False
            if self.can("streaming") and self.the_wire.events is not None:
                yield sample, True

    def gone(
        self, way: Way, sample: Sample, stream: bool, wanted: Mapping[str, Any]
    ) -> tuple[ReceivedRequest | None, list[str]]:
        """Return what the upstream received of a call, and what is wrong with its answer."""
        upstream = self.scripted(self.the_wire.answer(sample.reply, stream=stream))
        ending = way(self.bench, sample, stream)
        received = next(iter(self.calls_in(upstream)), None)
        if ending.error is not None:
            return received, [f"{type(ending.error).__name__}: {str(ending.error)[:200]}"]
        found = seen(self.family, ending.answer, stream=stream)
        values = {name: value for name, value in wanted.items() if not stream or name in STREAMED}
        return received, list(differences(values, found))

    def installed_prefix(self) -> str:
        """Return the prefix of the plugin in the family; where the class has an object, of its distribution."""
        if self.distribution is None or not gateway_is_installed():
            raise NotApplicableError("the class has no `distribution`, or the gateway is not installed")
        claims = [
            claim
            for claim in installed_claims()
            if claim.family == self.family and claim.distribution == normalise(self.distribution)
        ]
        for claim in sorted(claims, key=lambda claim: claim.value != self.plugin):
            return claim.prefix
        raise NotApplicableError(f"{self.distribution} has no entry point of the family {self.family}")


STREAMED = ("text", "finish_reason", "tool calls", "reasoning", "bytes", "pictures")


class BridgeChecks(ParityChecks):
    """`responses()` and `messages()` over a plugin for chat."""

    @check
    def test_responses_over_chat(self) -> Findings:
        """`responses()`, which is served over chat where a provider has no Responses API, gives the same answer.

        Core does this; it fails where an answer of chat lacks something that a response must have.
        """
        yield from self.bridged("responses", lambda text: {"input": text})

    @check
    def test_messages_over_chat(self) -> Findings:
        """`messages()`, which is served over chat where a provider has no Messages API, gives the same answer.

        Core does this; it fails where an answer of chat lacks something that a message must have.
        """
        yield from self.bridged("messages", lambda text: {"messages": text, "max_tokens": 1024})

    def bridged(self, family: str, inputs: Callable[[str], Mapping[str, Any]]) -> Findings:
        """Yield what is wrong with the answers to samples of plain text that are asked as calls of another family."""
        way = synchronous("http1", family)
        for sample in self.claimed_samples():
            if set(sample.inputs["messages"][-1]) != {"role", "content"} or len(sample.inputs["messages"]) > 1:
                continue
            if sample.arguments or not isinstance(sample.inputs["messages"][0]["content"], str):
                continue
            asked = Sample(sample.name, inputs(sample.inputs["messages"][0]["content"]), sample.reply)
            for stream in (False, True) if self.can("streaming") and self.the_wire.events else (False,):
                self.scripted(self.the_wire.answer(sample.reply, stream=stream))
                ending = way(self.bench, asked, stream)
                case = f"{sample.name}{', streamed' if stream else ''}"
                if ending.error is not None:
                    yield f"{case}: {type(ending.error).__name__}: {str(ending.error)[:200]}"
                    continue
                wanted = expected(family, sample.reply)
                if stream:
                    wanted = {name: value for name, value in wanted.items() if name in STREAMED}
                found = seen(family, ending.answer)
                yield from (f"{case}: {wrong}" for wrong in differences(wanted, found))


def _is_same_request(one: ReceivedRequest, other: ReceivedRequest) -> bool:
    if one["json"] is None and other["json"] is None:  # a form, whose boundary differs
        return (one["method"], one["path"], len(one["body"])) == (other["method"], other["path"], len(other["body"]))
    return (one["method"], one["path"], one["json"]) == (other["method"], other["path"], other["json"])
