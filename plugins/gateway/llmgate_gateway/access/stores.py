"""What a gateway remembers between requests: three protocols, so that several processes can share it.

Every method is asynchronous, since a store may be another machine. A store that cannot be reached raises what it
likes; the request fails with 500 then, and the log says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from llmgate_gateway.http.caller import Caller

__all__ = ["BlobStore", "CounterStore", "KeyStore", "Reservation", "Stores"]


class KeyStore(Protocol):
    """The keys of clients."""

    async def find(self, digest: bytes) -> Caller | None:
        """Return the owner of a key, or None if there is no such key.

        Args:
            digest: the SHA-256 digest of the key that was presented; the key itself is never passed on.
        """
        ...

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """An amount that was added to a counter in advance.

    Attributes:
        name: of the counter. window: which of its windows, counted since the epoch. amount: what was added.
    """

    name: str
    window: int
    amount: float


class CounterStore(Protocol):
    """Amounts used within a window of time: requests, tokens, US dollars.

    What a call will use is not known before it ends, so an estimate is reserved first and settled later.
    """

    async def reserve(self, name: str, amount: float, *, limit: float, window_seconds: float) -> Reservation | None:
        """Add an amount to a counter in one step, or return None, adding nothing, if that would exceed `limit`.

        Args:
            name: of the counter, for example `tokens:alice`.
            amount: the estimate, not negative.
            limit: the most that the counter may hold in one window.
            window_seconds: the length of a window; a new one begins at every multiple of it since the epoch.
        """
        ...

    async def settle(self, reservation: Reservation, amount: float) -> None:
        """Put what was really used in the place of what was reserved; 0 gives all of it back. Call it once."""
        ...

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


class BlobStore(Protocol):
    """Bytes that expire, such as cached answers."""

    async def get(self, name: str) -> bytes | None:
        """Return the content, or None if it is not there, or has expired."""
        ...

    async def put(self, name: str, content: bytes, *, seconds: float) -> None:
        """Keep content under a name for at most `seconds`, in the place of what it held before."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the content; do nothing if there is none."""
        ...

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one gateway.

    Attributes:
        keys: where keys that the config does not list are looked up; None: nowhere.
    """

    keys: KeyStore | None
    counters: CounterStore
    blobs: BlobStore

    async def aclose(self) -> None:
        """Close all of them."""
        for store in (self.keys, self.counters, self.blobs):
            if store is not None:
                await store.aclose()
