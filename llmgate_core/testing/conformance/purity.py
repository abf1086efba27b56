"""Checks that hooks only transform data: no files, sockets, waits or environment, no change of what they are given."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import Sent, sent_by
from llmgate_core.testing.conformance.check import Findings, check
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.watch import watched

__all__ = ["PurityChecks"]

THREADS = 8
ROUNDS = 12
NOW = 1_700_000_000.0


class PurityChecks(Checks):
    """The hooks as functions from data to data. So one plugin serves sync, async, SDK and gateway."""

    @check
    def test_same_request_twice(self) -> Findings:
        """The same call makes the same request, however often it is made.

        No random values, no counters, no time of day: a retry must send what was sent before.
        """
        for sample in self.askable_samples():
            first, second = (sent_by(self.bench.prepare(sample)) for _ in range(2))
            if first != second:
                yield f"{sample.name}: {_first_difference(first, second)}"

    @check
    def test_call_is_not_changed(self) -> Findings:
        """Hooks leave the call, its body and its messages as they are.

        The caller's own lists are in there, and other hooks read them later. Build new dicts: `{**call.body, …}`.
        """
        for sample in self.askable_samples():
            before = _copied(sample.inputs), _copied(sample.arguments)
            call = self.bench.prepare(sample)
            if (sample.inputs, sample.arguments) != before:
                yield f"{sample.name}: preparing it changed the caller's own values"
                continue
            body = _copied(call.upstream_call.body)
            for name, run in self.hooks_of(call, sample):
                run()
                if call.upstream_call.body != body:
                    yield f"{sample.name}: {name} changed call.body"
                    break

    @check
    def test_hooks_do_no_io(self) -> Findings:
        """Hooks open no file and no socket, and start no process.

        They run on the event loop of every call. Read files when the package is imported, fetch tokens with the hook
        `credentials`, send several requests with `exchange`.
        """
        yield from self.watched_hooks("io")

    @check
    def test_hooks_do_not_wait(self) -> Findings:
        """Hooks do not sleep.

        One that sleeps stops every other call of an event loop. In `exchange`, yield `Sleep(seconds)`.
        """
        yield from self.watched_hooks("wait")

    @check
    def test_hooks_read_no_environment(self) -> Findings:
        """Hooks do not read environment variables.

        Declare them, `ProviderInfo(env_key=…, options=(Option("region", env=("ACME_REGION",)),))`, and read
        `route.api_key`, `route.options` and `route.secrets`: then they also come from arguments and a gateway's config.
        """
        yield from self.watched_hooks("environment")

    @check
    def test_hooks_in_threads(self) -> Findings:
        """Hooks of many threads do not disturb each other.

        One plugin object serves all threads: keep nothing about a call in it.
        """
        samples = [self.numbered(number) for number in range(THREADS)]
        wanted = [sent_by(self.bench.prepare(sample)) for sample in samples]
        start = threading.Barrier(THREADS)

        def prepare(number: int) -> bool:
            start.wait(10)
            return all(sent_by(self.bench.prepare(samples[number])) == wanted[number] for _ in range(ROUNDS))

        with ThreadPoolExecutor(THREADS) as threads:
            for number, is_same in enumerate(threads.map(prepare, range(THREADS))):
                if not is_same:
                    yield f"thread {number} sent another request than it does alone"

    # --- what the checks share ---

    def askable_samples(self) -> Iterator[Sample]:
        """Yield the samples whose capability is claimed."""
        return (sample for sample in self.samples if self.can(sample.needs))

    def numbered(self, number: int) -> Sample:
        """Return a sample of which each text has a number in it."""
        sample = self.samples[0]
        inputs = {name: _numbered(value, number) for name, value in sample.inputs.items()}
        return replace(sample, inputs=inputs)

    def hooks_of(self, call: PreparedCall, sample: Sample) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield the hooks that make a request and read its answer, ready to be called."""
        plugin, upstream_call, route = call.target.plugin, call.upstream_call, call.route
        if plugin.transform_request is not None:
            make = plugin.transform_request
            yield "transform_request", lambda: make(upstream_call, route)
        if plugin.supports_param is not None:
            judge = plugin.supports_param
            yield "supports_param", lambda: [judge(route, name, value) for name, value in upstream_call.body.items()]
        if plugin.exchange is not None:
            begin = plugin.exchange
            yield "exchange", lambda: _first_step(begin(upstream_call, route))
        if plugin.auth is not None and plugin.credentials is None:
            auth = plugin.auth
            yield "auth", lambda: auth(replace(call.request, url=f"{route.base_url}/"), route, None, NOW)
        if plugin.list_models is not None:
            names = plugin.list_models
            yield "list_models", lambda: names(route)
        if self.wire is None or self.bench.is_exchange(call):
            return
        yield "transform_response", lambda: self.bench.read(call, self.the_wire.content(sample.reply))
        if self.can("streaming") and self.wire.events is not None:
            frames = self.wire.frames(sample.reply)
            streamed = self.bench.prepare(sample, stream=True)
            yield "stream_parser", lambda: self.bench.read_stream(streamed, frames)
        failed = b'{"error": {"message": "no"}}'
        yield "map_error", lambda: self.bench.error_of(call, failed, 400)

    def watched_hooks(self, kind: str) -> Iterator[str]:
        """Yield what the hooks do that they should not."""
        for sample in self.askable_samples():
            call = self.bench.prepare(sample)
            for name, run in self.hooks_of(call, sample):
                run()  # what is loaded on first use is loaded now
                with watched() as seen:
                    run()
                yield from (f"{sample.name}: {name} {what}" for what in seen.of(kind))


def _first_step(steps: Any) -> None:
    """Let an exchange come to its first request."""
    if steps is not None:
        next(steps, None)
        steps.close()


def _copied(value: Any) -> Any:
    """Return a deep copy of JSON; files and other objects are shared."""
    try:
        return copy.deepcopy(value)
    except TypeError:
        return value


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return f"{value} {number}"
    if isinstance(value, list):
        return [_numbered(item, number) for item in value]
    if isinstance(value, dict):
        return {name: item if name in ("role", "type") else _numbered(item, number) for name, item in value.items()}
    return value


def _first_difference(first: Sent, second: Sent) -> str:
    for name in ("method", "target", "headers", "content"):
        one, other = getattr(first, name), getattr(second, name)
        if one != other:
            return f"{name} is {one!r:.120} once, and {other!r:.120} the next time"
    return "they differ"
