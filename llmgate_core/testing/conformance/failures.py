"""Checks of the provider's errors: their class, and what a caller needs to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.errors import APIError, PluginError, status_error_class
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import REQUEST_ID
from llmgate_core.testing.conformance.check import Findings, check

__all__ = ["FailureChecks"]

STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529)
MESSAGE = "conformance says no"
BODIES: Mapping[str, bytes] = MappingProxyType(
    {
        "HTML": b"<html><body><h1>Bad gateway</h1></body></html>",
        "an empty body": b"",
        "plain text": b"upstream connect error",
        "broken JSON": b'{"error": {"mess',
        "null": b"null",
        "a list": b'[{"error": 1}]',
        "an empty object": b"{}",
        "an error of null": b'{"error": null}',
        "bytes": b"\xff\xfe\x00",
    }
)


class FailureChecks(Checks):
    """What becomes of an answer with an error status. Core has defaults for all of it; `map_error` may refine them."""

    @check
    def test_errors_by_status(self) -> Findings:
        """Each status of an error becomes its class: 429 a `RateLimitError`, 401 an `AuthenticationError`, and so on.

        Return None from `map_error` for what you have nothing to add to, or change the `error` that it is given.
        """
        for status in STATUSES:
            error = self.error_of_status(status)
            wanted = status_error_class(status, None)
            if not isinstance(error, wanted):
                yield f"{status}: {type(error).__name__} instead of {wanted.__name__}"
            elif error.status_code != status:
                yield f"{status}: status_code is {error.status_code}"

    @check
    def test_error_message(self) -> Findings:
        """The provider's own words are in the error.

        If they are not where OpenAI has them (`error.message`), core finds them in most shapes; else take them out of
        the body in `map_error`.
        """
        for status in STATUSES:
            error = self.error_of_status(status)
            if MESSAGE not in str(error):
                yield f"{status}: {MESSAGE!r} is not in {str(error)!r:.200}"

    @check
    def test_errors_without_json(self) -> Findings:
        """An error whose body is HTML, empty or cut off still becomes the class of its status.

        Proxies in front of a provider send such bodies. `map_error` must not read them as JSON unguarded.
        """
        call = self.bench.prepare(self.samples[0])
        for name, content in BODIES.items():
            for status in STATUSES:
                kind = "text/html" if content.startswith(b"<") else "application/json"
                wanted = status_error_class(status, None)
                try:
                    error: Any = self.bench.error_of(call, content, status, content_type=kind)
                except PluginError as failed:
                    yield f"{status} with {name}: {failed}"
                    continue
                if not isinstance(error, wanted):
                    yield f"{status} with {name}: {type(error).__name__} instead of {wanted.__name__}"

    @check
    def test_mistyped_errors(self) -> Findings:
        """Each field of an error may be missing, null or of another type: that is never your bug.

        As for answers: guard what `map_error` reads.
        """
        from llmgate_core.testing.conformance.mutations import mutated

        call = self.bench.prepare(self.samples[0])
        for place, value in mutated(self.error_json(400)):
            try:
                error: Any = self.bench.error_of(call, json.dumps(value).encode(), 400)
            except PluginError as failed:
                yield f"{place}: {failed}"
                continue
            if not isinstance(error, APIError):
                yield f"{place}: {type(error).__name__}"

    @check
    def test_request_id(self) -> Findings:
        """An error has the provider's id of the request, which its support asks for.

        `ProviderInfo(request_id_header=…)` names its header; an error that `map_error` makes itself must have it too.
        """
        for status in (400, 429, 500):
            error = self.error_of_status(status)
            if error.request_id != REQUEST_ID:
                header = self.bench.request_id_header
                yield f"{status}: request_id is {error.request_id!r}, but the header {header} said {REQUEST_ID!r}"

    @check
    def test_retry_after(self) -> Findings:
        """An error says how long the provider asks to wait.

        Core reads `retry-after`; an error that `map_error` makes itself must have `retry_after` too.
        """
        for status in (429, 503):
            error = self.error_of_status(status, retry_after="7")
            if error.retry_after != 7:
                yield f"{status}: retry_after is {error.retry_after!r}, but the header said 7"

    # --- what the checks share ---

    def error_json(self, status: int) -> Mapping[str, Any]:
        """Return an error of the provider's as JSON; in OpenAI's shape where the class has no wire."""
        from llmgate_core.testing.conformance.wire import openai_error

        return (openai_error if self.wire is None else self.wire.error)(status, MESSAGE)

    def error_of_status(self, status: int, **headers: str) -> Any:
        """Return the error for an answer of the provider's with this status."""
        call = self.bench.prepare(self.samples[0])
        return self.bench.error_of(call, json.dumps(self.error_json(status)).encode(), status, **headers)
