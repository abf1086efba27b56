"""Every wait of the transports. Each takes the moment at which it ends, so no wait without a timer can be written.

A moment is a value of `time.monotonic()`; None means that the caller set no limit. A test checks that no other module
of this room awaits a bare future, blocks on a socket or sets a socket's timeout.

Source: rows R11 and R12 of docs/reliability.md.
"""

from __future__ import annotations

import _thread
import functools
import select
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    import ssl

__all__ = [
    "POLL_OUT",
    "AsyncWait",
    "Moment",
    "SocketWait",
    "ThreadFuture",
    "await_future",
    "await_until",
    "connect_until",
    "handshake_until",
    "is_late",
    "moment_after",
    "seconds_until",
    "wait_for_future",
]

POLL_IN, POLL_OUT = 1, 4  # as `poll` has them
MAX_WAIT_SECONDS = 1_000_000.0  # what `poll` takes
TIMER_SLACK_SECONDS = 0.001  # so that a limit has certainly passed when its timer fires

Moment = float | None
T = TypeVar("T")


def moment_after(seconds: float | None) -> Moment:
    """Return the moment that is `seconds` from now."""
    return None if seconds is None else monotonic() + seconds


def seconds_until(ends: Moment) -> float | None:
    """Return the seconds that are left.

    Raises:
        TimeoutError: none are left.
    """
    if ends is None:
        return None
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def is_late(error: BaseException) -> bool:
    """Return whether a wait ran out; the system's own ETIMEDOUT is a TimeoutError too, but has a number."""
    return isinstance(error, TimeoutError) and error.errno is None


# Blocking waits


class _Poll(Protocol):
    """The part of `select.poll` that is used here."""

    def poll(self, timeout: float | None = None, /) -> Sequence[tuple[int, int]]: ...

    def modify(self, fd: int, eventmask: int, /) -> None: ...


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
        ready = select.select(readers, writers, writers, None if timeout is None or timeout < 0 else timeout / 1000)
        events = (POLL_IN if ready[0] else 0) | (POLL_OUT if ready[1] or ready[2] else 0)
        return [(self._fd, events)] if events else []


class SocketWait:
    """Waits for one socket that never blocks by itself; half the cost of a socket timeout."""

    __slots__ = ("_fd", "_poll")

    def __init__(self, sock: socket.socket) -> None:
        self._fd = sock.fileno()
        self._poll: _Poll
        if sys.platform == "win32":
            self._poll = _SelectPoll(self._fd)
        else:
            poll = select.poll()
            poll.register(self._fd, POLL_IN)
            self._poll = poll

    def has_input(self) -> bool:
        """Return whether there is something to read, the end of the input included, without waiting."""
        return bool(self._poll.poll(0))

    def until_input(self, ends: Moment) -> bool:
        """Wait until there is something to read; False: not before `ends`."""
        if ends is None:
            return bool(self._poll.poll(-1))
        left = ends - monotonic()
        return left > 0 and bool(self._poll.poll(min(left, MAX_WAIT_SECONDS) * 1000))

    def until_output(self, ends: Moment) -> int:
        """Wait until more can be sent or something came; return the events, 0: nothing before `ends`."""
        self._poll.modify(self._fd, POLL_IN | POLL_OUT)
        try:
            left = -0.001 if ends is None else min(max(ends - monotonic(), 0), MAX_WAIT_SECONDS)
            events = self._poll.poll(left * 1000)
        finally:
            self._poll.modify(self._fd, POLL_IN)
        return events[0][1] if events else 0


class ThreadFuture(Generic[T]):
    """A result that another thread sets, or the collector in the thread that waits.

    A future of concurrent.futures could miss the latter, since its lock may be taken twice by one thread.
    """

    def __init__(self) -> None:
        self._outcome: tuple[T] | Exception | None = None
        self._lock = _thread.allocate_lock()  # held until there is an outcome
        self._lock.acquire()

    def set_result(self, result: T) -> None:
        """Wake the thread that waits; once only."""
        self._outcome = (result,)
        self._lock.release()

    def set_exception(self, error: Exception) -> None:
        """Wake it with an exception; once only."""
        self._outcome = error
        self._lock.release()

    def done(self) -> bool:
        """Return whether there is an outcome."""
        return self._outcome is not None

    def result(self) -> T:
        """Return the result, or raise the exception, without waiting."""
        outcome = self._outcome
        if isinstance(outcome, tuple):
            return outcome[0]
        raise outcome or TimeoutError

    def wait(self, seconds: float | None) -> None:
        """Wait for the outcome; one thread may do so."""
        self._lock.acquire(timeout=-1 if seconds is None else min(max(seconds, 0), MAX_WAIT_SECONDS))


