"""One call, as data that moves one way: arguments -> request, answer -> result.

Pure but for the clock and the environment; the sending in between is `run.py` and `arun.py`.
"""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate_core.binding import GuardedParser
from llmgate_core.body import canonical_body, output_type_of
from llmgate_core.catalogue import Catalogue
from llmgate_core.contracts import (
    Call,
    LedgerEntry,
    Route,
    TransportRequest,
    UpstreamRequest,
    UpstreamResponse,
)
from llmgate_core.deadline import Deadline, Limits
from llmgate_core.errors import APIError, APIResponseValidationError, LLMGateError
from llmgate_core.events import CallEvent, Outcome
from llmgate_core.families import FAMILIES
from llmgate_core.folding import unfold
from llmgate_core.options import ClientOptions, Options, endpoint_for, take_options
from llmgate_core.params import apply_params
from llmgate_core.plugins import PluginTable
from llmgate_core.receive import ChunkReader, error_of_status, typed_result, validation_error
from llmgate_core.retry import wait_before_retry
from llmgate_core.routing import Router, Target
from llmgate_core.secrets import Secret, mask
from llmgate_core.settings import PluginPolicy, Settings
from llmgate_core.types.base import CallRecord
from llmgate_core.wire import encoded, transport_request

__all__ = ["Pipeline", "Prepared"]

log = logging.getLogger("llmgate")


@dataclass(slots=True)
class Prepared:
    """One call, ready to be sent, and what is needed to read its answer.

    Attributes:
        asked: the call as the caller made it, for observers. call: with its parameters judged.
        request: what the plugin wants sent, its body in bytes.
        fake_stream: the caller wants chunks, the upstream is asked for a whole answer.
    """

    asked: Call
    call: Call
    target: Target
    route: Route
    ledger: tuple[LedgerEntry, ...]
    request: UpstreamRequest
    options: Options
    limits: Limits
    deadline: Deadline
    output_type: Any = None
    fake_stream: bool = False
    started: float = 0.0

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """The keys that no text about this call may hold."""
        return (self.route.api_key,)

    def transport_request(self, request: UpstreamRequest, *, bearer: bool = False) -> TransportRequest:
        """Return `request` as it goes on the wire, with the key as a bearer token if asked for."""
        return transport_request(
            request,
            self.route,
            self.target.plugin.info,
            extra_headers=self.options.own.get("extra_headers"),
            deadline=self.deadline,
            limits=self.limits,
            bearer=bearer,
        )

    def filled(self, error: LLMGateError) -> LLMGateError:
        """Return `error`, of an answer, with provider and model filled in and the key taken out.

        An upstream may echo the key anywhere; and what our error was made from repeats its input.
        """
        if isinstance(error, APIError):
            error.provider = error.provider or self.route.provider
            error.model = error.model or self.route.model
            error.attempts = 1 if error.attempts is None else error.attempts
            for name in ("message", "code", "type", "param", "request_id", "body"):
                text = getattr(error, name)
                if isinstance(text, str):
                    setattr(error, name, mask(text, self.secrets))
            error.args = (error.message,)
            if error.__cause__ is None:
                error.__context__ = None
        return error

    def not_a_stream(self, response: UpstreamResponse) -> APIResponseValidationError:
        """Return the error for a whole document in answer to a stream request."""
        return validation_error(response, "a whole answer came where a stream was asked for", self.secrets)

    def error_of(self, response: UpstreamResponse) -> APIError:
        """Return the error for an answer of status 300 and above: the plugin's word, else the table's."""
        map_error = self.target.plugin.map_error
        mapped = map_error(self.call, self.route, response) if map_error is not None else None
        return mapped if isinstance(mapped, APIError) else error_of_status(response, self.secrets)

    def result_of(self, response: UpstreamResponse, attempts: int) -> Any:
        """Return the typed result of a whole answer.

        Raises:
            APIError: an error inside the 2xx, or not the promised shape. PluginError: the hook lied.
        """
        plugin = self.target.plugin
        canonical: Any = response
        if plugin.transform_response is not None:
            canonical = plugin.transform_response(self.call, self.route, response)
            if canonical is not response and not isinstance(canonical, dict):
                raise plugin.error(
                    "transform_response",
                    f"hook transform_response gave {type(canonical).__name__}, not a dict or the response itself",
                )
        return self.typed(canonical, response, attempts)

    def exchanged(self, answer: Any, response: UpstreamResponse | None, attempts: int) -> Any:
        """Return the typed result of what an exchange ended with.

        Raises:
            PluginError: it is no dict.
        """
        if not isinstance(answer, dict):
            raise self.target.plugin.error("exchange", f"hook exchange ended with {type(answer).__name__}, not a dict")
        return self.typed(answer, response or UpstreamResponse(200, (), b""), attempts)

    def typed(self, canonical: Any, response: UpstreamResponse, attempts: int) -> Any:
        """Return the typed result of a canonical answer."""
        result = typed_result(self._result_type(), canonical, response, self.secrets)
        result.attach(self.record(response, attempts))
        if self.output_type is not None:
            for choice in result.choices:
                choice.message.expect_output(self.output_type)
        return result

    def record(self, response: UpstreamResponse, attempts: int) -> CallRecord:
        """Return what a result or stream shall know of its call."""
        return CallRecord(
            ledger=self.ledger,
            headers=response.headers if self.options.return_headers else None,
            request_id=_request_id(response.raw_headers),
            provider=self.route.provider,
            attempts=attempts,
        )

    def chunk_reader(self, response: UpstreamResponse) -> ChunkReader:
        """Return the reader of a started stream; `response` has its status and headers."""
        plugin = self.target.plugin
        parser = plugin.stream_parser(self.call, self.route) if plugin.stream_parser is not None else None
        return ChunkReader(
            family=self.call.family,
            chunk_type=FAMILIES[self.call.family].chunk_type(),
            parser=None if parser is None else GuardedParser(plugin, parser),
            response=response,
            max_event_bytes=self.limits.event,
            secrets=self.secrets,
        )

    def burst(self, result: Any) -> Any:
        """Return a whole answer as the one chunk of a fake stream."""
        chunk = unfold(result.model_dump(exclude_unset=True))
        return FAMILIES[self.call.family].chunk_type().model_validate(chunk)

    def wait_after(self, error: APIError, attempt: int) -> float | None:
        """Return how long to wait before trying again; None: raise the error, now filled in."""
        if error.attempts != 0:  # 0: refused before anything was sent
            error.attempts = attempt
        self.filled(error)
        return wait_before_retry(
            error,
            attempt=attempt,
            max_retries=self.options.max_retries,
            should_retry=error._should_retry,
            remaining_seconds=self.deadline.remaining(),
            jitter=random.random(),  # noqa: S311  # spreads retries; nothing secret
        )

    def too_large(self, response: UpstreamResponse, limit: int) -> APIResponseValidationError:
        """Return the error for a body that passes its limit."""
        return APIResponseValidationError(
            f"HTTP {response.status}: the answer is larger than {limit} bytes (Limits.body)",
            status_code=response.status,
            request_id=response.headers.get("x-request-id"),
        )

    def _result_type(self) -> Any:
        if self.output_type is not None:
            from llmgate_core.types.chat import ParsedChatCompletion  # types load with their family

            return ParsedChatCompletion
        return FAMILIES[self.call.family].result_type()


