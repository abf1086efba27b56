"""The functions that most programs call, each with its `a...` twin. They delegate to default clients."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from llmgate_core.client import AsyncClient, Client, Messages

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgate_core.streams import AsyncStream, Stream
    from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
    from llmgate_core.types.embedding import EmbeddingResponse
    from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk

    OutputT = TypeVar("OutputT", bound=BaseModel)

from llmgate_core.options import hide_key

__all__ = [
    "acompletion",
    "aembedding",
    "atext_completion",
    "completion",
    "default_async_client",
    "default_client",
    "embedding",
    "text_completion",
]


@cache
def default_client() -> Client:
    """Return the client behind the synchronous module functions."""
    client = Client()
    atexit.register(client.close)  # so that no connection is left to the collector
    return client


@cache
def default_async_client() -> AsyncClient:
    """Return the client behind the asynchronous module functions."""
    return AsyncClient()


# fmt: off
@overload
def completion(model: str, messages: Messages, *, stream: Literal[True], **arguments: Any) -> Stream[ChatCompletionChunk]: ...  # noqa: E501
@overload
def completion(model: str, messages: Messages, *, response_format: type[OutputT], stream: Literal[False] | None = ..., **arguments: Any) -> ParsedChatCompletion[OutputT]: ...  # noqa: E501
@overload
def completion(model: str, messages: Messages, *, stream: Literal[False] | None = ..., **arguments: Any) -> ChatCompletion: ...  # noqa: E501
@overload
def completion(model: str, messages: Messages, *, stream: bool | None, **arguments: Any) -> ChatCompletion | Stream[ChatCompletionChunk]: ...  # noqa: E501
# fmt: on
def completion(model: str, messages: Messages, **arguments: Any) -> Any:
    """Chat with a model; see `Client.completion`."""
    hide_key(arguments)
    return default_client().completion(model, messages, **arguments)


# fmt: off
@overload
async def acompletion(model: str, messages: Messages, *, stream: Literal[True], **arguments: Any) -> AsyncStream[ChatCompletionChunk]: ...  # noqa: E501
@overload
async def acompletion(model: str, messages: Messages, *, response_format: type[OutputT], stream: Literal[False] | None = ..., **arguments: Any) -> ParsedChatCompletion[OutputT]: ...  # noqa: E501
@overload
async def acompletion(model: str, messages: Messages, *, stream: Literal[False] | None = ..., **arguments: Any) -> ChatCompletion: ...  # noqa: E501
@overload
async def acompletion(model: str, messages: Messages, *, stream: bool | None, **arguments: Any) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...  # noqa: E501
# fmt: on
async def acompletion(model: str, messages: Messages, **arguments: Any) -> Any:
    """Chat with a model; the asynchronous twin of `completion`."""
    hide_key(arguments)
    return await default_async_client().completion(model, messages, **arguments)


# fmt: off
@overload
def text_completion(model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TextCompletionChunk]: ...  # noqa: E501
@overload
def text_completion(model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> TextCompletion: ...  # noqa: E501
# fmt: on
def text_completion(model: str, prompt: Any, **arguments: Any) -> Any:
    """Continue a text; see `Client.text_completion`."""
    hide_key(arguments)
    return default_client().text_completion(model, prompt, **arguments)


# fmt: off
@overload
async def atext_completion(model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> AsyncStream[TextCompletionChunk]: ...  # noqa: E501
@overload
async def atext_completion(model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> TextCompletion: ...  # noqa: E501
# fmt: on
async def atext_completion(model: str, prompt: Any, **arguments: Any) -> Any:
    """Continue a text; the asynchronous twin of `text_completion`."""
    hide_key(arguments)
    return await default_async_client().text_completion(model, prompt, **arguments)


def embedding(model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
    """Return vectors; see `Client.embedding`."""
    hide_key(arguments)
    return default_client().embedding(model, input, **arguments)


async def aembedding(model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
    """Return vectors; the asynchronous twin of `embedding`."""
    hide_key(arguments)
    return await default_async_client().embedding(model, input, **arguments)
