"""A provider plugin that is ready to be called, and the error for one that cannot be used.

`hooks.py` fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.endpoints.openai import HTTPEndpoint
from llmgate_core.errors import PluginError, PluginLoadError
from llmgate_core.registry.provider_info import header_names

__all__ = ["BoundPlugin", "load_error"]

NO_INPUTS: Mapping[str, Container[str]] = MappingProxyType({})


class BoundPlugin:
    """A provider plugin, ready to be called. A hook that it does not implement, or that changes nothing, is None.

    Attributes:
        instance: the plugin itself.
        inputs: family -> the inputs that `supports_param` judges in addition to all parameters.
        encodes_vectors: its embedding endpoint can send vectors as base64.
        canonical_endpoint: returns the endpoint to which `transform_request` sends the body of a call as it is; None:
            ask the hook.
        header_names: headers of the upstream's answers -> the names that they have here; see `ProviderInfo`.
        serves_async: its hook `serve` is an asynchronous function or generator.
        passes_answers: whether on a route it leaves answers as they are, and so reads no call once its request is made.
    """

    __slots__ = (
        "auth",
        "base_url",
        "canonical_endpoint",
        "credentials",
        "distribution",
        "encodes_vectors",
        "exchange",
        "header_names",
        "info",
        "inputs",
        "instance",
        "list_models",
        "map_error",
        "name",
        "passes_answers",
        "serve",
        "serves_async",
        "stream_parser",
        "supports_param",
        "transform_request",
        "transform_response",
        "transport",
        "version",
    )

    base_url: Callable[..., Any] | None
    transform_request: Callable[..., Any] | None
    transform_response: Callable[..., Any] | None
    supports_param: Callable[..., Any] | None
    stream_parser: Callable[..., Any] | None
    auth: Callable[..., Any] | None
    credentials: Callable[..., Any] | None
    map_error: Callable[..., Any] | None
    exchange: Callable[..., Any] | None
    serve: Callable[..., Any] | None
    list_models: Callable[..., Any] | None
    transport: Callable[..., Any] | None

    def __init__(self, info: ProviderInfo, name: str, distribution: str | None, version: str | None) -> None:
        self.info = info
        self.name = name
        self.distribution = distribution
        self.version = version
        self.instance: object = None
        self.header_names = header_names(info)
        self.inputs: Mapping[str, Container[str]] = NO_INPUTS
        self.encodes_vectors = False
        self.serves_async = False
        self.canonical_endpoint: Callable[[Call, Route], HTTPEndpoint | None] = _not_known
        self.passes_answers: Callable[[Route], bool] = _never

    def error(self, hook: str | None, reason: str) -> PluginError:
        """Return a `PluginError` that names this plugin."""
        origin = f" of {self.distribution} {self.version}" if self.distribution else ""
        return PluginError(
            f"plugin {self.name!r}{origin}: {reason}",
            plugin=self.name,
            distribution=self.distribution,
            version=self.version,
            hook=hook,
        )


def load_error(reason: str, *, name: str, distribution: str | None, version: str | None) -> PluginLoadError:
    """Return the error for a plugin that cannot be used; its message says how to switch the plugin off."""
    origin = f" of {distribution} {version}" if distribution else ""
    off = f"; switch it off with LLMGATE_PLUGINS=-{distribution}" if distribution else ""
    return PluginLoadError(
        f"plugin {name!r}{origin} cannot be used: {reason}{off}",
        plugin=name,
        distribution=distribution,
        version=version,
    )


def _not_known(call: Call, route: Route) -> None:  # as the others
    """Return None: what a plugin's hook does with a body is not known."""


def _never(route: Route) -> bool:  # noqa: ARG001  # as the others
    """Return False: what a plugin's hooks do is not known."""
    return False
