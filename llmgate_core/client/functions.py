"""The functions that most programs call, each with its `a...` twin. They delegate to default clients.

A type checker sees the clients' own methods, overloads included; at run time each is a plain function
that makes the default client when it is first called.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache, wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

from llmgate_core.client.clients import AsyncClient, Client
from llmgate_core.settings.options import hide_key

__all__ = [
    "acancel_responses",
    "acompact_responses",
    "acompletion",
    "acount_input_tokens",
    "adelete_responses",
    "aembedding",
    "aget_responses",
    "aimage_edit",
    "aimage_generation",
    "aimage_variation",
    "alist_input_items",
    "amoderation",
    "aresponses",
    "aspeech",
    "atext_completion",
    "atranscription",
    "atranslation",
    "avideo_content",
    "avideo_delete",
    "avideo_generation",
    "avideo_list",
    "avideo_remix",
    "avideo_status",
    "cancel_responses",
    "compact_responses",
    "completion",
    "count_input_tokens",
    "default_async_client",
    "default_client",
    "delete_responses",
    "embedding",
    "get_responses",
    "image_edit",
    "image_generation",
    "image_variation",
    "list_input_items",
    "moderation",
    "responses",
    "speech",
    "text_completion",
    "transcription",
    "translation",
    "video_content",
    "video_delete",
    "video_generation",
    "video_list",
    "video_remix",
    "video_status",
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


def _sync(method: Callable[..., Any]) -> Any:
    """Return the module function for a method of `Client`."""

    @wraps(method)
    def function(*values: Any, **arguments: Any) -> Any:
        hide_key(arguments)
        return method(default_client(), *values, **arguments)

    function.__wrapped__ = MethodType(method, Client)  # its signature, without `self`
    return function


def _async(method: Callable[..., Any]) -> Any:
    """Return the module function for a method of `AsyncClient`."""

    @wraps(method)
    async def function(*values: Any, **arguments: Any) -> Any:
        hide_key(arguments)
        return await method(default_async_client(), *values, **arguments)

    function.__name__ = function.__qualname__ = f"a{method.__name__}"
    function.__wrapped__ = MethodType(method, AsyncClient)
    return function


if TYPE_CHECKING:
    _client = Client()
    _async_client = AsyncClient()
    completion = _client.completion
    text_completion = _client.text_completion
    responses = _client.responses
    get_responses = _client.get_responses
    cancel_responses = _client.cancel_responses
    delete_responses = _client.delete_responses
    list_input_items = _client.list_input_items
    compact_responses = _client.compact_responses
    count_input_tokens = _client.count_input_tokens
    embedding = _client.embedding
    transcription = _client.transcription
    translation = _client.translation
    speech = _client.speech
    image_generation = _client.image_generation
    image_edit = _client.image_edit
    image_variation = _client.image_variation
    video_generation = _client.video_generation
    video_status = _client.video_status
    video_list = _client.video_list
    video_content = _client.video_content
    video_remix = _client.video_remix
    video_delete = _client.video_delete
    moderation = _client.moderation
    acompletion = _async_client.completion
    atext_completion = _async_client.text_completion
    aresponses = _async_client.responses
    aget_responses = _async_client.get_responses
    acancel_responses = _async_client.cancel_responses
    adelete_responses = _async_client.delete_responses
    alist_input_items = _async_client.list_input_items
    acompact_responses = _async_client.compact_responses
    acount_input_tokens = _async_client.count_input_tokens
    aembedding = _async_client.embedding
    atranscription = _async_client.transcription
    atranslation = _async_client.translation
    aspeech = _async_client.speech
    aimage_generation = _async_client.image_generation
    aimage_edit = _async_client.image_edit
    aimage_variation = _async_client.image_variation
    avideo_generation = _async_client.video_generation
    avideo_status = _async_client.video_status
    avideo_list = _async_client.video_list
    avideo_content = _async_client.video_content
    avideo_remix = _async_client.video_remix
    avideo_delete = _async_client.video_delete
    amoderation = _async_client.moderation
else:
    completion = _sync(Client.completion)
    text_completion = _sync(Client.text_completion)
    responses = _sync(Client.responses)
    get_responses = _sync(Client.get_responses)
    cancel_responses = _sync(Client.cancel_responses)
    delete_responses = _sync(Client.delete_responses)
    list_input_items = _sync(Client.list_input_items)
    compact_responses = _sync(Client.compact_responses)
    count_input_tokens = _sync(Client.count_input_tokens)
    embedding = _sync(Client.embedding)
    transcription = _sync(Client.transcription)
    translation = _sync(Client.translation)
    speech = _sync(Client.speech)
    image_generation = _sync(Client.image_generation)
    image_edit = _sync(Client.image_edit)
    image_variation = _sync(Client.image_variation)
    video_generation = _sync(Client.video_generation)
    video_status = _sync(Client.video_status)
    video_list = _sync(Client.video_list)
    video_content = _sync(Client.video_content)
    video_remix = _sync(Client.video_remix)
    video_delete = _sync(Client.video_delete)
    moderation = _sync(Client.moderation)
    acompletion = _async(AsyncClient.completion)
    atext_completion = _async(AsyncClient.text_completion)
    aresponses = _async(AsyncClient.responses)
    aget_responses = _async(AsyncClient.get_responses)
    acancel_responses = _async(AsyncClient.cancel_responses)
    adelete_responses = _async(AsyncClient.delete_responses)
    alist_input_items = _async(AsyncClient.list_input_items)
    acompact_responses = _async(AsyncClient.compact_responses)
    acount_input_tokens = _async(AsyncClient.count_input_tokens)
    aembedding = _async(AsyncClient.embedding)
    atranscription = _async(AsyncClient.transcription)
    atranslation = _async(AsyncClient.translation)
    aspeech = _async(AsyncClient.speech)
    aimage_generation = _async(AsyncClient.image_generation)
    aimage_edit = _async(AsyncClient.image_edit)
    aimage_variation = _async(AsyncClient.image_variation)
    avideo_generation = _async(AsyncClient.video_generation)
    avideo_status = _async(AsyncClient.video_status)
    avideo_list = _async(AsyncClient.video_list)
    avideo_content = _async(AsyncClient.video_content)
    avideo_remix = _async(AsyncClient.video_remix)
    avideo_delete = _async(AsyncClient.video_delete)
    amoderation = _async(AsyncClient.moderation)
