"""What an extension of llmgate may add to a gateway that is about to start: its hook `register_gateway`.

Nothing that is added may take the place of what the gateway itself, a dialect, the config or another extension has.

Source: docs/gateway/extend.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate_core.serving import Extension, errors, register_extensions
from llmgate_gateway.access.stores import BlobStore, CounterStore, KeyStore
from llmgate_gateway.calls.contract import Middleware
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.http.routes import OPEN_PATHS, Routes

__all__ = ["NOTHING_REGISTERED", "GatewaySetup", "Registered", "registered"]

PAGE_METHODS = ("GET", "POST")
STORE_METHODS = {
    "keys": ("find", "aclose"),
    "counters": ("reserve", "settle", "aclose"),
    "blobs": ("get", "put", "delete", "aclose"),
}


@dataclass(frozen=True, slots=True)
class Registered:
    """What extensions have added.

    Attributes:
        pages: method and path -> what answers. middleware: the first is outermost. stores: use -> store.
    """

    pages: dict[tuple[str, str], Any]
    middleware: Sequence[Middleware]
    stores: dict[str, Any]


class GatewaySetup:
    """A gateway that is about to start, as an extension sees it. Each method raises `ConfigError` for what may not be.

    Attributes:
        config: what it will serve.
    """

    def __init__(self, config: GatewayConfig, routes: Routes) -> None:
        self.config = config
        self._routes = routes
        self._pages: dict[tuple[str, str], Any] = {}
        self._middleware: list[Middleware] = []
        self._stores: dict[str, Any] = {}

    @property
    def registered(self) -> Registered:
        """What has been added so far."""
        return Registered(dict(self._pages), tuple(self._middleware), dict(self._stores))

    def add_page(self, name: str, page: Callable[[Any], Any]) -> None:
        """Serve a page of the gateway, to those who have a key.

        Args:
            name: its path, such as `/costs`, or method and path, such as `POST /costs`.
            page: called with a `PageRequest`; returns a `Reply`, or an awaitable of one.

        Raises:
            ConfigError: the path is served already, is malformed, or would need no key.
        """
        method, space, path = name.partition(" ")
        method, path = (method, path) if space else ("GET", method)
        is_path = path.startswith("/") and path.isascii() and not set(path) & set("{}?# ") and path not in OPEN_PATHS
        if method not in PAGE_METHODS or not is_path or not callable(page):
            raise errors.ConfigError(
                f"a page is a path such as '/costs' or 'POST /costs', and a function: not {name!r} and {page!r}"
            )
        taken = self._routes.find(method, path)
        if (method, path) in self._pages or taken.route is not None or taken.allowed:
            raise errors.ConfigError(f"the page {method} {path} is served already")
        self._pages[method, path] = page

    def add_middleware(self, middleware: Middleware) -> None:
        """Let a middleware see every call. It is outside of those of the config, behind those added before it.

        Raises:
            ConfigError: it is not a function of a call and a handler.
        """
        if not callable(middleware):
            raise errors.ConfigError(f"a middleware is a function of a call and a handler, not {middleware!r}")
        self._middleware.append(middleware)

    def use_key_store(self, store: KeyStore) -> None:
        """Look keys up in a store that the config does not list.

        Raises:
            ConfigError: there is one already, or it lacks a method.
        """
        self._use("keys", store)

    def use_counter_store(self, store: CounterStore) -> None:
        """Count in a store what was used within a window of time.

        Raises:
            ConfigError: as `use_key_store`.
        """
        self._use("counters", store)

    def use_blob_store(self, store: BlobStore) -> None:
        """Keep bytes that expire in a store.

        Raises:
            ConfigError: as `use_key_store`.
        """
        self._use("blobs", store)

    def _use(self, use: str, store: Any) -> None:
        if missing := [name for name in STORE_METHODS[use] if not callable(getattr(store, name, None))]:
            raise errors.ConfigError(f"the store for {use} has no method {missing[0]}")
        if use in self._stores or getattr(self.config.general.stores, use) is not None:
            raise errors.ConfigError(f"there is a store for {use} already; the config's general_settings.stores.{use}")
        self._stores[use] = store


NOTHING_REGISTERED = Registered({}, (), {})


def registered(extensions: Sequence[Extension], config: GatewayConfig, routes: Routes) -> Registered:
    """Return what the extensions add to a gateway with these routes.

    Raises:
        PluginError: an extension failed; it is named.
    """
    setup = GatewaySetup(config, routes)
    register_extensions(extensions, setup)
    return setup.registered
