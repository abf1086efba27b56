"""One call, ready to be sent, and everything that is needed to read its answer.

Pure but for the clock: `run.py` and `arun.py` do the sending and waiting in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from llmgate_core.bridges.bridge import bridge_response, bridge_stream
from llmgate_core.calls.http_request import encoded, transport_request
from llmgate_core.calls.retry import wait_before_retry
from llmgate_core.catalogue.prices import Cost, cost_of, units_of
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.form import Multipart
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Deadline, Limits
from llmgate_core.contract.transport import TransportRequest
from llmgate_core.contract.upstream import Converted, StreamParser, UpstreamRequest, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES, Family
from llmgate_core.errors import APIError, APIResponseValidationError, LLMGateError
from llmgate_core.reading.accumulate.chunks import unfold
from llmgate_core.reading.readers.base import StreamReader
from llmgate_core.reading.readers.chunks import reader_for
from llmgate_core.reading.results import binary_result, typed_result
from llmgate_core.reading.upstream_errors import error_of_status, validation_error
from llmgate_core.registry.hooks import GuardedParser
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.secrets import Secret, mask
from llmgate_core.settings.options import Options
from llmgate_core.types.record import CallRecord

__all__ = ["PreparedCall"]


FakeStream = Literal["plain", "with usage"] | None


@dataclass(slots=True)
class PreparedCall:
    """One call, ready to be sent, and what is needed to read its answer.

    Attributes:
        asked: the call as the caller made it, for observers.
        call: as the plugin gets it: in the family that carries it, its parameters judged.
        request: what the plugin wants sent, its body in bytes or a form.
        fake_stream: the caller wants chunks, the upstream is asked for a whole answer; how much they shall say.
        job: how far an exchange has come, for errors.
        warn: tells of what reading the answer lost, once per kind.
    """

    asked: Call
    call: Call
    target: ResolvedModel
    route: Route
    ledger: tuple[LedgerEntry, ...]
    request: UpstreamRequest
    options: Options
    limits: Limits
    deadline: Deadline
    output_type: Any = None
    takes_paths: ClassVar[bool] = True  # a text in a file's place is a path of this machine
    fake_stream: FakeStream = None
    started: float = 0.0
    job: JsonObject | None = None
    warn: Callable[[Route, Sequence[LedgerEntry]], None] = lambda _route, _entries: None

    @property
    def family(self) -> Family:
        """The family that was called."""
        return FAMILIES[self.asked.family]

    @property
    def is_binary(self) -> bool:
        """Whether the answer is bytes rather than JSON or events."""
        operation = self.family.operations[self.asked.operation]
        when = operation.events_when
        return operation.is_binary and not (when and self.asked.body.get(when[0]) == when[1])

    @property
    def is_bridged(self) -> bool:
        """Whether another family carries the call."""
        return self.call.family != self.asked.family

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """The keys that no text about this call may hold."""
        return (self.route.api_key,)

    def transport_request(self, request: UpstreamRequest, *, bearer: bool = False) -> TransportRequest:
        """Return `request` as it goes on the wire, with the key as a bearer token if asked for."""
        if isinstance(request.body, (dict, Multipart)):  # one that an exchange made
            request = replace(request, body=encoded(self.call, self.route, request))
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
        canonical, ledger = self.canonical(response)
        return self.typed(canonical, response, attempts, ledger)

    def canonical(self, response: UpstreamResponse) -> tuple[JsonObject | UpstreamResponse, tuple[LedgerEntry, ...]]:
        """Return the answer in the shape of the family that was called, and what that lost.

        Raises:
            APIError, PluginError: as `result_of`.
        """
        plugin = self.target.plugin
        answer: Any = response
        ledger: tuple[LedgerEntry, ...] = ()
        if plugin.transform_response is not None:
            answer = plugin.transform_response(self.call, self.route, response)
        if isinstance(answer, Converted):
            answer, ledger = answer.body, answer.ledger
        if answer is not response and not isinstance(answer, dict):
            raise plugin.error(
                "transform_response",
                f"hook transform_response gave {type(answer).__name__}, not a dict or the response itself",
            )
        if self.is_bridged:
            converted = bridge_response(self.asked, self.route, answer, response)
            answer, ledger = converted.body, (*ledger, *converted.ledger)
        return answer, ledger

    def exchanged(self, answer: Any, response: UpstreamResponse | None, attempts: int) -> Any:
        """Return the typed result of what an exchange ended with.

        Raises:
            PluginError: it is no dict.
        """
        if not isinstance(answer, dict):
            raise self.target.plugin.error("exchange", f"hook exchange ended with {type(answer).__name__}, not a dict")
        return self.typed(answer, response or UpstreamResponse(200, (), b""), attempts, ())

    def progress(self, job: JsonObject) -> None:
        """Remember how far an exchange has come, and tell the caller."""
        self.job = job
        tell = self.options.own.get("on_progress")
        if tell is not None:
            tell(job)

    def typed(self, canonical: Any, response: UpstreamResponse, attempts: int, ledger: tuple[LedgerEntry, ...]) -> Any:
        """Return the typed result of a canonical answer."""
        if self.family.operations[self.asked.operation].is_binary:
            return binary_result(response, self.record(response, attempts, ledger), self.secrets)
        is_new = self.asked.operation == "create"
        result = typed_result(self._result_type(), canonical, response, self.secrets, is_new=is_new)
        result.attach(self.record(response, attempts, ledger))
        if self.output_type is not None:
            result.expect_output(self.output_type)
        return result

    def record(self, response: UpstreamResponse, attempts: int, late: Sequence[LedgerEntry] = ()) -> CallRecord:
        """Return what a result or stream shall know of its call; `late` is what reading it lost."""
        if late:
            self.warn(self.route, late)
        return CallRecord(
            ledger=self.ledger,
            late=late,
            headers=response.headers if self.options.return_headers else None,
            request_id=_request_id(response.raw_headers),
            provider=self.route.provider,
            attempts=attempts,
            price=self._price,
            output_type=self.output_type,
        )

    def _price(self, usage: Any, tier: str | None, units: Mapping[str, Any] | None = None) -> Cost | None:
        if self.target.row is None:
            return None
        asked = units_of(self.asked.family, self.asked.body)
        return cost_of(
            self.target.row.facts,
            usage,
            as_of=self.target.row.as_of,
            tier=tier,
            units={**asked, **units} if units else asked,
        )

    def reader(self, response: UpstreamResponse) -> StreamReader:
        """Return the reader of a started stream; `response` has its status and headers."""
        return reader_for(
            self.family,
            None if self.is_binary else self.parser(),
            response,
            is_binary=self.is_binary,
            max_event_bytes=self.limits.event,
            secrets=self.secrets,
        )

    def parser(self) -> StreamParser | None:
        """Return what makes canonical events of this upstream's; None: they are canonical already."""
        plugin = self.target.plugin
        own = plugin.stream_parser(self.call, self.route) if plugin.stream_parser is not None else None
        parser = None if own is None else GuardedParser(plugin, own)
        return bridge_stream(self.asked, self.route, parser, self.secrets) if self.is_bridged else parser

    def burst(self, result: Any) -> list[Any]:
        """Return a whole answer as the chunks of a fake stream."""
        chunk_type = self.family.chunk_type()
        return [chunk_type.model_validate(piece) for piece in self.pieces(result.model_dump(exclude_unset=True))]

    def pieces(self, answer: JsonObject) -> list[JsonObject]:
        """Return a whole answer as the chunks or events that say it all."""
        return unfold(self.asked.family, answer, with_usage=self.fake_stream == "with usage")

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
        if self.output_type is not None and self.asked.family == "chat":
            from llmgate_core.types.chat import ParsedChatCompletion  # types load with their family

            return ParsedChatCompletion
        return self.family.result_type(self.asked.operation)


def _request_id(raw_headers: Any) -> str | None:
    for name, value in raw_headers:
        if name.lower() == b"x-request-id":
            return str(value, "latin-1")
    return None
