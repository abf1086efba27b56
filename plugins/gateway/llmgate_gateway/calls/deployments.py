"""The deployments of one config, tied to their plugins, and which of them serves a call.

Loads the plugins that the config names; opens no connection. The name that a call gives decides what it may use, and
nothing else in it.

Source: docs/gateway/configure.md, "Names and stars"; rows S6 and S20 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from typing import Any

from llmgate_core import AsyncClient, Settings
from llmgate_core.serving import ENDPOINTS, FAMILIES, ResolvedModel, errors, listed_models
from llmgate_gateway.access.keys import forbidden_model
from llmgate_gateway.calls.contract import GatewayCall
from llmgate_gateway.calls.pricing import own_pricing
from llmgate_gateway.calls.trusted_certificates import check_ca_file
from llmgate_gateway.config import Deployment, DeploymentOptions, GatewayConfig, ModelNames, options_for
from llmgate_gateway.config.patterns import fill
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.config.routes import FAMILIES_OF_MODE, plugin_policy
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import RefusedError, header_value, refuse
from llmgate_gateway.http.shortages import OUT_OF_DESCRIPTORS
from llmgate_gateway.telemetry.key_leaks import KeyLeakDetector

__all__ = ["Deployments", "LiveDeployment", "Selection"]

MAX_REMEMBERED_NAMES = 1024  # bounded, since clients choose the names
MAX_SHOWN_CHARACTERS = 200
STAND_IN = "any-model"
ANY_MODEL = "*"


@dataclass(slots=True, eq=False)
class LiveDeployment:
    """One entry of the config, ready to be called.

    Attributes:
        arguments: what every call is made with.
        extra_headers: those of `arguments`, which a trace is added to.
        targets: family -> where its calls go; for a pattern, where those of any one model would.
        pricing: the config's own prices, in the form of the catalogue's; None: the catalogue's hold.
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
    pricing: Mapping[str, Any] | None = None
    asks_usage: bool = False
    takes_usage: bool | None = None
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

    def may_ask_usage(self, *, is_large: bool) -> bool:
        """Return whether to ask for the usage of a stream; of a large call, which is sent once, only if that works."""
        return self.asks_usage and self.takes_usage is not False and (self.takes_usage is True or not is_large)

    def open_transport(self) -> None:
        """Load what sends this deployment's calls, its certificates included; opens no connection."""
        target = next(iter(self.targets.values()), None)  # all of them have one host
        if target is None:
            return
        with contextlib.suppress(errors.LLMGateError):  # the first call reports it
            self.client.open_transport(target, **self.arguments)

    def record_outcome(self, outcome: str, error_code: str | None) -> None:
        """Record how a call ended, unless that says nothing about the upstream.

        It was refused, the client left, or this machine could open no connection.
        """
        if outcome not in ("refused", "cancelled") and error_code != OUT_OF_DESCRIPTORS.code:
            self.outcome, self.error_code = outcome, error_code


@dataclass(frozen=True, slots=True)
class Selection:
    """Where one call goes.

    Attributes:
        model: the model string that the call's model makes with this deployment.
        headers: of the response, they say which deployment was chosen.
    """

    deployment: LiveDeployment
    model: str
    target: ResolvedModel
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)


