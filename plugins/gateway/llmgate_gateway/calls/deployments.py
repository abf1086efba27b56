"""The deployments of one config, bound to their plugins, and which of them serves a request.

Loads the plugins that the config names; opens nothing. What a request may ask for is decided here by
the name it gives, never by anything else in it.

Source: capabilities A34 to A39, A44, A55 and A56; rows S6 and S20 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from llmgate_core import AsyncClient, Settings
from llmgate_core.serving import ENDPOINTS, FAMILIES, ResolvedModel, errors
from llmgate_gateway.access.keys import forbidden_model
from llmgate_gateway.config import Deployment, DeploymentOptions, GatewayConfig, ModelNames, options_for
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.config.routes import FAMILIES_OF_MODE, plugin_policy
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import RefusedError, header_value, refuse
from llmgate_gateway.http.routes import Route
from llmgate_gateway.telemetry.key_leaks import KeyPieces

__all__ = ["Deployments", "LiveDeployment", "Selection"]

REMEMBERED_NAMES = 1024  # bounded, since clients choose the names
SHOWN_CHARACTERS = 200
STAND_IN = "any-model"


@dataclass(slots=True, eq=False)
class LiveDeployment:
    """One entry of the config, ready to be called.

    Attributes:
        arguments: what every call is made with. defaults: parameters for requests that lack them.
        targets: family -> where its calls go; for a pattern, where one of some model would.
        secrets: to see whether an upstream repeats our key.
        logs_content: prompts and answers go into the log.
        outcome: how the last call ended, for readiness; None: there was none.
    """

    deployment: Deployment
    options: DeploymentOptions
    client: AsyncClient
    arguments: Mapping[str, Any]
    extra_headers: Mapping[str, str]
    targets: Mapping[str, ResolvedModel]
    secrets: KeyPieces = field(repr=False)
    label: str = ""
    logs_content: bool = False
    outcome: str | None = None
    error_code: str | None = None

    def call_arguments(
        self, body: Mapping[str, Any], *, traceparent: str | None, organization: str | None
    ) -> dict[str, Any]:
        """Return the arguments of one call."""
        arguments = dict(self.arguments)
        if traceparent is not None:
            arguments["extra_headers"] = {**self.extra_headers, "traceparent": traceparent}
        if organization is not None:
            arguments["organization"] = organization
        for name, value in self.options.request_defaults.items():
            if name not in body:
                arguments[name] = value
        return arguments


@dataclass(frozen=True, slots=True)
class Selection:
    """Where one request goes: a deployment, and the model string that its name makes there."""

    bound: LiveDeployment
    model: str
    target: ResolvedModel
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)


class Deployments:
    """Every deployment of one config. Immutable but for whose turn it is."""

    def __init__(self, config: GatewayConfig) -> None:
        self._names = ModelNames(config)
        self._clients: dict[bool, AsyncClient] = {}
        self._bound = {id(entry): self._bind(config, entry) for entry in config.deployments}
        self._found: dict[tuple[str, str, str], tuple[Selection, ...]] = {}
        self._turns: dict[str, Iterator[int]] = {}

    def __iter__(self) -> Iterator[LiveDeployment]:
        return iter(self._bound.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What clients may ask for, patterns as they stand."""
        return self._names.names()

    @property
    def clients(self) -> tuple[AsyncClient, ...]:
        """The clients that calls are made with."""
        return tuple(self._clients.values())

    def serves(self, name: str) -> bool:
        """Return whether any deployment goes by a name."""
        return self._names.find(name) is not None

    def of_model(self, route: Route, requested: object, client: Caller) -> Selection:
        """Return where a request for a model goes; several of one name take turns.

        Raises:
            RefusedError: 400 without a model or for one that is not served here, 403, 404.
        """
        if not isinstance(requested, str) or not requested:
            raise refuse(
                400, "The request must say which model: a text in 'model'.", code="missing_model", param="model"
            )
        if not client.may_use(requested):
            raise forbidden_model(requested)
        key = (route.family, route.operation, requested)
        bindings = self._found.get(key)
        if bindings is None:
            bindings = self._find(route, requested, client)
            if len(self._found) >= REMEMBERED_NAMES:
                self._found.clear()
            self._found[key] = bindings
        if len(bindings) == 1:
            return bindings[0]
        name = bindings[0].bound.deployment.model_name
        return bindings[next(self._turns.setdefault(name, count())) % len(bindings)]

    def of_operation(self, route: Route, wanted: str | None, client: Caller) -> Selection:
        """Return where a request that names no model goes: the deployment named `wanted`, else the first that can.

        Raises:
            RefusedError: 404 or 403 for `wanted`, 404 where no deployment offers the operation.
        """
        if wanted is not None:
            binding = self.of_model(route, wanted, client)
            return replace(binding, model=f"{binding.target.prefix}/")
        for bound in self._bound.values():
            target = bound.targets.get(route.family)
            if target is not None and _offers(target, route) and client.may_use(bound.deployment.model_name):
                return self._binding(bound, f"{target.prefix}/", target, bound.deployment.model_name)
        raise refuse(404, "No model of this gateway offers this operation.", code="not_supported")

    def named(self, name: str) -> LiveDeployment | None:
        """Return the deployment of an id, else the first of a model name."""
        for bound in self._bound.values():
            if bound.deployment.model_info.id == name:
                return bound
        group = self._names.find(name)
        return None if group is None else self._bound[id(group.members[0].deployment)]

    def unknown_model(self, requested: str, client: Caller) -> RefusedError:
        """Return the refusal of a name that nothing goes by, with near names that the client may use."""
        known = [name for name in self.names if client.may_use(name)]
        near = difflib.get_close_matches(requested[:SHOWN_CHARACTERS], known, 3, 0.6)
        hint = f" Near names: {', '.join(near)}." if near else ""
        message = f"The model {requested[:SHOWN_CHARACTERS]!r} does not exist on this gateway.{hint}"
        return refuse(404, message, code="model_not_found", param="model")

    def _find(self, route: Route, requested: str, client: Caller) -> tuple[Selection, ...]:
        group = self._names.find(requested)
        if group is None:
            raise self.unknown_model(requested, client)
        bindings: list[Selection] = []
        for member in group.members:
            bound = self._bound[id(member.deployment)]
            target = bound.targets.get(route.family)
            if target is None:
                continue
            model = model_for(bound.client, route.family, member.model, has_star=_has_star(member.deployment))
            if member.deployment.is_pattern:
                target = self._resolved(bound, route, model, requested, client)
            bindings.append(self._binding(bound, model, target, requested))
        if not bindings:
            raise _other_family(requested, (self._bound[id(member.deployment)] for member in group.members), route)
        offering = tuple(binding for binding in bindings if _offers(binding.target, route))
        if not offering:
            message = f"The model {requested[:SHOWN_CHARACTERS]!r} does not offer {route.method} /v1{route.path}."
            raise refuse(400, message, code="not_supported", param="model")
        return offering

    def _resolved(
        self, bound: LiveDeployment, route: Route, model: str, requested: str, client: Caller
    ) -> ResolvedModel:
        """Return the target of a name that matched a pattern."""
        try:
            return _resolve(bound.client, route.family, model, bound.options)
        except errors.UnknownModelError:
            raise self.unknown_model(requested, client) from None
        except errors.BadRequestError:
            raise _other_family(requested, (), route) from None

    def _binding(self, bound: LiveDeployment, model: str, target: ResolvedModel, requested: str) -> Selection:
        headers = (
            (b"x-llmgate-model", header_value(requested)),
            (b"x-llmgate-deployment", header_value(bound.label)),
            (b"x-llmgate-provider", header_value(target.plugin.info.name)),
        )
        return Selection(bound, model, target, headers)

    def _bind(self, config: GatewayConfig, entry: Deployment) -> LiveDeployment:
        options = options_for(config, entry)
        client = self._clients.get(options.enable_preview_features)
        if client is None:
            client = self._clients[options.enable_preview_features] = _client(
                config, preview=options.enable_preview_features
            )
        headers = {name: value.reveal() for name, value in options.extra_headers.items()}
        arguments, targets = _arguments(options, headers), _targets(client, entry, options)
        endpoints = [client.destination(target, **arguments) for target in targets.values()]
        if len({(it.base_url, it.organization, it.project) for it in endpoints}) == 1:
            # settled here, so that no request has to ask the environment again; the key stays where it is
            arguments |= {
                "api_base": endpoints[0].base_url,
                "organization": endpoints[0].organization or "",
                "project": endpoints[0].project or "",
            }
        keys = [*options.extra_headers.values(), *(it.api_key for it in endpoints)]
        return LiveDeployment(
            entry,
            options,
            client,
            arguments,
            headers,
            targets,
            KeyPieces(keys),
            entry.label,
            logs_content=config.general.log_content,
        )


