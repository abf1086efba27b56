"""Decide whether and when to try again: the one owner of retries.

Pure but for the deadline's clock: facts in, seconds out; it never waits.

Source: docs/reliability.md: the OpenAI SDK's statuses, `x-should-retry` and `retry-after-ms`, with full jitter and a
limit of 60 s.
"""

from __future__ import annotations

import logging
import random
import re
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError, APIError
from llmgate_core.reading.upstream_errors import complete_error

if TYPE_CHECKING:
    from llmgate_core.calls.outgoing import OutgoingCall
    from llmgate_core.contract.upstream import UpstreamRequest

__all__ = ["is_worth_retrying", "log_retry", "may_be_repeated", "requests_repeated", "wait_after", "wait_before_retry"]

log = logging.getLogger("llmgate")

FIRST_WAIT_SECONDS = 0.5
MAX_WAIT_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 60.0
NEVER_RETRIED_CODE = re.compile(
    "insufficient_(?:quota|balance|credits?|funds)|.*(?:billing|credit_balance|spend_limit|spending_limit).*"
)
"""Codes and types of an account without money: another try gets the same answer. New ones have the same words.

Source: OpenAI API reference, `insufficient_quota`, `billing_hard_limit_reached`, `credit_balance_exhausted` and the
codes that end in `_spend_limit_exceeded`.
"""


IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods of which a second request changes nothing that the first did not. Source: RFC 9110, section 9.2.2."""


def may_be_repeated(call: OutgoingCall, request: UpstreamRequest) -> bool:
    """Return whether a request of an exchange may be sent again, though the upstream may have acted on it already."""
    if request.retry is not None:
        return request.retry
    names = (*request.headers, *(call.options.passed.get("extra_headers") or ()))
    return request.method.upper() in IDEMPOTENT or any(str(name).lower() == "idempotency-key" for name in names)


def requests_repeated(call: OutgoingCall) -> int:
    """Return how many requests of a call were sent once more, since their credential had been refused."""
    return 0 if call.credentials is None else call.credentials.repeats


def wait_after(call: OutgoingCall, error: APIError, attempt: int) -> float | None:
    """Return how many seconds to wait before the next try; None: raise the error, which is complete now.

    Args:
        call: whose options and deadline decide.
        error: what the attempt ended with.
        attempt: how many requests were sent, from 1.
    """
    if call.credentials is not None and error is call.credentials.failure:
        return None  # the requests for it have been tried again already
    if error.attempts != 0:  # 0: refused before anything was sent
        error.attempts = attempt + requests_repeated(call)
    complete_error(error, call.route, call.secrets)
    return wait_before_retry(
        error,
        attempt=attempt,
        max_retries=call.options.max_retries,
        remaining_seconds=call.deadline.remaining(),
        jitter=random.random(),  # noqa: S311  # spreads retries; nothing secret
    )


def log_retry(call: OutgoingCall, error: APIError, attempt: int, wait: float) -> None:
    """Write one line about a try that failed and is repeated after `wait` seconds; no words of client or upstream."""
    what = error.status_code or error.phase or error.code or "no answer"
    tries = max(2, call.options.max_retries + 1)  # a kept connection that was closed is replaced in any case
    log.info(
        "%s at %s: try %d of %d ended with %s (%s); the next one in %.2f s",
        error.target, error.host, attempt, tries, type(error).__name__, what, wait,
    )  # fmt: skip


def wait_before_retry(
    error: APIError,
    *,
    attempt: int,
    max_retries: int,
    remaining_seconds: float | None,
    jitter: float,
) -> float | None:
    """Return how many seconds to wait before the next try; None: raise the error.

    Args:
        error: what the attempt ended with; the caller has seen nothing of an answer yet.
        attempt: how many requests were sent, from 1.
        max_retries: further tries allowed in all.
        remaining_seconds: until the call's deadline; None: no deadline.
        jitter: a random number from 0 to 1.
    """
    if attempt > max_retries or not is_worth_retrying(error):
        return None
    if error.retry_after is not None:
        if error.retry_after > MAX_RETRY_AFTER_SECONDS:
            return None
        wait = error.retry_after
    else:
        wait = jitter * min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    return None if remaining_seconds is not None and wait >= remaining_seconds else wait


def is_worth_retrying(error: APIError) -> bool:
    """Return whether another try may get another answer: by its code, the word of upstream or plugin, its status."""
    if any(NEVER_RETRIED_CODE.fullmatch(word) for word in (error.code, error.type) if word):
        return False
    if error.retry is not None:
        return error.retry
    if error.status_code is not None and error.status_code >= 300:
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, APIConnectionError) and error.phase != "total" and error.code != "tls_certificate"
