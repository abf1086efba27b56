"""Send one request of a call, with what authorizes it: the key, a credential, or what the hook `auth` makes of both.

Pure but for the clock: generators of steps.

Source: docs/plugins/credentials.md; docs/reliability.md, rows R4 and R9 to R12.
"""

from __future__ import annotations

import time
from typing import Any

from llmgate_core.calls.answers import Answer, read_body, read_error
from llmgate_core.calls.credentials.fetching import credential_steps, renewal_steps
from llmgate_core.calls.credentials.store import Kept
from llmgate_core.calls.http_request import origin_problem
from llmgate_core.calls.outgoing import OutgoingCall
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.steps import Close, Send, Steps
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.contract.transport import TransportRequest
from llmgate_core.contract.upstream import Auth, UpstreamRequest, UpstreamResponse
from llmgate_core.registry.guards import guarded
from llmgate_core.registry.hook_results import of_flow, of_request
from llmgate_core.secrets import mask

__all__ = ["authorized", "send", "whole_answer"]

MAX_FLOW_REQUESTS = 10


def send(call: PreparedCall, request: UpstreamRequest, *, new_connection: bool = False) -> Steps:
    """Send `request` with what authorizes it. Returns an `Answer`.

    A credential that is refused, with 401 or as `ProviderInfo.expired_headers` says, is replaced once in a call, and
    the request is sent again.

    Args:
        call: whose request it is.
        request: its body is encoded, so that the hook `auth` may sign it.
        new_connection: do not send it on a connection that was kept.

    Raises:
        StaleConnectionError: a kept connection was closed; send the request again.
        APIConnectionError: not reached, or broken. PluginError: a hook failed, or the request goes to a host that the
            plugin does not declare. APIError: the credential could not be fetched.
    """
    credentials = call.credentials
    plugin = call.target.plugin
    if credentials is None and request.origin is None and plugin.auth is None:
        outgoing = call.builder.transport_request(request, bearer=True, new_connection=new_connection)
        return Answer((yield Send(outgoing)), plugin.header_names)
    check_origin(call, request, "transform_request" if request is call.request else "exchange")
    if credentials is None:
        return (yield from _send_once(call, request, None, new_connection))
    kept = yield from credential_steps(call, credentials)
    answer = yield from _send_once(call, request, kept, new_connection)
    if kept.credential is not None and not credentials.is_renewed and _is_expired(answer.head, plugin.info):
        yield Close()
        kept = yield from renewal_steps(call, credentials, kept)
        credentials.repeats += 1
        answer = yield from _send_once(call, request, kept, new_connection)
    answer.head.raw_headers = kept.masked(answer.head.raw_headers)
    return answer


def _is_expired(head: UpstreamResponse, info: ProviderInfo) -> bool:
    """Return whether an answer refuses the credential, so that another one may help."""
    if head.status < 400 or head.status == 401 or not info.expired_headers:
        return head.status == 401
    return any(head.headers.get(name, "").partition(":")[0] in values for name, values in info.expired_headers.items())


def whole_answer(call: PreparedCall, reader: ResultReader, request: UpstreamRequest, *, new_connection: bool) -> Steps:
    """Send a request and read its whole answer. Returns an `UpstreamResponse`.

    Raises:
        APIError: its status is 300 or above, or it is too large, late or cut short.
    """
    answer = yield from send(call, request, new_connection=new_connection)
    if answer.head.status >= 300:
        yield from read_error(call, answer)
        raise reader.error_of(answer.head)
    yield from read_body(call, answer, call.limits.body)
    return answer.head


def _send_once(call: PreparedCall, request: UpstreamRequest, kept: Kept | None, new_connection: bool) -> Steps:
    outgoing = authorized(call, request, kept, new_connection=new_connection)
    if isinstance(outgoing, TransportRequest):
        return Answer((yield Send(outgoing)), call.target.plugin.header_names)
    return (yield from _flow_steps(call, request, outgoing, new_connection))


def authorized(
    call: OutgoingCall,
    request: UpstreamRequest,
    kept: Kept | None,
    *,
    new_connection: bool = False,
    now: float | None = None,
) -> TransportRequest | Auth:
    """Return a request as it goes over the wire; of a hook `auth` of contract 1.0 the flow that yields it.

    Raises:
        PluginError: the hook failed, or the request goes to a host that the plugin does not declare.
    """
    builder, auth = call.builder, call.target.plugin.auth
    if auth is not None:
        credential = None if kept is None else kept.credential
        signed: Any = auth(builder.final_request(request), call.route, credential, time.time() if now is None else now)
        if isinstance(signed, UpstreamRequest):
            check_origin(call, signed, "auth")
            encoded = builder.encoded(signed)
            return builder.transport_request(encoded, is_bare=True, new_connection=new_connection)
        if signed is not None:
            flow: Auth = signed
            return flow
    headers = None if kept is None else kept.headers
    return builder.transport_request(request, bearer=True, headers=headers, new_connection=new_connection)


def check_origin(call: OutgoingCall, request: UpstreamRequest, hook: str) -> None:
    """Refuse a request to a host that the plugin does not declare.

    Raises:
        PluginError: as said.
    """
    problem = origin_problem(call.route, request.origin)
    if problem is not None:
        raise call.target.plugin.error(hook, mask(f"hook {hook} returned {problem}", call.secrets))


def _flow_steps(call: PreparedCall, request: UpstreamRequest, flow_of: Auth, new_connection: bool) -> Steps:
    """Do the requests of a flow of contract 1.0, of which the last is the call's own. Returns an `Answer`."""
    flow = guarded(call.target.plugin, "auth", flow_of, of_flow)(request)
    advance = guarded(call.target.plugin, "auth", flow.send, of_request, ends=True)
    outgoing = advance(None)
    for _ in range(MAX_FLOW_REQUESTS):
        check_origin(call, outgoing, "auth")
        encoded = call.builder.encoded(outgoing)
        sending = Send(call.builder.transport_request(encoded, new_connection=new_connection))
        answer = Answer((yield sending), call.target.plugin.header_names)
        if outgoing.path != request.path or answer.head.status == 401:
            yield from _read_for_auth(call, answer)
        try:
            outgoing = advance(answer.head)
        except StopIteration:
            return answer
        yield Close()
    raise call.target.plugin.error("auth", f"hook auth yielded more than {MAX_FLOW_REQUESTS} requests")


def _read_for_auth(call: PreparedCall, answer: Answer) -> Steps:
    """Read what an `auth` flow may want to see of an answer: a token, or why one was refused."""
    if answer.head.status >= 300:
        yield from read_error(call, answer)
    else:
        yield from read_body(call, answer, call.limits.error_body)
