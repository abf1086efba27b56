"""The way back of one call: what its answer becomes. Typed results here; `relay/` has the way that keeps bytes.

Pure but for the clock, which says when a converted answer was made.

Source: docs/reliability.md, rows R5 and R8.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from llmgate_core.bridges.bridge import bridge_response, bridge_stream
from llmgate_core.calls.fill_ins import filled_answer, filled_stream
from llmgate_core.calls.observers import CallObservers
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.rewriting import RewrittenCall, RewrittenStream
from llmgate_core.calls.vectors import count_of_inputs, packed_as_asked
from llmgate_core.catalogue.prices import Cost, billed_tier, reported_cost, units_of
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Converted, StreamParser, UpstreamResponse
from llmgate_core.errors import APIResponseValidationError, LLMGateError
from llmgate_core.reading.accumulate.chunks import unfold
from llmgate_core.reading.readers.base import ERROR_WORD, StreamReader
from llmgate_core.reading.readers.bytes import ByteReader
from llmgate_core.reading.readers.checked_chunks import CheckedChunks
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.results import HALF_CHARACTERS, binary_result, typed_result
from llmgate_core.reading.upstream_errors import (
    error_instead_of_answer,
    error_of_object,
    error_of_status,
    error_reported_by,
    validation_error,
)
from llmgate_core.registry.guards import GuardedParser
from llmgate_core.types.loose import validated
from llmgate_core.types.record import CallRecord

__all__ = ["ResultReader", "TypedReader"]


class ResultReader(ABC):
    """Reads the answer of one call. What differs is only the form in which the caller gets it."""

    def __init__(self, call: PreparedCall, observers: CallObservers) -> None:
        self._call = call
        self._observers = observers

    @abstractmethod
    def result(self, response: UpstreamResponse, attempts: int) -> Any:
        """Return the result of a whole answer.

        Raises:
            APIError: an error inside the 2xx, or not the promised shape. PluginError: the hook returned something
                that the contract does not allow.
        """

    @abstractmethod
    def bytes_result(self, response: UpstreamResponse, attempts: int) -> Any:
        """Return the result of an answer of bytes, such as audio.

        Raises:
            APIError: it is empty, or a document.
        """

    @abstractmethod
    def canonical_result(
        self, answer: JsonObject, response: UpstreamResponse, attempts: int, losses: Sequence[LedgerEntry] = ()
    ) -> Any:
        """Return the result of a whole answer that a plugin has made itself, by an exchange or in this process.

        Args:
            answer: in the shape of the family that carries the call.
            response: the last one.
            attempts: how many requests were sent.
            losses: what reading it lost.

        Raises:
            APIError: not the promised shape.
        """

    def stream_reader(self, head: UpstreamResponse, parser: StreamParser | None = None) -> StreamReader:
        """Return the reader of a started stream of chunks, or of bytes; `parser` is used in place of the plugin's."""
        call = self._call
        if call.is_binary:
            return ByteReader(call.family, head)
        limits = call.limits
        return self._event_reader(
            call.family,
            self._parser(head, parser),
            head,
            max_event_bytes=limits.event,
            max_event_values=limits.event_values,
            secrets=call.secrets,
        )

    @property
    @abstractmethod
    def _event_reader(self) -> Callable[..., StreamReader]:
        """What makes the reader of a stream of events."""

    @abstractmethod
    def burst(self, result: Any) -> list[Any]:
        """Return a result as the chunks of a fake stream."""

    def error_of(self, response: UpstreamResponse) -> LLMGateError:
        """Return the error for an answer of status 300 and above: the plugin's, else by status and code."""
        call = self._call
        error = error_of_status(response, call.secrets)
        map_error = call.target.plugin.map_error
        mapped = None if map_error is None else map_error(call.upstream_call, call.route, response, error)
        return error if mapped is None else cast(LLMGateError, mapped)

    def not_a_stream(self, response: UpstreamResponse) -> APIResponseValidationError:
        """Return the error for a whole document in answer to a stream request."""
        return validation_error(response, "a whole answer came where a stream was asked for", self._call.secrets)

    def record(self, response: UpstreamResponse, attempts: int, losses: Sequence[LedgerEntry] = ()) -> CallRecord:
        """Return what a result or stream knows of its call; `losses` are those of reading the answer."""
        call = self._call
        if losses:
            self._observers.warn(call.route, losses)
        return CallRecord(
            ledger=call.ledger,
            reading_losses=losses,
            headers=response.headers if call.options.return_headers else None,
            request_id=_request_id(response.raw_headers),
            provider=call.route.provider,
            attempts=attempts if call.credentials is None else attempts + call.credentials.repeats,
            price=self._price,
            output_type=call.output_type,
        )

    def _price(self, usage: Any, tier: str | None, units: Mapping[str, Any] | None = None) -> Cost | None:
        call, row = self._call, self._call.target.row
        info = call.target.plugin.info
        if info.cost_field and call.prices is None and (cost := reported_cost(info, usage)) is not None:
            return cost
        prices = call.prices or (None if row is None else row.prices)
        if prices is None:
            return None
        body, request_units = call.original_call.body, call.units
        if request_units is None:
            request_units = units_of(call.family.name, body)
        all_units = {**request_units, **units} if units else request_units
        tier = None if call.prices is not None else billed_tier(tier, usage, body.get("service_tier"))
        return prices.cost_of(usage, tier=tier, units=all_units)

    def _canonical(self, response: UpstreamResponse) -> tuple[JsonObject | UpstreamResponse, tuple[LedgerEntry, ...]]:
        """Return the answer in the shape of the family that was called, and what that lost.

        Raises:
            APIError, PluginError: as `result`.
        """
        call = self._call
        plugin = call.target.plugin
        answer: Any = response
        ledger: tuple[LedgerEntry, ...] = ()
        if plugin.transform_response is not None:
            self._raise_error_in(response)
            answer = plugin.transform_response(call.upstream_call, call.route, response)
        if isinstance(answer, Converted):
            answer, ledger = answer.body, answer.ledger
        if answer is not response and not isinstance(answer, dict):
            raise plugin.error(
                "transform_response",
                f"hook transform_response returned {type(answer).__name__}, not a dict or the response itself",
            )
        if isinstance(answer, dict):
            answer = self._completed(answer)
        if call.is_bridged:
            answer, losses = self._bridged(answer, response)
            ledger = (*ledger, *losses)
        return answer, ledger

    def _carried(self, answer: JsonObject, response: UpstreamResponse) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        """Return a canonical answer, completed, in the shape of the family that was called, and what that lost."""
        answer = self._completed(answer)
        ledger: tuple[LedgerEntry, ...] = ()
        if self._call.is_bridged:
            answer, ledger = self._bridged(answer, response)
        answer, entries = self._rewritten_object(answer)
        return answer, (*ledger, *entries)

    def _rewritten(
        self, answer: JsonObject | UpstreamResponse
    ) -> tuple[JsonObject | UpstreamResponse, tuple[LedgerEntry, ...]]:
        """Return an answer as the extensions rewrite it, and which did. An error in it passes: it is raised later.

        Raises:
            PluginError: an extension failed. LLMGateError: an extension refuses the answer.
        """
        call = self._call
        if call.rewriting is None or not call.rewriting.reads_answers or call.operation.is_binary:
            return answer, ()
        parsed = answer.json() if isinstance(answer, UpstreamResponse) else answer
        if not isinstance(parsed, dict):
            return answer, ()
        rewritten, entries = self._rewritten_object(parsed)
        return (rewritten if entries else answer), entries

    def _rewritten_object(self, answer: JsonObject) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        """Return what `_rewritten` does, of an answer that is parsed."""
        call = self._call
        is_error = error_reported_by(answer) and not answer.get("id")
        if call.rewriting is None or not call.rewriting.reads_answers or is_error:
            return answer, ()
        return call.rewriting.answer(answer)

    def _completed(self, answer: JsonObject) -> JsonObject:
        """Return a converted answer with what it lacks."""
        call = self._call
        answer = filled_answer(call.upstream_call, call.route.model, answer, time.time())
        return packed_as_asked(call.original_call, answer) if call.family.name == "embedding" else answer

    def _raise_error_in(self, response: UpstreamResponse) -> None:
        """Raise the error that a new answer is, before a plugin looks for what an error does not have."""
        if self._call.original_call.operation != "create" or ERROR_WORD not in response.content:
            return
        try:
            reported = error_instead_of_answer(response.json())
        except APIResponseValidationError:  # not JSON, which may be what the plugin waits for
            return
        if reported:
            raise error_of_object(reported, response.status, response.headers, self._call.secrets)

    def _bridged(
        self, answer: JsonObject | UpstreamResponse, response: UpstreamResponse
    ) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
        converted = bridge_response(self._call.original_call, self._call.route, answer, response)
        return converted.body, converted.ledger

    def _parser(self, head: UpstreamResponse, parser: StreamParser | None) -> StreamParser | None:
        """Return what makes canonical events of this upstream's; None: they are canonical already."""
        call = self._call
        plugin = call.target.plugin
        if parser is None and plugin.stream_parser is not None:
            parser = plugin.stream_parser(call.upstream_call, call.route, head)
            if parser is not None:
                parser = cast(StreamParser, GuardedParser(plugin, parser))
        if parser is not None:
            parser = filled_stream(parser, call.upstream_call, call.route.model, time.time())
        if call.is_bridged:
            parser = bridge_stream(call.original_call, call.route, parser)
        return parser if call.rewriting is None else self._rewritten_stream(call.rewriting, parser, head)

    def _rewritten_stream(
        self, rewriting: RewrittenCall, parser: StreamParser | None, head: UpstreamResponse
    ) -> StreamParser | None:
        call = self._call
        stages = rewriting.stages()
        if not stages:
            return parser
        parser = parser or CheckedChunks(call.family, head, call.secrets)
        return cast(StreamParser, RewrittenStream(call.family, parser, stages))

    def _invalid_answer(self, made_by: str | None, error: APIResponseValidationError) -> LLMGateError:
        """Return the error for an answer that is not canonical: the plugin's fault where one of its hooks made it."""
        rewriter = None if self._call.rewriting is None else self._call.rewriting.rewriter
        if rewriter is not None:
            reason = f"hook {rewriter.name} returned an answer that is not canonical: {error.message}"
            return rewriter.extension.error(rewriter.name, reason)
        if made_by is None or self._call.is_bridged:
            return error
        reason = f"hook {made_by} returned an answer that is not canonical: {error.message}"
        return self._call.target.plugin.error(made_by, reason)

    def _pieces(self, answer: JsonObject) -> list[JsonObject]:
        """Return a whole answer as the chunks or events of a stream."""
        return unfold(self._call.family.name, answer, with_usage=self._call.streams_usage)


