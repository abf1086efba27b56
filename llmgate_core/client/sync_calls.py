# Made from llmgate_core/client/async_calls.py by tools/make_twins.py: edit that file, then run `make twins`.
"""Every function of the synchronous client, the twins of `sync_calls.py`: what it is called with, and what comes back.

Only signatures and their families stand here; preparing and sending are the client's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from pydantic import BaseModel

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

__all__ = ["SyncCalls"]


@hide_keys
class SyncCalls(ABC):
    """The functions; `_call` is the client's."""

    @abstractmethod
    def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: dict[str, Any],
        *,
        operation: str = "create",
    ) -> Any:
        """Prepare, send and read one call."""

    # fmt: off
    @overload
    def completion(self, model: str, messages: Sequence[Any] = (), *, stream: Literal[True], **arguments: Any) -> Stream[ChatCompletionChunk]: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Sequence[Any] = (), *, response_format: type[OutputT], stream: Literal[False] | None = ..., **arguments: Any) -> ParsedChatCompletion[OutputT]: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Sequence[Any] = (), *, stream: Literal[False] | None = ..., **arguments: Any) -> ChatCompletion: ...  # noqa: E501
    @overload
    def completion(self, model: str, messages: Sequence[Any] = (), *, stream: bool | None, **arguments: Any) -> ChatCompletion | Stream[ChatCompletionChunk]: ...  # noqa: E501
    # fmt: on
    def completion(self, model: str, messages: Sequence[Any] = (), **arguments: Any) -> Any:
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
        if "file" in arguments and not messages:
            return self._call("transcription", model, {}, arguments)
        return self._call("chat", model, {"messages": messages}, arguments)

    # fmt: off
    @overload
    def text_completion(self, model: str, prompt: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TextCompletionChunk]: ...  # noqa: E501
    @overload
    def text_completion(self, model: str, prompt: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> TextCompletion: ...  # noqa: E501
    @overload
    def text_completion(self, model: str, prompt: Any, *, stream: bool | None, **arguments: Any) -> TextCompletion | Stream[TextCompletionChunk]: ...  # noqa: E501
    # fmt: on
    def text_completion(self, model: str, prompt: Any, **arguments: Any) -> Any:
        """Continue a text (or token list, or several of either) with a legacy completion model."""
        return self._call("text_completion", model, {"prompt": prompt}, arguments)

    # fmt: off
    @overload
    def responses(self, model: str | None = None, input: Any = None, *, stream: Literal[True], **arguments: Any) -> Stream[ResponseEvent]: ...  # noqa: E501
    @overload
    def responses(self, model: str | None = None, input: Any = None, *, stream: Literal[False] | None = ..., **arguments: Any) -> ResponseObject: ...  # noqa: E501
    @overload
    def responses(self, model: str | None = None, input: Any = None, *, stream: bool | None, **arguments: Any) -> ResponseObject | Stream[ResponseEvent]: ...  # noqa: E501
    # fmt: on
    def responses(self, model: str | None = None, input: Any = None, **arguments: Any) -> Any:
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
        return self._call("responses", model, {"input": input}, arguments)

    # fmt: off
    @overload
    def get_responses(self, response_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any) -> Stream[ResponseEvent]: ...  # noqa: E501
    @overload
    def get_responses(self, response_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any) -> ResponseObject: ...  # noqa: E501
    @overload
    def get_responses(self, response_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any) -> ResponseObject | Stream[ResponseEvent]: ...  # noqa: E501
    # fmt: on
    def get_responses(self, response_id: str, *, model: str | None = None, **arguments: Any) -> Any:
        """Return a stored response, or with `stream=True` its events from `starting_after` on.

        `model` picks the provider, as a prefix such as `openai/` or a whole model string; None: the default one.
        """
        return self._call("responses", model, {"response_id": response_id}, arguments, operation="retrieve")

    def cancel_responses(self, response_id: str, *, model: str | None = None, **arguments: Any) -> ResponseObject:
        """Stop a response that runs in the background."""
        result: ResponseObject = self._call(
            "responses", model, {"response_id": response_id}, arguments, operation="cancel"
        )
        return result

    def delete_responses(self, response_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
        """Delete a stored response."""
        result: Deleted = self._call("responses", model, {"response_id": response_id}, arguments, operation="delete")
        return result

    def list_input_items(self, response_id: str, *, model: str | None = None, **arguments: Any) -> Page:
        """Return the input items of a stored response, a page at a time."""
        result: Page = self._call("responses", model, {"response_id": response_id}, arguments, operation="input_items")
        return result

    def compact_responses(self, model: str, input: Any = None, **arguments: Any) -> CompactedResponse:
        """Return a compacted form of a conversation, to go on from."""
        result: CompactedResponse = self._call("responses", model, {"input": input}, arguments, operation="compact")
        return result

    def count_input_tokens(self, model: str, input: Any = None, **arguments: Any) -> InputTokens:
        """Return how many tokens the input of a Responses call has."""
        result: InputTokens = self._call("responses", model, {"input": input}, arguments, operation="input_tokens")
        return result

    def embedding(self, model: str, input: Any, **arguments: Any) -> EmbeddingResponse:
        """Return the vectors of a text, a list of texts, a token list, or a list of token lists."""
        result: EmbeddingResponse = self._call("embedding", model, {"input": input}, arguments)
        return result

    # fmt: off
    @overload
    def transcription(self, model: str, file: Any, *, stream: Literal[True], **arguments: Any) -> Stream[TranscriptionEvent]: ...  # noqa: E501
    @overload
    def transcription(self, model: str, file: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> Transcription: ...  # noqa: E501
    @overload
    def transcription(self, model: str, file: Any, *, stream: bool | None, **arguments: Any) -> Transcription | Stream[TranscriptionEvent]: ...  # noqa: E501
    # fmt: on
    def transcription(self, model: str, file: Any, **arguments: Any) -> Any:
        """Write down what is said in a recording; `.text` holds it whatever the format.

        `file` is an open binary file, a path, bytes, or `(name, content, type)`; streamed from disk.
        """
        return self._call("transcription", model, {"file": file}, arguments)

    def translation(self, model: str, file: Any, **arguments: Any) -> Translation:
        """Write down in English what is said in a recording; `file` as for `transcription`."""
        result: Translation = self._call("translation", model, {"file": file}, arguments)
        return result

    # fmt: off
    @overload
    def speech(self, model: str, input: str, voice: Any, *, stream: Literal[True], **arguments: Any) -> Stream[bytes]: ...  # noqa: E501
    @overload
    def speech(self, model: str, input: str, voice: Any, *, stream: Literal[False] | None = ..., **arguments: Any) -> BinaryResponse: ...  # noqa: E501
    @overload
    def speech(self, model: str, input: str, voice: Any, *, stream: bool | None, **arguments: Any) -> BinaryResponse | Stream[bytes]: ...  # noqa: E501
    # fmt: on
    def speech(self, model: str, input: str, voice: Any, **arguments: Any) -> Any:
        """Speak a text.

        Returns the audio as a `BinaryResponse`; with `stream=True` a stream of byte blocks as they come, which
        `stream_to_file` writes to disk; with `stream_format="sse"` a stream of `SpeechEvent`.
        """
        return self._call("speech", model, {"input": input, "voice": voice}, arguments)

    # fmt: off
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: Literal[True], **arguments: Any) -> Stream[ImageEvent]: ...  # noqa: E501
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any) -> ImagesResponse: ...  # noqa: E501
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: bool | None, **arguments: Any) -> ImagesResponse | Stream[ImageEvent]: ...  # noqa: E501
    # fmt: on
    def image_generation(self, model: str, prompt: str, **arguments: Any) -> Any:
        """Draw what a prompt describes; `stream=True, partial_images=n` shows it growing."""
        return self._call("image", model, {"prompt": prompt}, arguments)

    # fmt: off
    @overload
    def image_edit(self, model: str, image: Any, prompt: str, *, stream: Literal[True], **arguments: Any) -> Stream[ImageEvent]: ...  # noqa: E501
    @overload
    def image_edit(self, model: str, image: Any, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Any) -> ImagesResponse: ...  # noqa: E501
    @overload
    def image_edit(self, model: str, image: Any, prompt: str, *, stream: bool | None, **arguments: Any) -> ImagesResponse | Stream[ImageEvent]: ...  # noqa: E501
    # fmt: on
    def image_edit(self, model: str, image: Any, prompt: str, **arguments: Any) -> Any:
        """Change one image or several as a prompt says; images and `mask=` as files of any kind."""
        return self._call("image", model, {"image": image, "prompt": prompt}, arguments, operation="edit")

    def image_variation(self, model: str, image: Any, **arguments: Any) -> ImagesResponse:
        """Draw variations of an image."""
        result: ImagesResponse = self._call("image", model, {"image": image}, arguments, operation="variation")
        return result

    def video_generation(self, model: str, prompt: str, **arguments: Any) -> Video:
        """Start a video, or with `wait=True` wait until it is done.

        With `wait=True`: `on_progress(job)` is told of each look, `poll_seconds` is the time between two, and
        `timeout` holds over all of it. A job that failed or is late raises with the job in `partial`.
        """
        result: Video = self._call("video", model, {"prompt": prompt}, arguments)
        return result

    def video_status(self, video_id: str, *, model: str | None = None, **arguments: Any) -> Video:
        """Return how far a video is."""
        result: Video = self._call("video", model, {"video_id": video_id}, arguments, operation="retrieve")
        return result

    def video_list(self, *, model: str | None = None, **arguments: Any) -> Page:
        """Return the videos made so far, a page at a time."""
        result: Page = self._call("video", model, {}, arguments, operation="list")
        return result

    # fmt: off
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Any) -> Stream[bytes]: ...  # noqa: E501
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Any) -> BinaryResponse: ...  # noqa: E501
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Any) -> BinaryResponse | Stream[bytes]: ...  # noqa: E501
    # fmt: on
    def video_content(self, video_id: str, *, model: str | None = None, **arguments: Any) -> Any:
        """Return the video (or its `variant="thumbnail"`); with `stream=True` as blocks, for `stream_to_file`."""
        return self._call("video", model, {"video_id": video_id}, arguments, operation="content")

    def video_remix(self, video_id: str, prompt: str, *, model: str | None = None, **arguments: Any) -> Video:
        """Start a new video from one that is done."""
        result: Video = self._call(
            "video", model, {"video_id": video_id, "prompt": prompt}, arguments, operation="remix"
        )
        return result

    def video_delete(self, video_id: str, *, model: str | None = None, **arguments: Any) -> Deleted:
        """Delete a video."""
        result: Deleted = self._call("video", model, {"video_id": video_id}, arguments, operation="delete")
        return result

    def moderation(self, input: Any, model: str | None = None, **arguments: Any) -> ModerationResponse:
        """Judge whether texts and images are harmful; `model` None: the default model of the default provider."""
        result: ModerationResponse = self._call("moderation", model, {"input": input}, arguments)
        return result
