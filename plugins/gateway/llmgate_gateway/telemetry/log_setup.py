"""Send the program's own messages to standard error, a line each, never a key. For the server only.

A program that embeds the gateway configures logging itself.

Source: rows S15, S19 and R36 of docs/reliability.md.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

from llmgate_core.serving import Secret, SecretFinder
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.telemetry.access_log import line_of, timestamp
from llmgate_gateway.telemetry.exception_text import exception_text
from llmgate_gateway.telemetry.repeats import Repeats

__all__ = ["LIMITED", "LineHandler", "set_up_logging"]

MARK: Final = "llmgate_limited"
LIMITED: Final[Mapping[str, bool]] = MappingProxyType({MARK: True})
"""`extra=LIMITED` marks a message that every request may cause."""
LEAST_SECRET_CHARACTERS = 20
LOGGERS = ("llmgate", "py.warnings", "asyncio")


class LineHandler(logging.Handler):
    """Passes each record to `write` as one line.

    Args:
        form: JSON objects, or words.
        secrets: keys that no line may show.
        shows_content: whether the messages of exceptions are shown, which may repeat what a client sent.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        form: Literal["json", "text"],
        secrets: Sequence[Secret | None] = (),
        shows_content: bool = False,
    ) -> None:
        super().__init__()
        self._write = write
        self._as_text = form == "text"
        self._mask = SecretFinder(secrets).mask
        self._shows_content = shows_content
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; one that cannot be formatted is written without its message.

        Of records with a traceback, of Python's warnings and of records marked `LIMITED`, one of a kind is written
        each second, with the number of those that were left out.
        """
        left_out = self._repeats.count(_kind_of(record), record.created) if _is_limited(record) else 0
        if left_out is None:
            return
        try:
            message = self._mask(record.getMessage())
        except (TypeError, ValueError):
            message = f"(a message of {record.name} that could not be formatted)"
        if record.name == "asyncio" and not self._shows_content:
            message = message.partition("\n")[0]  # the next lines show tasks, and with them what they raised
        fields: dict[str, Any] = {"time": timestamp(record.created), "level": record.levelname.lower()}
        fields |= {"logger": record.name, "message": message}
        if left_out:
            fields["message"] = f"{message} ({left_out} more in between)"
        if record.exc_info and record.exc_info[1] is not None:
            text = exception_text(record.exc_info[1], with_message=self._shows_content)
            fields["exception"] = self._mask(text)
        self._write(self._words(fields) if self._as_text else line_of(fields))

    def _words(self, fields: dict[str, Any]) -> bytes:
        """Return words; continuation lines are indented so that none can pass for a record."""
        text = f"{fields['message']}\n{fields['exception']}" if "exception" in fields else fields["message"]
        lines = [line_of(line)[1:-2].decode().replace('\\"', '"') for line in text.splitlines() or [""]]
        return (
            f"{fields['time']} {fields['level']} {fields['logger']}: ".encode() + "\n    ".join(lines).encode() + b"\n"
        )


def _is_limited(record: logging.LogRecord) -> bool:
    return bool(record.exc_info) or record.name == "py.warnings" or hasattr(record, MARK)


def _kind_of(record: logging.LogRecord) -> Hashable:
    """Return what equal records have in common: the line that logged them, and the line that raised."""
    raised = None
    if record.exc_info and record.exc_info[1] is not None:
        at = record.exc_info[1].__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        raised = (record.exc_info[0], None if at is None else (at.tb_frame.f_code, at.tb_lineno))
    return (record.name, record.levelno, record.pathname, record.lineno, raised)


def set_up_logging(config: GatewayConfig, write: Callable[[bytes], object], *, debug: bool) -> None:
    """Send the messages of the server and its libraries to `write`."""
    level = logging.DEBUG if debug else logging.getLevelName(config.general.log.level.upper())
    handler = LineHandler(
        write, form=config.general.log.format, secrets=secrets_of(config), shows_content=config.general.log_content
    )
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
        params = deployment.params
        secrets += [params.api_key, *params.extra_headers.values()]
        # only the plugin, which is not loaded here, says which are secret; the names of regions and models are shorter
        secrets += [
            value for value in params.provider_options.values() if len(value.reveal()) >= LEAST_SECRET_CHARACTERS
        ]
    return [secret for secret in secrets if secret is not None]
