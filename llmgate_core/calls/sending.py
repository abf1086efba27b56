"""Send one request and read a whole answer: authorization, sizes, and the waits for a body.

Pure but for the clock: generators of steps.

Source: docs/reliability.md, rows R4 and R9 to R12.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from llmgate_core.calls.answer_headers import in_our_names
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.steps import Close, Read, Send, Steps
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.contract.upstream import UpstreamRequest, UpstreamResponse
from llmgate_core.errors import APIConnectionError, APIError, APIResponseValidationError, StreamTruncatedError
from llmgate_core.registry.hook_results import of_flow, of_request
from llmgate_core.registry.hooks import guarded

__all__ = ["Answer", "connection_error", "read_body", "read_error", "send"]

ERROR_BODY_SECONDS = 5.0  # an error's message is not worth a long wait


class Answer:
    """A started answer.

    Args:
        response: the transport's.
        names: the upstream's names of headers that have another name here.

    Attributes:
        head: status and headers; its content once it was read.
        is_read: the content has been read.
    """

    __slots__ = ("_take_whole", "head", "is_read")

    def __init__(self, response: Any, names: Mapping[bytes, bytes]) -> None:
        headers = in_our_names(response.raw_headers, names) if names else response.raw_headers
        self.head = UpstreamResponse(response.status, headers, b"")
        self.is_read = False
        self._take_whole: Callable[[], bytes | None] | None = getattr(response, "take_whole", None)

    def take_whole(self) -> bytes | None:
        """Return the body if it came together with the head; None: it has to be read."""
        return None if self._take_whole is None else self._take_whole()


def send(call: PreparedCall, request: UpstreamRequest, *, new_connection: bool = False) -> Steps:
    """Send `request`, authorized by the plugin's `auth` flow or with the key as a bearer token. Returns an `Answer`.

    Args:
        call: whose request it is.
        request: its body is encoded, so that an `auth` flow may sign it.
        new_connection: do not send it on a connection that was kept.

    Raises:
        StaleConnectionError: a kept connection was closed; send the request again.
        APIConnectionError: not reached, or broken. PluginError: the `auth` flow failed.
    """
    build, auth, names = call.builder.transport_request, call.target.plugin.auth, call.target.plugin.header_names
    flow_of = auth(request, call.route, None, time.time()) if auth is not None else None
    if flow_of is None:
        return Answer((yield Send(build(request, bearer=True, new_connection=new_connection))), names)
    if isinstance(flow_of, UpstreamRequest):
        return Answer((yield Send(build(flow_of, new_connection=new_connection))), names)
    flow = guarded(call.target.plugin, "auth", flow_of, of_flow)(request)
    advance = guarded(call.target.plugin, "auth", flow.send, of_request, ends=True)
    outgoing = advance(None)
    while True:
        encoded = call.builder.encoded(outgoing)
        answer = Answer((yield Send(build(encoded, new_connection=new_connection))), names)
        if outgoing.path != request.path or answer.head.status == 401:
            yield from _read_for_auth(call, answer)
        try:
            outgoing = advance(answer.head)
        except StopIteration:
            return answer
        yield Close()


def _read_for_auth(call: PreparedCall, answer: Answer) -> Steps:
    """Read what an `auth` flow may want to see of an answer: a token, or why one was refused."""
    if answer.head.status >= 300:
        yield from read_error(call, answer)
    else:
        yield from read_body(call, answer, call.limits.error_body)


def read_body(call: PreparedCall, answer: Answer, limit: int) -> Steps:
    """Read the rest of a body of at most `limit` bytes into `answer.head`, unless it is there already.

    Raises:
        APIResponseValidationError: it is larger. APITimeoutError: nothing came in time.
        StreamTruncatedError: it ended early.
    """
    if answer.is_read:
        return
    content = answer.take_whole()
    if content is None:
        content = yield from _read_blocks(call, answer, limit)
    elif len(content) > limit:
        raise _too_large(answer.head, limit)
    answer.is_read = True
    answer.head.content = content


def _read_blocks(call: PreparedCall, answer: Answer, limit: int) -> Steps:
    """Read what follows the head, block by block, and return it."""
    deadline, size, blocks = call.deadline, 0, []
    try:
        while block := (yield Read(deadline.wait(deadline.timeouts.idle))):
            size += len(block)
            if size > limit:
                raise _too_large(answer.head, limit)
            blocks.append(block)
    except TimeoutError:
        raise deadline.error("idle") from None
    except APIConnectionError as cut:
        raise StreamTruncatedError(cut.message, code=cut.code, phase="body") from None
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def read_error(call: PreparedCall, answer: Answer) -> Steps:
    """Read the start of an error's body into `answer.head`; that it breaks off or never ends is not another error."""
    if answer.is_read:
        return
    limit, size, blocks = call.limits.error_body, 0, []
    ends = time.monotonic() + ERROR_BODY_SECONDS
    try:
        while size < limit:
            block = yield Read(call.deadline.wait(max(0.0, ends - time.monotonic())))
            if not block:
                break
            size += len(block)
            blocks.append(block)
    except (TimeoutError, APIError):
        pass  # what came so far says enough
    yield Close()
    answer.is_read = True
    answer.head.content = b"".join(blocks)[:limit]


def connection_error(stale: StaleConnectionError) -> APIError:
    """Return the error of a connection that was closed, for a request that is not sent again."""
    cause = stale.__cause__
    return cause if isinstance(cause, APIError) else APIConnectionError("the connection was closed", code="closed")


def _too_large(head: UpstreamResponse, limit: int) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"HTTP {head.status}: the answer is larger than {limit} bytes (Limits.body)",
        status_code=head.status,
        request_id=head.headers.get("x-request-id"),
    )
