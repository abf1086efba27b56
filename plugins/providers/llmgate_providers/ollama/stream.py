"""Streams of Ollama's own API: a line of JSON for each piece. Pure.

Source: Ollama's API documentation, "Generate a chat completion".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmgate_core.plugin import Call, Framing, JsonObject, SSEEvent, decode
from llmgate_providers.ollama.answer import calls_of, finish_reason_of, malformed, message_of, usage_of

__all__ = ["LineParser"]


class LineParser:
    """Makes chunks of lines.

    Attributes:
        done: the last line has come.
        usage: what the last line counted.
    """

    framing: Framing = "lines"

    def __init__(self, call: Call) -> None:
        asked = call.body.get("stream_options")
        self._sends_usage = isinstance(asked, Mapping) and asked.get("include_usage") is True
        self._calls = 0
        self.done = False
        self.usage: JsonObject | None = None

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks of a line.

        Raises:
            APIResponseValidationError: the line is malformed.
        """
        try:
            line = decode(event.data.encode())
        except ValueError:
            raise malformed("a line of the stream is not JSON") from None
        if isinstance(line, dict) and line.get("message") is None and line.get("done") is not True:
            return []  # a kind of line that the API has added since
        said, calls = message_of(line), calls_of(line, before=self._calls)
        chunks = []
        if delta := self._delta(said.get("thinking"), said.get("content"), calls):
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            if isinstance(line.get("logprobs"), list):
                choice["logprobs"] = {"content": line["logprobs"], "refusal": None}
            chunks.append({"choices": [choice]})
        self._calls += len(calls)
        return [*chunks, *self._end(line)] if line.get("done") is True else chunks

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: core knows whether the last line has come."""
        return []

    def _delta(self, thinking: str | None, content: str | None, calls: Sequence[JsonObject]) -> JsonObject:
        delta: JsonObject = {}
        if thinking:
            delta["reasoning_content"] = thinking
        if content:
            delta["content"] = content
        if calls:
            delta["tool_calls"] = [{"index": self._calls + index, **call} for index, call in enumerate(calls)]
        return delta

    def _end(self, line: JsonObject) -> Sequence[JsonObject]:
        self.done = True
        self.usage = usage_of(line)
        reason = finish_reason_of(line, has_calls=self._calls > 0)
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        return [end, {"choices": [], "usage": self.usage}] if self._sends_usage else [end]
