"""Try a request until it succeeds or may not be tried again: a generator of steps.

What may be tried again, and when, is decided in `retry.py`.

Source: docs/reliability.md, rows R14 and R15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmgate_core.calls.answers import connection_error
from llmgate_core.calls.retry import log_retry, wait_after
from llmgate_core.calls.steps import Sleep, Steps
from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import complete_error

if TYPE_CHECKING:
    from llmgate_core.calls.outgoing import OutgoingCall

__all__ = ["Try", "with_retries"]

Try = Callable[[int, bool], Steps]
"""One try of a request: its number, from 1, and whether it needs a new connection."""


def with_retries(call: OutgoingCall, try_once: Try) -> Steps:
    """Try a request until it succeeds or may not be tried again.

    A kept connection that turned out to be closed is replaced at once. That replay counts as one of the tries; where
    no retries are allowed there may be one all the same, as nothing shows that the upstream saw the first.
    """
    attempt, new_connection = 0, False
    while True:
        attempt += 1
        try:
            return (yield from try_once(attempt, new_connection))
        except StaleConnectionError as stale:
            failure = connection_error(stale)
            if attempt <= max(1, call.options.max_retries):
                new_connection = True
                complete_error(failure, call.route, call.secrets)
                log_retry(call, failure, attempt, 0.0)
                continue
        except APIError as error:
            failure = error
        wait = wait_after(call, failure, attempt)
        if wait is None:
            try:
                raise failure
            finally:
                del failure
        log_retry(call, failure, attempt, wait)
        yield Sleep(wait)
