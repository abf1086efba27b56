"""A loopback upstream that costs next to nothing, for the benchmarks in this folder.

It sends prepared bytes and validates nothing: its request parser takes only what well-behaved clients send
(keep-alive, content-length). Run as a program, it prints its port and ends when its stdin is closed. `/v1/…` answers
immediately, a stream in one write; its events are written one by one without a pause under `/apart/v1/…`, 2 ms apart
under `/paced/v1/…`, and 50 ms under `/steady/v1/…` or if the body names the model `steady`. Paths of other APIs are
answered as `provider_answers.py` says, always in one write.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import TYPE_CHECKING, cast

from provider_answers import BedrockAnswers, GeminiAnswers, MessagesAnswers, answer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

STREAM_CHUNKS = 200
EMBEDDING_NUMBERS = 1536
PACE_SECONDS, STEADY_SECONDS = 0.002, 0.05
CHAT_TEXT = "The lighthouse keeper counted forty-one ships before the fog came in and hid the forty-second. " * 2

_ANSWER_HEAD = (
    "HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 10:00:00 GMT\r\nx-request-id: req_7f3a\r\nopenai-version: 2020-10-01\r\n"
)
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM_WANTED = re.compile(rb'"stream": *true')


def _answer(value: object) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    return f"{_ANSWER_HEAD}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def _chat() -> bytes:
    message = {"role": "assistant", "content": CHAT_TEXT, "refusal": None, "annotations": []}
    usage = {"prompt_tokens": 14, "completion_tokens": 38, "total_tokens": 52}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "chatcmpl-B9MBs8Cj", "object": "chat.completion", "created": 1795514400, "model": "gpt-4o-2024-08-06"}
    return _answer({**head, "choices": [choice], "usage": usage, "service_tier": "default"})


def _embedding() -> bytes:
    numbers = [round(((n * 7919) % 20011 - 10005) / 150000, 9) for n in range(EMBEDDING_NUMBERS)]
    data = [{"object": "embedding", "index": 0, "embedding": numbers}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return _answer({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage})


def _stream_pieces() -> list[bytes]:
    """Return the head and the events, each event as one HTTP chunk, as real servers send them."""
    head = f"{_ANSWER_HEAD}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    events = [_event(n) for n in range(STREAM_CHUNKS)] + ["data: [DONE]\n\n"]
    return [head, *(f"{len(event):x}\r\n{event}\r\n".encode() for event in events), b"0\r\n\r\n"]


def _event(n: int) -> str:
    last = n == STREAM_CHUNKS - 1
    delta = {} if last else {"content": f" token{n}"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": "stop" if last else None}
    chunk = {
        "id": "chatcmpl-B9MBs8Cj",
        "object": "chat.completion.chunk",
        "created": 1795514400,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [choice],
    }
    return f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n"


CHAT, EMBEDDING, STREAM = _chat(), _embedding(), _stream_pieces()
BURST = b"".join(STREAM)
PIECES = [f" token{n}" for n in range(STREAM_CHUNKS - 1)]
MESSAGES, GEMINI, BEDROCK = (kind(CHAT_TEXT, PIECES) for kind in (MessagesAnswers, GeminiAnswers, BedrockAnswers))
OTHERS = {
    b"/messages": MESSAGES,
    b":generateContent": GEMINI,
    b":streamGenerateContent": GEMINI,
    b"/converse": BEDROCK,
    b"/converse-stream": BEDROCK,
}
"""The end of a path -> how it is answered."""


class Upstream(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, rest = self.received.partition(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head)
        body_bytes = int(length[1]) if length else 0
        if blank and len(rest) >= body_bytes:
            self.received = rest[body_bytes:]
            self._answer(head.split(b" ", 2)[1], rest[:body_bytes])

    def _answer(self, path: bytes, body: bytes) -> None:
        wants_stream = _STREAM_WANTED.search(body) is not None
        if other := answer_of(path, OTHERS, wants_stream=wants_stream):
            self.transport.write(other)
        elif path.endswith(b"/embeddings"):
            self.transport.write(EMBEDDING)
        elif not wants_stream:
            self.transport.write(CHAT)
        elif path.startswith(b"/apart/"):
            self._write_paced(STREAM, asyncio.get_running_loop().time(), 0.0)
        elif path.startswith(b"/paced/"):
            self._write_paced(STREAM, asyncio.get_running_loop().time(), PACE_SECONDS)
        elif path.startswith(b"/steady/") or b'"model": "steady"' in body:
            self._write_paced(STREAM, asyncio.get_running_loop().time(), STEADY_SECONDS)
        else:
            self.transport.write(BURST)

    def _write_paced(self, pieces: Sequence[bytes], due: float, pace: float) -> None:
        """Write one piece now and the next when it is due; the end marker is sent with the last event."""
        if self.transport.is_closing():
            return
        count = 2 if len(pieces) == 2 else 1
        self.transport.write(b"".join(pieces[:count]))
        if rest := pieces[count:]:
            due += pace
            asyncio.get_running_loop().call_at(due, self._write_paced, rest, due, pace)


async def serve() -> None:
    """Listen on a free port, print it, and serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    try:
        from uvloop import new_event_loop
    except ImportError:
        from asyncio import new_event_loop
    new_event_loop().run_until_complete(serve())
