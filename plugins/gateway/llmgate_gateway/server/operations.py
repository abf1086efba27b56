"""Everything that an operator sees of one gateway: metrics, log, traces, and the gateway's own pages.

One object for each gateway, or each worker of it; only the standard streams are shared by the whole process.

Source: docs/architecture.md, "Gateway".
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import re
import sys
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import llmgate_core
from llmgate_gateway import pages
from llmgate_gateway.app import Gateway, Page, PageRequest
from llmgate_gateway.config import ConfigSource, GatewayConfig, config_of
from llmgate_gateway.http.body import decode_object
from llmgate_gateway.http.responses import Reply, json_reply, refuse
from llmgate_gateway.http.routes import PAGE_ALIASES
from llmgate_gateway.pages.explain import explain
from llmgate_gateway.pages.openapi import document
from llmgate_gateway.telemetry.access_log import AccessLog
from llmgate_gateway.telemetry.log_setup import set_up_logging
from llmgate_gateway.telemetry.log_writer import LineWriter
from llmgate_gateway.telemetry.metrics import Metrics
from llmgate_gateway.telemetry.record import RequestRecord
from llmgate_gateway.telemetry.shared_memory import SharedValues
from llmgate_gateway.telemetry.tracing import Tracer

__all__ = ["Operations"]

POLLED: Final = ("/livez", "/readyz", "/metrics")
PROBES: Final = frozenset({*POLLED, *chain(*(PAGE_ALIASES[path] for path in POLLED))})
"""Pages that are polled all the time; successful requests to them are not logged."""
STANDARD_OUTPUT: Final = 1
STANDARD_ERROR: Final = 2
INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


class Operations:
    """The operator's side of one gateway.

    Args:
        config: what the gateway serves: the name of a file, a mapping, or a config that is loaded.
        values: the memory of the metrics, if several workers share it. worker: which of them this is.
        tracer: for spans; default: as the config says.

    Attributes:
        metrics: what `/metrics` shows.
    """

    def __init__(
        self,
        config: ConfigSource,
        *,
        values: SharedValues | None = None,
        worker: int = 0,
        tracer: Tracer | None = None,
    ) -> None:
        config = config_of(config)
        self.metrics = Metrics(values, worker=worker)
        self._messages: LineWriter | None = None
        file = config.general.log.file
        self._output = LineWriter(STANDARD_OUTPUT if file is None else file, lost=self.metrics.lost_line)
        self._log: AccessLog | None = None
        self._tracer = Tracer() if tracer is None and config.general.tracing else tracer
        self._home = _static_page("index.html")
        self.reconfigure(config)

    def reconfigure(self, config: GatewayConfig, *, debug: bool = False) -> None:
        """Log as a new config says."""
        settings = config.general.log
        self._log = AccessLog(self._output, form=settings.format, shows_user=settings.user) if settings.access else None
        if self._messages is not None:
            self.set_up_logging(config, debug=debug)

    def set_up_logging(self, config: GatewayConfig, *, debug: bool) -> None:
        """Send the process's own messages to standard error. For a server, not for a program that embeds us."""
        if self._messages is None:
            self._messages = LineWriter(STANDARD_ERROR, lost=self.metrics.lost_line)
        set_up_logging(config, self._messages.write, debug=debug)

    def app(self, config: ConfigSource) -> Gateway:
        """Return the gateway of a config, with metrics, log, traces and pages."""
        tracer = self._tracer
        return Gateway(
            config,
            observers=self.observers,
            counts_usage=True,
            on_begin=(self.metrics.begin,),
            on_call=() if tracer is None else (tracer.begin,),
            pages=self.pages,
        )

    @property
    def observers(self) -> tuple[Callable[[RequestRecord], None], ...]:
        """What is called with the record of each request that has ended."""
        observers: list[Callable[[RequestRecord], None]] = [self.metrics.observe, self._write_line]
        if self._tracer is not None:
            observers.append(self._tracer.observe)
        return tuple(observers)

    @property
    def pages(self) -> Mapping[str, Page]:
        """The gateway's own pages by method and path."""
        return {
            "/": lambda _request: self._home,
            "/docs": lambda _request: self._home,
            "/metrics": self._metrics_page,
            "/openapi.json": _openapi_page,
            "POST /explain": _explain_page,
        }

    def reopen_files(self) -> None:
        """Reopen log files, for programs that rotate them."""
        self._output.reopen()

    def close(self) -> None:
        """Write what is left, if that does not take long."""
        if self._tracer is not None:
            self._tracer.close()
        self._output.close()
        if self._messages is not None:
            self._messages.close()

    def _write_line(self, record: RequestRecord) -> None:
        if self._log is not None and not (record.path in PROBES and record.status < 400):
            self._log.observe(record)

    async def _metrics_page(self, request: PageRequest) -> Reply:
        if request.caller is None or not request.caller.reads_metrics:
            message = "This key may not read the metrics; the master key may, and a key with metrics: true."
            raise refuse(403, message, code="metrics_not_allowed")
        if "prometheus_client" not in sys.modules:
            await asyncio.to_thread(
                importlib.import_module, "prometheus_client"
            )  # 50 ms that no other request waits for
        content, kind = self.metrics.render()
        return Reply(200, content, ((b"content-type", kind.encode()), (b"cache-control", b"no-store")))


def _openapi_page(request: PageRequest) -> Reply:
    gateway = request.gateway
    about = document(gateway.routes, version=llmgate_core.__version__, asks_for_key=not gateway.snapshot.keys.is_open)
    return json_reply(about)


async def _explain_page(request: PageRequest) -> Reply:
    return await request.gateway.large_work.run(len(request.body), _explain, request)


def _explain(request: PageRequest) -> Reply:
    gateway, caller = request.gateway, request.caller
    question = decode_object(request.body, max_values=gateway.config.general.limits.max_json_values)
    if caller is None:
        raise refuse(401, "A key is needed.", code="invalid_api_key")
    return explain(gateway.routes, gateway.snapshot.deployments, caller, question)


def _static_page(name: str) -> Reply:
    """Return a page of this package. Its policy allows its own script and style by their hashes, and nothing else."""
    content = (Path(pages.__file__).with_name("ui") / name).read_bytes()
    hashes: dict[bytes, str] = {}
    for kind, inside in INLINE.findall(content):
        digest = base64.b64encode(hashlib.sha256(inside).digest()).decode()
        hashes[kind] = f"{hashes.get(kind, '')} 'sha256-{digest}'"
    policy = (
        f"default-src 'none'; script-src{hashes.get(b'script', ' none')}; style-src{hashes.get(b'style', ' none')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
    )
    return Reply(200, content, headers)
