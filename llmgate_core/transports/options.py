"""What a transport can be told when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TransportOptions"]


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """Options of a transport.

    Attributes:
        verify: check the upstream's certificate and host name.
        ca_file: file or directory of the certificates to trust instead of the default ones.
        proxy: URL of an HTTP or SOCKS proxy; only the transport over httpx has proxies.
        max_connections: connections in use and idle ones, to all origins together.
        max_idle_seconds: how long a connection may be idle and still be used again.
        parser: what reads HTTP/1.1; None: httptools where it is installed, else h11.
    """

    verify: bool = True
    ca_file: str | None = None
    proxy: str | None = None
    max_connections: int = 1000
    max_idle_seconds: float = 60.0
    parser: Literal["httptools", "h11"] | None = None
