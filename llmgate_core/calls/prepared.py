"""One call, ready to be sent. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from llmgate_core.calls.credentials.store import CallCredentials
from llmgate_core.calls.http_request import RequestBuilder
from llmgate_core.calls.rewriting import RewrittenCall
from llmgate_core.calls.vectors import ENCODING
from llmgate_core.catalogue.prices import ModelPrices, units_of
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.families import Family, Operation
from llmgate_core.endpoints.given import asks_for_usage
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.secrets import Secret
from llmgate_core.settings.options import Options

__all__ = ["FakeStream", "PreparedCall", "short_values", "without_long_values"]

MAX_SHORT_CHARACTERS = 64 * 1024

FakeStream = Literal["plain", "with usage"] | None


@dataclass(slots=True)  # not frozen, which would make it three times as expensive; nothing changes it
class PreparedCall:
    """One call, ready to be sent.

    Attributes:
        original_call: as the caller made it, for observers.
        upstream_call: as the plugin gets it: in the family that carries it, its parameters judged.
        family, operation: of the original call.
        ledger: what preparing it changed.
        request: what the plugin wants sent, its body encoded.
        builder: makes the request on the wire.
        output_type: the class that the answer's text is parsed as; None: none was given.
        fake_stream: the caller asked for a stream but the upstream is called without one; whether the chunks made
            of its answer include the usage.
        started: when the call began, by the monotonic clock.
        credentials: the tokens that it uses; None: the plugin does not fetch any.
        rewriting: takes its answer back through the extensions; None: none rewrites anything.
        prices: those that hold instead of the catalogue's; None: the catalogue's do.
        caller: who called, for observers; None: not known.
        units: what the request asks for, for its price; None: the body of `original_call` says it.
    """

    original_call: Call
    upstream_call: Call
    family: Family
    operation: Operation
    target: ResolvedModel
    route: Route
    ledger: tuple[LedgerEntry, ...]
    request: UpstreamRequest
    builder: RequestBuilder
    options: Options
    limits: Limits
    deadline: Deadline
    output_type: Any
    fake_stream: FakeStream
    started: float
    rewriting: RewrittenCall | None = None
    prices: ModelPrices | None = None
    caller: str | None = None
    units: Mapping[str, Any] | None = None
    credentials: CallCredentials | None = None

    @property
    def is_binary(self) -> bool:
        """Whether the answer is bytes rather than JSON or events."""
        return self.operation.is_binary and not self.operation.sends_events(self.original_call.body)

    @property
    def is_bridged(self) -> bool:
        """Whether another family carries the call."""
        return self.upstream_call.family != self.original_call.family

    @property
    def streams_usage(self) -> bool:
        """Whether a stream that is made of a whole answer includes the usage."""
        return asks_for_usage(self.original_call.body) or self.fake_stream == "with usage"

    @property
    def encodes_vectors(self) -> bool:
        """Whether vectors come as base64 though the caller did not ask for that."""
        return ENCODING in self.upstream_call.body and ENCODING not in self.original_call.body

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """The keys that no string about this call may hold."""
        keys = self.route.all_secrets
        return keys if self.credentials is None else (*keys, *self.credentials.secrets)


def short_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a body that take little memory: no lists, no objects, no long strings."""
    return {name: value for name, value in body.items() if not _is_long(value)}


def without_long_values(call: PreparedCall) -> PreparedCall:
    """Return a call without the long values of its body, which its request holds as bytes, unless a hook reads them."""
    plugin = call.target.plugin
    is_read_again = call.is_bridged or plugin.serve is not None or not plugin.passes_answers(call.route)
    if is_read_again or not isinstance(call.request.body, bytes):
        return call
    if plugin.exchange is not None and plugin.exchange(call.upstream_call, call.route) is not None:
        return call
    call.builder.forget_body()
    original = replace(call.original_call, body=short_values(call.original_call.body))
    upstream = replace(call.upstream_call, body=short_values(call.upstream_call.body))
    units = units_of(call.family.name, call.original_call.body)
    return replace(call, original_call=original, upstream_call=upstream, units=units)


def _is_long(value: Any) -> bool:
    return isinstance(value, (list, dict)) or (isinstance(value, str) and len(value) > MAX_SHORT_CHARACTERS)
