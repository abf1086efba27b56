"""Typed results of the families transcription, translation and speech.

Pure. Only `text` is required of a transcription; the formats `text`, `srt` and `vtt` have nothing else.
Speech itself is bytes, see `binary.py`; the events of its stream are here.

Source: OpenAI API reference, `CreateTranscriptionResponse...`, `CreateTranslationResponse...`,
`TranscriptText...Event`, `SpeechAudio...Event`.
"""

from __future__ import annotations

from llmgate_core.types.base import (
    Count,
    Document,
    InputOutputUsage,
    InputTokensDetails,
    Loose,
    Number,
    Response,
    Result,
)

__all__ = ["AudioUsage", "Segment", "SpeechEvent", "Transcription", "TranscriptionEvent", "Translation", "Word"]


class AudioUsage(InputOutputUsage):
    """What was used: tokens, or `seconds` of audio, depending on `type`."""

    type: str | None = None
    seconds: Number | None = None
    input_token_details: Loose[InputTokensDetails] | None = None  # singular in the API


class Word(Result):
    """One word, with its start and end in seconds."""

    word: str | None = None
    start: Number | None = None
    end: Number | None = None


class Segment(Result):
    """A section of text, with its start and end in seconds; `speaker` if speakers were distinguished."""

    id: str | Count | None = None  # a number in verbose_json, a string in diarized_json
    type: str | None = None
    start: Number | None = None
    end: Number | None = None
    text: str | None = None
    speaker: str | None = None
    seek: Count | None = None
    tokens: Loose[list[int]] | None = None
    temperature: Number | None = None
    avg_logprob: Number | None = None
    compression_ratio: Number | None = None
    no_speech_prob: Number | None = None


class _SpokenText(Response):
    text: str
    task: str | None = None
    language: str | None = None
    duration: Number | None = None
    segments: Loose[list[Loose[Segment]]] | None = None
    usage: Loose[AudioUsage] | None = None


class Transcription(_SpokenText):
    """A transcription. `duration` is in seconds; words, segments and logprobs are set if they were requested."""

    words: Loose[list[Loose[Word]]] | None = None
    languages: Loose[list[Document]] | None = None
    logprobs: Loose[list[Document]] | None = None


class Translation(_SpokenText):
    """A translation into English."""


class TranscriptionEvent(Result):
    """One streamed event: `transcript.text.delta`, `.segment` with its speaker, or `.done`."""

    type: str | None = None
    delta: Loose[str] | None = None
    text: Loose[str] | None = None
    segment_id: str | Count | None = None
    id: str | Count | None = None
    start: Number | None = None
    end: Number | None = None
    speaker: Loose[str] | None = None
    logprobs: Loose[list[Document]] | None = None
    languages: Loose[list[Document]] | None = None
    usage: Loose[AudioUsage] | None = None


class SpeechEvent(Result):
    """One streamed event of speech: base64 `audio`, or the usage in the last event."""

    encoded_fields = frozenset({"audio"})

    type: str | None = None
    audio: Loose[str] | None = None
    usage: Loose[AudioUsage] | None = None
