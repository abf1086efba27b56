"""Requests to an upstream, its responses, and the protocols that plugins implement around them.

Pure data and protocols: no I/O, no policy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import APIError, APIResponseValidationError
from llmgate_core.json_codec import decode, decode_leniently, encode
from llmgate_core.secrets import SecretFinder

if TYPE_CHECKING:
    from llmgate_core.contract.form import FormBody, Multipart
    from llmgate_core.secrets import Secret

__all__ = [
    "Auth",
    "Converted",
    "Exchange",
    "FrameDecoder",
    "Framing",
    "Headers",
    "Progress",
    "SSEEvent",
    "Served",
    "Sleep",
    "StreamAnswer",
    "StreamParser",
    "StreamRewriter",
    "UpstreamRequest",
    "UpstreamResponse",
]


@dataclass(slots=True)
class SSEEvent:
    """One event of a stream, whatever its framing.

    Attributes:
        data: the data lines of a server-sent event joined by newlines, the line, or the payload of a message as text.
        event: its type; `message` if it has none.
        is_error: the upstream reports an error with it, such as an exception of an AWS event stream. An event of the
            type `error` does so too.
    """

    data: str
    event: str = "message"
    is_error: bool = False


NOT_FOR_ERRORS = frozenset({"location", "set-cookie"})


class Headers(dict[str, str]):
    """Response headers: a dict with case-insensitive look-up; its keys are lower-case.

    The values of a repeated header are joined by `, `; `get_list` returns them one by one.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__()
        self._raw = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
        self.update(self._raw)
        if len(self) < len(self._raw):
            self.update((name, ", ".join(self.get_list(name))) for name in list(self))

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of `name`, in any case, or `default`."""
        return super().get(name.lower(), default)

    def masked(self, secrets: Iterable[Secret | None]) -> Headers:
        """Return a copy for an error, without cookies and redirect addresses, and with echoed keys masked."""
        mask = SecretFinder(secrets).mask
        return Headers(
            (name.encode("latin-1"), mask(value).encode("latin-1"))
            for name, value in self._raw
            if name not in NOT_FOR_ERRORS
        )

    def get_list(self, name: str) -> list[str]:
        """Return every value of `name`, in the order received."""
        lower_name = name.lower()
        return [value for header, value in self._raw if header == lower_name]


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamRequest:
    """A request as a plugin builds it; core joins the path to the route's base URL and adds the key.

    Its repr shows neither headers, query nor body, in which a plugin may put a key.

    Attributes:
        path: begins with `/`, relative to the base URL; never an absolute URL.
        body: a dict is sent as JSON, a `Multipart` as a form with its files streamed, bytes as they
            are, None sends no body. `body is call.body` means that it is already canonical; core then adds
            the model where the operation has one.
        headers: besides `content-type` and authorization, which core sets unless given here.
        query: added to the path, percent-encoded.
        ledger: what the conversion lost or changed, made with `Ledger`.
        origin: where to send it instead of the base URL, as one of `Route.hosts`; the path is then the whole one. The
            key is sent there only by the hook `auth`.
        retry: whether it may be sent again after a failure. None: always, but not a POST of an exchange, which could
            make a second job.
        url: the absolute URL as it goes over the wire. Core sets it before the hook `auth` sees the request.
    """

    method: str
    path: str
    body: JsonObject | Multipart | FormBody | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=dict)
    ledger: tuple[LedgerEntry, ...] = ()
    origin: str | None = None
    retry: bool | None = None
    url: str = ""

    def __repr__(self) -> str:
        at = "" if self.origin is None else f" at {self.origin}"
        return f"UpstreamRequest({self.method} {self.path}{at})"

    def with_headers(self, headers: Mapping[str, str]) -> UpstreamRequest:
        """Return a copy with `headers` added; they replace headers of the same name."""
        return replace(self, headers={**self.headers, **headers})

    def with_body(self, body: JsonObject | Multipart | FormBody | bytes | None) -> UpstreamRequest:
        """Return a copy that has `body` instead."""
        return UpstreamRequest(
            self.method, self.path, body, self.headers, self.query, self.ledger, self.origin, self.retry, self.url
        )


class UpstreamResponse:
    """A complete response: status, headers, content. `json()` parses the content once.

    Attributes:
        has_replacements: half characters in the content were replaced, since JSON allows them and Unicode does not.
    """

    __slots__ = ("_headers", "_json", "content", "has_replacements", "raw_headers", "status")

    def __init__(self, status: int, raw_headers: Sequence[tuple[bytes, bytes]], content: bytes) -> None:
        self.status = status
        self.raw_headers = raw_headers
        self.content = content
        self.has_replacements = False
        self._headers: Headers | None = None
        self._json: Any = None

    @property
    def headers(self) -> Headers:
        """The headers, built on first use."""
        if self._headers is None:
            self._headers = Headers(self.raw_headers)
        return self._headers

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            APIResponseValidationError: the body is not JSON, which is the upstream's fault and not the plugin's.
        """
        if self._json is None:
            try:
                self._json = decode(self.content)
            except ValueError as error:
                if not self.repair():
                    raise APIResponseValidationError(
                        f"HTTP {self.status}: the response is not JSON: {error}",
                        status_code=self.status,
                        request_id=self.headers.get("x-request-id"),
                    ) from None
        return self._json

    def has_parsed(self, value: object) -> bool:
        """Return whether a value is the very object that `json()` has returned: the upstream's own words."""
        return value is not None and value is self._json

    def repair(self) -> bool:
        """Make JSON of content with a byte order mark or lone surrogates; return whether it is JSON now."""
        try:
            self._json, self.has_replacements = decode_leniently(self.content)
            self.content = encode(self._json)
        except ValueError:
            return False
        return True

    def __repr__(self) -> str:
        return f"UpstreamResponse(status={self.status}, {len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Converted:
    """The return value of `transform_response` when the conversion adds entries to the ledger."""

    body: JsonObject
    ledger: tuple[LedgerEntry, ...] = ()


