"""The readers of streams: of typed chunks of every family, and of events that are passed on.

The first line is a comment that names the family. Any cut of the same bytes gives the same chunks and the same end.
Each chunk can be used, and written as JSON; whatever is wrong is an error of llmgate's own; the whole answer is that of
the chunks.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from fuzz.cuts import ways_to_cut
from fuzz.mutations import mutated_stream as mutated
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import LLMGateError
from llmgate_core.json_codec import encode
from llmgate_core.reading.accumulate.whole import fold_chunks
from llmgate_core.reading.readers.base import EventStreamReader
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.readers.relay import EventRelay
from llmgate_core.reading.streams import events_of

__all__ = ["INSTRUMENTED", "check", "mutated"]

INSTRUMENTED = ("llmgate_core.reading", "llmgate_core.types")
STREAMED = ("chat", "text_completion", "responses", "transcription", "image")
WITH_CHOICES = ("chat", "text_completion")
HEAD = UpstreamResponse(200, (), b"")
COMMENT = re.compile(rb"^:[^\n]*\n\n", re.MULTILINE)
Outcome = tuple[Any, str | None, str | None]


def check(data: bytes) -> None:
    """Read the stream as one of the family that its first line names, whole and in pieces."""
    first = data.partition(b"\n")[0].decode("latin-1").strip(": ")
    family = first if first in STREAMED else STREAMED[zlib.crc32(data) % len(STREAMED)]
    whole = read(typed(family), [data])
    relayed = read(relay(family), [data])
    for blocks in ways_to_cut(data):
        assert read(typed(family), blocks)[:2] == whole[:2], f"{family}: a cut changed the chunks"
        assert read(relay(family), blocks) == relayed, f"{family}: a cut changed what is passed on"
    check_use(family, data)


def typed(family: str) -> EventStreamReader:
    """Return a reader of typed chunks."""
    return chunk_reader(FAMILIES[family], None, HEAD, max_event_bytes=2048, max_event_values=200, secrets=())


def relay(family: str) -> EventStreamReader:
    """Return a reader that passes events on."""
    return EventRelay(FAMILIES[family], None, HEAD, max_event_bytes=2048, max_event_values=200, secrets=())


def read(reader: EventStreamReader, blocks: list[bytes]) -> Outcome:
    """Return the chunks of a stream in a form that compares, and the class and the words of its error."""
    chunks: list[Any] = []
    try:
        for block in blocks:
            chunks += map(comparable, reader.feed(block))
            if reader.end.is_over:
                break
        else:
            chunks += map(comparable, reader.close())
    except LLMGateError as error:
        return joined(chunks), type(error).__name__, str(error)
    assert reader.end.is_over, "a stream has neither an end nor an error"
    return joined(chunks), None, None


def comparable(chunk: Any) -> Any:
    """Return a chunk in a form in which NaN equals itself."""
    return chunk if isinstance(chunk, bytes) else repr(chunk.model_dump(exclude_unset=True))


def joined(chunks: list[Any]) -> Any:
    """Return chunks that compare: events that arrive together are passed on together, without their comments."""
    return COMMENT.sub(b"", b"".join(chunks)) if chunks and isinstance(chunks[0], bytes) else chunks


def check_use(family: str, data: bytes) -> None:
    """Assert that what was read can be used: chunk by chunk, and as a whole."""
    reader, chunks = typed(family), []
    try:
        for chunk in reader.feed(data):
            chunks.append(chunk)
            list(events_of(chunk))
            repr(chunk)
    except LLMGateError as error:
        str(error)
    partial = reader.partial()
    if family in WITH_CHOICES and chunks:
        assert partial is not None, "the answer so far forgets chunks"
        try:
            whole = fold_chunks(chunks)
        except ValueError:  # pydantic: the chunks do not add up to an answer, which `whole()` reports as its own error
            return
        try:
            encode(whole.model_dump())
        except ValueError:
            assert "inf" in repr(whole), "a whole answer cannot be written as JSON"
