"""The schema of `general_settings`: who may call the gateway, and how much.

Pure data, frozen. A docstring under a key is its description in the JSON Schema and the docs.

Source: docs/gateway/configure.md; rows R20, R21, R24, R32 and S1 of docs/reliability.md for the defaults.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.fields import Bytes, Count, Key, ModelName, Names, Options, Seconds

__all__ = [
    "FORWARDED_PATHS",
    "ClientKey",
    "Cors",
    "Extension",
    "Extensions",
    "GeneralSettings",
    "KeyLimits",
    "Limits",
    "LogSettings",
    "Passthrough",
    "ServerTimeouts",
    "StoreSettings",
]

SENT_BY_BROWSERS = (
    "authorization",
    "content-type",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "user-agent",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "x-api-key",
    "api-key",
    "x-llmgate-model",
    "x-request-id",
    *(
        f"x-stainless-{name}"
        for name in (
            "arch",
            "custom-poll-interval",
            "helper-method",
            "lang",
            "os",
            "package-version",
            "poll-helper",
            "retry-count",
            "runtime",
            "runtime-version",
            "timeout",
        )
    ),
)
"""What the JavaScript SDKs of OpenAI and Anthropic set in a browser, and other names of a key and of a request's id. By
name, since a `*` does not cover `authorization`."""
FORWARDED_PATHS = ("files", "uploads", "vector_stores")
"""Resources that hold content only. Batches, fine-tuning, evals, assistants and threads use models that they name."""


class KeyLimits(ConfigModel):
    """What one key may use at a time."""

    max_in_flight: Annotated[Count, Field(ge=1)] | None = None
    """Requests in flight at once; absent: `limits.per_client_concurrency`."""


class ClientKey(ConfigModel):
    """Another key for clients."""

    name: ModelName
    """Its name in the log and the metrics; the key itself is never shown."""
    key: Key = Field(repr=False)
    """What the client sends as its bearer token, best as `os.environ/NAME`."""
    models: Names | None = None
    """Names and patterns of the models that the key may use; absent: all."""
    metrics: bool = False
    """Allow `/metrics` to the key; the master key may always read it."""
    passthrough: bool = False
    """Allow `general_settings.passthrough` to a key with `models`, although it reaches every model of the upstream."""
    limits: KeyLimits = KeyLimits()
    """What the key may use at a time."""


class Passthrough(ConfigModel):
    """Forward other resources of `/v1` unchanged to one deployment. A name alone means the default `paths`."""

    deployment: ModelName
    """A `model_name` or `model_info.id`."""
    paths: Names = FORWARDED_PATHS
    """First parts of the paths below `/v1/` that are forwarded."""


class Limits(ConfigModel):
    """Sizes and numbers at which a request is refused."""

    max_body: Bytes = 100 * 1024 * 1024
    """A request's body: 413."""
    max_json_body: Bytes = 64 * 1024 * 1024
    """A request's body that is held in memory, which is every body but an upload: 413."""
    max_json_values: Annotated[Count, Field(ge=1)] = 250_000
    """Arrays, objects and members of objects in a JSON body, where eight other values count as one: 413."""
    max_header: Bytes = 32 * 1024
    """Request line and headers: 431."""
    max_headers: Annotated[Count, Field(ge=1)] = 100
    """The number of header lines: 431."""
    min_body_rate: Bytes = 1024
    """What a client must send each second of a body that takes longer than `timeouts.body` in all: 408."""
    max_in_flight: Annotated[Count, Field(ge=1)] = 1000
    """Requests in flight at once in one worker: 503 with `Retry-After`."""
    max_connections: Annotated[Count, Field(ge=1)] | None = None
    """Connections open at once in one worker; absent: 10,000, or half of the files that the process may open."""
    max_connections_per_address: Annotated[Count, Field(ge=1)] | None = None
    """Connections open at once from one address in one worker: 503; absent: as many as there may be."""
    per_client_concurrency: Annotated[Count, Field(ge=1)] | None = None
    """Requests in flight at once for one key, or one address where there are no keys: 429."""
    upload_dir: str | None = None
    """The folder for files above 1 MiB of a form; absent: the system's folder for temporary files."""


class Extension(ConfigModel):
    """An installed extension of the gateway. A name alone means no options."""

    name: ModelName
    """The name of its entry point."""
    options: Options = Field(default_factory=dict, repr=False)
    """Settings for the extension; its own documentation lists them."""


