"""The vocabulary of a call: what the sending loop asks its driver to do.

Pure data. The loop (`loop.py`, `sending.py`, `streaming.py`) is a generator that yields steps and decides; a driver
(`async_driver.py` and its generated twin) does each step, sends back what came of it, and throws in what it raised.
So every rule is written once, and a test can play the driver without a socket.

A driver has one open response at a time. It closes it on `Close`, before it sends or sleeps again, and when the steps
end, however they end: the loop need not clean up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from llmgate_core.calls.credentials.flights import Flight
from llmgate_core.contract.transport import TransportRequest
from llmgate_core.contract.upstream import Sleep
from llmgate_core.types.record import CallRecord

__all__ = ["AwaitFlight", "Close", "Compute", "Emit", "Finish", "OpenStream", "Read", "Send", "Sleep", "Steps"]


@dataclass(slots=True)
class Send:
    """Send a request; the reply is the started response, of which the loop reads status and headers."""

    request: TransportRequest


@dataclass(slots=True)
class Read:
    """Read the next block of the response's body; the reply is its bytes, empty at the end.

    Attributes:
        wait_seconds: how long to wait for it; None: no limit.
    """

    wait_seconds: float | None


@dataclass(slots=True)
class Compute:
    """Call a function that takes long, in a thread where there is an event loop; the reply is what it returns.

    The response is closed first: its body has been read.
    """

    function: Callable[[], Any]


@dataclass(slots=True)
class AwaitFlight:
    """Wait until another call has ended its flight; the reply is None.

    Attributes:
        wait_seconds: how long; None: no limit.
    """

    flight: Flight[Any]
    wait_seconds: float | None


@dataclass(slots=True)
class Finish:
    """Read what little follows an end marker, then close the response."""


@dataclass(slots=True)
class Close:
    """Close the response: its connection is kept if the body was read to its end, else dropped."""


@dataclass(slots=True)
class OpenStream:
    """Return a stream to the caller: from here on the steps run while the caller iterates it.

    Attributes:
        partial: returns the answer so far; None: the stream has to keep its chunks itself.
    """

    family: str
    model: str
    record: CallRecord
    partial: Callable[[], Any] | None


@dataclass(slots=True)
class Emit:
    """Yield chunks to the caller, one at a time, on demand. Creating one may raise."""

    chunks: Iterable[Any]


Steps = Generator[Send | Read | Compute | Sleep | AwaitFlight | Finish | Close | OpenStream | Emit, Any, Any]
"""Yields steps, receives what came of each, and returns a result."""
