# Made by tools/make_stubs.py from async_*_calls.py: edit there, then run `make twins`.

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from pydantic import TypeAdapter
from typing_extensions import Unpack

from llmgate_core.client.arguments import (
    ChatArguments,
    ChatCountTokensArguments,
    EmbeddingArguments,
    ImageArguments,
    ImageEditArguments,
    ImageVariationArguments,
    MessagesArguments,
    MessagesCountTokensArguments,
    RerankArguments,
    ResponsesArguments,
    ResponsesCompactArguments,
    ResponsesInputItemsArguments,
    ResponsesInputTokensArguments,
    ResponsesRetrieveArguments,
    SpeechArguments,
    TextCompletionArguments,
    TranscriptionArguments,
    TranslationArguments,
    VideoArguments,
    VideoContentArguments,
    VideoListArguments,
)
from llmgate_core.client.async_client import AsyncClient
from llmgate_core.client.inputs import FileValue, ImageValue, MessagesValue, OutputValue, TextValue
from llmgate_core.client.sync_client import Client
from llmgate_core.reading.async_stream import AsyncStream
from llmgate_core.reading.sync_stream import Stream
from llmgate_core.settings.call_options import CallOptions
from llmgate_core.types.audio import Transcription, TranscriptionEvent, Translation
from llmgate_core.types.base import Deleted, Page
from llmgate_core.types.binary import BinaryResponse
from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
from llmgate_core.types.embedding import EmbeddingResponse
from llmgate_core.types.image import ImageEvent, ImagesResponse
from llmgate_core.types.messages import MessageEvent, MessageObject, MessageTokens
from llmgate_core.types.moderation import ModerationResponse
from llmgate_core.types.rerank import RerankResponse
from llmgate_core.types.responses import CompactedResponse, InputTokens, ResponseEvent, ResponseObject
from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk
from llmgate_core.types.tokens import TokenCount
from llmgate_core.types.video import Video

OutputT = TypeVar("OutputT")

