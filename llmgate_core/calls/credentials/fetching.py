"""The credential of a call: the kept one, or one that is fetched once for all calls that wait for it.

Pure but for the clock: generators of steps.

Source: docs/plugins/credentials.md; docs/reliability.md, rows R4, R11 and R14.
"""

from __future__ import annotations

import time
from contextlib import suppress
from copy import copy
from typing import Any

from llmgate_core.calls.answers import Answer, read_body, read_error
from llmgate_core.calls.credentials.blocking import Outcome, outcome_steps
from llmgate_core.calls.credentials.store import CallCredentials, CredentialFlight, Kept, checked_credential
from llmgate_core.calls.http_request import origin_problem
from llmgate_core.calls.outgoing import OutgoingCall
from llmgate_core.calls.steps import AwaitFlight, Send, Steps
from llmgate_core.calls.tries import Try, with_retries
from llmgate_core.contract.credential import Blocking, Credential
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import APIError, LLMGateError, without_frames
from llmgate_core.reading.upstream_errors import complete_error, error_of_status
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.registry.hook_results import of_request
from llmgate_core.secrets import SecretFinder

__all__ = ["credential_steps", "renewal_steps"]

HOOK = "credentials"
PHASE = "credentials"
LONGEST_FLIGHT_SECONDS = 120.0
"""For so long others wait for a fetch, if its call has no earlier deadline: its event loop may never run again."""
MAX_REQUESTS = 10
"""Those of one fetch, and the functions that are called for it."""
MAX_TOKEN_BYTES = 1024 * 1024
NAMES_NO_VALUE = (LookupError, TypeError, AttributeError)
"""Exceptions whose message names a field or a type. That of another one may show the token."""


def credential_steps(call: OutgoingCall, credentials: CallCredentials) -> Steps:
    """Return the `Kept` credential of a call; fetch it first unless a fresh one is kept.

    Raises:
        APIError: it could not be fetched; every call that waited for it gets an error of its own. APITimeoutError: the
            call's deadline ended. PluginError: the hook failed.
    """
    store, key = credentials.store, credentials.key
    while (kept := store.kept(key)) is None:
        own = CredentialFlight(_end_of_wait(call))
        flight = store.join(key, own)
        if flight is not own:
            kept = yield from _follower_steps(call, credentials, flight)
        elif (kept := store.kept(key)) is None:
            kept = yield from _leader_steps(call, credentials, own)
        else:
            store.end(key, own, kept)  # another one had just ended
        if kept is not None:
            break
    return credentials.use(kept)


def renewal_steps(call: OutgoingCall, credentials: CallCredentials, refused: Kept) -> Steps:
    """Return another credential after one was refused. Another call may have fetched it already.

    Raises:
        LLMGateError: as `credential_steps`.
    """
    credentials.is_renewed = True
    credentials.store.drop(credentials.key, refused)
    return (yield from credential_steps(call, credentials))


def _end_of_wait(call: OutgoingCall) -> float:
    ends = call.deadline.moment(LONGEST_FLIGHT_SECONDS)
    return time.monotonic() + LONGEST_FLIGHT_SECONDS if ends is None else ends


def _leader_steps(call: OutgoingCall, credentials: CallCredentials, flight: CredentialFlight) -> Steps:
    """Fetch it for all. If this call is cancelled or its time is up, one of those that wait fetches it instead."""
    store, key = credentials.store, credentials.key
    outcome: Kept | LLMGateError | None = None
    try:
        kept: Kept = yield from _fetch(call, credentials)
        store.put(key, kept)
        outcome = kept
        return kept
    except LLMGateError as error:
        failure = _told(call, credentials, error)
        if getattr(failure, "phase", None) != "total":
            outcome = failure
        raise
    finally:
        store.end(key, flight, outcome)


def _follower_steps(call: OutgoingCall, credentials: CallCredentials, flight: CredentialFlight) -> Steps:
    """Wait for another call's fetch. Returns None if this call should look again.

    Raises:
        LLMGateError: what the fetch failed with. APITimeoutError: the call's deadline ended.
    """
    try:
        yield AwaitFlight(flight, call.deadline.wait(max(0.0, flight.ends - time.monotonic())))
    except TimeoutError:
        if time.monotonic() < flight.ends or call.deadline.remaining() == 0.0:
            raise _told(call, credentials, call.deadline.error("total")) from None
        credentials.store.end(credentials.key, flight, None)  # its call is lost
        return None
    outcome = flight.outcome
    if not isinstance(outcome, LLMGateError):
        return outcome
    credentials.failure = failure = copy(outcome)
    if isinstance(failure, APIError):
        failure.model = call.route.model or None
    raise failure


