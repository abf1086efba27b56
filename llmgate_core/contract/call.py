"""The data that a call is made of, and what plugins promise.

Pure data and protocols: no I/O, no policy. A call moves one way through these shapes:
`Call` -> `Route` -> `UpstreamRequest` -> `UpstreamResponse` -> canonical response or chunks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

API_VERSION = (1, 0)
"""Version of the contract with plugins, on its own clock: (major, minor)."""

JsonObject = dict[str, Any]
ModelFacts = Mapping[str, Any]
"""One row of the catalogue: mode, limits, capabilities, reasoning, params, ... Read only."""


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
        is_provider_host: the base URL is the provider's own, not another server's that speaks its wire.
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

    def bad_request(self, param: str, message: str) -> BadRequestError:
        """Return the error for a malformed request; `message` says what is wrong and what is accepted."""
        return BadRequestError(
            message, status_code=400, param=param, provider=self.provider, model=self.model or None, attempts=0
        )

    def refuse(self, param: str, reason: str) -> UnsupportedParamsError:
        """Return the error for what this upstream is known not to take, whatever the policy."""
        return self._unsupported(param, f"{param}: {reason}")

    def unsupported(self, param: str, reason: str, *, way_out: str) -> UnsupportedParamsError:
        """Return the error for what this model is known not to take; `way_out` names the options that change that."""
        error = self._unsupported(param, f"{param} is not supported by {self.model!r} ({self.prefix}/): {reason}")
        error.way_out = way_out
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
