"""Say what would be sent upstream for a request, and why, without sending it. No key is shown.

The host of the upstream is shown to the master key only, and where no keys are set: it is the operator's.

Source: capability `explain` of docs/guide/parameters.md; rows S15 and S18 of the reliability catalogue.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from llmgate_core.serving import FAMILIES, LedgerEntry, Multipart, decode, errors
from llmgate_gateway.calls.deployments import Deployments, Selection
from llmgate_gateway.http.body import check_names
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply, json_reply, refuse
from llmgate_gateway.http.routes import Routes

__all__ = ["explain"]

MASK = "***"
MOST_REFUSALS = 50


def explain(routes: Routes, deployments: Deployments, client: Caller, asked: Mapping[str, Any]) -> Reply:
    """Return the route, each parameter's fate and the wire request of `{"path": ..., "body": {...}}`.

    Raises:
        Refusal: as for the request itself. LLMGateError: it would fail before it was sent.
    """
    path, body = asked.get("path", "/v1/chat/completions"), asked.get("body")
    if not isinstance(path, str) or not isinstance(body, dict):
        raise refuse(400, 'Send {"path": "/v1/chat/completions", "body": {...}}.', code="invalid_explain")
    route = routes.find("POST", path).route
    if route is None or not route.takes_model:
        message = "explain knows the paths that are sent a model, such as /v1/chat/completions."
        raise refuse(400, message, code="invalid_explain", param="path")
    check_names(body, files=FAMILIES[route.family].files)  # as for a request: no path is opened, nothing of ours is set
    binding = deployments.of_model(route, body.get("model"), client)
    request = {name: value for name, value in body.items() if name != "model"}
    prepared, refused = _prepare(binding, route.family, route.operation, request)
    target, shown = binding.target, client.models is None and client.name in (None, "master")
    wire = _wire(prepared, binding, show_host=shown)
    return json_reply(
        {
            "object": "explanation",
            "route": {
                "deployment": binding.bound.label,
                "family": target.family,
                "prefix": f"{prepared.route.prefix}/",
                "model": prepared.route.model,
                "provider": prepared.route.provider,
                "plugin": target.plugin.distribution or target.plugin.name,
                "because": prepared.route.reason,
            },
            "parameters": _fates(request, prepared.ledger, refused),
            "refused": [str(error.message) for error in refused],
            "request": wire,
            "curl": _curl(wire),
        }
    )


def _prepare(
    binding: Selection, family: str, operation: str, request: dict[str, Any]
) -> tuple[Any, list[errors.UnsupportedParamsError]]:
    """Prepare the call, setting aside one refused parameter after the other, so that all are shown."""
    refused: list[errors.UnsupportedParamsError] = []
    request = dict(request)
    while True:
        arguments = binding.bound.call_arguments(request, traceparent=None, organization=None)
        try:
            prepared = binding.bound.client.prepare(family, binding.model, request, arguments, operation=operation)
        except errors.UnsupportedParamsError as error:
            name = (error.param or "").partition(".")[0].partition("[")[0]
            if name not in request or len(refused) >= MOST_REFUSALS:
                raise
            refused.append(error)
            del request[name]
        else:
            return prepared, refused


def _fates(
    request: Mapping[str, Any], ledger: Sequence[LedgerEntry], refused: Sequence[errors.UnsupportedParamsError]
) -> list[dict[str, Any]]:
    known = {entry.parameter: entry for entry in ledger}
    errors_of = {(error.param or "").partition(".")[0].partition("[")[0]: error.message for error in refused}
    fates: list[dict[str, Any]] = []
    for name in request:
        if name in errors_of:
            fates.append({"parameter": name, "fate": "refused", "reason": errors_of[name], "lossy": True})
        elif name in known:
            fates.append(_fate(known.pop(name)))
        else:
            fates.append({"parameter": name, "fate": "kept", "reason": "as given", "lossy": False})
    return fates + [_fate(entry) for entry in known.values()]


def _fate(entry: LedgerEntry) -> dict[str, Any]:
    reason = f"{entry.reason} [{entry.source}]" if entry.source else entry.reason
    return {"parameter": entry.parameter, "fate": entry.action, "reason": reason, "lossy": entry.lossy}


def _wire(prepared: Any, binding: Selection, *, show_host: bool) -> dict[str, Any]:
    request, route = prepared.request, prepared.route
    url = route.base_url + request.path + (f"?{urlencode(request.query)}" if request.query else "")
    if not show_host:
        parts = urlsplit(url)
        url = f"{parts.scheme}://upstream{parts.path}" + (f"?{parts.query}" if parts.query else "")
    sent = prepared.transport_request(request)
    own = {name.lower() for name in binding.bound.extra_headers}
    headers = {name: MASK if name.lower() in own else value for name, value in sent.headers}
    if route.api_key is not None:
        headers["authorization"] = f"Bearer {MASK}"
    return {"method": request.method, "url": url, "headers": headers, "body": _body(request.body)}


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


def _curl(wire: Mapping[str, Any]) -> str:
    parts = ["curl", "-X", wire["method"], shlex.quote(wire["url"])]
    for name, value in wire["headers"].items():
        if name not in ("user-agent", "accept", "accept-encoding"):
            parts += ["-H", shlex.quote(f"{name}: {value}")]
    if wire["body"] is not None:
        parts += ["-d", shlex.quote(json.dumps(wire["body"], ensure_ascii=False))]
    return " ".join(parts)
