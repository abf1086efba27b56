"""The bridges of streams, both ways: chat over Responses, and Responses over chat.

Events in any order and with any fields end in chunks that can be used, or in an error of llmgate's own; any cut of the
same bytes gives the same. What a chat reader cannot be given is named in the ledger, and no piece of text is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fuzz.cuts import ways_to_cut
from fuzz.mutations import mutated_stream as mutated
from llmgate_core.bridges.bridge import bridge_stream
from llmgate_core.bridges.chat_to_responses.stream import ChatStream
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import LLMGateError
from llmgate_core.json_codec import decode, encode
from llmgate_core.reading.framing.sse import SSEDecoder, as_event
from llmgate_core.reading.readers.base import EventStreamReader
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.readers.relay import EventRelay

__all__ = ["INSTRUMENTED", "check", "mutated"]

INSTRUMENTED = ("llmgate_core.bridges", "llmgate_core.reading.accumulate")
THERE = Route("openai", "openai/responses", "chat", "m", "https://a.example.test/v1", param_policy="drop")
BACK = Route("acme", "acme", "chat", "m", "https://b.example.test/v1", param_policy="drop")
CHAT = Call("chat", "openai/responses/m", {"messages": [], "stream_options": {"include_usage": True}}, True)
ASKED = Call("responses", "acme/m", {"input": "hi", "tools": [{"type": "custom", "name": "f"}]}, True)
HEAD = UpstreamResponse(200, (), b"")
UNKNOWN_EVENT = "made.up"
"""A type that no bridge knows."""
MADE_UP_ID = re.compile("[0-9a-f]{32}")
Make = Callable[[], EventStreamReader]


def check(data: bytes) -> None:
    """Read the stream over both bridges, as typed chunks and to be passed on, whole and in pieces."""
    for make in (chat_reader, responses_reader, chat_relay, responses_relay):
        whole = read(make(), [data])
        for blocks in ways_to_cut(data):
            assert read(make(), blocks) == whole, f"{make.__name__}: a cut changed the outcome"
    events = decoded(data)
    check_ledger(events)
    check_text(events)


def chat_reader() -> EventStreamReader:
    """Return a reader of chat chunks over an upstream of Responses."""
    return _reader("chat", ChatStream(CHAT, THERE))


def responses_reader() -> EventStreamReader:
    """Return a reader of Responses events over an upstream of chat."""
    return _reader("responses", bridge_stream(ASKED, BACK, None))


def chat_relay() -> EventStreamReader:
    """Return the same as `chat_reader`, to be passed on."""
    return _relay("chat", ChatStream(CHAT, THERE))


def responses_relay() -> EventStreamReader:
    """Return the same as `responses_reader`, to be passed on."""
    return _relay("responses", bridge_stream(ASKED, BACK, None))


def _reader(family: str, parser: Any) -> EventStreamReader:
    return chunk_reader(FAMILIES[family], parser, HEAD, max_event_bytes=4096, max_event_values=300, secrets=())


def _relay(family: str, parser: Any) -> EventStreamReader:
    return EventRelay(FAMILIES[family], parser, HEAD, max_event_bytes=4096, max_event_values=300, secrets=())


def read(reader: EventStreamReader, blocks: list[bytes]) -> tuple[str, ...]:
    """Return chunks, ledger and error of a stream in a form that compares."""
    chunks: list[Any] = []
    failure = ""
    try:
        for block in blocks:
            chunks += reader.feed(block)
            if reader.end.is_over:
                break
        else:
            chunks += reader.close()
    except LLMGateError as error:
        failure = f"{type(error).__name__} {error}"
        chunks += reader.failed(error)
    reader.partial()
    passed_on = b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))
    typed = [chunk.model_dump(exclude_unset=True) for chunk in chunks if not isinstance(chunk, bytes)]
    outcome = repr(typed), without_comments(passed_on), repr(reader.ledger), failure
    return tuple(MADE_UP_ID.sub("id", part) for part in outcome)


def without_comments(passed_on: bytes) -> str:
    """Return what was passed on but for comments, which depend on how the bytes are cut."""
    return repr([event for event in passed_on.split(b"\n\n") if not event.startswith(b":")])


def decoded(data: bytes) -> list[SSEEvent]:
    """Return the events of a stream."""
    return [as_event(*raw) for raw in SSEDecoder().feed(data)]


def check_ledger(events: list[SSEEvent]) -> None:
    """Assert that a chat reader learns of an event for which chat has no chunk."""
    parser = ChatStream(CHAT, THERE)
    unknown = SSEEvent(encode({"type": UNKNOWN_EVENT}).decode(), UNKNOWN_EVENT)
    try:
        for event in [unknown, *events]:
            parser.feed(event)
        parser.close()
    except LLMGateError:
        return
    assert any(UNKNOWN_EVENT in str(entry) for entry in parser.ledger), "the ledger does not name a lost event"


def check_text(events: list[SSEEvent]) -> None:
    """Assert that the text of a chat stream's first choice is the text of the response, in its order."""
    parser, sent, made = bridge_stream(ASKED, BACK, None), "", ""
    try:
        for event in events:
            pieces = parser.feed(event)
            sent += "".join(_contents(event))
            made += "".join(piece["delta"] for piece in pieces if piece["type"] == "response.output_text.delta")
        parser.close()
    except LLMGateError:
        return
    assert made == sent, "text was lost or made up between chat and Responses"


def _contents(event: SSEEvent) -> list[str]:
    """Return the content that a chat event brings, where it is a plain string."""
    if event.data == "[DONE]":
        return []
    chunk = decode(event.data)
    choices = chunk.get("choices")
    choices = [choices] if isinstance(choices, dict) else choices if isinstance(choices, list) else []
    return [
        choice["delta"]["content"]
        for choice in choices
        if isinstance(choice, dict)
        and not (isinstance(choice.get("index"), int) and choice["index"] > 0)
        and isinstance(choice.get("delta"), dict)
        and isinstance(choice["delta"].get("content"), str)
    ]
