"""Spans by the conventions for generative AI, collected in memory by OpenTelemetry's own SDK."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from llmgate_gateway.telemetry.record import RequestRecord
from llmgate_gateway.telemetry.tracing import Tracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracer(provider)


def a_record(**fields: Any) -> RequestRecord:
    given = {"family": "chat", "operation": "create", "model": "gpt-4o", "provider": "openai", "status": 200, **fields}
    return RequestRecord(
        "req_1", 0.0, "POST", "/v1/chat/completions", outcome=given.pop("outcome", "finished"), **given
    )


def test_a_call_is_one_span_named_and_labelled_by_the_conventions(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    usage = {"input_tokens": 0, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1, "output_tokens": 2}
    record = a_record(usage=usage, deployment="m", cost=0.5, stream=True)
    tracer.begin(record)
    tracer.observe(record)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("chat gpt-4o", SpanKind.CLIENT)
    assert span.attributes == {
        gen_ai_attributes.GEN_AI_OPERATION_NAME: "chat",
        gen_ai_attributes.GEN_AI_PROVIDER_NAME: "openai",
        gen_ai_attributes.GEN_AI_REQUEST_MODEL: "gpt-4o",
        gen_ai_attributes.GEN_AI_USAGE_INPUT_TOKENS: 3,
        gen_ai_attributes.GEN_AI_USAGE_OUTPUT_TOKENS: 2,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "llmgate.family": "chat",
        "llmgate.operation": "create",
        "llmgate.deployment": "m",
        "llmgate.request_id": "req_1",
        "llmgate.outcome": "finished",
        "llmgate.stream": True,
        "llmgate.cost_usd": 0.5,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_the_clients_trace_goes_on_and_the_upstream_is_told_of_the_span(
    tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    record = a_record(traceparent=f"00-{TRACE}-{PARENT}-01")
    tracer.begin(record)
    tracer.observe(record)
    (span,) = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT
    assert record.traceparent == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_a_failure_says_its_kind(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    record = a_record(status=429, outcome="failed", error_code="rate_limit_exceeded")
    tracer.begin(record)
    tracer.observe(record)
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "rate_limit_exceeded"


def test_a_call_whose_beginning_was_not_told_has_its_times(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    tracer.observe(a_record(total_seconds=2.0))
    (span,) = spans.get_finished_spans()
    assert span.end_time is not None
    assert span.start_time is not None
    assert 1.9e9 < span.end_time - span.start_time < 2.5e9


def test_pages_and_refused_requests_have_no_span(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    tracer.observe(a_record(family="page"))
    tracer.observe(a_record(family=None, outcome="refused"))
    tracer.observe(a_record(outcome="refused"))
    assert spans.get_finished_spans() == ()


def test_opentelemetry_is_not_imported_unless_tracing_is_configured() -> None:
    code = (
        "import sys, llmgate_gateway.server.operations as o; from llmgate_gateway import load_config_dict;"
        "o.Operations(load_config_dict({'model_list': [{'model_name': 'm', 'params': {'model': 'openai/x'}}]}));"
        "assert 'opentelemetry' not in sys.modules and 'prometheus_client' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
