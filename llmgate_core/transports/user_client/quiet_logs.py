"""Keep HTTP clients from logging what we send and receive.

httpx logs the URL and the reason phrase of every answer at INFO; its engine, httpcore, logs the headers of answers, a
SOCKS proxy's password and the text of errors, which may repeat received bytes, at DEBUG. While a client works for us,
such a record is cut to what cannot hold a key. What a caller does with the same client elsewhere is logged as before.

Source: rows S3 and S16 of docs/reliability.md.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from contextvars import ContextVar

__all__ = ["install_filter", "quiet"]

CLIENT_LOGGERS = ("httpx", "httpx2")
ENGINE_LOGGERS = tuple(
    f"{engine}.{part}"
    for engine in ("httpcore", "httpcore2")
    for part in ("connection", "http11", "http2", "proxy", "socks")
)

_works_for_us: ContextVar[bool] = ContextVar("llmgate_client_works_for_us", default=False)


class _CutRecords(logging.Filter):
    """Shortens the records of a client that works for us."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _works_for_us.get():
            record.msg, record.args = _cut(record), ()
            record.exc_info = record.exc_text = None
        return True


def _cut(record: logging.LogRecord) -> str:
    """Return the name of a step, such as `receive_response_headers.complete`, or method, host and status."""
    if record.name in CLIENT_LOGGERS:
        match record.args:
            case (method, url, _, int(status), _):
                return f"HTTP Request: {method} {getattr(url, 'host', '')} {status}"
        return "HTTP Request"
    return str(record.msg).partition(" ")[0]


_FILTER = _CutRecords()


def install_filter() -> None:
    """Filter the loggers of httpx, httpx2 and their engines; once is enough, more does no harm."""
    for name in CLIENT_LOGGERS + ENGINE_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)


class quiet:  # noqa: N801  # used like a function
    """Cut the records of this task or thread, and of tasks that begin now, while a client works for us."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _works_for_us.set(True)

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):  # the collector ends a task in a context that is not the task's
            _works_for_us.reset(self._token)