class FrameDecoder(Protocol):
    """Cuts the bytes of a stream into events, one object per stream. No I/O.

    Core limits how much may wait inside it, and how long an event may take. A `ValueError` is the upstream's fault, any
    other exception is the plugin's.
    """

    def feed(self, block: bytes) -> Sequence[SSEEvent]:
        """Return the events that `block` completes, oldest first.

        Raises:
            ValueError: the bytes are not such a stream.
        """
        ...

    def close(self) -> Sequence[SSEEvent]:
        """Return the events that the end of the body completes.

        Raises:
            ValueError: it ended within an event.
        """
        ...


Framing = Literal["sse", "lines", "aws-eventstream"] | FrameDecoder
"""How the bytes of a stream are cut into events: server-sent events; one event a line, such as NDJSON, blank lines left
out; AWS event stream messages, whose event name is `:event-type`; or a decoder of the plugin's own."""


class StreamParser(Protocol):
    """Converts the upstream's events to canonical chunks, one object per stream. No I/O.

    A parser may also have these attributes: `framing`, a `Framing`, without which the stream is read as server-sent
    events; `ledger`, a list of entries that are added to the stream's ledger; `usage`, for observers and cost if no
    chunk contains it; `done`, true after the last event of the stream; a function `error(event)` that returns the error
    which an event reports, None: core's own by code and type; a function `failed(error)` that returns the chunks which
    report a failed upstream to the reader.

    The stream is complete once the parser is `done`, has made a chunk with a `finish_reason` (or, of typed events, one
    of the family's last), or the event was `[DONE]`. A stream that ends before is truncated, whatever `close` returns.
    """

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks for `event`: none, one or several."""
        ...

    def close(self) -> Sequence[JsonObject]:
        """Return the remaining chunks after the upstream has ended.

        Raises:
            StreamTruncatedError: the upstream's end marker never arrived.
        """
        ...


class StreamRewriter(Protocol):
    """Rewrites the canonical chunks or events of one stream, for an extension. No I/O.

    Attributes:
        ledger: optional: entries about what it has changed; that it has changed something is noted in any case.
    """

    def feed(self, chunk: JsonObject) -> Sequence[JsonObject]:
        """Return what the caller gets for `chunk`: none, one or several. What is held back comes later."""
        ...

    def close(self) -> Sequence[JsonObject]:
        """Return what was held back, when the stream has ended."""
        ...


Auth = Callable[[UpstreamRequest], Generator[UpstreamRequest, UpstreamResponse, None]]
"""The authorization flow of contract 1.0: takes the final request, yields the requests to send and receives the
response to each. The last request it yields is the call itself. Since 1.1, fetch tokens with the hook `credentials`."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Yielded by an exchange, and by the call loop: wait this long, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Yielded by an exchange: the job's state, for the caller's `on_progress` and for error messages."""

    job: JsonObject


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """Returned by an exchange instead of an answer: send this request, and read its answer as the call's stream.

    Attributes:
        request: as an exchange yields it.
        instead: called with the error of that request, as long as the stream has no chunk: returns another request to
            send in its place, once; None: the call ends with the error.
    """

    request: UpstreamRequest
    instead: Callable[[APIError], UpstreamRequest | None] | None = None


Exchange = Generator["UpstreamRequest | Sleep | Progress", "UpstreamResponse | None", "JsonObject | StreamAnswer"]
"""Several requests for one call, for example to create a job and poll it. Returns the answer or a `StreamAnswer`."""

Piece = JsonObject | bytes
Served = Piece | Awaitable[Piece] | Iterator[Piece] | AsyncIterator[Piece]
"""What a plugin without an upstream returns: the canonical answer, or the chunks of a stream, now or later. Of a family
whose answers are bytes, such as speech, they are bytes."""
