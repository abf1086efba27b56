"""The schema of a config file: every key that has a meaning here, with its type and default.

Pure data: pydantic models, frozen. Names are those of LiteLLM's config where it has one; `familiar`
lists its other spellings. A docstring under a key is its description in the JSON Schema and the docs.

Source: LiteLLM's documentation of `config.yaml` for the format; docs/guide/options.md.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.deployment import Deployment, Policy, Timeout
from llmgate_gateway.config.schema.fields import BaseURL, Count, HeaderText, Key, ModelName, Names
from llmgate_gateway.config.schema.general import Extensions, GeneralSettings

__all__ = ["Alias", "CallSettings", "ConfigFile", "PluginChoice", "RouterSettings"]


class CallSettings(ConfigModel):
    """Defaults for every call; a deployment may override them."""

    familiar = MappingProxyType({"num_retries": "max_retries", "request_timeout": "timeout"})
    table = "settings"

    api_key: Key | None = Field(default=None, repr=False)
    """The key of deployments that have none."""
    api_base: BaseURL | None = None
    """The base URL of deployments that have none."""
    organization: HeaderText | None = None
    """The organization of deployments that name none."""
    project: HeaderText | None = None
    """The project of deployments that name none."""
    timeout: Timeout | None = None
    """Seconds in total, or limits by phase."""
    max_retries: Count | None = None
    """Retries after a temporary failure."""
    drop_params: bool | None = None
    """Drop parameters that a model is known not to support, instead of refusing the request."""
    param_policy: Policy | None = None
    """What happens to parameters that a model is known not to support: `error`, `drop` or `forward`."""
    additional_drop_params: Names = ()
    """Parameters to drop from every request."""
    enable_preview_features: bool = False
    """Send `metadata` of chat calls upstream."""
    bind_key_to_host: bool = False
    """Never send a key of the environment to another host than the provider's."""
    transport: Literal["http1", "httpx"] = "http1"
    """The HTTP transport to upstreams."""
    extensions: Extensions = ()
    """Extensions to load, which see every call; each a name, or a mapping with `name` and `options`."""
    catalogue_file: str | None = None
    """A JSON file with rows that override those of the catalogue."""
    providers_file: str | None = None
    """A JSON file of providers besides those of this file; absent: `LLMGATE_PROVIDERS`, else the user's own file."""
    set_verbose: bool = False
    """LiteLLM's spelling of `log.level: debug`."""
    json_logs: bool | None = None
    """LiteLLM's spelling of `log.format: json`."""


class Alias(ConfigModel):
    """Another name for a `model_name`."""

    model: ModelName
    """The `model_name` that it refers to."""
    hidden: bool = False
    """Leave it out of `/v1/models`."""


def _alias_of(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class RouterSettings(ConfigModel):
    """LiteLLM's router settings; they override `settings`."""

    familiar = MappingProxyType({"num_retries": "max_retries", "default_litellm_params": "default_params"})
    table = "router_settings"

    max_retries: Count | None = None
    """Retries after a temporary failure."""
    timeout: Timeout | None = None
    """Seconds in total, or limits by phase."""
    model_group_alias: dict[str, Annotated[Alias, BeforeValidator(_alias_of)]] = Field(default_factory=dict)
    """Other names for a `model_name`."""
    default_params: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Request parameters for every deployment that does not set them."""
    set_verbose: bool = False
    """LiteLLM's spelling of `log.level: debug`."""


class PluginChoice(ConfigModel):
    """Which installed plugins may be used, by the name of their distribution."""

    allow: Names | None = None
    """Only these; absent: all."""
    block: Names = ()
    """All but these."""
    prefer: dict[str, str] = Field(default_factory=dict)
    """Which distribution serves a route that several claim: `chat:openai: their-distribution`."""


class ConfigFile(ConfigModel):
    """A config of the llmgate gateway; LiteLLM's `config.yaml` is read too."""

    familiar = MappingProxyType({"litellm_settings": "settings"})
    table = ""

    model_list: tuple[Deployment, ...]
    """The models that clients may ask for, and where the requests for each go."""
    general_settings: GeneralSettings = GeneralSettings()
    """The server: who may call it and how much."""
    settings: CallSettings = CallSettings()
    """Defaults for every call."""
    router_settings: RouterSettings = RouterSettings()
    """LiteLLM's router settings; they override `settings`."""
    plugins: PluginChoice = PluginChoice()
    """Which installed plugins may be used."""
    providers: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """Providers that speak the OpenAI API, each a row of facts under its prefix."""
    environment_variables: dict[str, str] = Field(default_factory=dict, exclude=True)
    """Values for `os.environ/NAME` in this file, used where the environment has none."""
