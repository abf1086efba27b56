# Made from llmgate_core/client/async_message_calls.py by tools/make_twins.py: edit that file, then run `make twins`.
"""The functions of the synchronous client for the Messages API: what each is called with, and what comes back.

Only signatures are here, as in `text_calls.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from llmgate_core.client.caller import Caller
from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from llmgate_core.client.arguments import AnyMessagesArguments, MessagesArguments, MessagesCountTokensArguments
    from llmgate_core.client.inputs import MessagesValue
    from llmgate_core.reading.sync_stream import Stream
    from llmgate_core.types.messages import MessageEvent, MessageObject, MessageTokens

__all__ = ["MessageCalls"]


@hide_keys
class MessageCalls(Caller):
    """The Messages API."""

    # fmt: off
    @overload
    def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: Literal[True], **arguments: Unpack[MessagesArguments]) -> Stream[MessageEvent]: ...
    @overload
    def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: Literal[False] | None = ..., **arguments: Unpack[MessagesArguments]) -> MessageObject: ...
    @overload
    def messages(self, model: str, messages: MessagesValue, max_tokens: int, *, stream: bool | None, **arguments: Unpack[MessagesArguments]) -> MessageObject | Stream[MessageEvent]: ...
    # fmt: on
    def messages(
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
            A `MessageObject`; with `stream=True`: `Stream[MessageEvent]`.

        Raises:
            LLMGateError: every failure; the classes are in docs/guide/errors.md.

        Source: Anthropic API reference, POST /v1/messages.
        """
        inputs = {"messages": messages, "max_tokens": max_tokens}
        return self._call("messages", model, inputs, arguments)

    def count_message_tokens(
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
        result: MessageTokens = self._call(
            "messages", model, {"messages": messages}, arguments, operation="count_tokens"
        )
        return result
