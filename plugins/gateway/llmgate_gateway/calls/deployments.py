"""The deployments of one config, and which of them serves a call.

The name that a call gives decides what it may use, and nothing else in it.

Source: docs/gateway/configure.md, "Names and stars"; rows S6 and S20 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count

from llmgate_core import AsyncClient
from llmgate_core.serving import ENDPOINTS, FAMILIES, Extension, ResolvedModel, errors, listed_models
from llmgate_gateway.access.keys import forbidden_model
from llmgate_gateway.calls.contract import GatewayCall
from llmgate_gateway.calls.live_deployment import LiveDeployment, LiveDeployments, has_star, resolve
from llmgate_gateway.config import Deployment, GatewayConfig, ModelNames
from llmgate_gateway.config.patterns import fill
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import RefusedError, header_value, refuse

__all__ = ["Deployments", "Selection"]

MAX_REMEMBERED_NAMES = 1024  # bounded, since clients choose the names
MAX_SHOWN_CHARACTERS = 200
ANY_MODEL = "*"


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
    """Every deployment of one config. Immutable except for whose turn it is.

    Attributes:
        clients: what calls are made with.
    """

    def __init__(
        self, config: GatewayConfig, extensions: Sequence[Extension] = (), *, asks_usage: bool = False
    ) -> None:
        self._names = ModelNames(config)
        self._default_models = config.general.default_models
        live = LiveDeployments(config, extensions, asks_usage=asks_usage)
        self._live = {id(entry): live.make(entry) for entry in config.deployments}
        self.clients: Sequence[AsyncClient] = tuple(live.clients.values())
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
        if not entry.is_pattern or not has_star(entry):
            return ()
        models = chain(*(listed_models(it.plugin, it.family, it.prefix) for it in live.targets.values()))
        names = filter(None, (fill(entry.params.model, entry.model_name, model) for model in models))
        return tuple(name for name in names if self._leads_to(name, entry))

    def _leads_to(self, name: str, entry: Deployment) -> bool:
        group = self._names.find(name)
        return group is not None and any(member.deployment is entry for member in group.members)

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
        import difflib  # only for a name that is wrong

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
            own = model_for(live.client, family, member.model, has_star=has_star(member.deployment))
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
            return resolve(live.client, family, own, live.options)
        except errors.UnknownModelError:
            raise self.unknown_model(model, caller) from None
        except errors.BadRequestError:
            raise _other_family(family, operation, model, ()) from None


def _selection(live: LiveDeployment, own: str, target: ResolvedModel, model: str) -> Selection:
    headers = (
        (b"x-llmgate-model", header_value(model)),
        (b"x-llmgate-deployment", header_value(live.label)),
        (b"x-llmgate-provider", header_value(target.plugin.info.name)),
    )
    return Selection(live, own, target, headers)


def _offers(target: ResolvedModel, family: str, operation: str) -> bool:
    """Return whether a plugin serves an operation; one that bridges another family only creates.

    Tokens are counted everywhere: core estimates them where a plugin cannot.
    """
    if operation == "create" or FAMILIES[family].operations[operation].is_count:
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
