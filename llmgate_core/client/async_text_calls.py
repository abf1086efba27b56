"""The functions of the asynchronous client that answer with text: what each is called with, and what comes back.

Only signatures are here; preparing and sending are the client's. `make twins` writes from this module the synchronous
twin, the module functions, and the names that `llmgate_core` exports. To add an operation: a row in
`endpoints/families.py` and one in `endpoints/openai.py`, a method here, and `make twins`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from llmgate_core.client.async_caller import AsyncCaller
from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from typing_extensions import Unpack

    from llmgate_core.client.arguments import (
        AnyChatArguments,
        AnyResponsesArguments,
        AnyResponsesRetrieveArguments,
        AnyTextCompletionArguments,
        ChatArguments,
        ChatCountTokensArguments,
        ResponsesArguments,
        ResponsesCompactArguments,
        ResponsesInputItemsArguments,
        ResponsesInputTokensArguments,
        ResponsesRetrieveArguments,
        TextCompletionArguments,
        TranscriptionArguments,
    )
    from llmgate_core.client.inputs import FileValue, MessagesValue, OutputValue, TextValue
    from llmgate_core.reading.async_stream import AsyncStream
    from llmgate_core.settings.call_options import CallOptions
    from llmgate_core.types.audio import Transcription
    from llmgate_core.types.base import Deleted, Page
    from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
    from llmgate_core.types.responses import CompactedResponse, InputTokens, ResponseEvent, ResponseObject
    from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk
    from llmgate_core.types.tokens import TokenCount

    OutputT = TypeVar("OutputT")

__all__ = ["AsyncTextCalls"]


@hide_keys
class AsyncTextCalls(AsyncCaller):
    """Chat, completions and the Responses API."""

    # fmt: off
    @overload
    async def completion(self, model: str, messages: MessagesValue = (), *, stream: Literal[True], response_format: OutputValue | None = ..., **arguments: Unpack[ChatArguments]) -> AsyncStream[ChatCompletionChunk]: ...
    @overload
    async def completion(self, model: str, messages: MessagesValue = (), *, response_format: type[OutputT] | TypeAdapter[OutputT], stream: Literal[False] | None = ..., **arguments: Unpack[ChatArguments]) -> ParsedChatCompletion[OutputT]: ...
    @overload
    async def completion(self, model: str, messages: MessagesValue = (), *, response_format: Mapping[str, Any] | None = ..., stream: Literal[False] | None = ..., **arguments: Unpack[ChatArguments]) -> ChatCompletion: ...
    @overload
    async def completion(self, model: str, messages: MessagesValue = (), *, stream: bool | None, response_format: OutputValue | None = ..., **arguments: Unpack[ChatArguments]) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...
    @overload
    async def completion(self, model: str, *, file: FileValue, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]) -> Transcription: ...
    # fmt: on
    async def completion(  # type: ignore[misc]  # the last overload takes what only a transcription has
        self, model: str, messages: MessagesValue = (), **arguments: Unpack[AnyChatArguments]
    ) -> Any:
        """Chat with a model.

        Args:
            model: a model string, such as `openai/gpt-4o`, or a name that the catalogue knows, such as `gpt-4o`.
            messages: a list of messages: dicts with `role` and `content`, or message objects of earlier answers and
                of other libraries. A string is one message of the user. Empty only with `file=`, which makes the call
                a transcription.
            stream: True returns the answer in chunks, as they arrive.
            response_format: a pydantic class or another type, such as a dataclass or `list[City]`, of which the
                answer's `.parsed` is then a value; or an object, as in the reference.
            **arguments: options (docs/guide/options.md) and parameters of the endpoint. A parameter that is not
                listed is sent as well; for type checkers pass it in `extra_body`.

        Returns:
            A `ChatCompletion`; with `stream=True`: `AsyncStream[ChatCompletionChunk]`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /chat/completions.
        """
        if "file" in arguments and not messages:
            return await self._call("transcription", model, {}, arguments)
        return await self._call("chat", model, {"messages": messages}, arguments)

    # fmt: off
    @overload
    async def text_completion(self, model: str, prompt: TextValue, *, stream: Literal[True], **arguments: Unpack[TextCompletionArguments]) -> AsyncStream[TextCompletionChunk]: ...
    @overload
    async def text_completion(self, model: str, prompt: TextValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TextCompletionArguments]) -> TextCompletion: ...
    @overload
    async def text_completion(self, model: str, prompt: TextValue, *, stream: bool | None, **arguments: Unpack[TextCompletionArguments]) -> TextCompletion | AsyncStream[TextCompletionChunk]: ...
    # fmt: on
    async def text_completion(
        self, model: str, prompt: TextValue, **arguments: Unpack[AnyTextCompletionArguments]
    ) -> Any:
        """Continue text with a legacy completion model.

        Args:
            model: a model string; the prefix of OpenAI's own is `text-completion-openai/`.
            prompt: a string, a list of strings, a list of tokens, or a list of such lists.
            stream: True returns the answer in chunks, as they arrive.
            **arguments: as for `completion`.

        Returns:
            A `TextCompletion` with a choice for each prompt; with `stream=True`:
            `AsyncStream[TextCompletionChunk]`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /completions.
        """
        return await self._call("text_completion", model, {"prompt": prompt}, arguments)

    # fmt: off
    @overload
    async def responses(self, model: str | None = None, input: str | Sequence[Any] | None = None, *, stream: Literal[True], **arguments: Unpack[ResponsesArguments]) -> AsyncStream[ResponseEvent]: ...
    @overload
    async def responses(self, model: str | None = None, input: str | Sequence[Any] | None = None, *, stream: Literal[False] | None = ..., **arguments: Unpack[ResponsesArguments]) -> ResponseObject: ...
    @overload
    async def responses(self, model: str | None = None, input: str | Sequence[Any] | None = None, *, stream: bool | None, **arguments: Unpack[ResponsesArguments]) -> ResponseObject | AsyncStream[ResponseEvent]: ...
    # fmt: on
    async def responses(
        self,
        model: str | None = None,
        input: str | Sequence[Any] | None = None,
        **arguments: Unpack[AnyResponsesArguments],
    ) -> Any:
        """Call a model through the Responses API, or through chat if the upstream has no other.

        Args:
            model: a model string. None only with `prompt=` or a stored state that names a model.
            input: a string, or a list of items; items of earlier answers (`*response.output`) are taken as they are.
            stream: True returns the answer's events, as they arrive.
            **arguments: as for `completion`. Among them: `text_format=PydanticClass` for `.parsed`,
                `background=True, wait=True` to poll until the response has ended, `use_chat_completions_api=True`
                to go through chat.

        Returns:
            A `ResponseObject`; with `stream=True`: `AsyncStream[ResponseEvent]`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md. A response that failed is in
                `partial`.

        Source: OpenAI API reference, POST /responses.
        """
        return await self._call("responses", model, {"input": input}, arguments)

    # fmt: off
    @overload
    async def get_responses(self, response_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Unpack[ResponsesRetrieveArguments]) -> AsyncStream[ResponseEvent]: ...
    @overload
    async def get_responses(self, response_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Unpack[ResponsesRetrieveArguments]) -> ResponseObject: ...
    @overload
    async def get_responses(self, response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[ResponsesRetrieveArguments]) -> ResponseObject | AsyncStream[ResponseEvent]: ...
    # fmt: on
    async def get_responses(
        self, response_id: str, *, model: str | None = None, **arguments: Unpack[AnyResponsesRetrieveArguments]
    ) -> Any:
        """Return a stored response.

        Args:
            response_id: its `id`.
            model: the provider, as a prefix such as `openai/` or a whole model string; None: the default provider.
            stream: True returns its events, from the one after the number `starting_after`.
            **arguments: as for `completion`; `wait=True` polls a background response until it has ended.

        Returns:
            A `ResponseObject`; with `stream=True`: `AsyncStream[ResponseEvent]`.

        Raises:
            NotFoundError: the response is not stored. LLMGateError: every other failure.

        Source: OpenAI API reference, GET /responses/{response_id}.
        """
        return await self._call("responses", model, {"response_id": response_id}, arguments, operation="retrieve")

    async def cancel_responses(
        self, response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]
    ) -> ResponseObject:
        """Stop a response that runs in the background.

        Args:
            response_id: its `id`.
            model: the provider, as for `get_responses`.
            **arguments: options, docs/guide/options.md.

        Returns:
            The response, now with the status `cancelled`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /responses/{response_id}/cancel.
        """
        result: ResponseObject = await self._call(
            "responses", model, {"response_id": response_id}, arguments, operation="cancel"
        )
        return result

    async def delete_responses(
        self, response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]
    ) -> Deleted:
        """Delete a stored response.

        Args:
            response_id: its `id`.
            model: the provider, as for `get_responses`.
            **arguments: options, docs/guide/options.md.

        Returns:
            A `Deleted`, whose `deleted` is True.

        Raises:
            NotFoundError: the response is not stored. LLMGateError: every other failure.

        Source: OpenAI API reference, DELETE /responses/{response_id}.
        """
        result: Deleted = await self._call(
            "responses", model, {"response_id": response_id}, arguments, operation="delete"
        )
        return result

    async def list_input_items(
        self, response_id: str, *, model: str | None = None, **arguments: Unpack[ResponsesInputItemsArguments]
    ) -> Page:
        """Return one page of the input items of a stored response.

        Args:
            response_id: its `id`.
            model: the provider, as for `get_responses`.
            **arguments: `limit` items (20 if left out) after the item with the id `after`, in the `order` `asc` or
                `desc`; and options, docs/guide/options.md.

        Returns:
            A `Page`; `after=page.last_id` asks for the next one while `page.has_more`.

        Raises:
            NotFoundError: the response is not stored. LLMGateError: every other failure.

        Source: OpenAI API reference, GET /responses/{response_id}/input_items.
        """
        result: Page = await self._call(
            "responses", model, {"response_id": response_id}, arguments, operation="input_items"
        )
        return result

    async def compact_responses(
        self,
        model: str,
        input: str | Sequence[Any] | None = None,
        **arguments: Unpack[ResponsesCompactArguments],
    ) -> CompactedResponse:
        """Return a shorter form of a conversation.

        Args:
            model: a model string.
            input: the conversation, as for `responses`; None with `previous_response_id=`.
            **arguments: as for `completion`.

        Returns:
            A `CompactedResponse`, whose `output` is the input of the next call.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /responses/compact.
        """
        result: CompactedResponse = await self._call(
            "responses", model, {"input": input}, arguments, operation="compact"
        )
        return result

    async def count_tokens(
        self, model: str, messages: MessagesValue, **arguments: Unpack[ChatCountTokensArguments]
    ) -> TokenCount:
        """Return how many tokens the input of a chat has: as the provider counts them, or else as an estimate.

        Args:
            model: a model string.
            messages: the messages to count, as for `completion`.
            **arguments: as for `completion`; `tools` count too.

        Returns:
            A `TokenCount`: `input_tokens` is the number, and `is_estimate` says that llmgate has made it, without any
            request.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.
        """
        inputs = {"messages": messages}
        result: TokenCount = await self._call("chat", model, inputs, arguments, operation="count_tokens")
        return result

    async def count_input_tokens(
        self,
        model: str,
        input: str | Sequence[Any] | None = None,
        **arguments: Unpack[ResponsesInputTokensArguments],
    ) -> InputTokens:
        """Return how many tokens the input of a Responses call has.

        Args:
            model: a model string.
            input: the input to count, as for `responses`.
            **arguments: as for `completion`; instructions and tools count too.

        Returns:
            An `InputTokens`, whose `input_tokens` is the number.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: OpenAI API reference, POST /responses/input_tokens.
        """
        result: InputTokens = await self._call(
            "responses", model, {"input": input}, arguments, operation="input_tokens"
        )
        return result
