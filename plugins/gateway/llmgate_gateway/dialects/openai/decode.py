"""Read a request of OpenAI's API: its JSON body or form, its query, and the path's parameters.

Source: the OpenAI API reference; docs/decisions/relay-of-bytes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.serving import ENDPOINTS, FAMILIES, LedgerEntry
from llmgate_gateway.calls.contract import GatewayCall
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.dialects.openai.form import form_parameters, query_parameters
from llmgate_gateway.http.body import body_limit, check_names, json_body, query_fields, read_whole
from llmgate_gateway.http.large_work import LARGE_BYTES
from llmgate_gateway.http.multipart import Form, boundary_of, fields_as_body, read_form
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import refuse
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["decode_call"]

MAX_SHOWN_CHARACTERS = 256
"""Of the model's name, in the record."""
AZURE_VERSION = b"api-version="
MODEL_KEY = b'"model"'
ESCAPED_LETTER = b"\\u006"  # no client escapes a to o, unless it hides a name


async def decode_call(
    request: ClientRequest, route: HTTPRoute, ids: Mapping[str, str], general: GeneralSettings
) -> GatewayCall:
    """Return the call that a request asks for; see `Dialect.decode`."""
    call = GatewayCall(
        request.caller,
        route.family,
        route.operation,
        None,
        {},
        None,
        request.record,
        request.organization() if general.forward_openai_org_id else None,
        request.extra_headers,
    )
    try:
        await _read_body(call, request, route, general, may_be_empty=bool(ids) and not route.names_model)
        if route.operation == "create":
            _check_endpoint(call.body, route)
        query = request.scope.get("query_string", b"")
        named = _read_query(call, route, query) if query else None
        if ids:
            given = {"model": next(iter(ids.values()))} if route.names_model else ids
            call.body, call.content = {**call.body, **given}, None
        _read_model(call, request, route, named)
        user = call.body.get("user")
        call.record.user = user[:MAX_SHOWN_CHARACTERS] if isinstance(user, str) else None
    except BaseException:
        await call.aclose()
        raise
    return call


async def _read_body(
    call: GatewayCall, request: ClientRequest, route: HTTPRoute, general: GeneralSettings, *, may_be_empty: bool
) -> None:
    if not route.has_body:
        return
    limits, files = general.limits, FAMILIES[route.family].files
    has_model_list = call.caller.models is not None
    if route.takes_files:
        boundary = boundary_of(request.headers.get(b"content-type", b""))
        if boundary is not None:
            body_limit(request, limits.max_body)
            form = Form(limits.upload_dir)
            call.on_end.append(form.aclose)
            await read_form(request, form, boundary, limits.max_body)
            fields = form.body()
            check_names(fields, files=files, has_model_list=has_model_list)
            call.body, call.record.ledger = form_parameters(route, fields)
            return
    content = await read_whole(request, min(limits.max_json_body, limits.max_body))
    call.size = len(content)

    def parsed() -> dict[str, Any]:
        body = json_body(request, content, optional=may_be_empty, max_values=limits.max_json_values)
        check_names(body, files=files, has_model_list=has_model_list)
        return body

    call.body = parsed() if call.size <= LARGE_BYTES else await request.large_work.run(call.size, parsed)
    if content.count(MODEL_KEY) == 1 and ESCAPED_LETTER not in content:
        call.content = content  # with two models in one object the upstream might choose another than we do


def _check_endpoint(body: Mapping[str, Any], route: HTTPRoute) -> None:
    """Refuse a body without its endpoint's input that has another endpoint's, as after a wrong base URL."""
    required = FAMILIES[route.family].required
    if required.issubset(body):
        return
    missing = next(name for name in required if name not in body)
    paths = [
        f"/v1{ENDPOINTS[name]['create'].path}"
        for name, family in FAMILIES.items()
        if missing not in family.inputs and not family.inputs.isdisjoint(body)
    ]
    if paths:
        message = f"This endpoint takes {missing!r}, which is missing. The body is one for {' or '.join(paths)}."
        raise refuse(400, message, param=missing)


def _read_query(call: GatewayCall, route: HTTPRoute, query: bytes) -> str | None:
    """Put the query's fields into the body; return the model by which the client chooses a deployment, if any."""
    if route.names_model:  # a path of Azure's API, whose version its clients send
        query = b"&".join(part for part in query.split(b"&") if not part.lower().startswith(AZURE_VERSION))
    allowed, others = query_fields(query, route.query)
    call.body.update(query_parameters(route, fields_as_body(allowed)))
    model = None
    if not route.takes_model and "model" in others:
        others.remove("model")
        model = dict(query_fields(query, frozenset({"model"}))[0])["model"]
    reason = "the operation has no such query field"
    call.record.ledger = (
        *call.record.ledger,
        *(
            LedgerEntry(f"query {name[:80]}", "dropped", reason, "OpenAI API reference", lossy=True)
            for name in dict.fromkeys(others)
        ),
    )
    return model


def _read_model(call: GatewayCall, request: ClientRequest, route: HTTPRoute, named: str | None) -> None:
    """Set the model: of the body, or, where the operation takes none, of the header or the query."""
    if route.takes_model:
        model = call.body.get("model")
        if not (model is None or isinstance(model, str)):
            raise refuse(400, "model must be a string.", code="missing_model", param="model")
        call.model = model
        if call.content is None:
            call.body = {name: value for name, value in call.body.items() if name != "model"}
    else:
        header = request.headers.get(b"x-llmgate-model")
        call.model = named if header is None else header.decode("latin-1")
    call.record.requested_model = None if call.model is None else call.model[:MAX_SHOWN_CHARACTERS]