class Pipeline:
    """Prepares the calls of one client."""

    def __init__(
        self, settings: Settings, client: ClientOptions, *, plugins: PluginPolicy, extensions: Sequence[Any]
    ) -> None:
        self.settings = settings
        self.client = client
        self.plugins = PluginTable(plugins, extensions)
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
        require_key: bool = True,
    ) -> Prepared:
        """Return the call ready to be sent; nothing has touched the network yet.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        started = time.monotonic()
        options = take_options(arguments, self.client, self.settings)
        target = self.router.resolve(family, model)
        body = canonical_body(inputs, arguments, options.own.get("extra_body"))
        endpoint = endpoint_for(target.plugin.info, options, self.client, self.settings, require_key=require_key)
        if endpoint.base_url == target.plugin.info.base_url:
            target = self.router.rerouted(target, body)
        route = Route(
            target.plugin.info.name,
            target.prefix,
            family,
            target.model,
            endpoint.base_url,
            endpoint.api_key,
            endpoint.organization,
            endpoint.project,
            None if target.row is None else target.row.facts,
            options.preview_features,
            target.reason,
        )
        fake_stream = bool(options.own.get("fake_stream")) and bool(body.get("stream"))
        ledger: tuple[LedgerEntry, ...] = ()
        if fake_stream:
            del body["stream"]
            body.pop("stream_options", None)
            ledger = (
                LedgerEntry("stream", "emulated", "fake_stream: sent without, handed out as one chunk", "caller"),
            )
        asked = Call(family, str(model), body, bool(body.get("stream")), body.get("metadata"))
        call, entries = apply_params(asked, route, target.plugin, options.policy)
        if entries:
            ledger += entries
            self._warn(route, entries)
        return Prepared(
            asked,
            call,
            target,
            route,
            ledger,
            _request(call, route, target),
            options,
            self.client.limits,
            Deadline(options.timeouts),
            output_type_of(arguments),
            fake_stream,
            started,
        )

    def before(self, prepared: Prepared) -> None:
        """Show the call to the extensions; an error of ours stops it."""
        for hook in self.plugins.before_call:
            hook(prepared.asked, prepared.route)

    def ended(
        self,
        prepared: Prepared,
        outcome: Outcome,
        *,
        chunks: int = 0,
        usage: Any = None,
        error: BaseException | None = None,
    ) -> None:
        """Tell the observers how the call ended; what they raise is logged and changes nothing."""
        seconds = time.monotonic() - prepared.started
        log.debug("%s %s: %s in %.3f s", prepared.route.provider, prepared.call.family, outcome, seconds)
        if not self.plugins.on_event:
            return
        counted = usage.model_dump(exclude_unset=True) if usage is not None else None
        event = CallEvent(prepared.asked, prepared.route, outcome, seconds, chunks, counted, error)
        for observer in self.plugins.on_event:
            try:
                observer(event)
            except Exception as failure:  # noqa: BLE001  # an observer must not change a call
                log.warning("an observer raised %s", type(failure).__name__)

    def _warn(self, route: Route, entries: tuple[LedgerEntry, ...]) -> None:
        """Warn of what was lost, once per kind."""
        for entry in entries:
            if entry.lossy:
                kind = f"{route.prefix}/{route.model}: {entry}"
                if kind not in self._warned:
                    self._warned.add(kind)
                    warnings.warn(kind, UserWarning, stacklevel=6)


def _request(call: Call, route: Route, target: Target) -> UpstreamRequest:
    plugin = target.plugin
    request = plugin.transform_request(call, route)
    if not isinstance(request, UpstreamRequest):
        raise plugin.error(
            "transform_request", f"hook transform_request gave {type(request).__name__}, not an UpstreamRequest"
        )
    content = encoded(call, route, request)
    return UpstreamRequest(request.method, request.path, content, request.headers, request.query)


def _request_id(raw_headers: Any) -> str | None:
    for name, value in raw_headers:
        if name.lower() == b"x-request-id":
            return str(value, "latin-1")
    return None
