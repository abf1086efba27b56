"""End a request that failed or was stopped: what its record, the log and the client get.

Source: rows R20, R32, R36 and S18 of docs/reliability.md.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from llmgate_core.serving import errors
from llmgate_gateway.http.early import CLOSE
from llmgate_gateway.http.errors import NEUTRAL, STOPPING, error_facts, operators_message, record_failure
from llmgate_gateway.http.request import ClientGoneError, ClientRequest
from llmgate_gateway.http.responses import ErrorFacts, RefusedError, send_reply
from llmgate_gateway.http.shortages import StorageError, shortage_of
from llmgate_gateway.telemetry.log_setup import LIMITED

__all__ = ["Failure", "end_stopped", "failure_of"]

log = logging.getLogger("llmgate.gateway")

CLIENT_CLOSED = 499  # for the log: nothing was sent
INTERNAL = ErrorFacts(500, NEUTRAL["internal"], code="internal_error")
SLOW_BODY = ErrorFacts(408, "The request's body did not arrive in time.", code="request_timeout")


class Failure(NamedTuple):
    """What the client of a request that failed gets.

    Attributes:
        close: the connection cannot be used further.
    """

    error: ErrorFacts
    close: bool = False


def failure_of(request: ClientRequest, error: BaseException) -> Failure | None:
    """Record why a request was refused or failed, and return what its client gets; None: the client has left."""
    if isinstance(error, ClientGoneError):
        _record_disconnect(request)
        return None
    if isinstance(error, RefusedError):
        request.record.error_code = error.code
        return Failure(error.error, error.close)
    return Failure(_facts_of_failure(request, error), isinstance(error, StorageError))


def _facts_of_failure(request: ClientRequest, error: BaseException) -> ErrorFacts:
    """Record and log why a request failed, and return what the client may know of it."""
    record = request.record
    shortage = shortage_of(error)
    if isinstance(error, errors.LLMGateError):
        record_failure(record, error)
    if shortage is not None:
        facts, line = shortage
        record.outcome, record.error_code = "failed", facts.code
        log.error("%s: %s", record.request_id, line, extra=LIMITED)
        return facts
    if isinstance(error, errors.LLMGateError):
        if not isinstance(error, errors.APIError) and not request.head_sent:
            log.error("%s: %s", record.request_id, operators_message(error), extra=LIMITED)
        return error_facts(error)
    record.outcome, record.error_code = "failed", INTERNAL.code
    log.error("%s: the gateway failed", record.request_id, exc_info=error)
    return INTERNAL


def _record_disconnect(request: ClientRequest) -> None:
    """Record that the client of a request has left, or that the server has answered it since it is not readable."""
    record, refusal = request.record, request.refusal
    if refusal is not None:  # it did not hang up: what it sent could not be read
        record.outcome, record.status, record.error_code = "refused", refusal.status, refusal.code
    else:
        record.outcome = "cancelled"
        record.status = record.status or CLIENT_CLOSED


async def end_stopped(request: ClientRequest) -> None:
    """End a request that was stopped from outside, with an answer where one can still be sent."""
    record, reason = request.record, request.stopped_by
    if reason == "gone":
        _record_disconnect(request)
    elif reason == "slow reader":
        record.outcome, record.error_code = "cancelled", "client_does_not_read"
        request.abort()
    elif reason == "slow body":
        record.outcome = "refused" if record.provider is None else "failed"
        record.error_code = SLOW_BODY.code
        if not request.head_sent:
            await send_reply(request.send, request.error_response(SLOW_BODY), (CLOSE,))
    elif not request.head_sent:
        record.outcome, record.error_code = "failed", STOPPING.code
        await send_reply(request.send, request.error_response(error_facts(STOPPING)), (CLOSE,))
