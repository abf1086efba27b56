"""What values the parameters of the three audio endpoints take. Data.

Source: OpenAPI 2.3.0, `CreateTranscriptionRequest`, `CreateTranslationRequest`, `CreateSpeechRequest`. Voices and
languages are not judged: there are new ones all the time. What one model takes is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.plugin import ValueRule

SOURCE = "OpenAPI 2.3.0"
_STRING = ValueRule(("string",))
_TEMPERATURE = ValueRule(("number",), 0, 1)
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")

VALUES: Mapping[str, Mapping[str, ValueRule]] = MappingProxyType(
    {
        "transcription": MappingProxyType(
            {
                "chunking_strategy": ValueRule(("string", "object"), choices=("auto",), kinds=("server_vad",)),
                "include": ValueRule(("list",), items=ValueRule(("string",), choices=("logprobs",))),
                "keywords": ValueRule(("list",), items=_STRING),
                "known_speaker_names": ValueRule(("list",), high=4, items=_STRING),
                "known_speaker_references": ValueRule(("list",), high=4, items=_STRING),
                "language": _STRING,
                "languages": ValueRule(("list",), 1, items=_STRING),
                "response_format": ValueRule(("string",), choices=(*_FORMATS, "diarized_json")),
                "stream": ValueRule(("boolean",)),
                "temperature": _TEMPERATURE,
                "timestamp_granularities": ValueRule(
                    ("list",), items=ValueRule(("string",), choices=("word", "segment"))
                ),
            }
        ),
        "translation": MappingProxyType(
            {
                "response_format": ValueRule(("string",), choices=_FORMATS),
                "temperature": _TEMPERATURE,
            }
        ),
        "speech": MappingProxyType(
            {
                "instructions": ValueRule(("string",), longest=4096),
                "response_format": ValueRule(("string",), choices=("mp3", "opus", "aac", "flac", "wav", "pcm")),
                "speed": ValueRule(("number",), 0.25, 4),
                "stream_format": ValueRule(("string",), choices=("sse", "audio")),
                "voice": ValueRule(("string", "object")),
            }
        ),
    }
)
"""Family -> parameter -> what it takes."""

INPUTS: Mapping[str, Mapping[str, ValueRule]] = MappingProxyType(
    {
        "transcription": MappingProxyType({"prompt": _STRING}),
        "translation": MappingProxyType({"prompt": _STRING}),
        "speech": MappingProxyType({"input": ValueRule(("string",), longest=4096)}),
    }
)
"""Family -> input -> what it takes."""

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {"transcription": "audio.transcriptions", "translation": "audio.translations", "speech": "audio.speech"}
)
"""Family -> the catalogue's name of its endpoint."""