def default_client() -> Client: ...
def default_async_client() -> AsyncClient: ...
@overload
def completion(
    model: str,
    messages: MessagesValue = (),
    *,
    stream: Literal[True],
    response_format: OutputValue | None = ...,
    **arguments: Unpack[ChatArguments],
) -> Stream[ChatCompletionChunk]:
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
        A `ChatCompletion`; with `stream=True`: `Stream[ChatCompletionChunk]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /chat/completions.
    """

@overload
def completion(
    model: str,
    messages: MessagesValue = (),
    *,
    response_format: type[OutputT] | TypeAdapter[OutputT],
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ParsedChatCompletion[OutputT]: ...
@overload
def completion(
    model: str,
    messages: MessagesValue = (),
    *,
    response_format: Mapping[str, Any] | None = ...,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ChatCompletion: ...
@overload
def completion(
    model: str,
    messages: MessagesValue = (),
    *,
    stream: bool | None,
    response_format: OutputValue | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ChatCompletion | Stream[ChatCompletionChunk]: ...
@overload
def completion(
    model: str, *, file: FileValue, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]
) -> Transcription: ...
@overload
def text_completion(
    model: str, prompt: TextValue, *, stream: Literal[True], **arguments: Unpack[TextCompletionArguments]
) -> Stream[TextCompletionChunk]:
    """Continue text with a legacy completion model.

    Args:
        model: a model string; the prefix of OpenAI's own is `text-completion-openai/`.
        prompt: a string, a list of strings, a list of tokens, or a list of such lists.
        stream: True returns the answer in chunks, as they arrive.
        **arguments: as for `completion`.

    Returns:
        A `TextCompletion` with a choice for each prompt; with `stream=True`:
        `Stream[TextCompletionChunk]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /completions.
    """

@overload
def text_completion(
    model: str, prompt: TextValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TextCompletionArguments]
) -> TextCompletion: ...
@overload
def text_completion(
    model: str, prompt: TextValue, *, stream: bool | None, **arguments: Unpack[TextCompletionArguments]
) -> TextCompletion | Stream[TextCompletionChunk]: ...
@overload
def responses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: Literal[True],
    **arguments: Unpack[ResponsesArguments],
) -> Stream[ResponseEvent]:
    """Call a model through the Responses API, or through chat if the upstream has no other.

    Args:
        model: a model string. None only with `prompt=` or a stored state that names a model.
        input: a string, or a list of items; items of earlier answers (`*response.output`) are taken as they are.
        stream: True returns the answer's events, as they arrive.
        **arguments: as for `completion`. Among them: `text_format=PydanticClass` for `.parsed`,
            `background=True, wait=True` to poll until the response has ended, `use_chat_completions_api=True`
            to go through chat.

    Returns:
        A `ResponseObject`; with `stream=True`: `Stream[ResponseEvent]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md. A response that failed is in
            `partial`.

    Source: OpenAI API reference, POST /responses.
    """

@overload
def responses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ResponsesArguments],
) -> ResponseObject: ...
@overload
def responses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: bool | None,
    **arguments: Unpack[ResponsesArguments],
) -> ResponseObject | Stream[ResponseEvent]: ...
@overload
def get_responses(
    response_id: str,
    *,
    model: str | None = None,
    stream: Literal[True],
    **arguments: Unpack[ResponsesRetrieveArguments],
) -> Stream[ResponseEvent]:
    """Return a stored response.

    Args:
        response_id: its `id`.
        model: the provider, as a prefix such as `openai/` or a whole model string; None: the default provider.
        stream: True returns its events, from the one after the number `starting_after`.
        **arguments: as for `completion`; `wait=True` polls a background response until it has ended.

    Returns:
        A `ResponseObject`; with `stream=True`: `Stream[ResponseEvent]`.

    Raises:
        NotFoundError: the response is not stored. LLMGateError: every other failure.

    Source: OpenAI API reference, GET /responses/{response_id}.
    """

@overload
def get_responses(
    response_id: str,
    *,
    model: str | None = None,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ResponsesRetrieveArguments],
) -> ResponseObject: ...
@overload
def get_responses(
    response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[ResponsesRetrieveArguments]
) -> ResponseObject | Stream[ResponseEvent]: ...
def cancel_responses(response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> ResponseObject:
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

def delete_responses(response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Deleted:
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

def list_input_items(
    response_id: str, *, model: str | None = None, **arguments: Unpack[ResponsesInputItemsArguments]
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

def compact_responses(
    model: str, input: str | Sequence[Any] | None = None, **arguments: Unpack[ResponsesCompactArguments]
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

def count_tokens(model: str, messages: MessagesValue, **arguments: Unpack[ChatCountTokensArguments]) -> TokenCount:
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

def count_input_tokens(
    model: str, input: str | Sequence[Any] | None = None, **arguments: Unpack[ResponsesInputTokensArguments]
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

@overload
def messages(
    model: str,
    messages: MessagesValue,
    max_tokens: int,
    *,
    stream: Literal[True],
    **arguments: Unpack[MessagesArguments],
) -> Stream[MessageEvent]:
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

@overload
def messages(
    model: str,
    messages: MessagesValue,
    max_tokens: int,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[MessagesArguments],
) -> MessageObject: ...
@overload
def messages(
    model: str, messages: MessagesValue, max_tokens: int, *, stream: bool | None, **arguments: Unpack[MessagesArguments]
) -> MessageObject | Stream[MessageEvent]: ...
def count_message_tokens(
    model: str, messages: MessagesValue, **arguments: Unpack[MessagesCountTokensArguments]
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

def embedding(model: str, input: TextValue, **arguments: Unpack[EmbeddingArguments]) -> EmbeddingResponse:
    """Turn text into vectors.

    Args:
        model: a model string.
        input: a string, a list of strings, a list of tokens, or a list of such lists. More than the endpoint
            takes at once are sent in several requests, with one result.
        **arguments: as for `completion`; `dimensions` is the length of the vectors.

    Returns:
        An `EmbeddingResponse` with a vector in `data` for each input, in their order, and all of them as an array
        in `vectors`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /embeddings.
    """

def moderation(
    input: str | Sequence[str] | Sequence[Mapping[str, Any]], model: str | None = None, **arguments: Unpack[CallOptions]
) -> ModerationResponse:
    """Judge whether text and images are harmful.

    Args:
        input: a string; a list of strings; or a list of parts, `{"type": "text", "text": ...}` and
            `{"type": "image_url", "image_url": {"url": ...}}`, which are judged together.
        model: a model string; None: the default model of the default provider.
        **arguments: options, docs/guide/options.md.

    Returns:
        A `ModerationResponse` with one verdict in `results` for each string, or one for all parts.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /moderations.
    """

def rerank(
    model: str, query: str, documents: Sequence[str | Mapping[str, Any]], **arguments: Unpack[RerankArguments]
) -> RerankResponse:
    """Order documents by how relevant they are to a query.

    Args:
        model: a model string, such as `cohere/rerank-v3.5`.
        query: what the documents are compared with.
        documents: strings, or objects with a `text`.
        **arguments: as for `completion`; `top_n` is how many results come back.

    Returns:
        A `RerankResponse` with the index and the score of each document in `results`, the best first.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: Cohere API reference, POST /v2/rerank; Jina API reference, POST /v1/rerank.
    """

@overload
def transcription(
    model: str, file: FileValue, *, stream: Literal[True], **arguments: Unpack[TranscriptionArguments]
) -> Stream[TranscriptionEvent]:
    """Transcribe an audio file. `.text` is set for every response format.

    Args:
        model: a model string.
        file: an open binary file, a path, bytes, or `(name, content)` or `(name, content, content_type)`, where
            `content` is one of these. It is streamed from disk, never read whole, and never closed.
        stream: True returns the transcript's events, as they arrive.
        **arguments: as for `completion`.

    Returns:
        A `Transcription`; with `stream=True`: `Stream[TranscriptionEvent]`.

    Raises:
        BadRequestError: with `param == "file"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /audio/transcriptions.
    """

@overload
def transcription(
    model: str, file: FileValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]
) -> Transcription: ...
@overload
def transcription(
    model: str, file: FileValue, *, stream: bool | None, **arguments: Unpack[TranscriptionArguments]
) -> Transcription | Stream[TranscriptionEvent]: ...
def translation(model: str, file: FileValue, **arguments: Unpack[TranslationArguments]) -> Translation:
    """Translate an audio file into English text.

    Args:
        model: a model string.
        file: as for `transcription`.
        **arguments: as for `completion`.

    Returns:
        A `Translation`, whose `.text` is set for every response format.

    Raises:
        BadRequestError: with `param == "file"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /audio/translations.
    """

@overload
def speech(
    model: str,
    input: str,
    voice: str | Mapping[str, Any],
    *,
    stream: Literal[True],
    **arguments: Unpack[SpeechArguments],
) -> Stream[bytes]:
    """Turn text into speech.

    Args:
        model: a model string.
        input: the text, at most 4096 characters at OpenAI.
        voice: its name, such as `alloy`, or `{"id": ...}` for a custom voice.
        stream: True returns the audio in blocks of bytes, as they arrive. Not sent upstream.
        **arguments: as for `completion`; `speed` from 0.25 to 4.

    Returns:
        A `BinaryResponse`; with `stream=True`: `Stream[bytes]`, which `stream_to_file` writes to disk;
        with `stream_format="sse"`: `Stream[SpeechEvent]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /audio/speech.
    """

@overload
def speech(
    model: str,
    input: str,
    voice: str | Mapping[str, Any],
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[SpeechArguments],
) -> BinaryResponse: ...
@overload
def speech(
    model: str, input: str, voice: str | Mapping[str, Any], *, stream: bool | None, **arguments: Unpack[SpeechArguments]
) -> BinaryResponse | Stream[bytes]: ...
@overload
def image_generation(
    model: str, prompt: str, *, stream: Literal[True], **arguments: Unpack[ImageArguments]
) -> Stream[ImageEvent]:
    """Draw what a prompt describes.

    Args:
        model: a model string.
        prompt: the description, at most 32,000 characters at OpenAI.
        stream: True returns events, among them `partial_images` (0 to 3) previews of each image.
        **arguments: as for `completion`; `n` is the number of images.

    Returns:
        An `ImagesResponse`; with `stream=True`: `Stream[ImageEvent]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /images/generations.
    """

@overload
def image_generation(
    model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Unpack[ImageArguments]
) -> ImagesResponse: ...
@overload
def image_generation(
    model: str, prompt: str, *, stream: bool | None, **arguments: Unpack[ImageArguments]
) -> ImagesResponse | Stream[ImageEvent]: ...
@overload
def image_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: Literal[True],
    **arguments: Unpack[ImageEditArguments],
) -> Stream[ImageEvent]:
    """Change one or several images as a prompt says.

    Args:
        model: a model string.
        image: a file (as for `transcription`), a reference `{"image_url": ...}` or `{"file_id": ...}`, or a list
            of at most 16, either of files only or of references only.
        prompt: what to change, at most 32,000 characters at OpenAI.
        stream: True returns events, among them `partial_images` (0 to 3) previews of each image.
        **arguments: as for `completion`. `mask` marks what may change: a file where the images are files, a
            reference where they are references.

    Returns:
        An `ImagesResponse`; with `stream=True`: `Stream[ImageEvent]`.

    Raises:
        BadRequestError: with `param` `image` or `mask` if a file is missing, empty or cannot be read, or files
            and references are mixed. LLMGateError: every other failure.

    Source: OpenAI API reference, POST /images/edits.
    """

@overload
def image_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ImageEditArguments],
) -> ImagesResponse: ...
@overload
def image_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: bool | None,
    **arguments: Unpack[ImageEditArguments],
) -> ImagesResponse | Stream[ImageEvent]: ...
def image_variation(model: str, image: FileValue, **arguments: Unpack[ImageVariationArguments]) -> ImagesResponse:
    """Draw variations of an image.

    Args:
        model: a model string.
        image: one file, as for `transcription`.
        **arguments: as for `completion`; `n` is the number of images, from 1 to 10.

    Returns:
        An `ImagesResponse`.

    Raises:
        BadRequestError: with `param == "image"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /images/variations.
    """

def video_generation(model: str, prompt: str, **arguments: Unpack[VideoArguments]) -> Video:
    """Start a video; with `wait=True` return it when it has been made.

    Args:
        model: a model string.
        prompt: the description, at most 32,000 characters at OpenAI.
        **arguments: as for `completion`. `seconds` is the length as a string, such as `"4"`. `input_reference`
            is a file (as for `transcription`) or a reference for the first frame. With `wait=True` the job is
            polled every `poll_seconds` seconds (if left out, as the upstream asks, else 5), `on_progress(job)`
            is called after every poll with the job as a dict, and `timeout` covers everything.

    Returns:
        The `Video` job: newly created, or completed with `wait=True`.

    Raises:
        APIStatusError: with `wait=True` if the job failed; the job is in `partial`. APITimeoutError: it did not
            end in time; `partial["id"]` is for `video_status`. LLMGateError: every other failure.

    Source: OpenAI API reference, POST /videos.
    """

def video_status(video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Video:
    """Return the status of a video job.

    Args:
        video_id: its `id`.
        model: the provider, as a prefix such as `openai/` or a whole model string; None: the default provider.
        **arguments: options, docs/guide/options.md.

    Returns:
        The `Video` job, with `status` and `progress` in per cent.

    Raises:
        NotFoundError: there is no such video. LLMGateError: every other failure.

    Source: OpenAI API reference, GET /videos/{video_id}.
    """

def video_list(*, model: str | None = None, **arguments: Unpack[VideoListArguments]) -> Page:
    """Return one page of the videos.

    Args:
        model: the provider, as for `video_status`.
        **arguments: `limit` videos (0 to 100) after the one with the id `after`, in the `order` `asc` or `desc`;
            and options, docs/guide/options.md.

    Returns:
        A `Page` of videos; `after=page.last_id` asks for the next one while `page.has_more`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, GET /videos.
    """

@overload
def video_content(
    video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Unpack[VideoContentArguments]
) -> Stream[bytes]:
    """Download a video that has been made.

    Args:
        video_id: its `id`.
        model: the provider, as for `video_status`.
        stream: True returns the bytes in blocks, as they arrive. Not sent upstream.
        **arguments: `variant`: `video` (if left out), `thumbnail` or `spritesheet`; and options,
            docs/guide/options.md.

    Returns:
        A `BinaryResponse`; with `stream=True`: `Stream[bytes]`, which `stream_to_file` writes to disk.

    Raises:
        NotFoundError: there is no such video, or its content has expired. LLMGateError: every other failure.

    Source: OpenAI API reference, GET /videos/{video_id}/content.
    """

@overload
def video_content(
    video_id: str,
    *,
    model: str | None = None,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[VideoContentArguments],
) -> BinaryResponse: ...
@overload
def video_content(
    video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[VideoContentArguments]
) -> BinaryResponse | Stream[bytes]: ...
def video_remix(video_id: str, prompt: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Video:
    """Start a new video from one that has been made.

    Args:
        video_id: the `id` of that video.
        prompt: what to change.
        model: the provider, as for `video_status`.
        **arguments: options, docs/guide/options.md; with `wait=True` as for `video_generation`.

    Returns:
        The new `Video` job: newly created, or completed with `wait=True`.

    Raises:
        LLMGateError: as `video_generation`.

    Source: OpenAI API reference, POST /videos/{video_id}/remix.
    """

def video_delete(video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Deleted:
    """Delete a video.

    Args:
        video_id: its `id`.
        model: the provider, as for `video_status`.
        **arguments: options, docs/guide/options.md.

    Returns:
        A `Deleted`, whose `deleted` is True.

    Raises:
        NotFoundError: there is no such video. LLMGateError: every other failure.

    Source: OpenAI API reference, DELETE /videos/{video_id}.
    """

@overload
async def acompletion(
    model: str,
    messages: MessagesValue = (),
    *,
    stream: Literal[True],
    response_format: OutputValue | None = ...,
    **arguments: Unpack[ChatArguments],
) -> AsyncStream[ChatCompletionChunk]:
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

@overload
async def acompletion(
    model: str,
    messages: MessagesValue = (),
    *,
    response_format: type[OutputT] | TypeAdapter[OutputT],
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ParsedChatCompletion[OutputT]: ...
@overload
async def acompletion(
    model: str,
    messages: MessagesValue = (),
    *,
    response_format: Mapping[str, Any] | None = ...,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ChatCompletion: ...
@overload
async def acompletion(
    model: str,
    messages: MessagesValue = (),
    *,
    stream: bool | None,
    response_format: OutputValue | None = ...,
    **arguments: Unpack[ChatArguments],
) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...
@overload
async def acompletion(
    model: str, *, file: FileValue, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]
) -> Transcription: ...
@overload
async def atext_completion(
    model: str, prompt: TextValue, *, stream: Literal[True], **arguments: Unpack[TextCompletionArguments]
) -> AsyncStream[TextCompletionChunk]:
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

@overload
async def atext_completion(
    model: str, prompt: TextValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TextCompletionArguments]
) -> TextCompletion: ...
@overload
async def atext_completion(
    model: str, prompt: TextValue, *, stream: bool | None, **arguments: Unpack[TextCompletionArguments]
) -> TextCompletion | AsyncStream[TextCompletionChunk]: ...
@overload
async def aresponses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: Literal[True],
    **arguments: Unpack[ResponsesArguments],
) -> AsyncStream[ResponseEvent]:
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

@overload
async def aresponses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ResponsesArguments],
) -> ResponseObject: ...
@overload
async def aresponses(
    model: str | None = None,
    input: str | Sequence[Any] | None = None,
    *,
    stream: bool | None,
    **arguments: Unpack[ResponsesArguments],
) -> ResponseObject | AsyncStream[ResponseEvent]: ...
@overload
async def aget_responses(
    response_id: str,
    *,
    model: str | None = None,
    stream: Literal[True],
    **arguments: Unpack[ResponsesRetrieveArguments],
) -> AsyncStream[ResponseEvent]:
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

@overload
async def aget_responses(
    response_id: str,
    *,
    model: str | None = None,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ResponsesRetrieveArguments],
) -> ResponseObject: ...
@overload
async def aget_responses(
    response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[ResponsesRetrieveArguments]
) -> ResponseObject | AsyncStream[ResponseEvent]: ...
async def acancel_responses(
    response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]
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

async def adelete_responses(response_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Deleted:
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

async def alist_input_items(
    response_id: str, *, model: str | None = None, **arguments: Unpack[ResponsesInputItemsArguments]
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

async def acompact_responses(
    model: str, input: str | Sequence[Any] | None = None, **arguments: Unpack[ResponsesCompactArguments]
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

async def acount_tokens(
    model: str, messages: MessagesValue, **arguments: Unpack[ChatCountTokensArguments]
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

async def acount_input_tokens(
    model: str, input: str | Sequence[Any] | None = None, **arguments: Unpack[ResponsesInputTokensArguments]
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

@overload
async def amessages(
    model: str,
    messages: MessagesValue,
    max_tokens: int,
    *,
    stream: Literal[True],
    **arguments: Unpack[MessagesArguments],
) -> AsyncStream[MessageEvent]:
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

@overload
async def amessages(
    model: str,
    messages: MessagesValue,
    max_tokens: int,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[MessagesArguments],
) -> MessageObject: ...
@overload
async def amessages(
    model: str, messages: MessagesValue, max_tokens: int, *, stream: bool | None, **arguments: Unpack[MessagesArguments]
) -> MessageObject | AsyncStream[MessageEvent]: ...
async def acount_message_tokens(
    model: str, messages: MessagesValue, **arguments: Unpack[MessagesCountTokensArguments]
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

async def aembedding(model: str, input: TextValue, **arguments: Unpack[EmbeddingArguments]) -> EmbeddingResponse:
    """Turn text into vectors.

    Args:
        model: a model string.
        input: a string, a list of strings, a list of tokens, or a list of such lists. More than the endpoint
            takes at once are sent in several requests, with one result.
        **arguments: as for `completion`; `dimensions` is the length of the vectors.

    Returns:
        An `EmbeddingResponse` with a vector in `data` for each input, in their order, and all of them as an array
        in `vectors`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /embeddings.
    """

async def amoderation(
    input: str | Sequence[str] | Sequence[Mapping[str, Any]], model: str | None = None, **arguments: Unpack[CallOptions]
) -> ModerationResponse:
    """Judge whether text and images are harmful.

    Args:
        input: a string; a list of strings; or a list of parts, `{"type": "text", "text": ...}` and
            `{"type": "image_url", "image_url": {"url": ...}}`, which are judged together.
        model: a model string; None: the default model of the default provider.
        **arguments: options, docs/guide/options.md.

    Returns:
        A `ModerationResponse` with one verdict in `results` for each string, or one for all parts.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /moderations.
    """

async def arerank(
    model: str, query: str, documents: Sequence[str | Mapping[str, Any]], **arguments: Unpack[RerankArguments]
) -> RerankResponse:
    """Order documents by how relevant they are to a query.

    Args:
        model: a model string, such as `cohere/rerank-v3.5`.
        query: what the documents are compared with.
        documents: strings, or objects with a `text`.
        **arguments: as for `completion`; `top_n` is how many results come back.

    Returns:
        A `RerankResponse` with the index and the score of each document in `results`, the best first.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: Cohere API reference, POST /v2/rerank; Jina API reference, POST /v1/rerank.
    """

@overload
async def atranscription(
    model: str, file: FileValue, *, stream: Literal[True], **arguments: Unpack[TranscriptionArguments]
) -> AsyncStream[TranscriptionEvent]:
    """Transcribe an audio file. `.text` is set for every response format.

    Args:
        model: a model string.
        file: an open binary file, a path, bytes, or `(name, content)` or `(name, content, content_type)`, where
            `content` is one of these. It is streamed from disk, never read whole, and never closed.
        stream: True returns the transcript's events, as they arrive.
        **arguments: as for `completion`.

    Returns:
        A `Transcription`; with `stream=True`: `AsyncStream[TranscriptionEvent]`.

    Raises:
        BadRequestError: with `param == "file"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /audio/transcriptions.
    """

@overload
async def atranscription(
    model: str, file: FileValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]
) -> Transcription: ...
@overload
async def atranscription(
    model: str, file: FileValue, *, stream: bool | None, **arguments: Unpack[TranscriptionArguments]
) -> Transcription | AsyncStream[TranscriptionEvent]: ...
async def atranslation(model: str, file: FileValue, **arguments: Unpack[TranslationArguments]) -> Translation:
    """Translate an audio file into English text.

    Args:
        model: a model string.
        file: as for `transcription`.
        **arguments: as for `completion`.

    Returns:
        A `Translation`, whose `.text` is set for every response format.

    Raises:
        BadRequestError: with `param == "file"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /audio/translations.
    """

@overload
async def aspeech(
    model: str,
    input: str,
    voice: str | Mapping[str, Any],
    *,
    stream: Literal[True],
    **arguments: Unpack[SpeechArguments],
) -> AsyncStream[bytes]:
    """Turn text into speech.

    Args:
        model: a model string.
        input: the text, at most 4096 characters at OpenAI.
        voice: its name, such as `alloy`, or `{"id": ...}` for a custom voice.
        stream: True returns the audio in blocks of bytes, as they arrive. Not sent upstream.
        **arguments: as for `completion`; `speed` from 0.25 to 4.

    Returns:
        A `BinaryResponse`; with `stream=True`: `AsyncStream[bytes]`, which `stream_to_file` writes to disk;
        with `stream_format="sse"`: `AsyncStream[SpeechEvent]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /audio/speech.
    """

@overload
async def aspeech(
    model: str,
    input: str,
    voice: str | Mapping[str, Any],
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[SpeechArguments],
) -> BinaryResponse: ...
@overload
async def aspeech(
    model: str, input: str, voice: str | Mapping[str, Any], *, stream: bool | None, **arguments: Unpack[SpeechArguments]
) -> BinaryResponse | AsyncStream[bytes]: ...
@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: Literal[True], **arguments: Unpack[ImageArguments]
) -> AsyncStream[ImageEvent]:
    """Draw what a prompt describes.

    Args:
        model: a model string.
        prompt: the description, at most 32,000 characters at OpenAI.
        stream: True returns events, among them `partial_images` (0 to 3) previews of each image.
        **arguments: as for `completion`; `n` is the number of images.

    Returns:
        An `ImagesResponse`; with `stream=True`: `AsyncStream[ImageEvent]`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, POST /images/generations.
    """

@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Unpack[ImageArguments]
) -> ImagesResponse: ...
@overload
async def aimage_generation(
    model: str, prompt: str, *, stream: bool | None, **arguments: Unpack[ImageArguments]
) -> ImagesResponse | AsyncStream[ImageEvent]: ...
@overload
async def aimage_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: Literal[True],
    **arguments: Unpack[ImageEditArguments],
) -> AsyncStream[ImageEvent]:
    """Change one or several images as a prompt says.

    Args:
        model: a model string.
        image: a file (as for `transcription`), a reference `{"image_url": ...}` or `{"file_id": ...}`, or a list
            of at most 16, either of files only or of references only.
        prompt: what to change, at most 32,000 characters at OpenAI.
        stream: True returns events, among them `partial_images` (0 to 3) previews of each image.
        **arguments: as for `completion`. `mask` marks what may change: a file where the images are files, a
            reference where they are references.

    Returns:
        An `ImagesResponse`; with `stream=True`: `AsyncStream[ImageEvent]`.

    Raises:
        BadRequestError: with `param` `image` or `mask` if a file is missing, empty or cannot be read, or files
            and references are mixed. LLMGateError: every other failure.

    Source: OpenAI API reference, POST /images/edits.
    """

@overload
async def aimage_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[ImageEditArguments],
) -> ImagesResponse: ...
@overload
async def aimage_edit(
    model: str,
    image: ImageValue | list[Any],
    prompt: str,
    *,
    stream: bool | None,
    **arguments: Unpack[ImageEditArguments],
) -> ImagesResponse | AsyncStream[ImageEvent]: ...
async def aimage_variation(
    model: str, image: FileValue, **arguments: Unpack[ImageVariationArguments]
) -> ImagesResponse:
    """Draw variations of an image.

    Args:
        model: a model string.
        image: one file, as for `transcription`.
        **arguments: as for `completion`; `n` is the number of images, from 1 to 10.

    Returns:
        An `ImagesResponse`.

    Raises:
        BadRequestError: with `param == "image"` if the file is missing, empty or cannot be read. LLMGateError:
            every other failure.

    Source: OpenAI API reference, POST /images/variations.
    """

async def avideo_generation(model: str, prompt: str, **arguments: Unpack[VideoArguments]) -> Video:
    """Start a video; with `wait=True` return it when it has been made.

    Args:
        model: a model string.
        prompt: the description, at most 32,000 characters at OpenAI.
        **arguments: as for `completion`. `seconds` is the length as a string, such as `"4"`. `input_reference`
            is a file (as for `transcription`) or a reference for the first frame. With `wait=True` the job is
            polled every `poll_seconds` seconds (if left out, as the upstream asks, else 5), `on_progress(job)`
            is called after every poll with the job as a dict, and `timeout` covers everything.

    Returns:
        The `Video` job: newly created, or completed with `wait=True`.

    Raises:
        APIStatusError: with `wait=True` if the job failed; the job is in `partial`. APITimeoutError: it did not
            end in time; `partial["id"]` is for `video_status`. LLMGateError: every other failure.

    Source: OpenAI API reference, POST /videos.
    """

async def avideo_status(video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Video:
    """Return the status of a video job.

    Args:
        video_id: its `id`.
        model: the provider, as a prefix such as `openai/` or a whole model string; None: the default provider.
        **arguments: options, docs/guide/options.md.

    Returns:
        The `Video` job, with `status` and `progress` in per cent.

    Raises:
        NotFoundError: there is no such video. LLMGateError: every other failure.

    Source: OpenAI API reference, GET /videos/{video_id}.
    """

async def avideo_list(*, model: str | None = None, **arguments: Unpack[VideoListArguments]) -> Page:
    """Return one page of the videos.

    Args:
        model: the provider, as for `video_status`.
        **arguments: `limit` videos (0 to 100) after the one with the id `after`, in the `order` `asc` or `desc`;
            and options, docs/guide/options.md.

    Returns:
        A `Page` of videos; `after=page.last_id` asks for the next one while `page.has_more`.

    Raises:
        LLMGateError: every failure; the classes are in docs/guide/errors.md.

    Source: OpenAI API reference, GET /videos.
    """

@overload
async def avideo_content(
    video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Unpack[VideoContentArguments]
) -> AsyncStream[bytes]:
    """Download a video that has been made.

    Args:
        video_id: its `id`.
        model: the provider, as for `video_status`.
        stream: True returns the bytes in blocks, as they arrive. Not sent upstream.
        **arguments: `variant`: `video` (if left out), `thumbnail` or `spritesheet`; and options,
            docs/guide/options.md.

    Returns:
        A `BinaryResponse`; with `stream=True`: `AsyncStream[bytes]`, which `stream_to_file` writes to disk.

    Raises:
        NotFoundError: there is no such video, or its content has expired. LLMGateError: every other failure.

    Source: OpenAI API reference, GET /videos/{video_id}/content.
    """

@overload
async def avideo_content(
    video_id: str,
    *,
    model: str | None = None,
    stream: Literal[False] | None = ...,
    **arguments: Unpack[VideoContentArguments],
) -> BinaryResponse: ...
@overload
async def avideo_content(
    video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[VideoContentArguments]
) -> BinaryResponse | AsyncStream[bytes]: ...
async def avideo_remix(
    video_id: str, prompt: str, *, model: str | None = None, **arguments: Unpack[CallOptions]
) -> Video:
    """Start a new video from one that has been made.

    Args:
        video_id: the `id` of that video.
        prompt: what to change.
        model: the provider, as for `video_status`.
        **arguments: options, docs/guide/options.md; with `wait=True` as for `video_generation`.

    Returns:
        The new `Video` job: newly created, or completed with `wait=True`.

    Raises:
        LLMGateError: as `video_generation`.

    Source: OpenAI API reference, POST /videos/{video_id}/remix.
    """

async def avideo_delete(video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Deleted:
    """Delete a video.

    Args:
        video_id: its `id`.
        model: the provider, as for `video_status`.
        **arguments: options, docs/guide/options.md.

    Returns:
        A `Deleted`, whose `deleted` is True.

    Raises:
        NotFoundError: there is no such video. LLMGateError: every other failure.

    Source: OpenAI API reference, DELETE /videos/{video_id}.
    """
