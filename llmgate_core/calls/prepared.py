"""One call, ready to be sent. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from llmgate_core.calls.http_request import RequestBuilder
from llmgate_core.calls.vectors import ENCODING
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.families import Family, Operation
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.secrets import Secret
from llmgate_core.settings.options import Options

__all__ = ["FakeStream", "PreparedCall"]

FakeStream = Literal["plain", "with usage"] | None


@dataclass(frozen=True, slots=True)
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

    @property
    def is_binary(self) -> bool:
        """Whether the answer is bytes rather than JSON or events."""
        return self.operation.is_binary and not self.operation.sends_events(self.original_call.body)

    @property
    def is_bridged(self) -> bool:
        """Whether another family carries the call."""
        return self.upstream_call.family != self.original_call.family

    @property
    def encodes_vectors(self) -> bool:
        """Whether vectors come as base64 though the caller did not ask for that."""
        return ENCODING in self.upstream_call.body and ENCODING not in self.original_call.body

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """The keys that no string about this call may hold."""
        return (self.route.api_key,)
