"""The functions of the asynchronous client for the Messages API: what each is called with, and what comes back.

Only signatures are here, as in `async_text_calls.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from llmgate_core.client.async_caller import AsyncCaller
from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from llmgate_core.client.arguments import AnyMessagesArguments, MessagesArguments, MessagesCountTokensArguments
    from llmgate_core.client.inputs import MessagesValue
    from llmgate_core.reading.async_stream import AsyncStream
    from llmgate_core.types.messages import MessageEvent, MessageObject, MessageTokens

__all__ = ["AsyncMessageCalls"]


@hide_keys
class AsyncMessageCalls(AsyncCaller):
    """The Messages API."""

    # fmt: off
    @overload
    async def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: Literal[True], **arguments: Unpack[MessagesArguments]) -> AsyncStream[MessageEvent]: ...
    @overload
    async def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: Literal[False] | None = ..., **arguments: Unpack[MessagesArguments]) -> MessageObject: ...
    @overload
    async def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: bool | None, **arguments: Unpack[MessagesArguments]) -> MessageObject | AsyncStream[MessageEvent]: ...
    # fmt: on
    async def messages(
        self, model: str, messages: MessagesValue, max_tokens: int, **arguments: Unpack[AnyMessagesArguments]
    ) -> Any:
        """Chat with a model in the shape of Anthropic's Messages API, which is converted where a provider has none.

        Args:
            model: a model string, such as `anthropic/claude-opus-4-8`.
            messages: a list of messages: dicts with `role` and `content`, a string or a list of blocks. A string is
                one message of the user.
            max_tokens: the most tokens that the answer may have.
            stream: True returns the answer's events, as they arrive.
            **arguments: as for `completion`; `system` is the system prompt.

        Returns:
            A `MessageObject`; with `stream=True`: `AsyncStream[MessageEvent]`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: Anthropic API reference, POST /v1/messages.
        """
        inputs = {"messages": messages, "max_tokens": max_tokens}
        return await self._call("messages", model, inputs, arguments)

    async def count_message_tokens(
        self, model: str, messages: MessagesValue, **arguments: Unpack[MessagesCountTokensArguments]
    ) -> MessageTokens:
        """Return how many tokens the input of a Messages call has.

        Args:
            model: a model string.
            messages: the messages to count, as for `messages`.
            **arguments: as for `messages`; `system` and `tools` count too.

        Returns:
            A `MessageTokens`, whose `input_tokens` is the number.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: Anthropic API reference, POST /v1/messages/count_tokens.
        """
        result: MessageTokens = await self._call(
            "messages", model, {"messages": messages}, arguments, operation="count_tokens"
        )
        return result
