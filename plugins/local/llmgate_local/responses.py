"""Adapt calls to llama.cpp's `/v1/responses`, and fill in what it omits from its responses.

Pure. Changes nothing that is present; core rejects anything that is not a response.

Source: OpenAI API reference, `CreateResponse` and `Response`; the responses of the llama.cpp in xllamacpp, as observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    Call,
    Converted,
    JsonObject,
    Ledger,
    ParamRule,
    Route,
    SSEEvent,
    StreamRepair,
    UpstreamRequest,
    UpstreamResponse,
    encode,
)

__all__ = ["complete", "judge", "with_format"]

SOURCE = "llama.cpp's /v1/responses"
ENDS = ("completed", "incomplete", "failed")
IGNORED = frozenset({"background", "conversation", "include", "max_tool_calls", "prompt"})
"""Parameters that the server silently ignores."""


def judge(param: str, value: Any) -> ParamRule | None:
    """Return the rule for a parameter of a Responses call that the server would ignore."""
    if param in IGNORED and value is not None:
        return ParamRule(supported=False, reason="this server ignores it", source=SOURCE)
    if param == "tools" and isinstance(value, list):
        functions = [tool for tool in value if isinstance(tool, Mapping) and tool.get("type") == "function"]
        if len(functions) < len(value):
            reason = "this server has no built-in tools, only functions"
            return ParamRule(supported=False, reason=reason, source=SOURCE, replaces=True, replace=functions or None)
    return None


def with_format(request: UpstreamRequest, route: Route) -> UpstreamRequest:
    """Return the request with its `text.format` repeated as `response_format`, which the server supports."""
    body = request.body
    text = body.get("text") if isinstance(body, dict) else None
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(body, dict) or not isinstance(wanted, Mapping) or wanted.get("type") in (None, "text"):
        return request
    ledger = Ledger(route, SOURCE)
    ledger.bridged("text.format", "sent as response_format, the only form that this server supports")
    adapted = {"model": route.model, **body, "response_format": _chat_format(wanted)}
    return replace(request, body=adapted, ledger=(*request.ledger, *ledger.entries))


def _chat_format(wanted: Mapping[str, Any]) -> JsonObject:
    if wanted["type"] != "json_schema":
        return dict(wanted)
    return {"type": "json_schema", "json_schema": {name: value for name, value in wanted.items() if name != "type"}}


def complete(call: Call, route: Route, response: UpstreamResponse) -> Converted | UpstreamResponse:
    """Return a response with every documented field, filled in like the last event of a stream."""
    answer = response.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("output"), list):
        return response
    status = answer.get("status")
    kind = f"response.{status if status in ENDS else 'completed'}"
    events = StreamRepair(call, route).feed(SSEEvent(encode({"type": kind, "response": answer}).decode(), kind))
    whole = events[-1]["response"]
    ledger = Ledger(route, SOURCE)
    if whole.keys() != answer.keys():
        ledger.emulated("response", "the server omits fields that echo the request, so llmgate filled them in")
    return Converted(whole, ledger.entries)