def _extension_of(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


AnyExtension = Annotated[Extension, BeforeValidator(_extension_of)]


def _list_of(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Extensions = Annotated[tuple[AnyExtension, ...], BeforeValidator(_list_of)]
"""Extensions in a list; a single name is a list of one."""


class StoreSettings(ConfigModel):
    """Where a gateway keeps what it remembers between requests; by default in the memory of each worker."""

    keys: AnyExtension | None = None
    """Where keys are looked up that this file does not list; absent: nowhere."""
    counters: AnyExtension | None = None
    """Amounts used within a window of time."""
    blobs: AnyExtension | None = None
    """Bytes that expire, such as cached answers."""


class ServerTimeouts(ConfigModel):
    """How long a client may take, in seconds."""

    head: Seconds = 10.0
    """From the connection to the end of its headers."""
    body: Seconds = 30.0
    """Between two blocks of its body."""
    write: Seconds = 30.0
    """Until it reads more of the response."""
    keep_alive: Seconds = 75.0
    """Between two requests of one connection."""
    stream_comment: Seconds | None = 15.0
    """Of silence in a stream of events until a comment is sent, to Anthropic's clients a `ping`, so that no proxy takes
    the stream for dead; `null`: never."""


HOST_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
NO_ORIGIN = "must be an origin such as https://app.example, or * alone"


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no browser sends as an origin, since it would never match."""
    for value in values:
        if value != "*" and value != (origin := _origin(value)):
            raise ValueError(
                f"an origin has a scheme, a host and a port, in lower case and nothing else: write {origin}"
            )
    return values


def _origin(url: str) -> str:
    if "://*." in url:
        origin = _origin(url.replace("*.", "", 1))
        if "." not in origin:
            raise ValueError(NO_ORIGIN)
        return origin.replace("://", "://*.", 1)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(NO_ORIGIN) from None
    if not host or "*" in url:
        raise ValueError(NO_ORIGIN)
    return f"{parts.scheme}://" + (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")


def _host_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what cannot be a host name, since it would never match."""
    for value in values:
        if value != "*" and HOST_NAME.fullmatch(value) is None:
            raise ValueError("must be a host name such as llm.example or *.example, in lower case and without a port")
    return values


class Cors(ConfigModel):
    """Web pages that may call the gateway from a browser; off by default."""

    allow_origins: Annotated[Names, AfterValidator(_origins)] = ()
    """Origins such as `https://app.example`, `https://*.app.example` for all hosts below it, or `*`."""
    allow_headers: Names = SENT_BY_BROWSERS
    """Request headers that pages may set, instead of those that the SDKs set in a browser."""
    max_age: Count = 600
    """How many seconds a browser may cache the permission."""


class LogSettings(ConfigModel):
    """What the gateway logs, and where."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written; `debug` shows outgoing calls, never a key."""
    format: Literal["json", "text"] = "json"
    """One JSON object per line, or plain text."""
    access: bool = True
    """Write one line for each request."""
    user: bool = False
    """Write what the client sends as `user`, which may name a person."""
    file: str | None = None
    """The file for those lines; absent: standard output."""


def _passthrough_of(value: Any) -> Any:
    return {"deployment": value} if isinstance(value, str) else value


class GeneralSettings(ConfigModel):
    """The server: who may call it and how much."""

    table = "general_settings"

    master_key: Key | None = Field(default=None, repr=False)
    """The key that may use everything, best as `os.environ/NAME`; absent: requests need no key."""
    keys: tuple[ClientKey, ...] = ()
    """More keys, each with its own rights."""
    insecure_no_auth: bool = False
    """Allow listening on addresses that other machines can reach although no key is set."""
    allowed_hosts: Annotated[Names, AfterValidator(_host_names)] = ()
    """Names by which clients reach a gateway without keys, such as `llm.example` or `*.example`; `*` for any."""
    tracing: bool = False
    """Make an OpenTelemetry span of each call; needs the extra `llmgate-gateway[otel]`."""
    ca_file: str | None = None
    """A file or directory of the certificates of upstreams to trust (PEM); absent: `SSL_CERT_FILE`, or the usual."""
    forward_openai_org_id: bool = False
    """Send the client's `OpenAI-Organization` header upstream."""
    passthrough: Annotated[Passthrough, BeforeValidator(_passthrough_of)] | None = None
    """Forward files, batches and similar resources to this deployment."""
    default_models: dict[str, ModelName] = Field(default_factory=dict)
    """Where the API needs no model, that of requests without one: `moderation`, `image` or `responses` to a name."""
    limits: Limits = Limits()
    """Sizes and numbers at which a request is refused."""
    max_request_size_mb: Annotated[Count, Field(ge=1)] | None = None
    """LiteLLM's spelling of `limits.max_body`, in MB."""
    global_max_parallel_requests: Annotated[Count, Field(ge=1)] | None = None
    """LiteLLM's spelling of `limits.max_in_flight`."""
    max_in_flight_requests_per_worker: Annotated[Count, Field(ge=1)] | None = None
    """LiteLLM's spelling of `limits.max_in_flight`."""
    max_parallel_requests: Annotated[Count, Field(ge=1)] | None = None
    """LiteLLM's spelling of `limits.per_client_concurrency`."""
    timeouts: ServerTimeouts = ServerTimeouts()
    """How long a client may take."""
    cors: Cors = Cors()
    """Web pages that may call the gateway from a browser."""
    drain_timeout: Seconds = 30.0
    """Seconds that requests in flight have to end when the server is stopped."""
    log: LogSettings = LogSettings()
    """What the gateway logs, and where."""
    middleware: tuple[AnyExtension, ...] = ()
    """Extensions that see every call before it goes upstream, and its answer after; the first is outermost."""
    stores: StoreSettings = StoreSettings()
    """Where a gateway keeps what it remembers between requests; changes take effect at the next start."""
    dialects: Names = ("openai", "anthropic")
    """The wire formats that clients may speak: OpenAI's API, and Anthropic's Messages; changes take effect at the next
    start."""
    stream_usage: bool | None = None
    """Ask upstreams for the usage of streams whose clients do not, and leave it out of the answer; absent: where
    metrics or a middleware count it."""
    log_content: bool = False
    """Write prompts and answers to the log."""
