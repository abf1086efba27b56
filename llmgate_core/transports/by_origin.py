"""Transports for a call whose requests go to several hosts, of which each may need another proxy or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgate_core.contract.transport import (
        AsyncTransport,
        AsyncTransportResponse,
        Origin,
        Transport,
        TransportRequest,
        TransportResponse,
    )

__all__ = ["AsyncTransportByOrigin", "TransportByOrigin"]


class TransportByOrigin:
    """Sends each request by the transport of its origin. Owns none of them."""

    def __init__(self, usual: Transport, others: Mapping[Origin, Transport]) -> None:
        self._usual = usual
        self._others = others

    def send(self, request: TransportRequest) -> TransportResponse:
        """As `Transport.send`."""
        return self._others.get(request.origin, self._usual).send(request)

    def close(self) -> None:
        """Do nothing: the transports are those of other calls too."""


class AsyncTransportByOrigin:
    """The asynchronous twin of `TransportByOrigin`."""

    def __init__(self, usual: AsyncTransport, others: Mapping[Origin, AsyncTransport]) -> None:
        self._usual = usual
        self._others = others

    async def asend(self, request: TransportRequest) -> AsyncTransportResponse:
        """As `AsyncTransport.asend`."""
        return await self._others.get(request.origin, self._usual).asend(request)

    async def aclose(self) -> None:
        """Do nothing: the transports are those of other calls too."""
