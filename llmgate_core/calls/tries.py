"""Try a request until it succeeds or may not be tried again: a generator of steps.

What may be tried again, and when, is decided in `retry.py`.

Source: docs/reliability.md, rows R14, R15 and R26.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmgate_core.calls.answers import connection_error
from llmgate_core.calls.retry import log_retry, wait_after
from llmgate_core.calls.steps import Sleep, Steps
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import complete_error, host_in

if TYPE_CHECKING:
    from llmgate_core.calls.outgoing import OutgoingCall
    from llmgate_core.contract.upstream import UpstreamRequest

__all__ = ["Try", "with_retries"]

Try = Callable[[int, bool], Steps]
"""One try of a request: its number, from 1, and whether it needs a new connection."""

NOT_SENT = frozenset({"connect", "pool"})
"""Phases of an error in which no byte of a request has left: there was no connection yet."""


def with_retries(call: OutgoingCall, request: UpstreamRequest, try_once: Try, *, is_repeatable: bool = True) -> Steps:
    """Try a request until it succeeds or may not be tried again.

    A kept connection that turned out to be closed is replaced at once. That replay counts as one of the tries; where
    no retries are allowed there may be one all the same, as nothing shows that the upstream saw the first.

    A request that is not repeatable goes out on a new connection from the start, since one that was kept may break
    when the upstream has the request already; and it is tried again only where no connection could be made. The error
    then says so to callers who would repeat the whole call.
    """
    attempt, new_connection = 0, not is_repeatable
    while True:
        attempt += 1
        is_replaced = False
        try:
            return (yield from try_once(attempt, new_connection))
        except StaleConnectionError as stale:
            failure = connection_error(stale)
            is_replaced = is_repeatable and attempt <= max(1, call.options.max_retries)
        except APIError as error:
            failure = error
        if request.origin is not None:
            failure.host = failure.host or host_in(request.origin)
        if is_replaced:
            new_connection = True
            complete_error(failure, call.route, call.secrets)
            log_retry(call, failure, attempt, 0.0)
            continue
        if not is_repeatable and failure.phase not in NOT_SENT and failure.attempts != 0:  # 0: refused before
            failure.retry = False
        wait = wait_after(call, failure, attempt)
        if wait is None:
            try:
                raise failure
            finally:
                del failure
        log_retry(call, failure, attempt, wait)
        yield Sleep(wait)
