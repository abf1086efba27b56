"""What a dialect promises: the wire format of one kind of client, from its routes to its errors.

A dialect holds no state of a request and calls no upstream. Everything between `decode` and `encode` is common to
all dialects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from llmgate_gateway.calls.contract import Answer, GatewayCall
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import ErrorFacts, Reply
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["Dialect", "RecognizedDialect"]


class Dialect(Protocol):
    """The wire format of one kind of client.

    Attributes:
        name: what the config calls it; each of its routes carries it too.
    """

    name: str

    def routes(self) -> Iterable[HTTPRoute]:
        """Return every route that belongs to this dialect. Read once, when the gateway is built."""
        ...

    async def decode(
        self, request: ClientRequest, route: HTTPRoute, ids: Mapping[str, str], general: GeneralSettings
    ) -> GatewayCall:
        """Read a request's body and return the call that it asks for.

        Args:
            request: its body has not been read yet.
            route: one of `routes`.
            ids: the parameters of the route's path.
            general: limits of the body, and which headers go upstream.

        Raises:
            RefusedError: the request is not valid. ClientGoneError: the client disconnected.
        """
        ...

    def encode(self, call: GatewayCall, answer: Answer) -> Answer:
        """Return an answer in the format of this dialect. Upstream answers are in OpenAI's."""
        ...

    def error_reply(self, error: ErrorFacts) -> Reply:
        """Return the response for a request that failed before anything was sent."""
        ...

    def stream_tail(self, call: GatewayCall, error: ErrorFacts, *, after: int) -> bytes:
        """Return the last bytes of an event stream that broke.

        Args:
            call: the call whose answer was streamed.
            error: why it broke.
            after: how many events the client has received.
        """
        ...

    def model_list(self, names: Sequence[str]) -> Reply:
        """Return the list of the models that a caller may use."""
        ...

    def model(self, name: str) -> Reply:
        """Return the description of one model."""
        ...


@runtime_checkable
class RecognizedDialect(Dialect, Protocol):
    """A dialect whose clients are recognized by their requests: it shares paths with others, and has its own headers.

    Attributes:
        keep_alive: what is sent into a stream of events that has been silent for `timeouts.stream_comment`.
        id_header: the header of every response in which its clients look for the id of their request, in lower case.
    """

    keep_alive: bytes
    id_header: bytes

    def recognizes(self, headers: Mapping[bytes, bytes], path: str) -> bool:
        """Return whether a request comes from a client of this dialect.

        Asked for the list of models, which has one path in all dialects, and for a path that no dialect has.

        Args:
            headers: of the request, by lower-case name.
            path: as it was sent.
        """
        ...

    def model_page(self, names: Sequence[str], query: bytes) -> Reply:
        """Return the part of the list of models that a query asks for.

        Raises:
            RefusedError: the query is not valid.
        """
        ...