class TypedReader(ResultReader):
    """Makes typed results and chunks."""

    def result(self, response: UpstreamResponse, attempts: int) -> Any:
        """Return the typed result."""
        canonical, losses = self._canonical(response)
        made_by = None if canonical is response else "transform_response"
        if self._call.rewriting is not None:
            canonical, entries = self._rewritten(canonical)
            losses += entries
        return self._typed_result(canonical, response, attempts, losses, made_by)

    def bytes_result(self, response: UpstreamResponse, attempts: int) -> Any:
        """Return the bytes, with what is known of their call."""
        return binary_result(response, self.record(response, attempts), self._call.secrets)

    def canonical_result(
        self, answer: JsonObject, response: UpstreamResponse, attempts: int, losses: Sequence[LedgerEntry] = ()
    ) -> Any:
        """Return the typed result."""
        canonical, bridged = self._carried(answer, response)
        made_by: str | None = "serve"
        if self._call.target.plugin.exchange is not None:
            made_by = None if response.has_parsed(answer) else "exchange"  # None: the upstream made it
        return self._typed_result(canonical, response, attempts, (*losses, *bridged), made_by)

    @property
    def _event_reader(self) -> Callable[..., StreamReader]:
        return chunk_reader

    def burst(self, result: Any) -> list[Any]:
        """Return the typed chunks of a fake stream."""
        chunk_type = self._call.family.chunk_type()
        return [validated(chunk_type, piece) for piece in self._pieces(result.model_dump(exclude_unset=True))]

    def _typed_result(
        self,
        canonical: JsonObject | UpstreamResponse,
        response: UpstreamResponse,
        attempts: int,
        losses: Sequence[LedgerEntry],
        made_by: str | None,
    ) -> Any:
        call = self._call
        if call.operation.is_binary:
            return binary_result(response, self.record(response, attempts, losses), call.secrets)
        is_new, secrets = call.original_call.operation == "create", call.secrets
        kind = call.family.result_type(call.original_call.operation, is_parsed=call.output_type is not None)
        try:
            result = typed_result(kind, canonical, response, secrets, is_new=is_new)
        except APIResponseValidationError as error:
            raise self._invalid_answer(made_by, error) from None
        if response.has_replacements:
            losses = (*losses, HALF_CHARACTERS)
        result.attach(self.record(response, attempts, losses))
        if call.output_type is not None:
            result.expect_output(call.output_type)
        if call.family.name == "rerank" and isinstance(documents := call.original_call.body.get("documents"), list):
            result.expect_ranks(len(documents))
        if call.family.name == "embedding":
            result.expect_vectors(count_of_inputs(call.original_call.body["input"]), is_packed=call.encodes_vectors)
        return result


def _request_id(raw_headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    for name, value in raw_headers:
        if name.lower() == b"x-request-id":
            return str(value, "latin-1")
    return None
