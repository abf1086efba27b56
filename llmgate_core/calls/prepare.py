"""One call, as data that moves one way: arguments -> a request ready to be sent.

Pure but for the clock and the environment; the sending is `run.py` and `arun.py`, the reading `prepared.py`.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.bridges.bridge import bridge_call
from llmgate_core.calls.http_request import encoded, spliced
from llmgate_core.calls.parameters import apply_params
from llmgate_core.calls.prepared import FakeStream, PreparedCall
from llmgate_core.calls.request_body import canonical_body, output_type_of
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.call_event import CallEvent, Outcome
from llmgate_core.contract.form import FilePart
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Deadline
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.registry.router import ResolvedModel, Router
from llmgate_core.settings.options import (
    ClientOptions,
    Destination,
    Options,
    destination_for,
    is_provider_host,
    take_options,
)
from llmgate_core.settings.settings import PluginPolicy, Settings

__all__ = ["Pipeline"]

log = logging.getLogger("llmgate")
REMEMBERED_WARNINGS = 1000  # bounded, since callers choose the models
FAKE_STREAM = LedgerEntry("stream", "emulated", "fake_stream: sent without, handed out as one burst", "caller")


class Pipeline:
    """Prepares the calls of one client."""

    def __init__(
        self, settings: Settings, client: ClientOptions, *, plugins: PluginPolicy, extensions: Sequence[Any]
    ) -> None:
        self.settings = settings
        self.client = client
        self.plugins = PluginRegistry(plugins, extensions)
        self.catalogue = Catalogue.shipped(settings.catalogue_file)
        self.plugins.add_models_to(self.catalogue)
        self.router = Router(self.plugins, self.catalogue)
        self._warned: set[str] = set()

    def prepare(
        self,
        family: str,
        model: object,
        inputs: Mapping[str, Any],
        arguments: dict[str, Any],
        *,
        operation: str = "create",
        require_key: bool = True,
        kind: type[PreparedCall] = PreparedCall,
        content: bytes | None = None,
    ) -> PreparedCall:
        """Return the call ready to be sent; nothing has touched the network yet.

        `content` is what the caller sent as bytes, of which `inputs` are the parsed form: it goes out as it
        came, but for the model, where nothing else has to change.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        started = time.monotonic()
        options = take_options(arguments, self.client, self.settings)
        target = self._target(family, model, operation, options)
        body = canonical_body(inputs, arguments, options.own.get("extra_body"))
        if _complete(body, family, operation, options, takes_paths=kind.takes_paths):
            content = None
        endpoint = destination_for(target.plugin.info, options, self.client, self.settings, require_key=require_key)
        home = is_provider_host(endpoint.base_url, target.plugin.info)
        if home:
            target = self.router.rerouted(target, body)
        route = _route(target, endpoint, options, home=home)
        ledger, fake_stream = _fake_stream(body, options)
        asked = _asked(
            family, model, operation, body, options, route.provider, hands_on=not kind.takes_paths and not fake_stream
        )
        call, entries = _judged(asked, route, target, options)
        is_verbatim = call is asked and not fake_stream and not arguments and not options.own.get("extra_body")
        verbatim = content if is_verbatim else None
        request = _request(call, route, target, verbatim, inputs)
        ledger += tuple(dict.fromkeys((*entries, *request.ledger)))
        if ledger:
            self.warn(route, ledger)
        if target.row is not None and target.row.facts.get("announce_shutdown"):
            self._announce_shutdown(target)
        return kind(
            asked=asked,
            call=call,
            target=target,
            route=route,
            ledger=ledger,
            request=request,
            options=options,
            limits=self.client.limits,
            deadline=Deadline(options.timeouts),
            output_type=output_type_of(arguments),
            fake_stream=fake_stream,
            started=started,
            warn=self.warn,
        )

    def _target(self, family: str, model: object, operation: str, options: Options) -> ResolvedModel:
        asked = FAMILIES[family].operations[operation]
        if asked.takes_model and not (model is None and asked.may_lack_model):
            target = self.router.resolve(
                family, model, bridged=bool(options.own.get("use_chat_completions_api")) and operation == "create"
            )
        else:
            target = self.router.resolve_prefix(family, model)
        if operation != "create":
            _check_operation(target, family, operation)
        return target

    def before(self, prepared: PreparedCall) -> None:
        """Show the call to the extensions; an error of ours stops it."""
        for hook in self.plugins.before_call:
            hook(prepared.asked, prepared.route)

    def ended(
        self,
        prepared: PreparedCall,
        outcome: Outcome,
        *,
        chunks: int = 0,
        usage: Any = None,
        error: BaseException | None = None,
    ) -> None:
        """Tell the observers how the call ended; what they raise is logged and changes nothing."""
        seconds = time.monotonic() - prepared.started
        log.debug("%s %s: %s in %.3f s", prepared.route.provider, prepared.asked.family, outcome, seconds)
        if not self.plugins.on_event:
            return
        counted = usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else usage
        event = CallEvent(prepared.asked, prepared.route, outcome, seconds, chunks, counted, error)
        for observer in self.plugins.on_event:
            try:
                observer(event)
            except Exception as failure:  # noqa: BLE001  # an observer must not change a call
                log.warning("an observer raised %s", type(failure).__name__)

    def warn(self, route: Route, entries: Sequence[LedgerEntry]) -> None:
        """Warn of what was lost, once per kind."""
        for entry in entries:
            if entry.lossy:
                self._warn_once(f"{route.prefix}/{route.model}: {entry}")

    def _announce_shutdown(self, target: ResolvedModel) -> None:
        row = target.row
        if row is not None and row.facts.get("shutdown_date"):
            date = row.facts["shutdown_date"]
            self._warn_once(f"{target.prefix}/{target.model}: {row.provider} gives {date} as the end of {row.name}")

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            if len(self._warned) >= REMEMBERED_WARNINGS:
                self._warned.clear()
            self._warned.add(text)
            warnings.warn(text, UserWarning, stacklevel=7)


