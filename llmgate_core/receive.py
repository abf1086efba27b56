"""Read what an upstream answered: errors by status and code, typed results, stream events.

Pure: bytes in, results or errors out. The sync and the async pipeline both use it.

Source: OpenAPI 2.3.0, `ErrorResponse`; the statuses and codes that docs/guide/errors.md lists.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import ValidationError

from llmgate_core.contracts import Headers, JsonObject, StreamParser, UpstreamResponse
from llmgate_core.errors import (
    BODY_EXCERPT_BYTES,
    APIError,
    APIResponseValidationError,
    LLMGateError,
    StreamTruncatedError,
    status_error_class,
)
from llmgate_core.folding import fold
from llmgate_core.json_codec import decode
from llmgate_core.retry import asked_wait
from llmgate_core.secrets import Secret, mask
from llmgate_core.sse import SSEDecoder, SSEEvent

__all__ = ["ChunkReader", "error_of_object", "error_of_status", "looks_like_no_stream", "typed_result"]

MESSAGE_CHARACTERS = 2000
DONE = "[DONE]"

STATUS_OF_WORD: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "context_length_exceeded": 400,
        "content_policy_violation": 400,
        "content_filter": 400,
        "invalid_api_key": 401,
        "authentication_error": 401,
        "permission_error": 403,
        "model_not_found": 404,
        "not_found_error": 404,
        "rate_limit_exceeded": 429,
        "rate_limit_error": 429,
        "insufficient_quota": 429,
        "requests": 429,
        "tokens": 429,
        "server_error": 500,
        "api_error": 500,
        "internal_server_error": 500,
        "overloaded_error": 503,
        "service_unavailable": 503,
    }
)
"""The status that an error object inside a 200 would have had, by its code, else its type."""


def error_of_status(response: UpstreamResponse, secrets: Sequence[Secret | None]) -> APIError:
    """Return the error for an answer of status 300 and above."""
    status = response.status
    found = _error_object(_try_decode(response.content))
    location = response.headers.get("location")
    excerpt = _excerpt(response.content, secrets)
    message = _message_of(found) or f"HTTP {status}" + (f": {excerpt[:200]}" if excerpt else "")
    if location and status < 400:
        message = f"HTTP {status}: a redirect to {_host_of(location)!r}, which is not followed"
    code, kind = _text(found.get("code")), _text(found.get("type"))
    error = status_error_class(status, code)(
        mask(message[:MESSAGE_CHARACTERS], secrets),
        status_code=status,
        code=code,
        type=kind,
        param=_text(found.get("param")),
        request_id=response.headers.get("x-request-id"),
        retry_after=asked_wait(response.headers, time.time()),
        body=excerpt,
    )
    should_retry = response.headers.get("x-should-retry")
    error._should_retry = should_retry if should_retry in ("true", "false") else None
    return error


def error_of_object(found: object, status: int, headers: Headers | None, secrets: Sequence[Secret | None]) -> APIError:
    """Return the error for an error object that came with a 2xx status or inside a stream."""
    words = _error_object({"error": found})
    code, kind = _text(words.get("code")), _text(words.get("type"))
    meant = _meant_status(code, kind)
    message = _message_of(words) or "the upstream sent an error without a message"
    return status_error_class(meant or status, code)(
        mask(message[:MESSAGE_CHARACTERS], secrets),
        status_code=meant or status,
        code=code,
        type=kind,
        param=_text(words.get("param")),
        request_id=None if headers is None else headers.get("x-request-id"),
        retry_after=None if headers is None else asked_wait(headers, time.time()),
        body=_excerpt(repr(found).encode(), secrets),
    )


def typed_result(
    result_type: Any, canonical: JsonObject | UpstreamResponse, response: UpstreamResponse, secrets: Sequence[Any]
) -> Any:
    """Validate a whole answer, straight from the bytes where the plugin left them as they are.

    Raises:
        APIStatusError: an error object inside the 2xx. APIResponseValidationError: not the promised shape.
    """
    try:
        if isinstance(canonical, UpstreamResponse):
            result = result_type.model_validate_json(canonical.content)
        else:
            result = result_type.model_validate(canonical)
    except (ValidationError, RecursionError) as error:
        _raise_invalid(error, canonical, response, secrets)
    extra = result.model_extra
    if extra and extra.get("error"):
        raise error_of_object(extra["error"], response.status, response.headers, secrets)
    return result


def _raise_invalid(error: Exception, canonical: object, response: UpstreamResponse, secrets: Sequence[Any]) -> NoReturn:
    parsed = canonical if isinstance(canonical, Mapping) else _try_decode(response.content)
    if isinstance(parsed, Mapping) and parsed.get("error"):
        raise error_of_object(parsed["error"], response.status, response.headers, secrets) from None
    raise validation_error(response, _why(error), secrets) from None


def validation_error(
    response: UpstreamResponse, why: str, secrets: Sequence[Secret | None]
) -> APIResponseValidationError:
    """Return the error for a 2xx answer that is not what was promised."""
    kind = response.headers.get("content-type", "no content type")
    excerpt = _excerpt(response.content, secrets)
    return APIResponseValidationError(
        mask(f"HTTP {response.status} ({kind}), {len(response.content)} bytes: {why}: {excerpt[:200]!r}", secrets),
        status_code=response.status,
        request_id=response.headers.get("x-request-id"),
        body=excerpt,
    )


def looks_like_no_stream(first_block: bytes) -> bool:
    """Return whether an answer to a stream request is a plain document, whatever its content type says."""
    return first_block.lstrip()[:1] in (b"{", b"<", b"[")


class ChunkReader:
    """One stream's bytes -> typed chunks, up to its end marker. Holds the answer so far for errors.

    Attributes:
        done: the end marker came; nothing after it is read.
        usage: the last usage object seen.
        count: chunks made so far.
        failure: what is wrong with the event after the chunks handed out last; raised before more is read.
    """

    __slots__ = (
        "_chunk_type",
        "_decoder",
        "_family",
        "_finished",
        "_parser",
        "_pieces",
        "_response",
        "_secrets",
        "count",
        "done",
        "failure",
        "usage",
    )

    def __init__(
        self,
        *,
        family: str,
        chunk_type: Any,
        parser: StreamParser | None,
        response: UpstreamResponse,
        max_event_bytes: int,
        secrets: Sequence[Secret | None],
    ) -> None:
        self._family = family
        self._chunk_type = chunk_type
        self._parser = parser
        self._response = response  # status and headers; its content is empty
        self._secrets = secrets
        self._decoder = SSEDecoder(max_event_bytes)
        self._pieces: list[Any] = []  # texts or dicts as they came: far smaller than chunks
        self._finished = False
        self.done = False
        self.failure: LLMGateError | None = None
        self.usage: Any = None
        self.count = 0

    def feed(self, block: bytes) -> list[Any]:
        """Return the chunks that `block` completes.

        Raises:
            APIError: an error event, an event that is no chunk, or one that is too large.
        """
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            raise self._with_partial(self._invalid(str(error))) from None
        chunks: list[Any] = []
        for event in events:
            try:
                self._take(event, chunks)
            except LLMGateError as error:
                if not chunks:
                    raise
                self.failure = error  # what came before it is the caller's first
                break
            if self.done:
                break
        self.count += len(chunks)
        return chunks

    def _take(self, event: SSEEvent, chunks: list[Any]) -> None:
        if self._parser is not None:
            self._feed_parser(self._parser, event, chunks)
        elif event.data == DONE:
            self.done = True
        else:
            chunks.append(self._chunk_of(event))

    def end(self) -> list[Any]:
        """Return the last chunks when the body has ended without `[DONE]`.

        Raises:
            StreamTruncatedError: nothing said that the answer was complete.
        """
        if self._parser is not None:
            try:
                chunks = [self._accept(piece) for piece in self._parser.close()]
            except StreamTruncatedError as error:
                raise self._with_partial(error) from None
            self.done = True
            return chunks
        if not self._finished:
            raise self.truncated("the stream ended without a finish_reason and without [DONE]")
        self.done = True
        return []

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off, with the answer so far."""
        return self._with_partial(
            StreamTruncatedError(
                f"{why}, after {self.count} chunks",
                phase="body",
                request_id=self._response.headers.get("x-request-id"),
            )
        )

    def partial(self) -> Any:
        """Return the answer so far, shaped like the whole one; None before the first chunk."""
        pieces = [decode(piece) if isinstance(piece, str) else piece for piece in self._pieces]
        return fold(self._family, pieces) if pieces else None

    def _feed_parser(self, parser: StreamParser, event: SSEEvent, chunks: list[Any]) -> None:
        if event.event == "error":
            raise self._error_event(event.data)
        chunks += [self._accept(piece) for piece in parser.feed(event)]
        if event.data == DONE:
            chunks += [self._accept(piece) for piece in parser.close()]
            self.done = True

    def _accept(self, piece: JsonObject) -> Any:
        try:
            chunk = self._chunk_type.model_validate(piece)
        except ValidationError as error:
            raise self._with_partial(self._invalid(_why(error))) from None
        return self._note(chunk, piece)

    def _chunk_of(self, event: SSEEvent) -> Any:
        data = event.data
        try:
            chunk = self._chunk_type.model_validate_json(data)
        except (ValidationError, RecursionError) as error:
            parsed = _try_decode(data)
            if event.event == "error" or (isinstance(parsed, Mapping) and parsed.get("error")):
                raise self._error_event(data) from None
            raise self._with_partial(self._invalid(_why(error), data)) from None
        if not chunk.choices and (event.event == "error" or (chunk.model_extra or {}).get("error")):
            raise self._error_event(data)
        return self._note(chunk, data)

    def _note(self, chunk: Any, piece: Any) -> Any:
        self._pieces.append(piece)
        if chunk.usage is not None:
            self.usage = chunk.usage
        if not self._finished:
            for choice in chunk.choices or ():
                if choice.finish_reason is not None:
                    self._finished = True
        return chunk

    def _error_event(self, data: str) -> APIError:
        parsed = _try_decode(data)
        found = parsed.get("error", parsed) if isinstance(parsed, Mapping) else data
        return self._with_partial(error_of_object(found, self._response.status, self._response.headers, self._secrets))

    def _invalid(self, why: str, data: str = "") -> APIError:
        shown = UpstreamResponse(self._response.status, self._response.raw_headers, data.encode("utf-8", "replace"))
        return validation_error(shown, f"an event of the stream is no chunk: {why}", self._secrets)

    def _with_partial(self, error: APIError) -> APIError:
        error.partial = self.partial()
        return error


