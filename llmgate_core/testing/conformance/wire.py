"""How a provider's answers look: from a reply to the bytes of its upstream.

Data and functions without I/O. `Wire.openai_chat()` and its like are for upstreams that speak the OpenAI API; for
another API an author gives functions, or recorded answers with the replies that they hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmgate_core.testing.answer import Answer
from llmgate_core.testing.conformance import message_wires, openai_wires
from llmgate_core.testing.conformance.samples import Reply, Sample
from llmgate_core.testing.fake_upstream import ReceivedRequest

__all__ = ["Event", "Wire", "line_frame", "openai_error", "sse_frame"]

Event = Mapping[str, Any] | str | tuple[str, Mapping[str, Any] | str]
"""One event of a stream: its JSON as an object or as text, or a pair of its name and that."""


def sse_frame(event: Event) -> bytes:
    """Return a server-sent event."""
    name, data = event if isinstance(event, tuple) else ("", event)
    head = f"event: {name}\n" if name else ""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"{head}data: {text}\n\n".encode()


def line_frame(event: Event) -> bytes:
    """Return a line of JSON, as in NDJSON."""
    data = event[1] if isinstance(event, tuple) else event
    return (data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)).encode() + b"\n"


def openai_error(status: int, message: str) -> Mapping[str, Any]:
    """Return an error in OpenAI's shape."""
    return {"error": {"message": message, "type": f"kind_{status}", "param": None, "code": None}}


@dataclass(frozen=True)
class Wire:
    """The answers of one provider.

    Attributes:
        whole: a reply -> the JSON of a whole answer, or its bytes.
        events: a reply -> the events of a stream, its end marker included; None: the provider does not stream.
        error: a status and a message -> the JSON of an error.
        frame: an event -> its bytes: `sse_frame`, `line_frame`, or a function of your own.
        stream_type: the content type of a stream.
        headers: response headers that the provider always sends.
        has_end_marker: the last event says that the stream is over.
        counts_cached: the provider says how many of the input tokens were cached.
        beside: a request -> its answer, if it is not the one whose answer is read: one for a token, or of a job. None:
            there are no others.
        replies: sample -> the reply that your answer for it holds, where you give recorded answers.
    """

    whole: Callable[[Reply], Mapping[str, Any] | bytes]
    events: Callable[[Reply], Sequence[Event]] | None = None
    error: Callable[[int, str], Mapping[str, Any]] = openai_error
    frame: Callable[[Event], bytes] = sse_frame
    stream_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    has_end_marker: bool = True
    counts_cached: bool = True
    beside: Callable[[ReceivedRequest], Answer | None] | None = None
    replies: Mapping[str, Reply] = field(default_factory=dict)

    def adapted(self, sample: Sample) -> Sample:
        """Return a sample with the reply that this wire has for it."""
        reply = self.replies.get(sample.name, sample.reply)
        return sample.with_reply(reply if self.counts_cached else replace(reply, cached_tokens=0))

    def content(self, reply: Reply) -> bytes:
        """Return the body of a whole answer."""
        whole = self.whole(reply)
        return whole if isinstance(whole, bytes) else json.dumps(whole, ensure_ascii=False).encode()

    def frames(self, reply: Reply) -> list[bytes]:
        """Return the events of a stream as bytes."""
        return [self.frame(event) for event in self.events_of(reply)]

    def events_of(self, reply: Reply) -> Sequence[Event]:
        """Return the events of a stream; none if the provider does not stream."""
        return () if self.events is None else tuple(self.events(reply))

    def answer(self, reply: Reply, *, stream: bool, **headers: str) -> Answer:
        """Return what a fake upstream sends."""
        if stream:
            return Answer(200, self.frames(reply), {"content-type": self.stream_type, **self.headers, **headers})
        is_json = not isinstance(self.whole(reply), bytes)
        kind = "application/json" if is_json else "application/octet-stream"
        return Answer(200, self.content(reply), {"content-type": kind, **self.headers, **headers})

    def failure(self, status: int, message: str, **headers: str) -> Answer:
        """Return an error as a fake upstream sends it."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = json.dumps(self.error(status, message)).encode()
        return Answer(status, content, {"content-type": "application/json", **self.headers, **named})

    def script(self, answer: Answer) -> Answer | Callable[[ReceivedRequest], Answer]:
        """Return what a fake upstream does: it gives this answer, and to other requests theirs."""
        beside = self.beside
        return answer if beside is None else lambda request: beside(request) or answer

    @classmethod
    def openai_chat(cls) -> Wire:
        """Return the wire of POST /chat/completions."""
        return cls(openai_wires.chat, openai_wires.chat_chunks)

    @classmethod
    def openai_responses(cls) -> Wire:
        """Return the wire of POST /responses."""
        return cls(openai_wires.response, openai_wires.response_events)

    @classmethod
    def openai_text_completion(cls) -> Wire:
        """Return the wire of POST /completions."""
        return cls(openai_wires.text_completion, openai_wires.text_completion_chunks)

    @classmethod
    def openai_embedding(cls) -> Wire:
        """Return the wire of POST /embeddings."""
        return cls(openai_wires.data)

    @classmethod
    def openai_transcription(cls) -> Wire:
        """Return the wire of POST /audio/transcriptions."""
        return cls(openai_wires.data, openai_wires.transcription_events)

    @classmethod
    def openai_translation(cls) -> Wire:
        """Return the wire of POST /audio/translations."""
        return cls(openai_wires.data)

    @classmethod
    def openai_speech(cls) -> Wire:
        """Return the wire of POST /audio/speech."""
        return cls(openai_wires.content)

    @classmethod
    def openai_image(cls) -> Wire:
        """Return the wire of POST /images/generations."""
        return cls(openai_wires.data, openai_wires.image_events, has_end_marker=False)

    @classmethod
    def openai_video(cls) -> Wire:
        """Return the wire of POST /videos."""
        return cls(openai_wires.data)

    @classmethod
    def openai_moderation(cls) -> Wire:
        """Return the wire of POST /moderations."""
        return cls(openai_wires.data)

    @classmethod
    def messages(cls) -> Wire:
        """Return the wire of POST /messages, in Anthropic's shape."""
        return cls(message_wires.message, message_wires.message_events, message_wires.message_error)

    @classmethod
    def rerank(cls) -> Wire:
        """Return the wire of POST /rerank, in the shape that Cohere and Jina share."""
        return cls(openai_wires.data)

    @classmethod
    def canonical(cls, family: str) -> Wire:
        """Return the wire of a family whose answers have the canonical shape: OpenAI's, where it has the family."""
        made: Wire = (getattr(cls, f"openai_{family}", None) or getattr(cls, family))()
        return made
