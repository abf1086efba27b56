"""Typed results of the chat family.

Pure. Fields that an upstream may omit are optional; only `choices` is required of a complete response.

Source: OpenAI API reference, `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from llmgate_core.types.base import Count, Document, Loose, Response, Result, Usage
from llmgate_core.types.structured_output import parsed_output

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

OutputT = TypeVar("OutputT", bound=BaseModel)


class Function(Result):
    """The function that the model wants to call; `arguments` is a JSON string."""

    name: str | None = None
    arguments: str | None = None


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


class _Extended(Result):
    @property
    def images(self) -> list[Document] | None:
        """Images that some servers send in addition to the text."""
        images: list[Document] | None = self._extension("images")
        return images

    @property
    def reasoning_items(self) -> list[Document] | None:
        """The complete reasoning items of a bridged response."""
        items: list[Document] | None = self._extension("reasoning_items")
        return items

    @property
    def provider_specific_fields(self) -> Document | None:
        """Fields that are not part of the API, such as the id of a bridged response."""
        fields: Document | None = self._extension("provider_specific_fields")
        return fields


class Message(_Extended):
    """The model's message."""

    __slots__ = ("_output_type",)

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Loose[Function] | None = None
    annotations: Loose[list[Loose[Annotation]]] | None = None
    audio: Loose[Audio] | None = None
    reasoning_content: str | None = None

    def expect_output(self, output_type: type[BaseModel]) -> None:
        """Remember the class that `parsed` should return; called by core."""
        object.__setattr__(self, "_output_type", output_type)

    @property
    def parsed(self) -> Any:
        """The content as an instance of the class given as `response_format`; None if no class was given.

        Raises:
            APIResponseValidationError: the content does not match that class.
        """
        return None if self.refusal else parsed_output(self.content, getattr(self, "_output_type", None))


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

    def expect_output(self, output_type: type[BaseModel]) -> None:
        """Remember the class that `parsed` should return; called by core."""
        for choice in self.choices:
            choice.message.expect_output(output_type)

    @property
    def parsed(self) -> Any:
        """`choices[0].message.parsed`."""
        return self.choices[0].message.parsed if self.choices else None


class ParsedChatCompletion(ChatCompletion, Generic[OutputT]):
    """A complete chat response to a call with `response_format=PydanticClass`."""

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

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: Document | None = None


class ChatCompletionChunk(Result):
    """One streamed chunk of a chat response."""

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    moderation: Document | None = None
    obfuscation: Loose[str] | None = None
