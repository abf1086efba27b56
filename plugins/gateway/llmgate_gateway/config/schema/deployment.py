"""The schema of one deployment: what clients ask for, where it goes, and what is known about its model.

Pure data, frozen. A docstring under a key is its description in the JSON Schema and the docs.

Source: LiteLLM's documentation of `config.yaml` for the format; docs/gateway/configure.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from llmgate_core.serving import Timeouts
from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.fields import (
    BaseURL,
    Count,
    Headers,
    HeaderText,
    Key,
    ModelName,
    ModelString,
    Names,
    Price,
    ProviderOptions,
    Seconds,
    masked,
)

__all__ = ["UNSERVED_MODES", "Deployment", "Mode", "ModelInfo", "Params", "Policy", "Timeout", "TimeoutLimits"]

Mode = Literal[
    "chat",
    "responses",
    "completion",
    "embedding",
    "audio_transcription",
    "audio_speech",
    "image_generation",
    "video_generation",
    "moderation",
    "image_edit",
    "realtime",
    "rerank",
    "batch",
    "ocr",
    "search",
    "vector_store",
    "decisions",
    "evaluation",
    "extraction",
]
UNSERVED_MODES = frozenset(
    {"realtime", "batch", "ocr", "search", "vector_store", "decisions", "evaluation", "extraction"}
)
"""Modes of LiteLLM's that no endpoint of the gateway serves."""
Policy = Literal["error", "drop", "forward"]


class TimeoutLimits(ConfigModel):
    """Limits of a call in seconds. A number alone means `total`."""

    total: Seconds | None = None
    """The whole call, with all retries and all of a stream."""
    connect: Seconds | None = None
    """Name resolution, TCP and TLS of one connection."""
    pool: Seconds | None = None
    """Waiting for a free connection."""
    first_event: Seconds | None = None
    """From the end of the request to the first event of the answer."""
    idle: Seconds | None = None
    """Between two events of a stream."""

    def over(self, base: Timeouts) -> Timeouts:
        """Return `base`, with the limits that are set here in their place."""
        limits = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        total = limits.get("total")
        if total is not None and "connect" not in limits and base.connect is not None:
            limits["connect"] = min(base.connect, total)
        values = {name: getattr(base, name) for name in type(self).model_fields}
        return Timeouts(**{**values, **limits})


def _limits_of(value: Any) -> Any:
    if not isinstance(value, int | float | str | Mapping | TimeoutLimits) or isinstance(value, bool):
        raise ValueError("must be a number of seconds, or limits such as {total: 600, idle: 60}")
    return {"total": value} if isinstance(value, int | float | str) and not isinstance(value, bool) else value


Timeout = Annotated[TimeoutLimits, BeforeValidator(_limits_of)]


class Params(ConfigModel):
    """Where a deployment sends its requests, and with which options.

    Any other key is a request parameter, such as `temperature`: the default for requests that do not set it.
    """

    model_config = ConfigDict(extra="allow")
    familiar = MappingProxyType({"num_retries": "max_retries", "base_url": "api_base", "request_timeout": "timeout"})
    table = "params"

    model: ModelString
    """The model string, prefix included: `openai/gpt-4o`, `openai/responses/gpt-4o`, `openai/*`."""
    api_key: Key | None = Field(default=None, repr=False)
    """The upstream's key, best as `os.environ/NAME`; absent: the plugin's own variable."""
    api_base: BaseURL | None = None
    """A base URL other than the provider's."""
    ca_file: str | None = None
    """A file or directory of the certificates to trust (PEM), instead of `general_settings.ca_file`."""
    organization: HeaderText | None = None
    """The organization that requests are billed to."""
    project: HeaderText | None = None
    """The project that requests are billed to."""
    provider_options: ProviderOptions = Field(default_factory=dict, repr=False)
    """What the model's plugin needs besides the key, such as a region. A key beside `model` that it declares is one."""
    timeout: Timeout | None = None
    """Seconds in total, or limits by phase."""
    max_retries: Count | None = None
    """Retries after a temporary failure."""
    extra_headers: Headers = Field(default_factory=dict, repr=False)
    """Headers for every request; not those that belong to the gateway."""
    extra_body: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Merged into the body of every request, last."""
    drop_params: bool | None = None
    """Drop parameters that the model is known not to support, instead of refusing the request."""
    param_policy: Policy | None = None
    """What happens to parameters that the model is known not to support: `error`, `drop` or `forward`."""
    additional_drop_params: Names = ()
    """Parameters to drop from every request."""
    use_chat_completions_api: bool = False
    """Serve calls of the Responses API through the upstream's chat endpoint."""
    fake_stream: bool = False
    """For a model that does not stream: send its whole answer as one burst of events."""
    enable_preview_features: bool | None = None
    """Send `metadata` of chat calls upstream."""

    @property
    def request_defaults(self) -> Mapping[str, Any]:
        """Request parameters for requests that do not set them."""
        return MappingProxyType(self.model_extra or {})

    def __repr_args__(self) -> Any:
        """Hide request parameters: they may have come from a variable."""
        extra = self.model_extra or {}
        yield from ((name, value) for name, value in super().__repr_args__() if name not in extra)

    @model_serializer(mode="wrap")
    def _without_secrets(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped = handler(self)
        free = {"extra_body", *(self.model_extra or {})}
        return {key: masked(value) if key in free else value for key, value in dumped.items()}


class ModelInfo(ConfigModel):
    """What is known about a deployment's model. Any other key has no effect, and is a warning.

    Prices are LiteLLM's keys, in US dollars. Where one is set it holds for every tier, instead of the catalogue's.
    """

    model_config = ConfigDict(extra="allow")
    table = "model_info"

    mode: Mode | None = None
    """The endpoint that serves the model; absent: the catalogue's mode, or any."""
    id: ModelName | None = None
    """A name for this one deployment, in logs, metrics and readiness."""
    base_model: ModelName | None = None
    """The model of the catalogue that this is, such as `gpt-4o` behind a deployment's name: for facts and prices."""
    input_cost_per_token: Price | None = None
    """US dollars for a token of input."""
    output_cost_per_token: Price | None = None
    """US dollars for a token of output."""
    cache_read_input_token_cost: Price | None = None
    """US dollars for a token of input that the upstream had cached."""
    cache_creation_input_token_cost: Price | None = None
    """US dollars for a token of input that the upstream puts into its cache."""
    input_cost_per_audio_token: Price | None = None
    """US dollars for a token of audio input."""
    output_cost_per_audio_token: Price | None = None
    """US dollars for a token of audio output."""
    input_cost_per_character: Price | None = None
    """US dollars for a character of text to be spoken."""
    input_cost_per_second: Price | None = None
    """US dollars for a second of audio input."""


class Deployment(ConfigModel):
    """One entry of `model_list`."""

    familiar = MappingProxyType({"litellm_params": "params"})
    table = "model_list"

    model_name: ModelName
    """The name that clients ask for. Several entries of one name take turns. A star matches any characters."""
    params: Params
    """Where its requests go."""
    model_info: ModelInfo = ModelInfo()
    """What is known about the model."""

    @property
    def label(self) -> str:
        """Its id, or else its name; for logs and metrics."""
        return self.model_info.id or self.model_name

    @property
    def is_pattern(self) -> bool:
        """Whether its name has a star."""
        return "*" in self.model_name
