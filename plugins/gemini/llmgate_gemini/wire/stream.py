"""Convert the events of streamGenerateContent to chunks.

Pure. Every event is a piece of an answer in the shape of a whole one. There is no end marker: a stream is complete once
each candidate has a `finishReason`, and ends with the body.

Source: Gemini API reference, `models.streamGenerateContent`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    LedgerEntry,
    Route,
    SSEEvent,
    asks_for_usage,
    decode,
    errors,
    string_of,
)
from llmgate_gemini.wire.answer_parts import CandidateReader
from llmgate_gemini.wire.candidates import blocked_choice, ending_of, extras_of, finish_reason_of
from llmgate_gemini.wire.dialect import GEMINI_API, Dialect
from llmgate_gemini.wire.errors import error_in_stream
from llmgate_gemini.wire.fields import objects, table
from llmgate_gemini.wire.logprobs import logprobs_of
from llmgate_gemini.wire.names import names_of
from llmgate_gemini.wire.response import identity_of, index_of, signs_ids
from llmgate_gemini.wire.usage import searches_of, usage_of

__all__ = ["ChatStream"]

PIECE_FIELDS = frozenset({"content", "index"})
"""The fields of a candidate that has more to say."""


class ChatStream:
    """The parser of one stream."""

    def __init__(self, call: Call, route: Route, dialect: Dialect = GEMINI_API) -> None:
        self._counted: Any = None
        self._wants_usage = asks_for_usage(call.body)
        self._names = names_of(call.body)
        self._signs_ids = signs_ids(route)
        self._ledger = Ledger(route, dialect.source)
        self._answer_id = ""
        self._candidates: dict[int, _Candidate] = {}

    @property
    def ledger(self) -> list[LedgerEntry]:
        """What was lost or changed so far."""
        return list(self._ledger.entries)

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        """Return the chunks of an event.

        Raises:
            APIError: the event reports an error, or is not a piece of an answer.
        """
        said = _said(event)
        if not isinstance(said, dict) or said.get("error"):
            raise error_in_stream(said) or errors.APIResponseValidationError("an event of the stream is not an object")
        self._counted = said.get("usageMetadata") or self._counted
        self._answer_id = self._answer_id or string_of(said.get("responseId"))
        return self._chunks(said)

    @property
    def usage(self) -> JsonObject | None:
        """What was counted so far; None: nothing."""
        return usage_of(self._counted, sum(candidate.searches for candidate in self._candidates.values()))

    def error(self, event: SSEEvent) -> errors.APIError | None:
        """Return the error that an event of the name `error` reports; None: core's own."""
        return error_in_stream(_said(event))

    def close(self) -> list[JsonObject]:
        """Return the chunk with the usage, if it is asked for and the answer is complete."""
        is_complete = any(candidate.has_ended for candidate in self._candidates.values())
        usage = self.usage if self._wants_usage and is_complete else None
        return [] if usage is None else [{"choices": [], "usage": usage}]

    def _chunks(self, said: JsonObject) -> list[JsonObject]:
        base = identity_of(said)
        blocked = blocked_choice(said["promptFeedback"]) if "promptFeedback" in said else None
        if blocked is not None and not self._candidates:
            self._candidate(0).has_ended = True
            message = {name: value for name, value in blocked["message"].items() if name != "content"}
            del base["promptFeedback"]
            return [{**base, "choices": [{**_without_message(blocked), "delta": message}]}]
        chunks: list[JsonObject] = []
        for place, candidate in enumerate(objects(said.get("candidates"))):
            index = index_of(candidate, place)
            for choice in self._candidate(index).choices(candidate, self._ledger):
                chunks.append({**base, "choices": [{"index": index, **choice}]})
        return chunks

    def _candidate(self, index: int) -> _Candidate:
        if index not in self._candidates:
            reader = CandidateReader(self._names, self._answer_id, index, signs_ids=self._signs_ids)
            self._candidates[index] = _Candidate(reader)
        return self._candidates[index]


class _Candidate:
    """One candidate so far."""

    def __init__(self, reader: CandidateReader) -> None:
        self.has_ended = False
        self._reader = reader
        self._extras: JsonObject = {}

    @property
    def searches(self) -> int:
        """How many times the web was searched for it."""
        return searches_of(self._extras.get("grounding_metadata"))

    def choices(self, candidate: JsonObject, ledger: Ledger) -> Iterator[JsonObject]:
        """Yield the choices of the chunks that an event becomes, the last one with the finish reason if it has one."""
        if candidate.keys() <= PIECE_FIELDS:  # most events of a stream
            for part in objects(table(candidate.get("content")).get("parts")):
                if delta := self._reader.read(part):
                    yield {"delta": delta, "finish_reason": None}
            return
        self._extras.update(extras_of(candidate))
        deltas = [self._reader.read(part) for part in objects(table(candidate.get("content")).get("parts"))]
        reason = string_of(candidate.get("finishReason"))
        finished = None if self.has_ended else finish_reason_of(candidate, self._reader.calls, ledger)
        if finished is not None:
            self.has_ended = True
            deltas += [self._reader.end_call(), ending_of(self._extras, reason, finished, self._reader)]
        deltas = [delta for delta in deltas if delta]
        logprobs = logprobs_of(candidate.get("logprobsResult"))
        for place, delta in enumerate(deltas or ([{}] if finished or logprobs else [])):
            is_last = place >= len(deltas) - 1
            choice: JsonObject = {"delta": delta, "finish_reason": finished if is_last else None}
            yield choice if logprobs is None or not is_last else {**choice, "logprobs": logprobs}


def _without_message(choice: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in choice.items() if name != "message"}


def _said(event: SSEEvent) -> Any:
    """Return what an event says; None: it is not JSON."""
    try:
        return decode(event.data)
    except ValueError:
        return None
