"""Call the upstream that was selected, and return its answer unsent: the last handler of every call.

A stream is returned once its first event is there, so that an error before it keeps its own status. The upstream is
closed when the request ends.

Source: rows R1, R3 to R5 and R13 of docs/reliability.md.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from itertools import islice
from typing import Any

from llmgate_core import AsyncStream
from llmgate_core.serving import FAMILIES, CallRecord, Operation, Relayed, errors, short_values
from llmgate_gateway.calls.contract import Answer, GatewayCall
from llmgate_gateway.calls.deployments import Deployments
from llmgate_gateway.calls.live_deployment import LiveDeployment
from llmgate_gateway.calls.stream_usage import ASKED, lacks_usage, refuses_usage, with_usage, without_usage
from llmgate_gateway.http.errors import STOPPING, outcome_of
from llmgate_gateway.http.large_work import LARGE_BYTES
from llmgate_gateway.http.responses import (
    ATTACHMENT,
    JSON_TYPE,
    is_clean,
    ledger_header,
    may_pass,
    passed_headers,
    passed_raw_headers,
)
from llmgate_gateway.telemetry.content_log import ContentLog
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector
from llmgate_gateway.telemetry.upstream_text import shown_text

__all__ = ["call_upstream"]

log = logging.getLogger("llmgate.gateway")
SHOWN_ARGUMENTS = ("api_key", "api_base", "organization", "project", "timeout", "max_retries", "param_policy")
MAX_SHOWN_PARAMETERS = 50
EVENT_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
)
JSON = "application/json"
TEXT_TYPES: Mapping[str, bytes] = {
    "text": b"text/plain; charset=utf-8",
    "srt": b"text/plain; charset=utf-8",
    "vtt": b"text/vtt; charset=utf-8",
}


async def call_upstream(call: GatewayCall, *, deployments: Deployments, keeps_body: bool) -> Answer:
    """Send a call to the deployment that serves it.

    Args:
        call: what to send.
        deployments: of the config; one of them is selected.
        keeps_body: the call may be sent again, by a middleware; else of a large body only short values are kept.

    Raises:
        RefusedError: no deployment serves it. LLMGateError: the call failed.
    """
    selection = deployments.select(call)
    deployment, record, target = selection.deployment, call.record, selection.target
    record.deployment, record.model = deployment.label, target.model or None
    record.provider, record.plugin = target.plugin.info.name, target.plugin.distribution
    call.reply_headers += selection.headers
    if target.family != call.family:
        call.leave_own_api()
    asks_usage = deployment.may_ask_usage(is_large=call.size > LARGE_BYTES) and lacks_usage(call.family, call.body)
    arguments = deployment.call_arguments(call.body, traceparent=record.traceparent, organization=call.organization)
    if call.own_api is not None:
        configured = arguments.get("extra_headers", deployment.extra_headers)
        arguments["extra_headers"] = {**call.own_api.headers, **configured}
    if log.isEnabledFor(logging.DEBUG):
        _show(call, selection.model, {**deployment.arguments, **arguments})
    content_log = ContentLog(record, call.body, deployment.key_leaks) if deployment.logs_content else None
    try:
        if asks_usage:
            answer, asks_usage = await _relay_with_usage(call, deployment, selection.model, arguments)
        else:
            answer = await _relay(call, deployment, selection.model, arguments, keeps_body=keeps_body)
    except errors.LLMGateError as error:
        deployment.record_outcome(*outcome_of(error))
        if (text := shown_text(error, call.body)) is not None:
            record.extra["upstream_text"] = text
        raise
    operation = FAMILIES[call.family].operations[call.operation]
    if isinstance(answer, AsyncStream):
        return _stream(call, deployment, answer, operation, content_log, hides_usage=asks_usage)
    return _whole(call, deployment, answer, operation, content_log)


async def _relay_with_usage(
    call: GatewayCall, deployment: LiveDeployment, model: str, arguments: dict[str, Any]
) -> tuple[Relayed | AsyncStream[bytes], bool]:
    """Pass a stream on that asks for its usage; without asking if the upstream does not know how.

    Returns:
        The answer, and whether the usage was asked for.
    """
    body, content = with_usage(call.body, call.content)
    try:
        answer = await _relay_body(call, deployment, model, arguments, body, content)
    except errors.LLMGateError as error:
        if not refuses_usage(error):
            raise
        answer = await _relay(call, deployment, model, arguments, keeps_body=True)
        deployment.takes_usage = False  # not before: a client's own mistake may have the same words
        log.warning("%s refuses stream_options.include_usage: tokens of its streams are not counted", deployment.label)
        return answer, False
    deployment.takes_usage = True
    call.record.ledger = (*call.record.ledger, ASKED)
    return answer, True


def _relay(
    call: GatewayCall, deployment: LiveDeployment, model: str, arguments: dict[str, Any], *, keeps_body: bool
) -> Awaitable[Relayed | AsyncStream[bytes]]:
    """Pass a call on, and free a large body unless it is needed again: the upstream may take minutes."""
    body, content = call.body, call.content
    if call.size > LARGE_BYTES and not keeps_body:
        call.body, call.content = short_values(body), None
    return _relay_body(call, deployment, model, arguments, body, content)


def _relay_body(
    call: GatewayCall,
    deployment: LiveDeployment,
    model: str,
    arguments: dict[str, Any],
    body: dict[str, Any],
    content: bytes | None,
) -> Awaitable[Relayed | AsyncStream[bytes]]:
    return deployment.client.relay(
        call.family,
        model,
        body,
        content=content,
        body_bytes=call.size,
        operation=call.operation,
        request_id=call.record.request_id,
        caller=call.caller.name,
        prices=deployment.own_prices,
        **arguments,
    )


def _whole(
    call: GatewayCall,
    deployment: LiveDeployment,
    answer: Relayed,
    operation: Operation,
    content_log: ContentLog | None,
) -> Answer:
    """Return a whole answer, its cost among its headers."""
    record, key_leaks = call.record, deployment.key_leaks
    record.upstream_status = answer.status
    if content_log is not None:
        content_log.add(answer.content)
        content_log.end(is_text=True)
    if answer.content_type == JSON and operation.text_when is None:
        headers = [JSON_TYPE]
    else:
        content_type = _content_type(call.body, answer.content_type, operation)
        headers = [(b"content-type", content_type)]
        if content_type != JSON_TYPE[1]:
            headers.append(ATTACHMENT)
    headers += passed_raw_headers(answer.raw_headers, key_leaks)
    headers += _own_headers(call, answer.record, key_leaks)
    _record_usage(call, answer.record)
    if record.cost is not None:
        headers.append((b"x-llmgate-cost", b"%.10f" % record.cost))
    deployment.record_outcome("finished", None)
    return Answer(answer.status, headers, answer.content, answer.record)


def _stream(
    call: GatewayCall,
    deployment: LiveDeployment,
    stream: AsyncStream[bytes],
    operation: Operation,
    content_log: ContentLog | None,
    *,
    hides_usage: bool,
) -> Answer:
    """Return a stream that has begun; what it says of itself at its end is recorded when the request ends."""
    is_events = not operation.is_binary or _has_value(call.body, operation.events_when)
    upstream: Mapping[str, str] = stream.record.headers or {}
    headers = list(EVENT_HEADERS) if is_events else _binary_headers(upstream)
    headers += passed_headers(upstream, deployment.key_leaks)
    headers += _own_headers(call, stream.record, deployment.key_leaks)

    async def end() -> None:
        record = call.record
        try:
            await stream.aclose()
        finally:
            if content_log is not None:
                content_log.end(is_text=is_events)
            record.ledger = tuple(dict.fromkeys((*record.ledger, *stream.record.ledger)))  # reading may have lost more
            _record_usage(call, stream.record)
            record.upstream_events = max(stream.record.events, record.events)
            if record.error_code != STOPPING.code:
                deployment.record_outcome(record.outcome, record.error_code)

    call.on_end.append(end)
    body: AsyncIterator[bytes] = stream if content_log is None else _logged(stream, content_log)
    if hides_usage:
        body = without_usage(body)
    return Answer(200, headers, body, stream.record, is_events=is_events)


async def _logged(stream: AsyncIterator[bytes], content_log: ContentLog) -> AsyncIterator[bytes]:
    async for block in stream:
        content_log.add(block)
        yield block


def _show(call: GatewayCall, model: str, arguments: Mapping[str, Any]) -> None:
    """Log an outgoing call without its content; a key shows itself as `***`, of headers only the names are shown."""
    options = ", ".join(f"{name}={arguments[name]!r}" for name in SHOWN_ARGUMENTS if name in arguments)
    log.debug(
        "calling %s.%s: model=%r, %s, extra_headers=%s, parameters=%s",
        call.family,
        call.operation,
        model,
        options,
        sorted(arguments.get("extra_headers") or ()),
        [name[:80] for name in islice(call.body, MAX_SHOWN_PARAMETERS)],
    )


def _record_usage(call: GatewayCall, upstream: CallRecord) -> None:
    record, usage = call.record, upstream.usage
    record.usage = usage
    if usage is not None:
        cost = upstream.cost_of(usage, upstream.tier)
        record.cost = None if cost is None else float(cost)


def _own_headers(call: GatewayCall, upstream: CallRecord, key_leaks: KeyLeakDetector) -> list[tuple[bytes, bytes]]:
    record, request_id = call.record, upstream.request_id
    record.upstream_request_id = request_id if request_id and may_pass(request_id, key_leaks) else None
    headers = [(b"x-request-id", (record.upstream_request_id or record.request_id).encode("ascii"))]
    if ledger := (*record.ledger, *upstream.ledger):
        record.ledger = ledger
        headers.append((b"x-llmgate-ledger", ledger_header(ledger)))
    if upstream.attempts > 1:
        headers.append((b"x-should-retry", b"false"))
    return headers


def _content_type(body: Mapping[str, Any], upstream: str, operation: Operation) -> bytes:
    """Return the content type of a whole answer: of one in a text format, which upstreams mislabel, by the format."""
    if operation.text_when is not None:
        text_type = TEXT_TYPES.get(str(body.get(operation.text_when[0])))
        if text_type is not None:
            return text_type
    return _as_header(upstream)


def _binary_headers(upstream: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    content_type = upstream.get("content-type", "application/octet-stream")
    headers = [(b"content-type", _as_header(content_type)), ATTACHMENT]
    length = upstream.get("content-length", "")
    if length.isdigit() and length.isascii() and "content-encoding" not in upstream:
        headers.append((b"content-length", length.encode()))
    return headers


def _as_header(content_type: str) -> bytes:
    return content_type.encode("ascii") if is_clean(content_type) else b"application/octet-stream"


def _has_value(body: Mapping[str, Any], when: tuple[str, str] | None) -> bool:
    return when is not None and body.get(when[0]) == when[1]
