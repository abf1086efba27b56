"""What llmgate knows about the call behind a result, and the part of a result that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgate_core.catalogue.prices import Cost
    from llmgate_core.contract.ledger import LedgerEntry
    from llmgate_core.contract.upstream import Headers

__all__ = ["CallRecord", "Recorded", "Settled"]


class CallRecord:
    """What llmgate knows about the call behind a whole answer or a stream.

    A pickle or a deep copy has the cost instead of `price`, which refers to the route and its key.

    Attributes:
        headers: the upstream's response headers; None unless `return_response_headers` is on.
        attempts: the number of requests that were sent, the first included.
        events: the number of events that a stream has had.
        usage, tier: of a relayed answer, or of a stream once it has ended.
        answer: the whole answer of a stream whose last event contains it.
        price: called with the usage, the service tier and, where the answer counts more than its usage, units;
            returns the cost. None: the price is not known.
        output_type: the type as which the answer's text is read; None: the caller gave none.
    """

    __slots__ = (
        "_ledger",
        "_reading_losses",
        "answer",
        "attempts",
        "events",
        "headers",
        "output_type",
        "price",
        "provider",
        "request_id",
        "tier",
        "usage",
    )

    def __init__(
        self,
        *,
        ledger: Sequence[LedgerEntry] = (),
        reading_losses: Sequence[LedgerEntry] = (),
        headers: Headers | None = None,
        request_id: str | None = None,
        provider: str | None = None,
        attempts: int = 1,
        price: Callable[..., Cost | None] | None = None,
        output_type: Any = None,
    ) -> None:
        self._ledger = tuple(ledger)
        self._reading_losses = reading_losses  # not copied: a stream's grows while it is read
        self.headers = headers
        self.request_id = request_id
        self.provider = provider
        self.attempts = attempts
        self.price = price
        self.output_type = output_type
        self.usage: Any = None
        self.tier: str | None = None
        self.answer: Any = None
        self.events = 0

    def end(
        self,
        *,
        usage: Any,
        tier: str | None,
        reading_losses: Sequence[LedgerEntry],
        answer: Any = None,
        events: int = 0,
    ) -> None:
        """Store what is known once a stream has ended."""
        self.usage, self.tier, self._reading_losses = usage, tier, reading_losses
        self.answer, self.events = answer, events
        if hasattr(answer, "attach"):
            answer.attach(self)

    def note(self, entries: Sequence[LedgerEntry]) -> None:
        """Add entries about the request, which was changed after the call was prepared."""
        self._ledger = (*self._ledger, *entries)

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced or emulated so far, in the request and in the answer."""
        return (*self._ledger, *self._reading_losses) if self._reading_losses else self._ledger

    def cost_of(self, usage: Any, tier: str | None = None, units: Mapping[str, Any] | None = None) -> Cost | None:
        """Return the cost of an answer with this usage; None if the price or the usage is not known."""
        if self.price is None:
            return None
        return self.price(usage, tier, units) if units else self.price(usage, tier)

    def settled(self, cost: Cost | None) -> CallRecord:
        """Return a record that may leave the process: without function or key, and with `cost` in place of `price`."""
        price = None if cost is None else Settled(cost)
        record = CallRecord(ledger=self.ledger, headers=self.headers, request_id=self.request_id, price=price)
        record.provider, record.attempts = self.provider, self.attempts
        record.tier, record.events = self.tier, self.events
        return record

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        record = self if isinstance(self.price, Settled) else self.settled(self.cost_of(self.usage, self.tier))
        return None, {name: getattr(record, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Settled:
    """The fixed cost of a finished call."""

    cost: Cost

    def __call__(self, *_usage: Any) -> Cost:
        """Return the cost."""
        return self.cost


_NO_RECORD = CallRecord()


class Recorded:
    """The part of a whole answer that shows its call. The record is in the slot `_record`."""

    __slots__ = ()

    def attach(self, record: CallRecord) -> None:
        """Store the record of the call."""
        object.__setattr__(self, "_record", record)

    def _get_record(self) -> CallRecord:
        try:
            record = object.__getattribute__(self, "_record")
        except AttributeError:
            return _NO_RECORD
        return record if isinstance(record, CallRecord) else _NO_RECORD

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced, emulated or bridged in this call."""
        return self._get_record().ledger

    @property
    def cost(self) -> Cost | None:
        """The cost of the call in US dollars, by the catalogue's prices; None if price or usage are not known."""
        record, usage = self._get_record(), getattr(self, "usage", None)
        if usage is None:  # a stream may have sent it separately
            return record.cost_of(record.usage, record.tier)
        return record.cost_of(usage, getattr(self, "service_tier", None))

    @property
    def attempts(self) -> int:
        """The number of requests that were sent for this answer, the first included."""
        return self._get_record().attempts

    @property
    def headers(self) -> Headers | None:
        """The upstream's response headers; None unless the setting `return_response_headers` is on."""
        return self._get_record().headers

    @property
    def _response_headers(self) -> Headers | None:
        """`headers`, under the name that LiteLLM has for it."""
        return self.headers

    @property
    def _request_id(self) -> str | None:
        """The upstream's `x-request-id`, for a support ticket."""
        return self._get_record().request_id
