"""Checks that keys go where they belong, and show nowhere."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from llmgate_core.calls.explained import COMPUTED, Explanation, explained
from llmgate_core.errors import LLMGateError
from llmgate_core.settings.stand_ins import key_variable
from llmgate_core.testing.answer import Answer
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import KEY
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.ways import synchronous
from llmgate_core.testing.fake_upstream import ReceivedRequest

__all__ = ["SecrecyChecks"]

AUTHORIZATION = "authorization"


class SecrecyChecks(Checks):
    """The key of the call, over the wire and in what a person may read."""

    @check
    def test_key_only_in_its_header(self) -> Findings:
        """The key is in the header that `info` names, and nowhere else in the request.

        Paths and queries are in the logs of every proxy. Declare another header:
        `ProviderInfo(key_header="x-api-key")`.
        """
        for request in self.requests():
            yield from self.misplaced(request)

    @check
    def test_key_stays_on_its_hosts(self) -> Findings:
        """Requests go to the base URL of the call, or to a host that `info.hosts` names.

        Return a path below the base URL from `transform_request`, not an absolute URL.
        """
        for sample in self.samples:
            if not self.can(sample.needs):
                continue
            call = self.bench.prepare(sample)
            request = call.builder.transport_request(call.request)
            origin = call.request.origin
            if origin is not None and origin not in call.route.hosts:
                yield f"{sample.name}: the request goes to {origin}, which is not in info.hosts"
            elif origin is None and request.origin.port != self.bench.upstream.port:
                yield f"{sample.name}: the request goes to {request.origin}, not to the base URL of the call"

    @check
    def test_key_in_no_error(self) -> Findings:
        """No error shows the key, also where the provider repeats it.

        Use what core gives you: messages of its errors are masked. Never put a header or `route.api_key.reveal()` into
        a message.
        """
        self.require_requests()
        for status in (400, 401, 500):
            said = f"the key {KEY} is wrong; Bearer {KEY}"
            answer = Answer.json({"error": {"message": said, "type": said, "param": KEY}}, status, x_echo=KEY)
            error = self.error_for(answer)
            if error is None:
                yield f"{status}: no error came out of it"
                continue
            for name, text in _texts_of(error):
                if KEY[-20:] in text or KEY[:20] in text:
                    yield f"{status}: the key is in the error's {name}"

    @check
    def test_key_in_no_log(self) -> Findings:
        """No line of a log, and nothing printed of a call, shows the key.

        Log nothing about a request in a plugin: `on_event` of an extension is for that.
        """
        with _captured() as lines:
            list(self.requests())
            self.error_for(Answer.json({"error": {"message": f"wrong key {KEY}"}}, 401))
        if any(KEY[:20] in line for line in lines):
            yield "a line of a log has the key"
        call = self.bench.prepare(self.samples[0])
        for name, value in (("call", call.original_call), ("route", call.route), ("request", call.request)):
            if KEY[:20] in repr(value):
                yield f"the repr of the {name} has the key"

    @check
    def test_explained_is_sent(self) -> Findings:
        """What `llmgate explain` shows is what is sent: method, URL, headers and body, with variables for the key.

        It runs `transform_request` and `auth` with stand-ins for all secrets. A hook that takes a key apart, or behaves
        differently without one, makes it lie.
        """
        for sample in self.claimed_samples():
            call = self.bench.prepare(sample)
            explanation = explained(call)
            if not explanation.requests:
                yield f"{sample.name}: no request is shown: {' '.join(explanation.notes)}"
                continue
            if self.bench.is_exchange(call):
                raise NotApplicableError("of several requests only the first can be shown")
            upstream = self.scripted(self.the_wire.answer(sample.reply, stream=False))
            synchronous("http1")(self.bench, sample, False)
            for request in self.calls_in(upstream):
                wrong = self.wrongly_shown(explanation, request)
                yield from (f"{sample.name}: {difference}" for difference in wrong)

    # --- what the checks share ---

    def wrongly_shown(self, explanation: Explanation, request: ReceivedRequest) -> Iterator[str]:
        """Yield what differs between the request that is shown and the one that was received."""
        shown = explanation.requests[-1]
        variable = f"${key_variable(self.bench.plugin.info)}"
        path = request["path"]
        if (shown.request.method, shown.request.target) != (request["method"], path):
            yield f"{shown.request.method} {shown.request.target} is shown, {request['method']} {path} is sent"
        if isinstance(shown.body, bytes) and shown.body != request["body"]:
            yield "the body that is shown is not the one that is sent"
        for name, value in shown.headers:
            sent = request["headers"].get(name.lower(), "")
            is_secret = any(option.secret for option in self.bench.plugin.info.options)
            if value == COMPUTED or "boundary=" in value or is_secret or self.uses_tokens():
                continue
            if explanation.stand_ins.shown(value) != sent.replace(KEY, variable):
                yield f"the header {name} is shown as {explanation.stand_ins.shown(value)!r:.80}, and is not sent so"

    def uses_tokens(self) -> bool:
        """Return whether a token is sent in the place of the key."""
        return hasattr(self.bench.plugin, "credentials")

    def requests(self) -> Iterator[ReceivedRequest]:
        """Send each claimed sample, and yield what the upstream received."""
        for sample in self.claimed_samples():
            upstream = self.scripted(self.the_wire.answer(sample.reply, stream=False))
            ending = synchronous("http1")(self.bench, sample, False)
            if ending.error is not None:
                raise ending.error
            yield from self.calls_in(upstream)

    def misplaced(self, request: ReceivedRequest) -> Iterator[str]:
        """Yield each place of a request, besides the declared header, that has the key."""
        declared = {self.bench.plugin.info.key_header.lower(), AUTHORIZATION}
        if KEY in request["path"]:
            yield f"the key is in the path or the query of {request['method']} {request['path'].partition('?')[0]}"
        if KEY.encode() in request["body"]:
            yield "the key is in the body"
        for name, value in request["raw_headers"]:
            if KEY in value and name.lower() not in declared:
                yield f"the key is in the header {name}, which info.key_header does not name"

    def error_for(self, answer: Answer) -> LLMGateError | None:
        """Return the error that an answer of the upstream's ends in."""
        self.scripted(answer)
        return synchronous("http1")(self.bench, self.samples[0], False).error


def _texts_of(error: LLMGateError) -> Iterator[tuple[str, str]]:
    yield "message", str(error)
    yield "repr", repr(error)
    yield "attributes", repr(vars(error))
    yield "traceback", "".join(traceback.format_exception(error))
    try:
        yield "pickle", pickle.dumps(error).decode("latin-1")
    except Exception:  # noqa: BLE001  # a cause that cannot be pickled is not what this is about
        return


@contextmanager
def _captured() -> Iterator[list[str]]:
    """Collect every line of every log, down to the level debug."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, root = Handler(), logging.getLogger()
    loggers = [root, logging.getLogger("llmgate")]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
