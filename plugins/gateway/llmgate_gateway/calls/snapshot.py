"""Everything that one config makes, in one object that is swapped whole.

A request keeps the state that it began with; when a newer one has taken its place and its last
request has ended, its connections are closed.

Source: row R34 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio

from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.calls.deployments import Deployments
from llmgate_gateway.config import GatewayConfig

__all__ = ["ConfigSnapshot"]


class ConfigSnapshot:
    """A config, its keys, and its deployments.

    Attributes:
        users: requests that hold this state.
    """

    __slots__ = ("_closing", "_is_retired", "config", "deployments", "general", "keys", "users")

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self.general = config.general
        self.keys = KeyRing(config)
        self.deployments = Deployments(config)
        self.users = 0
        self._is_retired = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether its connections are closed, or being closed, for good."""
        return self._closing is not None

    def release(self) -> None:
        """Note that a request has ended."""
        self.users -= 1
        if self._is_retired:
            self._close_if_unused()

    def retire(self) -> None:
        """Close the connections once no request holds this state any more."""
        self._is_retired = True
        self._close_if_unused()

    async def closed(self) -> None:
        """Wait until the connections of a state that is retired and unused are closed."""
        if self._closing is not None:
            await self._closing

    async def aclose(self) -> None:
        """Close every connection of the running event loop."""
        for client in self.deployments.clients:
            await client.aclose()

    def _close_if_unused(self) -> None:
        if self.users or self._closing is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # retired outside of a loop: nothing is open in one
            return
        self._closing = loop.create_task(self.aclose())
