"""One entry of the config, tied to its plugins and ready to be called.

Loads the plugins that the entry names; opens no connection.

Source: docs/gateway/configure.md; rows S6 and S20 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmgate_core import AsyncClient, Settings
from llmgate_core.serving import FAMILIES, Extension, ModelPrices, ResolvedModel, errors
from llmgate_gateway.calls.pricing import own_prices
from llmgate_gateway.calls.trusted_certificates import check_ca_file
from llmgate_gateway.config import Deployment, DeploymentOptions, GatewayConfig, options_for
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.config.routes import FAMILIES_OF_MODE, plugin_policy
from llmgate_gateway.http.shortages import OUT_OF_DESCRIPTORS
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector

__all__ = ["LiveDeployment", "LiveDeployments", "has_star", "resolve"]

STAND_IN = "any-model"


@dataclass(slots=True, eq=False)
class LiveDeployment:
    """One entry of the config, ready to be called.

    Attributes:
        client: makes every call with `arguments`, which it resolves once.
        extra_headers: those of `arguments`, which a trace is added to.
        targets: family -> where its calls go; for a pattern, where those of any one model would.
        own_prices: the config's own prices; None: the catalogue's hold.
        key_leaks: to detect an upstream that repeats our key.
        label: for logs, metrics and headers.
        logs_content: prompts and answers go into the log.
        asks_usage: streams are asked for their usage. takes_usage: whether its upstream knows how; None: not known.
        outcome, error_code: how the last call ended, for readiness; None: there was none.
    """

    deployment: Deployment
    options: DeploymentOptions
    client: AsyncClient
    arguments: Mapping[str, Any]
    extra_headers: Mapping[str, str]
    targets: Mapping[str, ResolvedModel]
    key_leaks: KeyLeakDetector = field(repr=False)
    label: str = ""
    logs_content: bool = False
    own_prices: ModelPrices | None = None
    asks_usage: bool = False
    takes_usage: bool | None = None
    outcome: str | None = None
    error_code: str | None = None

    def call_arguments(
        self, body: Mapping[str, Any], *, traceparent: str | None, organization: str | None
    ) -> dict[str, Any]:
        """Return the arguments of one call, besides those of every call."""
        arguments: dict[str, Any] = {}
        if traceparent is not None:
            arguments["extra_headers"] = {**self.extra_headers, "traceparent": traceparent}
        if organization is not None:
            arguments["organization"] = organization
        for name, value in self.options.request_defaults.items():
            if name not in body:
                arguments[name] = value
        return arguments

    def may_ask_usage(self, *, is_large: bool) -> bool:
        """Return whether to ask for the usage of a stream; of a large call, which is sent once, only if that works."""
        return self.asks_usage and self.takes_usage is not False and (self.takes_usage is True or not is_large)

    def open_transport(self) -> None:
        """Load what sends this deployment's calls, its certificates included; opens no connection."""
        target = next(iter(self.targets.values()), None)  # all of them have one host
        if target is None:
            return
        with contextlib.suppress(errors.LLMGateError):  # the first call reports it
            self.client.open_transport(target)

    def record_outcome(self, outcome: str, error_code: str | None) -> None:
        """Record how a call ended, unless that says nothing about the upstream.

        It was refused, the client left, or this machine could open no connection.
        """
        if outcome not in ("refused", "cancelled") and error_code != OUT_OF_DESCRIPTORS.code:
            self.outcome, self.error_code = outcome, error_code


