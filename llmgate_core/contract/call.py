"""A call and the route it takes.

Pure data: no I/O, no policy. A call moves in one direction through these shapes:
`Call` -> `Route` -> `UpstreamRequest` -> `UpstreamResponse` -> canonical response or chunks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import BadRequestError, UnsupportedParamsError

if TYPE_CHECKING:
    from llmgate_core.secrets import Secret

__all__ = [
    "API_VERSION",
    "Call",
    "JsonObject",
    "ModelFacts",
    "Route",
]

API_VERSION = (1, 1)
"""Version of the plugin contract, independent of the package version: (major, minor)."""

JsonObject = dict[str, Any]
ModelFacts = Mapping[str, Any]
"""A model's row in the catalogue: mode, limits, capabilities, reasoning, params, ... Read-only."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the caller made it.

    Attributes:
        family: the endpoint family, for example `chat`.
        model: the model string as the caller wrote it, prefix included.
        body: the canonical (OpenAI-shaped) request without `model`. Hooks must not change it.
        stream: whether the caller asked for a stream.
        metadata: the caller's labels, for observers; sent upstream only if the body has them too.
        request_id: llmgate's id of this call, for logs and events: in a gateway the request's, else one of its
            own where an extension is loaded; empty otherwise.
        operation: the operation of the family, for example `create`, or `retrieve` with the id in the body.
        wait: create a job and wait until it has ended, through the hook `exchange`.
        poll_seconds: seconds between two polls of a job; None: the plugin chooses.
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
class Route:
    """Where a call goes. Only core creates one; plugins read it.

    Attributes:
        provider: `ProviderInfo.name` of the chosen plugin.
        prefix: the routing prefix without its last slash, for example `openai/responses`.
        family: the endpoint family for which the plugin was chosen.
        model: the upstream's name for the model.
        base_url: without a trailing slash.
        api_key: None if the provider does not need one.
        facts: the model's row in the catalogue; None if it has no row.
        preview_features: the setting `enable_preview_features`.
        reason: why this route was chosen, for `llmgate explain`.
        param_policy: what to do with a parameter that the upstream does not support: `error`, `drop` or
            `forward`. Hooks that convert a call apply it through `Ledger`.
        is_provider_host: True if the base URL is the provider's, False for another server with a compatible API.
        options: the provider's declared options that are set, by name; the secret ones are in `secrets`.
        hosts: `ProviderInfo.hosts`, with the options filled in.
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
    is_provider_host: bool = True
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, hash=False)
    hosts: tuple[str, ...] = ()

    @property
    def all_secrets(self) -> tuple[Secret | None, ...]:
        """The key and the secret options: what no string about a call may hold."""
        return (self.api_key, *self.secrets.values()) if self.secrets else (self.api_key,)

    def bad_request(self, param: str, message: str) -> BadRequestError:
        """Return the error for a malformed request; `message` says what is wrong and what is accepted."""
        return BadRequestError(
            message, status_code=400, param=param, provider=self.provider, model=self.model or None, attempts=0
        )

    def refuse(self, param: str, reason: str) -> UnsupportedParamsError:
        """Return the error for what this upstream is known not to take, whatever the policy."""
        return self._unsupported(param, f"{param}: {reason}")

    def unsupported(self, param: str, reason: str, *, options: tuple[str, ...]) -> UnsupportedParamsError:
        """Return the error for what this model is known not to take; `options` are those that change that.

        They are of `drop_params`, `param_policy` and `fake_stream`.
        """
        error = self._unsupported(param, f"{param} is not supported by {self.model!r} ({self.prefix}/): {reason}")
        error.options = options
        return error

    def _unsupported(self, param: str, message: str) -> UnsupportedParamsError:
        return UnsupportedParamsError(
            message,
            status_code=400,
            code="unsupported_parameter",
            param=param,
            provider=self.provider,
            model=self.model or None,
            attempts=0,
        )
