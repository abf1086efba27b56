"""Find the addresses of a host, within a time limit, and open sockets for them.

`getaddrinfo` takes no timeout, so names are looked up in a thread that may outlive the wait; it is a daemon, so that a
dead name server never delays the end of the process.

Source: rows R11 and R19 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from llmgate_core.transports.waits import wait_for_future

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin
    from llmgate_core.transports.waits import Moment

__all__ = ["Address", "literal_addresses", "open_socket", "resolve"]

Address = tuple[Any, ...]
"""One row of `socket.getaddrinfo`."""


def literal_addresses(origin: Origin) -> list[Address]:
    """Return the address if the host is one already; an empty list: it is a name."""
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    return []


def resolve(origin: Origin, ends: Moment) -> list[Address]:
    """Return the addresses of a host.

    Raises:
        OSError: it has none (a `socket.gaierror`). TimeoutError: not before `ends`.
    """
    if addresses := literal_addresses(origin):
        return addresses
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_look_up, args=(origin, answer), daemon=True, name="llmgate-dns").start()
    return wait_for_future(answer, ends)


def _look_up(origin: Origin, answer: Future[list[Address]]) -> None:
    try:
        answer.set_result(list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError) as error:
        answer.set_exception(error if isinstance(error, OSError) else socket.gaierror(0, "not a host name"))


def open_socket(address: Address) -> socket.socket:
    """Return a new, unconnected socket for `address`."""
    sock = socket.socket(address[0], address[1], address[2])
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
