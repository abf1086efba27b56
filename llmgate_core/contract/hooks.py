"""The hooks, as pluggy specifications.

Provider hooks are called on the one plugin that serves the route; extension hooks on every
extension that was named. Bodies are empty: implementations live in plugins.
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
    """What a provider plugin may implement; the first is required."""

    @hookspec(firstresult=True)
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:  # type: ignore[empty-body]
        """Return what to send. `body=call.body` says: canonical as it stands."""

    @hookspec(firstresult=True)
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> Canonical:  # type: ignore[empty-body]
        """Return the canonical response; `response` itself says: canonical as it stands."""

    @hookspec(firstresult=True)
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter; None: not known, pass it on."""

    @hookspec(firstresult=True)
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return a parser for one stream; None: the upstream's chunks are canonical."""

    @hookspec(firstresult=True)
    def auth(self, route: Route) -> Auth | None:
        """Return how to authorize a request; None: the key as a bearer token."""

    @hookspec(firstresult=True)
    def map_error(self, call: Call, route: Route, response: UpstreamResponse) -> LLMGateError | None:
        """Return the error for a status of 300 and above; None: by the table of core."""

    @hookspec(firstresult=True)
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return a generator for several requests; None: one request, one answer."""

    @hookspec(firstresult=True)
    def list_models(self, route: Route) -> Sequence[str] | None:
        """Return the models known without asking anyone."""

    @hookspec(firstresult=True)
    def transport(self, route: Route, inner: Transport | AsyncTransport) -> Transport | AsyncTransport | None:
        """Return a wire of the plugin's own, which may wrap `inner`; None: `inner` itself."""


class ExtensionHooks:
    """What an extension may implement besides wrappers around provider hooks."""

    @hookspec
    def before_call(self, call: Call, route: Route) -> None:
        """See a call before it is sent; an error of `llmgate_core.errors` stops it."""

    @hookspec
    def on_event(self, event: CallEvent) -> None:
        """Observe the end of a call; an exception is logged and changes nothing."""
