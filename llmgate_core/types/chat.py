"""Typed results of the chat family.

Pure. Fields that an upstream may omit are optional; only `choices` is required of a complete response. A field of
another type than documented keeps its raw value.

Source: OpenAI API reference, `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from llmgate_core.types.base import Count, Document, Loose, Promised, Response, Result, Usage
from llmgate_core.types.structured_output import parsed_arguments, parsed_output

__all__ = [
    "Annotation",
    "Audio",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Choice",
    "ChunkChoice",
    "Custom",
    "Delta",
    "Function",
    "Message",
    "ParsedChatCompletion",
    "ToolCall",
    "ToolCallDelta",
    "URLCitation",
]

OutputT = TypeVar("OutputT")
TEXT_PARTS = ("text", "output_text")
"""Types of content parts whose `text` belongs to the answer; the text of a `thinking` part does not."""


class Function(Result):
    """The function that the model wants to call; `arguments` is a JSON string, from some servers an object."""

    name: str | None = None
    arguments: str | None = None

    @property
    def parsed_arguments(self) -> Any:
        """The arguments as Python values, whether the server sent a JSON string or an object; None without arguments.

        Raises:
            APIResponseValidationError: the string is not JSON.
        """
        return parsed_arguments(self.arguments)


class Custom(Result):
    """The custom tool that the model wants to call; `input` is free text."""

    name: Loose[str] | None = None
    input: Loose[str] | None = None


class _AnyToolCall(Result):
    id: str | None = None
    type: str | None = None
    function: Function | None = None

    @property
    def custom(self) -> Custom | None:
        """The custom tool call; None for a function call."""
        custom = self._extension("custom")
        return Custom.model_validate(custom) if isinstance(custom, dict) else None


class ToolCall(_AnyToolCall):
    """One tool call of a complete message: of a `function` or of a `custom` tool."""


class URLCitation(Result):
    """The web page that a part of the text, from `start_index` to `end_index`, is based on."""

    url: str | None = None
    title: str | None = None
    start_index: Count | None = None
    end_index: Count | None = None


class Annotation(Result):
    """A note on the text, such as a citation."""

    type: str | None = None
    url_citation: Loose[URLCitation] | None = None


class Audio(Result):
    """The model's spoken answer; `data` is base64."""

    encoded_fields = frozenset({"data"})

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: Count | None = None


def text_of_content(content: Any) -> str | None:
    """Return the text of a message's content: a string, or as some servers send it, a list of parts."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [part if isinstance(part, str) else _text_of_part(part) for part in content]
    return "".join(text for text in texts if isinstance(text, str))


def _text_of_part(part: Any) -> Any:
    return part.get("text") if isinstance(part, dict) and part.get("type", "text") in TEXT_PARTS else None


class _Extended(Result):
    @property
    def text(self) -> str | None:
        """The text of `content`, also where the server sent a list of parts; None if there is no text."""
        return text_of_content(self.__dict__.get("content"))

    @property
    def images(self) -> list[Document] | None:
        """Images that some servers send in addition to the text."""
        images: list[Document] | None = self._extension("images")
        return images

    @property
    def reasoning_items(self) -> list[Document] | None:
        """What the provider must get back unchanged in the next turn, such as signed reasoning."""
        items: list[Document] | None = self._extension("reasoning_items")
        return items

    @property
    def provider_specific_fields(self) -> Document | None:
        """Fields that are not part of the API, such as the id of a bridged response."""
        fields: Document | None = self._extension("provider_specific_fields")
        return fields


class Message(_Extended):
    """The model's message."""

    __slots__ = ("_is_cut", "_output_type")

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Loose[Function] | None = None
    annotations: Loose[list[Loose[Annotation]]] | None = None
    audio: Loose[Audio] | None = None
    reasoning_content: str | None = None

    def expect_output(self, output_type: Any, *, is_cut: bool = False) -> None:
        """Remember the type of which `parsed` should return a value, and whether the text was cut short; for core."""
        object.__setattr__(self, "_output_type", output_type)
        object.__setattr__(self, "_is_cut", is_cut)

    @property
    def parsed(self) -> Any:
        """The content as a value of the type given as `response_format`; None if none was given.

        Raises:
            APIResponseValidationError: the content does not match that type.
        """
        if self.refusal:
            return None
        output_type = getattr(self, "_output_type", None)
        return parsed_output(self.text, output_type, cut_by="max_tokens" if getattr(self, "_is_cut", False) else None)


class Choice(Result):
    """One of the `n` answers."""

    index: int = 0
    message: Message
    finish_reason: str | None = None
    logprobs: Document | None = None


class ChatCompletion(Response):
    """A complete chat response."""

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[Choice]
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    metadata: Document | None = None
    moderation: Document | None = None

    @property
    def provider_specific_fields(self) -> Document | None:
        """Fields that are not part of the API, such as the id of a bridged response."""
        fields: Document | None = self._extension("provider_specific_fields")
        return fields

    def expect_output(self, output_type: Any) -> None:
        """Remember the type of which `parsed` should return a value; called by core."""
        for choice in self.choices:
            choice.message.expect_output(output_type, is_cut=choice.finish_reason == "length")

    @property
    def parsed(self) -> Any:
        """`choices[0].message.parsed`."""
        return self.choices[0].message.parsed if self.choices else None


class ParsedChatCompletion(ChatCompletion, Generic[OutputT]):
    """A complete chat response to a call with a type as `response_format`."""

    @property
    def parsed(self) -> OutputT | None:
        """`choices[0].message.parsed`, typed."""
        return self.choices[0].message.parsed if self.choices else None


class ToolCallDelta(_AnyToolCall):
    """A piece of a tool call; pieces with the same `index` belong together."""

    index: int | None = None


class Delta(_Extended):
    """What is new in a chunk."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: Loose[Function] | None = None
    annotations: Loose[list[Loose[Annotation]]] | None = None
    audio: Loose[Audio] | None = None
    reasoning_content: str | None = None


class ChunkChoice(Result):
    """The new piece of one of the `n` answers."""

    essential_fields = frozenset({"delta"})

    index: int = 0
    delta: Promised[Delta]
    finish_reason: str | None = None
    logprobs: Document | None = None


class ChatCompletionChunk(Result):
    """One streamed chunk of a chat response."""

    essential_fields = frozenset({"choices"})

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: Promised[list[ChunkChoice]]
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: Document | None = None
    obfuscation: Loose[str] | None = None
