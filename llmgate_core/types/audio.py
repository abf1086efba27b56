"""Typed results of the families transcription, translation and speech.

Pure. Only `text` makes a transcription one; the formats `text`, `srt` and `vtt` have nothing else.
Speech itself is bytes, see `binary.py`; here are the events of its stream.

Source: OpenAPI 2.3.0, `CreateTranscriptionResponse...`, `CreateTranslationResponse...`, `TranscriptText...Event`,
`SpeechAudio...Event`.
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
    """What was used: tokens, or the `duration` in seconds, as `type` says."""

    type: str | None = None
    seconds: Number | None = None
    input_token_details: Loose[InputTokensDetails] | None = None  # the singular is the wire's


class Word(Result):
    """One word and when it was said, in seconds."""

    word: str | None = None
    start: Number | None = None
    end: Number | None = None


class Segment(Result):
    """A stretch of text and when it was said, in seconds; `speaker` where the voices were told apart."""

    id: str | Count | None = None  # a number in verbose_json, text in diarized_json
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
    """What was said. `duration` is in seconds; words, segments and logprobs where they were asked for."""

    words: Loose[list[Loose[Word]]] | None = None
    languages: Loose[list[Document]] | None = None
    logprobs: Loose[list[Document]] | None = None


class Translation(_SpokenText):
    """What was said, in English."""


class TranscriptionEvent(Result):
    """One streamed event: a `transcript.text.delta`, a finished segment with its speaker, or the `done` one."""

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
    """One streamed event of speech: base64 `audio`, or the last one with the usage."""

    encoded_fields = frozenset({"audio"})

    type: str | None = None
    audio: Loose[str] | None = None
    usage: Loose[AudioUsage] | None = None
