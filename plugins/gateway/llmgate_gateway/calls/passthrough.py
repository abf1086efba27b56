"""Relay other resources of `/v1` (files, batches, ...) as they are to one deployment. Off unless configured.

Bodies are streamed both ways and not looked at; a request that tells its length is never held here.
Only listed paths, only listed headers, and no step up the tree.

Source: issue "The gateway", routes; rows S4, S13 and S15 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from urllib.parse import unquote

from llmgate_core.serving import Forwarded, errors, mask
from llmgate_gateway.access.keys import forbidden_model
from llmgate_gateway.calls.deployments import LiveDeployment
from llmgate_gateway.calls.handler import forwarded_organization, note_trace
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.http.body import body_limit, query_fields, too_large
from llmgate_gateway.http.errors import NEUTRAL
from llmgate_gateway.http.multipart import Form, Spool
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import header_value, is_clean, may_pass, passed_headers, refuse
from llmgate_gateway.http.upload import RequestContent

__all__ = ["serve_passthrough"]

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
SENT_HEADERS = ("content-type", "accept", "range", "openai-beta", "traceparent")
SEGMENT = re.compile(r"[A-Za-z0-9._~:@!$&'()*+,;=%-]+")
QUERY = re.compile(r"[\x21\x24-\x3b\x3d\x3f-\x7e]*")
UNREAD_BYTES = 64 * 1024
ERROR_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024
ANY_NAME = frozenset[str]()


async def serve_passthrough(request: ClientRequest, state: ConfigSnapshot) -> bool:
    """Relay a request to the configured deployment; False: it is none of what is relayed.

    Raises:
        RefusedError, LLMGateError: nothing has been sent to the client.
    """
    config, record = state.general.passthrough, request.record
    if config is None or record.method not in METHODS:
        return False
    path = _relayed_path(record.path, config.paths)
    bound = state.deployments.named(config.deployment)
    if path is None or bound is None:
        return False
    if not request.caller.may_use(bound.deployment.model_name):
        raise forbidden_model(bound.deployment.model_name)
    record.family, record.operation, record.deployment = "passthrough", path.split("/")[1], bound.label
    note_trace(request)
    query = request.scope.get("query_string", b"").decode("latin-1")
    if query:
        query_fields(query.encode("latin-1"), ANY_NAME)  # raises for names that belong to the config
        if not QUERY.fullmatch(query):
            raise refuse(400, "The query of the request cannot be read.", code="invalid_query")
    form = Form()
    try:
        content = await _content(request, state, form)
        await _relay(request, state, bound, path, query, content)
    finally:
        form.close()
    return True


async def _relay(
    request: ClientRequest,
    state: ConfigSnapshot,
    bound: LiveDeployment,
    path: str,
    query: str,
    content: bytes | RequestContent | _Spooled,
) -> None:
    record = request.record
    record.outcome, record.provider = "failed", next(iter(bound.targets.values())).plugin.info.name
    if request.is_read or isinstance(content, bytes):
        request.watch()
    arguments = bound.call_arguments({}, traceparent=None, organization=forwarded_organization(request, state))
    for name in bound.options.request_defaults:
        arguments.pop(name, None)  # of calls, not of files and the like
    answer = await bound.client.forward(
        next(iter(bound.targets.values())),
        record.method,
        path,
        query=query,
        headers=_sent_headers(request),
        content=content,
        **arguments,
    )
    request.watch()
    try:
        await _answer(request, bound, answer)
    finally:
        await answer.aclose()


async def _answer(request: ClientRequest, bound: LiveDeployment, answer: Forwarded) -> None:
    record, upstream, status = request.record, answer.headers, answer.status
    record.upstream_status = status
    if 300 <= status < 400:
        raise errors.APIStatusError(NEUTRAL["redirect"], status_code=status)
    headers = [(b"content-type", header_value(upstream.get("content-type", "application/octet-stream")))]
    headers += passed_headers(upstream, bound.secrets)
    theirs = upstream.get("x-request-id", "")
    record.upstream_request_id = theirs if theirs and may_pass(theirs, bound.secrets) else None
    headers.append((b"x-request-id", (record.upstream_request_id or record.request_id).encode("ascii")))
    if request.unread_bytes() > UNREAD_BYTES:
        headers.append((b"connection", b"close"))  # answered early; the rest is not worth the connection
    if status >= 400:
        await _send_error(request, answer, headers)
        return
    length = upstream.get("content-length", "")
    if length.isdecimal() and "content-encoding" not in upstream:
        headers.append((b"content-length", length.encode("ascii")))
    record.stream = upstream.get("content-type", "").startswith("text/event-stream")
    await request.send({"type": "http.response.start", "status": status, "headers": headers})
    async for block in answer.blocks():
        record.events += 1
        await request.send({"type": "http.response.body", "body": block, "more_body": True})
    record.outcome = "finished"
    await request.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_error(request: ClientRequest, answer: Forwarded, headers: list[tuple[bytes, bytes]]) -> None:
    """Send an error's body with the key taken out, should the upstream have repeated it; no page of HTML."""
    blocks, size = list[bytes](), 0
    async for block in answer.blocks():
        blocks.append(block)
        size += len(block)
        if size > ERROR_BYTES:
            break
    text = mask(b"".join(blocks)[:ERROR_BYTES].decode("utf-8", "replace"), (answer.api_key,))
    if not text.startswith(("{", "[")):
        raise errors.APIStatusError(f"HTTP {answer.status}", status_code=answer.status, attempts=1)
    body = text.encode()
    headers.append((b"content-length", b"%d" % len(body)))
    await request.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await request.send({"type": "http.response.body", "body": body, "more_body": False})


