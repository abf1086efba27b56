"""Checks of what contract 1.1 added: options, tokens, signatures, jobs. A plugin without them is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmgate_core.client.sync_client import Client
from llmgate_core.contract.upstream import UpstreamRequest
from llmgate_core.errors import LLMGateError
from llmgate_core.testing.answer import Answer
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import KEY
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.ways import METHODS, synchronous
from llmgate_core.testing.fake_upstream import ReceivedRequest

__all__ = ["ContractChecks"]

SHORTEST_SECRET = 8
NOW = 1_700_000_000.0


class ContractChecks(Checks):
    """Whatever of contract 1.1 the plugin uses."""

    @check
    def test_options(self) -> Findings:
        """A required option that is missing is an error before anything is sent, and the secret ones show nowhere.

        Declare them with `Option(…, required=True)` and `Option(…, secret=True)`, and read `route.options` and
        `route.secrets`.
        """
        options = self.bench.plugin.info.options
        if not options:
            raise NotApplicableError("the plugin declares no options")
        given = self.bench.options
        secrets = [given[option.name] for option in options if option.secret and option.name in given]
        call = self.bench.prepare(self.samples[0])
        shown = repr((call.route, call.request, call.upstream_call))
        if any(secret in shown for secret in secrets):
            yield "the repr of a call shows a secret option"
        said = f"wrong secret: {' '.join(secrets)}"
        self.scripted(Answer.json({"error": {"message": said}}, 400))
        error = synchronous("http1")(self.bench, self.samples[0], False).error
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET and secret in f"{error} {error!r} {vars(error) if error else ''}":
                yield "an error shows a secret option that the provider has repeated"

    @check
    def test_tokens(self) -> Findings:
        """A token is fetched once for several calls, is sent instead of the key, and shows in no error.

        The hook `credentials` returns a `Credential` with `token` and `expires_in`; core does the rest. The class needs
        a `Wire` with `beside`, which answers the request for the token.
        """
        if not hasattr(self.bench.plugin, "credentials"):
            raise NotApplicableError("the plugin has no hook credentials")
        if not self.bench.fetches_tokens(self.bench.prepare(self.samples[0])):
            raise NotApplicableError("with the key and the options of the class, the plugin fetches no token")
        if self.the_wire.beside is None:
            yield "the wire has no `beside`, which answers the request for a token"
            return
        sample = self.sample(self.samples[0].name)
        upstream = self.scripted(self.the_wire.answer(sample.reply, stream=False))
        with self.bench.equipped(Client(**self.bench.client_options())) as client:
            method = getattr(client, METHODS.get(self.family, self.family))
            for _ in range(3):
                method(model=self.bench.model, **sample.inputs, **sample.arguments, **self.bench.own_options())
            calls = self.calls_in(upstream)
            fetched = sum(map(_same_place(upstream.received[0]), upstream.received))
            if fetched != 1:
                yield f"three calls fetched the token {fetched} times"
            sent = {value for call in calls for value in call["headers"].values() if len(value) > SHORTEST_SECRET}
            if any(KEY in value for value in sent):
                yield "the key is sent beside the token"
        header = self.bench.plugin.info.key_header.lower()
        token = calls[0]["headers"].get(header, "").rpartition(" ")[2] if calls else ""
        self.scripted(Answer.json({"error": {"message": f"the token {token} is wrong"}}, 400))
        error = synchronous("http1")(self.bench, sample, False).error
        if len(token) >= SHORTEST_SECRET and token in f"{error} {error!r} {vars(error) if error else ''}":
            yield "an error shows the token that the provider has repeated"

    @check
    def test_signatures(self) -> Findings:
        """`auth` signs the same request in the same way at the same time, and another one in another way.

        It gets the final URL, headers and bytes, and `now`; it must not read a clock or keep anything.
        """
        call = self.bench.prepare(self.samples[0])
        auth = call.target.plugin.auth
        if auth is None or call.target.plugin.credentials is not None:
            raise NotApplicableError("the plugin has no hook auth, or needs a token for it")
        request = replace(call.request, url=f"{call.route.base_url}{call.request.path}")
        first, second = (auth(request, call.route, None, NOW) for _ in range(2))
        if not isinstance(first, UpstreamRequest):
            raise NotApplicableError("auth returns a flow of contract 1.0, or nothing")
        if _headers_of(first) != _headers_of(second):
            yield "the same request at the same time gets other headers the second time"
        if first.url != request.url or first.body != request.body:
            yield "auth changes more than headers"

    @check
    def test_jobs_are_made_once(self) -> Findings:
        """A request of an exchange that could make a second job is sent once, whatever fails.

        Core sees to it. `UpstreamRequest(…, retry=True)` is only for a POST that makes nothing twice, such as one with
        an idempotency key.
        """
        if not self.bench.is_exchange(self.bench.prepare(self.samples[0])):
            raise NotApplicableError("the plugin makes one request of a call")
        is_token = self._is_token_request()
        for status in (500, 503, 429):
            upstream = self.bench.fresh_upstream()
            refusal = Answer.json({"error": {"message": "no"}}, status, retry_after="0")
            upstream.otherwise = self._after_the_token(is_token, refusal)
            with self.bench.equipped(Client(**self.bench.client_options(max_retries=2))) as client:
                try:
                    method = getattr(client, METHODS.get(self.family, self.family))
                    sample = self.samples[0]
                    method(model=self.bench.model, **sample.inputs, **sample.arguments, **self.bench.own_options())
                except LLMGateError:
                    pass
            posts = [request for request in upstream.received if request["method"] == "POST" and not is_token(request)]
            if len(posts) != 1:
                yield f"{status}: {len(posts)} jobs were made"

    def _is_token_request(self) -> Callable[[ReceivedRequest], bool]:
        """Return whether a request is the one for a token, which a call sends before all others."""
        if not hasattr(self.bench.plugin, "credentials") or self.wire is None:
            return lambda _: False
        upstream = self.scripted(self.the_wire.answer(self.sample(self.samples[0].name).reply, stream=False))
        synchronous("http1")(self.bench, self.samples[0], False)
        return _same_place(upstream.received[0])

    def _after_the_token(
        self, is_token: Callable[[ReceivedRequest], bool], answer: Answer
    ) -> Callable[[ReceivedRequest], Answer]:
        beside = None if self.wire is None else self.wire.beside
        return lambda request: (is_token(request) and beside is not None and beside(request)) or answer


def _same_place(first: ReceivedRequest) -> Callable[[ReceivedRequest], bool]:
    return lambda request: (request["method"], request["path"]) == (first["method"], first["path"])


def _headers_of(request: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
