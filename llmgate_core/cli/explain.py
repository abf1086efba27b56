"""`llmgate explain MODEL`: show the route and its reason, how each parameter is handled, and the request as curl.

Sends nothing.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.calls.explained import ExplainedRequest, Explanation, StandIns, explained, fates
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.cli.arguments import call_arguments
from llmgate_core.client.sync_client import Client
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from llmgate_core.files.form_content import FormContent
from llmgate_core.json_codec import encode
from llmgate_core.settings.stand_ins import secret_variable
from llmgate_core.terminal import say

__all__ = ["run"]

INPUT_OF = {
    "chat": "messages",
    "responses": "input",
    "text_completion": "prompt",
    "embedding": "input",
    "speech": "input",
    "image": "prompt",
    "video": "prompt",
    "moderation": "input",
    "messages": "messages",
    "rerank": "query",
    "transcription": "file",
    "translation": "file",
}
EXAMPLE_FILE = ("recording.wav", b"RIFF")
OTHER_INPUTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"messages": {"max_tokens": 1024}, "rerank": {"documents": ["a document", "another document"]}}
)
"""Family -> what else a call needs to be one."""


def run(given: argparse.Namespace) -> int:
    """Print the explanation; the exit status is 1 if the call would be rejected."""
    client = Client()
    refusals: list[str] = []
    prepared = _prepare(client, given, refusals)
    parameters = [_fate(entry) for entry in fates(prepared, prepared.original_call.body)]
    explanation = explained(prepared)
    if given.json:
        say(encode(_as_json(prepared, parameters, refusals, explanation)).decode())
    else:
        _print(prepared, parameters, refusals)
        _print_requests(explanation)
    return 1 if refusals else 0


def _prepare(client: Client, given: argparse.Namespace, refusals: list[str]) -> PreparedCall:
    """Prepare the call; remove rejected parameters one by one, so that all of them are shown."""
    if given.family not in INPUT_OF:
        raise BadRequestError(f"--family must be one of {', '.join(INPUT_OF)}, not {given.family!r}")
    name = INPUT_OF[given.family]
    value: Any = given.message
    if name == "messages":
        value = [{"role": "user", "content": given.message}]
    elif name == "file":
        value = EXAMPLE_FILE
    arguments = call_arguments(given)
    inputs = {name: value, **OTHER_INPUTS.get(given.family, {})}
    inputs = {name: value for name, value in inputs.items() if name not in arguments}
    if given.stream:
        arguments["stream"] = True
    while True:
        try:
            return client.prepare(given.family, given.model, inputs, dict(arguments))
        except UnsupportedParamsError as error:
            if error.param not in arguments:
                raise
            refusals.append(str(error))
            del arguments[error.param]


def _fate(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "parameter": entry.parameter,
        "fate": entry.action,
        "reason": entry.reason,
        "source": entry.source,
        "lossy": entry.lossy,
    }


def _as_json(
    prepared: PreparedCall, parameters: list[dict[str, Any]], refusals: list[str], explanation: Explanation
) -> dict[str, Any]:
    route = {name: getattr(prepared.route, name) for name in ("provider", "prefix", "model", "base_url", "reason")}
    requests = [
        {"purpose": request.purpose or "the call", "curl": _curl(request, explanation.stand_ins)}
        for request in explanation.requests
    ]
    return {
        "route": route,
        "options": _options(prepared),
        "parameters": parameters,
        "refused": refusals,
        "curl": requests[-1]["curl"] if requests else "",
        "requests": requests,
        "notes": list(explanation.notes),
    }


def _options(prepared: PreparedCall) -> dict[str, str]:
    """Return the provider's options that are set; of a secret one the variable that has it."""
    info, route = prepared.target.plugin.info, prepared.route
    secret = {it.name: f"${secret_variable(info, it)}" for it in info.options if it.name in route.secrets}
    return {**route.options, **secret}


def _print(prepared: PreparedCall, parameters: list[dict[str, Any]], refusals: list[str]) -> None:
    route, plugin = prepared.route, prepared.target.plugin
    origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else plugin.name
    say(f"route       {route.prefix}/ ({route.family}), model {route.model!r}, by {origin}")
    say(f"because     {route.reason}")
    say(f"base URL    {route.base_url or 'none'}")
    for name, value in _options(prepared).items():
        say(f"option      {name}: {value}")
    for fate in parameters:
        source = f" [{fate['source']}]" if fate["source"] else ""
        lossy = " (lossy)" if fate["lossy"] else ""
        say(f"parameter   {fate['parameter']}: {fate['fate']}{lossy}: {fate['reason']}{source}")
    for refusal in refusals:
        say(f"REFUSED     {refusal}")


def _print_requests(explanation: Explanation) -> None:
    for note in explanation.notes:
        say(f"note        {note}")
    for request in explanation.requests:
        if request.purpose:
            say(f"next        {request.purpose}")
        if request.computes_url:
            say("note        the URL has a part that is computed by the plugin's auth")
        say(f"request     {_curl(request, explanation.stand_ins)}")


def _curl(sent: ExplainedRequest, stand_ins: StandIns) -> str:
    """Return a request as a curl command, with the variables of keys and secrets in their place."""
    body = _body(sent.body, stand_ins)
    parts = ["curl", stand_ins.word(sent.url)]
    if sent.request.method != ("POST" if body else "GET"):
        parts += ["-X", sent.request.method]
    headers = [(name, value) for name, value in sent.headers if "boundary=" not in value]  # curl sets it
    parts += [f"-H {stand_ins.word(f'{name}: {value}')}" for name, value in headers]
    return " ".join([*parts, *body])


def _body(body: object, stand_ins: StandIns) -> list[str]:
    if isinstance(body, FormContent):
        fields = [f"-F {stand_ins.word(f'{name}={value}')}" for name, value in body.form.fields]
        return fields + [f"-F {shlex.quote(f'{name}=@{part.filename}')}" for name, part in body.form.files]
    if not isinstance(body, bytes) or not body:
        return []
    try:
        return [f"-d {stand_ins.word(body.decode())}"]
    except UnicodeDecodeError:
        return ["--data-binary @body"]
