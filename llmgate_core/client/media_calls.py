# Made from llmgate_core/client/async_media_calls.py by tools/make_twins.py: edit that file, then run `make twins`.
"""The functions for audio, images and video of the synchronous client: what each is called with, and what comes back.

Only signatures are here; preparing and sending are the client's. `make twins` writes from this module the synchronous
twin, the module functions, and the names that `llmgate_core` exports. To add an operation: a row in
`endpoints/families.py` and one in `endpoints/openai.py`, a method here, and `make twins`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from llmgate_core.client.caller import Caller
from llmgate_core.client.hidden_keys import hide_keys

if TYPE_CHECKING:
    from pydantic import BaseModel
    from typing_extensions import Unpack

    from llmgate_core.client.arguments import (
        AnyImageArguments,
        AnyImageEditArguments,
        AnySpeechArguments,
        AnyTranscriptionArguments,
        AnyVideoContentArguments,
        ImageArguments,
        ImageEditArguments,
        ImageVariationArguments,
        SpeechArguments,
        TranscriptionArguments,
        TranslationArguments,
        VideoArguments,
        VideoContentArguments,
        VideoListArguments,
    )
    from llmgate_core.client.inputs import FileValue, ImageValue
    from llmgate_core.reading.sync_stream import Stream
    from llmgate_core.settings.call_options import CallOptions
    from llmgate_core.types.audio import Transcription, TranscriptionEvent, Translation
    from llmgate_core.types.base import Deleted, Page
    from llmgate_core.types.binary import BinaryResponse
    from llmgate_core.types.image import ImageEvent, ImagesResponse
    from llmgate_core.types.video import Video

    OutputT = TypeVar("OutputT", bound=BaseModel)

__all__ = ["MediaCalls"]


@hide_keys
class MediaCalls(Caller):
    """Audio, images and video."""

    # fmt: off
    @overload
    def transcription(self, model: str, file: FileValue, *, stream: Literal[True], **arguments: Unpack[TranscriptionArguments]) -> Stream[TranscriptionEvent]: ...
    @overload
    def transcription(self, model: str, file: FileValue, *, stream: Literal[False] | None = ..., **arguments: Unpack[TranscriptionArguments]) -> Transcription: ...
    @overload
    def transcription(self, model: str, file: FileValue, *, stream: bool | None, **arguments: Unpack[TranscriptionArguments]) -> Transcription | Stream[TranscriptionEvent]: ...
    # fmt: on
    def transcription(self, model: str, file: FileValue, **arguments: Unpack[AnyTranscriptionArguments]) -> Any:
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
        return self._call("transcription", model, {"file": file}, arguments)

    def translation(self, model: str, file: FileValue, **arguments: Unpack[TranslationArguments]) -> Translation:
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
        result: Translation = self._call("translation", model, {"file": file}, arguments)
        return result

    # fmt: off
    @overload
    def speech(self, model: str, input: str, voice: str | Mapping[str, Any], *, stream: Literal[True], **arguments: Unpack[SpeechArguments]) -> Stream[bytes]: ...
    @overload
    def speech(self, model: str, input: str, voice: str | Mapping[str, Any], *, stream: Literal[False] | None = ..., **arguments: Unpack[SpeechArguments]) -> BinaryResponse: ...
    @overload
    def speech(self, model: str, input: str, voice: str | Mapping[str, Any], *, stream: bool | None, **arguments: Unpack[SpeechArguments]) -> BinaryResponse | Stream[bytes]: ...
    # fmt: on
    def speech(
        self, model: str, input: str, voice: str | Mapping[str, Any], **arguments: Unpack[AnySpeechArguments]
    ) -> Any:
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
        return self._call("speech", model, {"input": input, "voice": voice}, arguments)

    # fmt: off
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: Literal[True], **arguments: Unpack[ImageArguments]) -> Stream[ImageEvent]: ...
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: Literal[False] | None = ..., **arguments: Unpack[ImageArguments]) -> ImagesResponse: ...
    @overload
    def image_generation(self, model: str, prompt: str, *, stream: bool | None, **arguments: Unpack[ImageArguments]) -> ImagesResponse | Stream[ImageEvent]: ...
    # fmt: on
    def image_generation(self, model: str, prompt: str, **arguments: Unpack[AnyImageArguments]) -> Any:
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
        return self._call("image", model, {"prompt": prompt}, arguments)

    # fmt: off
    @overload
    def image_edit(self, model: str, image: ImageValue | list[Any], prompt: str, *, stream: Literal[True], **arguments: Unpack[ImageEditArguments]) -> Stream[ImageEvent]: ...
    @overload
    def image_edit(self, model: str, image: ImageValue | list[Any], prompt: str, *, stream: Literal[False] | None = ..., **arguments: Unpack[ImageEditArguments]) -> ImagesResponse: ...
    @overload
    def image_edit(self, model: str, image: ImageValue | list[Any], prompt: str, *, stream: bool | None, **arguments: Unpack[ImageEditArguments]) -> ImagesResponse | Stream[ImageEvent]: ...
    # fmt: on
    def image_edit(
        self, model: str, image: ImageValue | list[Any], prompt: str, **arguments: Unpack[AnyImageEditArguments]
    ) -> Any:
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
        return self._call("image", model, {"image": image, "prompt": prompt}, arguments, operation="edit")

    def image_variation(
        self, model: str, image: FileValue, **arguments: Unpack[ImageVariationArguments]
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
        result: ImagesResponse = self._call("image", model, {"image": image}, arguments, operation="variation")
        return result

    def video_generation(self, model: str, prompt: str, **arguments: Unpack[VideoArguments]) -> Video:
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
        result: Video = self._call("video", model, {"prompt": prompt}, arguments)
        return result

    def video_status(self, video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Video:
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
        result: Video = self._call("video", model, {"video_id": video_id}, arguments, operation="retrieve")
        return result

    def video_list(self, *, model: str | None = None, **arguments: Unpack[VideoListArguments]) -> Page:
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
        result: Page = self._call("video", model, {}, arguments, operation="list")
        return result

    # fmt: off
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: Literal[True], **arguments: Unpack[VideoContentArguments]) -> Stream[bytes]: ...
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: Literal[False] | None = ..., **arguments: Unpack[VideoContentArguments]) -> BinaryResponse: ...
    @overload
    def video_content(self, video_id: str, *, model: str | None = None, stream: bool | None, **arguments: Unpack[VideoContentArguments]) -> BinaryResponse | Stream[bytes]: ...
    # fmt: on
    def video_content(
        self, video_id: str, *, model: str | None = None, **arguments: Unpack[AnyVideoContentArguments]
    ) -> Any:
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
        return self._call("video", model, {"video_id": video_id}, arguments, operation="content")

    def video_remix(
        self, video_id: str, prompt: str, *, model: str | None = None, **arguments: Unpack[CallOptions]
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
        result: Video = self._call(
            "video", model, {"video_id": video_id, "prompt": prompt}, arguments, operation="remix"
        )
        return result

    def video_delete(self, video_id: str, *, model: str | None = None, **arguments: Unpack[CallOptions]) -> Deleted:
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
        result: Deleted = self._call("video", model, {"video_id": video_id}, arguments, operation="delete")
        return result
