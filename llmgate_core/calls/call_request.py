"""What a caller asks for, and the canonical `Call` that it is.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgate_core.calls.prepared import FakeStream
from llmgate_core.calls.request_body import canonical_body, json_body
from llmgate_core.catalogue.prices import ModelPrices
from llmgate_core.catalogue.rules import source_of
from llmgate_core.contract.call import Call
from llmgate_core.contract.form import FilePart
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.endpoints.families import Family, Operation
from llmgate_core.endpoints.near_names import near_misses
from llmgate_core.errors import UnsupportedParamsError, bad_request
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.options import Options

__all__ = ["CallRequest", "build_call", "complete_body", "fake_stream_entry", "take_fake_stream"]

FAKE_STREAM = LedgerEntry("stream", "emulated", "fake_stream: sent without it, returned as one burst", "caller")
IGNORED_STREAM = "this model is documented to ignore it: sent without it, returned as one burst"


@dataclass(slots=True)
class CallRequest:
    """What a caller asks for.

    Attributes:
        family: what is called, for example `chat`.
        model: the model string; None where the operation needs none.
        inputs: what the call is about, for example `messages`; of a relay the whole parsed body.
        arguments: our own and the request's parameters; taken apart while the call is prepared.
        operation: what of the family.
        content: the bytes that `inputs` were parsed from; they are sent as they came, but for the model, where nothing
            else has to change.
        allows_local_files: a string in a file's place is a path of this machine.
        streams_bytes: an answer of bytes is passed on as it comes.
        request_id: the id that a server has given the call; empty: it gets one if an extension sees it.
        caller: who called, for observers; None: not known.
        prices: those that hold instead of the catalogue's; None: the catalogue's do.
        is_relayed: another program's request: `inputs` are JSON and are sent as they came, and since that program reads
            the ledger, losses are no warnings here.
    """

    family: str
    model: object
    inputs: Mapping[str, Any]
    arguments: dict[str, Any]
    operation: str = "create"
    content: bytes | None = None
    allows_local_files: bool = True
    streams_bytes: bool = False
    is_relayed: bool = False
    request_id: str = ""
    caller: str | None = None
    prices: ModelPrices | None = None


def complete_body(
    request: CallRequest, family: Family, options: Options
) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    """Return the canonical body, with what settings and files add to it, and what the ledger says about it so far.

    Raises:
        BadRequestError: an input is missing or malformed, or is not a file.
    """
    extra_body = options.passed.get("extra_body")
    entries: tuple[LedgerEntry, ...] = ()
    if request.is_relayed:
        body = json_body(request.inputs, request.arguments, extra_body)
    else:
        body, entries = canonical_body(family, request.inputs, request.arguments, extra_body)
        if request.arguments:
            entries += near_misses(family.name, request.operation, request.arguments)
    if "model" in request.inputs:
        body.pop("model", None)  # a server's client names an alias there; the route says which model
    if request.operation == "create":
        if options.store is not None and family.keeps:
            body.setdefault("store", options.store)
        for name in family.required:
            if body.get(name) is None:
                raise bad_request(name, f"{name} is missing")
    for name in family.files:
        if name in body:
            body[name] = _files(name, body[name], allows_local_files=request.allows_local_files)
    return body, entries


def _files(name: str, value: Any, *, allows_local_files: bool) -> Any:
    """Return file parts for what a caller gave as a file or a list of files; an object is a reference."""
    if isinstance(value, list):
        return [_files(name, item, allows_local_files=allows_local_files) for item in value]
    if isinstance(value, (Mapping, FilePart)):
        return value
    if not allows_local_files:
        raise bad_request(name, f"{name} must be a file of a form")
    from llmgate_core.files.uploads import file_part  # most calls upload nothing

    return file_part(value, param=name)


def take_fake_stream(body: dict[str, Any]) -> FakeStream:
    """Remove what asks for a stream where the caller wants one that the upstream does not send."""
    stream = body.get("stream")
    if not stream:
        return None
    if not isinstance(stream, bool):
        raise bad_request("stream", f"stream must be true or false, not {type(stream).__name__}")
    del body["stream"]
    stream_options = body.pop("stream_options", None)
    with_usage = isinstance(stream_options, Mapping) and bool(stream_options.get("include_usage"))
    return "with usage" if with_usage else "plain"


def fake_stream_entry(target: ResolvedModel, *, is_ignored: bool) -> LedgerEntry:
    """Return what the ledger says of a stream that the upstream does not send: asked for so, or `is_ignored`."""
    if not is_ignored:
        return FAKE_STREAM
    info = target.plugin.info
    if not info.streams:
        reason = f"{info.name} does not stream: sent without it, returned as one burst"
        return LedgerEntry("stream", "emulated", reason, f"plugin {target.plugin.name}")
    return LedgerEntry("stream", "emulated", IGNORED_STREAM, source_of({} if target.row is None else target.row.facts))


def build_call(
    request: CallRequest,
    operation: Operation,
    body: dict[str, Any],
    options: Options,
    provider: str,
    *,
    is_fake_stream: bool,
) -> Call:
    """Return the call as the caller made it.

    Raises:
        UnsupportedParamsError: the family does not stream.
    """
    stream = bool(body.get("stream"))
    if not operation.streams and (stream or options.passed.get("fake_stream")):
        raise UnsupportedParamsError(
            f"{request.family}.{request.operation} does not stream: leave stream out",
            status_code=400,
            code="unsupported_parameter",
            param="stream",
            provider=provider,
            attempts=0,
        )
    if operation.is_binary:
        # how the caller gets the bytes is not the upstream's business; a relay passes them on as they come
        stream = bool(body.pop("stream", False)) or (request.streams_bytes and not is_fake_stream)
        stream = stream or operation.sends_events(body)
    return Call(
        family=request.family,
        model="" if request.model is None else str(request.model),
        body=body,
        stream=stream,
        metadata=body.get("metadata"),
        request_id=request.request_id,
        operation=request.operation,
        wait=bool(options.passed.get("wait")),
        poll_seconds=options.passed.get("poll_seconds"),
    )
