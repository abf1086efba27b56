"""What the gateway answers by itself: whole replies, refusals, and the headers that it lets through.

Pure but for `send_reply` and `send_body`. Never passes on an upstream's header that is not on the list, nor a value
with control bytes; no text here names a host, a path or a key.

Source: row S13 of the reliability catalogue in docs/architecture.md; OpenAPI 2.3.0 for the error's shape.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate_core.serving import MASK, LedgerEntry, encode
from llmgate_gateway.telemetry.key_leaks import KeyPieces

__all__ = [
    "LONGEST_VALUE",
    "Message",
    "Receive",
    "RefusedError",
    "Reply",
    "Scope",
    "Send",
    "error_reply",
    "header_value",
    "json_reply",
    "ledger_header",
    "may_pass",
    "passed_headers",
    "refuse",
    "send_body",
    "send_reply",
    "unmasked_headers",
]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = Sequence[tuple[bytes, bytes]]

JSON_TYPE = (b"content-type", b"application/json")
PASSED = frozenset({"retry-after", "retry-after-ms", "openai-processing-ms"})  # x-request-id is set apart
RATE_LIMIT = "x-ratelimit-"
LEDGER_BYTES = 2048
SLICE_BYTES = 256 * 1024
LONGEST_VALUE = 512


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `content-length` is added when it is sent."""

    status: int
    body: bytes = b""
    headers: RawHeaders = (JSON_TYPE,)


class RefusedError(Exception):
    """Ends a request with a reply of our own.

    Attributes:
        close: the connection cannot be used further: the client is still sending.
    """

    def __init__(self, reply: Reply, *, code: str | None = None, close: bool = False) -> None:
        super().__init__(code or reply.status)
        self.reply = reply
        self.code = code
        self.close = close


def json_reply(value: Any, status: int = 200, headers: RawHeaders = ()) -> Reply:
    """Return `value` as a JSON reply."""
    return Reply(status, encode(value), (JSON_TYPE, *headers))


def error_reply(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str | None = None,
    headers: RawHeaders = (),
) -> Reply:
    """Return an error in OpenAI's shape."""
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    return json_reply({"error": {"message": message, "type": kind, "param": param, "code": code}}, status, headers)


def refuse(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: RawHeaders = (),
    close: bool = False,
) -> RefusedError:
    """Return the exception for a request that is not served."""
    reply = error_reply(status, message, code=code, param=param, headers=headers)
    return RefusedError(reply, code=code, close=close)


async def send_reply(send: Send, reply: Reply, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a whole reply, its length included."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body)), *extra]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send_body(send, reply.body)


async def send_body(send: Send, content: bytes) -> None:
    """Send a whole body; a large one in slices, so that a slow reader holds back only one of them.

    Each byte is copied once: what is still to be sent is not cut anew for every slice.
    """
    for at in range(0, len(content) or 1, SLICE_BYTES):
        more = at + SLICE_BYTES < len(content)
        await send({"type": "http.response.body", "body": content[at : at + SLICE_BYTES], "more_body": more})


def passed_headers(upstream: Mapping[str, str], secrets: KeyPieces) -> list[tuple[bytes, bytes]]:
    """Return the upstream's headers that the client may see."""
    return [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in upstream.items()
        if (name in PASSED or name.startswith(RATE_LIMIT)) and may_pass(value, secrets) and name.isascii()
    ]


def unmasked_headers(upstream: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a failed answer that the client may see; core has masked keys, and those go no further."""
    return [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in upstream.items()
        if (name in PASSED or name.startswith(RATE_LIMIT))
        and name.isascii()
        and is_clean(value)
        and len(value) <= LONGEST_VALUE
        and MASK not in value
    ]


def may_pass(value: str, secrets: KeyPieces) -> bool:
    """Return whether an upstream's header value may go on: short and clean, and no piece of the key in it."""
    return len(value) <= LONGEST_VALUE and is_clean(value) and not secrets.are_in(value)


def is_clean(value: str) -> bool:
    """Return whether a header's value has no control bytes and nothing beyond ASCII."""
    return value.isascii() and value.isprintable()


def header_value(text: str, *, limit: int = 256) -> bytes:
    """Return any text as a header's value: printable ASCII, the rest escaped as Python does."""
    if not is_clean(text):
        text = text.encode("unicode_escape").decode("ascii")
    return text[:limit].encode("ascii")


def ledger_header(entries: Sequence[LedgerEntry]) -> bytes:
    """Return what was changed on the way as compact JSON in ASCII, at most 2 KiB of it."""
    shown: list[dict[str, Any]] = []
    text = "[]"
    for entry in entries:
        shown.append(
            {"parameter": entry.parameter, "action": entry.action, "reason": entry.reason, "lossy": entry.lossy}
        )
        longer = json.dumps(shown, separators=(",", ":")).replace("\x7f", "\\u007f")
        if len(longer) > LEDGER_BYTES - 16:
            return f'{text[:-1]}{"," if len(shown) > 1 else ""}"..."]'.encode("ascii")
        text = longer
    return text.encode("ascii")
