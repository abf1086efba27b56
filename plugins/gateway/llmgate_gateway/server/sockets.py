"""Open the listening sockets of the gateway. Accepts no connection."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Sequence
from typing import Any, Final

from llmgate_core.serving import errors

__all__ = ["listen", "listen_unix", "remove_unix", "url_of", "usable_descriptors"]

Address = tuple[Any, ...]
"""One row of `socket.getaddrinfo`."""
BACKLOG: Final = 2048
FREE_PORT_TRIES: Final = 10
WITHOUT_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
"""What a machine without IPv6 says of an address that a name leads to all the same, such as `::1`."""
UNIX_MODE: Final = 0o660
"""Of a Unix socket: its owner and group may connect."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets, one for each address of `host`; port 0 picks a free one, the same for all.

    Args:
        host: a name, or an address, an IPv6 one with brackets or without. `::` and an empty host mean every address of
            this machine, of both families.
        port: the port.

    Raises:
        ConfigError: it cannot listen on the address; the message says why.
    """
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    every = name in ("", "::")
    try:
        found = socket.getaddrinfo(None if every else name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise errors.ConfigError(f"--host: no address found for {host!r}: {_reason(error)}") from None
    addresses = list(dict.fromkeys(found))
    if every:
        addresses.sort(key=lambda it: (it[0] == socket.AF_INET) == (name == "::"))
    return _listen_on_all(addresses, name, port)


def listen_unix(path: str) -> list[socket.socket]:
    """Return a listening socket at a path; one that a dead process left there is replaced.

    Raises:
        ConfigError: it cannot listen there; the message says why.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead(path)
        sock.bind(path)
        os.chmod(path, UNIX_MODE)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except (OSError, ValueError) as error:
        sock.close()
        raise errors.ConfigError(f"cannot listen on {path}: {_reason(error)}") from None
    return [sock]


def remove_unix(path: str) -> None:
    """Remove a Unix socket, unless another process listens there by now."""
    with contextlib.suppress(OSError):
        _remove_dead(path)


def url_of(sockets: Sequence[socket.socket], *, scheme: str = "http") -> str:
    """Return the URL of the address that is bound, or `unix:` and the path of a Unix socket."""
    first = sockets[0]
    if first.family not in (socket.AF_INET, socket.AF_INET6):
        return f"unix:{first.getsockname()}"
    host, port = first.getsockname()[:2]
    return f"{scheme}://{_shown(host, port)}"


def usable_descriptors() -> None:
    """Open the null device for standard streams that are closed, or a connection would get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one


def _listen_on_all(addresses: Sequence[Address], host: str, port: int) -> list[socket.socket]:
    for _ in range(FREE_PORT_TRIES - 1):
        try:
            return _listen_once(addresses, port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:  # a free port of one family may be taken in the other
                raise _cannot_listen(host, port, error) from None
    try:
        return _listen_once(addresses, port)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None


def _listen_once(addresses: Sequence[Address], port: int) -> list[socket.socket]:
    with contextlib.ExitStack() as undo:
        sockets: list[socket.socket] = []
        failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        for family, _, _, _, address in addresses:
            number = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(undo.enter_context(_listening(family, (address[0], number, *address[2:]))))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in WITHOUT_IPV6:
                    raise
                failure = error
        if not sockets:
            raise failure
        undo.pop_all()
        return sockets


def _cannot_listen(host: str, port: int, error: OSError) -> errors.ConfigError:
    return errors.ConfigError(f"cannot listen on {_shown(host, port)}: {_reason(error)}")


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


def _remove_dead(path: str) -> None:
    """Remove a Unix socket that no process listens on.

    Raises:
        OSError: one does, or it is something else.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # `bind` says that it exists
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
