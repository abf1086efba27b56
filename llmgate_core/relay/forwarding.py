"""Send one request to a provider unchanged, below its base URL and with its key: for resources without a plugin.

One try, but for a kept connection that turned out to be closed, and for a credential that was refused; what is streamed
up cannot be sent twice, and cannot be signed. Nothing else of the answer is judged; a redirect is not followed.

Source: docs/reliability.md, rows R26 and S13.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from llmgate_core.calls.addresses import build_route, destination_of
from llmgate_core.calls.answer_headers import in_our_names
from llmgate_core.calls.answers import connection_error
from llmgate_core.calls.async_driver import arun
from llmgate_core.calls.credentials.fetching import credential_steps, renewal_steps
from llmgate_core.calls.credentials.store import CallCredentials, Kept
from llmgate_core.calls.http_request import RequestBuilder
from llmgate_core.calls.prepare import CallPreparer
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.calls.sending import authorized
from llmgate_core.contract.call import Route
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.transport import (
    AsyncTransport,
    AsyncTransportResponse,
    StaleConnectionError,
    StreamedContent,
    TransportRequest,
)
from llmgate_core.contract.upstream import Headers, UpstreamRequest
from llmgate_core.errors import LLMGateError
from llmgate_core.reading.upstream_errors import hide_secrets
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.secrets import Secret
from llmgate_core.settings.options import Options

__all__ = ["Addressed", "Forwarded", "Forwarding", "addressed", "forward", "forwarding"]


@dataclass(frozen=True, slots=True)
class Addressed:
    """What the choice of a transport needs."""

    options: Options
    route: Route
    target: ResolvedModel


@dataclass(frozen=True, slots=True)
class Forwarding(Addressed):
    """A request ready to be forwarded.

    Attributes:
        content: the body; a streamed one can be read once. query: as the client wrote it, without `?`.
    """

    request: UpstreamRequest
    content: bytes | StreamedContent
    query: str
    builder: RequestBuilder
    limits: Limits
    deadline: Deadline
    credentials: CallCredentials | None

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """What must not be in what is passed on."""
        keys = self.route.all_secrets
        return keys if self.credentials is None else (*keys, *self.credentials.secrets)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A started answer. Close it, whatever happens.

    Attributes:
        headers: the upstream's, all of them, in OpenAI's names. secrets: what must not be in what is passed on.
    """

    status: int
    headers: Headers
    secrets: tuple[Secret | None, ...]
    _response: AsyncTransportResponse
    _deadline: Deadline

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            APITimeoutError: nothing came in time. StreamTruncatedError: it ended early.
        """
        deadline = self._deadline
        while True:
            try:
                block = await self._response.aread_block(deadline.wait(deadline.timeouts.idle))
            except TimeoutError:
                raise deadline.error("idle") from None
            if not block:
                return
            yield block

    async def aclose(self) -> None:
        """Close the upstream, if it is still open."""
        await self._response.aclose()


def addressed(
    preparer: CallPreparer, target: ResolvedModel, arguments: dict[str, Any], *, require_key: bool = False
) -> Addressed:
    """Return where requests to a provider go, with the options of a call.

    Raises:
        APIError: no key. ConfigError: an option is not valid.
    """
    options = preparer.addresses.options(arguments)
    bare = replace(target, model="", row=None)
    destination = destination_of(bare, options, preparer.client, preparer.settings, require_key=require_key)
    route = build_route(bare, destination, options)
    return Addressed(options, route, target)


def forwarding(
    preparer: CallPreparer,
    target: ResolvedModel,
    request: UpstreamRequest,
    content: bytes | StreamedContent,
    query: str,
    arguments: dict[str, Any],
) -> Forwarding:
    """Return the request ready to be sent.

    Raises:
        APIError: no key, or an illegal header or path. PluginError: the plugin signs requests, and a body that is
            streamed cannot be signed.
    """
    plugin = target.plugin
    if plugin.auth is not None and not isinstance(content, bytes):
        raise plugin.error("auth", "a body that is streamed cannot be forwarded for a plugin with the hook auth")
    address = addressed(preparer, target, arguments, require_key=True)
    options, route = address.options, address.route
    deadline, limits = Deadline(options.timeouts), preparer.client.limits
    builder = RequestBuilder(
        route,
        RouteHeaders(route, plugin.info),
        extra_headers=options.passed.get("extra_headers"),
        deadline=deadline,
        limits=limits,
    )
    builder.transport_request(request, bearer=True)  # raises what is wrong with it before anything is sent
    credentials = None if plugin.credentials is None else preparer.credentials.of_call(plugin, route)
    return Forwarding(options, route, target, request, content, query, builder, limits, deadline, credentials)


async def forward(forwarding: Forwarding, transport: AsyncTransport) -> Forwarded:
    """Send the request and return its answer once the head is here.

    A credential that is refused is replaced once, but what is streamed up cannot be sent twice: the next request has
    the new one.

    Raises:
        APIConnectionError: not reached or broken, or nothing in time. APIError: there is no credential.
    """
    credentials, kept = forwarding.credentials, None
    if credentials is not None:
        kept = await arun(credential_steps(forwarding, credentials), transport)
    response = await _sent(_outgoing(forwarding, kept), transport)
    if credentials is not None and kept is not None and kept.credential is not None and response.status == 401:
        if isinstance(forwarding.content, bytes):
            await response.aclose()
            kept = await arun(renewal_steps(forwarding, credentials, kept), transport)
            response = await _sent(_outgoing(forwarding, kept), transport)
        else:
            credentials.store.drop(credentials.key, kept)
    raw_headers = in_our_names(response.raw_headers, forwarding.target.plugin.header_names)
    headers = Headers(raw_headers if kept is None else kept.masked(raw_headers))
    return Forwarded(response.status, headers, forwarding.secrets, response, forwarding.deadline)


def _outgoing(forwarding: Forwarding, kept: Kept | None) -> TransportRequest:
    """Return the request as it goes over the wire.

    Raises:
        PluginError: the hook `auth` failed, or is one of contract 1.0, which returns a flow.
    """
    request, content = forwarding.request, forwarding.content
    plugin = forwarding.target.plugin
    if plugin.auth is not None and isinstance(content, bytes):  # it has to see what is sent
        query = parse_qsl(forwarding.query, keep_blank_values=True)
        try:
            signed = authorized(forwarding, replace(request, body=content or None, query=query), kept)
        except LLMGateError as error:
            hide_secrets(error, forwarding.secrets)
            raise
        if not isinstance(signed, TransportRequest):
            raise plugin.error("auth", "requests cannot be forwarded for a plugin whose hook auth returns a flow")
        return signed
    headers = None if kept is None else kept.headers
    outgoing = forwarding.builder.transport_request(request, bearer=True, headers=headers)
    return replace(outgoing, content=content, target=_with_query(outgoing.target, forwarding.query))


def _with_query(target: str, query: str) -> str:
    """Return a target with a query added to the one that the base URL gave it."""
    if not query:
        return target
    return f"{target}{'&' if '?' in target else '?'}{query}"


async def _sent(request: TransportRequest, transport: AsyncTransport) -> AsyncTransportResponse:
    try:
        return await transport.asend(request)
    except StaleConnectionError as stale:
        if not isinstance(request.content, bytes):
            raise connection_error(stale) from None
        return await transport.asend(replace(request, new_connection=True))
