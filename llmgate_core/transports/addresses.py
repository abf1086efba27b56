"""Find the addresses of a host, within a time limit; and wait for a socket without `settimeout`.

`getaddrinfo` knows no timeout, so names are looked up in a thread that may outlive the wait; it
is a daemon, so that a dead name server never holds up the end of the process.

Source: rows R11 and R19 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.transport import Origin

__all__ = ["POLL_IN", "POLL_OUT", "Address", "Poll", "literal_addresses", "make_poll", "open_socket", "resolve"]

Address = tuple[Any, ...]
"""One row of `socket.getaddrinfo`."""

POLL_IN, POLL_OUT = 1, 4  # as `poll` has them


class Poll(Protocol):
    """What we need of `select.poll`."""

    def poll(self, timeout: float | None = None, /) -> Sequence[tuple[int, int]]:
        """Wait for so many milliseconds (None: no limit); an empty list: nothing came."""
        ...

    def modify(self, fd: int, eventmask: int, /) -> None:
        """Wait for other events from now on."""
        ...


def make_poll(sock: socket.socket) -> Poll:
    """Return an object that waits until `sock` can be read; half the price of a socket timeout."""
    if sys.platform == "win32":
        return _SelectPoll(sock.fileno())
    poll = select.poll()
    poll.register(sock, POLL_IN)
    return poll


class _SelectPoll:
    """The same with `select`, where there is no `poll`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._events = POLL_IN

    def modify(self, fd: int, eventmask: int, /) -> None:
        self._fd, self._events = fd, eventmask

    def poll(self, timeout: float | None = None, /) -> Sequence[tuple[int, int]]:
        readers = [self._fd] if self._events & POLL_IN else []
        writers = [self._fd] if self._events & POLL_OUT else []
        found = select.select(readers, writers, writers, None if timeout is None else timeout / 1000)
        events = (POLL_IN if found[0] else 0) | (POLL_OUT if found[1] or found[2] else 0)
        return [(self._fd, events)] if events else []


def literal_addresses(origin: Origin) -> list[Address]:
    """Return the address that the host already is; an empty list: it is a name."""
    with contextlib.suppress(socket.gaierror, UnicodeError):
        return list(socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    return []


def resolve(origin: Origin, wait_seconds: float | None) -> list[Address]:
    """Return the addresses of a host.

    Raises:
        OSError: it has none (a `socket.gaierror`). TimeoutError: not within `wait_seconds`.
    """
    if found := literal_addresses(origin):
        return found
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_look_up, args=(origin, answer), daemon=True, name="llmgate-dns").start()
    try:
        return answer.result(wait_seconds)
    except FutureTimeoutError:
        raise TimeoutError from None


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
