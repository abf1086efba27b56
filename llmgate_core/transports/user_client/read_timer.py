"""Ends a blocking read that takes too long, by shutting down its socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from time import monotonic
from typing import Any

__all__ = ["ReadTimer"]

NEARLY = 0.9  # a wait that is at least this part of the client's own limit is left to the client


class ReadTimer:
    """The time limit of a blocking client's reads.

    httpx takes one limit for a whole body, at its start; ours changes from block to block. The first is left to httpx,
    and so is each that is nearly as long. There is one timer at a time, which is set again if it fires too early, so
    most blocks set none.

    Attributes:
        expired: a read took too long, and its connection is shut down.
    """

    def __init__(self, response: Any, waits: dict[str, float | None]) -> None:
        self._socket = _socket_of(response)
        self._waits = waits  # which httpx reads when the first block is read
        self._limit: float | None = None  # how long httpx waits for a block
        self._lock = threading.RLock()  # the collector may stop it in the thread that holds the lock
        self._ends: float | None = None  # None: no read is under way, or it has no limit
        self._timer: threading.Timer | None = None
        self._rings_at = 0.0
        self.expired = False

    @property
    def is_active(self) -> bool:
        """Whether there is a socket; an answer from memory needs no limit."""
        return self._socket is not None

    def arm(self, wait_seconds: float | None) -> None:
        """Begin a read."""
        if self._limit is None:
            self._limit = self._waits["read"] = wait_seconds
            return
        if self._socket is None or wait_seconds is None or wait_seconds >= self._limit * NEARLY:
            return
        with self._lock:
            self._ends = ends = monotonic() + wait_seconds
            if self._timer is None or ends < self._rings_at:
                self._set_timer(wait_seconds)

    def disarm(self) -> bool:
        """End a read; return whether it took too long."""
        with self._lock:
            self._ends = None
            return self.expired

    def stop(self) -> None:
        """End for good."""
        with self._lock:
            self._ends = None
            if self._timer is not None:
                self._timer.cancel()

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = monotonic() + seconds
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
            if self._ends is None or self._socket is None:
                return
            left = self._ends - monotonic()
            if left > 0:
                self._set_timer(left)
                return
            self.expired = True
            with contextlib.suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which another thread reads


def _socket_of(response: Any) -> socket.socket | None:
    """Return the socket that an answer of httpx is read from; None: it comes from memory."""
    stream = getattr(response, "extensions", {}).get("network_stream")
    sock = None if stream is None else stream.get_extra_info("socket")
    return sock if isinstance(sock, socket.socket) else None
