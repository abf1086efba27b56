"""Transports to a child: wait until it runs, then send through the transport that core would use.

They do not own the child, which all clients share.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from llmgate_core.plugin import errors

if TYPE_CHECKING:
    from llmgate_core.plugin import (
        AsyncTransport,
        AsyncTransportResponse,
        Transport,
        TransportRequest,
        TransportResponse,
    )
    from llmgate_local.child import Address, ModelServer

__all__ = ["AsyncLocalTransport", "LocalTransport"]


class LocalTransport:
    """The transport of synchronous clients."""

    def __init__(self, server: ModelServer, inner: Transport) -> None:
        self._server = server
        self._inner = inner

    def send(self, request: TransportRequest) -> TransportResponse:
        """Send to the child; the first request waits for its start, up to the call's deadline.

        Raises:
            ConfigError: a library, an extra or the weights are missing. APIConnectionError: the child does not start.
            APITimeoutError: the call's deadline came first; the start continues.
        """
        return self._inner.send(_with_address(request, self._server.running() or self._wait_for_start(request)))

    def close(self) -> None:
        """Close the inner transport; the child keeps running for other clients."""
        self._inner.close()

    def _wait_for_start(self, request: TransportRequest) -> Address:
        try:
            return self._server.start().result(request.deadline.remaining())
        except concurrent.futures.TimeoutError:
            raise request.deadline.error("total") from None
        except errors.LLMGateError as error:
            raise copy.copy(error) from error  # several callers may wait for one start


class AsyncLocalTransport:
    """The transport of asynchronous clients; the start has its own thread, so the loop is never blocked."""

    def __init__(self, server: ModelServer, inner: AsyncTransport) -> None:
        self._server = server
        self._inner = inner

    async def asend(self, request: TransportRequest) -> AsyncTransportResponse:
        """Do the same as `LocalTransport.send`."""
        return await self._inner.asend(
            _with_address(request, self._server.running() or await self._wait_for_start(request))
        )

    async def aclose(self) -> None:
        """Close the inner transport; the child keeps running for other clients."""
        await self._inner.aclose()

    async def _wait_for_start(self, request: TransportRequest) -> Address:
        start = asyncio.wrap_future(self._server.start())
        try:
            return await asyncio.wait_for(start, request.deadline.remaining())
        except asyncio.TimeoutError:  # not the built-in TimeoutError on Python 3.10
            raise request.deadline.error("total") from None
        except errors.LLMGateError as error:
            raise copy.copy(error) from error


def _with_address(request: TransportRequest, address: Address) -> TransportRequest:
    """Return the request with the child's address and key."""
    headers = [(name, value) for name, value in request.headers if name.lower() != "authorization"]
    headers.append(("authorization", f"Bearer {address.key.reveal()}"))
    return replace(request.at(address.origin), headers=headers)
