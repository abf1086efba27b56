"""The hooks, as pluggy specifications.

Provider hooks are called on the one plugin that serves the route, extension hooks on every
enabled extension. The bodies are empty: plugins implement them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.call import Call, JsonObject, Route
    from llmgate_core.contract.call_event import CallEvent
    from llmgate_core.contract.provider import ParamRule
    from llmgate_core.contract.transport import AsyncTransport, Transport
    from llmgate_core.contract.upstream import (
        Auth,
        Converted,
        Exchange,
        StreamParser,
        UpstreamRequest,
        UpstreamResponse,
    )
    from llmgate_core.errors import LLMGateError

    Canonical = JsonObject | Converted | UpstreamResponse

__all__ = ["PROJECT", "ExtensionHooks", "ProviderHooks", "hookimpl", "hookspec"]

PROJECT = "llmgate"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ProviderHooks:
    """The hooks of a provider plugin; only the first is required."""

    @hookspec(firstresult=True)
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:  # type: ignore[empty-body]
        """Return the request to send. `body=call.body` (the same object) means: no conversion."""

    @hookspec(firstresult=True)
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> Canonical:  # type: ignore[empty-body]
        """Return the canonical response. Returning `response` itself means: no conversion."""

    @hookspec(firstresult=True)
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter; None: unknown, pass it on."""

    @hookspec(firstresult=True)
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return a parser for one stream; None: the upstream's chunks are canonical."""

    @hookspec(firstresult=True)
    def auth(self, route: Route) -> Auth | None:
        """Return the authorization flow; None: send the key as a bearer token."""

    @hookspec(firstresult=True)
    def map_error(self, call: Call, route: Route, response: UpstreamResponse) -> LLMGateError | None:
        """Return the error for a status of 300 or above; None: core chooses by status and code."""

    @hookspec(firstresult=True)
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return a generator of several requests; None: one request, one response."""

    @hookspec(firstresult=True)
    def list_models(self, route: Route) -> Sequence[str] | None:
        """Return the models that are known without a request."""

    @hookspec(firstresult=True)
    def transport(self, route: Route, inner: Transport | AsyncTransport) -> Transport | AsyncTransport | None:
        """Return the plugin's own transport, which may wrap `inner`; None: use `inner`."""


class ExtensionHooks:
    """The hooks of an extension; it may also wrap provider hooks."""

    @hookspec
    def before_call(self, call: Call, route: Route) -> None:
        """Inspect a call before it is sent; raise an error of `llmgate_core.errors` to stop it."""

    @hookspec
    def on_event(self, event: CallEvent) -> None:
        """Observe the end of a call; an exception is logged and changes nothing."""
