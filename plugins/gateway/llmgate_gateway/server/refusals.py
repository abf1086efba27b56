"""What the server answers by itself, below the app, and how it is recorded.

Pure. No part of it comes from the client.

Source: RFC 9110, sections 15.5 and 15.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.http.responses import ErrorFacts
from llmgate_gateway.server.response_head import response_head

__all__ = ["REFUSALS", "Refusal", "refusal_bytes", "speaks_tls"]

TLS_HANDSHAKE: Final = b"\x16\x03"
RETRY_SOON: Final = ((b"retry-after", b"1"),)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without a request.

    Attributes:
        facts: what the client receives.
        detail: for the log: what was wrong, in our own words.
    """

    facts: ErrorFacts
    detail: str


def _refusal(status: int, message: str, code: str, detail: str) -> Refusal:
    return Refusal(ErrorFacts(status, message, code, headers=RETRY_SOON if status == 503 else ()), detail)


REFUSALS: Mapping[str, Refusal] = MappingProxyType(
    {
        "invalid": _refusal(
            400, "This is not a valid HTTP request.", "invalid_http_request", "not a valid HTTP/1.1 request"
        ),
        "tls": _refusal(
            400,
            "This is not a valid HTTP request: this address takes plain HTTP, and TLS was spoken to it.",
            "invalid_http_request",
            "a TLS handshake came to an address that takes plain HTTP: use http:// or put a TLS proxy in front",
        ),
        "too many waiting": _refusal(
            400,
            "Too many requests were sent before the response to the first one.",
            "invalid_http_request",
            "more pipelined requests than may wait",
        ),
        "too large to wait": _refusal(
            413,
            "This request was sent before the response to an earlier one, and is too large to wait.",
            "request_too_large",
            "a pipelined body that is too large to wait",
        ),
        "late head": _refusal(
            408, "The head of the request did not arrive in time.", "request_timeout", "timeouts.head"
        ),
        "large head": _refusal(
            431,
            "The head of the request is too large.",
            "request_header_fields_too_large",
            "limits.max_header, or framing of a body that large",
        ),
        "many headers": _refusal(
            431, "The head of the request has too many lines.", "request_header_fields_too_large", "limits.max_headers"
        ),
        "many connections": _refusal(
            503,
            "The gateway is at its limit of connections. Try again shortly.",
            "overloaded",
            "limits.max_connections",
        ),
        "many connections of an address": _refusal(
            503,
            "This address has as many connections as it may have. Try again when one is closed.",
            "overloaded",
            "limits.max_connections_per_address",
        ),
    }
)
"""Reason -> what is answered."""


def refusal_bytes(refusal: Refusal, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the whole response, after which the connection closes."""
    reply = error_reply(refusal.facts)
    headers = [
        *default_headers,
        *reply.headers,
        (b"content-length", b"%d" % len(reply.body)),
        (b"connection", b"close"),
    ]
    return response_head(refusal.facts.status, headers) + reply.body


def speaks_tls(first_bytes: bytes) -> bool:
    """Return whether a client begins a TLS handshake."""
    return first_bytes.startswith(TLS_HANDSHAKE)
