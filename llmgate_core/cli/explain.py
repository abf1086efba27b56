"""`llmgate explain MODEL`: show the route and its reason, how each parameter is handled, and the request as curl.

Sends nothing.
"""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from llmgate_core.calls.prepared import CONVERTED, PreparedCall
from llmgate_core.cli.arguments import call_arguments
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from llmgate_core.files.form_content import FormContent
from llmgate_core.json_codec import encode
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
    "transcription": "file",
    "translation": "file",
}
EXAMPLE_FILE = ("recording.wav", b"RIFF")


def run(given: argparse.Namespace) -> int:
    """Print the explanation; the exit status is 1 if the call would be rejected."""
    client = Client()
    refusals: list[str] = []
    prepared = _prepare(client, given, refusals)
    fates = _fates(prepared)
    if given.json:
        route = {name: getattr(prepared.route, name) for name in ("provider", "prefix", "model", "base_url", "reason")}
        curl = _curl(prepared)
        say(encode({"route": route, "parameters": fates, "refused": refusals, "curl": curl}).decode())
    else:
        _print(prepared, fates, refusals)
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
    if given.stream:
        arguments["stream"] = True
    while True:
        try:
            return client.prepare(given.family, given.model, {name: value}, dict(arguments))
        except UnsupportedParamsError as error:
            if error.param not in arguments:
                raise
            refusals.append(str(error))
            del arguments[error.param]


def _fates(prepared: PreparedCall) -> list[dict[str, Any]]:
    entries, converted = {entry.parameter: entry for entry in prepared.ledger}, prepared.names_converted()
    fates: list[dict[str, Any]] = []
    for name in prepared.original_call.body:
        entry = entries.pop(name, None)
        if name in converted:
            fates.append({"parameter": name, "fate": "converted", "reason": CONVERTED, "source": "", "lossy": False})
        elif entry is None:
            fates.append({"parameter": name, "fate": "kept", "reason": "as given", "source": "", "lossy": False})
        else:
            fates.append(_fate(entry))
    return fates + [_fate(entry) for entry in entries.values()]


def _fate(entry: Any) -> dict[str, Any]:
    return {
        "parameter": entry.parameter,
        "fate": entry.action,
        "reason": entry.reason,
        "source": entry.source,
        "lossy": entry.lossy,
    }


def _print(prepared: PreparedCall, fates: list[dict[str, Any]], refusals: list[str]) -> None:
    route, plugin = prepared.route, prepared.target.plugin
    origin = f"{plugin.distribution} {plugin.version}" if plugin.distribution else plugin.name
    say(f"route       {route.prefix}/ ({route.family}), model {route.model!r}, by {origin}")
    say(f"because     {route.reason}")
    say(f"base URL    {route.base_url}")
    for fate in fates:
        source = f" [{fate['source']}]" if fate["source"] else ""
        lossy = " (lossy)" if fate["lossy"] else ""
        say(f"parameter   {fate['parameter']}: {fate['fate']}{lossy}: {fate['reason']}{source}")
    for refusal in refusals:
        say(f"REFUSED     {refusal}")
    say(f"request     {_curl(prepared)}")


def _curl(prepared: PreparedCall) -> str:
    """Return the request as a curl command with the key's environment variable instead of the key."""
    request = prepared.builder.transport_request(prepared.request)
    scheme, host, port = request.origin
    netloc = host if (scheme, port) in (("http", 80), ("https", 443)) else f"{host}:{port}"
    parts = ["curl", shlex.quote(f"{scheme}://{netloc}{request.target}")]
    for variable in prepared.target.plugin.info.key_variables[:1]:
        parts.append(f'-H "authorization: Bearer ${variable}"')
    headers = [(name, value) for name, value in request.headers if "boundary=" not in value]  # curl sets it
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers]
    parts += _body(prepared.request.body)
    return " ".join(parts)


def _body(body: object) -> list[str]:
    if isinstance(body, FormContent):
        fields = [f"-F {shlex.quote(f'{name}={value}')}" for name, value in body.form.fields]
        return fields + [f"-F {shlex.quote(f'{name}=@{part.filename}')}" for name, part in body.form.files]
    return [f"-d {shlex.quote(body.decode())}"] if isinstance(body, bytes) and body else []
