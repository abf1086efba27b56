"""Checks of streams: the same answer as without one, however its bytes come, and an error where it breaks off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.errors import StreamTruncatedError, UnsupportedParamsError
from llmgate_core.testing.conformance.answers import USAGE, blamed
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import StreamRead
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.comparing import differences, expected, seen
from llmgate_core.testing.conformance.mutations import mutated
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.wire import Event, Wire

__all__ = ["ChunkChecks", "StreamChecks"]

MAX_CUTS = 1500
ALL_OF_IT = {"text", "tool calls", "finish_reason", "reasoning"}


class StreamChecks(Checks):
    """Streams of every family that has them."""

    @check
    def test_stream_equals_whole(self) -> Findings:
        """The chunks of a stream add up to the answer that would have come without it.

        The parser's `feed` must lose no piece, add none and keep their order.
        """
        for sample in self.streamed_samples():
            read = self.read(sample)
            if read.error is not None:
                yield f"{sample.name}: {type(read.error).__name__}: {str(read.error)[:200]}"
                continue
            yield from (f"{sample.name}: {wrong}" for wrong in self.wrong_sums(sample, read, but=USAGE))
            signature = sample.reply.signature if self.can("signed_reasoning") else ""
            if signature not in json.dumps(read.folded):
                yield f"{sample.name}: the signature {signature!r} is not in the reasoning_items of any chunk"

    @check
    def test_usage_in_stream(self) -> Findings:
        """A stream says how many tokens it took, as the whole answer does.

        Return a last chunk with `usage` and without choices, or set the parser's `usage`. Without the capability
        `usage_in_stream` this does not apply.
        """
        self.require("usage_in_stream")
        for sample in self.streamed_samples():
            read = self.read(sample)
            answer = {**(read.folded or {}), "usage": _plain(read.usage)}
            if self.family == "responses":
                answer = read.folded
            wanted = {n: v for n, v in expected(self.family, sample.reply, stream=True).items() if n in USAGE}
            found = seen(self.family, answer, stream=True)
            yield from (f"{sample.name}: {wrong}" for wrong in differences(wanted, found))

    @check
    def test_stream_cut_at_every_event(self) -> Findings:
        """A stream that breaks off between two events is a `StreamTruncatedError`, never a finished answer.

        The parser's `close()` must raise it unless the provider has said that the answer is complete. A `close()` that
        returns [] makes half an answer look whole.
        """
        for sample in self.streamed_samples():
            frames = self.the_wire.frames(sample.reply)
            call = self.prepared(sample)
            for number in range(len(frames)):
                if wrong := self.wrong_end(sample, call, frames[:number]):
                    yield f"{sample.name}, cut after event {number} of {len(frames)}: {wrong}"

    @check
    def test_stream_cut_at_every_byte(self) -> Findings:
        """A stream that breaks off within an event is a `StreamTruncatedError`, never a finished answer.

        As above. An end marker counts when it is complete.
        """
        sample = self.awkward_sample()
        content, call = b"".join(self.the_wire.frames(sample.reply)), self.prepared(sample)
        step = len(content) // MAX_CUTS + 1
        for size in range(0, len(content), step):
            if wrong := self.wrong_end(sample, call, [content[:size]]):
                yield f"{sample.name}, cut after byte {size} of {len(content)}: {wrong}"

    @check
    def test_stream_in_any_blocks(self) -> Findings:
        """The same bytes in other blocks make the same chunks.

        Core cuts the bytes into events, so this fails only where a parser or a decoder of yours keeps bytes.
        """
        sample = self.awkward_sample()
        content, call = b"".join(self.the_wire.frames(sample.reply)), self.prepared(sample)
        wanted = _settled(self.bench.read_stream(call, [content]).chunks)
        splits = [[content[:size], content[size:]] for size in range(1, len(content), len(content) // 200 + 1)]
        splits.append([content[place : place + 1] for place in range(len(content))])
        for blocks in splits:
            if _settled(self.bench.read_stream(call, blocks).chunks) != wanted:
                yield f"{sample.name}: other chunks where the first block has {len(blocks[0])} bytes"

    @check
    def test_stream_ends_with_its_marker(self) -> Findings:
        """The stream is over with the provider's last event, also where the connection stays open.

        Set the parser's `done` after it; else the caller waits for the connection to close. A provider without an end
        marker has a wire with `has_end_marker=False`.
        """
        if not self.the_wire.has_end_marker:
            raise NotApplicableError("the wire has no end marker")
        for sample in self.streamed_samples():
            read = self.bench.read_stream(self.prepared(sample), self.the_wire.frames(sample.reply), at_end=False)
            if not read.is_over:
                yield f"{sample.name}: after the last event the parser still waits for more"

    @check
    def test_unknown_events(self) -> Findings:
        """An event that your plugin does not know is passed over, or on; it ends nothing.

        Providers add events. `feed` should return [] for one that it does not know.
        """
        sample = self.awkward_sample()
        events = list(self.the_wire.events_of(sample.reply))
        unknown: Event = {"type": "x_conformance_unknown", "x_conformance_unknown": {"value": 1}}
        if any(isinstance(event, tuple) for event in events):
            unknown = ("x_conformance_unknown", dict(unknown))  # type: ignore[arg-type]
        elif self.is_openai_wire():
            raise NotApplicableError("each event of this wire is a chunk, and has no name by which it is unknown")
        for place in (0, len(events) // 2):
            frames = [self.the_wire.frame(event) for event in (*events[:place], unknown, *events[place:])]
            read = self.bench.read_stream(self.prepared(sample), frames)
            if read.error is not None:
                yield f"before event {place}: {type(read.error).__name__}: {str(read.error)[:200]}"
            else:
                wrong = self.wrong_sums(sample, read, but=USAGE)
                yield from (f"before event {place}: {difference}" for difference in wrong)

    @check
    def test_mistyped_events(self) -> Findings:
        """Each field of an event may be missing, null or of another type: that is never your bug.

        As for whole answers: guard what `feed` reads.
        """
        shapes: set[str] = set()
        for sample in self.streamed_samples():
            events = self.the_wire.events_of(sample.reply)
            call = self.prepared(sample)
            for number, changed, place in _mutated_events(events, shapes):
                frames = [self.the_wire.frame(event) for event in (*events[:number], changed, *events[number + 1 :])]
                if wrong := blamed(self.bench.read_stream(call, frames).error):
                    yield f"{sample.name}, event {number}, {place}: {wrong}"

    @check
    def test_streams_share_no_state(self) -> Findings:
        """Two streams at the same time do not disturb each other.

        `stream_parser` must return an object of its own for each stream; nothing about a stream may be kept in the
        plugin or in its class.
        """
        first, *others = self.streamed_samples()
        samples = [first, *others[-1:], first]
        wanted = [self.read(sample).folded for sample in samples]
        reads = self.bench.read_streams_by_turns(
            [(self.prepared(sample), self.the_wire.frames(sample.reply)) for sample in samples]
        )
        for sample, alone, beside in zip(samples, wanted, reads, strict=True):
            if beside.error is not None:
                yield f"{sample.name}, beside another stream: {type(beside.error).__name__}: {beside.error}"
            elif _settled([beside.folded]) != _settled([alone]):
                yield f"{sample.name}, beside another stream, adds up to something else"

    @check
    def test_streaming_claim(self) -> Findings:
        """A provider that does not stream says so.

        Without the capability `streaming`: `ProviderInfo(streams=False)`, by which core asks without `stream`, or a
        refusal of the parameter `stream`.
        """
        if self.can("streaming"):
            if self.wire is not None and self.wire.events is None:
                yield "the capability streaming is claimed, but the wire has no `events`"
            return
        _ = self.the_wire  # without one, nothing says whether the provider streams
        try:
            call = self.bench.prepare(self.samples[0], stream=True)
        except UnsupportedParamsError:
            return
        if call.fake_stream is None:
            yield "the capability streaming is not claimed, but a stream is asked of the provider"

    # --- what the checks share ---

    def is_openai_wire(self) -> bool:
        """Return whether the events are those of the OpenAI API."""
        return self.wire is not None and self.wire.events == Wire.canonical(self.family).events

    def streamed_samples(self) -> Iterator[Sample]:
        """Yield the samples that the provider streams."""
        self.require("streaming")
        if self.the_wire.events is None:
            raise NotApplicableError("the wire has no `events`")
        return self.claimed_samples()

    def awkward_sample(self) -> Sample:
        """Return a sample with much that could go wrong: calls of functions, else a tricky text."""
        return max(self.streamed_samples(), key=lambda sample: len(sample.reply.tool_calls))

    def prepared(self, sample: Sample) -> PreparedCall:
        """Return a sample's call as a stream, with its usage if that is claimed."""
        asks = self.can("usage_in_stream") and self.family in ("chat", "text_completion")
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
        return self.bench.prepare(sample, stream=True, **options)

    def read(self, sample: Sample) -> StreamRead:
        """Return the stream of a sample, read."""
        return self.bench.read_stream(self.prepared(sample), self.the_wire.frames(sample.reply))

    def wrong_sums(self, sample: Sample, read: StreamRead, *, but: Sequence[str] = ()) -> Iterator[str]:
        """Yield what differs between what a stream adds up to and its reply."""
        wanted = expected(self.family, sample.reply, stream=True)
        wanted = {name: value for name, value in wanted.items() if name not in but}
        return differences(wanted, seen(self.family, read.folded, stream=True))

    def wrong_end(self, sample: Sample, call: PreparedCall, blocks: Sequence[bytes]) -> str | None:
        """Return what is wrong with the end of a stream that was cut off; None: it is right."""
        read = self.bench.read_stream(call, blocks)
        if isinstance(read.error, StreamTruncatedError):
            return None
        if read.error is not None:
            return f"{type(read.error).__name__} instead of StreamTruncatedError: {str(read.error)[:160]}"
        missing = list(self.wrong_sums(sample, read, but=USAGE))
        return f"it counts as finished, but {missing[0]}" if missing else None


