"""Let pages of the configured origins call the gateway from a browser. Off unless the config names origins. Pure.

Source: the Fetch standard, "CORS protocol".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmgate_gateway.config.schema.general import Cors
from llmgate_gateway.http.responses import RawHeaders, Reply

__all__ = ["is_allowed", "origin_headers", "preflight"]

LABELS = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
EXPOSED = (
    b"x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, openai-processing-ms, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, "
    b"anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset, "
    b"anthropic-ratelimit-tokens-limit, anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset, "
    b"x-llmgate-request-id, x-llmgate-model, x-llmgate-deployment, x-llmgate-provider, x-llmgate-ledger, "
    b"x-llmgate-cost, x-llmgate-estimated"
)


def origin_headers(cors: Cors, headers: Mapping[bytes, bytes]) -> RawHeaders:
    """Return the headers that let the page that sent a request read the response; none for other origins."""
    origin = headers.get(b"origin")
    if origin is None or not cors.allow_origins:
        return ()
    if "*" in cors.allow_origins:
        return ((b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED))
    if not is_allowed(origin.decode("latin-1"), cors):
        return ((b"vary", b"origin"),)
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"origin"),
    )


def is_allowed(origin: str, cors: Cors) -> bool:
    """Return whether the pages of an origin may call; `https://*.example.com` stands for all hosts below that one."""
    if origin in cors.allow_origins or "*" in cors.allow_origins:
        return True
    return any("*" in allowed and _is_below(origin, allowed) for allowed in cors.allow_origins)


def _is_below(origin: str, allowed: str) -> bool:
    start, _, end = allowed.partition("*")
    below = origin[len(start) : len(origin) - len(end)]
    return origin.startswith(start) and origin.endswith(end) and LABELS.fullmatch(below) is not None


def preflight(cors: Cors, headers: Mapping[bytes, bytes], allowed: tuple[str, ...]) -> Reply | None:
    """Return the response to a preflight request.

    Args:
        cors: the origins that are allowed.
        headers: of a request with the method OPTIONS.
        allowed: the methods of the path.

    Returns:
        None if this is not a preflight request or its origin is not allowed.
    """
    if b"access-control-request-method" not in headers or not allowed:
        return None
    if len(origin_headers(cors, headers)) < 2:
        return None
    return Reply(
        204,
        b"",
        (
            (b"access-control-allow-methods", ", ".join(allowed).encode("ascii")),
            (b"access-control-allow-headers", ", ".join(cors.allow_headers).encode("ascii", "ignore")),
            (b"access-control-max-age", b"%d" % cors.max_age),
        ),
    )
