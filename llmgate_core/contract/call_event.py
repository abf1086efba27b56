"""What observers see of a call: how it ended. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from llmgate_core.contract.call import Call, Route

__all__ = ["CallEvent", "Outcome"]

Outcome = Literal["finished", "truncated", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class CallEvent:
    """The end of one call, in exactly one of four ways.

    Attributes:
        call: the call as the caller made it, `metadata` included.
        outcome: `finished`, `truncated` (the upstream closed the connection early), `failed` (an error), or
            `cancelled` (the caller closed or dropped the stream, or cancelled the task).
        seconds: from the start of the call to its end.
        chunks: how many chunks the caller got, 0 for a whole answer.
        usage: the last usage that the upstream sent, as a dict; None if it sent none.
        error: what was raised; None unless failed or truncated.
    """

    call: Call
    route: Route
    outcome: Outcome
    seconds: float
    chunks: int = 0
    usage: dict[str, Any] | None = None
    error: BaseException | None = None