class ChunkChecks(StreamChecks):
    """The shape of the chunks of chat."""

    @check
    def test_stream_shape(self) -> Findings:
        """Each chunk has OpenAI's shape: one role, one `finish_reason`, at most one usage, calls by their index.

        Programs rely on it: the first piece of a call has its id and name, the others its index alone.
        """
        for sample in self.streamed_samples():
            read = self.read(sample)
            yield from (f"{sample.name}: {wrong}" for wrong in _shape_of(read.chunks, len(sample.reply.tool_calls)))


def _shape_of(chunks: Sequence[Mapping[str, Any]], calls: int) -> Iterator[str]:
    for name, kind in (("id", str), ("model", str), ("created", int)):
        odd = [chunk.get(name) for chunk in chunks if not isinstance(chunk.get(name), kind)]
        if odd:
            yield f"{len(odd)} chunks have the {name} {odd[0]!r}"
    choices = [choice for chunk in chunks for choice in chunk.get("choices") or ()]
    if any(type(choice.get("index")) is not int for choice in choices):
        yield "a choice has no index"
    endings = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    if len(endings) != 1:
        yield f"there are {len(endings)} finish reasons instead of one"
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    if len(usages) > 1:
        yield f"the usage comes {len(usages)} times"
    deltas = [choice.get("delta") or {} for choice in choices]
    roles = [delta["role"] for delta in deltas if delta.get("role")]
    if roles != ["assistant"]:
        yield f"the roles are {roles} instead of one assistant"
    yield from _indexes_of([call for delta in deltas for call in delta.get("tool_calls") or ()], calls)


