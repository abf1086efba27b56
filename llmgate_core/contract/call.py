"""The data that a call is made of, and what plugins promise.

Pure data and protocols: no I/O, no policy. A call moves one way through these shapes:
`Call` -> `Route` -> `UpstreamRequest` -> `UpstreamResponse` -> canonical response or chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.json_codec import decode
from llmgate_core.secrets import mask

if TYPE_CHECKING:
    from llmgate_core.contract.form import FormBody, Multipart
    from llmgate_core.reading.sse import SSEEvent
    from llmgate_core.secrets import Secret

__all__ = [
    "API_VERSION",
    "Auth",
    "Call",
    "Converted",
    "Exchange",
    "Headers",
    "JsonObject",
    "LedgerEntry",
    "ModelFacts",
    "ParamRule",
    "Progress",
    "ProviderInfo",
    "Route",
    "Sleep",
    "StreamParser",
    "UpstreamRequest",
    "UpstreamResponse",
]

API_VERSION = (1, 0)
"""Version of the contract with plugins, on its own clock: (major, minor)."""

JsonObject = dict[str, Any]
ModelFacts = Mapping[str, Any]
"""One row of the catalogue: mode, limits, capabilities, reasoning, params, ... Read only."""

NOT_FOR_ERRORS = frozenset({"location", "set-cookie"})
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the caller made it.

    Attributes:
        family: endpoint family that was called, for example `chat`.
        model: the model string as the caller wrote it, prefix included.
        body: canonical (OpenAI-shaped) request without `model`. Never changed by a hook.
        stream: whether the caller wants chunks.
        metadata: the caller's own labels, for observers; sent only where the body has them too.
        request_id: our own id of this call, for logs and events.
        operation: what of the family, for example `create`, or `retrieve` with the id in the body.
        wait: create a job and wait for its end, through the hook `exchange`.
        poll_seconds: how long to wait between two looks at a job; None: the plugin chooses.
    """

    family: str
    model: str
    body: JsonObject
    stream: bool = False
    metadata: Mapping[str, Any] | None = None
    request_id: str = ""
    operation: str = "create"
    wait: bool = False
    poll_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Static facts of a plugin; everything that core must know of a provider.

    Attributes:
        api: version of the contract that the plugin was written for.
        name: the provider's name in errors, ledger and catalogue.
        base_url: where requests go unless the caller or the environment says otherwise.
        env_key: environment variable with the key; None for a provider that takes no key.
        env_base_url, env_organization, env_project: variables to look at, the first one set wins.
        env_key_optional: True where a missing key is no error.
        organization_header, project_header: header names, None where the provider has none.
        operations: what the plugin serves besides `create`, as `family.operation`, for example
            `responses.retrieve`; core refuses any other operation before the plugin is asked.
    """

    api: tuple[int, int]
    name: str
    base_url: str
    env_key: str | None = None
    env_base_url: tuple[str, ...] = ()
    env_organization: tuple[str, ...] = ()
    env_project: tuple[str, ...] = ()
    env_key_optional: bool = False
    organization_header: str | None = None
    project_header: str | None = None
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """Where one call goes. Plugins read it; only core makes it.

    Attributes:
        provider: `ProviderInfo.name` of the chosen plugin.
        prefix: the routing prefix without its last slash, for example `openai/responses`.
        family: the endpoint family that the plugin was chosen for.
        model: what the upstream calls the model.
        base_url: without a trailing slash.
        api_key: None where the provider takes none.
        facts: the model's row in the catalogue; None: the catalogue does not hold it.
        preview_features: the setting `enable_preview_features`.
        reason: why this route, in words, for `llmgate explain`.
        param_policy: what becomes of what the upstream cannot take: `error`, `drop` or `forward`;
            for hooks that convert, through `Ledger`.
        is_home: the base URL is the provider's own, not another server's that speaks its wire.
    """

    provider: str
    prefix: str
    family: str
    model: str
    base_url: str
    api_key: Secret | None = None
    organization: str | None = None
    project: str | None = None
    facts: ModelFacts | None = None
    preview_features: bool = False
    reason: str = ""
    param_policy: str = "error"
    is_home: bool = True


@dataclass(frozen=True, slots=True)
class ParamRule:
    """What `supports_param` knows of one parameter and value.

    Without any field it says: supported as given. `reason` and `source` go into the ledger
    or the error message, so write them for the caller: what is wrong and the way out.

    Attributes:
        supported: False: policy decides between error, drop and forward.
        reason, source: why, and where that is known from.
        rename: send under this name instead.
        replace: send this value instead (`None`: send nothing). Set `replaces=True` with it.
        droppable: False: without it the call would be another one, so the policy `drop` is an error too.
        lossy: what `rename` or `replace` does loses something that the caller asked for.
        keep_local: not sent, by design and not as a loss; observers still see it.
        applies: the rule holds only when this is true of the whole body; None: always.
        otherwise: the rule that holds when `applies` is false; None: supported as given.
    """

    supported: bool = True
    reason: str = ""
    source: str = ""
    rename: str | None = None
    replace: Any = None
    replaces: bool = False
    droppable: bool = True
    lossy: bool = False
    keep_local: bool = False
    applies: Callable[[Mapping[str, Any]], bool] | None = None
    otherwise: ParamRule | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that was done to a call beyond passing it on.

    Attributes:
        parameter: the request's parameter, or the step for one that is no parameter.
        action: `dropped`, `renamed`, `replaced`, `forwarded`, `kept local`, `emulated` or `bridged`.
        reason: why, in words. source: where that is known from.
        lossy: whether something that the caller asked for was lost.
    """

    parameter: str
    action: str
    reason: str
    source: str = ""
    lossy: bool = False

    def __str__(self) -> str:
        source = f" [{self.source}]" if self.source else ""
        return f"{self.parameter} {self.action}: {self.reason}{source}"


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
            are, None sends no body. `body is call.body` says: canonical as it stands; core then adds
            the model where the operation has one.
        headers: besides `content-type` and authorization, which core sets unless given here.
        query: added to the path, percent-encoded.
        ledger: what the conversion lost or changed, made with `Ledger`.
    """

    method: str
    path: str
    body: JsonObject | Multipart | FormBody | bytes | None = None
    # by a factory: before Python 3.12 a mappingproxy has no hash, and dataclasses refuse it as a default
    headers: Mapping[str, str] = field(default_factory=lambda: NO_HEADERS)
    query: Mapping[str, str] | Sequence[tuple[str, str]] = field(default_factory=lambda: NO_HEADERS)
    ledger: tuple[LedgerEntry, ...] = ()

    def with_headers(self, headers: Mapping[str, str]) -> UpstreamRequest:
        """Return a copy that has `headers` too; they win over those of the same name."""
        return replace(self, headers={**self.headers, **headers})


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
    """Yielded by an exchange: wait this long, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Yielded by an exchange: how far the job is; shown to the caller's `on_progress`, and its state in errors."""

    job: JsonObject


Exchange = Generator["UpstreamRequest | Sleep | Progress", "UpstreamResponse | None", JsonObject]
"""Several requests for one call, for example create a job, then poll it; returns the response."""