def _judged(asked: Call, route: Route, target: ResolvedModel, options: Options) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the call in the family that carries it, its parameters judged, and what became of them."""
    call, ledger = asked, tuple[LedgerEntry, ...]()
    if target.family != asked.family:
        call, entries = apply_params(asked, route, target.plugin, options.policy, judging=False)
        call, more = bridge_call(call, route)
        ledger = (*entries, *more)
    call, entries = apply_params(call, route, target.plugin, options.policy)
    return call, (*ledger, *entries)


def _complete(body: dict[str, Any], family: str, operation: str, options: Options, *, takes_paths: bool) -> bool:
    """Put what settings and files say into the body; return whether it says more than the caller's did.

    Raises:
        BadRequestError: an input is missing, or a file is none.
    """
    if not takes_paths:
        body.pop("model", None)  # what came from someone else names an alias; the route says which model
    stores = options.store is not None and operation == "create" and FAMILIES[family].keeps and "store" not in body
    if stores:
        body["store"] = options.store
    if operation == "create":
        _check_required(family, body)
    for name in FAMILIES[family].files:
        if name in body:
            body[name] = _files(name, body[name], takes_paths=takes_paths)
    return stores


def _check_required(family: str, body: Mapping[str, Any]) -> None:
    for name in FAMILIES[family].required:
        if body.get(name) is None:
            raise BadRequestError(f"{name} is missing", status_code=400, param=name, attempts=0)


def _check_operation(target: ResolvedModel, family: str, operation: str) -> None:
    info = target.plugin.info
    if f"{family}.{operation}" not in info.operations or target.family != family:
        raise BadRequestError(
            f"'{target.prefix}/' serves no {family}.{operation}: plugin {target.plugin.name!r} offers "
            f"{', '.join(sorted(info.operations)) or 'nothing besides create'}",
            status_code=400,
            param="model",
            provider=info.name,
            attempts=0,
        )


def _files(name: str, value: Any, *, takes_paths: bool) -> Any:
    """Return file parts for what a caller gave as a file or a list of files; an object is a reference."""
    if isinstance(value, list):
        return [_files(name, item, takes_paths=takes_paths) for item in value]
    if isinstance(value, (Mapping, FilePart)):
        return value
    if not takes_paths:
        raise BadRequestError(f"{name} must be a file of a form", status_code=400, param=name, attempts=0)
    from llmgate_core.files.uploads import file_part  # most calls upload nothing

    return file_part(value, param=name)


def _route(target: ResolvedModel, endpoint: Destination, options: Options, *, home: bool) -> Route:
    return Route(
        target.plugin.info.name,
        target.prefix,
        target.family,
        target.model,
        endpoint.base_url,
        endpoint.api_key,
        endpoint.organization,
        endpoint.project,
        None if target.row is None else target.row.facts,
        options.preview_features,
        target.reason,
        options.policy.unsupported,
        home,
    )


def _asked(
    family: str, model: object, operation: str, body: dict[str, Any], options: Options, provider: str, *, hands_on: bool
) -> Call:
    asked = FAMILIES[family].operations[operation]
    stream = bool(body.get("stream"))
    if (stream or options.own.get("fake_stream")) and not asked.streams:
        raise UnsupportedParamsError(
            f"{family}.{operation} does not stream: leave stream out",
            status_code=400,
            param="stream",
            provider=provider,
            attempts=0,
        )
    if asked.is_binary:
        # how the bytes are handed out is between the caller and us; a relay hands them on as they come
        stream = bool(body.pop("stream", False)) or hands_on
        stream = stream or (asked.events_when is not None and body.get(asked.events_when[0]) == asked.events_when[1])
    return Call(
        family,
        "" if model is None else str(model),
        body,
        stream,
        body.get("metadata"),
        "",
        operation,
        bool(options.own.get("wait")),
        options.own.get("poll_seconds"),
    )


def _fake_stream(body: dict[str, Any], options: Options) -> tuple[tuple[LedgerEntry, ...], FakeStream]:
    if not (options.own.get("fake_stream") and body.get("stream")):
        return (), None
    del body["stream"]
    asked = body.pop("stream_options", None)
    with_usage = isinstance(asked, Mapping) and bool(asked.get("include_usage"))
    return (FAKE_STREAM,), "with usage" if with_usage else "plain"


def _request(
    call: Call, route: Route, target: ResolvedModel, verbatim: bytes | None, said: Mapping[str, Any]
) -> UpstreamRequest:
    plugin = target.plugin
    request = plugin.transform_request(call, route)
    if not isinstance(request, UpstreamRequest):
        raise plugin.error(
            "transform_request", f"hook transform_request gave {type(request).__name__}, not an UpstreamRequest"
        )
    content: Any = None
    if verbatim is not None and request.body is call.body:
        content = spliced(verbatim, route.model, said)
    if content is None:
        content = encoded(call, route, request)
    return UpstreamRequest(request.method, request.path, content, request.headers, request.query, request.ledger)
