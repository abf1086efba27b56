"""A started answer, and the waits for its body: sizes, deadlines, and what an error's body may cost.

Pure but for the clock: generators of steps.

Source: docs/reliability.md, rows R4 and R9 to R12.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llmgate_core.calls.answer_headers import in_our_names
from llmgate_core.calls.steps import Close, Read, Steps
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import APIConnectionError, APIError, APIResponseValidationError, StreamTruncatedError

if TYPE_CHECKING:
    from llmgate_core.calls.outgoing import OutgoingCall

__all__ = ["Answer", "connection_error", "read_body", "read_error"]

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


def read_body(call: OutgoingCall, answer: Answer, limit: int) -> Steps:
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


def _read_blocks(call: OutgoingCall, answer: Answer, limit: int) -> Steps:
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


def read_error(call: OutgoingCall, answer: Answer) -> Steps:
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
