# Made by tools/make_stubs.py from async_calls.py: edit there, then run `make twins`.

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, overload

from pydantic import BaseModel

from llmgate_core.client.clients import AsyncClient, Client
from llmgate_core.reading.async_stream import AsyncStream
from llmgate_core.reading.sync_stream import Stream
from llmgate_core.types.audio import Transcription, TranscriptionEvent, Translation
from llmgate_core.types.base import Deleted, Page
from llmgate_core.types.binary import BinaryResponse
from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
from llmgate_core.types.embedding import EmbeddingResponse
from llmgate_core.types.image import ImageEvent, ImagesResponse
from llmgate_core.types.moderation import ModerationResponse
from llmgate_core.types.responses import CompactedResponse, InputTokens, ResponseEvent, ResponseObject
from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk
from llmgate_core.types.video import Video

OutputT = TypeVar("OutputT", bound=BaseModel)

def default_client() -> Client: ...
def default_async_client() -> AsyncClient: ...
@overload
def completion(
    model: str, messages: Sequence[Any] = (), *, stream: Literal[True], **arguments: Any
) -> Stream[ChatCompletionChunk]:
    """Chat with a model.

    Args:
        model: the model string, for example `openai/gpt-4o` or `gpt-4o`.
        messages: dicts with role and content, or message objects of earlier answers. Left out only
            with `file=`, which makes a transcription of the call.
        stream: return chunks as they come.
        **arguments: `stream=True` for chunks, `response_format=PydanticClass` for `.parsed`, our own
            arguments (docs/guide/options.md), and every parameter of the upstream.

    Returns:
        A `ChatCompletion`, or with `stream=True` a `Stream` of `ChatCompletionChunk`.

    Raises:
        LLMGateError: see docs/guide/errors.md.
    """

@overload
def completion(
    model: str,
    messages: Sequence[Any] = (),
    *,
    response_format: type[OutputT],
    stream: Literal[False] | None = ...,
    **arguments: Any,
) -> ParsedChatCompletion[OutputT]: ...
@overload
def completion(
    model: str, messages: Sequence[Any] = (), *, stream: Literal[False] | None = ..., **arguments: Any
) -> ChatCompletion: ...
@overload
def completion(
    model: str, messages: Sequence[Any] = (), *, stream: bool | None, **arguments: Any
) -> ChatCompletion | Stream[ChatCompletionChunk]: ...
@overload
def text_completion(model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TextCompletionChunk]:
    """Continue a text (or token list, or several of either) with a legacy completion model."""

@overload
def text_completion(
    model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any
) -> TextCompletion: ...
@overload
def text_completion(
    model: str, prompt: Any, *, stream: bool | None, **arguments: Any
) -> TextCompletion | Stream[TextCompletionChunk]: ...
@overload
def responses(
    model: str | None = None, input: Any = None, *, stream: Literal[True], **arguments: Any
) -> Stream[ResponseEvent]:
    """Ask through the Responses API, or through chat where the upstream knows only that.

    Args:
        model: the model string; None only with `prompt=` or a stored state that names one.
        input: a text, or a list of items; items of earlier answers (`*response.output`) are taken as they are.
        stream: return events as they come.
        **arguments: `stream=True` for events, `text_format=PydanticClass` for `.output_parsed`,
            `background=True, wait=True` to poll until the end, `use_chat_completions_api=True` to go
            through chat, our own arguments and every parameter of the upstream.

    Raises:
        LLMGateError: see docs/guide/errors.md; a response that failed is in `partial`.
    """

