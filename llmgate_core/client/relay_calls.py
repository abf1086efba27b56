"""What servers call on an asynchronous client: requests of other programs, passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.calls.async_driver import arun
from llmgate_core.calls.call_request import CallRequest
from llmgate_core.calls.event_delivery import EventDelivery, ThreadDelivery
from llmgate_core.calls.loop import call_steps
from llmgate_core.calls.prepare import CallPreparer
from llmgate_core.calls.prepared import PreparedCall, without_long_values
from llmgate_core.catalogue.prices import ModelPrices
from llmgate_core.client.base import BaseClient
from llmgate_core.contract.transport import StreamedContent
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.reading.async_stream import AsyncStream
from llmgate_core.registry.extensions import ExtensionHook
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.relay.forwarding import Forwarded, addressed, forward, forwarding
from llmgate_core.relay.relay import Relayed, RelayReader
from llmgate_core.settings.options import hide_key
from llmgate_core.transports.selection import AsyncTransportSelector

__all__ = ["RelayCalls"]

LARGE_BYTES = 256 * 1024
"""Above this, preparing a call could hold up the event loop for more than a few milliseconds."""


class RelayCalls(BaseClient):
    """The calls that pass on a request instead of making one. Each hides the key first, as `hide_keys` does.

    As all of an asynchronous client's, they never wait for its observers.
    """

    _transports: AsyncTransportSelector

    def _delivery(self, observers: Sequence[ExtensionHook]) -> EventDelivery:
        return ThreadDelivery(observers)

    async def _drain_events(self) -> None:
        """Wait until the observers have seen every event, for `DRAIN_SECONDS` at most."""
        built = (self._parent or self)._built  # not `preparer`, which would read the disk
        if built is not None and (delivery := built[0].observers.delivery) is not None:
            await asyncio.to_thread(delivery.drain)

    async def relay(
        self,
        family: str,
        model: str | None,
        body: Mapping[str, Any],
        *,
        content: bytes | None = None,
        body_bytes: int = 0,
        operation: str = "create",
        request_id: str = "",
        caller: str | None = None,
        prices: ModelPrices | None = None,
        **arguments: Any,
    ) -> Relayed | AsyncStream[bytes]:
        """Pass on a request of another program: the result is not typed, and bytes that need no change are kept.

        Args:
            family: what is called, such as `chat`.
            model: the model string that says where the request goes.
            body: the parsed request; its own `model` is ignored. Files are `FilePart`s.
            content: the bytes that `body` was parsed from, which are sent as they are if possible.
            body_bytes: how many there were, where `content` is not given. A large call is prepared in a thread, and
                its body is freed once the request is made.
            operation: what of the family is called, such as `create`.
            request_id: the server's id of the call, for extensions; empty: it gets one.
            caller: who called, for observers.
            prices: those that hold for its cost; None: the catalogue's.
            **arguments: options, docs/guide/options.md, and parameters that the request does not have.

        Returns:
            A `Relayed`; for a stream an `AsyncStream` of bytes, which has had its first event. The bytes for an error
            in it are `llmgate_core.serving.error_tail`.

        Raises:
            LLMGateError: as `completion`.
        """
        hide_key(arguments)
        preparer = self.preparer
        request = CallRequest(
            family,
            model,
            body,
            arguments,
            operation,
            content,
            allows_local_files=False,
            streams_bytes=True,
            is_relayed=True,
            request_id=request_id,
            caller=caller,
            prices=prices,
        )
        size = len(content) if content else body_bytes
        del body, content  # they may be large, and the call may take minutes
        is_small = size <= LARGE_BYTES
        call = preparer.prepare(request) if is_small else await _prepared_in_thread(preparer, request)
        del request
        observers = preparer.relay_observers
        steps = call_steps(call, RelayReader(call, observers), observers)
        result: Relayed | AsyncStream[bytes] = await arun(steps, self._transports.choose(call))
        return result

    def open_transport(self, target: ResolvedModel, **arguments: Any) -> None:
        """Make the transport of a provider's calls ready, certificates included, so that no call has to load it.

        Opens no connection. Called on the event loop that will make the calls.

        Args:
            target: the provider, from `resolve`.
            **arguments: options, docs/guide/options.md.

        Raises:
            ConfigError: an option is not valid, or the certificates to trust cannot be read.
        """
        hide_key(arguments)
        self._transports.open(addressed(self.preparer, target, arguments))

    async def forward(
        self,
        target: ResolvedModel,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str],
        content: bytes | StreamedContent = b"",
        **arguments: Any,
    ) -> Forwarded:
        """Send a request unchanged to a provider, with its key. Returns when the head of the answer is there.

        Args:
            target: the provider, from `resolve`.
            method: the HTTP method.
            path: the path below the base URL, percent-encoded, with a `/` at its start.
            query: the query, without `?`.
            headers: the headers to send besides ours.
            content: the body. A streamed body is read once.
            **arguments: options, docs/guide/options.md.

        Returns:
            A `Forwarded`, whose body is read from it.

        Raises:
            APIError: the provider cannot be reached or is too slow, or there is no key. PluginError: the plugin signs
                requests in its own way.
        """
        hide_key(arguments)
        request = UpstreamRequest(method, path, headers=headers)
        outgoing = forwarding(self.preparer, target, request, content, query, arguments)
        return await forward(outgoing, self._transports.choose(outgoing))


async def _prepared_in_thread(preparer: CallPreparer, request: CallRequest) -> PreparedCall:
    """Return a large call ready to be sent, with what of its body is read again."""
    call = await asyncio.to_thread(preparer.prepare, request)
    if preparer.relay_observers.are_any or call.rewriting is not None:
        return call
    return without_long_values(call)
