"""Where the calls of one client go, and with which options. What does not change between two calls is computed once.

It holds until a setting changes, or an environment variable that it was read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from llmgate_core.calls.http_request import origin_problem
from llmgate_core.calls.route_headers import RouteHeaders
from llmgate_core.catalogue.rules import ignores
from llmgate_core.contract.call import Route
from llmgate_core.registry.router import ResolvedModel, may_reroute
from llmgate_core.secrets import Secret
from llmgate_core.settings.base_url import origin_of, without_last_slash
from llmgate_core.settings.call_options import OPTION_NAMES
from llmgate_core.settings.environment import EnvironmentState
from llmgate_core.settings.foreign_arguments import refuse_foreign
from llmgate_core.settings.options import (
    ClientOptions,
    Destination,
    Options,
    destination_for,
    take_options,
    variables_of,
)
from llmgate_core.settings.provider_options import missing_option
from llmgate_core.settings.settings import Settings
from llmgate_core.settings.stand_ins import secret_variable, stand_in

__all__ = ["Address", "Addresses", "build_route", "destination_of"]

MAX_KEPT = 1024  # bounded, since callers choose the models
NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class Address:
    """Where the calls of one target go, and what the catalogue's row says of every one of them.

    Attributes:
        headers: of the requests that go there.
        environment: what it was read from.
        ignores_stream: the provider does not stream, or the model is documented to ignore `stream`.
        may_reroute: some requests go to another endpoint of the provider; see `Router.rerouted`.
        announces_shutdown: callers are warned of the model's end.
    """

    target: ResolvedModel
    route: Route
    headers: RouteHeaders
    environment: EnvironmentState
    ignores_stream: bool
    may_reroute: bool
    announces_shutdown: bool

    def for_target(self, target: ResolvedModel, options: Options) -> Address:
        """Return the address of another endpoint of the same plugin and host."""
        route = self.route
        destination = Destination(
            route.base_url,
            route.api_key,
            route.organization,
            route.project,
            route.options,
            route.secrets,
            route.hosts,
            route.is_provider_host,
        )
        other = build_route(target, destination, options)
        return _address(target, other, self.environment)


@dataclass(slots=True)
class Standing:
    """The options of calls that name none, for one state of the settings, and the addresses of such calls.

    Attributes:
        addresses: by the `id` of their target, which they keep alive.
    """

    revision: int
    options: Options
    addresses: dict[int, Address]


class Addresses:
    """Resolves the options and destinations of one client's calls.

    Args:
        client: its options.
        settings: for what neither a call nor the client says.
        defaults: options of every call that does not say otherwise; see `with_options` of the clients.
    """

    def __init__(self, client: ClientOptions, settings: Settings, defaults: Mapping[str, Any] = NO_DEFAULTS) -> None:
        self._client = client
        self._settings = settings
        self._defaults = defaults
        self._standing: Standing | None = None

    def options(self, arguments: dict[str, Any]) -> Options:
        """Remove the options from `arguments` and return them, resolved.

        Raises:
            ConfigError: an option has an invalid value. BadRequestError: an argument of another library.
        """
        if not arguments:
            return self._standing_options()
        if OPTION_NAMES.isdisjoint(arguments):
            refuse_foreign(arguments)
            return self._standing_options()
        return take_options(arguments, self._client, self._settings, self._defaults)

    def address(self, target: ResolvedModel, options: Options, *, require_key: bool = True) -> Address:
        """Return where calls of a target go with these options.

        Raises:
            AuthenticationError: there is no key, or it is kept back. ConfigError: the base URL is not a URL.
        """
        standing = self._standing
        if standing is None or standing.options is not options or not require_key:
            return self._computed(target, options, require_key=require_key)
        address = standing.addresses.get(id(target))
        if address is None or not address.environment.is_current():
            if len(standing.addresses) >= MAX_KEPT:
                standing.addresses.clear()
            address = standing.addresses[id(target)] = self._computed(target, options)
        return address

    def _standing_options(self) -> Options:
        standing, settings = self._standing, self._settings
        # a list of names may have been changed in place
        if standing is None or standing.revision != settings.revision or settings.additional_drop_params:
            revision = settings.revision
            options = take_options({}, self._client, settings, self._defaults)
            standing = self._standing = Standing(revision, options, {})
        return standing.options

    def _computed(self, target: ResolvedModel, options: Options, *, require_key: bool = True) -> Address:
        info = target.plugin.info
        environment = EnvironmentState(variables_of(info, options, self._client, self._settings))
        destination = destination_of(
            target,
            options,
            self._client,
            self._settings,
            require_key=require_key,
            is_known_model=target.row is not None,
        )
        if not require_key:
            destination = _with_stand_ins(target, destination)
        route = build_route(target, destination, options)
        return _address(target, route, environment)


def destination_of(
    target: ResolvedModel,
    options: Options,
    client: ClientOptions,
    settings: Settings,
    *,
    require_key: bool = True,
    is_known_model: bool = True,
) -> Destination:
    """Return where calls of a target go: by the options, and by the plugin's hook `base_url`.

    Args:
        target: whose calls.
        options: of the call.
        client: the options of its client.
        settings: of the client or the module.
        require_key: a missing key is an error.
        is_known_model: the catalogue holds the model; see `destination_for`.

    Raises:
        AuthenticationError: there is no key, or it is kept back. ConfigError: the base URL is not a URL. PluginError:
            the hook failed, or names a host that the plugin does not declare.
    """
    plugin = target.plugin
    destination = destination_for(
        plugin.info,
        options,
        client,
        settings,
        require_key=require_key,
        key_owner=target.key_owner,
        is_known_model=is_known_model,
    )
    if plugin.base_url is None:
        return destination
    route = build_route(target, destination, options)
    base_url = plugin.base_url(route)
    if base_url is None or base_url == route.base_url:
        return destination
    origin = origin_of(base_url)
    problem = origin_problem(route, origin)
    if problem is not None:
        raise plugin.error("base_url", f"hook base_url returned {problem.replace('a request to', 'a URL at', 1)}")
    return replace(destination, base_url=without_last_slash(base_url))


def _with_stand_ins(target: ResolvedModel, destination: Destination) -> Destination:
    """Return a destination with stand-ins for required secrets that are missing: nothing is sent there.

    Raises:
        ConfigError: a required option that is not secret has no value.
    """
    info = target.plugin.info
    secrets = dict(destination.secrets)
    for option in info.options:
        if option.secret and option.required and option.name not in secrets and target.key_owner is None:
            secrets[option.name] = Secret(stand_in(secret_variable(info, option)))
        elif option.required and not option.secret and option.name not in destination.options:
            raise missing_option(info, option.name)
    return replace(destination, secrets=secrets)


def _address(target: ResolvedModel, route: Route, environment: EnvironmentState) -> Address:
    facts = {} if target.row is None else target.row.facts
    return Address(
        target,
        route,
        RouteHeaders(route, target.plugin.info),
        environment,
        ignores_stream=not target.plugin.info.streams or ignores(facts, "stream"),
        may_reroute=route.is_provider_host and may_reroute(target),
        announces_shutdown=bool(facts.get("announce_shutdown")),
    )


def build_route(target: ResolvedModel, destination: Destination, options: Options) -> Route:
    """Return where a call goes."""
    return Route(
        provider=target.plugin.info.name,
        prefix=target.prefix,
        family=target.family,
        model=target.model,
        base_url=destination.base_url,
        api_key=destination.api_key,
        organization=destination.organization,
        project=destination.project,
        facts=None if target.row is None else target.row.facts,
        preview_features=options.preview_features,
        reason=target.reason,
        param_policy=options.policy.unsupported,
        is_provider_host=destination.is_provider_host,
        options=destination.options,
        secrets=destination.secrets,
        hosts=destination.hosts,
    )
