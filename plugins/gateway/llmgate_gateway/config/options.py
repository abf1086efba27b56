"""Combine the settings of a deployment with the router's and the general ones.

Pure. The order is: deployment, `router_settings`, `settings`, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from llmgate_core.serving import Secret, Timeouts
from llmgate_gateway.config.schema.deployment import Deployment, Params, Policy
from llmgate_gateway.config.schema.file_schema import CallSettings
from llmgate_gateway.config.schema.model import GatewayConfig

__all__ = ["DeploymentOptions", "options_for"]

DEFAULT_RETRIES = 2


@dataclass(frozen=True, slots=True)
class DeploymentOptions:
    """The settings that apply to one deployment.

    Attributes:
        api_key, api_base, organization, project: None: the plugin's own variable or default.
        base_model: the model of the catalogue that it is; None: what its name says.
        provider_options: what the plugin needs besides the key; values are secrets.
        ca_file: the certificates to trust; None: the usual ones.
        timeouts: limits in seconds. max_retries: after the first try.
        param_policy: `error`, `drop` or `forward`. additional_drop_params: dropped from every request.
        extra_headers: for every request; values are secrets. extra_body: merged into the body last.
        request_defaults: parameters for requests that do not set them.
    """

    api_key: Secret | None
    api_base: str | None
    organization: str | None
    project: str | None
    ca_file: str | None
    timeouts: Timeouts
    max_retries: int
    param_policy: Policy
    additional_drop_params: tuple[str, ...]
    enable_preview_features: bool
    use_chat_completions_api: bool
    fake_stream: bool
    base_model: str | None
    extra_headers: Mapping[str, Secret] = field(repr=False)
    extra_body: Mapping[str, Any] = field(repr=False)
    request_defaults: Mapping[str, Any] = field(repr=False)
    provider_options: Mapping[str, Secret] = field(repr=False)


def options_for(config: GatewayConfig, deployment: Deployment) -> DeploymentOptions:
    """Return the settings that apply to a deployment of this config."""
    params, settings, router = deployment.params, config.settings, config.router
    timeouts = Timeouts()
    for limits in (settings.timeout, router.timeout, params.timeout):
        timeouts = timeouts if limits is None else limits.over(timeouts)
    retries = (params.max_retries, router.max_retries, settings.max_retries, DEFAULT_RETRIES)
    preview = params.enable_preview_features
    return DeploymentOptions(
        api_key=params.api_key or settings.api_key,
        api_base=params.api_base or settings.api_base,
        organization=params.organization or settings.organization,
        project=params.project or settings.project,
        ca_file=params.ca_file or config.general.ca_file,
        timeouts=timeouts,
        max_retries=next(number for number in retries if number is not None),
        param_policy=_policy(params) or _policy(settings) or "error",
        additional_drop_params=(*settings.additional_drop_params, *params.additional_drop_params),
        enable_preview_features=settings.enable_preview_features if preview is None else preview,
        use_chat_completions_api=params.use_chat_completions_api,
        fake_stream=params.fake_stream,
        base_model=deployment.model_info.base_model,
        extra_headers=MappingProxyType(dict(params.extra_headers)),
        extra_body=MappingProxyType(params.extra_body),
        request_defaults=MappingProxyType({**router.default_params, **params.request_defaults}),
        provider_options=MappingProxyType(dict(params.provider_options)),
    )


def _policy(part: Params | CallSettings) -> Policy | None:
    if part.param_policy is not None:
        return part.param_policy
    return None if part.drop_params is None else "drop" if part.drop_params else "error"
