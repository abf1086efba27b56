"""The head of a request as bytes.

Pure. Source: RFC 9112 sections 2.1 and 3; row S9 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from llmgate_core.transports.http_syntax import METHODS_WITH_BODY, host_header, illegal_header

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin, TransportRequest

__all__ = ["SharedPart", "build_head", "shared_part_cache"]

MAX_KEPT_HEADS = 64


SharedPart = Callable[[str, "Origin", str, tuple[tuple[str, str], ...]], bytes]


def build_head(request: TransportRequest, shared_part: SharedPart | None = None) -> bytes:
    """Return request line and headers.

    Args:
        request: what to send.
        shared_part: a `shared_part_cache` of the transport, since most calls to a deployment have the same head.

    Raises:
        BadRequestError: CR, LF, NUL or a character beyond latin-1; names the header, not its value.
    """
    build = shared_part or _shared_part
    shared = build(request.method, request.origin, request.target, tuple(request.headers))
    content = request.content
    if content or request.method in METHODS_WITH_BODY:
        size = len(content) if isinstance(content, bytes) else content.length
        return b"%bcontent-length: %d\r\n\r\n" % (shared, size)
    return shared + b"\r\n"


def shared_part_cache() -> SharedPart:
    """Return a cache of what does not depend on the body: request line, host and headers of the latest heads."""
    return lru_cache(MAX_KEPT_HEADS)(_shared_part)


def _shared_part(method: str, origin: Origin, target: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1\r\nhost: {host_header(origin)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    ends = len(lines) + 1  # the first entry holds two lines
    head = "".join(lines)
    if head.count("\n") != ends or head.count("\r") != ends or "\0" in head or " " in target:
        raise illegal_header(headers)
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        raise illegal_header(headers) from None  # the original repeats the value
