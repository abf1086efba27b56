"""Count what the gateway does, and show it in the format of Prometheus.

Costs a request a few microseconds at most. An upstream's usage is not trusted: a count that is negative, fractional or
implausible is left out, so a counter never falls. prometheus-client makes the text from a registry of this gateway;
counting is plain arithmetic in `shared_memory`, which all workers share, so that any worker can show the sums.

Source: row R7 of docs/reliability.md; the Prometheus naming practices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from llmgate_core.serving import token_counts
from llmgate_gateway.telemetry.record import RequestRecord
from llmgate_gateway.telemetry.shared_memory import BLOCK_NUMBERS, MAX_SERIES, OTHER, Labels, SharedValues

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

__all__ = ["BUCKETS", "Metrics"]

BUCKETS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Upper limits in seconds, for the first byte and for the whole response."""
MAX_TOKENS: Final = 10**9
MAX_DOLLARS: Final = 10**6
MIN_SHORTAGE_STATUS: Final = 503
OK: Final = 200

IN_FLIGHT, LOST_LINES, RELOADED, NOT_RELOADED, STARTS = range(1, 6)  # among the fixed numbers
CONNECTIONS: Final[Mapping[str, int]] = MappingProxyType(
    {phase: number for number, phase in enumerate(("head", "request", "idle", "body", "linger", "closing"), 8)}
)
"""Phase of a connection -> its place among the fixed numbers."""
SHORTAGES: Final[Mapping[str, int]] = MappingProxyType({"out_of_descriptors": 14, "no_space": 15})
"""The code of an error that this machine caused -> its place among the fixed numbers."""
REQUESTS, FIRST_BYTE = 0, 1  # within a block: a count for each bucket and the rest, then the sum
FIRST_BYTE_SUM = FIRST_BYTE + len(BUCKETS) + 1
TOTAL = FIRST_BYTE_SUM + 1
TOTAL_SUM = TOTAL + len(BUCKETS) + 1
INPUT_TOKENS, OUTPUT_TOKENS, COST, WITHOUT_USAGE, EVENTS_WITHOUT_USAGE = range(TOTAL_SUM + 1, TOTAL_SUM + 6)
MAX_CLIENTS: Final = 500
"""Further ones are counted as `(other)`: a store may know any number of keys."""
COUNTED: Final = frozenset({"chat", "text_completion", "responses", "embedding"})
"""Families whose answers tell their usage."""

Sums = dict[tuple[str, ...], list[float]]


