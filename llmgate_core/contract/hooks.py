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
    from llmgate_core.contract.credential import Credential, Credentials
    from llmgate_core.contract.provider import ParamRule
    from llmgate_core.contract.transport import AsyncTransport, Transport
    from llmgate_core.contract.upstream import (
        Auth,
        Converted,
        Exchange,
        Served,
        StreamParser,
        StreamRewriter,
        UpstreamRequest,
        UpstreamResponse,
    )
    from llmgate_core.errors import APIError, LLMGateError

    Canonical = JsonObject | Converted | UpstreamResponse

__all__ = ["PROJECT", "ExtensionHooks", "ProviderHooks", "hookimpl", "hookspec"]

PROJECT = "llmgate"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ProviderHooks:
    """The hooks of a provider plugin; `transform_request` or `serve` is required."""

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
    def stream_parser(self, call: Call, route: Route, response: UpstreamResponse) -> StreamParser | None:
        """Return a parser for one stream; None: the upstream's chunks are canonical.

        `response` has status and headers, and no content.
        """

    @hookspec(firstresult=True)
    def credentials(self, route: Route) -> Credentials | None:
        """Return a generator that fetches a token; None: the key is all that is needed.

        Core keeps the token until it expires, fetches it once for all callers, renews it after a 401, and masks it.
        """

    @hookspec(firstresult=True)
    def auth(
        self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float
    ) -> UpstreamRequest | Auth | None:
        """Return the request with what authorizes it, for example a signature; None: send the token, or the key.

        It sees the final bytes and the final URL of every request, also those of an exchange. `now` is the time in
        seconds since 1970. A hook of contract 1.0, `auth(route)`, returns a flow.
        """

    @hookspec(firstresult=True)
    def map_error(self, call: Call, route: Route, response: UpstreamResponse, error: APIError) -> LLMGateError | None:
        """Return the error for a status of 300 or above; None: core's own.

        `error` is core's own, by status and code, with message, request id and `retry_after`: change it and return it,
        or make another.
        """

    @hookspec(firstresult=True)
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return a generator of several requests; None: one request, one response."""

    @hookspec(firstresult=True)
    def serve(self, call: Call, route: Route) -> Served | None:
        """Answer the call in this process, without an upstream; None: send a request.

        The one hook that may be async. It returns the canonical answer, or an iterator of canonical chunks if the call
        is a stream. Core runs it in a thread, or on the event loop if it is async, and keeps the call's deadlines.
        """

    @hookspec(firstresult=True)
    def list_models(self, route: Route) -> Sequence[str] | None:
        """Return the models that are known without a request."""

    @hookspec(firstresult=True)
    def transport(self, route: Route, inner: Transport | AsyncTransport) -> Transport | AsyncTransport | None:
        """Return the plugin's own transport, which may wrap `inner`; None: use `inner`."""

    @hookspec(firstresult=True)
    def base_url(self, route: Route) -> str | None:
        """Return the base URL that requests are joined to, if it depends on the options or the given one is not it.

        Its origin is that of `route.base_url` or one of `route.hosts`, and its query is sent with every request. None:
        `route.base_url` as it is.
        """


class ExtensionHooks:
    """The hooks of an extension; it may also wrap provider hooks.

    The three that rewrite see canonical data of every call, whatever the plugin, the wire or the caller's program.
    """

    @hookspec
    def before_call(self, call: Call, route: Route) -> None:
        """Inspect a call before it is sent; raise an error of `llmgate_core.errors` to stop it."""

    @hookspec
    def rewrite_call(self, call: Call, route: Route) -> JsonObject | None:
        """Return another canonical body for the call; None: leave it as it is.

        A new dict without `model` and with the same `stream`. The extension that was enabled first is asked first.
        """

    @hookspec
    def rewrite_answer(self, call: Call, route: Route, answer: JsonObject) -> JsonObject | None:
        """Return another canonical answer; None: leave it as it is. The last extension is asked first.

        `call` is the call as this extension saw it in `rewrite_call`, so what it hid there can be restored here.
        """

    @hookspec
    def rewrite_stream(self, call: Call, route: Route) -> StreamRewriter | None:
        """Return an object that rewrites the chunks of one stream; None: leave them as they are.

        `call` is as in `rewrite_answer`.
        """

    @hookspec
    def on_event(self, event: CallEvent) -> None:
        """Observe the end of a call; an exception is logged and changes nothing."""

    @hookspec
    def register_gateway(self, gateway: Any) -> None:
        """Add pages, middleware or stores to a gateway that is about to start; see docs/gateway/extend.md."""
