"""What observers see of a call: how it ended. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.call import Call, Route
    from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["CallEvent", "Outcome"]

Outcome = Literal["finished", "truncated", "failed", "cancelled", "refused"]


@dataclass(frozen=True, slots=True)
class CallEvent:
    """The end of one call, in exactly one of five ways.

    Attributes:
        call: the call as the caller made it and extensions rewrote it, `metadata` included. If it was refused before
            extensions had rewritten it, its body is empty.
        route: where it goes; if it was refused before that was known, without base URL and key.
        outcome: `finished`, `truncated` (the upstream closed the connection early), `failed` (an error), or
            `cancelled` (the caller closed or dropped the stream, or cancelled the task), `refused` (nothing was sent: a
            parameter, a missing key, an extension).
        seconds: from the start of the call to its end.
        chunks: how many chunks the caller got, 0 for a whole answer.
        usage: the last usage that the upstream sent, as a dict; None if it sent none.
        error: what was raised; None unless failed, truncated or refused.
        cost: what the call cost, as a `Cost`: US dollars as a float, with `source` and `breakdown`; None: not known.
        ledger: what was changed on the way, in order.
        attempts: how many requests were sent for it, 0 if none, or if it was cancelled before the answer began.
        request_id: the upstream's id of the last one; None if it gave none.
        caller: in a gateway, the name of the key that the client used; else None.
    """

    call: Call
    route: Route
    outcome: Outcome
    seconds: float
    chunks: int = 0
    usage: dict[str, Any] | None = None
    error: BaseException | None = None
    cost: Any = None
    ledger: Sequence[LedgerEntry] = ()
    attempts: int = 0
    request_id: str | None = None
    caller: str | None = None
