"""The shape of a config file as a whole: every key that has a meaning here, with its type and default.

Pure data: pydantic models, frozen. Names are those of LiteLLM's config where it has one; `familiar`
lists its other spellings. A docstring under a key is its description in the JSON Schema and the docs.

Source: the user's page for the format; docs/guide/options.md; docs/architecture.md, "Gateway".
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.deployment import Deployment, Policy, Timeout
from llmgate_gateway.config.schema.fields import BaseURL, Count, HeaderText, Key, ModelName, Names
from llmgate_gateway.config.schema.general import GeneralSettings

__all__ = ["Alias", "CallSettings", "ConfigFile", "PluginChoice", "RouterSettings"]


class CallSettings(ConfigModel):
    """What holds for every call unless its deployment says otherwise."""

    familiar = MappingProxyType({"num_retries": "max_retries", "request_timeout": "timeout"})
    table = "settings"

    api_key: Key | None = Field(default=None, repr=False)
    """For deployments that name no key."""
    api_base: BaseURL | None = None
    """For deployments that name no base URL."""
    organization: HeaderText | None = None
    """For deployments that name none."""
    project: HeaderText | None = None
    """For deployments that name none."""
    timeout: Timeout | None = None
    """Seconds in all, or limits by phase."""
    max_retries: Count | None = None
    """Further tries after a failure that may pass."""
    drop_params: bool | None = None
    """Drop what a model is known not to take, instead of an error."""
    param_policy: Policy | None = None
    """What becomes of what a model is known not to take: `error`, `drop` or `forward`."""
    additional_drop_params: Names = ()
    """Parameters that are dropped from every request."""
    enable_preview_features: bool = False
    """Send `metadata` of chat calls upstream."""
    bind_key_to_host: bool = False
    """Never send a key of the environment to another host than the provider's."""
    transport: Literal["fast", "httpx"] = "fast"
    """How requests are sent."""
    extensions: Names = ()
    """Extensions to load, by the names of their entry points."""
    catalogue_file: str | None = None
    """A JSON file whose rows override the catalogue's."""
    set_verbose: bool = False
    """LiteLLM's spelling of `log.level: debug`."""
    json_logs: bool | None = None
    """LiteLLM's spelling of `log.format: json`."""


class Alias(ConfigModel):
    """Another name for a `model_name`."""

    model: ModelName
    """The `model_name` that it stands for."""
    hidden: bool = False
    """Leave it out of `/v1/models`."""


def _alias_of(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class RouterSettings(ConfigModel):
    """LiteLLM's router; what is set here wins over `settings`."""

    familiar = MappingProxyType({"num_retries": "max_retries", "default_litellm_params": "default_params"})
    table = "router_settings"

    max_retries: Count | None = None
    """Further tries after a failure that may pass."""
    timeout: Timeout | None = None
    """Seconds in all, or limits by phase."""
    model_group_alias: dict[str, Annotated[Alias, BeforeValidator(_alias_of)]] = Field(default_factory=dict)
    """Other names for a `model_name`."""
    default_params: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Request parameters for every deployment that does not set them."""
    set_verbose: bool = False
    """LiteLLM's spelling of `log.level: debug`."""


class PluginChoice(ConfigModel):
    """Which installed plugins may be used, by the names of their distributions."""

    allow: Names | None = None
    """Only these; absent: all."""
    block: Names = ()
    """Not these."""
    prefer: dict[str, str] = Field(default_factory=dict)
    """Who serves a contested route: `chat:openai: their-distribution`."""


class ConfigFile(ConfigModel):
    """A config of the llmgate gateway; LiteLLM's `config.yaml` is read too."""

    familiar = MappingProxyType({"litellm_settings": "settings"})
    table = ""

    model_list: tuple[Deployment, ...]
    """The models that clients may ask for, and where each goes."""
    general_settings: GeneralSettings = GeneralSettings()
    """The server: who may call it and how much."""
    settings: CallSettings = CallSettings()
    """What holds for every call."""
    router_settings: RouterSettings = RouterSettings()
    """LiteLLM's router; what is set here wins over `settings`."""
    plugins: PluginChoice = PluginChoice()
    """Which installed plugins may be used."""
    environment_variables: dict[str, str] = Field(default_factory=dict, exclude=True)
    """Values for `os.environ/NAME` in this file, where the process has none."""
