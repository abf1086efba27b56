"""What the connections of one server share: the app, the limits, and which of them are open.

Source: rows R20, R24 and R32 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Protocol

from llmgate_gateway.config.schema.general import Limits, ServerTimeouts
from llmgate_gateway.http.responses import Receive, Scope, Send
from llmgate_gateway.server.connections import Connection, OpenConnections, Phase
from llmgate_gateway.server.refusals import Refusal

__all__ = ["App", "ServedConnection", "ServerState"]

App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI app, of which requests are served and nothing else."""


class ServedConnection(Connection, Protocol):
    """A connection that the server can end."""

    transport: asyncio.Transport

    def end_after_this(self) -> None:
        """Close after the current response."""
        ...


class ServerState:
    """What the connections of one server share.

    Args:
        app: answers the requests.
        on_refusal: called with each answer that is given below the app.
        count: called with a phase and 1 or -1 when a connection enters or leaves it.

    Attributes:
        limited: the connections that count against the limits.
        open: all connections, those that are closing included. tasks: one for each request that is being served.
        default_headers: of every response: the date.
        draining: the server is stopping: each connection closes after its next response.
        head_bytes, head_lines: limits of a request's head. dropped_bytes: of what is read after an answer.
        client_timeouts: how long a client may take.
    """

    def __init__(
        self,
        app: App,
        *,
        limits: Limits,
        timeouts: ServerTimeouts,
        on_refusal: Callable[[Refusal], None] = lambda _: None,
        count: Callable[[Phase, int], None] | None = None,
    ) -> None:
        self.app = app
        self.on_refusal = on_refusal
        self.limited = OpenConnections(limits, count)
        self.open: set[ServedConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.default_headers: list[tuple[bytes, bytes]] = []
        self.draining = False
        self.apply(limits, timeouts)

    def apply(self, limits: Limits, timeouts: ServerTimeouts) -> None:
        """Use these limits from now on."""
        self.head_bytes = limits.max_header
        self.head_lines = limits.max_headers
        self.dropped_bytes = limits.max_body
        self.client_timeouts = timeouts
        self.limited.apply(limits)

    def update_date(self) -> None:
        """Set the date of the responses from now on."""
        self.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
