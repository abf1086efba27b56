"""Forward other resources of `/v1` (files, batches, …) unchanged to one deployment. Off unless configured.

Bodies are streamed both ways and not parsed; a request that gives its length is never stored here. Only listed paths,
only listed headers, and no step up the tree. What is asked for may use any model of the upstream, so a key with a list
of models needs leave of its own. Middleware does not see these requests.

Source: rows S4, S13 and S15 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence

from llmgate_core.serving import Forwarded, errors, mask
from llmgate_gateway.calls.contract import Answer
from llmgate_gateway.calls.live_deployment import LiveDeployment
from llmgate_gateway.calls.sending import send_answer
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.http.body import body_limit, query_fields, too_large
from llmgate_gateway.http.errors import NEUTRAL
from llmgate_gateway.http.multipart import Form, Spool
from llmgate_gateway.http.path_parts import plain_part
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import (
    ATTACHMENT,
    RefusedError,
    header_value,
    is_clean,
    may_pass,
    passed_headers,
    refuse,
)
from llmgate_gateway.http.upload import RequestContent

__all__ = ["forward"]

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
SENT_HEADERS = ("content-type", "accept", "range", "openai-beta", "traceparent")
FINE_TUNED = "ft:"
QUERY = re.compile(r"[\x21\x24-\x3b\x3d\x3f-\x7e]*")
MAX_UNREAD_BYTES = 64 * 1024
MAX_ERROR_BYTES = 64 * 1024
BLOCK_BYTES = 256 * 1024
NO_FIELDS = frozenset[str]()


async def forward(request: ClientRequest, snapshot: ConfigSnapshot) -> bool:
    """Forward a request to the configured deployment and send its answer; False: its path is not forwarded.

    Raises:
        RefusedError, LLMGateError: nothing has been sent to the client.
    """
    config, record = snapshot.general.passthrough, request.record
    if config is None or record.method not in METHODS:
        return False
    path = _forwarded_path(record.method, record.path, config.paths)
    deployment = snapshot.deployments.named(config.deployment)
    if path is None or deployment is None:
        return False
    if not request.caller.may_pass_through:
        raise _forbidden()
    record.family, record.operation, record.deployment = "passthrough", path.split("/")[1], deployment.label
    record.traceparent = request.traceparent()
    query = _checked_query(request)
    form = Form(snapshot.general.limits.upload_dir)
    try:
        content = await _content(request, snapshot.general.limits.max_body, form)
        organization = request.organization() if snapshot.general.forward_openai_org_id else None
        await _send_upstream(request, deployment, path, query, content, organization)
    finally:
        await form.aclose()
    return True


async def _send_upstream(
    request: ClientRequest,
    deployment: LiveDeployment,
    path: str,
    query: str,
    content: bytes | RequestContent | _SpooledContent,
    organization: str | None,
) -> None:
    target = next(iter(deployment.targets.values()))
    request.record.provider = target.plugin.info.name
    if request.is_read or isinstance(content, bytes):
        request.watch()
    upstream = await deployment.client.forward(
        target,
        request.record.method,
        path,
        query=query,
        headers=_sent_headers(request),
        content=content,
        **({} if organization is None else {"organization": organization}),
    )
    request.watch()
    try:
        await send_answer(request, await _answer(request, deployment, upstream))
    finally:
        await upstream.aclose()


async def _answer(request: ClientRequest, deployment: LiveDeployment, upstream: Forwarded) -> Answer:
    record, received, status = request.record, upstream.headers, upstream.status
    record.upstream_status = status
    if 300 <= status < 400:
        raise errors.APIStatusError(NEUTRAL["redirect"], status_code=status)
    if status == 401:
        raise errors.AuthenticationError(f"HTTP {status}", status_code=status, attempts=1)
    content_type = received.get("content-type", "application/octet-stream")
    headers = [(b"content-type", header_value(content_type)), ATTACHMENT]
    headers += passed_headers(received, deployment.key_leaks)
    request_id = received.get("x-request-id", "")
    record.upstream_request_id = request_id if request_id and may_pass(request_id, deployment.key_leaks) else None
    headers.append((b"x-request-id", (record.upstream_request_id or record.request_id).encode("ascii")))
    if request.unread_bytes() > MAX_UNREAD_BYTES:
        headers.append((b"connection", b"close"))  # answered early; the rest is not worth the connection
    if status >= 400:
        return Answer(status, headers, await _error_body(upstream))
    length = received.get("content-length", "")
    if length.isdecimal() and "content-encoding" not in received:
        headers.append((b"content-length", length.encode("ascii")))
    return Answer(status, headers, upstream.blocks(), is_events=content_type.startswith("text/event-stream"))


async def _error_body(upstream: Forwarded) -> bytes:
    """Return an error's body with the key masked, should the upstream have repeated it.

    Raises:
        APIStatusError: the body is not JSON; a web page is not passed on.
    """
    blocks, size = list[bytes](), 0
    async for block in upstream.blocks():
        blocks.append(block)
        size += len(block)
        if size > MAX_ERROR_BYTES:
            break
    content = mask(b"".join(blocks)[:MAX_ERROR_BYTES].decode("utf-8", "replace"), upstream.secrets)
    if not content.startswith(("{", "[")):
        raise errors.APIStatusError(f"HTTP {upstream.status}", status_code=upstream.status, attempts=1)
    return content.encode()


def _forbidden() -> RefusedError:
    """Return the answer to a key with a list of models: batches and the like name models that nothing here reads."""
    message = (
        "This key may use some models only, and other resources such as files and batches reach every model of the "
        "upstream. The gateway's config allows it with general_settings.keys[].passthrough: true."
    )
    return refuse(403, message, code="passthrough_not_allowed")


def _checked_query(request: ClientRequest) -> str:
    query: str = request.scope.get("query_string", b"").decode("latin-1")
    if query:
        query_fields(query.encode("latin-1"), NO_FIELDS)  # raises for names that belong to the config
        if not QUERY.fullmatch(query):
            raise refuse(400, "The query of the request is not valid.", code="invalid_query")
    return query


def _forwarded_path(method: str, path: str, allowed: Sequence[str]) -> str | None:
    """Return the path below the base URL, or None if it is not on the list, or not a plain path."""
    start, *parts = path.removeprefix("/v1").split("/")
    decoded = [plain_part(part) for part in parts]
    if start or None in decoded:
        return None
    is_listed = any(parts[: len(wanted)] == wanted for wanted in (entry.strip("/").split("/") for entry in allowed))
    if is_listed or (method == "DELETE" and parts[:1] == ["models"] and _is_fine_tuned(decoded[1:])):
        return "/" + "/".join(part for part in decoded if part is not None)
    return None


def _is_fine_tuned(names: Sequence[str | None]) -> bool:
    """Return whether a path names one fine-tuned model, which is the only kind that can be deleted."""
    return len(names) == 1 and (names[0] or "").startswith(FINE_TUNED)


async def _content(request: ClientRequest, limit: int, form: Form) -> bytes | RequestContent | _SpooledContent:
    """Return the client's body: streamed if its length is known, else after it has been stored."""
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
    return _SpooledContent(spool, size)


class _SpooledContent:
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
