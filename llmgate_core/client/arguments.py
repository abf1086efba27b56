# Made by tools/make_stubs.py from endpoints/parameters.py: edit there, then run `make twins`.
"""The keyword arguments of each function besides its own parameters, for type checkers and editors.

At run time a function also takes parameters that are not listed here and sends them; for a type checker such a
parameter goes into `extra_body`. The classes named `Any...` add the parameters by which overloads tell results apart.

Source: `llmgate_core.endpoints.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from llmgate_core.settings.call_options import CallOptions

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgate_core.client.inputs import FileValue, ImageValue, OutputValue


class ChatArguments(CallOptions, total=False):
    """Arguments of `completion`."""

    audio: Mapping[str, Any] | None
    frequency_penalty: float | None
    """From -2 to 2."""

    function_call: Literal["none", "auto"] | Mapping[str, Any] | None
    functions: Sequence[Mapping[str, Any]] | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    metadata: Mapping[str, Any] | None
    modalities: Sequence[Literal["text", "audio"]] | None
    moderation: Mapping[str, Any] | None
    n: int | None
    """From 1 to 128."""

    parallel_tool_calls: bool | None
    prediction: Mapping[str, Any] | None
    presence_penalty: float | None
    """From -2 to 2."""

    prompt_cache_key: str | None
    prompt_cache_options: Mapping[str, Any] | None
    prompt_cache_retention: str | None
    reasoning_effort: str | Mapping[str, Any] | None
    safety_identifier: str | None
    """At most 64 characters."""

    seed: int | None
    service_tier: str | None
    stop: str | Sequence[str] | None
    store: bool | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    """From 0 to 2."""

    tool_choice: Literal["none", "auto", "required"] | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any] | BaseModel] | None
    top_logprobs: int | None
    """From 0 to 20."""

    top_p: float | None
    """From 0 to 1."""

    user: str | None
    verbosity: str | None
    web_search_options: Mapping[str, Any] | None


class AnyChatArguments(ChatArguments, total=False):
    """All arguments of `completion`."""

    file: FileValue
    response_format: OutputValue | None
    stream: bool | None


class TextCompletionArguments(CallOptions, total=False):
    """Arguments of `text_completion`."""

    best_of: int | None
    """From 0 to 20."""

    echo: bool | None
    frequency_penalty: float | None
    """From -2 to 2."""

    logit_bias: Mapping[str, float] | None
    logprobs: int | None
    """From 0 to 5."""

    max_tokens: int | None
    """0 or more."""

    n: int | None
    """From 1 to 128."""

    presence_penalty: float | None
    """From -2 to 2."""

    seed: int | None
    stop: str | Sequence[str] | None
    stream_options: Mapping[str, Any] | None
    suffix: str | None
    temperature: float | None
    """From 0 to 2."""

    top_p: float | None
    """From 0 to 1."""

    user: str | None


class AnyTextCompletionArguments(TextCompletionArguments, total=False):
    """All arguments of `text_completion`."""

    stream: bool | None


class ResponsesArguments(CallOptions, total=False):
    """Arguments of `responses`."""

    background: bool | None
    context_management: Sequence[Mapping[str, Any]] | None
    conversation: str | Mapping[str, Any] | None
    include: Sequence[str] | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: Mapping[str, Any] | None
    moderation: Mapping[str, Any] | None
    parallel_tool_calls: bool | None
    previous_response_id: str | None
    prompt: Mapping[str, Any] | None
    prompt_cache_key: str | None
    prompt_cache_options: Mapping[str, Any] | None
    prompt_cache_retention: str | None
    reasoning: Mapping[str, Any] | None
    response_format: OutputValue | None
    safety_identifier: str | None
    """At most 64 characters."""

    service_tier: str | None
    store: bool | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    """From 0 to 2."""

    text: Mapping[str, Any] | None
    text_format: OutputValue | None
    tool_choice: str | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any] | BaseModel] | None
    top_logprobs: int | None
    """From 0 to 20."""

    top_p: float | None
    """From 0 to 1."""

    truncation: Literal["auto", "disabled"] | None
    user: str | None


class AnyResponsesArguments(ResponsesArguments, total=False):
    """All arguments of `responses`."""

    stream: bool | None


class ResponsesRetrieveArguments(CallOptions, total=False):
    """Arguments of `get_responses`."""

    include: Sequence[str] | None
    include_obfuscation: bool | None
    starting_after: int | None


class AnyResponsesRetrieveArguments(ResponsesRetrieveArguments, total=False):
    """All arguments of `get_responses`."""

    stream: bool | None


class ResponsesInputItemsArguments(CallOptions, total=False):
    """Arguments of `list_input_items`."""

    after: str | None
    include: Sequence[str] | None
    limit: int | None
    order: Literal["asc", "desc"] | None


class ResponsesCompactArguments(CallOptions, total=False):
    """Arguments of `compact_responses`."""

    instructions: str | None
    previous_response_id: str | None
    prompt_cache_key: str | None
    prompt_cache_options: Mapping[str, Any] | None
    prompt_cache_retention: str | None
    service_tier: str | None


class ChatCountTokensArguments(CallOptions, total=False):
    """Arguments of `count_tokens`."""

    parallel_tool_calls: bool | None
    reasoning_effort: str | Mapping[str, Any] | None
    response_format: Mapping[str, Any] | None
    tool_choice: Literal["none", "auto", "required"] | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None


class ResponsesInputTokensArguments(CallOptions, total=False):
    """Arguments of `count_input_tokens`."""

    conversation: str | Mapping[str, Any] | None
    instructions: str | None
    parallel_tool_calls: bool | None
    personality: str | None
    previous_response_id: str | None
    reasoning: Mapping[str, Any] | None
    text: Mapping[str, Any] | None
    tool_choice: str | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    truncation: Literal["auto", "disabled"] | None


class MessagesArguments(CallOptions, total=False):
    """Arguments of `messages`."""

    cache_control: Mapping[str, Any] | None
    container: str | Mapping[str, Any] | None
    context_management: Mapping[str, Any] | None
    inference_geo: str | None
    mcp_servers: Sequence[Mapping[str, Any]] | None
    metadata: Mapping[str, Any] | None
    output_config: Mapping[str, Any] | None
    service_tier: Literal["auto", "standard_only"] | None
    speed: Literal["standard", "fast"] | None
    stop_sequences: Sequence[str] | None
    system: str | Sequence[Any] | None
    temperature: float | None
    """From 0 to 1."""

    thinking: Mapping[str, Any] | None
    tool_choice: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    top_k: int | None
    top_p: float | None
    """From 0 to 1."""


class AnyMessagesArguments(MessagesArguments, total=False):
    """All arguments of `messages`."""

    stream: bool | None


class MessagesCountTokensArguments(CallOptions, total=False):
    """Arguments of `count_message_tokens`."""

    cache_control: Mapping[str, Any] | None
    output_config: Mapping[str, Any] | None
    system: str | Sequence[Any] | None
    thinking: Mapping[str, Any] | None
    tool_choice: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None


class EmbeddingArguments(CallOptions, total=False):
    """Arguments of `embedding`."""

    dimensions: int | None
    """1 or more."""

    encoding_format: Literal["float", "base64"] | None
    input_type: str | None
    user: str | None


class RerankArguments(CallOptions, total=False):
    """Arguments of `rerank`."""

    max_chunks_per_doc: int | None
    max_tokens_per_doc: int | None
    rank_fields: Sequence[str] | None
    return_documents: bool | None
    top_n: int | None
    """1 or more."""


class TranscriptionArguments(CallOptions, total=False):
    """Arguments of `transcription`."""

    chunking_strategy: Literal["auto"] | Mapping[str, Any] | None
    include: Sequence[Literal["logprobs"]] | None
    keywords: Sequence[str] | None
    known_speaker_names: Sequence[str] | None
    known_speaker_references: Sequence[str] | None
    language: str | None
    languages: Sequence[str] | None
    prompt: str | None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] | None
    temperature: float | None
    """From 0 to 1."""

    timestamp_granularities: Sequence[Literal["word", "segment"]] | None


class AnyTranscriptionArguments(TranscriptionArguments, total=False):
    """All arguments of `transcription`."""

    stream: bool | None


class TranslationArguments(CallOptions, total=False):
    """Arguments of `translation`."""

    prompt: str | None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None
    temperature: float | None
    """From 0 to 1."""


class SpeechArguments(CallOptions, total=False):
    """Arguments of `speech`."""

    instructions: str | None
    """At most 4096 characters."""

    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None
    speed: float | None
    """From 0.25 to 4."""

    stream_format: Literal["sse", "audio"] | None


class AnySpeechArguments(SpeechArguments, total=False):
    """All arguments of `speech`."""

    stream: bool | None


class ImageArguments(CallOptions, total=False):
    """Arguments of `image_generation`."""

    background: Literal["transparent", "opaque", "auto"] | None
    moderation: Literal["low", "auto"] | None
    n: int | None
    """From 1 to 10."""

    output_compression: int | None
    """From 0 to 100."""

    output_format: Literal["png", "jpeg", "webp"] | None
    partial_images: int | None
    """From 0 to 3."""

    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None
    response_format: Literal["url", "b64_json"] | None
    size: str | None
    style: Literal["vivid", "natural"] | None
    user: str | None


class AnyImageArguments(ImageArguments, total=False):
    """All arguments of `image_generation`."""

    stream: bool | None


class ImageEditArguments(CallOptions, total=False):
    """Arguments of `image_edit`."""

    background: Literal["transparent", "opaque", "auto"] | None
    input_fidelity: Literal["high", "low"] | None
    mask: ImageValue | None
    moderation: Literal["low", "auto"] | None
    n: int | None
    """From 1 to 10."""

    output_compression: int | None
    """From 0 to 100."""

    output_format: Literal["png", "jpeg", "webp"] | None
    partial_images: int | None
    """From 0 to 3."""

    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None
    response_format: Literal["url", "b64_json"] | None
    size: str | None
    user: str | None


class AnyImageEditArguments(ImageEditArguments, total=False):
    """All arguments of `image_edit`."""

    stream: bool | None


class ImageVariationArguments(CallOptions, total=False):
    """Arguments of `image_variation`."""

    n: int | None
    """From 1 to 10."""

    response_format: Literal["url", "b64_json"] | None
    size: str | None
    user: str | None


class VideoArguments(CallOptions, total=False):
    """Arguments of `video_generation`."""

    input_reference: ImageValue | None
    seconds: Literal["4", "8", "12"] | None
    size: Literal["720x1280", "1280x720", "1024x1792", "1792x1024"] | None


class VideoListArguments(CallOptions, total=False):
    """Arguments of `video_list`."""

    after: str | None
    limit: int | None
    """From 0 to 100."""

    order: Literal["asc", "desc"] | None


class VideoContentArguments(CallOptions, total=False):
    """Arguments of `video_content`."""

    variant: Literal["video", "thumbnail", "spritesheet"] | None


class AnyVideoContentArguments(VideoContentArguments, total=False):
    """All arguments of `video_content`."""

    stream: bool | None