def wait_for_future(future: ThreadFuture[T], ends: Moment) -> T:
    """Return the result of a future.

    Raises:
        TimeoutError: not before `ends`. Otherwise what was set.
    """
    future.wait(None if ends is None else ends - monotonic())
    return future.result()


def connect_until(sock: socket.socket, address: Any, ends: Moment) -> None:
    """Connect a socket.

    Raises:
        TimeoutError: not before `ends`; without an `errno`. OSError: refused or unreachable.
    """
    sock.settimeout(seconds_until(ends))
    sock.connect(address)


def handshake_until(sock: socket.socket, context: ssl.SSLContext, server_hostname: str, ends: Moment) -> ssl.SSLSocket:
    """Return the socket with TLS.

    Raises:
        TimeoutError: not before `ends`. OSError, ValueError: the handshake failed.
    """
    sock.settimeout(seconds_until(ends))
    return context.wrap_socket(sock, server_hostname=server_hostname)


# Waits of asyncio


async def await_until(
    steps: Awaitable[T], ends: Moment, undo: Callable[[T], object] | None = None, *, shield: bool = False
) -> T:
    """Return the result of `steps`, which run in their own task and are cancelled at `ends`, or together with us.

    Args:
        steps: a coroutine.
        ends: when to give up.
        undo: receives a result that came too late.
        shield: let the steps run to their end all the same.

    Raises:
        TimeoutError: not before `ends`. Otherwise whatever the steps raise.
    """
    import asyncio  # imported here, so that synchronous calls do not load it

    task = asyncio.ensure_future(steps)
    try:
        return await await_future(task, ends)
    except BaseException:
        if not shield:
            task.cancel()
        task.add_done_callback(functools.partial(_settle, undo))  # also if they ended in the turn of our cancellation
        raise


async def await_future(future: asyncio.Future[T], ends: Moment) -> T:
    """Return the result of a future, which stays as it is when the wait ends before.

    Raises:
        TimeoutError: not before `ends`. Otherwise whatever the future raises.
    """
    import asyncio  # imported here, so that synchronous calls do not load it

    wait = None if ends is None else max(ends - monotonic(), 0) + TIMER_SLACK_SECONDS
    await asyncio.wait([future], timeout=wait)
    if not future.done():
        raise TimeoutError
    return future.result()


def _settle(undo: Callable[[T], object] | None, task: asyncio.Future[T]) -> None:
    """Take the result of a task that no one waits for any more, so that asyncio does not report it."""
    if not task.cancelled() and task.exception() is None and undo is not None:
        undo(task.result())


class AsyncWait:
    """The waits of one connection, one at a time.

    One timer serves them all: it is set at the end of a wait or before, and set again if it fires too early. So most
    waits set none.
    """

    __slots__ = ("_ends", "_loop", "_timer", "_timer_at", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[bool] | None = None
        self._ends: Moment = None  # of the present wait
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def until(self, ends: Moment) -> asyncio.Future[bool]:
        """Return what becomes true with `wake`; False: not before `ends`. It is awaited at once."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        if ends is not None:
            if monotonic() >= ends:  # the timer alone would lose against an upstream that floods us
                waiter.set_result(False)
                return waiter
            if self._timer is None or ends < self._timer_at:
                self._set_timer(ends)
        self._waiter = waiter  # after a cancellation it stays, and the connection is closed
        self._ends = ends
        return waiter

    def wake(self, came: bool = True) -> None:
        """End the wait, if there is one."""
        # Let go of it now: when its task runs, the connection may serve another request.
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(came)

    @property
    def is_waiting(self) -> bool:
        """Whether a task waits."""
        return self._waiter is not None

    def stop(self) -> None:
        """Cancel the timer: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, ends: float) -> None:
        self.stop()
        self._timer_at = ends
        self._timer = self._loop.call_later(max(ends - monotonic(), 0), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._ends is None or self._waiter is None:
            return
        if monotonic() < self._ends:
            self._set_timer(self._ends)
        else:
            self.wake(False)