class LiveDeployments:
    """Makes the live deployments of one config, which share their clients.

    Attributes:
        clients: what calls are made with, by the settings in which they differ.
    """

    def __init__(self, config: GatewayConfig, extensions: Sequence[Extension], *, asks_usage: bool) -> None:
        self._config = config
        self._extensions = extensions
        self._asks_usage = asks_usage
        self.clients: dict[tuple[bool, str | None], AsyncClient] = {}

    def make(self, entry: Deployment) -> LiveDeployment:
        """Return an entry of the config, ready to be called.

        Raises:
            LLMGateError: its plugin does not load, or no family can call it.
        """
        config, options = self._config, options_for(self._config, entry)
        client = self._client(preview=options.enable_preview_features, ca_file=options.ca_file)
        headers = {name: value.reveal() for name, value in options.extra_headers.items()}
        arguments, targets = _arguments(options, headers), _targets(client, entry, options)
        destinations = [client.destination(target, **arguments) for target in targets.values()]
        is_one_place = len({(it.base_url, it.organization, it.project) for it in destinations}) == 1
        if is_one_place and all(target.key_owner is None for target in targets.values()):
            # an api_base that is named here would let the key go to it, as one of the config does
            # settled here, so that no request reads the environment again; the key stays where it is
            arguments |= {
                "api_base": destinations[0].base_url,
                "organization": destinations[0].organization or "",
                "project": destinations[0].project or "",
            }
        keys = [*options.extra_headers.values(), *(it.api_key for it in destinations)]
        keys += [secret for it in destinations for secret in it.secrets.values()]
        fetches_tokens = any(target.plugin.credentials is not None for target in targets.values())
        return LiveDeployment(
            entry,
            options,
            client.with_options(**arguments),
            arguments,
            headers,
            targets,
            KeyLeakDetector(keys, client.repeats_credential if fetches_tokens else None),
            entry.label,
            logs_content=config.general.log_content,
            own_prices=own_prices(entry.model_info, targets),
            asks_usage=self._asks_usage,
        )

    def _client(self, *, preview: bool, ca_file: str | None) -> AsyncClient:
        client = self.clients.get((preview, ca_file))
        if client is None:
            client = self.clients[preview, ca_file] = _client(
                self._config, self._extensions, preview=preview, ca_file=ca_file
            )
        return client


def _client(
    config: GatewayConfig, extensions: Sequence[Extension], *, preview: bool, ca_file: str | None
) -> AsyncClient:
    settings = config.settings
    if ca_file is not None:
        check_ca_file(ca_file)
    return AsyncClient(
        settings=Settings(
            enable_preview_features=preview,
            bind_key_to_host=settings.bind_key_to_host,
            transport=settings.transport,
            extensions=extensions,
            plugins=plugin_policy(config.plugins),
            catalogue_file=settings.catalogue_file,
            providers=config.providers,
            providers_file=settings.providers_file,
            ca_file=ca_file,
        )
    )


def _arguments(options: DeploymentOptions, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of every call of a deployment; those that are not set are left out."""
    arguments: dict[str, Any] = {
        "api_key": options.api_key,
        "api_base": options.api_base,
        "organization": options.organization,
        "project": options.project,
        "provider_options": dict(options.provider_options) or None,
        "timeout": options.timeouts,
        "max_retries": options.max_retries,
        "param_policy": options.param_policy,
        "additional_drop_params": options.additional_drop_params or None,
        "use_chat_completions_api": options.use_chat_completions_api or None,
        "fake_stream": options.fake_stream or None,
        "base_model": options.base_model,
        "extra_headers": dict(headers) or None,
        "extra_body": dict(options.extra_body) or None,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _targets(client: AsyncClient, entry: Deployment, options: DeploymentOptions) -> Mapping[str, ResolvedModel]:
    """Return family -> target for every family that may call an entry, none for a mode that is not served.

    Loads its plugins.

    Raises:
        LLMGateError: no family can.
    """
    mode, model = entry.model_info.mode, entry.params.model.replace("*", STAND_IN)
    targets: dict[str, ResolvedModel] = {}
    failure: errors.LLMGateError | None = None
    for family in FAMILIES if mode is None else FAMILIES_OF_MODE.get(mode, ()):
        try:
            own = model_for(client, family, model, has_star=has_star(entry))
            targets[family] = resolve(client, family, own, options)
        except errors.LLMGateError as error:
            failure = failure or error
    if not targets and failure is not None:
        raise failure
    return targets


def has_star(entry: Deployment) -> bool:
    """Return whether the entry's model takes a part of the name that a client asks for."""
    return "*" in entry.params.model


def resolve(client: AsyncClient, family: str, model: str, options: DeploymentOptions) -> ResolvedModel:
    """Return where a family's calls of a model go.

    Raises:
        LLMGateError: no plugin serves it.
    """
    return client.resolve(family, model, bridged=options.use_chat_completions_api, base_model=options.base_model)
