"""What the command says on standard error before the server's log is set up: the address, warnings, a mistake.

Plain lines for people, or the lines of the log where the config asks for its format.

Source: docs/gateway/run.md, "What it prints".
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from llmgate_core.serving import say_error

if TYPE_CHECKING:
    from llmgate_gateway.config import GatewayConfig

__all__ = ["StartMessages"]

LOGGER = "llmgate.gateway"


class StartMessages:
    """Writes the messages of one start.

    Attributes:
        warnings: those of Python that were caught while the config was loaded.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._as_json = False

    def take_format(self, config: GatewayConfig) -> None:
        """Write JSON from now on, if the config says so explicitly; by default only the log does."""
        log = config.general.log
        self._as_json = log.format == "json" and "format" in log.model_fields_set

    @contextlib.contextmanager
    def of_warnings(self) -> Iterator[None]:
        """Catch the warnings of Python within a `with` block, to show them with the others."""
        with warnings.catch_warnings(record=True) as caught:
            try:
                yield
            finally:
                self.warnings += dict.fromkeys(str(warning.message) for warning in caught)

    def announce(self, lines: Sequence[str], warned: Sequence[str]) -> None:
        """Write the lines of a server that accepts requests, and its warnings."""
        if self._as_json:
            self._write([*(self._line("info", line) for line in lines), *(self._line("warning", it) for it in warned)])
        else:
            self._write([*lines, *(f"warning: {it}" for it in warned)])

    def error(self, text: str) -> None:
        """Write why there is no server."""
        lines = [*(f"warning: {it}" for it in self.warnings), *text.splitlines()]
        self._write([self._line("error", line) for line in lines] if self._as_json else lines)

    def _line(self, level: str, message: str) -> str:
        from llmgate_gateway.telemetry.access_log import line_of, timestamp  # not needed where lines are plain

        fields = {"time": timestamp(time.time()), "level": level, "logger": LOGGER, "message": message}
        return line_of(fields).decode()[:-1]

    def _write(self, lines: Sequence[str]) -> None:
        for line in lines:
            say_error(line)
