"""What counts as an HTTP client, and which of the two adapters serves it."""

from __future__ import annotations

import inspect
from typing import Any

from llmgate_core.errors import ConfigError
from llmgate_core.transports.user_client.async_transport import AsyncUserClientTransport
from llmgate_core.transports.user_client.sync_transport import UserClientTransport

__all__ = ["is_async_client", "is_sync_client", "wrap_async_user_client", "wrap_user_client"]


def is_sync_client(client: object) -> bool:
    """Return whether `client` can be used in a synchronous call."""
    return _looks_like_client(client) and not inspect.iscoroutinefunction(getattr(client, "send", None))


def is_async_client(client: object) -> bool:
    """Return whether `client` can be used in an asynchronous call."""
    return _looks_like_client(client) and inspect.iscoroutinefunction(getattr(client, "send", None))


def wrap_user_client(client: Any) -> UserClientTransport:
    """Return the transport for a client that was given as `client_session`.

    Raises:
        ConfigError: an asynchronous client, or not a client.
    """
    if is_sync_client(client):
        return UserClientTransport(client)
    raise ConfigError(f"client_session takes a client like httpx.Client(), not {_description_of(client)}")


def wrap_async_user_client(client: Any) -> AsyncUserClientTransport:
    """Return the transport for a client that was given as `aclient_session`.

    Raises:
        ConfigError: a synchronous client, or not a client.
    """
    if is_async_client(client):
        return AsyncUserClientTransport(client)
    raise ConfigError(f"aclient_session takes a client like httpx.AsyncClient(), not {_description_of(client)}")


def _looks_like_client(client: object) -> bool:
    return callable(getattr(client, "build_request", None)) and callable(getattr(client, "send", None))


def _description_of(client: object) -> str:
    kind = f"{type(client).__module__.split('.')[0]}.{type(client).__qualname__}"
    if is_async_client(client):
        return f"{kind}, which is asynchronous; pass it as aclient_session, to acompletion and the other async calls"
    if is_sync_client(client):
        return f"{kind}, which is synchronous; pass it as client_session, to completion and the other sync calls"
    return f"{kind}, which has no build_request and send"
