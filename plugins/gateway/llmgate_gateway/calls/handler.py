"""One call of a client: read what it asks, find who serves it, hand it to the relay.

Source: docs/architecture.md, "The relay"; capabilities A42, A43 and A53 to A58.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate_core.serving import FAMILIES, LedgerEntry, decode
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.calls.upstream import relay
from llmgate_gateway.http.body import body_limit, check_names, json_body, query_fields, read_whole
from llmgate_gateway.http.multipart import Form, boundary_of, fields_as_body, read_form
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import refuse
from llmgate_gateway.http.routes import Route

__all__ = ["forwarded_organization", "note_trace", "serve_call"]

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
TYPED_TEXTS = frozenset({"n", "output_compression", "partial_images", "stream", "temperature"})
"""Fields of forms that are numbers or truth values. Source: the form schemas of OpenAPI 2.3.0."""
MODEL_KEY = b'"model"'
ESCAPED_LETTER = b"\\u006"  # nobody escapes a to o, unless a name is to be hidden


async def serve_call(request: ClientRequest, state: ConfigSnapshot, route: Route, ids: Mapping[str, str]) -> None:
    """Serve one call.

    Raises:
        RefusedError, LLMGateError, ClientGoneError: nothing has been sent to the client.
    """
    form = Form()
    try:
        body, content = await _asked(request, state, route, form)
        query = request.scope.get("query_string", b"")
        wanted = _read_query(request, route, query, body) if query else None
        if ids:
            body, content = {**body, **ids}, None
        if route.takes_model:
            request.record.requested_model = _shown(body.get("model"))
            binding = state.deployments.of_model(route, body.get("model"), request.caller)
            if content is None:
                body = {name: value for name, value in body.items() if name != "model"}
        else:
            header = request.headers.get(b"x-llmgate-model")
            wanted = wanted if header is None else header.decode("latin-1")
            request.record.requested_model = _shown(wanted)
            binding = state.deployments.of_operation(route, wanted, request.caller)
        organization = forwarded_organization(request, state)
        await relay(request, route, binding, body, content=content, organization=organization)
    finally:
        form.close()


def forwarded_organization(request: ClientRequest, state: ConfigSnapshot) -> str | None:
    """Return the client's organization where the config says that it goes upstream."""
    if not state.general.forward_openai_org_id:
        return None
    value = request.headers.get(b"openai-organization")
    return None if value is None else value.decode("latin-1")


def note_trace(request: ClientRequest) -> None:
    """Take over the client's trace, where it is one."""
    value = request.headers.get(b"traceparent")
    if value is not None and TRACEPARENT.fullmatch(value):
        request.record.traceparent = value.decode("ascii")


async def _asked(
    request: ClientRequest, state: ConfigSnapshot, route: Route, form: Form
) -> tuple[dict[str, Any], bytes | None]:
    """Return the request's body, and its bytes where they can go upstream as they are."""
    if not route.has_body:
        return {}, None
    limits, files = state.general.limits, FAMILIES[route.family].files
    if route.takes_files:
        boundary = boundary_of(request.headers.get(b"content-type", b""))
        if boundary is not None:
            body_limit(request, limits.max_body)
            await read_form(request, form, boundary, limits.max_body)
            body = _typed(form.body())
            check_names(body, files=files)
            return body, None
    content = await read_whole(request, min(limits.max_json_body, limits.max_body))
    body = json_body(request, content, optional=bool(route.names))
    check_names(body, files=files)
    if content.count(MODEL_KEY) != 1 or ESCAPED_LETTER in content:
        return body, None  # two models in one object: which of them counts is not for the upstream to choose
    return body, content


def _read_query(request: ClientRequest, route: Route, query: bytes, body: dict[str, Any]) -> str | None:
    """Put the query's fields into the body, and return the model that it names to choose a deployment."""
    known, unknown = query_fields(query, route.query)
    body.update(_typed(fields_as_body(known)))
    wanted = None
    if not route.takes_model and "model" in unknown:
        unknown.remove("model")
        wanted = dict(query_fields(query, frozenset({"model"}))[0])["model"]
    request.record.ledger = tuple(
        LedgerEntry(
            f"query {name[:80]}", "dropped", "this operation has no such query field", "OpenAPI 2.3.0", lossy=True
        )
        for name in dict.fromkeys(unknown)
    )
    return wanted


def _typed(body: dict[str, Any]) -> dict[str, Any]:
    """Give fields that are no texts their value, where theirs is one."""
    for name in TYPED_TEXTS & body.keys():
        text = body[name]
        if isinstance(text, str):
            try:
                value = decode(text)
            except ValueError:
                raise refuse(400, f"{name} is neither a number nor true or false.", param=name) from None
            if isinstance(value, (bool, int, float)):
                body[name] = value
    return body


def _shown(model: object) -> str | None:
    return model[:256] if isinstance(model, str) else None
