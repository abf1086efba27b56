"""Tell those that observe a gateway of each request: when it begins, and how it ended.

What an observer raises is logged and has no effect on the request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["RequestObservers"]

log = logging.getLogger("llmgate.gateway")


class RequestObservers:
    """Those that observe the requests of one gateway.

    Attributes:
        on_begin: called for each request that arrives.
        on_end: called with the record of each request that has ended.
    """

    __slots__ = ("on_begin", "on_end")

    def __init__(
        self, on_begin: Sequence[Callable[[], None]], on_end: Sequence[Callable[[RequestRecord], None]]
    ) -> None:
        self.on_begin = tuple(on_begin)
        self.on_end = tuple(on_end)

    def begin(self) -> None:
        """Tell that a request has arrived."""
        for observe in self.on_begin:
            try:
                observe()
            except (Exception, SystemExit) as failure:  # noqa: BLE001  # an observer must not affect the request
                log.warning("an on_begin callback raised %s", type(failure).__name__)

    def end(self, record: RequestRecord) -> None:
        """Tell that a request has ended, after completing its record."""
        record.total_seconds = time.monotonic() - record.started
        for observe in self.on_end:
            try:
                observe(record)
            except (Exception, SystemExit) as failure:  # noqa: BLE001  # an observer must not affect the response
                log.warning("an observer raised %s", type(failure).__name__)
