"""What goes to an upstream and what comes back, and the small protocols of plugins around it.

Pure data and protocols: no I/O, no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import APIResponseValidationError
from llmgate_core.json_codec import decode
from llmgate_core.secrets import mask

if TYPE_CHECKING:
    from llmgate_core.contract.form import FormBody, Multipart
    from llmgate_core.secrets import Secret

__all__ = [
    "Auth",
    "Converted",
    "Exchange",
    "Headers",
    "Progress",
    "SSEEvent",
    "Sleep",
    "StreamParser",
    "UpstreamRequest",
    "UpstreamResponse",
]


@dataclass(slots=True)
class SSEEvent:
    """One dispatched event: `event` is its type, `data` its lines joined by a newline."""

    data: str
    event: str = "message"


NOT_FOR_ERRORS = frozenset({"location", "set-cookie"})


class Headers(dict[str, str]):
    """Response headers: a dict with lower-case names that is looked up in any case.

    A header that came several times has its values joined by `, `; `get_list` keeps them apart.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__()
        self._raw = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
        for name, value in self._raw:
            known = super().get(name)
            super().__setitem__(name, value if known is None else f"{known}, {value}")

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of `name` in any case, or `default`."""
        return super().get(name.lower(), default)

    def masked(self, secrets: Iterable[Secret | None]) -> Headers:
        """Return a copy for an error: no key in it, should the upstream have repeated one, no cookie, no address."""
        known = tuple(secrets)
        return Headers(
            (name.encode("latin-1"), mask(value, known).encode("latin-1"))
            for name, value in self._raw
            if name not in NOT_FOR_ERRORS
        )

    def get_list(self, name: str) -> list[str]:
        """Return every value of `name`, in the order they came."""
        wanted = name.lower()
        return [value for known, value in self._raw if known == wanted]


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What a plugin wants sent; core joins the path to the route's base URL and adds the key.

    Attributes:
        path: begins with `/`, relative to the base URL; never an absolute URL.
        body: a dict is sent as JSON, a `Multipart` as a form with its files streamed, bytes as they
            are, None sends no body. `body is call.body` means that it is canonical as it is; core then adds
            the model where the operation has one.
        headers: besides `content-type` and authorization, which core sets unless given here.
        query: added to the path, percent-encoded.
        ledger: what the conversion lost or changed, made with `Ledger`.
    """

    method: str
    path: str
    body: JsonObject | Multipart | FormBody | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=dict)
    ledger: tuple[LedgerEntry, ...] = ()

    def with_headers(self, headers: Mapping[str, str]) -> UpstreamRequest:
        """Return a copy that has `headers` too; they win over those of the same name."""
        return replace(self, headers={**self.headers, **headers})

    def with_body(self, body: JsonObject | Multipart | FormBody | bytes | None) -> UpstreamRequest:
        """Return a copy that has `body` instead."""
        return UpstreamRequest(self.method, self.path, body, self.headers, self.query, self.ledger)


class UpstreamResponse:
    """A whole answer: status, headers, bytes. `json()` parses once."""

    __slots__ = ("_headers", "_json", "content", "raw_headers", "status")

    def __init__(self, status: int, raw_headers: Sequence[tuple[bytes, bytes]], content: bytes) -> None:
        self.status = status
        self.raw_headers = raw_headers
        self.content = content
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
            APIResponseValidationError: the body is not JSON: the upstream's fault, not the plugin's.
        """
        if self._json is None:
            try:
                self._json = decode(self.content)
            except ValueError as error:
                raise APIResponseValidationError(
                    f"HTTP {self.status}: the answer is not JSON: {error}",
                    status_code=self.status,
                    request_id=self.headers.get("x-request-id"),
                ) from None
        return self._json

    def __repr__(self) -> str:
        return f"UpstreamResponse(status={self.status}, {len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Converted:
    """What `transform_response` returns where the conversion has something to say in the ledger."""

    body: JsonObject
    ledger: tuple[LedgerEntry, ...] = ()


class StreamParser(Protocol):
    """One object per stream: turns upstream events into canonical chunks. No I/O.

    A parser may also have these attributes: `ledger`, a list of entries that the stream shows too; `usage`, for
    observers and cost where no chunk shows it; `done`, true once nothing more belongs to the stream; a function
    `failed(error)`, which returns the chunks that tell a reader that the upstream gave up.
    """

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks that `event` makes, none, one or several."""
        ...

    def close(self) -> Sequence[JsonObject]:
        """Return what is left when the upstream has ended.

        Raises:
            StreamTruncatedError: the upstream's end marker never came.
        """
        ...


Auth = Callable[[UpstreamRequest], Generator[UpstreamRequest, UpstreamResponse, None]]
"""Given the final request, yields requests to send and is sent each answer back, so it may sign
the request, or ask for a token first. The last one yielded is the call itself."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Yielded by an exchange, and by the call loop: wait this long, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Yielded by an exchange: how far the job is; shown to the caller's `on_progress`, and its state in errors."""

    job: JsonObject


Exchange = Generator["UpstreamRequest | Sleep | Progress", "UpstreamResponse | None", JsonObject]
"""Several requests for one call, for example create a job, then poll it; returns the response."""
