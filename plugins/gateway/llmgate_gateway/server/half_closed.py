"""A client that has ended its sending side: does it wait for its answer, or has it left?

Both look the same until something is written: the system of a client that has left answers that with a reset. So an
interim response is written once a second until the answer begins, which every client skips, and the connection is
watched for the reset. Linux only; elsewhere, and over TLS, the client is taken to have left.

Source: RFC 9112, section 9.6; RFC 9110, section 15.2.1.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["HalfClosedWatch"]

INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
FIRST_LOOK_SECONDS: Final = 0.02
LAST_LOOK_SECONDS: Final = 1.0
TCP_CLOSE: Final = 7  # of the states in <netinet/tcp.h>


class HalfClosedWatch:
    """Watches one connection whose client sends no more.

    Args:
        transport: of the connection. loop: that runs it.
        may_write: whether no answer has begun.
        on_gone: called once when the client turns out to have left.
    """

    __slots__ = ("_loop", "_may_write", "_on_gone", "_seconds", "_timer", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        *,
        may_write: Callable[[], bool],
        on_gone: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._may_write = may_write
        self._on_gone = on_gone
        self._seconds = FIRST_LOOK_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    @staticmethod
    def is_possible(transport: asyncio.Transport) -> bool:
        """Return whether a client that has left can be told from one that waits."""
        found = transport.get_extra_info("socket")
        return (
            sys.platform == "linux"
            and found is not None
            and found.family in (socket.AF_INET, socket.AF_INET6)
            and transport.get_extra_info("sslcontext") is None
        )

    def start(self) -> None:
        """Write the interim response, and begin to watch."""
        self._transport.write(INTERIM)
        self._timer = self._loop.call_later(self._seconds, self._look)

    def stop(self) -> None:
        """Stop watching. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if _is_reset(self._transport.get_extra_info("socket")):
            self._on_gone()
            return
        if self._seconds >= LAST_LOOK_SECONDS and self._may_write():
            self._transport.write(INTERIM)
        self._seconds = min(LAST_LOOK_SECONDS, self._seconds * 2)
        self._timer = self._loop.call_later(self._seconds, self._look)


def _is_reset(found: Any) -> bool:
    """Return whether a TCP connection has been reset: the first byte of `tcp_info` is its state."""
    try:
        state: bytes = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:
        return True
    return state[0] == TCP_CLOSE
