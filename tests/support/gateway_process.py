"""`llmgate serve` as a process of its own, as an operator starts it, in front of a loopback upstream.

Knows nothing of pages; it starts, listens to what is printed, and stops. Every wait has a deadline.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["GatewayProcess", "clean_environment", "gateway_process"]

PATIENCE_SECONDS = 30.0
LISTENING = "listening on "
OURS = ("OPENAI_", "ANTHROPIC_", "LLMGATE_", "COLUMNS", "LITELLM_", "HOST", "PORT", "NUM_WORKERS")
"""Beginnings of the names of variables that would change what a gateway does."""


def clean_environment(**values: str) -> dict[str, str]:
    """Return this process's environment without what would change a gateway, and with `values`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    folder = os.path.dirname(sys.executable)  # where `llmgate` is installed
    return {**kept, "PATH": f"{folder}{os.pathsep}{kept.get('PATH', '')}", "LLMGATE_LOCAL_QUIET": "1", **values}


class GatewayProcess:
    """A gateway that runs; made by `gateway_process`.

    Attributes:
        out, err: the lines that it has written, each with its end.
    """

    def __init__(self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "llmgate_core", *arguments],
            cwd=folder,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
        )
        pipes = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in pipes]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: Iterator[str], lines: list[str]) -> None:
        for line in pipe:
            with self._changed:
                lines.append(line)
                self._changed.notify_all()

    def wait_for(self, happened: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until lines make something true, and return it; `what` says in an error what was awaited."""
        with self._changed:
            if not self._changed.wait_for(happened, seconds):
                raise TimeoutError(f"not seen: {what}; stderr: {''.join(self.err)}; stdout: {''.join(self.out)}")
        return happened()

    def wait_line(self, text: str, seconds: float = PATIENCE_SECONDS, *, lines: list[str] | None = None) -> str:
        """Return the first line, of standard error unless `lines` says otherwise, that holds `text`."""
        searched = self.err if lines is None else lines
        line: str = self.wait_for(lambda: next((line for line in searched if text in line), ""), repr(text), seconds)
        return line

    def wait_lines(self, count: int) -> None:
        """Wait until standard error has that many lines."""
        self.wait_for(lambda: len(self.err) >= count, f"{count} lines")

    def wait_started(self) -> None:
        """Wait until it listens.

        Raises:
            AssertionError: it ended before.
        """
        self.wait_for(lambda: self.process.poll() is not None or LISTENING in "".join(self.err), LISTENING)
        assert LISTENING in "".join(self.err), "".join(self.err)

    @property
    def url(self) -> str:
        """The address that is really bound, waited for."""
        return self.wait_line(LISTENING).partition(LISTENING)[2].strip().removesuffix('"}')  # the end of a line of JSON

    @property
    def port(self) -> int:
        """The port that is really bound, waited for."""
        return int(self.url.rpartition(":")[2])

    def signal(self, number: int) -> None:
        """Send a signal to the process that was started."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Tell it to stop, and return its exit status."""
        self.signal(signal.SIGTERM)
        return self.end()

    def end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end, and return its exit status; everything that it wrote has been read then."""
        status = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return status

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def gateway_process(*arguments: str, folder: Path, environment: Mapping[str, str]) -> Iterator[GatewayProcess]:
    """Run `llmgate ARGUMENTS --port 0` for the length of a `with` block."""
    process = GatewayProcess([*arguments, "--port", "0"], folder=folder, environment=environment)
    try:
        yield process
    finally:
        process.close()
