"""What the gateway answers by itself: whole responses, refusals, and the headers that it lets through.

Pure but for `send_reply` and `send_body`. Never passes on an upstream's header that is not on the list, nor a value
with control bytes; nothing here names a host, a path or a key.

Source: row S13 of docs/reliability.md; the OpenAI API reference for the headers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate_core.serving import MASK, Headers, LedgerEntry, encode
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector

__all__ = [
    "ATTACHMENT",
    "JSON_TYPE",
    "MAX_VALUE_CHARACTERS",
    "NO_PAGE",
    "SLICE_BYTES",
    "ErrorFacts",
    "ErrorShape",
    "Message",
    "RawHeaders",
    "Receive",
    "RefusedError",
    "Reply",
    "Scope",
    "Send",
    "header_value",
    "json_reply",
    "ledger_header",
    "may_pass",
    "passed_headers",
    "passed_raw_headers",
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
ATTACHMENT = (b"content-disposition", b"attachment")
"""For what an upstream stores: a browser that opens it saves it instead of showing it as a page."""
NO_PAGE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)
"""For every response that is not one of our own pages: whatever its content type, a browser runs nothing of it."""
PASSED = frozenset({"retry-after", "retry-after-ms", "openai-processing-ms"})  # x-request-id is set apart
RATE_LIMITS = ("x-ratelimit-", "anthropic-ratelimit-")
"""Beginnings of the names of the headers that say how much a key has left."""
PASSED_AS_SENT = frozenset(name.encode() for name in PASSED)
RATE_LIMITS_AS_SENT = tuple(start.encode() for start in RATE_LIMITS)
MAX_LEDGER_BYTES = 2048
SLICE_BYTES = 256 * 1024
MAX_VALUE_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response of our own. `content-length` is added when it is sent."""

    status: int
    body: bytes = b""
    headers: RawHeaders = (JSON_TYPE,)


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What a client may know of an error; its dialect gives it a shape.

    Attributes:
        code, param, kind: the fields of OpenAI's error object; `kind` is its `type`. None: not set.
        headers: of the response, besides `content-type`.
        request_id: the gateway's; None where the client may not know it.
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    kind: str | None = None
    headers: RawHeaders = ()
    request_id: str | None = None


ErrorShape = Callable[[ErrorFacts], Reply]
"""Returns the response for an error, in one dialect."""


class RefusedError(Exception):
    """Ends a request with an error of our own.

    Attributes:
        error: what the client receives.
        close: the connection cannot be used further: the client is still sending.
    """

    def __init__(self, error: ErrorFacts, *, close: bool = False) -> None:
        super().__init__(error.code or error.status)
        self.error = error
        self.close = close

    @property
    def code(self) -> str | None:
        """The code of the error."""
        return self.error.code


def json_reply(value: Any, status: int = 200, headers: RawHeaders = ()) -> Reply:
    """Return `value` as a JSON response."""
    return Reply(status, encode(value), (JSON_TYPE, *headers))


def refuse(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str | None = None,
    headers: RawHeaders = (),
    close: bool = False,
) -> RefusedError:
    """Return the exception for a request that is not served."""
    return RefusedError(ErrorFacts(status, message, code, param, kind, headers), close=close)


async def send_reply(send: Send, reply: Reply, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a whole response, its length included."""
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body)), *extra]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send_body(send, reply.body)


async def send_body(send: Send, content: bytes) -> None:
    """Send a whole body; a large one in slices, so that a slow reader holds up only one of them.

    Each byte is copied once: the rest of the body is not copied again for every slice.
    """
    for at in range(0, len(content) or 1, SLICE_BYTES):
        more = at + SLICE_BYTES < len(content)
        await send({"type": "http.response.body", "body": content[at : at + SLICE_BYTES], "more_body": more})


def passed_headers(upstream: Mapping[str, str], secrets: KeyLeakDetector) -> list[tuple[bytes, bytes]]:
    """Return the upstream's headers that the client may see."""
    return [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in upstream.items()
        if (name in PASSED or name.startswith(RATE_LIMITS)) and may_pass(value, secrets) and name.isascii()
    ]


def passed_raw_headers(upstream: RawHeaders, secrets: KeyLeakDetector) -> list[tuple[bytes, bytes]]:
    """Return what `passed_headers` does of headers as they came, of which only those on the list are decoded."""
    listed = [
        header
        for header in upstream
        if (name := header[0].lower()) in PASSED_AS_SENT or name.startswith(RATE_LIMITS_AS_SENT)
    ]
    return passed_headers(Headers(listed), secrets) if listed else []


def unmasked_headers(upstream: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a failed answer that the client may see, without values in which core has masked a key."""
    return [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in upstream.items()
        if (name in PASSED or name.startswith(RATE_LIMITS))
        and name.isascii()
        and is_clean(value)
        and len(value) <= MAX_VALUE_CHARACTERS
        and MASK not in value
    ]


def may_pass(value: str, secrets: KeyLeakDetector) -> bool:
    """Return whether an upstream's header value may be passed on: short, clean, and without a piece of a key."""
    return len(value) <= MAX_VALUE_CHARACTERS and is_clean(value) and not secrets.matches(value)


def is_clean(value: str) -> bool:
    """Return whether a header's value has no control bytes and nothing beyond ASCII."""
    return value.isascii() and value.isprintable()


def header_value(text: str, *, limit: int = 256) -> bytes:
    """Return any string as a header's value: printable ASCII, the rest escaped as in a Python literal."""
    if not is_clean(text):
        text = text.encode("unicode_escape").decode("ascii")
    return text[:limit].encode("ascii")


def ledger_header(entries: Sequence[LedgerEntry]) -> bytes:
    """Return the ledger as compact JSON in ASCII, cut at 2 KiB."""
    shown: list[dict[str, Any]] = []
    text = "[]"
    for entry in entries:
        shown.append(
            {"parameter": entry.parameter, "action": entry.action, "reason": entry.reason, "lossy": entry.lossy}
        )
        longer = json.dumps(shown, separators=(",", ":")).replace("\x7f", "\\u007f")
        if len(longer) > MAX_LEDGER_BYTES - 16:
            return f'{text[:-1]}{"," if len(shown) > 1 else ""}"..."]'.encode("ascii")
        text = longer
    return text.encode("ascii")
