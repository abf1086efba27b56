"""Typed results of the chat family.

Pure. Fields an upstream may leave out are optional; only `choices` makes a whole answer one.

Source: OpenAPI 2.3.0, `CreateChatCompletionResponse` and `CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.types.base import Count, Document, Response, Result, Usage

__all__ = [
    "ChatCompletion",
    "ChatCompletionChunk",
    "Choice",
    "ChunkChoice",
    "Delta",
    "Function",
    "Message",
    "ParsedChatCompletion",
    "ToolCall",
    "ToolCallDelta",
]

OutputT = TypeVar("OutputT", bound=BaseModel)


class Function(Result):
    """The function that the model wants called; `arguments` is JSON text."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Result):
    """One tool call of a whole message."""

    id: str | None = None
    type: str | None = None
    function: Function | None = None


class Message(Result):
    """What the model said."""

    __slots__ = ("_output_type",)

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    reasoning_content: str | None = None

    def expect_output(self, output_type: type[BaseModel]) -> None:
        """Remember what `parsed` shall make of the content; for the pipeline."""
        object.__setattr__(self, "_output_type", output_type)

    @property
    def parsed(self) -> Any:
        """The content as the pydantic class given as `response_format`; None where there is none.

        Raises:
            APIResponseValidationError: the content is not what that class describes.
        """
        output_type = getattr(self, "_output_type", None)
        if output_type is None or not self.content or self.refusal:
            return None
        try:
            return output_type.model_validate_json(self.content)
        except ValidationError as error:
            raise APIResponseValidationError(
                f"the answer is no {output_type.__name__}: {error.error_count()} errors, the first at "
                f"{error.errors(include_input=False)[0]['loc']}; was it cut short by max_tokens?",
                status_code=200,
                param="response_format",
                partial=self.content,
            ) from None


class Choice(Result):
    """One of the `n` answers."""

    index: int = 0
    message: Message
    finish_reason: str | None = None
    logprobs: Document | None = None


class ChatCompletion(Response):
    """A whole chat answer."""

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[Choice]
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None

    @property
    def parsed(self) -> Any:
        """`choices[0].message.parsed`."""
        return self.choices[0].message.parsed if self.choices else None


class ParsedChatCompletion(ChatCompletion, Generic[OutputT]):
    """A whole chat answer asked for with `response_format=PydanticClass`."""

    @property
    def parsed(self) -> OutputT | None:
        """`choices[0].message.parsed`, typed."""
        return self.choices[0].message.parsed if self.choices else None


class ToolCallDelta(Result):
    """A piece of a tool call; pieces with one `index` belong together."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: Function | None = None


class Delta(Result):
    """What is new in a chunk."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    reasoning_content: str | None = None


class ChunkChoice(Result):
    """The new piece of one of the `n` answers."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: Document | None = None


class ChatCompletionChunk(Result):
    """One streamed piece of a chat answer."""

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
