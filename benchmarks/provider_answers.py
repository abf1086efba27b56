"""The bytes with which the loopback upstream answers in the shapes of the Messages API, Gemini and Bedrock's Converse.

The text, the number of pieces and the size of a piece are those of the chat answers in `upstream.py`.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable
from typing import Any

__all__ = ["BedrockAnswers", "GeminiAnswers", "MessagesAnswers", "answer_of"]

HEAD = "HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
STRING_HEADER = 7
COUNTS = {"input_tokens": 14, "output_tokens": 38}


def whole(value: object) -> bytes:
    body = _text(value).encode()
    return f"{HEAD}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def chunked(content_type: str, pieces: Iterable[bytes]) -> bytes:
    """Return head and pieces, each as one HTTP chunk."""
    head = f"{HEAD}content-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


class MessagesAnswers:
    """POST /messages."""

    def __init__(self, text: str, pieces: list[str]) -> None:
        message = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
        begun: dict[str, Any] = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": COUNTS}
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        self.whole = whole({**begun, "content": [{"type": "text", "text": text}], **ended})
        events = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in pieces
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": COUNTS},
            {"type": "message_stop"},
        ]
        lines = (f"event: {event['type']}\ndata: {_text(event)}\n\n".encode() for event in events)
        self.stream = chunked("text/event-stream", lines)


class GeminiAnswers:
    """POST /models/…:generateContent and its stream."""

    def __init__(self, text: str, pieces: list[str]) -> None:
        self.whole = whole(self._answer(text, "STOP"))
        answers = [*(self._answer(piece, None) for piece in pieces), self._answer("", "STOP")]
        self.stream = chunked("text/event-stream", (f"data: {_text(answer)}\r\n\r\n".encode() for answer in answers))

    @staticmethod
    def _answer(text: str, reason: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        if reason is not None:
            candidate["finishReason"] = reason
        usage = {"promptTokenCount": 14, "candidatesTokenCount": 38, "totalTokenCount": 52}
        named = {"modelVersion": "gemini-3.8-flash", "responseId": "res_1"}
        return {"candidates": [candidate], "usageMetadata": usage, **named}


class BedrockAnswers:
    """POST /model/…/converse and its stream of AWS messages."""

    def __init__(self, text: str, pieces: list[str]) -> None:
        usage = {"inputTokens": 14, "outputTokens": 38, "totalTokens": 52}
        message = {"role": "assistant", "content": [{"text": text}]}
        told = {"usage": usage, "metrics": {"latencyMs": 5}}
        self.whole = whole({"output": {"message": message}, "stopReason": "end_turn", **told})
        events: list[tuple[str, dict[str, Any]]] = [
            ("messageStart", {"role": "assistant"}),
            *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in pieces),
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": "end_turn"}),
            ("metadata", told),
        ]
        self.stream = chunked("application/vnd.amazon.eventstream", (_aws_message(*event) for event in events))


def _aws_message(name: str, payload: object) -> bytes:
    """Return one message of an AWS event stream. Source: Smithy, "Amazon Event Stream Specification"."""
    pairs = {":message-type": "event", ":event-type": name, ":content-type": "application/json"}
    headers, body = b"".join(_aws_header(*pair) for pair in pairs.items()), _text(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def _aws_header(name: str, value: str) -> bytes:
    pair = name.encode(), value.encode()
    return struct.pack(
        f">B{len(pair[0])}sBH{len(pair[1])}s", len(pair[0]), pair[0], STRING_HEADER, len(pair[1]), pair[1]
    )


Answers = MessagesAnswers | GeminiAnswers | BedrockAnswers


def answer_of(path: bytes, answers: dict[bytes, Answers], *, wants_stream: bool) -> bytes | None:
    """Return the answer in the shape that a path has; None: it is one of OpenAI's."""
    place = path.partition(b"?")[0]
    for ending, found in answers.items():
        if place.endswith(ending):
            return found.stream if wants_stream or b"stream" in ending.lower() else found.whole
    return None