def _client(config: GatewayConfig, *, preview: bool) -> AsyncClient:
    settings = config.settings
    return AsyncClient(
        settings=Settings(
            enable_preview_features=preview,
            bind_key_to_host=settings.bind_key_to_host,
            transport=settings.transport,
            extensions=settings.extensions,
            plugins=plugin_policy(config.plugins),
            catalogue_file=settings.catalogue_file,
        )
    )


def _arguments(options: DeploymentOptions, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return our own arguments for every call of a deployment; what is not set is left out."""
    arguments: dict[str, Any] = {
        "api_key": options.api_key,
        "api_base": options.api_base,
        "organization": options.organization,
        "project": options.project,
        "timeout": options.timeouts,
        "max_retries": options.max_retries,
        "param_policy": options.param_policy,
        "additional_drop_params": options.additional_drop_params or None,
        "use_chat_completions_api": options.use_chat_completions_api or None,
        "fake_stream": options.fake_stream or None,
        "extra_headers": dict(headers) or None,
        "extra_body": dict(options.extra_body) or None,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def _targets(client: AsyncClient, entry: Deployment, options: DeploymentOptions) -> Mapping[str, ResolvedModel]:
    """Return family -> target for every family that may call an entry; loads its plugins.

    Raises:
        LLMGateError: no family can.
    """
    mode, model = entry.model_info.mode, entry.params.model.replace("*", STAND_IN)
    targets: dict[str, ResolvedModel] = {}
    failure: errors.LLMGateError | None = None
    for family in FAMILIES if mode is None else FAMILIES_OF_MODE[mode]:
        try:
            own = model_for(client, family, model, has_star=_has_star(entry))
            targets[family] = _resolve(client, family, own, options)
        except errors.LLMGateError as error:
            failure = failure or error
    if not targets and failure is not None:
        raise failure
    return targets


def _has_star(entry: Deployment) -> bool:
    return "*" in entry.params.model


def _resolve(client: AsyncClient, family: str, model: str, options: DeploymentOptions) -> ResolvedModel:
    return client.resolve(family, model, bridged=options.use_chat_completions_api)


def _offers(target: ResolvedModel, route: Route) -> bool:
    """Return whether a plugin serves an operation; one that carries another family only creates."""
    if route.operation == "create":
        return True
    return target.family == route.family and f"{route.family}.{route.operation}" in target.plugin.info.operations


def _other_family(requested: str, bounds: Iterable[LiveDeployment], route: Route) -> RefusedError:
    families: Sequence[str] = list(dict.fromkeys(family for bound in bounds for family in bound.targets))
    paths = ", ".join(
        f"{ENDPOINTS[family]['create'].method} /v1{ENDPOINTS[family]['create'].path}" for family in families
    )
    hint = f"; send it to {paths}" if paths else ""
    message = f"The model {requested[:SHOWN_CHARACTERS]!r} is not served at {route.method} /v1{route.path}{hint}."
    return refuse(400, message, code="model_mode_mismatch", param="model")
