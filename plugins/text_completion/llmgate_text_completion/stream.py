"""Streamed text completions -> themselves, or chat chunks where the caller asked for a chat. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import Call, JsonObject, Route, SSEEvent, StreamParser, decode, errors, hookimpl

DONE = "[DONE]"


@hookimpl
def stream_parser(call: Call, route: Route) -> StreamParser | None:
    """Return None for a text completion, whose chunks are canonical."""
    return TextAsChat() if route.family == "chat" else None


class TextAsChat:
    """One stream of text completion chunks, read as chat chunks."""

    def __init__(self) -> None:
        self._started: set[int] = set()
        self._finished = False

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chat chunk for an event."""
        if event.data == DONE:
            self._finished = True
            return ()
        try:
            chunk = decode(event.data)
        except ValueError as error:
            raise errors.APIResponseValidationError(f"an event of the stream is not JSON: {error}") from None
        if not isinstance(chunk, dict):
            raise errors.APIResponseValidationError("an event of the stream is not an object")
        listed = chunk.get("choices") or []
        if not isinstance(listed, list):
            raise errors.APIResponseValidationError("an event's choices are not a list")
        choices = [self._choice(choice) for choice in listed if isinstance(choice, Mapping)]
        return ({**chunk, "object": "chat.completion.chunk", "choices": choices},)

    def close(self) -> Sequence[JsonObject]:
        """Check that the stream is complete."""
        if not self._finished:
            raise errors.StreamTruncatedError("the stream ended without a finish_reason and without [DONE]")
        return ()

    def _choice(self, choice: Mapping[str, Any]) -> JsonObject:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        delta: JsonObject = {"content": choice.get("text")}
        if index not in self._started:
            self._started.add(index)
            delta = {"role": "assistant", **delta}
        if choice.get("finish_reason") is not None:
            self._finished = True
        fields = {name: value for name, value in choice.items() if name not in ("text", "logprobs")}
        if choice.get("logprobs") is not None:  # of another shape than a chat's
            fields["provider_specific_fields"] = {"logprobs": choice["logprobs"]}
        return {**fields, "delta": delta}