class Deployments:
    """Every deployment of one config. Immutable except for whose turn it is."""

    def __init__(self, config: GatewayConfig, *, asks_usage: bool = False) -> None:
        self._asks_usage = asks_usage
        self._names = ModelNames(config)
        self._clients: dict[tuple[bool, str | None], AsyncClient] = {}
        self._default_models = config.general.default_models
        self._live = {id(entry): self._live_deployment(config, entry) for entry in config.deployments}
        self._selections: dict[tuple[str, str, str], tuple[Selection, ...]] = {}
        self._turns: dict[str, Iterator[int]] = {}

    def __iter__(self) -> Iterator[LiveDeployment]:
        return iter(self._live.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What clients may ask for, patterns as the config has them."""
        return self._names.names()

    @cached_property
    def listed_names(self) -> tuple[str, ...]:
        """What clients may ask for; in the place of a pattern its models, where its plugins list them."""
        models = {live.deployment.model_name: self._models_of(live) for live in reversed(tuple(self))}
        return tuple(dict.fromkeys(chain(*(models.get(name) or (name,) for name in self.names))))

    def _models_of(self, live: LiveDeployment) -> tuple[str, ...]:
        """Return the names that a pattern serves, as far as its plugins list them; of another entry none."""
        entry = live.deployment
        if not entry.is_pattern or not _has_star(entry):
            return ()
        models = chain(*(listed_models(it.plugin, it.family, it.prefix) for it in live.targets.values()))
        names = filter(None, (fill(entry.params.model, entry.model_name, model) for model in models))
        return tuple(name for name in names if self._leads_to(name, entry))

    def _leads_to(self, name: str, entry: Deployment) -> bool:
        group = self._names.find(name)
        return group is not None and any(member.deployment is entry for member in group.members)

    @property
    def clients(self) -> tuple[AsyncClient, ...]:
        """The clients that calls are made with."""
        return tuple(self._clients.values())

    def serves(self, name: str) -> bool:
        """Return whether a name leads to any deployment."""
        return self._names.find(name) is not None

    def select(self, call: GatewayCall) -> Selection:
        """Return where a call goes; several deployments of one name take turns.

        Raises:
            RefusedError: 400 without a model or for an operation that it does not offer; 403; 404.
        """
        if FAMILIES[call.family].operations[call.operation].takes_model:
            return self.of_model(call.family, call.operation, call.model, call.caller)
        return self._of_operation(call)

    def of_model(self, family: str, operation: str, model: str | None, caller: Caller) -> Selection:
        """Return where a call of a model goes; see `select`. None: the client named none."""
        if model is None and FAMILIES[family].operations[operation].may_lack_model:
            return self._of_family(family, operation, caller)
        if not model:
            message = "The request must name a model: a string in 'model'."
            raise refuse(400, message, code="missing_model", param="model")
        if caller.models is not None and not caller.may_use(model):
            raise forbidden_model(model)
        key = (family, operation, model)
        selections = self._selections.get(key)
        if selections is None:
            selections = self._select(family, operation, model, caller)
            if len(self._selections) >= MAX_REMEMBERED_NAMES:
                self._selections.clear()
            self._selections[key] = selections
        if len(selections) == 1:
            return selections[0]
        name = selections[0].deployment.deployment.model_name
        return selections[next(self._turns.setdefault(name, count())) % len(selections)]

    def named(self, name: str) -> LiveDeployment | None:
        """Return the deployment with an id, else the first of a model name."""
        for live in self._live.values():
            if live.deployment.model_info.id == name:
                return live
        group = self._names.find(name)
        return None if group is None else self._live[id(group.members[0].deployment)]

    def unknown_model(self, model: str, caller: Caller) -> RefusedError:
        """Return the refusal of a name that leads to no deployment, with similar names that the caller may use."""
        usable = [name for name in self.names if caller.may_use(name)]
        near = difflib.get_close_matches(model[:MAX_SHOWN_CHARACTERS], usable, 3, 0.6)
        hint = f" Similar names: {', '.join(near)}." if near else ""
        message = f"The model {model[:MAX_SHOWN_CHARACTERS]!r} does not exist on this gateway.{hint}"
        return refuse(404, message, code="model_not_found", param="model")

    def _of_family(self, family: str, operation: str, caller: Caller) -> Selection:
        """Return where a call goes whose client leaves the choice of a model to the API.

        To the default model of the config, else to the only name that serves the family, else to the pattern `*`,
        whose upstream chooses.

        Raises:
            RefusedError: 400: none of these; 403: the caller may not use the default model.
        """
        name = self._default_models.get(family) or self._only_name(family, operation, caller)
        if name is not None:
            return self.of_model(family, operation, name, caller)
        for live in self._live.values():
            target = live.targets.get(family)
            is_asked = live.deployment.model_name == ANY_MODEL and caller.may_use(ANY_MODEL)
            if is_asked and target is not None and target.family == family and _offers(target, family, operation):
                return _selection(live, f"{target.prefix}/", target, ANY_MODEL)
        message = (
            f"The request must name a model in 'model': several models of this gateway serve "
            f"{_endpoint(family, operation)}, or none does, and general_settings.default_models names none."
        )
        raise refuse(400, message, code="missing_model", param="model")

    def _only_name(self, family: str, operation: str, caller: Caller) -> str | None:
        """Return the name of the one model that serves an operation; None: none or several do.

        Those that config or catalogue know to serve the family come first. Any other model might.
        """
        known, others = set[str](), set[str]()
        for live in self._live.values():
            target, entry = live.targets.get(family), live.deployment
            if target is None or entry.is_pattern or not caller.may_use(entry.model_name):
                continue
            mode = entry.model_info.mode or (None if target.row is None else target.row.mode)
            if _offers(target, family, operation) and (mode is None or mode in FAMILIES[family].modes):
                (others if mode is None else known).add(entry.model_name)
        names = known or others
        return names.pop() if len(names) == 1 else None

    def _of_operation(self, call: GatewayCall) -> Selection:
        """Return where a call goes that needs no model: to the one it names, else to the first that offers it."""
        if call.model is not None:
            selection = self.of_model(call.family, call.operation, call.model, call.caller)
            return replace(selection, model=f"{selection.target.prefix}/")
        for live in self._live.values():
            target, name = live.targets.get(call.family), live.deployment.model_name
            if target is not None and _offers(target, call.family, call.operation) and call.caller.may_use(name):
                return _selection(live, f"{target.prefix}/", target, name)
        raise refuse(404, "No model of this gateway offers this operation.", code="not_supported")

    def _select(self, family: str, operation: str, model: str, caller: Caller) -> tuple[Selection, ...]:
        group = self._names.find(model)
        if group is None:
            raise self.unknown_model(model, caller)
        selections: list[Selection] = []
        for member in group.members:
            live = self._live[id(member.deployment)]
            target = live.targets.get(family)
            if target is None:
                continue
            own = model_for(live.client, family, member.model, has_star=_has_star(member.deployment))
            if member.deployment.is_pattern:
                target = self._resolved(live, family, operation, own, model, caller)
            selections.append(_selection(live, own, target, model))
        if not selections:
            raise _other_family(family, operation, model, (self._live[id(it.deployment)] for it in group.members))
        offering = tuple(it for it in selections if _offers(it.target, family, operation))
        if not offering:
            message = f"The model {model[:MAX_SHOWN_CHARACTERS]!r} does not offer {_endpoint(family, operation)}."
            raise refuse(400, message, code="not_supported", param="model")
        return offering

    def _resolved(
        self, live: LiveDeployment, family: str, operation: str, own: str, model: str, caller: Caller
    ) -> ResolvedModel:
        """Return where a name leads that matched a pattern."""
        try:
            return _resolve(live.client, family, own, live.options)
        except errors.UnknownModelError:
            raise self.unknown_model(model, caller) from None
        except errors.BadRequestError:
            raise _other_family(family, operation, model, ()) from None

    def _live_deployment(self, config: GatewayConfig, entry: Deployment) -> LiveDeployment:
        options = options_for(config, entry)
        shared = (options.enable_preview_features, options.ca_file)
        client = self._clients.get(shared)
        if client is None:
            client = self._clients[shared] = _client(config, preview=shared[0], ca_file=shared[1])
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
        return LiveDeployment(
            entry,
            options,
            client,
            arguments,
            headers,
            targets,
            KeyLeakDetector(keys),
            entry.label,
            logs_content=config.general.log_content,
            pricing=own_pricing(entry.model_info, targets),
            asks_usage=self._asks_usage,
        )


def _selection(live: LiveDeployment, own: str, target: ResolvedModel, model: str) -> Selection:
    headers = (
        (b"x-llmgate-model", header_value(model)),
        (b"x-llmgate-deployment", header_value(live.label)),
        (b"x-llmgate-provider", header_value(target.plugin.info.name)),
    )
    return Selection(live, own, target, headers)


def _client(config: GatewayConfig, *, preview: bool, ca_file: str | None) -> AsyncClient:
    settings = config.settings
    if ca_file is not None:
        check_ca_file(ca_file)
    return AsyncClient(
        settings=Settings(
            enable_preview_features=preview,
            bind_key_to_host=settings.bind_key_to_host,
            transport=settings.transport,
            extensions=settings.extensions,
            plugins=plugin_policy(config.plugins),
            catalogue_file=settings.catalogue_file,
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


def _offers(target: ResolvedModel, family: str, operation: str) -> bool:
    """Return whether a plugin serves an operation; one that bridges another family only creates."""
    if operation == "create":
        return True
    return target.family == family and f"{family}.{operation}" in target.plugin.info.operations


def _endpoint(family: str, operation: str) -> str:
    endpoint = ENDPOINTS[family][operation]
    return f"{endpoint.method} /v1{endpoint.path}"


def _other_family(family: str, operation: str, model: str, group: Iterable[LiveDeployment]) -> RefusedError:
    families = dict.fromkeys(other for live in group for other in live.targets)
    paths = ", ".join(_endpoint(other, "create") for other in families)
    hint = f"; send it to {paths}" if paths else ""
    message = f"The model {model[:MAX_SHOWN_CHARACTERS]!r} is not served at {_endpoint(family, operation)}{hint}."
    return refuse(400, message, code="model_mode_mismatch", param="model")
