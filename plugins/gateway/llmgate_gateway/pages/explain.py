"""Show what would be sent upstream for a request, and why, without sending it. No key is shown.

The upstream's base URL is shown to the operator only: to the master key, and to all where no keys are set. Its path
may hold an account or a token.

Source: rows S15 and S18 of docs/reliability.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from llmgate_core.serving import (
    FAMILIES,
    ExplainedRequest,
    LedgerEntry,
    Multipart,
    StandIns,
    decode,
    encode,
    errors,
    explained,
    fates,
)
from llmgate_gateway.calls.deployments import Deployments, Selection
from llmgate_gateway.http.body import check_names
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply, json_reply, refuse
from llmgate_gateway.http.routes import HTTPRoute, Routes

__all__ = ["explain"]

MASK = "***"
MAX_CURL_CHARACTERS = 8192
"""Of a body in a command line; a longer one is named as a file."""


def explain(routes: Routes, deployments: Deployments, caller: Caller, question: Mapping[str, Any]) -> Reply:
    """Return the route, the fate of each parameter and the upstream request of `{"path": ..., "body": {...}}`.

    Raises:
        RefusedError: as for the request itself. LLMGateError: it would fail before anything was sent.
    """
    path, body = question.get("path", "/v1/chat/completions"), question.get("body")
    if not isinstance(path, str) or not isinstance(body, dict):
        raise refuse(400, 'Send {"path": "/v1/chat/completions", "body": {...}}.', code="invalid_explain")
    route = routes.find("POST", path).route
    if route is None or not route.takes_model:
        message = "The path must be one whose requests name a model, such as /v1/chat/completions."
        raise refuse(400, message, code="invalid_explain", param="path")
    has_model_list = caller.models is not None
    check_names(body, files=FAMILIES[route.family].files, has_model_list=has_model_list)  # as for a request itself
    model = body.get("model")
    selection = deployments.of_model(route.family, route.operation, model if isinstance(model, str) else None, caller)
    parameters = {name: value for name, value in body.items() if name != "model"}
    prepared, refused = _prepare(selection, route, parameters)
    is_operator = caller.models is None and caller.name in (None, "master")
    explanation = explained(prepared)
    stand_ins = explanation.stand_ins
    requests = [
        _request(sent, prepared, selection, show_host=is_operator, stand_ins=stand_ins) for sent in explanation.requests
    ]
    last = requests[-1] if requests else {}
    target = selection.target
    return json_reply(
        {
            "object": "explanation",
            "route": {
                "deployment": selection.deployment.label,
                "family": target.family,
                "prefix": f"{prepared.route.prefix}/",
                "model": prepared.route.model,
                "provider": prepared.route.provider,
                "plugin": target.plugin.distribution or target.plugin.name,
                "because": prepared.route.reason,
            },
            "parameters": _fates(parameters, prepared, refused),
            "refused": list(refused.values()),
            "options": _options(prepared, is_operator=is_operator),
            "request": {name: last[name] for name in ("method", "url", "headers", "body") if name in last},
            "curl": last.get("curl", ""),
            "requests": requests,
            "notes": list(explanation.notes),
        }
    )


def _prepare(selection: Selection, route: HTTPRoute, parameters: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    """Prepare the call without the parameters that are refused; return it, and why each of them is.

    Preparing takes time in proportion to the body, so it is done three times at most, whatever is refused: once as
    the call is, once forwarding all that would be refused, which tells everything of it, and once without.

    Raises:
        LLMGateError: the call fails for another reason, or for something that cannot be left out.
    """
    try:
        return _prepared(selection, route, parameters), {}
    except errors.UnsupportedParamsError as error:
        first = error
    name = _top_level(first.param)
    if name not in parameters:
        raise first
    refused = {name: first.message}
    try:
        forwarding = _prepared(selection, route, parameters, param_policy="forward", drop_params=None)
        entries = [entry for entry in forwarding.ledger if entry.action == "forwarded"]
        refused = {_top_level(entry.parameter): _reason(entry) for entry in entries} | refused
    except errors.UnsupportedParamsError as error:
        refused.setdefault(_top_level(error.param), error.message)
    rest = {name: value for name, value in parameters.items() if name not in refused}
    return _prepared(selection, route, rest), refused


def _prepared(selection: Selection, route: HTTPRoute, parameters: Mapping[str, Any], **options: Any) -> Any:
    deployment, body = selection.deployment, dict(parameters)
    arguments = {**deployment.call_arguments(body, traceparent=None, organization=None), **options}
    return deployment.client.prepare(
        route.family, selection.model, body, arguments, operation=route.operation, is_relayed=True
    )


def _top_level(param: str | None) -> str:
    """Return the name of the parameter that holds `param`: `tools` for `tools[0].type`."""
    return (param or "").partition(".")[0].partition("[")[0]


def _fates(parameters: Mapping[str, Any], prepared: Any, refused: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what becomes of each parameter of a request, in their order, and what else the ledger says."""
    told = {entry.parameter: _fate(entry) for entry in fates(prepared, parameters)}
    told |= {name: _fate(LedgerEntry(name, "refused", reason, lossy=True)) for name, reason in refused.items()}
    return list(told.values())


