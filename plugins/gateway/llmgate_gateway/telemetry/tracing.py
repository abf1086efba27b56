"""One OpenTelemetry span for each call, named and labelled by the conventions for generative AI.

No prompt and no answer stands in a span. OpenTelemetry is imported by the constructor and nowhere else, so
only where tracing is configured. Where the program has set up no provider of its own, spans go where the
standard `OTEL_EXPORTER_OTLP_*` variables say.

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

from llmgate_core.serving import errors
from llmgate_gateway.telemetry.record import RequestRecord

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Tracer"]

log = logging.getLogger("llmgate.gateway")

OPERATIONS: Mapping[str, str] = MappingProxyType(
    {"chat": "chat", "responses": "chat", "text_completion": "text_completion", "embedding": "embeddings"}
)
"""The conventions' word for a family; where they have none, the family's own."""
NOT_CALLS: Final = frozenset({None, "page", "models"})
LAST_SPANS_SECONDS: Final = 0.5


class Tracer:
    """The spans of one gateway.

    Args:
        provider: whose spans; default: the program's, else one of our own.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ModuleNotFoundError:
            raise errors.ConfigError("tracing needs OpenTelemetry: pip install 'llmgate-gateway[otel]'") from None
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
        bridged_over = {} if record.traceparent is None else {"traceparent": record.traceparent}
        span = self._tracer.start_span(
            self._name(record), self._context.extract(bridged_over), kind=self._trace.SpanKind.CLIENT
        )
        self._open[record.request_id] = span
        bridged_over = {}
        self._context.inject(bridged_over, self._trace.set_span_in_context(span))
        record.traceparent = bridged_over.get("traceparent", record.traceparent)

    def observe(self, record: RequestRecord) -> None:
        """End the span of a request; one that was refused before it became a call has none."""
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
        """Send what is left, if that is quick."""
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
    usage = record.usage if isinstance(record.usage, Mapping) else {}
    taken = usage.get("prompt_tokens", usage.get("input_tokens"))
    given = usage.get("completion_tokens", usage.get("output_tokens"))
    found = {
        "gen_ai.operation.name": OPERATIONS.get(family, family),
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.model or record.requested_model,
        "gen_ai.usage.input_tokens": taken if type(taken) is int and taken >= 0 else None,
        "gen_ai.usage.output_tokens": given if type(given) is int and given >= 0 else None,
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
    return {name: value for name, value in found.items() if value is not None}


def _exporting_provider() -> Any:
    """Return a provider that exports as the environment says; None, with a warning, where that is not installed."""
    try:
        exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as ExportingProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning("tracing is on, but nothing exports its spans: pip install 'llmgate-gateway[otel]'")
        return None
    provider = ExportingProvider(resource=Resource.create({"service.name": "llmgate-gateway"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