def _relayed_path(path: str, allowed: Sequence[str]) -> str | None:
    """Return the path below the base URL; None: it is not on the list, or not a plain path."""
    parts = path.removeprefix("/v1").split("/")
    for part in parts[1:]:
        decoded = unquote(part)
        if not SEGMENT.fullmatch(part) or decoded in (".", "..") or "/" in decoded or not decoded.isprintable():
            return None
    if parts[0]:
        return None
    for entry in allowed:
        wanted = entry.strip("/").split("/")
        if parts[1 : 1 + len(wanted)] == wanted:
            return "/".join(parts)
    return None


async def _content(request: ClientRequest, state: ConfigSnapshot, form: Form) -> bytes | RequestContent | _Spooled:
    """Return the client's body: to be streamed where its length is known, else once it lies here."""
    limit = state.general.limits.max_body
    length = body_limit(request, limit)
    if length == 0 or (length is None and b"transfer-encoding" not in request.headers):
        return b""
    if length is not None:
        return RequestContent(request, length)
    spool, size = form.spool(), 0
    while not request.is_read:
        block, _ = await request.read()
        size += len(block)
        if size > limit:
            raise too_large(limit)
        await spool.write(block)
    return _Spooled(spool, size)


class _Spooled:
    """`StreamedContent` of a body that came without its length."""

    def __init__(self, spool: Spool, length: int) -> None:
        self._spool = spool
        self.length = length

    def blocks(self) -> Iterator[bytes]:
        """Yield the body."""
        for position in range(0, self.length, BLOCK_BYTES):
            yield self._spool.read_at(position, BLOCK_BYTES)

    async def ablocks(self) -> AsyncIterator[bytes]:
        """Yield the body, read in threads."""
        for position in range(0, self.length, BLOCK_BYTES):
            yield await asyncio.to_thread(self._spool.read_at, position, BLOCK_BYTES)


def _sent_headers(request: ClientRequest) -> dict[str, str]:
    headers = {}
    for name in SENT_HEADERS:
        value = request.headers.get(name.encode(), b"").decode("latin-1")
        if value and is_clean(value):
            headers[name] = value
    return headers