@overload
def responses(
    model: str | None = None, input: Any = None, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ResponseObject: ...
@overload
def responses(
    model: str | None = None, input: Any = None, *, stream: bool | None, **arguments: Any
) -> ResponseObject | Stream[ResponseEvent]: ...
@overload
def get_responses(
    response_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any
) -> Stream[ResponseEvent]:
    """Return a stored response, or with `stream=True` its events from `starting_after` on.

    `model` picks the provider, as a prefix such as `openai/` or a whole model string; None: the default one.
    """

@overload
def get_responses(
    response_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any
) -> ResponseObject: ...
@overload
def get_responses(
    response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any
) -> ResponseObject | Stream[ResponseEvent]: ...
def cancel_responses(response_id: str, *, model: str | None = None, **arguments: Any) -> ResponseObject:
    """Stop a response that runs in the background."""

def delete_responses(response_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
    """Delete a stored response."""

def list_input_items(response_id: str, *, model: str | None = None, **arguments: Any) -> Page:
    """Return the input items of a stored response, a page at a time."""

def compact_responses(model: str, input: Any = None, **arguments: Any) -> CompactedResponse:
    """Return a compacted form of a conversation, to go on from."""

def count_input_tokens(model: str, input: Any = None, **arguments: Any) -> InputTokens:
    """Return how many tokens the input of a Responses call has."""

def embedding(model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
    """Return the vectors of a text, a list of texts, a token list, or a list of token lists."""

@overload
def transcription(model: str, file: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TranscriptionEvent]:
    """Write down what is said in a recording; `.text` holds it whatever the format.

    `file` is an open binary file, a path, bytes, or `(name, content, type)`; streamed from disk.
    """

@overload
def transcription(model: str, file: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> Transcription: ...
@overload
def transcription(
    model: str, file: Any, *, stream: bool | None, **arguments: Any
) -> Transcription | Stream[TranscriptionEvent]: ...
def translation(model: str, file: Any, **arguments: Any) -> Translation:
    """Write down in English what is said in a recording; `file` as for `transcription`."""

@overload
def speech(model: str, input: str, voice: Any, *, stream: Literal[True], **arguments: Any) -> Stream[bytes]:
    """Speak a text.

    Returns the audio as a `BinaryResponse`; with `stream=True` a stream of byte blocks as they come, which
    `stream_to_file` writes to disk; with `stream_format="sse"` a stream of `SpeechEvent`.
    """

@overload
def speech(
    model: str, input: str, voice: Any, *, stream: Literal[False] | None = ..., **arguments: Any
) -> BinaryResponse: ...
@overload
def speech(
    model: str, input: str, voice: Any, *, stream: bool | None, **arguments: Any
) -> BinaryResponse | Stream[bytes]: ...
@overload
def image_generation(model: str, prompt: str, *, stream: Literal[True], **arguments: Any) -> Stream[ImageEvent]:
    """Draw what a prompt describes; `stream=True, partial_images=n` shows it growing."""

@overload
def image_generation(
    model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ImagesResponse: ...
@overload
def image_generation(
    model: str, prompt: str, *, stream: bool | None, **arguments: Any
) -> ImagesResponse | Stream[ImageEvent]: ...
@overload
def image_edit(model: str, image: Any, prompt: str, *, stream: Literal[True], **arguments: Any) -> Stream[ImageEvent]:
    """Change one image or several as a prompt says; images and `mask=` as files of any kind."""

@overload
def image_edit(
    model: str, image: Any, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ImagesResponse: ...
@overload
def image_edit(
    model: str, image: Any, prompt: str, *, stream: bool | None, **arguments: Any
) -> ImagesResponse | Stream[ImageEvent]: ...
def image_variation(model: str, image: Any, **arguments: Any) -> ImagesResponse:
    """Draw variations of an image."""

def video_generation(model: str, prompt: str, **arguments: Any) -> Video:
    """Start a video, or with `wait=True` wait until it is done.

    With `wait=True`: `on_progress(job)` is told of each look, `poll_seconds` is the time between two, and
    `timeout` holds over all of it. A job that failed or is late raises with the job in `partial`.
    """

def video_status(video_id: str, *, model: str | None = None, **arguments: Any) -> Video:
    """Return how far a video is."""

def video_list(*, model: str | None = None, **arguments: Any) -> Page:
    """Return the videos made so far, a page at a time."""

@overload
def video_content(video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any) -> Stream[bytes]:
    """Return the video (or its `variant="thumbnail"`); with `stream=True` as blocks, for `stream_to_file`."""

@overload
def video_content(
    video_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any
) -> BinaryResponse: ...
@overload
def video_content(
    video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any
) -> BinaryResponse | Stream[bytes]: ...
def video_remix(video_id: str, prompt: str, *, model: str | None = None, **arguments: Any) -> Video:
    """Start a new video from one that is done."""

def video_delete(video_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
    """Delete a video."""

def moderation(input: Any, model: str | None = None, **arguments: Any) -> ModerationResponse:
    """Judge whether texts and images are harmful; `model` None: the default model of the default provider."""

@overload
async def acompletion(
    model: str, messages: Sequence[Any] = (), *, stream: Literal[True], **arguments: Any
) -> AsyncStream[ChatCompletionChunk]:
    """Chat with a model.

    Args:
        model: the model string, for example `openai/gpt-4o` or `gpt-4o`.
        messages: dicts with role and content, or message objects of earlier answers. Left out only
            with `file=`, which makes a transcription of the call.
        stream: return chunks as they come.
        **arguments: `stream=True` for chunks, `response_format=PydanticClass` for `.parsed`, our own
            arguments (docs/guide/options.md), and every parameter of the upstream.

    Returns:
        A `ChatCompletion`, or with `stream=True` a `AsyncStream` of `ChatCompletionChunk`.

    Raises:
        LLMGateError: see docs/guide/errors.md.
    """

@overload
async def acompletion(
    model: str,
    messages: Sequence[Any] = (),
    *,
    response_format: type[OutputT],
    stream: Literal[False] | None = ...,
    **arguments: Any,
) -> ParsedChatCompletion[OutputT]: ...
@overload
async def acompletion(
    model: str, messages: Sequence[Any] = (), *, stream: Literal[False] | None = ..., **arguments: Any
) -> ChatCompletion: ...
@overload
async def acompletion(
    model: str, messages: Sequence[Any] = (), *, stream: bool | None, **arguments: Any
) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...
@overload
async def atext_completion(
    model: str, prompt: Any, *, stream: Literal[True], **arguments: Any
) -> AsyncStream[TextCompletionChunk]:
    """Continue a text (or token list, or several of either) with a legacy completion model."""

@overload
async def atext_completion(
    model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any
) -> TextCompletion: ...
@overload
async def atext_completion(
    model: str, prompt: Any, *, stream: bool | None, **arguments: Any
) -> TextCompletion | AsyncStream[TextCompletionChunk]: ...
@overload
async def aresponses(
    model: str | None = None, input: Any = None, *, stream: Literal[True], **arguments: Any
) -> AsyncStream[ResponseEvent]:
    """Ask through the Responses API, or through chat where the upstream knows only that.

    Args:
        model: the model string; None only with `prompt=` or a stored state that names one.
        input: a text, or a list of items; items of earlier answers (`*response.output`) are taken as they are.
        stream: return events as they come.
        **arguments: `stream=True` for events, `text_format=PydanticClass` for `.output_parsed`,
            `background=True, wait=True` to poll until the end, `use_chat_completions_api=True` to go
            through chat, our own arguments and every parameter of the upstream.

    Raises:
        LLMGateError: see docs/guide/errors.md; a response that failed is in `partial`.
    """

@overload
async def aresponses(
    model: str | None = None, input: Any = None, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ResponseObject: ...
@overload
async def aresponses(
    model: str | None = None, input: Any = None, *, stream: bool | None, **arguments: Any
) -> ResponseObject | AsyncStream[ResponseEvent]: ...
@overload
async def aget_responses(
    response_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any
) -> AsyncStream[ResponseEvent]:
    """Return a stored response, or with `stream=True` its events from `starting_after` on.

    `model` picks the provider, as a prefix such as `openai/` or a whole model string; None: the default one.
    """

@overload
async def aget_responses(
    response_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any
) -> ResponseObject: ...
@overload
async def aget_responses(
    response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any
) -> ResponseObject | AsyncStream[ResponseEvent]: ...
async def acancel_responses(response_id: str, *, model: str | None = None, **arguments: Any) -> ResponseObject:
    """Stop a response that runs in the background."""

async def adelete_responses(response_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
    """Delete a stored response."""

async def alist_input_items(response_id: str, *, model: str | None = None, **arguments: Any) -> Page:
    """Return the input items of a stored response, a page at a time."""

async def acompact_responses(model: str, input: Any = None, **arguments: Any) -> CompactedResponse:
    """Return a compacted form of a conversation, to go on from."""

async def acount_input_tokens(model: str, input: Any = None, **arguments: Any) -> InputTokens:
    """Return how many tokens the input of a Responses call has."""

async def aembedding(model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
    """Return the vectors of a text, a list of texts, a token list, or a list of token lists."""

@overload
async def atranscription(
    model: str, file: Any, *, stream: Literal[True], **arguments: Any
) -> AsyncStream[TranscriptionEvent]:
    """Write down what is said in a recording; `.text` holds it whatever the format.

    `file` is an open binary file, a path, bytes, or `(name, content, type)`; streamed from disk.
    """

@overload
async def atranscription(
    model: str, file: Any, *, stream: Literal[False] | None = ..., **arguments: Any
) -> Transcription: ...
@overload
async def atranscription(
    model: str, file: Any, *, stream: bool | None, **arguments: Any
) -> Transcription | AsyncStream[TranscriptionEvent]: ...
async def atranslation(model: str, file: Any, **arguments: Any) -> Translation:
    """Write down in English what is said in a recording; `file` as for `transcription`."""

@overload
async def aspeech(model: str, input: str, voice: Any, *, stream: Literal[True], **arguments: Any) -> AsyncStream[bytes]:
    """Speak a text.

    Returns the audio as a `BinaryResponse`; with `stream=True` a stream of byte blocks as they come, which
    `stream_to_file` writes to disk; with `stream_format="sse"` a stream of `SpeechEvent`.
    """

@overload
async def aspeech(
    model: str, input: str, voice: Any, *, stream: Literal[False] | None = ..., **arguments: Any
) -> BinaryResponse: ...
@overload
async def aspeech(
    model: str, input: str, voice: Any, *, stream: bool | None, **arguments: Any
) -> BinaryResponse | AsyncStream[bytes]: ...
@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: Literal[True], **arguments: Any
) -> AsyncStream[ImageEvent]:
    """Draw what a prompt describes; `stream=True, partial_images=n` shows it growing."""

@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ImagesResponse: ...
@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: bool | None, **arguments: Any
) -> ImagesResponse | AsyncStream[ImageEvent]: ...
@overload
async def aimage_edit(
    model: str, image: Any, prompt: str, *, stream: Literal[True], **arguments: Any
) -> AsyncStream[ImageEvent]:
    """Change one image or several as a prompt says; images and `mask=` as files of any kind."""

@overload
async def aimage_edit(
    model: str, image: Any, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any
) -> ImagesResponse: ...
@overload
async def aimage_edit(
    model: str, image: Any, prompt: str, *, stream: bool | None, **arguments: Any
) -> ImagesResponse | AsyncStream[ImageEvent]: ...
async def aimage_variation(model: str, image: Any, **arguments: Any) -> ImagesResponse:
    """Draw variations of an image."""

async def avideo_generation(model: str, prompt: str, **arguments: Any) -> Video:
    """Start a video, or with `wait=True` wait until it is done.

    With `wait=True`: `on_progress(job)` is told of each look, `poll_seconds` is the time between two, and
    `timeout` holds over all of it. A job that failed or is late raises with the job in `partial`.
    """

async def avideo_status(video_id: str, *, model: str | None = None, **arguments: Any) -> Video:
    """Return how far a video is."""

async def avideo_list(*, model: str | None = None, **arguments: Any) -> Page:
    """Return the videos made so far, a page at a time."""

@overload
async def avideo_content(
    video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any
) -> AsyncStream[bytes]:
    """Return the video (or its `variant="thumbnail"`); with `stream=True` as blocks, for `stream_to_file`."""

@overload
async def avideo_content(
    video_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any
) -> BinaryResponse: ...
@overload
async def avideo_content(
    video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any
) -> BinaryResponse | AsyncStream[bytes]: ...
async def avideo_remix(video_id: str, prompt: str, *, model: str | None = None, **arguments: Any) -> Video:
    """Start a new video from one that is done."""

async def avideo_delete(video_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
    """Delete a video."""

async def amoderation(input: Any, model: str | None = None, **arguments: Any) -> ModerationResponse:
    """Judge whether texts and images are harmful; `model` None: the default model of the default provider."""
