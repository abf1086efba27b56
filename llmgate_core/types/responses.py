"""Typed results of the responses family.

Pure. Output items and events are typed loosely: documented fields have attributes, an unknown type or an
unexpected field is kept unchanged. Only `output` is required of a complete response.

Source: OpenAI API reference, `Response`, `OutputItem`, `ResponseStreamEvent`, `TokenCountsResource`, `CompactResource`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from llmgate_core.types.base import Count, Document, InputOutputUsage, Item, Loose, PartT, Response, Result
from llmgate_core.types.structured_output import parsed_output

if TYPE_CHECKING:
    from llmgate_core.catalogue.prices import Cost

__all__ = [
    "CompactedResponse",
    "ContentPart",
    "InputTokens",
    "OutputItem",
    "ResponseError",
    "ResponseEvent",
    "ResponseObject",
    "ResponseSnapshot",
]

TOOLS_WITH_A_FEE = frozenset({"file_search_call", "code_interpreter_call", "image_generation_call", "shell_call"})
"""Built-in tools that are charged in addition to tokens, at prices that the catalogue does not have."""


class ContentPart(Result):
    """One part of a message or of reasoning: `output_text`, `refusal`, `reasoning_text`, `summary_text`, ..."""

    type: str | None = None
    text: Loose[str] | None = None
    refusal: Loose[str] | None = None
    annotations: Loose[list[Loose[Item]]] | None = None
    logprobs: Loose[list[Document]] | None = None


class OutputItem(Result):
    """One item of a response: a message, reasoning, or a call of a function or of a built-in tool."""

    encoded_fields = frozenset({"result", "encrypted_content"})

    type: str | None = None
    id: Loose[str] | None = None
    status: Loose[str] | None = None
    role: Loose[str] | None = None
    content: Loose[list[Loose[ContentPart]]] | None = None
    summary: Loose[list[Loose[ContentPart]]] | None = None
    encrypted_content: Loose[str] | None = None
    call_id: Loose[str] | None = None
    name: Loose[str] | None = None
    arguments: Loose[str] | None = None
    input: Loose[str] | None = None
    action: Loose[Item] | None = None
    queries: Loose[list[str]] | None = None
    results: Loose[list[Loose[Item]]] | None = None
    code: Loose[str] | None = None
    outputs: Loose[list[Loose[Item]]] | None = None
    result: Loose[str] | None = None
    server_label: Loose[str] | None = None


class ResponseError(Result):
    """Why a response failed."""

    code: str | Count | None = None
    message: Loose[str] | None = None


class IncompleteDetails(Result):
    """Why a response is incomplete: `max_output_tokens` or `content_filter`."""

    reason: Loose[str] | None = None


class ResponseSnapshot(Response):
    """A response as streamed events contain it, possibly without any output yet."""

    __slots__ = ("_output_type",)

    id: str | None = None
    object: str | None = None
    created_at: Count | None = None
    completed_at: Count | None = None
    status: str | None = None
    background: bool | None = None
    model: str | None = None
    output: list[Loose[OutputItem]] = Field(default_factory=list)
    error: Loose[ResponseError] | None = None
    incomplete_details: Loose[IncompleteDetails] | None = None
    previous_response_id: str | None = None
    conversation: Loose[Item] | None = None
    reasoning: Loose[Item] | None = None
    text: Loose[Item] | None = None
    service_tier: str | None = None
    metadata: Document | None = None
    usage: Loose[InputOutputUsage] | None = None

    @property
    def output_text(self) -> str:
        """The text of all `output_text` parts of all messages, in order; empty if there are none."""
        messages = (item for item in _instances(self.output, OutputItem) if item.type == "message")
        parts = (part for message in messages for part in _instances(message.content, ContentPart))
        return "".join(part.text for part in parts if part.type == "output_text" and isinstance(part.text, str))

    def expect_output(self, output_type: Any) -> None:
        """Remember the type of which `parsed` should return a value; called by core."""
        object.__setattr__(self, "_output_type", output_type)

    @property
    def parsed(self) -> Any:
        """`output_text` as a value of the type given as `text_format`; None if none was given.

        Raises:
            APIResponseValidationError: the text does not match that type.
        """
        cut_by = "max_output_tokens" if _is_cut(self.incomplete_details) else None
        return parsed_output(self.output_text, getattr(self, "_output_type", None), cut_by=cut_by)

    @property
    def output_parsed(self) -> Any:
        """The same as `parsed`, under the OpenAI SDK's name."""
        return self.parsed

    @property
    def cost(self) -> Cost | None:
        """The cost of tokens and web searches in US dollars.

        None if the price or the usage is not known, or if the response used another built-in tool that has a fee.
        """
        calls = _instances(self.output, OutputItem)
        if any(isinstance(item.type, str) and item.type in TOOLS_WITH_A_FEE for item in calls):
            return None
        searches = sum(1 for item in calls if item.type == "web_search_call" and _is_charged(item))
        units = {"web_search_calls": searches} if searches else None
        record = self._get_record()
        usage = record.usage if self.usage is None else self.usage  # a stream may have sent it separately
        return record.cost_of(usage, self.service_tier, units)


def _instances(values: Any, kind: type[PartT]) -> list[PartT]:
    """Return the values that have the documented shape."""
    return [value for value in values if isinstance(value, kind)] if isinstance(values, list) else []


def _is_cut(details: Any) -> bool:
    """Return whether a response is incomplete because of the caller's limit of tokens."""
    return isinstance(details, IncompleteDetails) and details.reason == "max_output_tokens"


def _is_charged(call: OutputItem) -> bool:
    """Return True for a search: opening a page and searching in it are free."""
    actions = _instances([call.action], Item)
    return not actions or actions[0].get("type", "search") == "search"


class ResponseObject(ResponseSnapshot):
    """A complete response."""

    output: list[Loose[OutputItem]] = Field(...)


class ResponseEvent(Result):
    """One streamed event of the given `type`; fields of other types are None."""

    encoded_fields = frozenset({"partial_image_b64"})

    type: str | None = None
    sequence_number: Count | None = None
    response: Loose[ResponseSnapshot] | None = None
    item: Loose[OutputItem] | None = None
    part: Loose[ContentPart] | None = None
    item_id: Loose[str] | None = None
    output_index: Count | None = None
    content_index: Count | None = None
    summary_index: Count | None = None
    delta: Loose[str] | None = None
    text: Loose[str] | None = None
    refusal: Loose[str] | None = None
    name: Loose[str] | None = None
    arguments: Loose[str] | None = None
    input: Loose[str] | None = None
    annotation: Loose[Item] | None = None
    partial_image_b64: Loose[str] | None = None
    obfuscation: Loose[str] | None = None
    code: str | Count | None = None
    message: Loose[str] | None = None
    param: Loose[str] | None = None


class InputTokens(Response):
    """The number of tokens of an input."""

    object: str | None = None
    input_tokens: Count


class CompactedResponse(Response):
    """A compacted conversation; `output` is the next call's input."""

    id: str | None = None
    object: str | None = None
    created_at: Count | None = None
    output: list[Loose[OutputItem]]
    usage: Loose[InputOutputUsage] | None = None