def _fate(entry: LedgerEntry) -> dict[str, Any]:
    return {"parameter": entry.parameter, "fate": entry.action, "reason": _reason(entry), "lossy": entry.lossy}


def _reason(entry: LedgerEntry) -> str:
    return f"{entry.reason} [{entry.source}]" if entry.source else entry.reason


def _request(
    sent: ExplainedRequest, prepared: Any, selection: Selection, *, show_host: bool, stand_ins: StandIns
) -> dict[str, Any]:
    """Return one upstream request as data, with variables in the place of keys, and as a command."""
    configured = {name.lower() for name in selection.deployment.extra_headers}
    headers = {name: MASK if name.lower() in configured else value for name, value in sent.headers}
    url = _url(sent, prepared.route.base_url, show_host=show_host)
    request = {"method": sent.request.method, "url": url, "headers": headers, "body": _body(sent.body)}
    shown: dict[str, Any] = decode(stand_ins.shown(encode(request).decode()))
    return {"purpose": sent.purpose or "the call", **shown, "curl": _curl(request, stand_ins)}


def _url(sent: ExplainedRequest, base_url: str, *, show_host: bool) -> str:
    """Return where a request goes, without the query of the config's base URL: it may be a key."""
    base, _, base_query = base_url.partition("?")
    url, _, query = sent.url.partition("?")
    if not show_host:
        parts = urlsplit(url)
        url = f"{parts.scheme}://upstream{parts.path.removeprefix(urlsplit(base).path)}"
    if base_query:
        own = [pair for pair in query.split("&") if pair not in base_query.split("&")]
        query = "&".join([MASK, *own])
    return f"{url}?{query}" if query else url


def _body(body: object) -> Any:
    form = getattr(body, "form", None)
    if isinstance(form, Multipart):
        files = [{"name": name, "filename": part.filename, "bytes": part.size} for name, part in form.files]
        return {"form": list(form.fields), "files": files}
    if isinstance(body, bytes) and body:
        try:
            return decode(body)
        except ValueError:
            return {"bytes": len(body)}
    return None


def _options(prepared: Any, *, is_operator: bool) -> dict[str, str]:
    """Return the provider's options that are set: to the operator, and without the secret ones."""
    return {**prepared.route.options, **dict.fromkeys(prepared.route.secrets, MASK)} if is_operator else {}


def _curl(request: Mapping[str, Any], stand_ins: StandIns) -> str:
    parts = ["curl", "-X", request["method"], stand_ins.word(request["url"])]
    for name, value in request["headers"].items():
        if name not in ("user-agent", "accept", "accept-encoding"):
            parts += ["-H", stand_ins.word(f"{name}: {value}")]
    if request["body"] is not None:
        content = json.dumps(request["body"], ensure_ascii=False)
        parts += ["-d", stand_ins.word(content) if len(content) <= MAX_CURL_CHARACTERS else "@body.json"]
    return " ".join(parts)