def _indexes_of(pieces: Sequence[Mapping[str, Any]], calls: int) -> Iterator[str]:
    indexes = list(dict.fromkeys(piece.get("index") for piece in pieces))
    if indexes != list(range(calls)):
        yield f"the calls have the indexes {indexes} instead of 0 to {calls - 1}"
    named = Counter(piece.get("index") for piece in pieces if (piece.get("function") or {}).get("name"))
    if any(count > 1 for count in named.values()):
        yield "the name of a function comes more than once"


def _mutated_events(events: Sequence[Event], shapes: set[str]) -> Iterator[tuple[int, Event, str]]:
    """Yield the number of an event, a copy with one place changed, and what was changed.

    An event whose shape is in `shapes` is left out, and each other one is added there.
    """
    for number, event in enumerate(events):
        name, data = event if isinstance(event, tuple) else ("", event)
        shape = json.dumps([name, _shape(data)], sort_keys=True)
        if isinstance(data, str) or shape in shapes:
            continue
        shapes.add(shape)
        for place, changed in mutated(data):
            yield number, (name, json.dumps(changed)) if name else json.dumps(changed), place


def _shape(value: Any) -> Any:
    """Return the places and types of a JSON value: of events that differ in nothing else, one is enough."""
    if isinstance(value, Mapping):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def _settled(chunks: Sequence[Any]) -> list[Any]:
    """Return chunks without their id and time, which core makes up where the provider sends none."""
    return [
        {name: value for name, value in chunk.items() if name not in ("id", "created")}
        if isinstance(chunk, Mapping)
        else chunk
        for chunk in chunks
    ]


def _plain(usage: Any) -> Any:
    return usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else usage
