"""The functions that most programs call, each with its asynchronous twin `a...`. They delegate to default clients.

There is one for every method of the clients, so none is listed here. Type checkers and editors read
`functions.pyi`, which `make twins` writes from the same methods.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache, wraps
from inspect import isfunction, unwrap
from types import MethodType
from typing import Any

from llmgate_core.client.async_client import AsyncClient
from llmgate_core.client.media_calls import MediaCalls
from llmgate_core.client.message_calls import MessageCalls
from llmgate_core.client.score_calls import ScoreCalls
from llmgate_core.client.sync_client import Client
from llmgate_core.client.text_calls import TextCalls
from llmgate_core.settings.options import hide_key

METHODS = tuple(
    name
    for kind in (TextCalls, MessageCalls, ScoreCalls, MediaCalls)
    for name, method in vars(kind).items()
    if isfunction(method) and not name.startswith("_")
)

# made of the names above, which a checker cannot follow
__all__ = ["default_async_client", "default_client", *METHODS, *(f"a{name}" for name in METHODS)]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


@cache
def default_client() -> Client:
    """Return the client behind the synchronous module functions."""
    client = Client()
    atexit.register(client.close)  # so that no connection is left to the collector
    return client


@cache
def default_async_client() -> AsyncClient:
    """Return the client behind the asynchronous module functions."""
    return AsyncClient()


def _sync_function(name: str) -> Callable[..., Any]:
    """Return the module function for a method of `Client`."""
    method = unwrap(getattr(Client, name))

    @wraps(method)
    def function(*values: Any, **arguments: Any) -> Any:
        hide_key(arguments)
        return method(default_client(), *values, **arguments)

    return _named(function, name, MethodType(method, Client))


def _async_function(name: str) -> Callable[..., Any]:
    """Return the module function for a method of `AsyncClient`."""
    method = unwrap(getattr(AsyncClient, name))

    @wraps(method)
    async def function(*values: Any, **arguments: Any) -> Any:
        hide_key(arguments)
        return await method(default_async_client(), *values, **arguments)

    return _named(function, f"a{name}", MethodType(method, AsyncClient))


def _named(function: Callable[..., Any], name: str, bound: MethodType) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    vars(function)["__wrapped__"] = bound  # for its signature, without `self`
    return function


globals().update({name: _sync_function(name) for name in METHODS})
globals().update({f"a{name}": _async_function(name) for name in METHODS})
