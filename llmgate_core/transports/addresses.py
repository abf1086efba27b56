"""Find the addresses of a host, and make sockets for them.

`getaddrinfo` takes no timeout, so for blocking calls names are looked up in a thread that may outlive the wait; it is a
daemon, so that a dead name server never delays the end of the process.

Source: rows R11 and R19 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from llmgate_core.transports.waits import ThreadFuture

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin

__all__ = ["Address", "literal_addresses", "look_up", "new_socket"]

Address = tuple[Any, ...]
"""One row of `socket.getaddrinfo`."""


def literal_addresses(origin: Origin) -> list[Address]:
    """Return the address if the host is one already; an empty list: it is a name."""
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    return []


def look_up(origin: Origin) -> ThreadFuture[list[Address]]:
    """Begin to look up the addresses of a host. The future raises an OSError, a `socket.gaierror`, if it has none."""
    answer: ThreadFuture[list[Address]] = ThreadFuture()
    threading.Thread(target=_look_up, args=(origin, answer), daemon=True, name="llmgate-dns").start()
    return answer


def _look_up(origin: Origin, answer: ThreadFuture[list[Address]]) -> None:
    try:
        answer.set_result(list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)


def new_socket(address: Address) -> socket.socket:
    """Return a new, unconnected socket for `address`."""
    sock = socket.socket(address[0], address[1], address[2])
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
