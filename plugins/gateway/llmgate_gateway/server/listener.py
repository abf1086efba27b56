"""Accept connections on sockets that listen, until stopped, and close those that are open.

Source: row R32 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from functools import partial
from typing import Final

from llmgate_gateway.server.protocol import GatewayProtocol
from llmgate_gateway.server.sockets import BACKLOG
from llmgate_gateway.server.state import ServerState

__all__ = ["Listener"]

LAST_WRITES_SECONDS: Final = 0.5
"""For the last bytes of an answer to leave, once the app is done with it."""


class Listener:
    """Serves the connections of some sockets on the running event loop.

    Args:
        state: of the connections.
        tls: of the connections; None: they are not encrypted.
    """

    def __init__(self, state: ServerState, tls: ssl.SSLContext | None = None) -> None:
        self._state = state
        self._tls = tls
        self._servers: list[asyncio.AbstractServer] = []

    async def start(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        self._state.update_date()
        accept = partial(GatewayProtocol, self._state, loop)
        for sock in sockets:
            self._servers.append(await loop.create_server(accept, sock=sock, ssl=self._tls, backlog=BACKLOG))

    def stop(self) -> None:
        """Accept no more; each open connection closes after its current response."""
        self._state.draining = True
        for server in self._servers:
            server.close()
        for connection in self._state.open:
            connection.end_after_this()

    async def close(self) -> None:
        """Close each connection once its last bytes have been sent, or cannot be."""
        state, loop = self._state, asyncio.get_running_loop()
        for connection in tuple(state.open):
            connection.transport.close()
        ends = loop.time() + LAST_WRITES_SECONDS
        while (state.open or state.tasks) and loop.time() < ends:
            await asyncio.sleep(0.01)
        for connection in tuple(state.open):
            connection.transport.abort()
        for task in tuple(state.tasks):
            task.cancel()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=LAST_WRITES_SECONDS)
