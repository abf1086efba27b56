"""How much a client may have in flight, and how large the head of a request may be.

Counts only, and never waits, so that a request beyond a limit is refused at once.

Source: rows R20, R21, R24 and S29 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from llmgate_gateway.config.schema.general import Limits
from llmgate_gateway.http.responses import RefusedError, Scope, refuse

__all__ = ["Admission", "address_of", "check_head"]

RETRY_SOON = ((b"retry-after", b"1"),)
REQUESTS = "requests"
"""The type of OpenAI's error for a limit of requests, as opposed to tokens."""


class Admission:
    """The requests in flight in one worker, in total and by client. Whoever enters leaves, on every path."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._by_client: dict[str, int] = {}

    def enter(self, client: str, limits: Limits, own_limit: int | None) -> None:
        """Count a client's request.

        Args:
            client: the name of its key, or its address.
            limits: of the gateway.
            own_limit: of this client; None: the gateway's `per_client_concurrency`.

        Raises:
            RefusedError: 503, or 429 if only this client has too many.
        """
        if self.in_flight >= limits.max_in_flight:
            raise _too_busy()
        limit = limits.per_client_concurrency if own_limit is None else own_limit
        count = self._by_client.get(client, 0)
        if limit is not None and count >= limit:
            raise _too_many(limit)
        self.in_flight += 1
        self._by_client[client] = count + 1

    def leave(self, client: str) -> None:
        """Stop counting a client's request."""
        self.in_flight -= 1
        count = self._by_client.pop(client) - 1
        if count:
            self._by_client[client] = count

    def of(self, client: str) -> int:
        """Return how many requests a client has in flight."""
        return self._by_client.get(client, 0)


def check_head(headers: Sequence[tuple[bytes, bytes]], limits: Limits) -> None:
    """Refuse a head that is too large.

    Raises:
        RefusedError: 431.
    """
    if len(headers) > limits.max_headers:
        raise refuse(
            431, f"More than {limits.max_headers} request headers.", code="request_header_fields_too_large", close=True
        )
    if len(b"".join(chain.from_iterable(headers))) > limits.max_header:
        message = f"The request headers are larger than {limits.max_header} bytes."
        raise refuse(431, message, code="request_header_fields_too_large", close=True)


def address_of(scope: Scope) -> str:
    """Return what requests without a key are counted by: the client's address."""
    client = scope.get("client")
    return f"address {client[0]}" if client else "address"


def _too_busy() -> RefusedError:
    message = "The gateway is at its limit of requests in flight. Try again shortly."
    return refuse(503, message, code="overloaded", headers=RETRY_SOON)


def _too_many(limit: int) -> RefusedError:
    message = f"This client has {limit} requests in flight, which is its limit. Try again when one has ended."
    return refuse(429, message, code="concurrency_limit_exceeded", kind=REQUESTS, headers=RETRY_SOON)
