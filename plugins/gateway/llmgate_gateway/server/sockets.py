"""Open the listening sockets of the gateway. Accepts no connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from llmgate_core.serving import errors

__all__ = ["listen", "url_of", "usable_descriptors"]

BACKLOG = 2048


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets, one for each address of `host`; port 0 picks a free one, the same for all.

    Raises:
        ConfigError: it cannot listen on the address; the message says why.
    """
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise errors.ConfigError(f"--host: no address found for {host!r}: {_reason(error)}") from None
    sockets: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(addresses):
        number = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_listening(family, (address[0], number, *address[2:])))
        except OSError as error:
            if sockets and family == socket.AF_INET6:
                continue  # a machine may resolve ::1 without having IPv6
            for opened in sockets:
                opened.close()
            raise errors.ConfigError(f"cannot listen on {_shown(host, port)}: {_reason(error)}") from None
    return sockets


def url_of(sockets: Sequence[socket.socket]) -> str:
    """Return the URL of the address that is bound."""
    host, port = sockets[0].getsockname()[:2]
    return f"http://{_shown(host, port)}"


def usable_descriptors() -> None:
    """Open the null device for standard streams that are closed, or a connection would get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