def _why(error: Exception) -> str:
    """Say what is wrong with a body without repeating it."""
    if not isinstance(error, ValidationError):
        return "nested too deeply"
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _try_decode(content: bytes | str) -> Any:
    try:
        return decode(content)
    except ValueError:
        return None


def _error_object(parsed: object) -> Mapping[str, Any]:
    """Find the error in whatever shape it came: an object, a text, under `error` or `detail`, or flat."""
    if not isinstance(parsed, Mapping):
        return {}
    for key in ("error", "detail"):
        found = parsed.get(key)
        if isinstance(found, Mapping):
            return found
        if isinstance(found, str) and found:
            return {"message": found}
        if isinstance(found, list) and found:
            return {"message": repr(found)}
    return parsed


def _message_of(found: Mapping[str, Any]) -> str | None:
    message = found.get("message")
    return message if isinstance(message, str) and message else None


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _meant_status(code: str | None, kind: str | None) -> int | None:
    if code is not None and code.isdigit() and 400 <= int(code) <= 599:
        return int(code)
    return STATUS_OF_WORD.get(code or "") or STATUS_OF_WORD.get(kind or "")


def _excerpt(content: bytes, secrets: Sequence[Secret | None]) -> str:
    return mask(content[:BODY_EXCERPT_BYTES].decode("utf-8", "replace"), secrets)


def _host_of(location: str) -> str:
    """Name only scheme and host of a redirect: its path may carry what is secret."""
    scheme, separator, rest = location.partition("://")
    host = rest.split("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}"[:200] if separator else "the same host"
