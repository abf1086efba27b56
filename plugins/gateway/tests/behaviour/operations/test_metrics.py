"""What `/metrics` shows. Text is parsed with prometheus-client's own parser."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from llmgate_gateway.telemetry.metrics import MAX_CLIENTS, Metrics
from llmgate_gateway.telemetry.record import RequestRecord
from llmgate_gateway.telemetry.shared_memory import MAX_SERIES, SharedValues
from prometheus_client.parser import text_string_to_metric_families

DYING = """
import os
from llmgate_gateway.telemetry.shared_memory import SharedValues
from llmgate_gateway.telemetry.metrics import Metrics
from llmgate_gateway.telemetry.record import RequestRecord
values = SharedValues(2)
survivor = Metrics(values, worker=0)
record = RequestRecord("r", 0.0, deployment="m", status=200, outcome="finished", usage={"prompt_tokens": 7})
child = os.fork()
if not child:
    dying = Metrics(values, worker=1)
    dying.begin()
    dying.begin()
    dying.observe(record)
    os.kill(os.getpid(), 9)
os.waitpid(child, 0)
print(survivor.render()[0].decode(), "--")
record.usage = None
Metrics(values, worker=1).observe(record)
print(survivor.render()[0].decode())
"""
CHAT = {"deployment": "gpt-4o", "family": "chat"}


def a_record(**fields: Any) -> RequestRecord:
    given = {"deployment": "gpt-4o", "family": "chat", "status": 200, "outcome": "finished", **fields}
    return RequestRecord("req_1", 0.0, "POST", "/v1/chat/completions", **given)


def shown(metrics: Metrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    text, kind = metrics.render()
    assert kind.startswith("text/plain; version=0.0.4")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return next(number for found, number in shown(metrics)[name] if labels.items() <= found.items())


def test_a_request_is_counted_by_deployment_family_status_and_outcome() -> None:
    metrics = Metrics()
    metrics.observe(a_record())
    metrics.observe(a_record())
    metrics.observe(a_record(status=429, outcome="failed"))
    assert shown(metrics)["llmgate_requests_total"] == [
        ({**CHAT, "status": "200", "outcome": "finished", "client": ""}, 2.0),
        ({**CHAT, "status": "429", "outcome": "failed", "client": ""}, 1.0),
    ]


def test_requests_tokens_and_cost_are_counted_by_client() -> None:
    metrics = Metrics()
    metrics.observe(a_record(client="alice", usage={"prompt_tokens": 10, "completion_tokens": 5}, cost=0.25))
    metrics.observe(a_record(client="bob", usage={"prompt_tokens": 1, "completion_tokens": 2}))
    assert value(metrics, "llmgate_requests_total", client="alice") == 1
    assert value(metrics, "llmgate_input_tokens_total", client="alice") == 10
    assert value(metrics, "llmgate_cost_usd_total", client="alice") == 0.25
    assert value(metrics, "llmgate_output_tokens_total", client="bob") == 2
    assert value(metrics, "llmgate_request_seconds_count") == 0, "histograms are not multiplied by the clients"


def test_the_number_of_clients_is_bounded() -> None:
    metrics = Metrics()
    for number in range(MAX_CLIENTS + 50):
        metrics.observe(a_record(client=f"c{number}"))
    assert value(metrics, "llmgate_requests_total", client="(other)") == 50


def test_an_answer_without_usage_is_counted_with_the_events_that_were_seen() -> None:
    metrics = Metrics()
    answered = {"provider": "openai", "operation": "create"}
    metrics.observe(a_record(**answered, outcome="cancelled", stream=True, upstream_events=7))
    metrics.observe(a_record(**answered, usage={"prompt_tokens": 1}))
    metrics.observe(a_record(**answered, status=500))
    metrics.observe(a_record(**{**answered, "operation": "retrieve"}))
    assert value(metrics, "llmgate_answers_without_usage_total") == 1
    assert value(metrics, "llmgate_events_without_usage_total") == 7


def test_times_tokens_and_cost_are_summed() -> None:
    metrics = Metrics()
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    metrics.observe(a_record(usage=usage, cost=0.25, first_byte_seconds=0.06, total_seconds=0.6))
    of_message = {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 4}
    metrics.observe(a_record(usage=of_message, cost=0.5, total_seconds=1000.0))
    assert value(metrics, "llmgate_input_tokens_total") == 13
    assert value(metrics, "llmgate_output_tokens_total") == 9
    assert value(metrics, "llmgate_cost_usd_total") == 0.75
    assert value(metrics, "llmgate_first_byte_seconds_bucket", le="0.05") == 0
    assert value(metrics, "llmgate_first_byte_seconds_bucket", le="0.1") == 1
    assert value(metrics, "llmgate_first_byte_seconds_count") == 1
    assert value(metrics, "llmgate_request_seconds_bucket", le="320.0") == 1
    assert value(metrics, "llmgate_request_seconds_bucket", le="+Inf") == 2
    assert value(metrics, "llmgate_request_seconds_sum") == pytest.approx(1000.6)


@pytest.mark.parametrize(
    "odd", [-5, math.nan, math.inf, 1.5, 10**30, "12", None, True, [], {"a": 1}], ids=lambda odd: repr(odd)[:8]
)
def test_a_counter_never_falls_nor_jumps_by_an_odd_usage(odd: Any) -> None:
    metrics = Metrics()
    metrics.observe(a_record(usage={"prompt_tokens": 10, "completion_tokens": 5}, cost=0.5))
    metrics.observe(a_record(usage={"prompt_tokens": odd, "completion_tokens": odd}))
    metrics.observe(a_record(usage={"input_tokens": odd}))
    metrics.observe(a_record(usage=odd))
    if isinstance(odd, (int, float)) and not isinstance(odd, bool) and odd != 1.5:
        metrics.observe(a_record(cost=odd))
    assert value(metrics, "llmgate_input_tokens_total") == 10
    assert value(metrics, "llmgate_output_tokens_total") == 5
    assert value(metrics, "llmgate_cost_usd_total") == 0.5


def test_what_is_under_way_is_shown_and_never_negative() -> None:
    metrics = Metrics()
    metrics.begin()
    metrics.begin()
    metrics.observe(a_record())
    assert value(metrics, "llmgate_requests_in_flight") == 1
    metrics.observe(a_record())
    metrics.observe(a_record())
    assert value(metrics, "llmgate_requests_in_flight") == 0


def test_odd_names_are_escaped_and_cut() -> None:
    metrics = Metrics()
    metrics.observe(a_record(deployment='a"b\\c\nd'))
    metrics.observe(a_record(deployment="ü" * 5000))
    metrics.observe(a_record(deployment="\ud800"))
    names = [labels["deployment"] for labels, _ in shown(metrics)["llmgate_requests_total"]]
    assert names == ['a"b\\c\nd', "ü" * 100, "?"]


def test_the_number_of_series_is_bounded_and_nothing_is_lost() -> None:
    metrics = Metrics()
    for status in range(MAX_SERIES + 500):
        metrics.observe(a_record(status=status + 1))
    found = shown(metrics)["llmgate_requests_total"]
    assert len(found) <= MAX_SERIES
    assert sum(number for _, number in found) == MAX_SERIES + 500


def test_two_gateways_of_a_process_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.observe(a_record())
    assert "llmgate_requests_total" not in shown(other)


def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    metrics = Metrics()
    metrics.observe(a_record())
    text, kind = metrics.render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_any_worker_shows_the_sum_of_all() -> None:
    values = SharedValues(2)
    one, other = Metrics(values, worker=0), Metrics(values, worker=1)
    one.observe(a_record())
    other.observe(a_record(status=500, outcome="failed"))
    other.observe(a_record())
    for metrics in (one, other):
        assert value(metrics, "llmgate_requests_total", status="200") == 2
        assert value(metrics, "llmgate_requests_total", status="500") == 1
        assert value(metrics, "llmgate_worker_starts_total") == 2


def test_a_worker_that_takes_a_dead_ones_place_goes_on_with_its_numbers() -> None:
    program = subprocess.run([sys.executable, "-c", DYING], capture_output=True, text=True, check=True)
    before, after = program.stdout.split("--")
    assert 'llmgate_requests_total{client="",deployment="m",family="",outcome="finished",status="200"} 1.0' in before
    assert "llmgate_requests_in_flight 1.0" in before
    assert 'llmgate_requests_total{client="",deployment="m",family="",outcome="finished",status="200"} 2.0' in after
    assert 'llmgate_input_tokens_total{client="",deployment="m",family=""} 7.0' in after
    assert "llmgate_requests_in_flight 0.0" in after
