"""Make an OpenTelemetry span for each call, named and labelled by the conventions for generative AI.

A span holds no prompt and no answer. Only the constructor imports OpenTelemetry, so only if tracing is configured. If
the program has not set up a provider, spans are exported as the standard `OTEL_EXPORTER_OTLP_*` variables say.

Source: OpenTelemetry semantic conventions for generative AI spans, 1.37; W3C Trace Context.
"""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from llmgate_core.serving import errors, install_command, token_counts
from llmgate_gateway.telemetry.record import RequestRecord

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Tracer"]

log = logging.getLogger("llmgate.gateway")

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {"chat": "chat", "responses": "chat", "text_completion": "text_completion", "embedding": "embeddings"}
)
"""The conventions' word for a family; a family without one keeps its name."""
NOT_CALLS: Final = frozenset({None, "page", "models"})
LAST_SPANS_SECONDS: Final = 0.5


class Tracer:
    """The spans of one gateway.

    Args:
        provider: makes the spans; default: the program's, else one that exports.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ModuleNotFoundError:
            command = install_command("llmgate-gateway", "otel")
            raise errors.ConfigError(f"tracing needs OpenTelemetry: {command}") from None
        self._trace = trace
        self._own: Any = None
        chosen: TracerProvider = trace.get_tracer_provider() if provider is None else provider
        if isinstance(chosen, trace.ProxyTracerProvider):
            self._own = _exporting_provider()
            chosen = self._own or chosen
        self._tracer = chosen.get_tracer("llmgate_gateway")
        self._context = TraceContextTextMapPropagator()
        self._open: dict[str, Span] = {}

    def begin(self, record: RequestRecord) -> None:
        """Begin the span of a call, in the client's trace, and make it the parent of the upstream's."""
        carrier = {} if record.traceparent is None else {"traceparent": record.traceparent}
        span = self._tracer.start_span(
            self._name(record), self._context.extract(carrier), kind=self._trace.SpanKind.CLIENT
        )
        self._open[record.request_id] = span
        carrier = {}
        self._context.inject(carrier, self._trace.set_span_in_context(span))
        record.traceparent = carrier.get("traceparent", record.traceparent)

    def observe(self, record: RequestRecord) -> None:
        """End the span of a request; a request that was refused before it became a call has no span."""
        span = self._open.pop(record.request_id, None)
        if span is None:
            if record.family in NOT_CALLS or record.outcome == "refused":
                return
            started = time.time() - (record.total_seconds or 0.0)
            context = self._context.extract({"traceparent": record.traceparent} if record.traceparent else {})
            span = self._tracer.start_span(
                self._name(record), context, kind=self._trace.SpanKind.CLIENT, start_time=int(started * 1e9)
            )
        if span.is_recording():
            span.update_name(self._name(record))
            span.set_attributes(_attributes(record))
            if record.outcome != "finished":
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, record.error_code or record.outcome))
        span.end()

    def close(self) -> None:
        """Export what is left, if that does not take long."""
        if self._own is not None:
            last = threading.Thread(target=self._own.shutdown, name="llmgate-traces", daemon=True)
            last.start()
            last.join(LAST_SPANS_SECONDS)

    def _name(self, record: RequestRecord) -> str:
        family = record.family or "request"
        model = record.model or record.requested_model
        operation = OPERATIONS.get(family, family)
        return f"{operation} {model[:200]}" if model else operation


def _attributes(record: RequestRecord) -> dict[str, Any]:
    family = record.family or "request"
    input_tokens, output_tokens = token_counts(record.usage)
    attributes = {
        "gen_ai.operation.name": OPERATIONS.get(family, family),
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.model or record.requested_model,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "error.type": None if record.outcome == "finished" else record.error_code or record.outcome,
        "http.request.method": record.method,
        "http.response.status_code": record.status,
        "llmgate.family": family,
        "llmgate.operation": record.operation,
        "llmgate.deployment": record.deployment,
        "llmgate.plugin": record.plugin,
        "llmgate.request_id": record.request_id,
        "llmgate.outcome": record.outcome,
        "llmgate.stream": record.stream,
        "llmgate.time_to_first_byte": record.first_byte_seconds,
        "llmgate.cost_usd": record.cost,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _exporting_provider() -> Any:
    """Return a provider that exports as the environment says, or None, with a warning, if none is installed."""
    try:
        exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as ExportingProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        command = install_command("llmgate-gateway", "otel")
        log.warning("tracing is on, but nothing exports its spans: %s", command)
        return None
    provider = ExportingProvider(resource=Resource.create({"service.name": "llmgate-gateway"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
