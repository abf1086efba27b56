"""What llmgate knows of the call behind a result, and the part of a result that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgate_core.catalogue.prices import Cost
    from llmgate_core.contract.ledger import LedgerEntry
    from llmgate_core.contract.upstream import Headers

__all__ = ["CallRecord", "Recorded", "Settled"]


class CallRecord:
    """What llmgate knows of the call behind a whole answer or a stream.

    A pickle or a deep copy of it has the cost instead of `price`, which knows the route and its key.

    Attributes:
        headers: the upstream's; None unless asked for.
        events: how many a stream has had.
        usage, tier: of a stream, once it has ended. answer: the whole one, where its last event held it.
        price: given usage, service tier and, where the answer says more than its usage, units;
            says what the call cost. None: nobody knows.
        output_type: the class that the answer's text shall be read as; None: none was given.
    """

    __slots__ = (
        "_late",
        "_ledger",
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
        late: Sequence[LedgerEntry] = (),
        headers: Headers | None = None,
        request_id: str | None = None,
        provider: str | None = None,
        attempts: int = 1,
        price: Callable[..., Cost | None] | None = None,
        output_type: type[BaseModel] | None = None,
    ) -> None:
        self._ledger = tuple(ledger)
        self._late = late  # kept as it is: a stream's grows while it is read
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
        self, *, usage: Any, tier: str | None, late: Sequence[LedgerEntry], answer: Any = None, events: int = 0
    ) -> None:
        """Remember what a stream said by its end."""
        self.events = events
        self.usage, self.tier, self._late, self.answer = usage, tier, late, answer
        if hasattr(answer, "attach"):
            answer.attach(self)

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced or emulated so far, reading the answer included."""
        return (*self._ledger, *self._late) if self._late else self._ledger

    def cost_of(self, usage: Any, tier: str | None = None, units: Mapping[str, Any] | None = None) -> Cost | None:
        """Return what an answer with this usage cost; None: price or usage is not known."""
        if self.price is None:
            return None
        return self.price(usage, tier, units) if units else self.price(usage, tier)

    def settled(self, cost: Cost | None) -> CallRecord:
        """Return what of this may leave the process: no function, no key, and `cost` instead of how to price it."""
        price = None if cost is None else Settled(cost)
        made = CallRecord(ledger=self.ledger, headers=self.headers, request_id=self.request_id, price=price)
        made.provider, made.attempts, made.tier, made.events = self.provider, self.attempts, self.tier, self.events
        return made

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        told = self if isinstance(self.price, Settled) else self.settled(self.cost_of(self.usage, self.tier))
        return None, {name: getattr(told, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Settled:
    """The price of a call that is over: what it cost, whatever is asked."""

    cost: Cost

    def __call__(self, *_asked: Any) -> Cost:
        """Return the cost."""
        return self.cost


_NO_RECORD = CallRecord()


class Recorded:
    """The part of a whole answer that tells of its call. The record lives in a slot, `_record`."""

    __slots__ = ()

    def attach(self, record: CallRecord) -> None:
        """Remember `record`; for the pipeline."""
        object.__setattr__(self, "_record", record)

    def _get_record(self) -> CallRecord:
        try:
            record = object.__getattribute__(self, "_record")
        except AttributeError:
            return _NO_RECORD
        return record if isinstance(record, CallRecord) else _NO_RECORD

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced or emulated in this call."""
        return self._get_record().ledger

    @property
    def cost(self) -> Cost | None:
        """What the call cost in US dollars, by the catalogue's prices; None: price or usage is not known."""
        record, usage = self._get_record(), getattr(self, "usage", None)
        if usage is None:  # a stream may have said it beside the answer
            return record.cost_of(record.usage, record.tier)
        return record.cost_of(usage, getattr(self, "service_tier", None))

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
