"""Read a request of Anthropic's Messages API: its JSON body, its query, and the headers that change its meaning.

Source: Anthropic API reference, "Create a Message", "Count tokens" and "Beta headers";
code.claude.com/docs/en/llm-gateway-protocol for what Claude Code sends; docs/decisions/relay-of-bytes.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from llmgate_core.serving import LedgerEntry
from llmgate_gateway.calls.contract import GatewayCall, OwnAPI
from llmgate_gateway.config.schema.general import GeneralSettings
from llmgate_gateway.dialects.anthropic.betas import fields_of, ledger_of
from llmgate_gateway.http.body import check_names, json_body, query_fields, read_whole
from llmgate_gateway.http.large_work import LARGE_BYTES
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RefusedError, refuse
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["decode_call"]

MAX_SHOWN_CHARACTERS: Final = 256
"""Of the model's name, in the record."""
BETA: Final = b"anthropic-beta"
VERSION: Final = b"anthropic-version"
SESSION: Final = b"x-claude-code-session-id"
SESSION_ID: Final = re.compile(rb"[0-9A-Za-z-]{1,64}")
VERSION_VALUE: Final = re.compile(rb"[0-9A-Za-z.-]{1,64}")
BETA_VALUE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")
MAX_BETAS: Final = 100
MODEL_KEY: Final = b'"model"'
ESCAPED_LETTER: Final = b"\\u006"  # no client escapes a to o, unless it hides a name
REQUIRED: Mapping[str, tuple[tuple[str, type, str], ...]] = {
    "create": (("model", str, "a string"), ("max_tokens", int, "a whole number"), ("messages", list, "a list")),
    "count_tokens": (("model", str, "a string"), ("messages", list, "a list")),
}
"""Operation -> the fields that it needs, and what each of them is."""


async def decode_call(
    request: ClientRequest, route: HTTPRoute, ids: Mapping[str, str], general: GeneralSettings
) -> GatewayCall:
    """Return the call that a request asks for; see `Dialect.decode`."""
    record = request.record
    call = GatewayCall(
        request.caller,
        route.family,
        route.operation,
        None,
        {},
        None,
        record,
        request.organization() if general.forward_openai_org_id else None,
        request.extra_headers,
    )
    headers, betas = _own_headers(request)
    if SESSION_ID.fullmatch(session := request.headers.get(SESSION, b"")):
        record.extra["client_session"] = session.decode()
    await _read_body(call, request, general)
    _check_required(call.body, route.operation)
    refusal = None if call.body.get("thread") is None else _no_thread()
    if headers or refusal is not None:
        fields = fields_of(betas, call.body)
        call.own_api = OwnAPI(headers, fields, ledger_of(betas, fields), refusal)
    call.model = call.body["model"]
    record.requested_model = call.body["model"][:MAX_SHOWN_CHARACTERS]
    if query := request.scope.get("query_string", b""):
        record.ledger = _ledger_of_query(query, route)
    if call.content is None:
        call.body = {name: value for name, value in call.body.items() if name != "model"}
    return call


async def _read_body(call: GatewayCall, request: ClientRequest, general: GeneralSettings) -> None:
    limits, has_model_list = general.limits, call.caller.models is not None
    content = await read_whole(request, min(limits.max_json_body, limits.max_body))
    call.size = len(content)

    def parsed() -> dict[str, Any]:
        body = json_body(request, content, max_values=limits.max_json_values)
        check_names(body, has_model_list=has_model_list)
        return body

    call.body = parsed() if call.size <= LARGE_BYTES else await request.large_work.run(call.size, parsed)
    if content.count(MODEL_KEY) == 1 and ESCAPED_LETTER not in content:
        call.content = content  # with two models in one object the upstream might choose another than we do


def _check_required(body: Mapping[str, Any], operation: str) -> None:
    """Refuse a body without a field that every request has, in the words of Anthropic's API."""
    for name, kind, article in REQUIRED[operation]:
        if name not in body:
            raise refuse(400, f"{name}: Field required", code="missing_field", param=name)
        value = body[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise refuse(400, f"{name}: must be {article}", code="invalid_value", param=name)
    if not body["model"]:
        raise refuse(400, "model: must not be empty", code="missing_model", param="model")


def _ledger_of_query(query: bytes, route: HTTPRoute) -> tuple[LedgerEntry, ...]:
    others = query_fields(query, route.query)[1]
    reason, source = "the operation has no such query field", "Anthropic API reference"
    return tuple(
        LedgerEntry(f"query {name[:80]}", "dropped", reason, source, lossy=True) for name in dict.fromkeys(others)
    )


def _own_headers(request: ClientRequest) -> tuple[dict[str, str], list[str]]:
    """Return the headers that only an upstream of Anthropic's API gets, and the betas among them.

    Raises:
        RefusedError: 400: one of them is not what it has to be.
    """
    headers: dict[str, str] = {}
    if (version := request.headers.get(VERSION)) is not None:
        if not VERSION_VALUE.fullmatch(version):
            raise _invalid_header("anthropic-version", "is not a version such as 2023-06-01")
        headers["anthropic-version"] = version.decode()
    betas = _betas(request) if BETA in request.headers else []
    if betas:
        headers["anthropic-beta"] = ",".join(betas)
    return headers, betas


def _betas(request: ClientRequest) -> list[str]:
    """Return the betas that a request names, in its order; the header may come more than once."""
    values = b",".join(request.values(BETA)).decode("latin-1").split(",")
    names = [name for value in values if (name := value.strip())]
    if len(names) > MAX_BETAS or not all(map(BETA_VALUE.fullmatch, names)):
        raise _invalid_header("anthropic-beta", "is not a list of names such as context-management-2025-06-27")
    return names


def _no_thread() -> RefusedError:
    """Return the refusal of a conversation that the upstream would have to keep, after which the SDK sends it whole.

    Source: `lib/threads` of Anthropic's SDK 2.14.0, which looks for this code.
    """
    message = "thread: the upstream of this model keeps no conversations; send the whole conversation in messages"
    return refuse(400, message, code="thread_unsupported_request", param="thread")


def _invalid_header(name: str, why: str) -> RefusedError:
    return refuse(400, f"{name}: {why}", code="invalid_header", param=name)
