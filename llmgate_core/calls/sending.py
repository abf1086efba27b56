"""Send one request of a call, authorized by the plugin's `auth` hook or with the key.

Pure but for the clock: generators of steps.

Source: docs/reliability.md, rows R4 and R9 to R12.
"""

from __future__ import annotations

import time

from llmgate_core.calls.answers import Answer, read_body, read_error
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.steps import Close, Send, Steps
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.registry.hook_results import of_flow, of_request
from llmgate_core.registry.hooks import guarded

__all__ = ["send"]


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
