"""Everything that one config makes, in one object that is swapped whole.

A request keeps the snapshot that it began with. When a newer one has taken its place and its last request has ended,
its connections are closed.

Source: row R34 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from llmgate_core.serving import Extension
from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.access.stores import Stores
from llmgate_gateway.calls.contract import Middleware, MiddlewareSetup, chain
from llmgate_gateway.calls.deployments import Deployments
from llmgate_gateway.calls.upstream import call_upstream
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.config.extensions import MIDDLEWARE, load_extension
from llmgate_gateway.http.waits import ClientLimits

__all__ = ["ConfigSnapshot"]


class ConfigSnapshot:
    """A config, its keys, its deployments, and the handler of its calls.

    Args:
        stores: of the gateway; they outlive the snapshot.
        extensions: those of `settings.extensions`, loaded. middleware: what extensions have added, outermost.
        counts_usage: something counts the tokens of its calls.

    Attributes:
        handler: answers a call: every middleware, then the deployment that is selected.
        client_limits: how long clients may take.
        extensions: as given.
        users: requests that hold this snapshot.

    Raises:
        LLMGateError: a plugin or a middleware that the config names cannot be loaded.
    """

    __slots__ = (
        "_closing",
        "_is_retired",
        "client_limits",
        "config",
        "deployments",
        "extensions",
        "general",
        "handler",
        "keys",
        "users",
    )

    def __init__(
        self,
        config: GatewayConfig,
        stores: Stores,
        extensions: Sequence[Extension] = (),
        middleware: Sequence[Middleware] = (),
        *,
        counts_usage: bool = False,
    ) -> None:
        self.config = config
        self.extensions = extensions
        self.general = config.general
        timeouts = config.general.timeouts
        self.client_limits = ClientLimits(timeouts.body, timeouts.write, config.general.limits.min_body_rate)
        self.keys = KeyRing(config, stores.keys)
        self.deployments = Deployments(
            config, extensions, asks_usage=_asks_usage(config, counts_usage=counts_usage or bool(middleware))
        )
        layers = (*middleware, *_middleware_of(config, stores))
        self.handler = chain(layers, partial(call_upstream, deployments=self.deployments, keeps_body=bool(layers)))
        self.users = 0
        self._is_retired = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether its connections are closed, or being closed, for good."""
        return self._closing is not None

    def release(self) -> None:
        """Record that a request has ended."""
        self.users -= 1
        if self._is_retired:
            self._close_if_unused()

    def retire(self) -> None:
        """Close the connections once no request holds this snapshot."""
        self._is_retired = True
        self._close_if_unused()

    async def closed(self) -> None:
        """Wait until the connections of a snapshot that is retired and unused are closed."""
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
        except RuntimeError:  # retired outside of an event loop: nothing is open in one
            return
        self._closing = loop.create_task(self.aclose())


def _asks_usage(config: GatewayConfig, *, counts_usage: bool) -> bool:
    setting = config.general.stream_usage
    counts = counts_usage or bool(config.general.middleware or config.settings.extensions)
    return counts if setting is None else setting


def _middleware_of(config: GatewayConfig, stores: Stores) -> Sequence[Middleware]:
    """Return the middleware that a config names, the outermost first."""
    return [
        load_extension(MIDDLEWARE, entry.name, config.plugins)(MiddlewareSetup(entry.options, stores))
        for entry in config.general.middleware
    ]
