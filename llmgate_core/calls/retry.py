"""Decide whether and when to try again: the one owner of retries.

Pure: facts in, seconds out; it neither waits nor reads the clock.

Source: the rules of DESIGN section 8 as written down in docs/architecture.md, after the official
SDK's (statuses, `x-should-retry`, `retry-after-ms`), with full jitter and a 60 s cap.
"""

from __future__ import annotations

from llmgate_core.errors import APIConnectionError, APIError

__all__ = ["wait_before_retry"]

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 8.0
LONGEST_ASKED_WAIT_SECONDS = 60.0
NEVER_RETRIED_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def wait_before_retry(
    error: APIError,
    *,
    attempt: int,
    max_retries: int,
    should_retry: str | None,
    remaining_seconds: float | None,
    jitter: float,
) -> float | None:
    """Return how long to wait before the next try, None: raise the error.

    Args:
        error: what the attempt ended with; nothing of an answer was handed out yet.
        attempt: how many requests were sent, from 1.
        max_retries: further tries allowed in all.
        should_retry: the `x-should-retry` header, if any.
        remaining_seconds: until the call's deadline; None: no deadline.
        jitter: a random number from 0 to 1.
    """
    if attempt > max_retries or not _may_pass(error, should_retry):
        return None
    if error.retry_after is not None:
        if error.retry_after > LONGEST_ASKED_WAIT_SECONDS:
            return None
        wait = error.retry_after
    else:
        wait = jitter * min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    return None if remaining_seconds is not None and wait >= remaining_seconds else wait


def _may_pass(error: APIError, should_retry: str | None) -> bool:
    if error.code in NEVER_RETRIED_CODES or error.type in NEVER_RETRIED_CODES:
        return False
    if should_retry in ("true", "false"):
        return should_retry == "true"
    if error.status_code is not None and error.status_code >= 300:
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, APIConnectionError) and error.phase != "total" and error.code != "tls_certificate"
