"""Checks of what happens around a call: retries, cancellation, several clients."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from typing import Any

from llmgate_core.client.async_client import AsyncClient
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import LLMGateError
from llmgate_core.testing.answer import Answer
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.ways import METHODS
from llmgate_core.testing.fake_upstream import fake_upstream

__all__ = ["DeliveryChecks"]

WAIT_SECONDS = 5.0
FINAL = (400, 401, 403, 404, 422)
"""Statuses after which asking again cannot help."""


class DeliveryChecks(Checks):
    """Requests counted, connections closed, clients kept apart."""

    @check
    def test_posts_are_counted(self) -> Findings:
        """A request is sent once; again only after a failure that may pass, and then the same.

        Core repeats after 408, 409, 429 and 5xx, as often as `max_retries` says. An error that `map_error` makes of
        another status must not look like one of these.
        """
        self.require_requests()
        call = self.bench.prepare(self.samples[0])
        if self.bench.is_exchange(call):
            raise NotApplicableError("the plugin makes several requests of a call: see test_jobs_are_made_once")
        renewed = {401: 2} if self.bench.fetches_tokens(call) else {}  # with another token
        for status, tries in {503: 3, 429: 3, **dict.fromkeys(FINAL, 1), **renewed}.items():
            upstream = self.scripted(self.failure(status))
            with self.bench.equipped(Client(**self.bench.client_options(max_retries=2))) as client:
                self.ask(client)
            received = self.calls_in(upstream)
            if len(received) != tries:
                yield f"{status}: the request was sent {len(received)} times instead of {tries}"
            if len({(request["path"], _content(request)) for request in received}) > 1:
                yield f"{status}: the repeated request is another one"

    @check
    def test_closing_a_stream_closes_the_connection(self) -> Findings:
        """A caller that stops reading a stream ends the request to the provider, which else goes on and costs money.

        Core does this; a `transport` of yours must do it too.
        """
        sample = self.streamed_sample()
        held = threading.Event()
        upstream = self.scripted(self.held(sample, held))
        try:
            with self.bench.equipped(Client(**self.bench.client_options())) as client:
                stream = self.ask(client, stream=True)
                next(iter(stream))
                stream.close()
                upstream.wait_disconnect(WAIT_SECONDS)
        except TimeoutError:
            yield f"the connection was still open {WAIT_SECONDS:g} s after close()"
        finally:
            held.set()

    @check
    def test_cancelling_closes_the_connection(self) -> Findings:
        """A cancelled task ends the request to the provider.

        As above, for asynchronous calls.
        """
        self.require_requests()
        held = threading.Event()
        upstream = self.scripted(Answer(hold=held))

        async def cancel() -> None:
            async with self.bench.equipped(AsyncClient(**self.bench.client_options())) as client:
                method = getattr(client, METHODS.get(self.family, self.family))
                task = asyncio.ensure_future(method(**self.arguments()))
                seen = 0
                while not self.calls_in(upstream):
                    await asyncio.to_thread(upstream.wait_received, seen + 1, WAIT_SECONDS)
                    seen = len(upstream.received)
                task.cancel()
                await asyncio.wait([task])
                await asyncio.to_thread(upstream.wait_disconnect, WAIT_SECONDS)

        with closing(asyncio.new_event_loop()) as loop:
            try:
                loop.run_until_complete(cancel())
            except TimeoutError:
                yield f"the connection was still open {WAIT_SECONDS:g} s after the task was cancelled"
            finally:
                held.set()
                loop.run_until_complete(loop.shutdown_default_executor())

    @check
    def test_two_clients_share_nothing(self) -> Findings:
        """Two clients with another key and another base URL each do not see anything of each other.

        Read key and address from the `route` of the call; keep neither in the plugin.
        """
        self.require_requests()
        if self.bench.plugin.info.hosts or self.bench.is_exchange(self.bench.prepare(self.samples[0])):
            raise NotApplicableError("the plugin makes requests beside the call, which this check cannot tell apart")
        keys = ("sk-first-4WmPd8KsNbQ3u7Gq2Zr9", "sk-second-Zr9VtLx4WmPd8KsNbQ3")
        with fake_upstream() as first, fake_upstream() as second:
            upstreams = (first, second)
            clients = [
                self.bench.equipped(Client(**self.bench.client_options(api_base=upstream.base_url, api_key=key)))
                for upstream, key in zip(upstreams, keys, strict=True)
            ]
            for upstream in upstreams:
                failure = self.failure(400)
                upstream.otherwise = failure if self.wire is None else self.wire.script(failure)
            for client in (*clients, *clients):
                self.ask(client)
            for number, (upstream, key) in enumerate(zip(upstreams, keys, strict=True)):
                if len(upstream.received) != 2:
                    yield f"client {number} sent {len(upstream.received)} requests to its base URL instead of 2"
                other = keys[1 - number]
                for request in upstream.received:
                    headers = str(request["raw_headers"])
                    if other in headers or other in request["path"]:
                        yield f"a request of client {number} has the key of the other one"
                    elif self.bench.plugin.info.key_variables and key not in headers and self.sends_key():
                        yield f"a request of client {number} does not have its key"
            for client in clients:
                client.close()

    # --- what the checks share ---

    def sends_key(self) -> bool:
        """Return whether the provider gets the key itself, and not a signature or a token made of it."""
        plugin = self.bench.plugin
        return not hasattr(plugin, "auth") and not hasattr(plugin, "credentials")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the first sample's call."""
        sample = self.samples[0]
        return {"model": self.bench.model, **sample.inputs, **sample.arguments, **self.bench.own_options()}

    def ask(self, client: Any, *, stream: bool = False) -> Any:
        """Make the call of the first sample; an error of the provider's is not what these checks judge."""
        try:
            method = getattr(client, METHODS.get(self.family, self.family))
            return method(**self.arguments(), **({"stream": True} if stream else {}))
        except LLMGateError:
            return None

    def failure(self, status: int) -> Answer:
        """Return an error of the provider's, which asks for no wait."""
        if self.wire is None:
            return Answer.json({"error": {"message": "no"}}, status, retry_after="0")
        return self.wire.failure(status, "no", retry_after="0")

    def streamed_sample(self) -> Sample:
        """Return the first sample, if the provider streams."""
        self.require("streaming")
        if self.the_wire.events is None:
            raise NotApplicableError("the wire has no `events`")
        return self.sample(self.samples[0].name)

    def held(self, sample: Sample, event: threading.Event) -> Answer:
        """Return a stream that stops before its last event until `event` is set."""
        frames = self.the_wire.frames(sample.reply)
        return Answer(
            200, frames, {"content-type": self.the_wire.stream_type}, hold=event, hold_at=max(1, len(frames) - 2)
        )


def _content(request: Any) -> Any:
    """Return a body; of a form its length, since its boundary is another one for each call."""
    return request["body"] if request["json"] is not None else len(request["body"])
