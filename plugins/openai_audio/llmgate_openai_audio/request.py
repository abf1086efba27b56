"""An audio call -> POST /audio/transcriptions, /audio/translations (forms) or /audio/speech (JSON).

Pure: files stay where they are, core streams them.

Source: OpenAPI 2.3.0.
"""

from __future__ import annotations

from dataclasses import replace

from llmgate_core.plugin import (
    Call,
    FilePart,
    JsonObject,
    Ledger,
    LedgerEntry,
    Route,
    UpstreamRequest,
    as_form,
    endpoint_request,
    errors,
    hookimpl,
    is_verified,
    judge_by_catalogue,
    judge_value,
)
from llmgate_openai_audio.values import ENDPOINTS, INPUTS, SOURCE


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send speech as JSON as it stands, a recording as a form with the model in it.

    Raises:
        BadRequestError: there is no file, or more than one.
        UnsupportedParamsError: the model does not serve this endpoint, or does not take this input.
    """
    entries = (*_endpoint_entries(route), *_input_entries(call, route))
    request = endpoint_request(call, route)
    if route.family == "speech":
        return replace(request, ledger=entries)
    _check_file(call, route)
    fields, dropped = _without_refused_prompt(call, route)
    return replace(request, body=as_form({"model": route.model, **fields}), ledger=(*entries, *dropped))


def _endpoint_entries(route: Route) -> tuple[LedgerEntry, ...]:
    """Refuse a model of which the catalogue knows that it serves other endpoints."""
    facts, name = route.facts, ENDPOINTS[route.family]
    known = None if facts is None else facts.get("endpoints")
    if facts is None or not known or name in known or not is_verified(facts, "endpoints"):
        return ()
    ledger = Ledger(route, "catalogue: " + ", ".join(facts.get("sources") or ()))
    _refuse(ledger, route, "model", f"{route.model!r} does not serve {name}; it serves {', '.join(known)}")
    return ledger.entries


def _input_entries(call: Call, route: Route) -> tuple[LedgerEntry, ...]:
    """Refuse what no model takes; core judges parameters, inputs are the plugin's."""
    ledger = Ledger(route, SOURCE)
    if call.stream and route.family == "translation":
        raise ledger.refuse("stream", "a translation comes whole; leave stream out")
    for name, rule in INPUTS[route.family].items():
        refused = None if route.facts is None else judge_value(name, call.body.get(name), rule, SOURCE)
        if refused is not None:
            _refuse(ledger, route, name, refused.reason)
    return ledger.entries


def _refuse(ledger: Ledger, route: Route, name: str, reason: str) -> None:
    """Raise, or note what the policy sends all the same; an input is never dropped."""
    if route.param_policy != "forward":
        raise ledger.refuse(name, reason)
    ledger.forwards(name, reason)


def _check_file(call: Call, route: Route) -> None:
    if not isinstance(call.body.get("file"), FilePart):
        raise errors.BadRequestError(
            "file must be one file: an open binary file, a path, bytes, or (name, content, content_type)",
            status_code=400,
            param="file",
            provider=route.provider,
            model=route.model,
            attempts=0,
        )


def _without_refused_prompt(call: Call, route: Route) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body, without the prompt where the catalogue knows that the model takes none and policy drops it.

    Core takes a prompt for what a call is about and does not ask `supports_param`; here it is a parameter.
    """
    rule = None
    if route.facts is not None:
        rule = judge_by_catalogue(route.facts, "prompt", call.body.get("prompt"), judged=frozenset())
    if rule is None:
        return call.body, ()
    ledger = Ledger(route, rule.source)
    if ledger.forwards("prompt", rule.reason):
        return call.body, ledger.entries
    return {name: value for name, value in call.body.items() if name != "prompt"}, ledger.entries
