"""A child process that serves one model on a loopback port: started on first use, shared by all.

One start serves every thread and event loop that waits for it. A child that died is started again
by the next call. It ends when this process ends, however that ends: it watches its standard input.

PR_SET_PDEATHSIG is not used: it fires when the thread that started the child ends, not the process.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import os
import secrets
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from llmgate_core.plugin import Origin, Secret, errors
from llmgate_local.machine import child_environment, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Address", "Child", "ModelServer"]

START_SECONDS = 90.0
STOP_SECONDS = 3.0
POLL_SECONDS = 0.05
TAIL_LINES = 12


@dataclass(frozen=True, slots=True)
class Address:
    """A child's address, and the key that it requires."""

    origin: Origin
    key: Secret


class ModelServer:
    """Starts and restarts one child on demand. Thread-safe."""

    def __init__(
        self, name: str, command: Callable[[], Sequence[str]], *, start_seconds: float = START_SECONDS
    ) -> None:
        self.name = name
        self._command = command
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._start: Future[Address] | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave_to_parent)

    @property
    def process_id(self) -> int | None:
        """The child's process id; None if it was not started or has been stopped."""
        child = self._child
        return None if child is None else child.process.pid

    def running(self) -> Address | None:
        """Return the address if the child is alive and ready, without waiting."""
        start, child = self._start, self._child
        if start is None or child is None or not start.done() or start.exception() or not child.is_alive():
            return None
        return start.result()

    def start(self) -> Future[Address]:
        """Return the current or last successful start, or begin one.

        The future's errors: ConfigError, the command cannot be built; APIConnectionError, the child does not
        start. A caller that stops waiting leaves the start running for the next caller.
        """
        with self._lock:
            if self._start is None or (self._start.done() and self.running() is None):
                self._start = Future()
                self._start.set_running_or_notify_cancel()  # from here on it cannot be cancelled
                threading.Thread(target=self._run_start, args=(self._start,), daemon=True).start()
            return self._start

    def stop(self) -> None:
        """End the child, if any."""
        with self._lock:
            child, self._child = self._child, None
        atexit.unregister(self.stop)
        if child is not None:
            child.end()

    def _run_start(self, start: Future[Address]) -> None:
        try:
            start.set_result(self._launch())
        except BaseException as error:  # noqa: BLE001 - raised again in every caller that waits for the start
            start.set_exception(error)

    def _launch(self) -> Address:
        previous = self._child
        if previous is not None:
            say(f"the {self.name} server ended with status {previous.process.poll()}; starting it again")
            self.stop()
        command = self._command()
        say(f"starting the {self.name} server ...")
        began = time.monotonic()
        try:
            child = Child(self.name, command)
        except OSError as error:  # out of memory, too many open files, a full disk
            raise _not_started(self.name, f"cannot be started: {error}") from error
        self._child = child
        atexit.register(self.stop)
        try:
            address = child.wait_ready(self._start_seconds)
        except BaseException:
            self.stop()
            raise
        say(f"... ready in {time.monotonic() - began:.1f} s on port {address.origin.port}")
        return address

    def _leave_to_parent(self) -> None:
        """After a fork: forget the parent's child, whose input must end when the parent ends."""
        if self._child is not None:
            self._child.disown()
        atexit.unregister(self.stop)
        self._lock, self._child, self._start = threading.Lock(), None, None


class Child:
    """One process. It gets its key on standard input, and reports its port on standard output."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self._name = name
        self._key = Secret(secrets.token_urlsafe(24))  # not an argument: all users can read those
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self.process = _spawn(command, self._log)

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self.process.poll() is None

    def wait_ready(self, seconds: float) -> Address:
        """Wait until the child has reported its port and answers there.

        Raises:
            APIConnectionError: it ended, or took longer than `seconds`; has the log's last lines.
        """
        ends = time.monotonic() + seconds
        timer = threading.Timer(seconds, self.process.kill)  # a read of a pipe has no time limit
        timer.daemon = True
        timer.start()
        try:
            address = self._report()
            while not _is_healthy(address.origin):
                self._pause()
        except (OSError, ValueError) as error:
            is_late = time.monotonic() >= ends
            raise self._cannot_start(f"was not ready within {seconds:g} s" if is_late else "did not start") from error
        finally:
            timer.cancel()
        return address

    def end(self) -> None:
        """Terminate the process, kill it if it does not end, and close its files."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close()

    def disown(self) -> None:
        """Forget a child of the parent process."""
        self.process.returncode = 0  # else Popen would wait for it, and warn
        self._close()

    def _close(self) -> None:
        for file in (self.process.stdin, self.process.stdout, self._log):
            if file is not None:
                with contextlib.suppress(OSError):  # unsent input of a child that is gone
                    file.close()

    def _report(self) -> Address:
        """Send the key and read the port.

        Raises:
            OSError, ValueError: the child ended before it reported a port.
        """
        to_child, from_child = self.process.stdin, self.process.stdout
        if to_child is None or from_child is None:
            raise ValueError("the child has no pipes")
        to_child.write(self._key.reveal().encode() + b"\n")
        to_child.flush()
        report = json.loads(from_child.readline())
        return Address(Origin("http", "127.0.0.1", int(report["port"])), self._key)

    def _pause(self) -> None:
        """Wait a moment, unless the child ends.

        Raises:
            ChildProcessError: it has ended.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise ChildProcessError(f"ended with status {self.process.wait(POLL_SECONDS)}")

    def _cannot_start(self, what: str) -> errors.APIConnectionError:
        try:
            status = f"it ended with status {self.process.wait(STOP_SECONDS)}"
        except subprocess.TimeoutExpired:
            status = "it is still running, and is stopped now"
        return _not_started(self._name, f"{what}: {status}. The last lines of its log:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        if self._log.closed:  # by an `end` in another thread
            return "  (closed)"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (empty)"


def _not_started(name: str, what: str) -> errors.APIConnectionError:
    return errors.APIConnectionError(
        f"the {name} server {what}", code="connect", phase="connect", provider="local", model=name
    )


def _spawn(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=child_environment(),
        cwd=os.path.dirname(os.path.abspath(__file__)),  # as trustworthy as the code that runs; has nothing else in it
        start_new_session=True,  # so that a Ctrl-C in the terminal does not reach it
    )


def _is_healthy(origin: Origin) -> bool:
    connection = http.client.HTTPConnection(origin.host, origin.port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
