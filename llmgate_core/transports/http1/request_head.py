"""The head of a request as bytes.

Pure. Source: RFC 9112 sections 2.1 and 3; row S9 of docs/reliability.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.transports.http_syntax import METHODS_WITH_BODY, host_header, illegal_header

if TYPE_CHECKING:
    from llmgate_core.contract.transport import TransportRequest

__all__ = ["build_head"]


def build_head(request: TransportRequest) -> bytes:
    """Return request line and headers.

    Raises:
        BadRequestError: CR, LF, NUL or a character beyond latin-1; names the header, not its value.
    """
    lines = [f"{request.method} {request.target} HTTP/1.1\r\nhost: {host_header(request.origin)}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers]
    content = request.content
    if content or request.method in METHODS_WITH_BODY:
        size = len(content) if isinstance(content, bytes) else content.length
        lines.append(f"content-length: {size}\r\n")
    ends = len(lines) + 2  # the first entry holds two lines, and a blank one follows the last
    head = "".join(lines) + "\r\n"
    if head.count("\n") != ends or head.count("\r") != ends or "\0" in head or " " in request.target:
        raise illegal_header(request.headers)
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        raise illegal_header(request.headers) from None  # the original repeats the value
