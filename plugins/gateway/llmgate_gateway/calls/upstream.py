"""Make the call of one request and hand its answer on: bytes in, bytes out.

The head waits for the upstream's first event, so that an error before it has its own status. What the
client does not read in time is not read from the upstream either. Who hangs up, in whatever phase, hangs
up the upstream.

Source: rows R1, R3 to R5 and R13 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import islice
from typing import Any

from llmgate_core import AsyncStream
from llmgate_core.serving import FAMILIES, CallRecord, Relayed, error_tail, errors
from llmgate_gateway.calls.deployments import Selection
from llmgate_gateway.http.errors import STOPPING, note_failure, public_error
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RawHeaders, is_clean, ledger_header, may_pass, passed_headers, send_body
from llmgate_gateway.http.routes import Route
from llmgate_gateway.telemetry.content_log import ContentLog
from llmgate_gateway.telemetry.key_leaks import KeyPieces

__all__ = ["relay"]

log = logging.getLogger("llmgate.gateway")
SHOWN_ARGUMENTS = ("api_key", "api_base", "organization", "project", "timeout", "max_retries", "param_policy")
SHOWN_PARAMETERS = 50
EVENTS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
)
TEXT_TYPES: Mapping[str, bytes] = {
    "text": b"text/plain; charset=utf-8",
    "srt": b"text/plain; charset=utf-8",
    "vtt": b"text/vtt; charset=utf-8",
}


async def relay(
    request: ClientRequest,
    route: Route,
    binding: Selection,
    body: dict[str, Any],
    *,
    content: bytes | None,
    organization: str | None,
) -> None:
    """Call the upstream and answer the client.

    Raises:
        LLMGateError: the call failed, and nothing has been sent to the client.
    """
    bound, record = binding.bound, request.record
    record.deployment, record.model = bound.label, binding.target.model or None
    record.provider, record.plugin = binding.target.plugin.info.name, binding.target.plugin.distribution
    request.extra_headers += binding.headers
    arguments = bound.call_arguments(body, traceparent=record.traceparent, organization=organization)
    operation = FAMILIES[route.family].operations[route.operation]
    request.watch()
    record.outcome = "failed"
    if log.isEnabledFor(logging.DEBUG):
        _show(route, binding, arguments, body)
    kept = ContentLog(record, body, bound.secrets) if bound.logs_content else None
    try:
        answer = await bound.client.relay(
            route.family, binding.model, body, content=content, operation=route.operation, **arguments
        )
        if isinstance(answer, AsyncStream):
            is_events = not operation.is_binary or _asks(body, operation.events_when)
            await _hand_on(request, route, answer, bound.secrets, is_events=is_events, kept=kept)
        else:
            if kept is not None:
                kept.add(answer.content)
                kept.end(is_text=True)
            text = operation.text_when
            kind = TEXT_TYPES.get(str(body.get(text[0]))) if text is not None else None
            await _answer(request, answer, kind or _kind(answer.content_type), bound.secrets)
    except errors.LLMGateError as error:
        note_failure(record, error)
        raise
    finally:
        if request.stopped_by is None and record.outcome != "refused":  # else it says nothing of the upstream
            bound.outcome, bound.error_code = record.outcome, record.error_code


def _show(route: Route, binding: Selection, arguments: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Show an outgoing call, without content; keys and headers show themselves as `***` or by name only."""
    own = {name: value for name, value in arguments.items() if name in SHOWN_ARGUMENTS}
    headers = sorted(arguments.get("extra_headers") or ())
    shown = ", ".join(f"{name}={value!r}" for name, value in own.items())
    log.debug(
        "calling %s.%s: model=%r, %s, extra_headers=%s, parameters=%s",
        route.family,
        route.operation,
        binding.model,
        shown,
        headers,
        [name[:80] for name in islice(body, SHOWN_PARAMETERS)],
    )


