"""Transports over HTTP clients, driven from blocking code: a client of ours, and callers' clients of both libraries."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llmgate_core.transports.async_lanes import AsyncHTTPXTransport
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.sync_lanes import HTTPXTransport
from llmgate_core.transports.user_client.kinds import wrap_async_user_client, wrap_user_client
from tests.support.scripted_upstream import Driver, Script, Upstream, upstream


class HTTPXDriver(Driver):
    """The transport over a client that we make."""

    def make(self, **options: Any) -> Any:
        kind = AsyncHTTPXTransport if self.is_async else HTTPXTransport
        return kind(TransportOptions(**options))


class ClientDriver(Driver):
    """A caller's client of either library."""

    def __init__(self, library: Any, variant: str, **options: Any) -> None:
        self.library = library
        super().__init__(variant, **options)

    def make(self, **options: Any) -> Any:
        self.client = self.library.AsyncClient(**options) if self.is_async else self.library.Client(**options)
        return (wrap_async_user_client if self.is_async else wrap_user_client)(self.client)

    @contextmanager
    def facing(self, *scripts: Script, context: ssl.SSLContext | None = None) -> Iterator[Upstream]:
        """Run an upstream, which ends when the client has left."""
        with upstream(*scripts, context=context) as server:
            yield server
            self.close()

    def close(self) -> None:
        if self.client.is_closed:
            return
        if self.loop is None:
            self.client.close()
        else:
            self.loop.run_until_complete(self.client.aclose())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