class Metrics:
    """The numbers of one gateway, or of one of its workers.

    Args:
        values: the memory that all workers share; default: memory of this process.
        worker: which of them this one is. It continues with the numbers of one that died.
        serves: whether it serves requests; a parent of workers does not.
    """

    def __init__(self, values: SharedValues | None = None, *, worker: int = 0, serves: bool = True) -> None:
        self._values = values or SharedValues()
        region = self._values.region(worker)
        self._region = region
        self._numbers = region.numbers
        self._blocks: dict[Labels, int] = dict(region.series())
        self._other = self._blocks.get(OTHER) or region.add_series(OTHER) or 0
        self._clients = {labels[-1] for labels in self._blocks}
        self._registry: CollectorRegistry | None = None
        for number in (IN_FLIGHT, *CONNECTIONS.values()):
            self._numbers[number] = 0.0
        self._numbers[STARTS] += serves

    def begin(self) -> None:
        """Count a request that has arrived; `observe` counts its end."""
        self._numbers[IN_FLIGHT] += 1.0

    def observe(self, record: RequestRecord) -> None:
        """Count a request that has ended."""
        client = record.client or ""
        if client not in self._clients:
            client = self._known_client(client)
        key = (record.deployment or "", record.family or "", record.status, record.outcome, client)
        at = self._blocks.get(key)
        if at is None:
            at = self._block(key)
        numbers = self._numbers
        if numbers[IN_FLIGHT] > 0:
            numbers[IN_FLIGHT] -= 1.0
        numbers[at] += 1.0
        seconds = record.first_byte_seconds
        if seconds is not None:
            numbers[at + FIRST_BYTE + bisect_left(BUCKETS, seconds)] += 1.0
            numbers[at + FIRST_BYTE_SUM] += seconds
        seconds = record.total_seconds
        if seconds is not None:
            numbers[at + TOTAL + bisect_left(BUCKETS, seconds)] += 1.0
            numbers[at + TOTAL_SUM] += seconds
        self._count_usage(at, record)
        if record.status >= MIN_SHORTAGE_STATUS and (shortage := SHORTAGES.get(record.error_code or "")) is not None:
            numbers[shortage] += 1.0
        cost = record.cost
        if cost is not None and 0 < cost <= MAX_DOLLARS:
            numbers[at + COST] += cost

    def _count_usage(self, at: int, record: RequestRecord) -> None:
        numbers = self._numbers
        usage = record.usage
        if isinstance(usage, Mapping):
            read, written = token_counts(usage)
            if read is not None and read <= MAX_TOKENS:
                numbers[at + INPUT_TOKENS] += read
            if written is not None and written <= MAX_TOKENS:
                numbers[at + OUTPUT_TOKENS] += written
        elif record.status == OK and record.provider is not None and _is_counted(record):
            numbers[at + WITHOUT_USAGE] += 1.0
            numbers[at + EVENTS_WITHOUT_USAGE] += record.upstream_events

    def count_connection(self, phase: str, change: int) -> None:
        """Count a connection that has entered a phase (1) or left it (-1)."""
        self._numbers[CONNECTIONS[phase]] += change

    def lost_line(self, count: int = 1) -> None:
        """Count log lines that could not be written."""
        self._numbers[LOST_LINES] += count

    def reloaded(self, *, succeeded: bool) -> None:
        """Count a new config that was loaded, or rejected."""
        self._numbers[RELOADED if succeeded else NOT_RELOADED] += 1.0

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the numbers of all workers as text, and its content type.

        Args:
            accept: the request's `Accept` header, which may ask for OpenMetrics.
        """
        from prometheus_client import CollectorRegistry  # 50 ms, so not before the first request for them
        from prometheus_client.exposition import choose_encoder

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(_Collector(self._families))
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type

    def _known_client(self, name: str) -> str:
        if len(self._clients) >= MAX_CLIENTS:
            return "(other)"
        self._clients.add(name)
        return name

    def _block(self, labels: Labels) -> int:
        if len(self._blocks) >= MAX_SERIES - 1:
            return self._other
        at = self._region.add_series(labels)
        if at is None:
            return self._other
        self._blocks[labels] = at
        return at

    def _families(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        regions = [self._values.region(worker) for worker in range(self._values.workers)]
        blocks: dict[Labels, list[float]] = {}
        for region in regions:
            for labels, at in region.series():
                block = list[float](region.numbers[at : at + BLOCK_NUMBERS])
                others = blocks.get(labels)
                blocks[labels] = block if others is None else [a + b for a, b in zip(others, block, strict=True)]
        named: dict[tuple[str, ...], list[float]] = {
            (deployment, family, str(status or ""), outcome, client): block
            for (deployment, family, status, outcome, client), block in blocks.items()
            if block[REQUESTS]
        }
        yield _counter(
            "llmgate_requests",
            "Requests that have ended",
            ("deployment", "family", "status", "outcome", "client"),
            ((labels, block[REQUESTS]) for labels, block in named.items()),
        )
        served = _summed(named, lambda labels: labels[:2])
        by_client = _summed(named, lambda labels: (*labels[:2], labels[-1]))
        yield _histogram("llmgate_first_byte_seconds", "From the request to the first byte of its response", served, 0)
        yield _histogram("llmgate_request_seconds", "From the request to the end of its response", served, 1)
        for name, words, at in (
            ("llmgate_input_tokens", "Input tokens, as the upstreams counted them", INPUT_TOKENS),
            ("llmgate_output_tokens", "Output tokens, as the upstreams counted them", OUTPUT_TOKENS),
            ("llmgate_cost_usd", "Cost in US dollars, by the catalogue's prices", COST),
            ("llmgate_answers_without_usage", "Answers of which no usage is known", WITHOUT_USAGE),
            ("llmgate_events_without_usage", "Events of these answers, about a token each", EVENTS_WITHOUT_USAGE),
        ):
            values = ((labels, block[at]) for labels, block in by_client.items() if labels[0])
            yield _counter(name, words, ("deployment", "family", "client"), values)

        def total(number: int) -> float:
            return sum(region.numbers[number] for region in regions)

        yield GaugeMetricFamily("llmgate_requests_in_flight", "Requests in flight", total(IN_FLIGHT))
        yield _gauge(
            "llmgate_connections",
            "Open connections of clients",
            ("phase",),
            (((phase,), total(at)) for phase, at in CONNECTIONS.items()),
        )
        yield CounterMetricFamily("llmgate_log_lines_lost", "Log lines that could not be written", total(LOST_LINES))
        reloads = (((result,), total(at)) for result, at in (("taken", RELOADED), ("refused", NOT_RELOADED)))
        yield _counter("llmgate_config_reloads", "Reloads of the config", ("result",), reloads)
        shortages = (((code,), total(at)) for code, at in SHORTAGES.items())
        yield _counter(
            "llmgate_shortages", "Requests that failed for want of open files or disk space", ("code",), shortages
        )
        yield CounterMetricFamily("llmgate_worker_starts", "Worker processes started", total(STARTS))


class _Collector:
    """Gives prometheus-client the numbers at each request."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


def _is_counted(record: RequestRecord) -> bool:
    return record.operation == "create" and record.family in COUNTED


def _summed(
    blocks: Mapping[tuple[str, ...], Sequence[float]], labels_of: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> Sums:
    """Return the sums of the blocks whose labels agree in those that `labels_of` leaves."""
    sums: Sums = {}
    for labels, block in blocks.items():
        total = sums.setdefault(labels_of(labels), [0.0] * BLOCK_NUMBERS)
        for index, number in enumerate(block):
            total[index] += number
    return sums


def _counter(name: str, words: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _gauge(name: str, words: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _histogram(name: str, words: str, sums: Sums, which: int) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, words, labels=("deployment", "family"))
    first, end = ((FIRST_BYTE, FIRST_BYTE_SUM), (TOTAL, TOTAL_SUM))[which]
    for labels, block in sums.items():
        buckets: list[tuple[str, Any]] = []
        seen = 0.0
        for limit, count in zip((*map(str, BUCKETS), "+Inf"), block[first:end], strict=True):
            seen += count
            buckets.append((limit, seen))
        family.add_metric(labels, buckets, block[end])
    return family
