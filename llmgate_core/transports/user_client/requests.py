"""A request as an HTTP client takes it, and what the client reports of its connection. For both kinds of client."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import APIError
from llmgate_core.transports.http_syntax import encoded_headers, peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.errors import LLMGateError
    from llmgate_core.transports.async_upload import AsyncUpload
    from llmgate_core.transports.sync_upload import Upload

__all__ = ["ConnectionTrace", "build_request", "end_of", "raw_headers_of", "send_options_of", "waits_of"]

OF_THE_CONNECTION = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding"})


class DeadConnectionError(Exception):
    """Stops a client that has taken a connection which must not be used, before a byte is sent on it."""


class ConnectionTrace:
    """Which connection the client takes for one request, as httpx's `trace` extension reports it.

    Attributes:
        on_stream: receives each stream of bytes that the client opens, before anything is read from it.
        on_head: is called when the client begins to read the head of the answer.
        was_kept: it took one that had been used before.
        was_refused: that one was refused, before a byte was sent; whatever the client raised then means no more.
    """

    def __init__(self, *, refuses_kept: bool) -> None:
        self._refuses_kept = refuses_kept
        self.on_stream: Callable[[Any], object] | None = None
        self.on_head: Callable[[], object] | None = None
        self._is_new = False
        self.was_kept = False
        self.was_refused = False

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Note one step of the client.

        Raises:
            DeadConnectionError: it is about to send on a kept connection, which was refused.
        """
        if name.endswith(".connect_tcp.started"):
            self._is_new = True
        elif self.on_stream is not None and name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.on_stream(info["return_value"])
        elif self.on_head is not None and name.endswith(".receive_response_headers.started"):
            self.on_head()
        elif name.endswith(".send_request_headers.started") and not self._is_new:
            self.was_kept = True
            if self._refuses_kept:
                self.was_refused = True
                raise DeadConnectionError

    async def atrace(self, name: str, info: dict[str, Any]) -> None:
        """Do the same for an asynchronous client."""
        self.trace(name, info)

    def was_stale(self, failure: LLMGateError) -> bool:
        """Return whether the upstream closed a kept connection just as we sent."""
        return self.was_kept and isinstance(failure, APIError) and failure.code in ("closed", "reset")


def build_request(
    build: Callable[..., Any],
    request: TransportRequest,
    waits: dict[str, float | None],
    trace: Any,
    upload: Upload | AsyncUpload | None,
) -> Any:
    """Return the client's own request; `build` is its `build_request`.

    Raises:
        BadRequestError: a header that cannot be sent. Otherwise whatever the client raises for a bad URL.
    """
    headers = encoded_headers(request.headers)
    names = {name.lower() for name, _ in headers}
    if b"accept-encoding" not in names:
        headers.append((b"accept-encoding", b"identity"))
    if upload is not None:
        headers.append((b"content-length", b"%d" % upload.left))
    outgoing = build(
        request.method,
        f"{request.origin.scheme}://{peer(request.origin)}{request.target}",
        headers=headers,
        content=upload or request.content or None,
        extensions={"timeout": waits, "trace": trace},
    )
    if "cookie" in outgoing.headers and b"cookie" not in names:
        del outgoing.headers["cookie"]  # from the client's jar: what one call received is not for another
    if request.is_elsewhere:
        _take_out_own(outgoing, names | OF_THE_CONNECTION, request.target)
    return outgoing


def _take_out_own(outgoing: Any, kept: AbstractSet[bytes], target: str) -> None:
    """Remove the headers and the query that a client adds to each of its requests: they were meant for another host."""
    for name in [name for name in outgoing.headers if name.lower().encode("latin-1") not in kept]:
        del outgoing.headers[name]
    outgoing.url = outgoing.url.copy_with(raw_path=target.encode("ascii"))


def send_options_of(client: Any, *, is_elsewhere: bool = False) -> dict[str, Any]:
    """Return the keyword arguments for the client's `send`, as far as it takes them."""
    options: dict[str, Any] = {"stream": True, "follow_redirects": False}
    if is_elsewhere or getattr(client, "auth", None) is None:
        options["auth"] = None  # so that nothing replaces our authorization; a client's own auth is meant to
    parameters = inspect.signature(client.send).parameters
    return {name: value for name, value in options.items() if name in parameters}


def waits_of(request: TransportRequest) -> dict[str, float | None]:
    """Return the client's timeouts up to the head of the answer."""
    deadline, timeouts = request.deadline, request.deadline.timeouts
    head = deadline.wait(timeouts.first_event)
    return {
        "connect": deadline.wait(timeouts.connect),
        "pool": deadline.wait(timeouts.pool),
        "read": head,
        "write": head if isinstance(request.content, bytes) else deadline.wait(timeouts.idle),
    }


def raw_headers_of(response: Any) -> Sequence[tuple[bytes, bytes]]:
    """Return the headers as they came, or as near to that as the client's answer allows."""
    raw = getattr(response.headers, "raw", None)
    if raw is not None:
        return list(raw)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]


def end_of(failure: Exception | None) -> bytes:
    """Return `b""` for an answer that is complete, and raise the failure of one that is not."""
    if failure is not None:
        raise failure
    return b""
