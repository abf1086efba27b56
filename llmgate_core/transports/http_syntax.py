"""What HTTP/1.1 allows in a request, for every transport.

Pure. Source: RFC 9110 sections 5.5 and 8.6, RFC 9112 section 3.2; rows S9 and S11 of docs/reliability.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from llmgate_core.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmgate_core.contract.transport import Origin

__all__ = ["METHODS_WITH_BODY", "encoded_headers", "host_header", "illegal_header", "peer"]

METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
DEFAULT_PORTS = {"http": 80, "https": 443}


def peer(origin: Origin) -> str:
    """Return host and port as `host:port`, an IPv6 address in brackets."""
    return f"{_bracketed(origin.host)}:{origin.port}"


@lru_cache(maxsize=256)
def host_header(origin: Origin) -> str:
    """Return the value of the `host` header; a default port is left out."""
    return _bracketed(origin.host) if origin.port == DEFAULT_PORTS.get(origin.scheme) else peer(origin)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def encoded_headers(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return the headers as bytes.

    Raises:
        BadRequestError: CR, LF, NUL or a character beyond latin-1; names the header, not its value.
    """
    try:
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError:
        pass
    else:
        joined = b"\n".join([value for _, value in encoded])
        if b"\r" not in joined and b"\0" not in joined and joined.count(b"\n") == max(len(encoded) - 1, 0):
            return encoded
    raise illegal_header(headers)


def illegal_header(headers: Iterable[tuple[str, str]]) -> BadRequestError:
    """Return the error that names the header which cannot be sent, or the request line if all headers can."""
    for name, value in headers:
        if _is_illegal(name) or not name.isascii():
            return BadRequestError(
                "a header's name contains a character that cannot be sent", status_code=400, attempts=0
            )
        if _is_illegal(value):
            message = f"the header {name!r} contains a character that cannot be sent"
            return BadRequestError(message, status_code=400, param=name, attempts=0)
    return BadRequestError(
        "the host, method or path contains a character that cannot be sent", status_code=400, attempts=0
    )


def _is_illegal(text: str) -> bool:
    return any(character in "\r\n\0" or character > "\xff" for character in text)
