"""A chat call <-> a text completion. Pure.

Several messages become one prompt: a list of prompts would be answered with one choice each, which is not a chat.

Source: OpenAI API reference, POST /completions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import JsonObject, Route, SSEEvent, UpstreamResponse, decode, errors

DONE = "[DONE]"


def prompt_of(messages: list[Any], route: Route) -> Any:
    """Return one message's text or token list, or the text of several messages joined by newlines.

    Raises:
        UnsupportedParamsError: a message is not plain text.
    """
    contents = [_text(index, message, route) for index, message in enumerate(messages)]
    if len(contents) == 1:
        return contents[0]
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) < len(contents):
        raise route.refuse("messages", "a token list must be the only message")
    return "\n".join(texts)


def chat_completion(response: UpstreamResponse) -> JsonObject:
    """Return a whole answer as a chat completion.

    Raises:
        APIResponseValidationError: it is not a JSON object.
    """
    answer = response.json()
    if not isinstance(answer, dict):
        raise errors.APIResponseValidationError("the answer is not a text completion", status_code=response.status)
    if not isinstance(answer.get("choices"), list):
        return answer  # an error object inside a 200: core reads it
    choices = [_choice(choice) for choice in answer["choices"] if isinstance(choice, Mapping)]
    return {**answer, "object": "chat.completion", "choices": choices}


class ChatStream:
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
        listed = chunk.get("choices") or [] if isinstance(chunk, dict) else None
        if not isinstance(listed, list):
            raise errors.APIResponseValidationError("an event of the stream is not a text completion")
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
        return {**_common_fields(choice), "delta": delta}


def _text(index: int, message: Mapping[str, Any], route: Route) -> Any:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        if all(isinstance(token, int) for token in content):
            return content
        texts = [part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        if len(texts) == len(content):
            return "".join(texts)
    raise route.refuse("messages", f"message {index} must be plain text: a text completion takes nothing else")


def _choice(choice: Mapping[str, Any]) -> JsonObject:
    message = {"role": "assistant", "content": choice.get("text"), "refusal": None}
    return {**_common_fields(choice), "message": message, "logprobs": None}


def _common_fields(choice: Mapping[str, Any]) -> JsonObject:
    """Return what a choice has in both forms; `logprobs` have another shape, so they get another name."""
    fields = {name: value for name, value in choice.items() if name not in ("text", "logprobs")}
    if choice.get("logprobs") is not None:
        fields["provider_specific_fields"] = {"logprobs": choice["logprobs"]}
    return fields