def _told(call: OutgoingCall, credentials: CallCredentials, error: LLMGateError) -> LLMGateError:
    """Note why there is no credential, so that the call is not tried again, and make the error say so."""
    credentials.failure = error
    if isinstance(error, APIError):
        error.message = f"the credential could not be fetched: {error.message}"
        error.phase = PHASE if error.phase != "total" else error.phase
        error.code = error.code or "credential_not_fetched"
        complete_error(error, call.route, call.secrets)
        without_frames(error)
    return error


def _fetch(call: OutgoingCall, credentials: CallCredentials) -> Steps:
    """Do the requests of the hook `credentials`. Returns a `Kept`."""
    plugin, now = credentials.plugin, credentials.store.now
    hook: Any = plugin.credentials
    steps = hook(credentials.route)
    asked, answer, sent = now(), None, 0
    if steps is None:
        return credentials.kept_as(None, asked)
    try:
        while True:
            request = _next_request(plugin, credentials, steps, answer)
            if isinstance(request, Credential):
                return credentials.kept_as(request, asked)
            sent += 1
            if sent > MAX_REQUESTS:
                raise plugin.error(HOOK, f"hook credentials yielded more than {MAX_REQUESTS} requests")
            asked = now()
            if isinstance(request, Blocking):
                answer = yield from _blocking_steps(call, plugin, request)
                continue
            once = _try_of(call, request)
            answer = yield from with_retries(call, request, once, is_repeatable=request.retry is not False)
    finally:
        with suppress(Exception):  # a generator that yields when it is closed, for example
            steps.close()


def _blocking_steps(call: OutgoingCall, plugin: BoundPlugin, blocking: Blocking) -> Steps:
    """Return what a function returns that is called in a thread.

    Raises:
        APITimeoutError: not before the call's deadline. LLMGateError: the function raised it. PluginError: it failed.
    """
    try:
        outcome: Outcome = yield from outcome_steps(blocking.function, call.deadline.wait(LONGEST_FLIGHT_SECONDS))
    except TimeoutError:
        if call.deadline.remaining() == 0.0:
            raise call.deadline.error("total") from None
        message = f"hook credentials called a function that took longer than {LONGEST_FLIGHT_SECONDS:g} s"
        raise plugin.error(HOOK, message) from None
    if outcome.error is None:
        return outcome.value
    if isinstance(outcome.error, LLMGateError):
        raise outcome.error
    raise plugin.error(HOOK, f"hook credentials called a function that raised {_said_of(outcome.error)}")


def _next_request(
    plugin: BoundPlugin, credentials: CallCredentials, steps: Any, answer: Any
) -> UpstreamRequest | Blocking | Credential:
    """Return the next request or function of the hook, or the credential that it ends with.

    Raises:
        PluginError: the hook raised, or returned something else. APIResponseValidationError: the answer is not JSON.
    """
    try:
        value = steps.send(answer)
    except StopIteration as end:
        return checked_credential(plugin, end.value)
    except LLMGateError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin may raise anything
        message = f"hook credentials raised {_said_of(error)}"
    else:
        if isinstance(value, Blocking):
            return value
        problem = of_request(value) or origin_problem(credentials.route, value.origin)
        if problem is None:
            request: UpstreamRequest = value
            return request
        message = f"hook credentials yielded {problem}"
    raise plugin.error(HOOK, SecretFinder(credentials.route.all_secrets).mask(message))


def _said_of(error: BaseException) -> str:
    said = f": {error}" if isinstance(error, NAMES_NO_VALUE) else " (its message is not shown: it may be a secret)"
    return f"{type(error).__name__}{said}"


def _try_of(call: OutgoingCall, request: UpstreamRequest) -> Try:
    encoded = call.builder.encoded(request)

    def once(_: int, new_connection: bool) -> Steps:
        outgoing = call.builder.transport_request(encoded, is_bare=True, new_connection=new_connection)
        answer = Answer((yield Send(outgoing)), call.target.plugin.header_names)
        if answer.head.status >= 300:
            yield from read_error(call, answer)
            raise error_of_status(answer.head, call.secrets)
        yield from read_body(call, answer, min(call.limits.body, MAX_TOKEN_BYTES))
        return answer.head

    return once
