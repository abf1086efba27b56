"""The seam of the gateway: a call, its answer, and the functions between the two. Data and types.

    authenticate -> admit -> dialect.decode -> middleware -> select a deployment -> call the upstream
        -> dialect.encode -> send_answer

A middleware receives a `GatewayCall` and the `Handler` that would answer it. It may refuse (raise `refuse(…)`), answer
by itself, change the call, or look at the answer of the handler.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate_core.serving import CallRecord, LedgerEntry
from llmgate_gateway.access.stores import Stores
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import RefusedError
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = [
    "Answer",
    "GatewayCall",
    "Handler",
    "Middleware",
    "MiddlewareFactory",
    "MiddlewareSetup",
    "OwnAPI",
    "chain",
]


@dataclass(frozen=True, slots=True)
class OwnAPI:
    """What of a call only an upstream of the client's own API understands, which depends on the deployment.

    Attributes:
        headers: go upstream with the call where the deployment serves the call's family itself.
        fields: of the body: they are left out where another family carries the call.
        ledger: what is recorded then.
        refusal: the call is refused with it then; None: it can be carried.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    ledger: tuple[LedgerEntry, ...] = ()
    refusal: RefusedError | None = None


@dataclass(slots=True)
class GatewayCall:
    """A request that is decoded and admitted, and has no deployment yet.

    Attributes:
        caller: whose key the request came with.
        family, operation: what is called, for example `chat` and `create`.
        model: the name that the client asked for; a middleware may choose another. None: the client named none.
        body: the parsed parameters. A middleware that changes them sets `content` to None.
        content: the bytes that `body` was parsed from; None where they cannot go upstream as they are.
        record: what the log, the metrics and the traces show of this request.
        organization: the client's organization, where the config sends it upstream.
        reply_headers: headers of every response to this request, an error too.
        on_end: called when the request has ended, in whatever way, the newest first.
        size: how many bytes `body` was parsed from.
        own_api: what goes only to an upstream of the client's own API; None: there is nothing of the kind.
    """

    caller: Caller
    family: str
    operation: str
    model: str | None
    body: dict[str, Any]
    content: bytes | None
    record: RequestRecord
    organization: str | None = None
    reply_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    on_end: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    size: int = 0
    own_api: OwnAPI | None = None

    def leave_own_api(self) -> None:
        """Leave out what only an upstream of the client's own API understands, and record that.

        Raises:
            RefusedError: something of it cannot be left out.
        """
        if (own := self.own_api) is None:
            return
        if own.refusal is not None:
            raise own.refusal
        self.own_api = None
        self.record.ledger = (*self.record.ledger, *own.ledger)
        if not own.fields.isdisjoint(self.body):
            self.body = {name: value for name, value in self.body.items() if name not in own.fields}
            self.content = None

    async def aclose(self) -> None:
        """Run and forget `on_end`; one that fails does not keep the others from running."""
        if self.on_end:
            close = self.on_end.pop()
            try:
                await close()
            finally:
                await self.aclose()


@dataclass(slots=True)
class Answer:
    """A response that has not been sent.

    Attributes:
        headers: `content-type` among them. `content-length` is added for a body of bytes.
        body: all of it, or an iterator of its blocks. A middleware that needs to see a stream wraps the iterator;
            it need not close it, since the upstream is closed when the request ends.
        record: ledger, usage and price of the upstream call; of a stream they are complete once it has been read.
            None where no upstream was called.
        is_events: the body is a stream of server-sent events.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | AsyncIterator[bytes]
    record: CallRecord | None = None
    is_events: bool = False


Handler = Callable[[GatewayCall], Awaitable[Answer]]
"""Answers a call, or raises `RefusedError` or `LLMGateError`."""

Middleware = Callable[[GatewayCall, Handler], Awaitable[Answer]]
"""Answers a call, with or without the handler."""


@dataclass(frozen=True, slots=True)
class MiddlewareSetup:
    """What a middleware is made from.

    Attributes:
        options: the mapping that the config gives it.
        stores: the gateway's stores, which outlive a reload of the config.
    """

    options: Mapping[str, Any] = field(repr=False)
    stores: Stores


MiddlewareFactory = Callable[[MiddlewareSetup], Middleware]
"""What an entry point of the group `llmgate.gateway.middleware` names."""


def chain(middleware: Iterable[Middleware], handler: Handler) -> Handler:
    """Return the handler that runs a call through every middleware, the first outermost; without any, `handler`."""
    for layer in reversed(tuple(middleware)):
        handler = _layered(layer, handler)
    return handler


def _layered(layer: Middleware, inner: Handler) -> Handler:
    def handle(call: GatewayCall) -> Awaitable[Answer]:
        return layer(call, inner)

    return handle
