"""Every operation that the plugins offer, with every documented parameter and values that the description takes.

Data; calls nothing.

Source: OpenAI API reference, the request schemas and query parameters of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.support.documented_parameters import CHAT_PARAMS, RESPONSES_PARAMS

__all__ = ["HI", "OPERATIONS", "UNKNOWN", "Operation"]

UNKNOWN = "a-model-of-nobody"
"""The catalogue does not hold it, so that nothing is judged."""

HI = [{"role": "user", "content": "Hi"}]
WAV = ("speech.wav", b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28))
PNG = ("cat.png", b"\x89PNG\r\n\x1a\n" + bytes(16))
PAGE = MappingProxyType({"limit": (1, 100), "order": ("asc", "desc"), "after": ("id_1",)})
IMAGE_PARAMS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "background": ("transparent", "opaque", "auto"),
        "n": (1, 10),
        "output_compression": (0, 100),
        "output_format": ("png", "jpeg", "webp"),
        "partial_images": (0, 3),
        "quality": ("low", "medium", "high", "auto"),
        "response_format": ("url", "b64_json"),
        "size": ("auto", "1024x1024"),
        "stream": (True, False),
        "user": ("u-1",),
    }
)


@dataclass(frozen=True)
class Operation:
    """What is called, where it must go, and what it may be called with.

    Attributes:
        inputs: always given. params: name -> values, any of which may be given.
        model: model string, or the prefix that picks the provider.
        sent: names of the inputs and parameters that go upstream under another name.
        takes_model: the request names the model, which must then be there.
    """

    family: str
    endpoint: str
    inputs: Mapping[str, Any]
    params: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    operation: str = "create"
    model: str | None = f"openai/{UNKNOWN}"
    takes_model: bool = True
    sent: Mapping[str, str] = field(default_factory=dict)


def _without(table: Mapping[str, tuple[Any, ...]], *names: str) -> dict[str, tuple[Any, ...]]:
    return {name: values for name, values in table.items() if name not in names}


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "chat": Operation("chat", "POST /chat/completions", {"messages": HI}, CHAT_PARAMS),
        "chat retrieve": Operation(
            "chat",
            "GET /chat/completions/{completion_id}",
            {"completion_id": "chatcmpl-1"},
            operation="retrieve",
            model="openai/",
            takes_model=False,
        ),
        "chat update": Operation(
            "chat",
            "POST /chat/completions/{completion_id}",
            {"completion_id": "chatcmpl-1", "metadata": {"team": "search"}},
            operation="update",
            model="openai/",
            takes_model=False,
        ),
        "chat delete": Operation(
            "chat",
            "DELETE /chat/completions/{completion_id}",
            {"completion_id": "chatcmpl-1"},
            operation="delete",
            model="openai/",
            takes_model=False,
        ),
        "chat list": Operation(
            "chat",
            "GET /chat/completions",
            {},
            {**PAGE, "metadata": ({"team": "search"},), "model": ("m",)},
            operation="list",
            model="openai/",
            takes_model=False,
        ),
        "chat messages": Operation(
            "chat",
            "GET /chat/completions/{completion_id}/messages",
            {"completion_id": "chatcmpl-1"},
            dict(PAGE),
            operation="messages",
            model="openai/",
            takes_model=False,
        ),
        "responses": Operation("responses", "POST /responses", {"input": "Hi"}, RESPONSES_PARAMS),
        "responses by its own prefix": Operation(
            "responses", "POST /responses", {"input": "Hi"}, RESPONSES_PARAMS, model=f"openai/responses/{UNKNOWN}"
        ),
        "responses retrieve": Operation(
            "responses",
            "GET /responses/{response_id}",
            {"response_id": "resp_1"},
            {
                "include": (["reasoning.encrypted_content"],),
                "stream": (True, False),
                "starting_after": (7,),
                "include_obfuscation": (False,),
            },
            operation="retrieve",
            model=None,
            takes_model=False,
        ),
        "responses cancel": Operation(
            "responses",
            "POST /responses/{response_id}/cancel",
            {"response_id": "resp_1"},
            operation="cancel",
            model=None,
            takes_model=False,
        ),
        "responses input items": Operation(
            "responses",
            "GET /responses/{response_id}/input_items",
            {"response_id": "resp_1"},
            {**PAGE, "include": (["message.input_image.image_url"],)},
            operation="input_items",
            model=None,
            takes_model=False,
        ),
        "responses input tokens": Operation(
            "responses",
            "POST /responses/input_tokens",
            {"input": "Hi"},
            {
                name: RESPONSES_PARAMS[name]
                for name in (
                    "instructions",
                    "previous_response_id",
                    "tools",
                    "text",
                    "reasoning",
                    "truncation",
                    "conversation",
                    "tool_choice",
                    "parallel_tool_calls",
                )
            },
            operation="input_tokens",
        ),
        "responses compact": Operation(
            "responses",
            "POST /responses/compact",
            {"input": [{"role": "user", "content": "Hi"}]},
            {name: RESPONSES_PARAMS[name] for name in ("instructions", "previous_response_id", "prompt_cache_key")},
            operation="compact",
        ),
        "text completion": Operation(
            "text_completion",
            "POST /completions",
            {"prompt": "Once"},
            {
                "best_of": (1, 20),
                "echo": (True, False),
                "frequency_penalty": (0, 2),
                "logit_bias": ({"50256": 5},),
                "logprobs": (0, 5),
                "max_tokens": (0, 16),
                "n": (1, 2),
                "presence_penalty": (-2, 0),
                "seed": (1,),
                "stop": ("END", ["a", "b"]),
                "stream": (True, False),
                "stream_options": ({"include_usage": True},),
                "suffix": ("the end",),
                "temperature": (0, 2),
                "top_p": (0, 1),
                "user": ("u-1",),
            },
            model=f"text-completion-openai/{UNKNOWN}",
        ),
        "embedding": Operation(
            "embedding",
            "POST /embeddings",
            {"input": ["Hi", "there"]},
            {"dimensions": (1, 256), "encoding_format": ("float", "base64"), "user": ("u-1",)},
        ),
        "transcription": Operation(
            "transcription",
            "POST /audio/transcriptions",
            {"file": WAV},
            {
                "chunking_strategy": ("auto", {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200}),
                "include": (["logprobs"],),
                "keywords": (["Delft", "llama"],),
                "known_speaker_names": (["Ann", "Bob"],),
                "known_speaker_references": (["data:audio/wav;base64,AA==", "data:audio/wav;base64,AQ=="],),
                "language": ("nl",),
                "languages": (["nl", "en"],),
                "prompt": ("A talk.",),
                "response_format": ("json", "text", "srt", "verbose_json", "vtt", "diarized_json"),
                "stream": (True, False),
                "temperature": (0, 0.4),
                "timestamp_granularities": (["word", "segment"], ["word"]),
            },
        ),
        "translation": Operation(
            "translation",
            "POST /audio/translations",
            {"file": WAV},
            {
                "prompt": ("A talk.",),
                "response_format": ("json", "text", "srt", "verbose_json", "vtt"),
                "temperature": (0, 0.4),
            },
        ),
        "speech": Operation(
            "speech",
            "POST /audio/speech",
            {"input": "Hi", "voice": "alloy"},
            {
                "instructions": ("slowly",),
                "response_format": ("mp3", "opus", "aac", "flac", "wav", "pcm"),
                "speed": (0.25, 4),
                "stream_format": ("sse", "audio"),
            },
        ),
        "image": Operation(
            "image",
            "POST /images/generations",
            {"prompt": "a cat"},
            {**IMAGE_PARAMS, "moderation": ("low", "auto"), "style": ("vivid", "natural")},
        ),
        "image edit": Operation(
            "image",
            "POST /images/edits",
            {"image": PNG, "prompt": "a hat"},
            {**IMAGE_PARAMS, "input_fidelity": ("high", "low"), "mask": (PNG,)},
            operation="edit",
        ),
        "image edit of several": Operation(
            "image",
            "POST /images/edits",
            {"image": [PNG, PNG], "prompt": "a hat"},
            {**IMAGE_PARAMS, "input_fidelity": ("high", "low"), "mask": (PNG,)},
            operation="edit",
        ),
        "image edit of references": Operation(
            "image",
            "POST /images/edits",
            {"image": [{"image_url": "https://example.test/cat.png"}, {"file_id": "file-1"}], "prompt": "a hat"},
            {
                **_without(IMAGE_PARAMS, "response_format"),
                "input_fidelity": ("high", "low"),
                "mask": ({"file_id": "file-2"},),
                "moderation": ("low", "auto"),
            },
            operation="edit",
            sent={"image": "images"},
        ),
        "image variation": Operation(
            "image",
            "POST /images/variations",
            {"image": PNG},
            {"n": (1, 2), "response_format": ("url", "b64_json"), "size": ("256x256",), "user": ("u-1",)},
            operation="variation",
        ),
        "video": Operation(
            "video",
            "POST /videos",
            {"prompt": "a cat"},
            {
                "input_reference": (PNG, {"file_id": "file-1"}, {"image_url": "https://example.test/cat.png"}),
                "seconds": ("4", "12"),
                "size": ("720x1280", "1792x1024"),
            },
        ),
        "video retrieve": Operation(
            "video",
            "GET /videos/{video_id}",
            {"video_id": "video_1"},
            operation="retrieve",
            model=None,
            takes_model=False,
        ),
        "video list": Operation(
            "video", "GET /videos", {}, dict(PAGE), operation="list", model=None, takes_model=False
        ),
        "video delete": Operation(
            "video",
            "DELETE /videos/{video_id}",
            {"video_id": "video_1"},
            operation="delete",
            model=None,
            takes_model=False,
        ),
        "video content": Operation(
            "video",
            "GET /videos/{video_id}/content",
            {"video_id": "video_1"},
            {"variant": ("video", "thumbnail", "spritesheet")},
            operation="content",
            model=None,
            takes_model=False,
        ),
        "video remix": Operation(
            "video",
            "POST /videos/{video_id}/remix",
            {"video_id": "video_1", "prompt": "a hat"},
            operation="remix",
            model=None,
            takes_model=False,
        ),
        "moderation": Operation("moderation", "POST /moderations", {"input": ["Hi"]}),
        "moderation of parts": Operation(
            "moderation",
            "POST /moderations",
            {
                "input": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}},
                ]
            },
        ),
        "moderation by the default model": Operation(
            "moderation", "POST /moderations", {"input": "Hi"}, model=None, takes_model=False
        ),
    }
)