async def _answer(request: ClientRequest, answer: Relayed, kind: bytes, secrets: KeyPieces) -> None:
    """Send a whole answer."""
    record, content = request.record, answer.content
    record.upstream_status = answer.status
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(content))]
    headers += passed_headers(answer.headers, secrets)
    _note_end(request, answer.record)
    headers += _own_headers(request, answer.record, secrets)
    if record.cost is not None:
        headers.append((b"x-llmgate-cost", b"%.10f" % record.cost))
    record.outcome = "finished"
    await request.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send_body(request.send, content)


async def _hand_on(
    request: ClientRequest,
    route: Route,
    stream: AsyncStream[bytes],
    secrets: KeyPieces,
    *,
    is_events: bool,
    kept: ContentLog | None,
) -> None:
    """Send a stream as it comes, and an end that says how it ended."""
    record, call = request.record, stream.record
    record.stream = is_events
    upstream: Mapping[str, str] = call.headers or {}
    headers: list[tuple[bytes, bytes]] = list(EVENTS) if is_events else _kind_headers(upstream)
    headers += passed_headers(upstream, secrets)
    headers += _own_headers(request, call, secrets)
    try:
        await request.send({"type": "http.response.start", "status": 200, "headers": headers})
        async for block in stream:
            record.events += 1
            if kept is not None:
                kept.add(block)
            await request.send({"type": "http.response.body", "body": block, "more_body": True})
        record.outcome = "finished"
    except errors.LLMGateError as error:
        note_failure(record, error)
        is_reported = isinstance(error, errors.APIError) and error.is_reported
        await _fail(
            request, route, public_error(error), events=call.events if is_events else None, is_reported=is_reported
        )
        return
    except asyncio.CancelledError:
        if request.stopped_by != "shutdown" or not request.was_stopped():
            raise
        record.outcome, record.error_code = "failed", "shutdown"
        await stream.aclose()
        await _fail(request, route, STOPPING, events=call.events if is_events else None)
        return
    finally:
        await stream.aclose()
        if kept is not None:
            kept.end(is_text=is_events)
        record.ledger = tuple(dict.fromkeys((*record.ledger, *call.ledger)))  # reading may have lost more
        _note_end(request, call)
    await request.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _fail(
    request: ClientRequest, route: Route, error: errors.APIError, *, events: int | None, is_reported: bool = False
) -> None:
    """End a stream that broke: events say why; of other bytes the end is left out, which says that they are cut."""
    if events is not None:
        tail = b"" if is_reported else error_tail(FAMILIES[route.family], error, after=events)
        await request.send({"type": "http.response.body", "body": tail, "more_body": False})


def _note_end(request: ClientRequest, call: CallRecord) -> None:
    record = request.record
    record.usage = call.usage
    if call.usage is not None:
        cost = call.cost_of(call.usage, call.tier)
        record.cost = None if cost is None else float(cost)


def _own_headers(request: ClientRequest, call: CallRecord, secrets: KeyPieces) -> RawHeaders:
    record, theirs = request.record, call.request_id
    record.upstream_request_id = theirs if theirs and may_pass(theirs, secrets) else None
    headers = [(b"x-request-id", (record.upstream_request_id or record.request_id).encode("ascii"))]
    if ledger := (*record.ledger, *call.ledger):
        record.ledger = ledger
        headers.append((b"x-llmgate-ledger", ledger_header(ledger)))
    if call.attempts > 1:
        headers.append((b"x-should-retry", b"false"))
    return headers


def _kind(text: str) -> bytes:
    return text.encode("ascii") if is_clean(text) else b"application/octet-stream"


def _kind_headers(upstream: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", _kind(upstream.get("content-type", "application/octet-stream")))]
    length = upstream.get("content-length", "")
    if length.isdigit() and length.isascii() and "content-encoding" not in upstream:
        headers.append((b"content-length", length.encode()))
    return headers


def _asks(body: Mapping[str, Any], when: tuple[str, str] | None) -> bool:
    return when is not None and body.get(when[0]) == when[1]
