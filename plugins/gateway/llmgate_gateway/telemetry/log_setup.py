"""Send the program's own messages to standard error, a line each, never a key. For the server only.

A program that embeds the gateway configures logging itself.

Source: rows S15, S19 and R36 of docs/reliability.md.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Literal

from llmgate_core.serving import Secret, SecretFinder
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.telemetry.access_log import line_of, timestamp

__all__ = ["LineHandler", "set_up_logging"]

LOGGERS = ("llmgate", "uvicorn.error", "py.warnings", "asyncio")


class LineHandler(logging.Handler):
    """Passes each record to `write` as one line.

    Args:
        form: JSON objects, or words.
        secrets: keys that no line may show.
    """

    def __init__(
        self, write: Callable[[bytes], object], *, form: Literal["json", "text"], secrets: Sequence[Secret | None] = ()
    ) -> None:
        super().__init__()
        self._write = write
        self._as_text = form == "text"
        self._mask = SecretFinder(secrets).mask

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; one that cannot be formatted is written without its message."""
        try:
            message = self._mask(record.getMessage())
        except (TypeError, ValueError):
            message = f"(a message of {record.name} that could not be formatted)"
        fields: dict[str, Any] = {"time": timestamp(record.created), "level": record.levelname.lower()}
        fields |= {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = self._mask("".join(traceback.format_exception(*record.exc_info)))
        self._write(self._words(fields) if self._as_text else line_of(fields))

    def _words(self, fields: dict[str, Any]) -> bytes:
        """Return words; continuation lines are indented so that none can pass for a record."""
        text = f"{fields['message']}\n{fields['exception']}" if "exception" in fields else fields["message"]
        lines = [line_of(line)[1:-2].decode().replace('\\"', '"') for line in text.splitlines() or [""]]
        return (
            f"{fields['time']} {fields['level']} {fields['logger']}: ".encode() + "\n    ".join(lines).encode() + b"\n"
        )


def set_up_logging(config: GatewayConfig, write: Callable[[bytes], object], *, debug: bool) -> None:
    """Send the messages of the server and its libraries to `write`."""
    level = logging.DEBUG if debug else logging.getLevelName(config.general.log.level.upper())
    handler = LineHandler(write, form=config.general.log.format, secrets=secrets_of(config))
    logging.captureWarnings(capture=True)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level if name == "llmgate" else logging.WARNING)
    logging.Formatter.converter = time.gmtime


def secrets_of(config: GatewayConfig) -> list[Secret]:
    """Return every key that a config holds."""
    general = config.general
    secrets: list[Secret | None] = [general.master_key, config.settings.api_key, *(key.key for key in general.keys)]
    for deployment in config.deployments:
        secrets += [deployment.params.api_key, *deployment.params.extra_headers.values()]
    return [secret for secret in secrets if secret is not None]
