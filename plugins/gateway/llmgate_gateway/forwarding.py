"""Send one request to a deployment's upstream as it is, with the deployment's key. Asyncio only.

The only place here that uses the core's wire itself. Chooses neither host nor key: the deployment's
plugin and config do. One try: what is streamed up cannot be sent twice.

Source: `llmgate_core.transport_contract`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llmgate_core.options import Options, endpoint_for, is_home, take_options  # lead: AsyncClient.forward
from llmgate_core.plugin import Deadline, Limits, Route, Secret, UpstreamRequest, errors
from llmgate_core.wire import transport_request  # lead: AsyncClient.forward
from llmgate_gateway.client_request import ClientRequest
from llmgate_gateway.deployments import Bound

if TYPE_CHECKING:
    from llmgate_core.plugin import AsyncTransportResponse
    from llmgate_core.routing import Target
    from llmgate_core.transport_contract import StreamedContent

__all__ = ["Forwarded", "RequestContent", "forward"]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A started answer, and what is needed to read it: its limits, and the key that must not be in it."""

    response: AsyncTransportResponse
    deadline: Deadline
    api_key: Secret | None


class RequestContent:
    """`transport_contract.StreamedContent` of a client's body, passed on as it comes.

    Only its first block is kept, which is what a connection that turns out to be closed may have cost.
    """

    def __init__(self, request: ClientRequest, length: int) -> None:
        self._request = request
        self._length = length
        self._first: bytes | None = None
        self._is_past_first = False

    @property
    def length(self) -> int:
        """Bytes in all, as the client said."""
        return self._length

    def blocks(self) -> Iterator[bytes]:
        """Not for asyncio, so never called."""
        raise NotImplementedError

    async def ablocks(self) -> AsyncIterator[bytes]:
        """Yield the body.

        Raises:
            APIConnectionError: it has gone up before. ClientGoneError: the client hung up.
        """
        if self._is_past_first:
            raise errors.APIConnectionError("the upload broke off and cannot be sent again", code="closed")
        if self._first is None:
            self._first, _ = await self._request.read()
        yield self._first
        self._is_past_first = True
        while not self._request.is_read:
            block, _ = await self._request.read()
            yield block


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What the core's choice of a wire looks at."""

    options: Options
    route: Route
    target: Target


async def forward(
    bound: Bound,
    method: str,
    path: str,
    query: str,
    *,
    headers: Mapping[str, str],
    content: bytes | StreamedContent,
    organization: str | None,
) -> Forwarded:
    """Send a request; return its answer once the head is here.

    `path` is below the base URL, percent-encoded, and begins with `/`; `query` has no `?`.

    Raises:
        APIError: not reached, late, or no key. PluginError: the plugin signs requests in a way of its own.
    """
    pipeline = bound.client.pipeline
    options = take_options(
        bound.call_arguments({}, traceparent=None, organization=organization), pipeline.client, pipeline.settings
    )
    target = next(iter(bound.targets.values()))
    plugin = target.plugin
    if plugin.auth is not None:
        raise plugin.error("auth", "its requests cannot be relayed as they are")
    endpoint = endpoint_for(plugin.info, options, pipeline.client, pipeline.settings)
    home = is_home(endpoint.base_url, plugin.info)
    route = Route(
        plugin.info.name,
        target.prefix,
        target.family,
        "",
        endpoint.base_url,
        endpoint.api_key,
        endpoint.organization,
        endpoint.project,
        is_home=home,
    )
    deadline = Deadline(options.timeouts)
    outgoing = transport_request(
        UpstreamRequest(method, path, headers=headers),
        route,
        plugin.info,
        extra_headers=bound.extra_headers,
        deadline=deadline,
        limits=Limits(),
        bearer=True,
    )
    outgoing = replace(outgoing, content=content, target=f"{outgoing.target}?{query}" if query else outgoing.target)
    transport = bound.client._wires.choose(_Outgoing(options, route, target))  # type: ignore[arg-type]
    return Forwarded(await transport.asend(outgoing), deadline, endpoint.api_key)
